"""Telling: what is said beside the values of indicators: their warm-up, their restarts, and who computed them."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from barledger.domain.interval import format_time
from barledger.indicators.binding import Pick, Request, bounds
from barledger.indicators.calculation import Standing
from barledger.indicators.engines import engines
from barledger.indicators.relying import ANCHORED, Gaps, Rows, begin_of

_SHOWN: Final = 5


def standing(pick: Pick, gaps: Gaps, rows: Rows, anchor: int = 0) -> Standing:
    """Return how far an output can be relied on."""
    reach, begin, table = pick.reach, begin_of(pick, rows, gaps.table, anchor), gaps.table
    relied = gaps.relied(pick, rows, anchor)
    anchored = reach.memory in ANCHORED
    # That more is known than settles it depends on what else was read, and says nothing of these values.
    had = relied.had if anchored else min(relied.had, reach.settled)
    whole = rows.begins and begin == 0 and (anchored or rows.first < reach.settled or not rows.first)
    there = relied.begin < len(table)
    return Standing(
        key=pick.key,
        memory=reach.memory,
        exact=reach.exact or whole,
        needed=reach.settled,
        had=had,
        complete=had >= reach.settled and not relied.cut,
        begins=whole,
        anchor=int(table.time[relied.begin]) if anchored and there else None,
        restarted=int(table.time[relied.begin]) if there and relied.restarted else None,
        cut=relied.cut,
        lookahead=ahead(pick),
        agreement="" if reach.exact or whole else pick.agreement,
    )


def ahead(pick: Pick) -> int:
    """Return how many later bars an output knows, by itself and by what it is computed from."""
    return pick.lookahead + max((ahead(one) for one in pick.bound.inputs if isinstance(one, Pick)), default=0)


def gaps_told(gaps: Gaps, request: Request, rows: Rows, anchor: int = 0) -> dict[str, Any]:
    """Return how many gaps there are in what the rows answered rely on, and before which rows the first ones lie.

    A gap is of missing bars, or of rows without a value in a column or in what an output is computed from, of which
    ``rows_without_a_value`` tells. Columns of the policy ``segment`` restart there, and those of ``skip`` leave it out.
    """
    picks = request.picks.values()
    whole = gaps.missing_of(picks)
    settling = min(gaps.settling_of(pick, rows, anchor) for pick in picks)
    at = gaps.rows(whole, settling)
    if not len(at) and not len(whole):
        return {"count": 0, "before": []}
    begin = min(_relied_from(pick, gaps, rows, anchor) for pick in picks)
    inside = at[(at >= begin) & (at < rows.stop)]
    told: dict[str, Any] = {
        "count": len(inside),
        "before": [format_time(int(one)) for one in gaps.table.time[inside[:_SHOWN]]],
    }
    missing = whole[: rows.stop]
    valued = np.flatnonzero(~missing[settling:begin])
    # The rows that a restart is behind are those of its gap.
    skipped = int(missing[min(rows.first, settling + int(valued[-1]) + 1 if len(valued) else begin) :].sum())
    return told | ({"rows_without_a_value": skipped} if skipped else {})


def _relied_from(pick: Pick, gaps: Gaps, rows: Rows, anchor: int) -> int:
    """Return the first row that a gap before it changes the values of, a restart being one."""
    relied = gaps.relied(pick, rows, anchor)
    return relied.begin if relied.restarted else relied.begin + (relied.begin > 0)


def told(request: Request, standings: Mapping[str, Standing]) -> dict[str, Any]:
    """Return what was asked for and who computed it, as values that JSON knows."""
    policies = {bound.policy for pick in request.picks.values() for bound in bounds(pick)}
    anchors = {name: format_time(one.anchor) for name, one in standings.items() if one.anchor is not None}
    future = {name: one.lookahead for name, one in standings.items() if one.lookahead}
    near = {name: one.agreement for name, one in standings.items() if one.agreement}
    return {
        "specs": list(request.specs),
        "nan_policy": min(policies) if len(policies) == 1 else sorted(policies),
        "engines": engines(),
        "warmup": {name: {"needed": one.needed, "had": one.had} for name, one in standings.items()},
        **({"anchors": anchors} if anchors else {}),
        **({"lookahead": future} if future else {}),
        **({"agreement": near} if near else {}),
    }
