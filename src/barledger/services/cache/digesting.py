"""Reading bars only to digest them: part by part, so that memory holds one part and no long series."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from barledger.domain.digest import Block, block_digests
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import Timeframe

# Some 100 MB; in smaller parts, what a read costs before its first row begins to count.
_AT_ONCE: Final = 2_000_000


def digest_read(
    read: Callable[[Sequence[Interval]], Rows],
    intervals: Sequence[Interval],
    timeframe: Timeframe,
    expected: tuple[Ints, Ints],
    *,
    at_once: int = _AT_ONCE,
) -> list[Block]:
    """Return the blocks of what ``read`` gives for the intervals (sorted, disjoint), in ascending order.

    ``expected`` are the starts (ns) of blocks and the numbers of their rows: they say where to cut, some ``at_once``
    rows each, and need not be true. Raises what ``read`` raises.
    """
    parts = _parts(intervals, _cuts(*expected, at_once))
    return [block for part in parts for block in block_digests(read(part), timeframe)]


def _cuts(starts: Ints, counts: Ints, at_once: int) -> list[int]:
    """Return the starts of those blocks before which there are enough rows, again and again."""
    before = np.cumsum(counts) - counts
    wanted = np.arange(at_once, int(counts.sum()), at_once)
    return np.unique(starts[before.searchsorted(wanted, "right") - 1]).tolist() if len(wanted) else []


def _parts(intervals: Sequence[Interval], cuts: Sequence[int]) -> Iterator[Sequence[Interval]]:
    if not cuts:
        yield intervals
        return
    starts, ends = [interval.start for interval in intervals], [interval.end for interval in intervals]
    for start, end in pairwise([BEGINNING, *cuts, END_OF_TIME]):
        touched = intervals[bisect_right(ends, start) : bisect_left(starts, end)]
        if touched:
            yield [Interval(max(one.start, start), min(one.end, end)) for one in touched]
