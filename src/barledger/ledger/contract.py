"""What a ledger promises.

The ledger decides what is true; a store only keeps rows. Every method here is one transaction: it happens whole or
not at all, and has happened for good when it returns. Revisions and times are ns since the epoch. The ledger's clock
is strictly increasing and read under the same lock that orders transactions.

`barledger.testing.LedgerContract` tries these promises.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.series import Series

# --- revisions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who does something and why, for the audit log; ``trigger`` names an event, discrepancy or schedule."""

    actor: str
    operation: str
    reason: str = ""
    purpose: str = ""
    trigger: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The stretch of a series that a commit may touch."""

    series: Series
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A stretch whose bars retention deleted under ``revision``; ``refilled`` once bars were written there again."""

    interval: Interval
    revision: int
    refilled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesState:
    """What a reader must know of a series, read in one look.

    ``revision`` is the last committed one (0: none), ``allocated`` the highest ever given to a writer, ``pending``
    the one that is being written now (0: none), ``unrepaired`` the aborted ones whose rows may still lie in
    ``latest``, ``epoch`` counts repairs. ``horizon`` is the lowest revision that can be read unless pinned, and
    ``gone`` are the stretches whose bars retention deleted. ``edition_floor`` is the highest edition that a deleted
    bar had; ``max_edition`` the highest of any. ``rows`` counts the standing bars, ``digest`` is the root over all
    blocks, ``newest`` is the last block. ``aborted`` counts the revisions that never became true, repaired or not. A
    series that was never written has the state of all zeros.
    """

    series: Series
    revision: int = 0
    allocated: int = 0
    pending: int = 0
    unrepaired: tuple[int, ...] = ()
    epoch: int = 0
    horizon: int = 0
    gone: tuple[Gone, ...] = ()
    edition_floor: int = 0
    max_edition: int = 0
    rows: int = 0
    digest: bytes = b""
    newest: Block | None = None
    aborted: int = 0

    @property
    def clean(self) -> bool:
        """Whether rows in ``latest`` can be taken as they are, if nothing moves meanwhile."""
        return not self.pending and not self.unrepaired


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborted:
    """A revision that never became true and may have left rows in ``interval`` of ``series``."""

    revision: int
    series: Series
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A revision being written; its holder owns ``states``'s series until ``lease_until`` (ns, the ledger's clock)."""

    revision: int
    owner: str
    states: tuple[SeriesState, ...]
    unrepaired: tuple[Aborted, ...]
    lease_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChange:
    """What a commit did to one series; ``interval`` is the hull of the bars that changed.

    ``blocks`` replace the digests of the blocks that they name, ``emptied`` are the starts of blocks without bars.
    """

    series: Series
    interval: Interval
    new: int = 0
    changed: int = 0
    withdrawn: int = 0
    same: int = 0
    jitter: int = 0
    max_edition: int = 0
    blocks: Sequence[Block] = ()
    emptied: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A stretch that a source was asked for, and what came of it: ``fetched`` or the reason why nothing did."""

    series: Series
    interval: Interval
    outcome: str
    checked_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What retention removes: reads of ``series`` before ``horizon`` end, and bars in ``intervals`` are gone.

    The stretches become `Gone` under the revision of the pending commit. A later commit that writes bars into one of
    them marks the part that it wrote (the interval of its change) as refilled. ``blocks`` and ``emptied`` say what is
    left, as in `SeriesChange`; ``pins`` are those that were heeded.
    """

    series: Series
    horizon: int
    intervals: Sequence[Interval]
    edition_floor: int
    blocks: Sequence[Block] = ()
    emptied: Sequence[int] = ()
    pins: Sequence["Pin"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that becomes true with a commit."""

    changes: Sequence[SeriesChange]
    coverage: Sequence[Cover] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRecord:
    """One revision of one series, as `versions` shows it; ``committed_at`` is 0 while pending or aborted."""

    revision: int
    series: Series
    state: Literal["pending", "committed", "aborted"]
    actor: str
    operation: str
    reason: str
    trigger: str
    interval: Interval
    begun_at: int
    committed_at: int
    new: int
    changed: int
    withdrawn: int
    jitter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A revision that only the store's rows still tell of; its time is taken for that of its commit."""

    revision: int
    interval: Interval
    new: int = 0
    changed: int = 0
    withdrawn: int = 0


class Revisions(ABC):
    """Revisions and the locks that writers hold on series."""

    @abstractmethod
    def begin(self, intents: Sequence[Intent], who: Who, *, lease: float, owner: str) -> Pending | None:
        """Allocate a revision and lock its series for ``lease`` seconds; None if another writer holds one of them.

        A holder whose lease ended more than a grace period ago is aborted on the way. ``Pending.unrepaired`` lists
        what aborted writers may have left in these series: the holder must repair it before it writes.
        """

    @abstractmethod
    def extend(self, pending: Pending, *, lease: float) -> Pending:
        """Prolong the lease; raises `LeaseLost` if it has ended or was taken over."""

    @abstractmethod
    def commit(self, pending: Pending, outcome: Outcome, who: Who) -> int:
        """Make the revision true, with its digests, coverage and one audit entry; returns the time of the commit.

        Raises `LeaseLost`, and changes nothing, if the lease has ended or was taken over.
        """

    @abstractmethod
    def discard(self, pending: Pending, who: Who, *, outcome: Outcome | None = None) -> None:
        """Give up a revision under which nothing was sent to the store; the revision leaves no trace.

        With an ``outcome`` (a refetch that found nothing new, or jitter only), its coverage is kept and one audit
        entry is written; no digest, revision or edition changes.
        """

    @abstractmethod
    def abort(self, pending: Pending) -> None:
        """Give up a revision that may have left rows; they stay to be repaired."""

    @abstractmethod
    def mark_repaired(self, pending: Pending, repaired: Sequence[Aborted]) -> None:
        """Note that the store holds nothing of these aborted revisions in ``latest`` any more; raises each epoch."""

    @abstractmethod
    def forget(self, pending: Pending, forgotten: Forgotten, details: Mapping[str, Any], who: Who) -> bool:
        """Commit a retention horizon, the digests of what is left, and an audit entry, before anything is deleted.

        Returns False, and changes nothing, if the series has a pin that was not heeded.
        """

    @abstractmethod
    def state(self, series: Series) -> SeriesState:
        """Return the state of a series."""

    @abstractmethod
    def states(self, series: Sequence[Series]) -> list[SeriesState]:
        """Return the states of several series as of one instant."""

    @abstractmethod
    def uncommitted(self, series: Series) -> frozenset[int]:
        """Return every revision of the series that is pending or was aborted, repaired or not."""

    @abstractmethod
    def conflicting(self, series: Series, interval: Interval, after: int) -> int:
        """Return the last committed revision above ``after`` that changed bars in the interval, or 0."""

    @abstractmethod
    def at_time(self, series: Series, time: int) -> int:
        """Return the last revision of the series committed at or before ``time``, or 0; raises `FutureTime`."""

    @abstractmethod
    def records(self, series: Series, *, interval: Interval | None = None) -> list[RevisionRecord]:
        """Return the committed revisions of the series that changed bars in the interval, oldest first."""

    @abstractmethod
    def record(self, revision: int) -> RevisionRecord | None:
        """Return one revision (its first series), whatever its state."""

    @abstractmethod
    def expired(self) -> list[Intent]:
        """Return the stretches held by writers whose lease has ended, and those left unrepaired."""

    @abstractmethod
    def last(self) -> int:
        """Return the highest revision that was ever allocated."""

    @abstractmethod
    def last_committed(self) -> int:
        """Return the highest revision that any series has, or 0."""

    @abstractmethod
    def recall(self, series: Series, recalled: Sequence[Recalled], *, max_edition: int, who: Who) -> int:
        """Note revisions that the store knows and the ledger lost as committed; returns how many were news.

        Revisions of the series that the ledger knows, in whatever state, stay as they are.
        """


class Catalog(ABC):
    """Which series exist, their digests, and the order in which sources are preferred."""

    @abstractmethod
    def series(self, *, instrument: str | None = None, timeframe: str | None = None) -> list[Series]:
        """Return the series that have at least one committed revision, sorted."""

    @abstractmethod
    def blocks(self, series: Series, interval: Interval, *, revision: int | None = None) -> list[Block] | None:
        """Return the digests of the blocks that start in the interval, ascending; None means the newest state.

        With a ``revision`` that some snapshot pins, the digests as of then; None if they are no longer known.
        """

    @abstractmethod
    def set_priority(self, pattern: str, timeframe: str, sources: Sequence[str], mode: str, who: Who) -> None:
        """Prefer sources in this order for instruments that match the glob ``pattern``; an empty list removes it."""

    @abstractmethod
    def priorities(self) -> list[tuple[str, str, tuple[str, ...], str]]:
        """Return (pattern, timeframe or ``*``, sources, mode), the most specific pattern first."""

    @abstractmethod
    def coverage(self, series: Series) -> list[Cover]:
        """Return what sources were asked for, by start."""


# --- symbols ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A source's own name of an instrument, valid in a half-open interval."""

    instrument: str
    source: str
    native: str
    valid: Interval


class Symbols(ABC):
    """Symbol maps: what each source calls an instrument, and when."""

    @abstractmethod
    def add(self, symbol: Symbol, who: Who) -> None:
        """Add a mapping; raises `NameTaken` if the native symbol means another instrument in that interval."""

    @abstractmethod
    def native(self, instrument: str, source: str, time: int) -> str | None:
        """Return what the source called the instrument at ``time``."""

    @abstractmethod
    def instrument(self, native: str, source: str, time: int) -> str | None:
        """Return the instrument that the source's symbol meant at ``time``."""

    @abstractmethod
    def list(self, *, instrument: str | None = None) -> "list[Symbol]":
        """Return all mappings, sorted."""


# --- snapshots -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One series of a snapshot: the rows of ``interval`` as of ``revision``; digest None until it is known."""

    series: Series
    interval: Interval
    revision: int
    rows: int = 0
    digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A consistent cut under one id; ``kind`` is ``snapshot``, or ``named`` for bars written under a name of their own.

    ``state`` is ``pinning`` until its digests are known, then ``complete``; a deleted one stays on record.
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
        self, *, strategy: str | None = None, purpose: str | None = None, deleted: bool = False
    ) -> "list[Snapshot]":
        """Return snapshots and named versions, newest first."""

    @abstractmethod
    def of_strategy(self, strategy: str) -> Snapshot | None:
        """Return its newest approved snapshot; its newest one only if none was ever approved."""

    @abstractmethod
    def pins_of(self, series: Series) -> Sequence[Pin]:
        """Return every pin whose rows lie among the series' own: by snapshots neither deleted nor materialised."""

    @abstractmethod
    def set_materialised(self, snapshot_id: str, who: Who) -> Snapshot:
        """Note that its rows lie under ``version=<id>``, read back and checked."""

    @abstractmethod
    def approve(self, snapshot_id: str, strategy: str, who: Who) -> Snapshot:
        """Approve it for a strategy, and hold it."""

    @abstractmethod
    def hold(self, snapshot_id: str, reason: str, who: Who) -> Snapshot:
        """Place a legal hold; an empty reason releases it."""

    @abstractmethod
    def delete(self, snapshot_id: str, who: Who) -> Snapshot:
        """Unpin it; raises `Held`. Its record stays."""


# --- quarantine, audit, outbox ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedBar:
    """A bar that broke a rule: its values as given, the error's code, and when it was put aside."""

    series: Series
    time: int
    code: str
    values: Mapping[str, Any]
    actor: str
    at: int = 0


class Quarantine(ABC):
    """Bars that were not written, with the reason."""

    @abstractmethod
    def add(self, bars: Sequence[QuarantinedBar], who: Who) -> int:
        """Put bars aside, with one audit entry; returns how many were not there already."""

    @abstractmethod
    def list(self, *, series: Series | None = None) -> "list[QuarantinedBar]":
        """Return the bars put aside, by time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log: ``body`` is RFC 8785 canonical JSON, in which ns and revisions are decimal strings."""

    sequence: int
    time: int
    actor: str
    operation: str
    body: str

    @property
    def data(self) -> dict[str, Any]:
        """Return the body as Python values."""
        import json  # noqa: PLC0415 - an entry is read far more often than its body is parsed

        return dict(json.loads(self.body))


class Audit(ABC):
    """The append-only log; the database itself refuses to change or delete an entry."""

    @abstractmethod
    def append(self, who: Who, details: Mapping[str, Any]) -> AuditEntry:
        """Append an entry for something that no other method records."""

    @abstractmethod
    def entries(
        self, *, after: int = 0, limit: int | None = None, operation: str | None = None, series: Series | None = None
    ) -> list[AuditEntry]:
        """Return entries with a sequence above ``after``, in order."""

    @abstractmethod
    def count(self) -> int:
        """Return how many entries there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A record on its way into the store."""

    id: int
    snapshot_id: str
    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, str | int | float | bool]
    time: int
    tries: int = 0


class Outbox(ABC):
    """Records that the store still has to mirror."""

    @abstractmethod
    def waiting(self) -> list[Parcel]:
        """Return the undelivered parcels, oldest first."""

    @abstractmethod
    def delivered(self, parcels: Sequence[Parcel]) -> None:
        """Note that the store acknowledged them."""

    @abstractmethod
    def failed(self, parcels: Sequence[Parcel], error: str) -> None:
        """Note that the store did not."""


class Ledger(ABC):
    """All of it. Instances may be shared by threads."""

    id: str
    location: str
    revisions: Revisions
    catalog: Catalog
    symbols: Symbols
    snapshots: Snapshots
    quarantine: Quarantine
    audit: Audit
    outbox: Outbox

    @abstractmethod
    def now(self) -> int:
        """Return the ledger's clock."""

    @abstractmethod
    def adopt(self, ledger_id: str, last_revision: int, who: Who) -> None:
        """Go on in a store that this or another ledger marked: with revisions above its last."""

    @abstractmethod
    def copy_to(self, url: str) -> None:
        """Copy the whole ledger, as of one instant, into a new one at ``url``."""

    @abstractmethod
    def close(self) -> None:
        """Release connections."""
