"""Differences: what two sides say of the same stretch, bar by bar, and what each kind of difference is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from barledger.domain.comparison import Comparison, Tolerance, compare
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Flags, Floats, Ints, Rows, found_in
from barledger.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Bars of one kind of difference: ``rows`` as the other side has them, ``times`` of all that are concerned.

    ``about`` is what it is known by beside its kind, where that is not the bars themselves; ``key`` is all of that.
    """

    kind: str
    rows: Rows
    times: Ints
    reason: str
    fields: tuple[str, ...] = ()
    factor: float | None = None
    confidence: float = 0.9
    about: str = ""
    key: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hull(self) -> tuple[int, int]:
        """Return the first and the last label."""
        return int(self.times[0]), int(self.times[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The bars that are held (``old``) and those that the other side gives (``new``), within ``answered``.

    ``broken`` are the times of bars that came and cannot be compared, ``complete`` the stretches in which a bar that
    did not come is absent, ``withdrawn`` the times of bars that were held once and withdrawn.
    """

    timeframe: Timeframe
    old: Rows
    new: Rows
    tolerance: Tolerance
    answered: Sequence[Interval]
    complete: Sequence[Interval] = ()
    broken: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    withdrawn: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def compared(self) -> Comparison:
        """Return what each bar of the other side is to the bars held."""
        return compare(self.old, self.new, self.tolerance)

    @property
    def lacking(self) -> Ints:
        """Return the times of bars held that a complete answer does not have."""
        absent = self.old.time[~found_in(self.old.time, self.new.time) & ~found_in(self.old.time, self.broken)]
        return absent[inside(absent, self.complete)]

    @property
    def pairs(self) -> tuple[Rows, Rows]:
        """Return the bars that both have, of one time each."""
        return self.old.pick(found_in(self.old.time, self.new.time)), self.new.pick(
            found_in(self.new.time, self.old.time)
        )


def inside(times: Ints, intervals: Sequence[Interval]) -> Flags:
    """Tell which times lie in one of the intervals."""
    flags = np.zeros(len(times), np.bool_)
    for one in intervals:
        flags |= (times >= one.start) & (times < one.end)
    return flags


def differing(old: Rows, new: Rows, tolerance: Tolerance) -> dict[str, Flags]:
    """Tell per value column which of the paired bars differ by more than the tolerance."""
    return {name: ~close(getattr(old, name), getattr(new, name), tolerance.of(name)) for name in VALUES}


def close(old: Floats, new: Floats, relative: float) -> Flags:
    """Tell which values are the same within a tolerance, measured from the old one; two missing ones are."""
    with np.errstate(invalid="ignore"):
        near = np.abs(new - old) <= relative * np.abs(old)
    return np.asarray((old == new) | near | (np.isnan(old) & np.isnan(new)))


def moved_fields(old: Rows, new: Rows, tolerance: Tolerance) -> tuple[str, ...]:
    """Return the columns in which some of the paired bars differ."""
    return tuple(name for name, flags in differing(old, new, tolerance).items() if bool(flags.any()))
