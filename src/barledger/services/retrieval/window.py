"""Windows: so many bars before a time, found without reading the whole series.

Where they begin is guessed from the newest block, of which the ledger knows how many bars it has, and through the
calendar. If fewer are there than a full record would have, the ledger's counts of bars say how much further back to
look.
"""

from barledger.domain.calendar import AlwaysOpen
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.errors import CalendarNotFound
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.view import Stretch, View


def read_window(view: View, request: ReadRequest) -> Stretch:
    """Return the last n bars of the interval, or the interval with n bars before its start, as far as there are any."""
    interval, reach = request.interval, view.reach
    if request.last is not None:
        inside = interval if not view.pins else _clipped(interval, reach)
        return _last(view, inside, inside.end, request.last, lower=inside.start)
    return _last(view, interval, interval.start, request.lookback, lower=reach.start)


def _clipped(interval: Interval, reach: Interval) -> Interval:
    """Put a snapshot's bounds where the caller named none."""
    start = reach.start if interval.start == BEGINNING else interval.start
    return Interval(start, reach.end if interval.end == END_OF_TIME else interval.end)


def _last(view: View, interval: Interval, boundary: int, count: int, *, lower: int) -> Stretch:
    """Return the bars from the n-th before ``boundary`` up to the end of the interval, none before ``lower``."""
    start = max(lower, _guess(view, boundary, count))
    # What the caller asks for by name has to be there; what lies before it is what there is.
    firm = interval.start if interval.start != BEGINNING else END_OF_TIME
    while True:
        stretch = view.read(Interval(start, interval.end), firm_from=firm)
        found = int(stretch.rows.time.searchsorted(boundary))
        if found >= count or start <= lower:
            break
        start = max(lower, _further(view, start, count - found))
    if found > count:
        start = int(stretch.rows.time[found - count])
    elif boundary != interval.end:
        start = int(stretch.rows.time[0]) if found else interval.start
    return stretch.within(Interval(start, interval.end))


def _guess(view: View, boundary: int, count: int) -> int:
    """Return where so many bars before the boundary probably begin."""
    if not count:
        return boundary
    states = view.vault.ledger.revisions.states(view.series)
    newest = max((state.newest for state in states if state.newest), default=None, key=lambda block: block.start)
    if newest is None or view.timeframe.block_end(newest.start) > boundary:
        return BEGINNING if boundary == END_OF_TIME else earlier(view, boundary, count)
    if newest.rows >= count:
        return newest.start
    return earlier(view, newest.start, count - newest.rows)


def earlier(view: View, time: int, count: int) -> int:
    """Return about where so many bars before a time begin: exactly, as far as the calendar reaches."""
    try:
        return view.calendar().earlier(view.timeframe, time, count)
    except CalendarNotFound:
        # A guess needs no calendar; what needs one says so.
        return AlwaysOpen().earlier(view.timeframe, time, count)


def _further(view: View, start: int, missing: int) -> int:
    """Return how far back the ledger counts so many bars before ``start``; without as many, the beginning."""
    before = Interval(BEGINNING, start)
    edges = []
    for series in view.series:
        left = missing
        for block in reversed(view.vault.ledger.catalog.blocks(series, before) or []):
            left -= block.rows
            if left <= 0:
                edges.append(block.start)
                break
    return min(max(edges, default=BEGINNING), start - 1)
