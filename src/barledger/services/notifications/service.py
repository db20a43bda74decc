"""NotificationService: channels, rules, the outbox, and delivering from it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from threading import Event
from typing import Final

from barledger.channels.contract import TIMEOUT, Address, Channels, Message
from barledger.channels.secrets import is_reference, resolve
from barledger.domain.duration import parse_duration
from barledger.domain.notice import Notice, Route, Severity
from barledger.domain.series import check_name
from barledger.domain.timeframe import DAY
from barledger.errors import ChannelNotFound, InvalidSetting
from barledger.ledger.contract import ChannelRecord, DeliveryState, Noticed
from barledger.services.cache.vault import Vault
from barledger.services.notifications.postman import Callback, Postman
from barledger.services.notifications.views import ChannelView, Delivered, OutboxLine, Tested

GIVE_UP_AFTER: Final = "3d"
KEPT: Final = 90 * DAY
"""Notices for which nothing waits are forgotten after so long."""

_LONGEST_TIMEOUT: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is not well with notification, and what to do about it."""

    subject: str
    detail: str
    next_step: str


class NotificationService:
    """Tells people what happened: through channels, by rules, at least once, repeats folded.

    A channel's address and secret are kept in the ledger's database as they are given; ``env:NAME`` keeps only the
    name of a variable, which is looked up by the process that delivers. They are shown nowhere.
    """

    def __init__(
        self,
        vault: Vault,
        channels: Channels,
        *,
        window: int,
        steady: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        """Work on this ledger; repeats within ``window`` ns are folded."""
        self._vault = vault
        self._channels = channels
        self._window = window
        self._steady = steady
        self._callbacks: dict[str, Callback] = {}
        more = {} if jitter is None else {"jitter": jitter}
        self._postman = Postman(vault, channels, self._callbacks, **more)

    # --- channels --------------------------------------------------------------------------------

    def add_channel(  # noqa: PLR0913 - each option is a question of its own
        self,
        name: str,
        url: str = "",
        *,
        callback: Callback | None = None,
        secret: str = "",
        kind: str | None = None,
        kinds: str = "*",
        about: str = "*",
        severity: Severity = "info",
        timeout: float = TIMEOUT,
        give_up_after: str = GIVE_UP_AFTER,
        reason: str = "",
    ) -> ChannelView:
        """Add a channel, and a rule of what goes to it; more rules may follow (`rule`).

        ``url`` is ``https://…`` (a webhook, which needs a ``secret``), ``file:/path``, ``log:name``, or a URL of
        apprise; ``callback`` is a function of this process instead, which has to be given again in each session that
        delivers to it. Both url and secret may be ``env:NAME``. ``kind`` says what the url is for, where that is not
        plain. A delivery may take ``timeout`` seconds; a notice is given up when it has not been taken
        ``give_up_after`` it was due. Raises `ChannelTaken`, `InvalidSetting`, `DriverMissing`, `ReadOnly`.
        """
        self._vault.check_writable()
        route = Route(channel=check_name("channel", name), kinds=kinds, about=about, severity=severity).check()
        if callback is not None and self._adopted(name, callback, url):
            return self.channel(name)
        record = self._record(name, url, callback, secret=secret, kind=kind, timeout=timeout, give_up=give_up_after)
        who = self._vault.who("add-channel", reason=reason)
        made = self._vault.ledger.notices.add_channel(record, who)
        if callback is not None:
            self._callbacks[name] = callback
        self._vault.ledger.notices.add_route(route, who)
        return ChannelView.of(made)

    def channel(self, name: str) -> ChannelView:
        """Return a channel, secrets masked; raises `ChannelNotFound`."""
        return ChannelView.of(self._called(name))

    def channels(self) -> list[ChannelView]:
        """Return the channels by name, secrets masked."""
        return [ChannelView.of(one) for one in self._vault.ledger.notices.channels()]

    def remove(self, name: str, *, reason: str = "") -> ChannelView:
        """Remove a channel with its rules, and give up what waits for it; raises `ChannelNotFound`."""
        self._vault.check_writable()
        who = self._vault.who("remove-channel", reason=reason)
        gone = self._vault.ledger.notices.remove_channel(name, who)
        self._callbacks.pop(name, None)
        return ChannelView.of(gone)

    def resume(self, name: str, *, reason: str = "") -> ChannelView:
        """Let a channel go on that was stopped or waits after failures; raises `ChannelNotFound`."""
        self._vault.check_writable()
        self._vault.ledger.notices.stop_channel(name, "", self._vault.who("resume-channel", reason=reason))
        return self.channel(name)

    def stop(self, name: str, *, reason: str) -> ChannelView:
        """Stop a channel: what waits for it is given up, and nothing more is kept for it."""
        self._vault.check_writable()
        why = check_name("reason", reason)
        self._vault.ledger.notices.stop_channel(name, why, self._vault.who("stop-channel", reason=why))
        return self.channel(name)

    def test(self, name: str) -> Tested:
        """Send a test message now, outside the outbox; raises `DeliveryFailed` and what else keeps it from arriving."""
        record = self._called(name)
        at = self._vault.ledger.now()
        subject = f"a test of channel {name}"
        notice = Notice(kind="test", severity="info", subject=subject, about=name, body="Nothing happened.")
        message = Message(id=f"test-{token_hex(8)}", notice=notice, first_at=at, last_at=at)
        began = self._steady()
        self._postman.send(record, message)
        return Tested(channel=name, message=message.id, seconds=self._steady() - began)

    # --- rules -----------------------------------------------------------------------------------

    def rule(
        self, channel: str, *, kinds: str = "*", about: str = "*", severity: Severity = "info", reason: str = ""
    ) -> Route:
        """Let a channel have notices whose kind and subject matter match globs, from a severity on.

        Raises `ChannelNotFound` and `InvalidSetting`.
        """
        self._vault.check_writable()
        route = Route(channel=channel, kinds=kinds, about=about, severity=severity).check()
        return self._vault.ledger.notices.add_route(route, self._vault.who("add-route", reason=reason))

    def rules(self) -> list[Route]:
        """Return the rules by channel."""
        return self._vault.ledger.notices.routes()

    def remove_rule(self, rule_id: str, *, reason: str = "") -> Route:
        """Remove a rule; raises `RouteNotFound`."""
        self._vault.check_writable()
        return self._vault.ledger.notices.remove_route(rule_id, self._vault.who("remove-route", reason=reason))

    # --- the outbox ------------------------------------------------------------------------------

    def post(self, notice: Notice) -> Noticed:
        """Keep a notice for the channels that have a rule for it; services do so by `Vault.notify`, which never fails.

        Raises the ledger's errors.
        """
        self._vault.check_writable()
        return self._vault.ledger.notices.post(notice, window=self._window)

    def notices(self, *, after: int = 0, limit: int | None = None) -> list[Noticed]:
        """Return what was noticed first after a time (ns), oldest first, whether anybody was told or not."""
        return self._vault.ledger.notices.list(after=after, limit=limit)

    def outbox(self, *, state: DeliveryState | None = None, limit: int | None = 100) -> list[OutboxLine]:
        """Return deliveries (``waiting``, ``sent``, ``given_up``; None: all), the newest notice first."""
        return [OutboxLine.of(one) for one in self._vault.ledger.notices.deliveries(state=state, limit=limit)]

    def retry(self, channel: str, *, reason: str = "") -> int:
        """Let what was given up for a channel wait again; returns how much."""
        self._vault.check_writable()
        return self._vault.ledger.notices.retry(channel, self._vault.who("retry-notices", reason=reason))

    def deliver(self, *, once: bool = True, every: float = 5.0, stop: Event | None = None) -> Delivered:
        """Deliver what is due, once or every so many seconds until ``stop`` is set; returns what was done in all.

        Any number of processes may deliver at a time. Each channel is served by itself; a notice is sent until the
        channel took it, so it may come twice under one id, when this process is killed in between.
        """
        self._vault.check_writable()
        if once:
            self._forget()
            return self._postman.round()
        ended, given_up = stop or Event(), 0
        while not ended.is_set():
            given_up += self._postman.start(ended)
            self._forget()
            ended.wait(every)
        return Delivered(attempts=self._postman.finish(), given_up=given_up)

    def troubles(self) -> list[Trouble]:
        """Return what a person has to look after: channels that fail or stopped, and what was given up."""
        found = []
        for one in self.channels():
            if one.state != "ok":
                step = f"try it by `barledger notify test {one.name}`; `barledger notify resume {one.name}` goes on"
                found.append(Trouble(subject=f"channel {one.name}", detail=f"{one.state}: {one.error}", next_step=step))
        lost = len(self._vault.ledger.notices.deliveries(state="given_up"))
        if lost:
            step = "`barledger notify outbox --state given_up` lists them, `barledger notify retry` tries them again"
            found.append(Trouble(subject="notices", detail=f"{lost:,} were given up", next_step=step))
        return found

    def _forget(self) -> None:
        self._vault.ledger.notices.forget(self._vault.ledger.now() - KEPT)

    def _called(self, name: str) -> ChannelRecord:
        found = next((one for one in self._vault.ledger.notices.channels() if one.name == name), None)
        if found is None:
            raise ChannelNotFound(channel=name)
        return found

    def _adopted(self, name: str, callback: Callback, url: str) -> bool:
        """Give the function of a callback channel that is there already, from an earlier session."""
        if url:
            raise InvalidSetting(setting="callback", reason="a channel has a url or a callback, not both")
        known = next((one for one in self._vault.ledger.notices.channels() if one.name == name), None)
        if known is None or known.kind != "callback":
            return False
        self._callbacks[name] = callback
        return True

    def _record(
        self,
        name: str,
        url: str,
        callback: Callback | None,
        *,
        secret: str,
        kind: str | None,
        timeout: float,
        give_up: str,
    ) -> ChannelRecord:
        target = "callback:" if callback is not None else url.strip()
        chosen = "callback" if callback is not None else kind or self._guess(target)
        if callback is None and (not target or chosen == "callback"):
            raise InvalidSetting(setting="channel", reason="a channel needs a url, or a callback")
        if not 0 < timeout <= _LONGEST_TIMEOUT:
            raise InvalidSetting(setting="timeout", reason=f"{timeout} is not above 0 and at most {_LONGEST_TIMEOUT}")
        shown = self._channels.shown(chosen, target)
        self._try(name, chosen, target, secret, callback)
        return ChannelRecord(
            name=name,
            kind=chosen,
            target=target,
            secret=secret,
            shown=shown,
            timeout=float(timeout),
            give_up=parse_duration(give_up, setting="give_up_after"),
        )

    def _guess(self, target: str) -> str:
        if not is_reference(target):
            return self._channels.kind_of(target)
        try:
            return self._channels.kind_of(resolve(target, setting="url"))
        except InvalidSetting as error:
            reason = f"{error.reason}, so kind has to say what it will be for: apprise, webhook, file or log"
            raise InvalidSetting(setting="url", reason=reason) from None

    def _try(self, name: str, kind: str, target: str, secret: str, callback: Callback | None) -> None:
        """Refuse an address that could never be used; one whose variable is not set here may be right elsewhere."""
        read = []
        for text in (target, secret):
            try:
                read.append(resolve(text, setting=f"channel {name}"))
            except InvalidSetting:
                if not text.removeprefix("env:").isidentifier():
                    raise
                return
        self._channels.make(kind, Address(name=name, target=read[0], secret=read[1]), callback)


def new_secret() -> str:
    """Return a new secret for webhooks: 32 random bytes in base64, as the Standard Webhooks specification writes it."""
    from base64 import b64encode  # noqa: PLC0415 - only for this
    from secrets import token_bytes  # noqa: PLC0415 - as above

    return f"whsec_{b64encode(token_bytes(32)).decode()}"
