"""What a channel for notices promises.

A channel takes one message at a time and returns when the other side has acknowledged it; only then is the message
noted as sent. It is called again with the same message, and the same id, until it returns, so the other side may see
a message twice and knows it by its id. A call is over after ``timeout`` seconds or little later.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.interval import format_time
from barledger.domain.notice import Notice
from barledger.domain.readable import Readable
from barledger.errors import InvalidSetting

TIMEOUT: Final = 15.0
"""Seconds that a delivery may take unless a channel says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message(Readable):
    """A notice under its id: ``count`` times it happened, first and last at these times (ns)."""

    id: str
    notice: Notice
    count: int = 1
    first_at: int = 0
    last_at: int = 0

    @property
    def title(self) -> str:
        """Return it in one line, for people."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"[barledger] {self.notice.severity}: {self.notice.subject}{times}"

    @property
    def text(self) -> str:
        """Return the rest of it, for people."""
        notice = self.notice
        since = "" if self.count == 1 else f", {self.count} times since {format_time(self.first_at)}"
        about = f" about {notice.about}" if notice.about else ""
        lines = [notice.body] if notice.body else []
        return "\n\n".join([*lines, f"{notice.kind}{about}, {format_time(self.last_at)}{since}\nid {self.id}"])

    @property
    def data(self) -> dict[str, Any]:
        """Return it as plain JSON values; ns times are decimal text, and stand beside readable ones."""
        notice = self.notice
        return {
            "type": f"barledger.{notice.kind}",
            "timestamp": format_time(self.first_at),
            "data": {
                "id": self.id,
                "kind": notice.kind,
                "severity": notice.severity,
                "subject": notice.subject,
                "about": notice.about,
                "body": notice.body,
                "details": dict(notice.details),
                "count": self.count,
                "first_at": str(self.first_at),
                "last_at": str(self.last_at),
                "last": format_time(self.last_at),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a channel sends to, with its secrets; never shown."""

    name: str
    target: str
    secret: str = ""
    timeout: float = TIMEOUT

    def __repr__(self) -> str:
        """Say whose it is."""
        return f"<Address of {self.name}>"


class Channel(ABC):
    """One way to people. Instances are used by one thread at a time."""

    def __init__(self, address: Address) -> None:
        """Read the address; raises `InvalidSetting`, which names no secret. Nothing is connected yet."""
        self.address = address

    @abstractmethod
    def send(self, message: Message) -> None:
        """Return when the message is acknowledged.

        Raises `DeliveryFailed` if a later try may help, `DeliveryRefused` if it is this message that is not wanted,
        `ChannelGone` if none is wanted any more, `DriverMissing`, and `InvalidSetting` for an address that is none.
        """

    @classmethod
    @abstractmethod
    def shown(cls, target: str) -> str:
        """Return a target without its secrets, for lists, errors and the audit log."""

    def __repr__(self) -> str:
        """Say what it is, and nothing of its address."""
        return f"<{type(self).__name__} {self.address.name}>"

    def _refuse(self, reason: str) -> InvalidSetting:
        return InvalidSetting(setting=f"channel {self.address.name}", reason=reason)


class Channels(ABC):
    """Makes channels by their kind."""

    @abstractmethod
    def kind_of(self, target: str) -> str:
        """Return which kind an address is for."""

    @abstractmethod
    def shown(self, kind: str, target: str) -> str:
        """Return a target without its secrets; raises `InvalidSetting` for an unknown kind."""

    @abstractmethod
    def make(self, kind: str, address: Address, callback: Callable[[Message], None] | None = None) -> Channel:
        """Make a channel; raises `InvalidSetting` and `DriverMissing`."""
