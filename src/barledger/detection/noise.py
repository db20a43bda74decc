"""Noise: how far a series moves from bar to bar when nothing is wrong, in logarithms, robustly."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from barledger.domain.rows import Floats

_NORMAL: Final = 0.6745
"""Median of the absolute value of a standard normal variable."""

_RANGE: Final = 1.6
"""Mean of the logarithm of high over low of a random walk, in standard deviations (Parkinson 1980)."""

_LEAST: Final = 5e-4
_SOME: Final = 8
_MOSTLY: Final = 0.75
_AT_MOST: Final = 0.15
"""Where many bars do not move at all, those that do say how far moves go; jumps are none of them."""

_WINDOW: Final = 30
_CLOSE: Final = 5
_CALM: Final = 0.7
_ENOUGH: Final = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Scale of the moves of a series: ``everywhere``, and ``near`` a row.

    ``changes[i]`` is the move from row i to row i + 1, ``ranges[i]`` the logarithm of high over low of row i.
    """

    changes: Floats
    ranges: Floats
    close: Floats
    logs: npt.NDArray[np.float64]
    everywhere: float

    @staticmethod
    def of(changes: Floats, logs: Floats, close: Floats) -> "Noise":
        """Measure a series; of a long one a part is enough."""
        ranges = logs[0] * 0 if len(logs) < 2 else logs.max(axis=0) - logs.min(axis=0)
        stride = max(1, len(changes) // _ENOUGH)
        overall = _scale(changes[::stride], ranges[::stride])
        return Noise(changes=changes, ranges=ranges, close=close, logs=logs, everywhere=max(overall, _LEAST))

    def near(self, row: int, *, without: tuple[int, ...] = ()) -> float:
        """Return the scale of the moves around the one into ``row``, leaving that one and others out.

        The closest bars count by themselves as well, since a series can be wild for a while.
        """
        hidden = {row, *without}
        local = self._between(row - _WINDOW, row + _WINDOW, hidden)
        closest = _CALM * self._between(row - _CLOSE, row + _CLOSE + 1, hidden)
        return max(local, closest, 0.3 * self.everywhere, self.tick(row), _LEAST)

    def _between(self, first: int, end: int, hidden: set[int]) -> float:
        first, end = max(0, first), min(len(self.ranges), end)
        moves = [place for place in range(first, min(end, len(self.changes))) if place + 1 not in hidden]
        bars = [place for place in range(first, end) if place not in hidden]
        return _scale(self.changes[moves], self.ranges[bars])

    def tick(self, row: int) -> float:
        """Return the smallest step of prices around ``row``, relative to the price."""
        first, end = max(0, row - _WINDOW), min(len(self.close), row + _WINDOW)
        low = float(min(self.close[max(0, row - 1) : row + 1]))
        near = np.exp(self.logs[:, first:end]).ravel()
        step, prices = _grid(near, low)
        if prices < 3:
            step, prices = _grid(np.exp(self.logs[:, :_ENOUGH]).ravel(), low)
        return step / low if prices > 2 and step <= low else 0.0


def _grid(prices: Floats, low: float) -> tuple[float, int]:
    """Return the smallest distance between prices, and how many there are; what rounding sets apart is one."""
    gaps = np.diff(np.unique(prices))
    gaps = gaps[gaps > 1e-5 * low]
    return (float(gaps.min()) if len(gaps) else 0.0), len(gaps) + 1


def _scale(changes: Floats, ranges: Floats) -> float:
    """Return the larger of what moves and what ranges say; few moves say less, so more is allowed for."""
    few = 1 + 2 / max(len(changes), 1)
    sizes = np.abs(changes)
    moved = float(np.median(sizes)) / _NORMAL * few if len(sizes) else 0.0
    alive = sizes[sizes > 0]
    if len(alive) >= _SOME and len(alive) < _MOSTLY * len(sizes):
        moved = max(moved, min(float(np.median(alive)) / _NORMAL, _AT_MOST))
    ranged = float(np.median(ranges)) / _RANGE if len(ranges) else 0.0
    return max(moved, ranged)
