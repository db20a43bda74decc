"""Shortfall: the bars of a lookback that are not there, for callers who count on them."""

from collections.abc import Sequence

import numpy as np

from barledger.domain.interval import BEGINNING, Interval, intersection
from barledger.services.retrieval.fetching import Fetcher, Still
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.view import Stretch, View
from barledger.services.retrieval.window import earlier

SHORT = "short_lookback"


def shortfall(
    view: View, stretch: Stretch, request: ReadRequest, fetcher: Fetcher, *, missing: Sequence[Still] = ()
) -> tuple[Still, ...]:
    """Return what a lookback lacks and ``missing`` does not tell; bars that there never were are lacking here too.

    What availability cannot explain has the reason ``short_lookback``.
    """
    start = request.interval.start
    found = int(np.searchsorted(stretch.rows.time, start))
    lacking = request.lookback - found - _before(view, missing, start)
    if lacking <= 0:
        return ()
    first = int(stretch.rows.time[0]) if found else start
    before = Interval(min(earlier(view, start, request.lookback), first), start)
    excused = fetcher.excused(view.instrument, view.timeframe, before, source=request.source)
    lacking -= sum(one.bars for one in excused)
    if lacking <= 0:
        return excused
    rest = Still(
        instrument=view.instrument,
        timeframe=view.timeframe.name,
        interval=Interval(before.start, first),
        reason=SHORT,
        bars=lacking,
        detail=f"{found:,} of {request.lookback:,} are there",
    )
    return (*excused, rest)


def _before(view: View, missing: Sequence[Still], start: int) -> int:
    """Count the bars that are told to be missing before the start."""
    whole = sum(one.bars for one in missing if one.interval.end <= start)
    cut = [one.interval for one in missing if one.interval.start < start < one.interval.end]
    parts = intersection(cut, [Interval(BEGINNING, start)])
    return whole + sum(view.calendar().count(view.timeframe, part) for part in parts)
