"""The postman: takes what is due from the outbox to its channels, each channel by itself."""

import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any, Final

from barledger import faults
from barledger.channels.contract import Address, Channel, Channels, Message
from barledger.channels.secrets import resolve, without
from barledger.domain.timeframe import SECOND
from barledger.errors import BarledgerError, ChannelGone, ChannelNotFound, DeliveryFailed, DeliveryRefused
from barledger.ledger.contract import ChannelRecord, Delivery, Noticed
from barledger.services.cache.vault import Vault
from barledger.services.notifications.views import Attempt, Delivered

Callback = Callable[[Message], None]

# Seconds: the first waiting of a channel that failed, and the longest.
_FIRST: Final = 5.0
_LONGEST: Final = 3600.0
_REFUSED: Final = 60.0
_SPREAD: Final = 0.2
# A driver's time-out bounds each step of a dialogue, so the whole may take longer.
_STEPS: Final = 2.0
_SPARE: Final = 30.0
_REMEMBERED: Final = 10_000

_log = logging.getLogger("barledger.notices")


class Postman:
    """Serves each channel in a thread of its own: a slow or dead one holds up nobody but itself."""

    def __init__(
        self,
        vault: Vault,
        channels: Channels,
        callbacks: Mapping[str, Callback],
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Deliver from this ledger; ``callbacks`` are the functions of this process by the names of their channels."""
        self._vault = vault
        self._channels = channels
        self._callbacks = callbacks
        self._jitter = jitter
        self._serving: dict[str, Thread] = {}
        self._attempts: deque[Attempt] = deque(maxlen=_REMEMBERED)

    def round(self) -> Delivered:
        """Give up what is too late, try what is due, and wait for the end of it."""
        given_up = self.start(Event())
        return Delivered(attempts=self.finish(), given_up=given_up)

    def start(self, stop: Event) -> int:
        """Begin to serve each channel for which something is due, unless it is being served; returns what was given up.

        ``stop`` ends the serving after the message that is under way.
        """
        notices = self._vault.ledger.notices
        late = notices.expire(self._vault.who("give-up-notices"))
        due = set(notices.due())
        self._serving = {name: thread for name, thread in self._serving.items() if thread.is_alive()}
        for record in notices.channels():
            if record.name in due and record.name not in self._serving and self._mine(record):
                name = f"barledger-post-{record.name}"
                thread = Thread(target=self._serve, args=(record, stop), name=name, daemon=True)
                self._serving[record.name] = thread
                thread.start()
        return len(late)

    def finish(self) -> tuple[Attempt, ...]:
        """Wait for the messages that are under way, and return all tries."""
        for thread in list(self._serving.values()):
            thread.join()
        return self.collect()

    def collect(self) -> tuple[Attempt, ...]:
        """Return the tries since the last time."""
        done = []
        while self._attempts:
            done.append(self._attempts.popleft())
        return tuple(done)

    def send(self, record: ChannelRecord, message: Message) -> None:
        """Send one message now; raises what the channel raises."""
        self._within(record, self._made(record), message)

    def _mine(self, record: ChannelRecord) -> bool:
        """Whether this process can try: a function of another one stays with that."""
        return record.kind != "callback" or record.name in self._callbacks

    def _serve(self, record: ChannelRecord, stop: Event) -> None:
        try:
            self._drain(record, stop)
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it to tell
            _log.warning("channel %s could not be served: %s", record.name, _told(record, error))

    def _drain(self, record: ChannelRecord, stop: Event) -> None:
        channel: Channel | None = None
        taken, going_on = 0, True
        while going_on and not stop.is_set():
            try:
                delivery = self._vault.ledger.notices.claim(record.name, seconds=record.timeout * _STEPS + _SPARE)
            except ChannelNotFound:
                return  # somebody removed it meanwhile
            if delivery is None:
                return
            error = ""
            try:
                channel = channel or self._made(record)
                self._within(record, channel, message_of(delivery.notice))
                faults.reach("notice.sent")
                self._vault.ledger.notices.sent(delivery)
                taken += 1
            except Exception as caught:  # noqa: BLE001 - whatever it is, it is this channel's alone
                going_on, error = self._failed(record, delivery, caught, taken), _told(record, caught)
            self._attempts.append(Attempt(channel=record.name, notice=delivery.notice.id, error=error))

    def _failed(self, record: ChannelRecord, delivery: Delivery, error: Exception, before: int) -> bool:
        """Note a failure, and return whether the next message of the channel is worth a try."""
        notices = self._vault.ledger.notices
        told = _told(record, error)
        if isinstance(error, ChannelGone):
            notices.stop_channel(record.name, told, self._vault.who("stop-channel", reason=told))
            return False
        refused = isinstance(error, DeliveryRefused)
        # A channel that took something in this round begins anew.
        tries = delivery.tries - 1 if refused else 0 if before else record.failures
        wait = min((_REFUSED if refused else _FIRST) * 2.0 ** min(tries, 20), _LONGEST)
        wait *= 1 + _SPREAD * self._jitter()
        if isinstance(error, DeliveryFailed):
            wait = max(wait, error.retry_after)
        retry_at = self._vault.ledger.now() + int(wait * SECOND)
        notices.failed(delivery, told, retry_at=retry_at, pause=not refused)
        return refused

    def _made(self, record: ChannelRecord) -> Channel:
        setting = f"channel {record.name}"
        address = Address(
            name=record.name,
            target=resolve(record.target, setting=setting),
            secret=resolve(record.secret, setting=setting),
            timeout=record.timeout,
        )
        return self._channels.make(record.kind, address, self._callbacks.get(record.name))

    def _within(self, record: ChannelRecord, channel: Channel, message: Message) -> None:
        """Send, and wait no longer than the channel may take; who is late then is left to itself."""
        ended: list[Exception | None] = []

        def send() -> None:
            try:
                channel.send(message)
            except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits
                ended.append(error)
            else:
                ended.append(None)

        limit = record.timeout * _STEPS
        sender = Thread(target=send, name=f"barledger-channel-{record.name}", daemon=True)
        sender.start()
        sender.join(limit)
        if not ended:
            raise DeliveryFailed(channel=record.name, detail=f"it had not taken it after {limit:g} s")
        if ended[0] is not None:
            raise ended[0]


def message_of(noticed: Noticed) -> Message:
    """Return the message that a channel gets."""
    return Message(
        id=noticed.id,
        notice=noticed.notice,
        count=noticed.count,
        first_at=noticed.made_at,
        last_at=noticed.last_at,
    )


def _told(record: ChannelRecord, error: Exception) -> str:
    if isinstance(error, DeliveryFailed):
        text: Any = error.detail
    else:
        text = str(error) if isinstance(error, BarledgerError) else f"{type(error).__name__}: {error}"
    return without(text, (record.target, record.secret))
