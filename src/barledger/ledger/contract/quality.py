"""Quality: what was measured of series, and when each block was last read again."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from barledger.domain.interval import Interval, format_time
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Who

KEPT: Final = 1_000
"""So many measurements of a series are kept, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Measurement:
    """The metrics of a series over ``interval``, as they were measured once at a version.

    ``scores`` has a score in 0..1 by the metric's name, None where there was none; ``told`` the counts, figures and
    reasons of each, as plain JSON values. ``version`` is as it was asked for, ``revision`` what it meant (0: unknown).
    """

    series: Series
    interval: Interval
    version: str
    revision: int
    scores: Mapping[str, float | None]
    told: Mapping[str, Any] = field(default_factory=dict)
    measured_at: int = 0

    def __repr__(self) -> str:
        """Say the scores, and when they were measured."""
        scores = ", ".join(f"{name} {score}" for name, score in self.scores.items())
        return f"<Measurement of {self.series} at {format_time(self.measured_at)}: {scores}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BlockCheck:
    """When a block was last read again, and whether it was what the ledger keeps of it.

    ``digest`` is what the ledger kept then, ``changed`` whether it keeps another one now, so that the check says
    nothing of the block any more. ``checked_at`` is 0 for a block that was never checked.
    """

    series: Series
    start: int
    rows: int
    digest: bytes
    ok: bool = True
    detail: str = ""
    changed: bool = False
    checked_at: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        when = f"verified at {format_time(self.checked_at)}" if self.checked_at else "never verified"
        verdict = "" if self.ok else f", damaged: {self.detail}"
        return f"{self.series}, block of {format_time(self.start)}: {when}{verdict}"

    def __repr__(self) -> str:
        """Say it in brackets."""
        return f"<BlockCheck {self}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PinnedCheck:
    """Bars that a snapshot holds and the current blocks of their series do not, and when they were last read again.

    It is a block as it was before it was superseded, to be read as of ``pinned_at``, a revision at which ``snapshot``
    pins it; ``revision`` is the one that made it. Or, if it is ``whole``, all bars of a pin of ``snapshot``: those of a
    copy of its own, or of a pin that begins or ends within a block that was superseded. ``checked_at`` is 0 for what
    was never checked.
    """

    series: Series
    interval: Interval
    rows: int
    digest: bytes
    revision: int
    pinned_at: int
    snapshot: str
    whole: bool = False
    ok: bool = True
    detail: str = ""
    checked_at: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        what = "bars" if self.whole else f"block of {format_time(self.interval.start)} at revision {self.pinned_at}"
        when = f"verified at {format_time(self.checked_at)}" if self.checked_at else "never verified"
        verdict = "" if self.ok else f", damaged: {self.detail}"
        return f"{self.series}, {what}, for {self.snapshot}: {when}{verdict}"

    def __repr__(self) -> str:
        """Say it in brackets."""
        return f"<PinnedCheck {self}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Due(Readable):
    """A block that waits for being read again."""

    series: Series
    start: int
    rows: int
    checked_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """How far the blocks of a library are verified: ``oldest`` is the oldest check (ns, 0 if there is none).

    ``never`` were never checked, ``due`` not since the time that was asked for, and of ``damaged`` the last check
    failed.
    """

    blocks: int
    never: int
    due: int
    damaged: int
    oldest: int


class Quality(ABC):
    """Measurements of series, and the checks of their blocks."""

    @abstractmethod
    def record(
        self,
        measurements: Sequence[Measurement],
        checks: Sequence[BlockCheck],
        who: Who,
        *,
        pinned: Sequence[PinnedCheck] = (),
        details: Mapping[str, Any] | None = None,
    ) -> int:
        """Keep measurements and checks, also of what is ``pinned``, in one transaction; returns its time.

        There is one audit entry, if there are measurements or ``details``: checks alone are too many to tell. Of each
        series the newest `KEPT` measurements stay.
        """

    @abstractmethod
    def measurements(
        self, series: Sequence[Series], *, since: int = 0, version: str | None = None
    ) -> list[Measurement]:
        """Return what was measured of these series at ``since`` or later, the oldest first."""

    @abstractmethod
    def checks(self, series: Series, interval: Interval) -> list[BlockCheck]:
        """Return the check of every block of the series that starts in the interval, ascending."""

    @abstractmethod
    def due(self, *, before: int, limit: int, series: Sequence[Series] | None = None) -> list[Due]:
        """Return at most ``limit`` blocks that were not checked at ``before`` or later, the oldest check first.

        Those that were never checked come before all others; of equal ones, those of a series are together.
        """

    @abstractmethod
    def state(self, series: Sequence[Series] | None = None, *, before: int = 0) -> CheckState:
        """Return how far the blocks of these series, or of all, are verified; due are those not checked since."""

    @abstractmethod
    def pinned(self, series: Sequence[Series] | None = None) -> list[PinnedCheck]:
        """Return what snapshots and named versions hold and no current block of these series, or of all, does.

        A block that several snapshots hold is there once. Of a pin whose digest is not known yet there is nothing.
        """
