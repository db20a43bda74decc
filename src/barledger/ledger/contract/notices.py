"""Notices on their way to people: channels, routes, and an outbox of what each channel still has to take."""

import builtins
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

from barledger.domain.notice import Notice, Route
from barledger.domain.readable import Readable
from barledger.ledger.contract.revisions import Who

DeliveryState = Literal["waiting", "sent", "given_up"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ChannelRecord(Readable):
    """A channel as it is kept; ``target`` and ``secret`` are never shown, ``shown`` is the target without secrets.

    ``timeout`` bounds one delivery, in seconds; a notice that a channel has not taken ``give_up`` ns after it was due
    is given up. ``failures`` counts failures in a row, until ``not_before`` (ns) nothing is tried after the last of
    them, and ``stopped`` says why nothing is tried at all.
    """

    name: str
    kind: str
    target: str = field(repr=False)
    secret: str = field(default="", repr=False)
    shown: str
    timeout: float
    give_up: int
    stopped: str = ""
    failures: int = 0
    not_before: int = 0
    error: str = ""
    made_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Noticed(Readable):
    """A notice under its id: ``count`` times it happened, first at ``made_at`` and last at ``last_at`` (ns).

    It is told from ``due_at`` (ns) on.
    """

    id: str
    notice: Notice
    count: int
    made_at: int
    last_at: int
    due_at: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Delivery(Readable):
    """A notice for one channel; ``claim`` is who delivers it just now. Times are ns, 0 where they have not come."""

    notice: Noticed
    channel: str
    state: DeliveryState
    tries: int
    next_at: int
    sent_at: int = 0
    error: str = ""
    claim: str = ""


class Notices(ABC):
    """Channels, routes and the outbox. A notice reaches each of its channels at least once, under one id."""

    # --- what happens --------------------------------------------------------------------------

    @abstractmethod
    def post(self, notice: Notice, *, window: int) -> Noticed:
        """Keep a notice for every channel that has a route for it.

        A repeat (the same kind, about the same, not severer) within ``window`` ns is folded: into the notice before it
        as long as nobody has tried to send that, else into one that is told when the window is over.
        """

    @abstractmethod
    def list(self, *, after: int = 0, limit: int | None = None) -> builtins.list[Noticed]:
        """Return what was noticed first after a time (ns), oldest first."""

    @abstractmethod
    def forget(self, before: int) -> int:
        """Forget notices from before a time (ns) for which nothing waits; returns how many."""

    # --- channels and routes -------------------------------------------------------------------

    @abstractmethod
    def add_channel(self, channel: ChannelRecord, who: Who) -> ChannelRecord:
        """Keep a channel; raises `ChannelTaken`."""

    @abstractmethod
    def remove_channel(self, name: str, who: Who) -> ChannelRecord:
        """Forget a channel and its routes, and give up what waits for it; raises `ChannelNotFound`."""

    @abstractmethod
    def stop_channel(self, name: str, reason: str, who: Who) -> None:
        """Stop a channel for a reason, and give up what waits for it; no reason lets it go on."""

    @abstractmethod
    def channels(self) -> builtins.list[ChannelRecord]:
        """Return the channels by name."""

    @abstractmethod
    def add_route(self, route: Route, who: Who) -> Route:
        """Keep a route, and return it with its id; raises `ChannelNotFound`."""

    @abstractmethod
    def remove_route(self, route_id: str, who: Who) -> Route:
        """Forget a route; raises `RouteNotFound`."""

    @abstractmethod
    def routes(self) -> builtins.list[Route]:
        """Return the routes, by channel."""

    # --- delivering ----------------------------------------------------------------------------

    @abstractmethod
    def due(self) -> builtins.list[str]:
        """Return the channels for which something can be delivered now."""

    @abstractmethod
    def claim(self, channel: str, *, seconds: float) -> Delivery | None:
        """Take the next due delivery of a channel for so long, counting a try; nobody else gets it meanwhile."""

    @abstractmethod
    def sent(self, delivery: Delivery) -> None:
        """Note that the channel took it, whoever claims it now."""

    @abstractmethod
    def failed(self, delivery: Delivery, error: str, *, retry_at: int, pause: bool) -> None:
        """Note that it was not taken; it is tried again at ``retry_at`` (ns), and ``pause`` holds back the channel too.

        Where somebody else claims it by now, nothing is noted.
        """

    @abstractmethod
    def expire(self, who: Who) -> builtins.list[Delivery]:
        """Give up what waits for longer than its channel allows, with an audit entry, and return it."""

    @abstractmethod
    def retry(self, channel: str, who: Who) -> int:
        """Let what was given up for a channel wait again, as if it were due now; returns how much."""

    @abstractmethod
    def deliveries(self, *, state: DeliveryState | None = None, limit: int | None = None) -> builtins.list[Delivery]:
        """Return deliveries, the newest notice first."""
