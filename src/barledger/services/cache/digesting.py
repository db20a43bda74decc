"""Reading bars only to digest them: part by part, so that memory holds one part and no long series."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from barledger.domain.digest import Block, block_digests
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.rows import Rows
from barledger.domain.timeframe import Timeframe

# Some 100 MB; in smaller parts, what a read costs before its first row begins to count.
_AT_ONCE: Final = 2_000_000


def digest_read(
    read: Callable[[Sequence[Interval]], Rows],
    intervals: Sequence[Interval],
    timeframe: Timeframe,
    known: Iterable[Block],
    *,
    at_once: int = _AT_ONCE,
) -> list[Block]:
    """Return the blocks of what ``read`` gives for the intervals (sorted, disjoint), in ascending order.

    ``known`` says how many rows to expect where, and so where to cut, some ``at_once`` rows each; nothing else is taken
    from it. Raises what ``read`` raises.
    """
    return [block for part in _parts(intervals, known, at_once) for block in block_digests(read(part), timeframe)]


def _parts(intervals: Sequence[Interval], known: Iterable[Block], at_once: int) -> Iterator[Sequence[Interval]]:
    """Cut intervals where blocks begin."""
    cuts, rows = [BEGINNING], 0
    for block in known:
        if rows >= at_once:
            cuts.append(block.start)
            rows = 0
        rows += block.rows
    if len(cuts) == 1:
        yield intervals
        return
    starts, ends = [interval.start for interval in intervals], [interval.end for interval in intervals]
    for start, end in pairwise([*cuts, END_OF_TIME]):
        touched = intervals[bisect_right(ends, start) : bisect_left(starts, end)]
        if touched:
            yield [Interval(max(one.start, start), min(one.end, end)) for one in touched]
