"""Noise: how far a series moves from bar to bar when nothing is wrong, in logarithms, robustly."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from barledger.domain.rows import Floats

_NORMAL: Final = 0.6745
"""Median of the absolute value of a standard normal variable."""

_RANGE: Final = 1.6
"""Mean of the logarithm of high over low of a random walk, in standard deviations (Parkinson 1980)."""

_LEAST: Final = 5e-4
_WINDOW: Final = 30
_ENOUGH: Final = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Scale of the moves of a series: ``everywhere``, and ``near`` a row.

    ``changes[i]`` is the move from row i to row i + 1, ``ranges[i]`` the logarithm of high over low of row i.
    """

    changes: Floats
    ranges: Floats
    close: Floats
    everywhere: float

    @staticmethod
    def of(changes: Floats, logs: Floats, close: Floats) -> "Noise":
        """Measure a series; of a long one a part is enough."""
        ranges = logs.max(axis=0) - logs.min(axis=0)
        stride = max(1, len(changes) // _ENOUGH)
        overall = _scale(changes[::stride], ranges[::stride])
        return Noise(changes=changes, ranges=ranges, close=close, everywhere=max(overall, _LEAST))

    def near(self, row: int, *, without: tuple[int, ...] = ()) -> float:
        """Return the scale of the moves around the one into ``row``, leaving that one and others out."""
        first, end = max(0, row - _WINDOW), min(len(self.ranges), row + _WINDOW)
        hidden = {row, *without}
        moves = [place for place in range(first, min(end, len(self.changes))) if place + 1 not in hidden]
        bars = [place for place in range(first, end) if place not in hidden]
        local = _scale(self.changes[moves], self.ranges[bars])
        return max(local, 0.3 * self.everywhere, 0.5 * self.tick(row), _LEAST)

    def tick(self, row: int) -> float:
        """Return the smallest step of prices around ``row``, relative to the price."""
        first, end = max(0, row - _WINDOW), min(len(self.close), row + _WINDOW)
        distinct = np.unique(self.close[first:end])
        low = float(min(self.close[max(0, row - 1) : row + 1]))
        gaps = np.diff(distinct)
        gaps = gaps[gaps > 1e-5 * low]
        return min(float(gaps.min()) / low, 1.0) if len(gaps) > 1 else 0.0


def _scale(changes: Floats, ranges: Floats) -> float:
    """Return the larger of what moves and what ranges say; few moves say less, so more is allowed for."""
    few = 1 + 2 / max(len(changes), 1)
    moved = float(np.median(np.abs(changes))) / _NORMAL * few if len(changes) else 0.0
    ranged = float(np.median(ranges)) / _RANGE if len(ranges) else 0.0
    return max(moved, ranged)
