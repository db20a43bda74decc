"""Digesting what is read in parts: the blocks are those of the whole, wherever it is cut."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.digest import block_digests
from barledger.domain.interval import Interval, everything, union
from barledger.domain.rows import Ints, Rows, concat
from barledger.domain.timeframe import DAY, MINUTE, Timeframe
from barledger.services.cache.digesting import digest_read
from barledger.testing.bars import rows

MINUTES = Timeframe.of("1m")
TIMES = st.lists(st.integers(0, 20 * 24 * 60 - 1), min_size=1, max_size=60, unique=True)


class Recorder:
    """Reads from rows, and remembers what was asked for."""

    def __init__(self, held: Rows) -> None:
        self.held = held
        self.asked: list[Sequence[Interval]] = []

    def __call__(self, intervals: Sequence[Interval]) -> Rows:
        self.asked.append(intervals)
        return concat([self.held.within(interval) for interval in intervals])


def held(minutes: Sequence[int]) -> Rows:
    return rows([MINUTE * minute for minute in sorted(minutes)])


def counts(bars: Rows) -> tuple[Ints, Ints]:
    blocks = block_digests(bars, MINUTES)
    return np.array([block.start for block in blocks]), np.array([block.rows for block in blocks])


@given(minutes=TIMES, known=TIMES, at_once=st.integers(1, 40), edges=st.lists(st.integers(-1, 21), max_size=8))
def test_parts_are_the_whole_wherever_it_is_cut(
    minutes: list[int], known: list[int], at_once: int, edges: list[int]
) -> None:
    """What is known may have other blocks than what is read, as a damaged store's do."""
    ends = np.array(sorted(set(edges))[: len(set(edges)) // 2 * 2]).reshape(-1, 2) * DAY
    intervals = union(Interval(int(start), int(end)) for start, end in ends) or [everything()]
    bars = Recorder(held(minutes))
    whole = block_digests(bars(intervals), MINUTES)
    assert digest_read(bars, intervals, MINUTES, counts(held(known)), at_once=at_once) == whole
    assert union(part for asked in bars.asked[1:] for part in asked) == intervals


def test_no_part_is_much_larger_than_it_should_be() -> None:
    bars = Recorder(held(range(0, 20 * 24 * 60, 60)))
    known = block_digests(bars.held, MINUTES)
    assert digest_read(bars, [everything()], MINUTES, counts(bars.held), at_once=100) == known
    sizes = [len(concat([bars.held.within(one) for one in asked])) for asked in bars.asked]
    assert sizes == [96] * 5
