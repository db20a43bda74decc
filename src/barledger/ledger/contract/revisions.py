"""Revisions, and the locks that writers hold on series."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.series import Series


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
class Pin:
    """One series of a snapshot: the rows of ``interval`` as of ``revision``; digest None until it is known."""

    series: Series
    interval: Interval
    revision: int
    rows: int = 0
    digest: bytes | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Holder(Readable):
    """Who holds one of several series, doing what; ``until`` (ns) is when others take over if it is dead."""

    series: Series
    owner: str
    actor: str
    operation: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pending(Readable):
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cover(Readable):
    """A stretch that a source was asked for, and what came of it.

    ``outcome`` is ``fetched``, or the reason why nothing was: ``source_empty`` (it confirms that there is nothing),
    ``unconfirmed`` (it gave nothing, which proves nothing) or ``fetch_failed``, with the error in ``detail``.
    """

    series: Series
    interval: Interval
    outcome: str
    detail: str = ""
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
    pins: Sequence[Pin] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that becomes true with a commit."""

    changes: Sequence[SeriesChange]
    coverage: Sequence[Cover] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RevisionRecord(Readable):
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
    def holder(self, series: Sequence[Series]) -> Holder | None:
        """Return who holds one of these series now, of several the one whose lease ends last; None if nobody does."""

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
    def withdrawals(self, series: Sequence[Series]) -> Mapping[Series, list[Interval]]:
        """Return the stretches in which committed revisions withdrew bars, of each series that has some."""

    @abstractmethod
    def spans(self, series: Sequence[Series]) -> Mapping[Series, Interval]:
        """Return the hull of all bars that a series ever had, of those for which it is cheap to tell."""

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
