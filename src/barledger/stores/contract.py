"""What a store promises.

A store keeps `Rows` in *layers* of a `Series`. A layer is a value of the ``version`` tag: ``latest``, ``edition_<n>``,
or the id of a snapshot or named version. Within a layer of a series, a time has at most one row; writing it again
replaces the whole row, and a value that the new row lacks is missing afterwards.

A store knows nothing of commits. It promises four things, which `barledger.testing.StoreContract` tries:

1. What `write` or `delete` acknowledged by returning survives the death of any process.
2. `read` returns every acknowledged row of the stretch, in ascending order of time, bit for bit as it was written
   (`Rows` says what is canonical). While a write to the same rows is under way it may mix old and new *fields of a
   row* (declared by ``torn_rows``), but a row that lacks a field which it should have is left out.
3. What it finds damaged it reports as `StoreDamaged`; it never returns it.
4. What it cannot do it refuses with `CapabilityMissing` when it is asked, and declares in `capabilities`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from barledger.domain.interval import Interval
from barledger.domain.rows import Ints, Rows, empty_rows
from barledger.domain.series import Series
from barledger.errors import CapabilityMissing

Guard = Callable[[], float]
"""Returns the seconds that the next request may take; raises `LeaseLost` when the writer must stop.

A store calls it right before every request that changes something, and lets no request outlast the answer.
"""


def unguarded() -> float:
    """Return a generous limit, for work that no lease covers."""
    return 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store can do; a False is refused with `CapabilityMissing` at once.

    Without ``checksums`` the store may give rows that it should not: servers lose what they have acknowledged when they
    are killed at a bad moment. Readers then compare whole blocks with the ledger's digests. ``readers`` is how many
    threads read faster than one: several where most of a read is waiting for a server.
    """

    overwrite: bool = True
    delete: bool = True
    list_series: bool = True
    mirror: bool = False
    fencing: bool = False
    torn_rows: bool = False
    checksums: bool = True
    readers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows for one layer of one series, in ascending order of time."""

    series: Series
    layer: str
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Whose store this is: the ledger's id, and the highest revision that wrote here."""

    ledger_id: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of the ledger, mirrored beside the bars for people and their tools; ``time`` in ns."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, str | int | float | bool]
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that `doctor` tells: ``level`` is ok, warning or problem."""

    level: str
    subject: str
    detail: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a store is, without secrets: for `status` and `doctor`."""

    kind: str
    location: str
    facts: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Points with one set of tags, of which something else may have written some, and what the tags mean.

    ``own`` says that barledger itself tags its rows so; ``unclear`` says why nobody can tell what the tags mean.
    """

    tags: Mapping[str, str]
    series: Series | None
    layer: str
    own: bool = False
    unclear: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignBars:
    """What something else wrote with one set of tags: bars, with revision and edition 0, and more.

    ``others`` counts points without any value of a bar, ``fields`` are those that rows do not have, and ``obstacle``
    says why the store cannot take rows where these points lie.
    """

    rows: Rows
    others: int = 0
    fields: Sequence[str] = ()
    obstacle: str = ""


class Store(ABC):
    """A place for rows. Instances may be shared by threads."""

    capabilities: Capabilities = Capabilities()

    @abstractmethod
    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the layer's rows in the sorted, disjoint intervals; no rows if there is no such layer."""

    @abstractmethod
    def read_copies(self, series: Series, intervals: Sequence[Interval], *, after: int = 0) -> Rows:
        """Return the rows of all ``edition_<n>`` layers in the intervals, in any order; all have ``superseded_at``.

        Rows that were superseded at revision ``after`` or before are not needed, and may be left out.
        """

    @abstractmethod
    def write(self, batches: Sequence[Batch], *, revision: int, guard: Guard = unguarded) -> None:
        """Upsert rows of any number of series and layers; returns when they are durable.

        ``revision`` is the writer's own (the rows may carry older ones): the mark rises to it. A store with the
        capability ``fencing`` raises `LeaseLost` and changes nothing if a higher revision has written to one of the
        series. A store that cannot apply the batches as one applies them in order.
        """

    @abstractmethod
    def delete(
        self, series: Series, layer: str, intervals: Sequence[Interval], *, revision: int, guard: Guard = unguarded
    ) -> None:
        """Delete the layer's rows in the intervals; fenced and guarded as `write` is."""

    @abstractmethod
    def layers(self, series: Series) -> list[str]:
        """Return the names of the layers that have, or once had, rows of the series, sorted."""

    @abstractmethod
    def series(self) -> list[Series]:
        """Return every series that has a layer, sorted."""

    @abstractmethod
    def mark(self) -> Mark | None:
        """Return whose store this is, or None if it was never claimed."""

    @abstractmethod
    def claim(self, mark: Mark) -> None:
        """Set the mark to exactly this one."""

    @abstractmethod
    def describe(self) -> Description:
        """Look at the store and say what it is and what is wrong with it; never raises for a store that is down."""

    def mirror(self, records: Sequence[Record], *, guard: Guard = unguarded) -> None:  # noqa: ARG002 - the contract's
        """Write records of the ledger beside the bars, replacing those with the same tags and time."""
        raise CapabilityMissing(who=type(self).__name__, capability="mirroring the ledger's records")

    def read_foreign(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:  # noqa: ARG002 - the contract's
        """Return the bars of a layer that something else wrote, with revision and edition 0; most stores have none."""
        return empty_rows()

    def foreign(self) -> "list[Foreign]":
        """Return every set of tags that points with bars have; what was set aside comes first, then barledger's own."""
        return []

    def foreign_bars(self, found: Foreign) -> ForeignBars:  # noqa: ARG002 - the contract's
        """Return what something else wrote with these tags."""
        return ForeignBars(rows=empty_rows())

    def set_aside(self, series: Series, layer: str, rows: Rows) -> Foreign:  # noqa: ARG002 - the contract's
        """Copy bars that something else wrote under tags that `foreign` finds again; returns when they are durable."""
        raise CapabilityMissing(who=type(self).__name__, capability="setting aside bars of something else")

    def delete_foreign(self, found: Foreign, times: Ints) -> None:  # noqa: ARG002 - the contract's
        """Delete the points with just these tags, which are not barledger's own, at these sorted times."""
        raise CapabilityMissing(who=type(self).__name__, capability="deleting bars of something else")

    def check_expiry(self) -> None:  # noqa: B027 - most stores keep what they are given
        """Raise `BucketExpires` if the store deletes bars by itself and nobody accepted that."""

    def check_writable(self) -> None:  # noqa: B027 - most stores let everybody write
        """Raise the error that a write would meet, be it a missing permission or a full disk; changes nothing."""

    def check_held(self, series: Sequence[Series]) -> None:  # noqa: B027 - most stores can only read
        """Raise `StoreDamaged` if rows of these series' ``latest`` are lost, as far as that shows without a read."""

    def unchecked(self) -> "Store":
        """Return the same store without its checksums, to find out what exactly is damaged; never to use its rows."""
        return self

    def tidy(self) -> int:
        """Put small pieces together, if the store has any; returns how many layers were written again."""
        return 0

    def close(self) -> None:  # noqa: B027 - most stores hold nothing
        """Release what the store holds; nothing acknowledged depends on it."""
