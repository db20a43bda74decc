"""Restatements: a source that multiplied its history, told from one that corrected bars.

A source that adjusts for splits or dividends multiplies all bars before an ex-date by one factor; several events that
came since the last look make several steps. Prices are compared with the rounding that both records show, and by what
the source is known to tremble. The volume of restated bars moves by the inverse of the factor, or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from math import log10
from typing import Final, Literal

import numpy as np

from barledger.domain.comparison import Tolerance
from barledger.domain.interval import format_time
from barledger.domain.readable import Readable
from barledger.domain.rows import Flags, Floats, Ints, Rows

VolumeMove = Literal["inverse", "unchanged"]

PRICES: Final = ("open", "high", "low", "close")
# So many bars have to tell, each by itself, that a factor moved them.
_FEWEST: Final = 3
# So many bars at the head of a stretch have the median ratio that is tried as its factor.
_HEADS: Final = (3, 9, 27)
# Of a stretch's bars so many may be corrected besides.
_MOST_OTHERS: Final = 0.1
_MOST_STEPS: Final = 64
# What computing in doubles loses, and the least that a factor is told from.
_COMPUTED: Final = 1e-9
_LEAST_MOVE: Final = 1e-5
_SAME: Final = 1e-5
_LARGEST_RATIO: Final = 20
_HIDDEN: Final = 1e-3
# The decimal logarithm of the least change of unit, of which rounding to cents leaves two digits.
_LEAST_UNIT: Final = 2
_HIDDEN_UNIT: Final = 2e-2
_MOST_DECIMALS: Final = 8
_VOLUME_ROUNDING: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Step(Readable):
    """Bars before ``until`` (ns, exclusive) and from the step before on were multiplied by ``factor``."""

    until: int
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Restatement(Readable):
    """All bars before ``until`` were multiplied; ``factor`` is new over old price of the oldest.

    ``steps`` has the factors in ascending order of time. ``volume`` says how the volume moved with the prices: by the
    inverse, or not. ``bars`` were restated, ``others`` changed in another way besides.
    """

    factor: float
    until: int
    steps: tuple[Step, ...]
    volume: VolumeMove
    bars: int
    others: int

    def __str__(self) -> str:
        """Say it in a line."""
        steps = "" if len(self.steps) == 1 else f", in {len(self.steps)} steps"
        beside = f", and {self.others} changed otherwise" if self.others else ""
        volume = "volume by the inverse" if self.volume == "inverse" else "volume unchanged"
        until = format_time(self.until)
        return f"{self.bars} bars before {until} times {self.factor:.10g}{steps}, {volume}{beside}"


def recognise(old: Rows, new: Rows, tolerance: Tolerance) -> Restatement | None:
    """Return the restatement that leads from the old to the new bars of the same times, or None if there is none."""
    pairs = Pairs(old, new, tolerance)
    # What was changed behind bars that stayed has another cause, and counts among the others.
    steps = list(takewhile(lambda step: step[1] != 1.0, _joined(_steps(pairs))))
    if not steps or len(steps) > _MOST_STEPS:
        return None
    factors = np.ones(len(old))
    begun = 0
    for end, factor in steps:
        factors[begun:end] = factor
        begun = end
    fits = pairs.fit(factors)
    restated = fits & (factors != 1.0)
    volume = volume_move(pairs, factors, restated)
    others = int((~fits).sum())
    if volume is None or others > _MOST_OTHERS * len(old):
        return None
    return Restatement(
        factor=steps[0][1],
        until=_label(old, begun),
        steps=tuple(
            Step(until=int(old.time[min(end, len(old) - 1)]) + (end == len(old)), factor=f) for end, f in steps
        ),
        volume=volume,
        bars=int(restated.sum()),
        others=others,
    )


def _label(rows: Rows, at: int) -> int:
    """Return the label of a bar, or what lies right behind the last one."""
    return int(rows.time[at]) if at < len(rows) else int(rows.time[-1]) + 1


def suspicious(old: Rows, new: Rows, tolerance: Tolerance) -> bool:
    """Whether some bar of a few looks multiplied: all of its prices moved by one factor."""
    if not len(old):
        return False
    pairs = Pairs(old, new, tolerance)
    return bool((pairs.fit(pairs.ratio) & ~pairs.fit(np.ones(len(old))) & pairs.moves(pairs.ratio)).any())


class Pairs:
    """Old and new bars of the same times, and which of them a factor explains."""

    def __init__(self, old: Rows, new: Rows, tolerance: Tolerance) -> None:
        """Take bars of the same times, one each."""
        self.old, self.new, self.tolerance = old, new, tolerance
        self._columns = [(getattr(old, name), getattr(new, name)) for name in PRICES]
        self._rounding = [(_half_a_unit(before), _half_a_unit(after)) for before, after in self._columns]
        before = np.nansum([column for column, _ in self._columns], axis=0)
        after = np.nansum([column for _, column in self._columns], axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = after / before
        # A bar of zeros or without prices tells nothing, and every factor explains it.
        self.ratio: Floats = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)

    def fit(self, factors: Floats, first: int = 0, last: int | None = None) -> Flags:
        """Tell which bars are the old ones times these factors, up to rounding and trembling."""
        part = slice(first, last)
        fits = np.ones(len(factors), np.bool_)
        for (before, after), (old_half, new_half) in zip(self._columns, self._rounding, strict=True):
            old, new = before[part], after[part]
            allowed = (self.tolerance.price + _COMPUTED) * factors * np.abs(old) + new_half + factors * old_half
            with np.errstate(invalid="ignore"):
                near = np.abs(new - factors * old) <= allowed
            fits &= near | (np.isnan(old) & np.isnan(new))
        return fits

    def moves(self, factors: Floats) -> Flags:
        """Tell which factors are more than trembling."""
        return np.asarray(np.abs(factors - 1.0) > max(_LEAST_MOVE, 4 * self.tolerance.price))

    def factor(self, first: int, last: int) -> float:
        """Return the factor that most of these bars moved by; 1 if it is no more than trembling."""
        middle = float(np.median(self.ratio[first:last]))
        fits = self._fitting(middle, first, last)
        if len(fits):
            sums = [np.nansum([column[at][fits] for column in self._columns]) for at in (0, 1)]
            middle = float(sums[1] / sums[0]) if sums[0] > 0 and sums[1] > 0 else middle
        if not bool(self.moves(np.array([middle]))[0]):
            return 1.0
        enough = len(self._fitting(middle, first, last))
        plain = [one for one in (unit_ratio(middle), plain_ratio(middle)) if one != middle]
        return next((one for one in plain if len(self._fitting(one, first, last)) >= enough), middle)

    def _fitting(self, factor: float, first: int, last: int) -> Ints:
        return np.flatnonzero(self.fit(np.full(last - first, factor), first, last)) + first


def _steps(pairs: Pairs) -> Iterator[tuple[int, float]]:
    """Give the stretches of one factor, oldest first: the position of their end, and the factor."""
    first, length = 0, len(pairs.old)
    while first < length:
        end, factor = _step(pairs, first)
        yield end, factor
        first = end


def _step(pairs: Pairs, first: int) -> tuple[int, float]:
    """Return where the first of these bars' factor ends, and the factor.

    It is taken from a few bars, which the next event may follow soon, or from more, among which some were corrected.
    """
    length = len(pairs.old)
    for head in _HEADS:
        factor = pairs.factor(first, min(first + head, length))
        end = _end(pairs, first, factor)
        if factor == 1.0 or end == first:
            continue
        factor = pairs.factor(first, end)
        end = _end(pairs, first, factor)
        if factor != 1.0 and end > first and _told(pairs, first, end, factor):
            return end, factor
    end = _end(pairs, first, 1.0)
    # Nothing explains these bars: it is no restatement, or what follows the restated bars is unclear.
    return (end if end > first else length), 1.0


def _joined(steps: Iterator[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the stretches, neighbours of one factor as one."""
    joined: list[tuple[int, float]] = []
    for end, factor in steps:
        if joined and abs(joined[-1][1] - factor) <= _SAME * factor:
            joined[-1] = end, joined[-1][1]
        else:
            joined.append((end, factor))
    return joined


def _end(pairs: Pairs, first: int, factor: float) -> int:
    """Return where so many bars in a row begin that the factor does not explain; fewer are corrections.

    A run of corrections at the very beginning is passed over, since the factor is that of the bars around it.
    """
    every = ~pairs.fit(np.full(len(pairs.old) - first, factor), first)
    if every.all():
        return first
    skipped = int(np.argmin(every))
    first, misfits = first + skipped, every[skipped:]
    run = misfits.copy()
    for ahead in range(1, _FEWEST):
        run[: len(run) - ahead] &= misfits[ahead:]
        run[max(len(run) - ahead, 0) :] = False
    breaks = np.flatnonzero(run)
    if len(breaks):
        return first + int(breaks[0])
    # Towards the end there is no room for a run: what moves no more after the restated bars was not restated.
    return first + len(misfits) - int(np.argmin(misfits[::-1]))


def _told(pairs: Pairs, first: int, end: int, factor: float) -> bool:
    """Whether enough bars say by themselves that they were moved by the factor, and few disagree."""
    fits = pairs.fit(np.full(end - first, factor), first, end)
    unmoved = pairs.fit(np.ones(end - first), first, end)
    return int((fits & ~unmoved).sum()) >= _FEWEST and int((~fits).sum()) <= _MOST_OTHERS * (end - first)


def volume_move(pairs: Pairs, factors: Floats, restated: Flags) -> VolumeMove | None:
    """Return how the volume of restated bars moved, or None if in neither way."""
    old, new = pairs.old.volume[restated], pairs.new.volume[restated]
    moves: tuple[tuple[VolumeMove, Floats], ...] = (("unchanged", old), ("inverse", old / factors[restated]))
    for move, wanted in moves:
        allowed = 1.0 + max(pairs.tolerance.volume, _VOLUME_ROUNDING) * np.abs(wanted)
        with np.errstate(invalid="ignore"):
            near = (np.abs(new - wanted) <= allowed) | (np.isnan(new) & np.isnan(wanted))
        if int((~near).sum()) <= _MOST_OTHERS * len(old):
            return move
    return None


def _half_a_unit(prices: Floats) -> float:
    """Return half of the last decimal that prices are rounded to, or 0 if they are not."""
    with np.errstate(invalid="ignore"):
        for decimals in range(_MOST_DECIMALS):
            rounded = np.round(prices, decimals)
            if bool(((np.abs(rounded - prices) <= _COMPUTED * np.abs(prices)) | np.isnan(prices)).all()):
                return 0.5 / 10.0**decimals
    return 0.0


def unit_ratio(factor: float) -> float:
    """Return the power of ten, from a hundred on, that a factor may be where prices are rounded, else the factor."""
    power = round(log10(factor))
    unit = 10.0**power
    return unit if abs(power) >= _LEAST_UNIT and abs(factor - unit) <= _HIDDEN_UNIT * unit else factor


def plain_ratio(factor: float) -> float:
    """Return the plain ratio, such as 1/4 or 2/3, that a factor may be where rounding hides it, else the factor."""
    for below in range(1, _LARGEST_RATIO + 1):
        above = round(factor * below)
        if above and abs(factor - above / below) <= _HIDDEN * factor:
            return above / below
    inverse = round(1 / factor)
    return 1 / inverse if inverse and abs(factor * inverse - 1) <= _HIDDEN else factor
