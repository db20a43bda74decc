"""Rows at a false level: in another unit, or without a split that is known, or with it twice."""

from collections.abc import Sequence
from itertools import pairwise
from math import exp, log1p
from typing import Final

import numpy as np

from barledger.detection.causes import UNITS, Cause, Priors, cause_of, split_levels, unit_levels
from barledger.detection.columns import misplaced_columns, ragged_rows
from barledger.detection.levels import Level, Moves, Run, runs_at
from barledger.detection.likelihood import normal, probability
from barledger.detection.moves import Measures
from barledger.detection.suspicion import LIKELY, Suspicion, span
from barledger.detection.table import PRICES, Edit, Table
from barledger.domain.rows import Flags, Floats, Ints

_NEWEST: Final = 1.2
_UNTRADED: Final = 0.2
_HELD: Final = 10.0
_FEW: Final = 2
"""What it weighs that bars were held before the others came; of few, less."""

_STRETCH: Final = 2.0
_SHORT: Final = 4.0
"""What it weighs that a whole stretch is wrong, and of how many rows it is one."""

_EITHER: Final = 0.1
_SHARP: Final = 4.0
"""One of two levels is wrong: so much is sure of the one that is named, however even they are; odds sharpen it."""

_AROUND: Final = 40
_RULES: Final = {
    ("split_phantom", False): "these bars stand where the known split puts them twice",
    ("split_missed", False): "these bars stand where prices without the known split stand",
    ("split_missed", True): "from its ex-date on these bars stand where prices without the known split stand",
}


def misplaced(measures: Measures, *, raw: bool) -> list[Suspicion]:
    """Find them; ``raw`` says that prices are meant to be as traded, so that splits have to show."""
    table = measures.table
    if len(table) < 3:
        return []
    levels = [*unit_levels(), *(() if raw else split_levels(table))]
    ragged = ragged_rows(measures, levels)
    first = misplaced_columns(measures, levels, ragged, raw=raw) if ragged.any() else []
    measures = measures.after([edit for one in first if one.confidence >= LIKELY for edit in one.edits])
    mended, moves = measures.table, measures.moves(raw=raw)
    runs = runs_at(levels, moves, len(table), Priors.of(levels, mended))
    units = [run for run in runs if cause_of(levels, run).kind == "unit_error"]
    others = [run for run in runs if cause_of(levels, run).kind != "unit_error"]
    return [
        *first,
        *_anchored(mended, units, levels, moves),
        *(_split(mended, run, levels, moves) for run in others),
    ]


def _anchored(table: Table, runs: list[Run], levels: Sequence[Level], moves: Moves) -> list[Suspicion]:
    """Choose which level is the true one, and name the rows at the others."""
    if not runs:
        return []
    at = np.zeros(len(table))
    for run in runs:
        at[run.first : run.end] = levels[run.level - 1].offset
    true, margin = _true_level(table, at)
    found = []
    edges = np.flatnonzero(np.diff(at)) + 1
    bounds = [0, *edges.tolist(), len(table)]
    for first, end in pairwise(bounds):
        offset = float(at[first]) - true
        if offset:
            odds = _odds_of(first, end, offset, at - true, moves) - UNITS.get(round(exp(abs(offset)), 3), 9.0)
            sure = _EITHER + (1 - _EITHER) * probability(_SHARP * margin)
            found.append(_unit(table, span(first, end), offset, sure * probability(odds), true_rows=at == true))
    return found


def _odds_of(first: int, end: int, offset: float, at: Floats, moves: Moves) -> float:
    odds = 0.0
    for row, shift in ((first, offset), (end, -offset)):
        if 0 < row < len(at):
            nearest = max(0, row - _AROUND) + np.flatnonzero(np.diff(at[max(0, row - _AROUND) : row + _AROUND])) + 1
            scale = moves.noise.near(row, without=tuple(nearest.tolist()))
            odds += moves.likelihood(row, float(at[row] - at[row - 1]), scale)
            odds -= moves.likelihood(row, float(at[row] - at[row - 1]) - shift, scale)
    return odds


def _true_level(table: Table, at: Floats) -> tuple[float, float]:
    """Return the level that is right, and by how much, in log odds, it is more likely than the next.

    Four things tell: where most bars were traded; the newest of them; what was held before other bars came; and how
    many stretches would be wrong, since prices that leave a level and come back to it were right around, not between.
    """
    weight = np.ones(len(table))
    if table.volume is not None:
        traded = np.nan_to_num(table.volume) > 0
        if traded.any():
            weight = np.where(traded, 1.0, _UNTRADED)
    newest = at[np.flatnonzero(weight == 1.0)[-1]]
    scores = {
        float(level): log1p(float(weight[at == level].sum()))
        + (_NEWEST if level == newest else 0.0)
        + _by_held(table, at == level)
        - _stretches(at != level, weight)
        for level in np.unique(at)
    }
    ranked = sorted(scores, key=lambda level: -scores[level])
    return ranked[0], scores[ranked[0]] - scores[ranked[1]]


def _by_held(table: Table, here: Flags) -> float:
    """Return the log odds for a level by how many of the bars that were held first stand at it; few say less."""
    if table.held is None:
        return 0.0
    count = int((table.held > 0).sum())
    return _HELD * float(table.held[here].sum()) / (count + _FEW)


def _stretches(wrong: Flags, weight: Floats) -> float:
    """Return what it costs that these rows are wrong: each stretch by itself, since single rows often are.

    Rows without trade are what vendors fill in, so that a stretch of them is hardly one.
    """
    edges = np.flatnonzero(np.diff(wrong, prepend=False, append=False))
    traded = np.append(0.0, np.cumsum(weight))
    lengths = np.maximum(traded[edges[1::2]] - traded[edges[::2]], 1.0)
    return float(_STRETCH * (1 - np.exp(-(lengths - 1) / _SHORT)).sum())


def _unit(table: Table, rows: Ints, offset: float, confidence: float, *, true_rows: Flags) -> Suspicion:
    fields = [*PRICES]
    if _total_moves(table, rows, offset):
        fields.append("adj_close")
    factor = round(exp(-offset), 9)
    return Suspicion(
        kind="unit_error",
        rows=rows,
        fields=tuple(fields),
        factor=factor,
        confidence=confidence,
        rule="these bars stand at a level that a change of unit explains, and trading went on at the other",
        evidence={"rows": len(rows), "rows_at_the_other_level": int(true_rows.sum())},
        edits=tuple(Edit(column=name, rows=rows, factor=factor) for name in fields),
    )


def _total_moves(table: Table, rows: Ints, offset: float) -> bool:
    """Whether Adj Close stands at the false level, too."""
    if table.adj_close is None:
        return False
    first, end = int(rows[0]), int(rows[-1]) + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(table.adj_close)
    steps = [(logs[first] - logs[first - 1], offset)] if first else []
    if end < len(table):
        steps.append((logs[end] - logs[end - 1], -offset))
    with_it = sum(abs(float(step) - shift) for step, shift in steps)
    without = sum(abs(float(step)) for step, _ in steps)
    return not np.isfinite(with_it) or with_it <= without


def _split(table: Table, run: Run, levels: Sequence[Level], moves: Moves) -> Suspicion:
    level = levels[run.level - 1]
    cause: Cause = level.about
    costs = Priors.of(levels, table)
    cost = costs.entering(run.level, run.first, run.end) + costs.leaving(run.level, min(run.end, len(table) - 1))
    rows, factor = span(run.first, run.end), exp(-level.offset)
    fields = [*PRICES]
    if _total_moves(table, rows, level.offset):
        fields.append("adj_close")
    edits = [Edit(column=name, rows=rows, factor=factor) for name in fields]
    volume = volume_follows(table, rows, level.offset)
    if volume:
        fields.append("volume")
        edits.append(Edit(column="volume", rows=rows, factor=1 / factor))
    phantom = cause.kind == "split_phantom"
    if phantom and run.first == 0 and abs(run.end - cause.row) <= 1:
        fields.append("stock_splits")
        edits.append(Edit(column="stock_splits", rows=np.array([cause.row]), value=0.0))
    return Suspicion(
        kind="split_phantom" if phantom else "split_missed",
        rows=rows,
        fields=tuple(fields),
        factor=factor,
        confidence=probability(run.evidence - cost),
        rule=_RULES[cause.kind, cause.late],
        evidence={
            "split": float(table.column("stock_splits")[cause.row]),
            "split_row": cause.row,
            "evidence": round(run.evidence, 2),
            "prior": round(-cost, 2),
            "noise": round(moves.noise.everywhere, 5),
        },
        edits=tuple(edits),
    )


def volume_follows(table: Table, rows: Ints, offset: float) -> bool:
    """Whether volume lacks the split as well, which is so unless it plainly stands at the level of the other rows."""
    if table.volume is None:
        return False
    volume = np.nan_to_num(table.volume)
    near = span(max(0, int(rows[0]) - 30), min(len(table), int(rows[-1]) + 31))
    others = np.setdiff1d(near, rows)
    mine, theirs = volume[rows[-30:]], volume[others]
    mine, theirs = mine[mine > 0], theirs[theirs > 0]
    if not len(mine) or not len(theirs):
        return True
    shift = float(np.median(np.log(mine)) - np.median(np.log(theirs)))
    deviation = (0.3 + 0.6 / len(mine) + 0.6 / len(theirs)) ** 0.5
    return normal(shift, -offset, deviation) - normal(shift, 0.0, deviation) > -4
