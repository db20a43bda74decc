"""Levels: which rows stand at a false level, if false levels are off by given factors.

Rows are cut where the series jumps, and the most likely sequence of levels of the pieces is found by dynamic
programming (Viterbi 1967): what a jump costs is the likelihood of the move that is left after the change of level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from barledger.detection.likelihood import moving
from barledger.detection.noise import Noise
from barledger.domain.rows import Floats, Ints


class Costs(Protocol):
    """Prior log odds against rows at a level, of which 0 is the true one and i the i-th of the false ones."""

    def possible(self, level: int, first: int, end: int) -> bool:
        """Whether the rows from ``first`` up to ``end`` can be at a level."""

    def entering(self, level: int, first: int, end: int) -> float:
        """Return what it costs that rows from ``first`` on begin to be at it; infinite where they cannot."""

    def leaving(self, level: int, row: int) -> float:
        """Return what it costs that ``row`` is the first behind it."""


_MOST: Final = 600
_LEAVING: Final = 0.3
_NEAR: Final = 8.0
_SLACK: Final = 0.05
_NO_CHANGE_OF_LEVEL: Final = -60.0
"""What a jump weighs as a change of level whose size it does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A false level: ``offset`` is the logarithm of wrong over right; ``about`` says what made it.

    A level that stands ``alone`` is entered from the true one, and left to it.
    """

    offset: float
    alone: bool = False
    about: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Rows ``first`` up to ``end`` at one false level; ``evidence`` are the log odds without any prior."""

    first: int
    end: int
    level: int
    evidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """The moves into each row, in the ways in which they can be measured (``ways`` by rows - 1), and their noise."""

    ways: npt.NDArray[np.float64]
    noise: Noise

    def likelihood(self, row: int, shift: float, scale: float) -> float:
        """Return the density of the move into ``row`` if levels changed by ``shift``, by the way that fits best."""
        residual = float(np.min(np.abs(self.ways[:, row - 1] - shift)))
        if shift and residual > _NEAR * scale + _SLACK:
            return _NO_CHANGE_OF_LEVEL
        return moving(residual, scale)

    def jumps(self, least: float) -> Ints:
        """Return the rows into which some way jumps by at least so much; of too many, the largest."""
        size = np.max(np.abs(self.ways), axis=0) if len(self.ways) > 1 else np.abs(self.ways[0])
        rows = np.flatnonzero(size >= least) + 1
        if len(rows) > _MOST:
            rows = np.sort(rows[np.argsort(-size[rows - 1], kind="stable")[:_MOST]])
        return rows


def runs_at(levels: Sequence[Level], moves: Moves, rows: int, cost: Costs) -> list[Run]:
    """Return the runs of rows at false levels."""
    offsets = np.array([0.0, *(level.offset for level in levels)])
    if len(offsets) < 2 or rows < 2:
        return []
    spacing = np.abs(offsets[:, None] - offsets[None, :])
    cuts = moves.jumps(0.4 * float(spacing[spacing > 1e-9].min()))
    if not len(cuts):
        return []
    edges = [0, *cuts.tolist(), rows]
    scales = [moves.noise.near(cut, without=_neighbours(edges, place + 1)) for place, cut in enumerate(edges[1:-1])]
    alone = np.array([False, *(level.alone for level in levels)])
    path = _best_path(offsets, moves, edges, scales, cost, _barred(alone))
    return _runs(path, offsets, moves, edges, scales)


def _neighbours(edges: list[int], place: int) -> tuple[int, ...]:
    return tuple(edges[max(0, place - 20) : place + 20])


def _barred(alone: npt.NDArray[np.bool_]) -> Floats:
    """Return a penalty for each pair of levels between which none goes directly."""
    numbers = np.arange(len(alone))
    apart = (numbers[:, None] != numbers[None, :]) & (numbers[:, None] > 0) & (numbers[None, :] > 0)
    return np.where(apart & (alone[:, None] | alone[None, :]), 1e6, 0.0)


def _best_path(
    offsets: Floats, moves: Moves, edges: list[int], scales: list[float], cost: Costs, barred: Floats
) -> list[int]:
    """Return the most likely level of each piece."""
    count = len(offsets)
    best = np.array([-cost.entering(level, edges[0], edges[1]) for level in range(count)])
    came: list[Ints] = []
    for place in range(1, len(edges) - 1):
        here = _transitions(offsets, moves, edges[place], scales[place - 1])
        costs = np.array([cost.entering(level, edges[place], edges[place + 1]) for level in range(count)])
        staying = np.where(np.eye(count, dtype=bool), 0.0, costs[None, :] + _LEAVING * (np.arange(count) == 0))
        left = np.array([cost.leaving(level, edges[place]) for level in range(count)])
        total = best[:, None] + here - staying - barred - np.where(np.eye(count, dtype=bool), 0.0, left[:, None])
        came.append(np.argmax(total, axis=0))
        possible = [cost.possible(level, edges[place], edges[place + 1]) for level in range(count)]
        best = np.where(possible, np.max(total, axis=0), -np.inf)
    path = [int(np.argmax(best))]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return path[::-1]


def _transitions(offsets: Floats, moves: Moves, row: int, scale: float) -> Floats:
    """Return the density of the move into a row for each pair of levels before and after."""
    known: dict[float, float] = {}
    table = np.empty((len(offsets), len(offsets)))
    for before, low in enumerate(offsets):
        for after, high in enumerate(offsets):
            shift = round(float(high - low), 12)
            if shift not in known:
                known[shift] = moves.likelihood(row, shift, scale)
            table[before, after] = known[shift]
    return table


def _runs(path: list[int], offsets: Floats, moves: Moves, edges: list[int], scales: list[float]) -> list[Run]:
    """Join pieces of one level, and measure how much better their edges fit so than without."""
    runs: list[Run] = []
    place = 0
    while place < len(path):
        level, until = path[place], place + 1
        while until < len(path) and path[until] == level:
            until += 1
        if level:
            evidence = 0.0
            if place:
                before = float(offsets[path[place - 1]])
                evidence += _gain(moves, edges[place], float(offsets[level]) - before, -before, scales[place - 1])
            if until < len(path):
                after = float(offsets[path[until]])
                evidence += _gain(moves, edges[until], after - float(offsets[level]), after, scales[until - 1])
            runs.append(Run(first=edges[place], end=edges[until], level=level, evidence=evidence))
        place = until
    return runs


def _gain(moves: Moves, row: int, shift: float, otherwise: float, scale: float) -> float:
    return moves.likelihood(row, shift, scale) - moves.likelihood(row, otherwise, scale)
