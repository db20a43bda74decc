"""Staying: whether bars that somebody wrote after a decision count the events that became known with it.

They were multiplied by whatever else happened since, such as another split, be it the other way round. So how far a
bar is from what the decision made of it is not looked at, but whether it is where a bar lies that counts none of its
events and all others that became known.
"""

from collections.abc import Sequence
from math import log
from typing import Final

import numpy as np

from barledger.domain.action import SHARES, CorporateAction
from barledger.domain.rows import Floats, Ints, Rows, found_in
from barledger.services.discrepancies.moot import moves

_HALF: Final = 0.5


def staying_count(
    left: Rows,
    *,
    before: Rows,
    made: Rows,
    events: Sequence[CorporateAction],
    since: Sequence[CorporateAction],
    then: Sequence[CorporateAction],
) -> bool:
    """Tell whether any bar of ``left`` counts ``events``, or may do so.

    ``before`` and ``made`` are bars of the same times as they were before the decision and after it, ``since`` and
    ``then`` the changes of shares that are known now, and that were known with the decision. What is not clearly where
    a bar without the events lies, within half of the least of them, is taken to count them.
    """
    times, moved = moves(made, left)
    if len(times) < len(left):
        return True
    decided = _decided(times, before, made, events)
    others = _logs(since, times) - _logs(then, times)
    least = np.minimum(np.abs(decided), _least(events))
    away = np.abs(moved - others + decided)
    return bool((away >= _HALF * least)[decided != 0.0].any())


def _decided(times: Ints, before: Rows, made: Rows, events: Sequence[CorporateAction]) -> Floats:
    """Return by how much the decision multiplied each bar; of those that it added, what its events say."""
    found = _logs(events, times)
    known, logs = moves(before, made)
    both = found_in(known, times)
    found[found_in(times, known)] = logs[both]
    return found


def _logs(events: Sequence[CorporateAction], times: Ints) -> Floats:
    """Return the logarithm of what changes of shares multiply prices before them by."""
    found = np.zeros(len(times))
    for one in events:
        if one.kind in SHARES:
            found[times < one.ex_date] -= -log(one.ratio) if one.withdrawn else log(one.ratio)
    return found


def _least(events: Sequence[CorporateAction]) -> float:
    """Return the least step of any change of shares among events, infinite if they are payments alone."""
    return min((abs(log(one.ratio)) for one in events if one.kind in SHARES), default=float("inf"))
