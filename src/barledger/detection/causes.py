"""Causes: what puts rows at a false level, and how likely each is before anything is measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, log, log1p
from typing import Final

import numpy as np

from barledger.detection.adjustment import parted
from barledger.detection.levels import Level, Run
from barledger.detection.moves import Measures
from barledger.detection.table import Table
from barledger.domain.rows import Floats
from barledger.domain.timeframe import DAY

UNITS: Final = {100.0: 7.0, 1000.0: 9.0}
"""Pence for pounds, cents for rands; fils for dinars; with the prior log odds against each."""

_SEEN: Final = 3.0
_ANY: Final = 6.0
"""The prior log odds against other powers of ten, and against any factor, that Adj Close shows by going on."""

TEN: Final = log(10)
_NEARLY: Final = 0.05
_MOST_UNITS: Final = 4
_SMALLEST_SPLIT: Final = log(1.15)
_MOST_SPLITS: Final = 12
_LATE: Final = 3
"""Rows for which a vendor may go on giving prices without a split after its ex-date."""

_TOO_LATE: Final = 3.0
_DISTANCE: Final = 1.2
_NEAR: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What puts rows at a false level: a unit, or the split in ``row``, left out or applied twice.

    A split that comes ``late`` is left out from its ex-date on, until the vendor takes it.
    """

    kind: str
    row: int = -1
    odds: float = 0.0
    late: bool = False


def cause_of(levels: Sequence[Level], run: Run) -> Cause:
    """Return what put a run at its level."""
    cause: Cause = levels[run.level - 1].about
    return cause


def unit_levels(seen: Iterable[float] = ()) -> Iterable[Level]:
    """Give the levels of other units: those that are usual, and those that were ``seen``, as logarithms."""
    odds = {log(unit): odds for unit, odds in UNITS.items()}
    odds |= {offset: _SEEN if is_ten(offset) else _ANY for offset in seen if offset not in odds}
    for offset, against in odds.items():
        for sign in (1, -1):
            yield Level(offset=sign * offset, alone=True, about=Cause(kind="unit_error", odds=against))


def units_seen(measures: Measures) -> list[float]:
    """Return by how much, as logarithms, prices jump where Adj Close goes on, the most frequent first."""
    steps = parted(measures.table)
    rows = np.flatnonzero(steps)
    jumped = rows[np.abs(measures.plain[rows] + steps[rows]) < np.abs(steps[rows]) / 4]
    known: dict[float, int] = {}
    sizes = np.abs(steps[jumped])
    powers = tens(sizes)
    # Dividends on the day may hide a little of a power of ten.
    for size in np.where(powers, powers * TEN, sizes).tolist():
        near = next((one for one in known if abs(one - size) < _NEARLY), size)
        known[near] = known.get(near, 0) + 1
    return sorted(known, key=lambda size: -known[size])[:_MOST_UNITS]


def tens(steps: Floats) -> Floats:
    """Return which powers of ten these logarithms are near to, 0 where to none."""
    powers = np.rint(steps / TEN)
    return np.where(np.abs(steps - powers * TEN) < _NEARLY, powers, 0.0)


def is_ten(offset: float) -> bool:
    """Whether a logarithm is that of a power of ten."""
    return abs(offset - round(offset / TEN) * TEN) < 1e-9


def split_levels(table: Table) -> Iterable[Level]:
    """Give the levels that known splits allow: left out alone or late, with all later ones, or applied twice."""
    rows = [int(row) for row in table.events("stock_splits")]
    ratios = [float(table.column("stock_splits")[row]) for row in rows]
    known = [(row, log(ratio)) for row, ratio in zip(rows, ratios, strict=True) if ratio > 0][-_MOST_SPLITS:]
    for place, (row, offset) in enumerate(known):
        if abs(offset) > _SMALLEST_SPLIT:
            yield Level(offset=offset, about=Cause(kind="split_missed", row=row, odds=4.0))
            yield Level(offset=offset, alone=True, about=Cause(kind="split_missed", row=row, odds=5.5, late=True))
            yield Level(offset=-offset, about=Cause(kind="split_phantom", row=row, odds=6.0))
        later = sum(other for _, other in known[place:])
        if place < len(known) - 1 and abs(later) > _SMALLEST_SPLIT:
            yield Level(offset=later, about=Cause(kind="split_missed", row=row, odds=4.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """Prior log odds against rows standing at a level: the farther from the split, the less likely."""

    causes: Sequence[Cause]
    days: Floats
    long_bars: bool

    @staticmethod
    def of(levels: Sequence[Level], table: Table) -> "Priors":
        """Return those of a table."""
        days = (table.time - table.time[0]) / DAY
        return Priors(causes=[level.about for level in levels], days=days, long_bars=table.long_bars)

    def possible(self, level: int, first: int, end: int) -> bool:
        """Whether rows can lack a split: up to a few after its ex-date, or from there on until the vendor takes it.

        Rows that lack it to the very end are none: then all rows before have it twice.
        """
        cause = None if not level else self.causes[level - 1]
        if cause is None or cause.row < 0:
            return True
        if cause.late:
            return first >= cause.row and end < len(self.days)
        return end <= cause.row + _LATE

    def entering(self, level: int, first: int, end: int) -> float:
        """Return what it costs that rows begin to be at a level; infinite where they cannot."""
        if not level:
            return 0.0
        cause = self.causes[level - 1]
        if not self.possible(level, first, end) or (cause.late and first > cause.row + self.long_bars):
            return inf
        behind = cause.row >= 0 and not cause.late and end > cause.row + self.long_bars
        return cause.odds + (_TOO_LATE if behind else 0.0)

    def leaving(self, level: int, row: int) -> float:
        """Return what it costs that a level ends far from its split."""
        if not level or self.causes[level - 1].row < 0:
            return 0.0
        cause = self.causes[level - 1]
        apart = float(self.days[cause.row] - self.days[row])
        return _DISTANCE * log1p((abs(apart) if cause.late else max(0.0, apart)) / _NEAR)
