"""The last few coarser bars, out of as many finer ones as they take."""

from collections.abc import Callable
from typing import Final

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.resample import Partial, check_coarser, check_partial, coarsen
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe

Last = Callable[[int], Bars]
"""Gives the last so many bars, fewer if there are no more."""
Since = Callable[[int], Bars]
"""Gives the bars from a time (ns) on."""

_FURTHER: Final = 4
_MOST: Final = 100_000_000


def last_resampled(
    last: Last, since: Since, *, fine: Timeframe, coarse: Timeframe, count: int, partial: Partial = "drop"
) -> Bars:
    """Return the last so many bars of a coarser timeframe, fewer if there are no more.

    With ``drop`` those that lack a part do not count. Raises what `Bars.resample` raises.
    """
    check_partial(partial)
    check_coarser(fine, coarse)
    wanted = (count + 1) * (coarse.duration // fine.duration)
    while True:
        found = last(min(wanted, _MOST))
        every = len(found) < wanted
        begins = _begins(found, coarse, partial, every=every)
        if every or len(begins) >= count:
            break
        # Gaps, and markets that close, leave fewer bars than the clock has.
        wanted *= _FURTHER
    return (since(int(begins[-count:][0])) if len(begins) else found).resample(coarse, partial=partial)


def _begins(found: Bars, coarse: Timeframe, partial: Partial, *, every: bool) -> Ints:
    """Return the first finer bar (ns) of each coarser one that counts; the first one of some may be cut."""
    made = coarsen(found.rows, found.timeframe, coarse, found.calendar)
    counts = ~made.partial if partial == "drop" else np.ones(len(made.rows), np.bool_)
    if not every:
        counts[:1] = False
    if not len(made.rows):
        return found.time
    labels = found.calendar.coarser(found.timeframe, found.time, coarse)
    begins: Ints = found.time[np.searchsorted(labels, made.rows.time[counts])]
    return begins
