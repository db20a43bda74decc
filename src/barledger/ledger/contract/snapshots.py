"""Snapshots, named versions, holds and approvals."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from barledger.domain.interval import format_time
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Intent, Pin, Who


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Snapshot(Readable):
    """A consistent cut under one id; ``kind`` is ``snapshot``, or ``named`` for bars written under a name of their own.

    ``state`` is ``pinning`` until its digests are known, then ``complete``; a deleted one stays on record.
    ``adjusted`` is JSON, and says how a dataset's bars were adjusted when they were handed out, with their digests.
    """

    id: str
    kind: Literal["snapshot", "named"]
    state: Literal["pinning", "complete", "deleted"]
    purpose: str
    strategy: str | None
    created_at: int
    created_by: str
    pins: tuple[Pin, ...]
    data_hash: str = ""
    materialised: bool = False
    held: str = ""
    approved_at: int = 0
    mirrored: bool = False
    adjusted: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        rows, whose = sum(pin.rows for pin in self.pins), f"{self.created_by} at {format_time(self.created_at)}"
        return f"{self.id} ({self.purpose}): {rows:,} bars of {len(self.pins)} series, {self.state}, by {whose}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDraft:
    """A snapshot to take."""

    id: str
    purpose: str
    strategy: str | None
    ranges: Sequence[Intent]


class Snapshots(ABC):
    """Snapshots, named versions, holds and approvals."""

    @abstractmethod
    def pin(self, draft: SnapshotDraft, who: Who) -> Snapshot:
        """Pin every range at its series' last committed revision, in one cut; raises `NameTaken`, `SeriesNotFound`.

        Where a range holds the whole series, its rows and digest come from the ledger; when all are known, the
        snapshot is complete on return, with its `data_hash`, audit entry and outbox record.
        """

    @abstractmethod
    def complete(self, snapshot_id: str, pins: Sequence[Pin], who: Who) -> Snapshot:
        """Add the digests of the pins that lacked them."""

    @abstractmethod
    def add_named(self, name: str, pin: Pin, who: Who) -> Snapshot:
        """Record bars that were written under a name; raises `NameTaken`, or `VersionImmutable` for other bars."""

    @abstractmethod
    def get(self, snapshot_id: str) -> Snapshot | None:
        """Return a snapshot or named version that is not deleted."""

    @abstractmethod
    def list(
        self,
        *,
        strategy: str | None = None,
        purpose: str | None = None,
        deleted: bool = False,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> "list[Snapshot]":
        """Return snapshots and named versions, newest first, those of one instant by their ids from the last on.

        With ``before``, the time at which one was made and its id, only what follows it, and at most ``limit``.
        """

    @abstractmethod
    def of_strategy(self, strategy: str) -> Snapshot | None:
        """Return its newest approved snapshot; its newest one only if none was ever approved.

        One that stands in for an approval that was taken back, or whose snapshot is gone, is none.
        """

    @abstractmethod
    def approvals(self) -> Sequence[tuple[str, str]]:
        """Return which strategy approved which snapshot that is not deleted, as (snapshot id, strategy), sorted."""

    @abstractmethod
    def pins_of(self, series: Series) -> Sequence[Pin]:
        """Return every pin whose rows lie among the series' own: by snapshots neither deleted nor materialised."""

    @abstractmethod
    def set_materialised(self, snapshot_id: str, who: Who) -> Snapshot:
        """Note that its rows lie under ``version=<id>``, read back and checked."""

    @abstractmethod
    def set_adjusted(self, snapshot_id: str, adjusted: str, who: Who) -> Snapshot:
        """Note how the bars of a dataset are adjusted when they are handed out, and with which digests (JSON)."""

    @abstractmethod
    def approve(self, snapshot_id: str, strategy: str, who: Who) -> Snapshot:
        """Approve it for a strategy, and hold it."""

    @abstractmethod
    def revoke(self, snapshot_id: str, strategy: str, who: Who) -> Snapshot:
        """Take an approval back; raises `ApprovalNotFound`.

        The hold that it placed goes over to another approval that stands, or ends; a legal hold stays.
        """

    @abstractmethod
    def hold(self, snapshot_id: str, reason: str, who: Who) -> Snapshot:
        """Place a legal hold; an empty reason releases it, and leaves the hold of an approval that stands.

        Raises `Held` where approvals are all that holds it: they are revoked, not released.
        """

    @abstractmethod
    def delete(self, snapshot_id: str, who: Who) -> Snapshot:
        """Unpin it; raises `Held`. Its record stays."""
