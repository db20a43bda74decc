"""Held bars: what a series has, seen through its blocks, so that little of it has to be read."""

from functools import cached_property

import numpy as np

from barledger.domain.digest import Block
from barledger.domain.interval import EARLIEST, Interval, everything
from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.services.cache.reader import Reading, read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left


class Held:
    """The bars of a series as they were when this was made."""

    def __init__(self, vault: Vault, series: Series) -> None:
        """Look at the ledger."""
        self._vault = vault
        self.series = series
        self._blocks: list[Block] = vault.ledger.catalog.blocks(series, everything()) or []

    @property
    def empty(self) -> bool:
        """Whether there is no bar."""
        return not self._blocks

    @property
    def interval(self) -> Interval:
        """Return the stretch that the blocks with bars span."""
        if self.empty:
            return Interval(EARLIEST, EARLIEST)
        return Interval(self._blocks[0].start, self.series.timeframe.block_end(self._blocks[-1].start))

    @cached_property
    def last(self) -> int:
        """Return the label of the newest bar."""
        return int(self.before(everything().end, 1)[-1])

    @cached_property
    def first(self) -> int:
        """Return the label of the oldest bar."""
        return int(self.after(everything().start, 1)[0])

    @property
    def end(self) -> int:
        """Return where the next bar would open."""
        return int(self.series.timeframe.close_of(np.array([self.last], np.int64))[0])

    def before(self, time: int, bars: int) -> Ints:
        """Return the labels of the last bars that open before ``time``, at most so many."""
        found: list[Ints] = []
        for block in reversed([one for one in self._blocks if one.start < time]):
            labels = self._labels(block)
            found.insert(0, labels[labels < time])
            if sum(map(len, found)) >= bars:
                break
        return _joined(found)[-bars:]

    def after(self, time: int, bars: int) -> Ints:
        """Return the labels of the first bars that open at ``time`` or later, at most so many."""
        found: list[Ints] = []
        ends = self.series.timeframe.block_end
        for block in (one for one in self._blocks if ends(one.start) > time):
            labels = self._labels(block)
            found.append(labels[labels >= time])
            if sum(map(len, found)) >= bars:
                break
        return _joined(found)[:bars]

    def _labels(self, block: Block) -> Ints:
        end = self.series.timeframe.block_end(block.start)
        return current(self._vault, self.series, Interval(block.start, end)).rows.standing().time


def current(vault: Vault, series: Series, interval: Interval) -> Reading:
    """Return the rows of an interval as they are now, tombstones too, and the revision that they show."""
    return read(vault, series, left(vault.ledger.revisions.state(series), interval))


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
