"""Telling: what is said beside the values of indicators: their warm-up, their restarts, and who computed them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from barledger.domain.interval import format_time
from barledger.domain.rows import Ints
from barledger.indicators.binding import Pick, Request, bounds
from barledger.indicators.calculation import Standing
from barledger.indicators.engines import engines
from barledger.indicators.table import Table

ANCHORED: Final = ("path", "index")
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Which rows of a table are answered, [first, stop), and whether the table begins where the series does."""

    first: int
    stop: int
    begins: bool


def begin_of(pick: Pick, rows: Rows, anchor: int = 0) -> int:
    """Return the row that an output is computed from: its anchor, or where it settles by the first row answered.

    What is exact is the same from any row on, so that all of it is computed together from the table's first row.
    """
    reach = pick.reach
    if reach.memory in ANCHORED:
        return anchor
    return 0 if reach.exact else max(0, rows.first - reach.settled)


def standing(pick: Pick, table: Table, rows: Rows, anchor: int = 0) -> Standing:
    """Return how far an output can be relied on."""
    reach, begin = pick.reach, begin_of(pick, rows, anchor)
    anchored = reach.memory in ANCHORED
    # That more is known than settles it depends on what else was read, and says nothing of these values.
    had = rows.first - begin if anchored else min(rows.first, reach.settled)
    whole = rows.begins and begin == 0 and (anchored or rows.first < reach.settled or not rows.first)
    return Standing(
        key=pick.key,
        memory=reach.memory,
        exact=reach.exact or whole,
        needed=reach.settled,
        had=had,
        complete=had >= reach.settled,
        begins=whole,
        anchor=int(table.time[begin]) if anchored and begin < len(table) else None,
    )


def restarts(table: Table, request: Request, rows: Rows) -> dict[str, Any]:
    """Return how often and where computing restarts after missing bars or values, within the rows answered.

    ``skipped`` is how many rows have no value in an input. Columns of a policy other than ``segment`` do not restart.
    """
    at: Ints = table.breaks
    missing = np.zeros(0, np.bool_)
    for column in request.columns:
        if column.key in table.columns and (flags := table.present(column.key).rows) is not None:
            missing = ~flags if not len(missing) else missing | ~flags
    if len(missing):
        after = np.flatnonzero(missing[:-1] & ~missing[1:]) + 1
        there = np.flatnonzero(~missing)
        after = after[after > there[0]] if len(there) else after[:0]
        at = np.union1d(at, after)
    inside = at[(at > rows.first) & (at < rows.stop)]
    told: dict[str, Any] = {
        "count": len(inside),
        "first": [format_time(int(one)) for one in table.time[inside[:_SHOWN]]],
    }
    skipped = int(missing[rows.first : rows.stop].sum()) if len(missing) else 0
    return told | ({"rows_without_a_value": skipped} if skipped else {})


def told(request: Request, standings: Mapping[str, Standing]) -> dict[str, Any]:
    """Return what was asked for and who computed it, as values that JSON knows."""
    policies = {bound.policy for pick in request.picks.values() for bound in bounds(pick)}
    anchors = {name: format_time(one.anchor) for name, one in standings.items() if one.anchor is not None}
    return {
        "specs": list(request.specs),
        "nan_policy": min(policies) if len(policies) == 1 else sorted(policies),
        "engines": engines(),
        "warmup": {name: {"needed": one.needed, "had": one.had} for name, one in standings.items()},
        **({"anchors": anchors} if anchors else {}),
    }
