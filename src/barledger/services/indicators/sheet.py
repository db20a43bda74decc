"""Sheets: the columns of many series, one below the other, filled in place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barledger.domain.arena import Arena
from barledger.domain.rows import Ints
from barledger.indicators.definition import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Room for the rows of some series; its columns are filled wherever somebody pleases."""

    time: Ints
    columns: list[Floats]

    @staticmethod
    def of(rows: int, width: int) -> "Leaf":
        """Return room for so many rows and columns, each of them by itself."""
        return Leaf(time=np.empty(rows, np.int64), columns=[np.empty(rows) for _ in range(width)])

    @staticmethod
    def lent(rows: int, width: int, arena: Arena) -> "Leaf":
        """Return such room in one piece, in memory that an earlier leaf may have had."""
        time, *columns = arena.columns(width + 1, rows)
        return Leaf(time=time.view(np.int64), columns=[one.view(np.float64) for one in columns])

    def without(self, gone: Sequence[slice]) -> "Leaf":
        """Return what is left without some stretches, moved together in place."""
        if not gone:
            return self
        kept = _between(gone, len(self.time))
        rows = sum(one.stop - one.start for one in kept)
        for array in (self.time, *self.columns):
            at = 0
            for one in kept:
                array[at : at + one.stop - one.start] = array[one]
                at += one.stop - one.start
        return Leaf(time=self.time[:rows], columns=[column[:rows] for column in self.columns])


class Sheet:
    """Leaves, and in the end one of them: a column is put together after the other, so that little is there twice."""

    def __init__(self, width: int) -> None:
        """Hold so many columns."""
        self._width = width
        self._leaves: list[Leaf] = []

    def add(self, leaf: Leaf) -> None:
        """Take a filled leaf in, below the others."""
        self._leaves.append(leaf)

    def joined(self) -> Leaf:
        """Return all rows as one leaf; the sheet is empty afterwards."""
        leaves, self._leaves = self._leaves, []
        if len(leaves) == 1:
            return leaves[0]
        if not leaves:
            return Leaf.of(0, self._width)
        time = np.concatenate([leaf.time for leaf in leaves])
        columns = []
        for _ in range(self._width):
            columns.append(np.concatenate([leaf.columns[0] for leaf in leaves]))
            for leaf in leaves:
                del leaf.columns[0]
        return Leaf(time=time, columns=columns)


def _between(gone: Sequence[slice], size: int) -> list[slice]:
    edges = [0, *(edge for one in gone for edge in (one.start, one.stop)), size]
    return [slice(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if end > begin]
