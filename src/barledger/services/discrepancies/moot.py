"""Moot: what waits for a decision and is right by now, since another decision put it right on its way.

A finding within a series is an error with edges: the bars within are so many times those beside them. Whatever moved
the bars within by so much against those beside has put it right. What a source gives is, where the bars are so already.
"""

from math import log
from typing import Final

import numpy as np

from barledger.domain.discrepancy import RESTATEMENT, Discrepancy
from barledger.domain.rows import Flags, Floats, Ints, Rows, found_in
from barledger.services.discrepancies.multiplying import is_own

_HALF: Final = 0.5
_NEAR: Final = 0.05
# So many bars on each side tell how the source moved those around one.
_AROUND: Final = 13


def put_right(one: Discrepancy, times: Ints, moved: Floats) -> bool | None:
    """Tell whether bars were put right by moves, the logarithms of new over old price of each bar around them.

    Moves have no noise but rounding, so that the two bars beside an edge tell; more would blur edges that are near.
    None where edges contradict each other, or where it is not a price that is wrong.
    """
    wanted = log_factor(one)
    if not wanted:
        return None
    shares = [inwards * float(moved[at] - moved[at - 1]) / wanted for at, inwards in _edges(one, times)]
    if shares and all(abs(share - 1) < _HALF for share in shares):
        return True
    return False if all(abs(share) < _HALF for share in shares) else None


def goes_on(one: Discrepancy, times: Ints, moved: Floats, here: Flags) -> bool:
    """Tell whether what was corrected is still wrong in what a source gives, though it changed the bars ``here``.

    ``moved`` is what it did to each bar around them. Its edges say whether it put all of them right; where it did so
    with some of them, or the edges contradict each other, it is another story.
    """
    wanted = log_factor(one)
    if not wanted or put_right(one, times, moved) is not False:
        return False
    mine = moved[here] - (_medians(moved)[here] if _edges(one, times) else 0.0)
    return not bool((np.abs(mine / wanted - 1) < _HALF).any())


def unmoved(one: Discrepancy, moved: Floats) -> Flags:
    """Tell which bars moved with those around them, by less than half of what was corrected apart from that."""
    return np.asarray(np.abs(moved - _medians(moved)) < _HALF * abs(log_factor(one)))


def _edges(one: Discrepancy, times: Ints) -> list[tuple[int, int]]:
    """Return the places of the bars right behind the edges that can be seen, and the sign of a step inwards there."""
    places = zip(np.searchsorted(times, [one.interval.start, one.interval.end]).tolist(), (1, -1), strict=True)
    return [(at, inwards) for at, inwards in places if 0 < at < len(times)]


def log_factor(one: Discrepancy) -> float:
    """Return the logarithm of a finding's factor on the close, 0 if it has none."""
    return log(one.factor) if is_own(one) and one.factor and one.fields[0] != "volume" else 0.0


def moves(old: Rows, new: Rows) -> tuple[Ints, Floats]:
    """Return the times of the bars that both have, and the logarithms of new over old close."""
    mine, theirs = old.pick(found_in(old.time, new.time)), new.pick(found_in(new.time, old.time))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(theirs.close / mine.close)
    finite = np.isfinite(logs)
    return mine.time[finite], logs[finite]


def _medians(values: Floats) -> Floats:
    """Return the median of each value and those around it."""
    padded = np.pad(values, _AROUND, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), axis=1))


def is_so_already(one: Discrepancy, wanted: Rows, now: Rows) -> bool:
    """Tell whether bars stand where a source wants them, up to how it rounds; of one factor alone."""
    if one.kind != RESTATEMENT or one.factor is None or one.factor <= 0 or len(wanted.standing()) != len(now):
        return False
    _, left = moves(now, wanted)
    return len(left) > 0 and float(np.quantile(np.abs(left), 0.95)) < _NEAR * abs(log(one.factor))
