"""Shifts: the same bars under other labels.

A source that changes its time zone, forgets daylight saving time, or labels bars by their close gives the same values
at other times. On a calendar with gaps the labels themselves tell which it was; where bars follow each other without a
gap, labels of the close look like a shift by one bar.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from barledger.domain.comparison import Tolerance
from barledger.domain.discrepancy import RELABELLED, SHIFT
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES, Flags, Rows, found_in, merge, tombstones
from barledger.domain.timeframe import DAY, HOUR, Timeframe
from barledger.services.integrity.difference import Difference, Sides, close

_FEWEST: Final = 5
_MOST_ALIKE: Final = 0.5
_LEAST_MATCHED: Final = 0.8
_MOST_HOURS: Final = 14


@dataclass(frozen=True, slots=True)
class _Move:
    """Values that moved by ``offset`` ns (0: by ``places`` bars, from label to label)."""

    offset: int
    places: int
    share: float


def find_shift(sides: Sides) -> Difference | None:
    """Return the shift that explains most of what differs, or None if there is none."""
    old, new = _stretch(sides)
    if len(old) < _FEWEST or len(new) < _FEWEST or _constant(old, sides.tolerance):
        return None
    if _alike(old, new, sides.tolerance) > _MOST_ALIKE:
        return None
    moves = [*_by_time(sides, old, new), *_by_place(sides, old, new)]
    best = max(moves, key=lambda move: (round(move.share, 2), move.offset != 0), default=None)
    if best is None or best.share < _LEAST_MATCHED:
        return None
    return _difference(sides, old, new, best, moves)


def _stretch(sides: Sides) -> tuple[Rows, Rows]:
    """Return both sides from the first to the last bar that differs at all."""
    compared = sides.compared
    new = sides.new.time[np.sort(np.concatenate([np.asarray(compared.new, np.int64), compared.changed]))]
    times = np.union1d(new, sides.lacking)
    if not len(times):
        return sides.old.pick(slice(0, 0)), sides.new.pick(slice(0, 0))
    first, last = int(times[0]), int(times[-1])
    return tuple(rows.pick((rows.time >= first) & (rows.time <= last)) for rows in (sides.old, sides.new))  # type: ignore[return-value]


def _alike(old: Rows, new: Rows, tolerance: Tolerance) -> float:
    """Return the share of bars that are the same under the same label."""
    mine, theirs = old.pick(found_in(old.time, new.time)), new.pick(found_in(new.time, old.time))
    return float(_same(mine, theirs, tolerance).sum()) / len(old)


def _same(old: Rows, new: Rows, tolerance: Tolerance) -> Flags:
    flags = np.ones(len(old), np.bool_)
    for name in VALUES:
        flags &= close(getattr(old, name), getattr(new, name), tolerance.of(name))
    return flags


def _constant(rows: Rows, tolerance: Tolerance) -> bool:
    """Whether bars that follow each other are mostly the same, so that any shift would fit."""
    same = _same(rows.pick(slice(0, -1)), rows.pick(slice(1, None)), tolerance)
    return bool(same.mean() > _MOST_ALIKE)


def _by_time(sides: Sides, old: Rows, new: Rows) -> Iterator[_Move]:
    """Give the offsets in time under which bars are found again."""
    for offset in _offsets(sides.timeframe):
        known = found_in(old.time + offset, new.time)
        # Bars that would lie outside the stretch cannot be found in it.
        possible = (old.time + offset >= new.time[0]) & (old.time + offset <= new.time[-1])
        if int(possible.sum()) < _FEWEST:
            continue
        mine, theirs = old.pick(known), new.pick(found_in(new.time, old.time + offset))
        matched = int(_same(mine, theirs, sides.tolerance).sum())
        if matched >= _FEWEST:
            yield _Move(offset, 0, matched / int(possible.sum()))


def _offsets(timeframe: Timeframe) -> list[int]:
    if timeframe.duration >= DAY:
        return [timeframe.duration, -timeframe.duration]
    hours = [hour * HOUR // 2 for hour in range(1, 2 * _MOST_HOURS + 1)]
    steps = sorted({timeframe.duration, *(step for step in hours if step % timeframe.grid == 0)})
    return [sign * step for step in steps for sign in (1, -1)]


def _by_place(sides: Sides, old: Rows, new: Rows) -> Iterator[_Move]:
    """Give the moves from one label to the next, or to the one before."""
    mine, theirs = old.pick(found_in(old.time, new.time)), new.pick(found_in(new.time, old.time))
    count = len(mine) - 1
    if count < _FEWEST:
        return
    for places in (1, -1):
        earlier, later = (mine, theirs) if places > 0 else (theirs, mine)
        matched = int(_same(earlier.pick(slice(0, -1)), later.pick(slice(1, None)), sides.tolerance).sum())
        if matched >= _FEWEST:
            yield _Move(0, places, matched / count)


def _difference(sides: Sides, old: Rows, new: Rows, best: _Move, moves: list[_Move]) -> Difference:
    duration = sides.timeframe.duration
    by_place = max((move.share for move in moves if not move.offset), default=0.0)
    # Where the labels follow each other without a gap, both moves are one, and nothing but the habit of vendors tells.
    unclear = bool(best.offset) and by_place >= _LEAST_MATCHED
    whole = len(old) >= len(sides.old) - 1
    relabelled = best.offset == duration and (not unclear or whole)
    kind = RELABELLED if relabelled else SHIFT
    gone = old.time[~found_in(old.time, new.time)]
    moved = new.pick(~_unmoved(old, new, sides.tolerance))
    rows = merge([moved, tombstones(gone)])
    told = f"{best.offset / HOUR:+g} h" if best.offset else f"{best.places:+d} bar"
    others = (
        ["shift by one bar" if relabelled else "labels of the close"] if unclear and best.offset == duration else []
    )
    return Difference(
        kind=kind,
        rows=rows,
        times=np.union1d(old.time, new.time),
        reason=f"{best.share:.0%} of the bars have their values at labels that lie {told} apart",
        fields=("time",),
        confidence=best.share * (0.7 if unclear else 0.9),
        about=f"{told} from {format_time(int(old.time[0]))}",
        evidence={
            "offset": told,
            "offset_ns": str(best.offset),
            "matched": f"{best.share:.4g}",
            **({"may_also_be": others} if others else {}),
        },
    )


def _unmoved(old: Rows, new: Rows, tolerance: Tolerance) -> Flags:
    """Tell which new bars are those that are held under the same label."""
    known = found_in(new.time, old.time)
    flags = np.zeros(len(new), np.bool_)
    flags[known] = _same(old.pick(found_in(old.time, new.time)), new.pick(known), tolerance)
    return flags
