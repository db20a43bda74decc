"""Tails: the newest block of each series that this session wrote, so that its next bars need no reading.

A poll adds a bar to each of many series, and the digest of the whole block follows. What the block held is known since
the last poll: a tail serves as long as the ledger's state of the series is the one that this session's own commit left,
down to the block's digest. Any other commit, repair or retention makes it worthless.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, copied
from barledger.domain.series import Series
from barledger.ledger.contract import SeriesChange, SeriesState

_MOST_SERIES: Final = 4_096
_MOST_ROWS: Final = 4_096


@dataclass(frozen=True, slots=True)
class _Tail:
    state: tuple[object, ...]
    block: Block
    rows: Rows


class Tails:
    """The tails of one session. Threads may share them."""

    def __init__(self) -> None:
        """Start without any."""
        self._kept: OrderedDict[Series, _Tail] = OrderedDict()
        self._lock = Lock()

    def find(self, state: SeriesState, blocks: Sequence[Interval]) -> Rows | None:
        """Return all rows of these adjoining blocks, tombstones included, or None if they have to be read."""
        tail = self._kept.get(state.series)
        if tail is None or not blocks or blocks[0].start < tail.block.start:
            return None
        if state.unrepaired or tail.block != state.newest:
            return None
        return tail.rows if tail.state == _circumstances(state, state.revision, state.max_edition) else None

    def keep(self, state: SeriesState, change: SeriesChange, after: Rows, revision: int) -> None:
        """Keep the newest block as a commit left it; ``after`` are the rows of all the blocks that it touched."""
        block = change.blocks[-1] if change.blocks else None
        if block is None or block.rows > _MOST_ROWS or (state.newest and block.start < state.newest.start):
            self._forget(state.series)
            return
        end = state.series.timeframe.block_end(block.start)
        rows = copied(after.within(Interval(block.start, end))).frozen()
        tail = _Tail(_circumstances(state, revision, change.max_edition), block, rows)
        with self._lock:
            self._kept[state.series] = tail
            self._kept.move_to_end(state.series)
            if len(self._kept) > _MOST_SERIES:
                self._kept.popitem(last=False)

    def _forget(self, series: Series) -> None:
        with self._lock:
            self._kept.pop(series, None)


def _circumstances(state: SeriesState, revision: int, max_edition: int) -> tuple[object, ...]:
    return revision, max_edition, state.epoch, state.horizon, state.gone, state.edition_floor
