"""Counting: an answer has as many bars as the ledger counts in the blocks that it covers, whatever the store says.

A store that was emptied, or lost a shard or a file, may answer as one in which there never was anything. The ledger
knows how many bars each block has, now and as of every pin, so a read compares. Counts are remembered for as long as
the blocks stay what they are: a read costs a few microseconds more, and one look at the ledger where blocks changed.

What cannot be compared is a part of a block: the ledger has no count of it. If such a part is all that is asked for and
nothing is found, the store is asked for more, so that one that lost everything says so.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, NamedTuple

import numpy as np

from barledger.domain.interval import Interval, everything, format_time
from barledger.domain.rows import Ints, Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import StoreDiverged
from barledger.ledger.contract import Ledger, Pin, SeriesState

# Some 30 MB.
_MOST_BLOCKS: Final = 400_000
_MOST_PINS: Final = 512
_EVERYTHING: Final = everything()


class Expected(NamedTuple):
    """So many bars have to lie in [start, end), which are edges of blocks."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class BlockCounts:
    """Where the blocks of a series begin that start in ``reach``, and how many bars lie before each and after all."""

    digest: bytes
    reach: Interval
    starts: Sequence[int]
    before: Sequence[int]

    @staticmethod
    def of(digest: bytes, reach: Interval, starts: Ints, counts: Ints) -> "BlockCounts":
        """Add counts up."""
        return BlockCounts(digest, reach, starts.tolist(), [0, *np.cumsum(counts).tolist()])

    def expected(self, intervals: Sequence[Interval], timeframe: Timeframe) -> list[Expected]:
        """Return what has to lie in the blocks that are wholly in each interval; where there are none, nothing."""
        starts, found = self.starts, []
        for one in intervals:
            first, last = bisect_left(starts, one.start), bisect_left(starts, one.end)
            if first < last and timeframe.block_end(starts[last - 1]) > one.end:
                last -= 1
            if first < last:
                end = timeframe.block_end(starts[last - 1])
                found.append(Expected(starts[first], end, self.before[last] - self.before[first]))
        return found

    def touched(self, intervals: Iterable[Interval], timeframe: Timeframe) -> bool:
        """Tell whether a block that has bars reaches into one of the intervals."""
        for one in intervals:
            after = bisect_left(self.starts, one.end)
            if not one.empty and after and timeframe.block_end(self.starts[after - 1]) > one.start:
                return True
        return False


class Counts:
    """The counts that one session remembers. Threads may share them."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: OrderedDict[Series, BlockCounts] = OrderedDict()
        self._pinned: OrderedDict[tuple[Series, int], BlockCounts | None] = OrderedDict()
        self._blocks = 0
        self._lock = Lock()

    def current(self, ledger: Ledger, state: SeriesState, intervals: Sequence[Interval]) -> BlockCounts:
        """Return the counts of the blocks that start in the intervals, of this state or of one just beside it."""
        kept = self._known(state, intervals)
        if kept is not None:
            return kept
        # Who asks for other blocks of the same state asks for more of them: then all are looked up at once.
        old = self._kept.get(state.series)
        wanted = _EVERYTHING if old is not None and old.digest == state.digest else _hull(intervals)
        return self._look([state], wanted, ledger)[0]

    def prepare(self, ledger: Ledger, states: Sequence[SeriesState], intervals: Sequence[Interval]) -> None:
        """Look up for many series at once what `current` does not know of them."""
        wanted = [state for state in states if state.revision and self._known(state, intervals) is None]
        if wanted:
            self._look(wanted, _hull(intervals), ledger)

    def pinned(self, ledger: Ledger, pin: Pin) -> BlockCounts | None:
        """Return the counts as of a pin's revision, which never change; None if the ledger does not know them."""
        key = pin.series, pin.revision
        if key not in self._pinned:
            blocks = ledger.catalog.blocks(pin.series, _EVERYTHING, revision=pin.revision)
            starts = np.array([block.start for block in blocks or ()], np.int64)
            rows = np.array([block.rows for block in blocks or ()], np.int64)
            found = None if blocks is None else BlockCounts.of(b"", _EVERYTHING, starts, rows)
            with self._lock:
                self._pinned[key] = found
                if len(self._pinned) > _MOST_PINS:
                    self._pinned.popitem(last=False)
            return found
        return self._pinned.get(key)

    def lacking(self, series: Series, rows: Rows, expected: Callable[[], Iterable[Expected]]) -> str:
        """Say as `lacking` does; what is remembered may be of a state just beside this one, and is looked up anew."""
        if not lacking(rows, expected()):
            return ""
        self.forget(series)
        return lacking(rows, expected())

    def forget(self, series: Series) -> None:
        """Believe nothing that is remembered of a series."""
        with self._lock:
            old = self._kept.pop(series, None)
            self._blocks -= 0 if old is None else len(old.before)
            for key in [key for key in self._pinned if key[0] == series]:
                del self._pinned[key]

    def _known(self, state: SeriesState, intervals: Sequence[Interval]) -> BlockCounts | None:
        kept = self._kept.get(state.series)
        if kept is None or not intervals:
            return kept
        if intervals[0].start < kept.reach.start or intervals[-1].end > kept.reach.end:
            return None
        return kept if kept.digest == state.digest else self._grown(kept, state)

    def _grown(self, kept: BlockCounts, state: SeriesState) -> BlockCounts | None:
        """Return the counts after bars that were only added to the newest block, as their sum tells.

        If it tells so by chance, no more comes of it than a comparison that is made again.
        """
        newest = state.newest
        if newest is None or not kept.starts or kept.reach != _EVERYTHING or kept.starts[-1] != newest.start:
            return None
        if kept.before[-2] != state.rows - newest.rows:
            return None
        grown = BlockCounts(state.digest, kept.reach, kept.starts, [*kept.before[:-1], state.rows])
        self._keep(state.series, grown)
        return grown

    def _look(self, states: Sequence[SeriesState], reach: Interval, ledger: Ledger) -> list[BlockCounts]:
        listed = ledger.catalog.counts_of([state.series for state in states], reach)
        found = [BlockCounts.of(state.digest, reach, *listed[state.series]) for state in states]
        for state, counts in zip(states, found, strict=True):
            self._keep(state.series, counts)
        return found

    def _keep(self, series: Series, counts: BlockCounts) -> None:
        with self._lock:
            old = self._kept.pop(series, None)
            self._kept[series] = counts
            self._blocks += len(counts.before) - (0 if old is None else len(old.before))
            while self._blocks > _MOST_BLOCKS and len(self._kept) > 1:
                self._blocks -= len(self._kept.popitem(last=False)[1].before)


def covers_all(state: SeriesState, intervals: Sequence[Interval]) -> bool:
    """Tell whether all bars of a series are asked for, so that its state has their number."""
    return not state.gone and len(intervals) == 1 and intervals[0] == _EVERYTHING


def lacking(rows: Rows, expected: Iterable[Expected]) -> str:
    """Say where there are more or fewer standing bars than there have to be; else nothing."""
    for start, end, count in expected:
        first, last = 0, len(rows)
        if last and (rows.time.item(0) < start or rows.time.item(-1) >= end):
            first, last = int(rows.time.searchsorted(start)), int(rows.time.searchsorted(end))
        found = last - first
        if rows.withdrawn is not None:
            found -= int(rows.withdrawn[first:last].sum())
        if found != count:
            where = "" if (start, end) == _EVERYTHING_EDGES else f" in [{format_time(start)}, {format_time(end)})"
            return f"it has {found} of {count} bars{where}"
    return ""


_EVERYTHING_EDGES: Final = (_EVERYTHING.start, _EVERYTHING.end)


def diverged(series: Series, detail: str) -> StoreDiverged:
    """Return the error for a store whose answer has another number of bars."""
    return StoreDiverged(series=str(series), detail=detail)


def _hull(intervals: Sequence[Interval]) -> Interval:
    return Interval(intervals[0].start, intervals[-1].end) if intervals else Interval(0, 0)
