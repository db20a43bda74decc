"""Views: channels, the outbox and what a round of deliveries did, without any secret."""

from dataclasses import dataclass
from typing import Literal

from barledger.channels.secrets import HIDDEN, is_reference
from barledger.domain.duration import format_duration
from barledger.domain.interval import format_time
from barledger.ledger.contract import ChannelRecord, Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """A channel as it may be shown: ``target`` and ``secret`` are masked, unless they are ``env:`` references.

    ``state`` is ``ok``, ``failing`` (the last try failed, with ``error``; not tried before ``not_before``), or
    ``stopped`` for good.
    """

    name: str
    kind: str
    target: str
    secret: str
    timeout: float
    give_up_after: str
    state: Literal["ok", "failing", "stopped"]
    error: str
    failures: int
    not_before: str
    made: str

    @staticmethod
    def of(record: ChannelRecord) -> "ChannelView":
        """Show a record."""
        secret = record.secret if is_reference(record.secret) else HIDDEN if record.secret else ""
        return ChannelView(
            name=record.name,
            kind=record.kind,
            target=record.shown,
            secret=secret,
            timeout=record.timeout,
            give_up_after=format_duration(record.give_up),
            state="stopped" if record.stopped else "failing" if record.failures else "ok",
            error=record.stopped or record.error,
            failures=record.failures,
            not_before=_moment(record.not_before),
            made=_moment(record.made_at),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLine:
    """A notice for one channel; times are RFC 3339, empty where they have not come."""

    notice: str
    channel: str
    state: str
    kind: str
    severity: str
    subject: str
    about: str
    count: int
    tries: int
    noticed: str
    next_try: str
    sent: str
    error: str

    @staticmethod
    def of(delivery: Delivery) -> "OutboxLine":
        """Show a delivery."""
        noticed = delivery.notice
        return OutboxLine(
            notice=noticed.id,
            channel=delivery.channel,
            state=delivery.state,
            kind=noticed.notice.kind,
            severity=noticed.notice.severity,
            subject=noticed.notice.subject,
            about=noticed.notice.about,
            count=noticed.count,
            tries=delivery.tries,
            noticed=_moment(noticed.made_at),
            next_try=_moment(delivery.next_at) if delivery.state == "waiting" else "",
            sent=_moment(delivery.sent_at),
            error=delivery.error,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: an empty ``error`` says that the channel took it."""

    channel: str
    notice: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a round did: tries by channel, and how many deliveries were given up, being too late."""

    attempts: tuple[Attempt, ...] = ()
    given_up: int = 0

    @property
    def sent(self) -> int:
        """Return how many were taken."""
        return sum(not attempt.error for attempt in self.attempts)

    @property
    def failed(self) -> tuple[Attempt, ...]:
        """Return the tries that failed."""
        return tuple(attempt for attempt in self.attempts if attempt.error)

    def __str__(self) -> str:
        """Say it in a line."""
        more = f", {self.given_up:,} given up" if self.given_up else ""
        return f"{self.sent:,} sent, {len(self.failed):,} failed{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A test message that a channel took, after so many seconds."""

    channel: str
    message: str
    seconds: float

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.channel} took {self.message} after {self.seconds:.2f} s"


def _moment(time: int) -> str:
    return format_time(time - time % 1_000_000) if time else ""
