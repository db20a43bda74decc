"""Rows at a false level: in another unit, or without a split that is known, or with it twice."""

from collections.abc import Sequence
from itertools import pairwise
from math import exp
from typing import Final

import numpy as np

from barledger.detection.adjustment import implied
from barledger.detection.anchor import true_level
from barledger.detection.causes import UNITS, Cause, Priors, cause_of, is_ten, split_levels, unit_levels, units_seen
from barledger.detection.columns import misplaced_columns, ragged_rows
from barledger.detection.jumps import customary
from barledger.detection.levels import Level, Moves, Run, runs_at
from barledger.detection.likelihood import normal, probability
from barledger.detection.moves import Measures
from barledger.detection.suspicion import LIKELY, Suspicion, span
from barledger.detection.table import PRICES, Edit, Table
from barledger.domain.rows import Flags, Floats, Ints

_AROUND: Final = 40
_BESIDE: Final = 5
_UNKNOWN: Final = 9.0
_FEW: Final = 3
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
    levels = [*unit_levels(units_seen(measures)), *(() if raw else split_levels(table))]
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
    true, sure = true_level(table, at)
    against = {level.offset: cause.odds for level in levels if (cause := level.about).kind == "unit_error"}
    found = []
    edges = np.flatnonzero(np.diff(at)) + 1
    for first, end in pairwise([0, *edges.tolist(), len(table)]):
        offset = float(at[first]) - true
        if offset and not _otherwise(table, span(first, end), offset):
            odds = _odds_of(first, end, offset, at - true, moves) - against.get(offset, _UNKNOWN)
            found.append(_unit(table, span(first, end), offset, sure * probability(odds), true_rows=at == true))
    return found


def _otherwise(table: Table, rows: Ints, offset: float) -> bool:
    """Whether something else than a unit puts rows here: a false price, or a split before which they are as traded."""
    if round(exp(abs(offset)), 6) in UNITS:
        return False
    if not rows[0]:
        return customary(exp(offset)) and (not is_ten(offset) or _volume_odds(table, rows, offset) >= 0)
    return len(rows) < _FEW and rows[-1] + 1 < len(table) and not is_ten(offset)


def _odds_of(first: int, end: int, offset: float, at: Floats, moves: Moves) -> float:
    odds = 0.0
    for row, shift in ((first, offset), (end, -offset)):
        if 0 < row < len(at):
            nearest = max(0, row - _AROUND) + np.flatnonzero(np.diff(at[max(0, row - _AROUND) : row + _AROUND])) + 1
            scale = moves.noise.near(row, without=tuple(nearest.tolist()))
            odds += moves.likelihood(row, float(at[row] - at[row - 1]), scale)
            odds -= moves.likelihood(row, float(at[row] - at[row - 1]) - shift, scale)
    return odds


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
    """Whether Adj Close stands at the false level, too: then its ratio to the close is that of the rows beside."""
    if table.adj_close is None:
        return False
    ratio, first, end = implied(table), int(rows[0]), int(rows[-1]) + 1
    beside = np.append(ratio[max(0, first - _BESIDE) : first], ratio[end : end + _BESIDE])
    step = float(np.median(ratio[rows]) - np.median(beside)) if len(beside) else 0.0
    return abs(step) <= abs(step + offset)


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
    return table.volume is not None and _volume_odds(table, rows, offset) > -4


def _volume_odds(table: Table, rows: Ints, offset: float) -> float:
    """Return the log odds that volume of these rows is off by the reciprocal of what their prices are off by."""
    if table.volume is None:
        return 0.0
    volume = np.nan_to_num(table.volume)
    near = span(max(0, int(rows[0]) - 30), min(len(table), int(rows[-1]) + 31))
    others = np.setdiff1d(near, rows)
    mine, theirs = volume[rows[-30:]], volume[others]
    mine, theirs = mine[mine > 0], theirs[theirs > 0]
    if not len(mine) or not len(theirs):
        return 0.0
    shift = float(np.median(np.log(mine)) - np.median(np.log(theirs)))
    deviation = (0.3 + 0.6 / len(mine) + 0.6 / len(theirs)) ** 0.5
    return normal(shift, -offset, deviation) - normal(shift, 0.0, deviation)
