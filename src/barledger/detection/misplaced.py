"""Rows at a false level: in another unit, or without a split that is known, or with it twice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, log, log1p
from typing import Final

import numpy as np
import numpy.typing as npt

from barledger.detection.levels import Level, Moves, Run, runs_at
from barledger.detection.likelihood import normal, probability
from barledger.detection.moves import Measures, implied, shifts
from barledger.detection.noise import Noise
from barledger.detection.suspicion import LIKELY, Suspicion, span
from barledger.detection.table import PRICES, Edit, Table
from barledger.domain.rows import Flags, Floats, Ints
from barledger.domain.timeframe import DAY

_UNITS: Final = {100.0: 7.0, 1000.0: 9.0}
"""Pence for pounds, cents for rands; fils for dinars; with the prior log odds against each."""

_SMALLEST_SPLIT: Final = log(1.15)
_MOST_SPLITS: Final = 12
_LATE: Final = 3
_TOO_LATE: Final = 3.0
_DISTANCE: Final = 1.2
_NEAR: Final = 15.0
_JOINED: Final = 0.3
"""Rows for which a vendor may go on giving prices without a split after its ex-date."""

_NEWEST: Final = 1.2
_UNTRADED: Final = 0.2
_AROUND: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """What puts rows at a false level: a unit, or the split in ``row``, left out or applied ``twice``."""

    kind: str
    row: int = -1
    odds: float = 0.0


def misplaced(measures: Measures, *, raw: bool) -> list[Suspicion]:
    """Find them; ``raw`` says that prices are meant to be as traded, so that splits have to show."""
    table = measures.table
    if len(table) < 3:
        return []
    levels = [*_units(), *(() if raw else _splits(table))]
    ragged = _ragged_rows(measures, levels)
    first = _by_column(measures, levels, ragged, raw=raw) if ragged.any() else []
    measures = measures.after([edit for one in first if one.confidence >= LIKELY for edit in one.edits])
    mended, moves = measures.table, measures.moves(raw=raw)
    runs = runs_at(levels, moves, len(table), _costs(levels, mended))
    units = [run for run in runs if _cause(levels, run).kind == "unit_error"]
    others = [run for run in runs if _cause(levels, run).kind != "unit_error"]
    return [
        *first,
        *_anchored(mended, units, levels, moves),
        *(_split(mended, run, levels, moves) for run in others),
    ]


def _cause(levels: Sequence[Level], run: Run) -> _Cause:
    cause: _Cause = levels[run.level - 1].about
    return cause


def _units() -> Iterable[Level]:
    for unit, odds in _UNITS.items():
        for sign in (1, -1):
            yield Level(offset=sign * log(unit), alone=True, about=_Cause(kind="unit_error", odds=odds))


def _splits(table: Table) -> Iterable[Level]:
    """Give the levels that known splits allow: left out alone, with all later ones, or applied twice."""
    rows = [int(row) for row in table.events("stock_splits")]
    ratios = [float(table.column("stock_splits")[row]) for row in rows]
    known = [(row, log(ratio)) for row, ratio in zip(rows, ratios, strict=True) if ratio > 0][-_MOST_SPLITS:]
    for place, (row, offset) in enumerate(known):
        if abs(offset) > _SMALLEST_SPLIT:
            yield Level(offset=offset, about=_Cause(kind="split_missed", row=row, odds=4.0))
            yield Level(offset=-offset, about=_Cause(kind="split_phantom", row=row, odds=6.0))
        later = sum(other for _, other in known[place:])
        if place < len(known) - 1 and abs(later) > _SMALLEST_SPLIT:
            yield Level(offset=later, about=_Cause(kind="split_missed", row=row, odds=4.5))


def _costs(levels: Sequence[Level], table: Table) -> "_Costs":
    days = (table.time - table.time[0]) / DAY
    return _Costs(causes=[level.about for level in levels], days=days, long_bars=table.long_bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Costs:
    """Prior log odds against rows standing at a level: the farther from the split, the less likely."""

    causes: Sequence[_Cause]
    days: Floats
    long_bars: bool

    def entering(self, level: int, end: int) -> float:
        """Return them; rows behind a split's ex-date, but for the first few, cannot lack it."""
        if not level:
            return 0.0
        cause = self.causes[level - 1]
        if cause.row < 0:
            return cause.odds
        if end > cause.row + _LATE:
            return inf
        late = _TOO_LATE if end > cause.row + self.long_bars else 0.0
        return cause.odds + late

    def leaving(self, level: int, row: int) -> float:
        """Return what it costs to end a level before its split."""
        if not level or self.causes[level - 1].row < 0:
            return 0.0
        apart = max(0.0, float(self.days[self.causes[level - 1].row] - self.days[row]))
        return _DISTANCE * log1p(apart / _NEAR)


def _ragged_rows(measures: Measures, levels: Sequence[Level]) -> Flags:
    """Tell which rows reach farther within themselves than rows do here, so that single columns may be off."""
    reach = measures.noise.ranges
    least = 0.6 * min(abs(level.offset) for level in levels)
    if float(reach.max()) <= max(least, 0.05):
        return np.zeros(len(reach), np.bool_)
    return np.asarray(reach > max(least, 5 * _usual_reach(measures.logs), 0.05))


def _usual_reach(logs: npt.NDArray[np.float64]) -> float:
    """Return the usual reach of a row: what moves of single columns say, which no constant offset changes."""
    stride = max(1, logs.shape[1] // 20_000)
    steps = np.abs(np.diff(logs, axis=1))[:, ::stride]
    return min(float(np.median(np.ptp(logs, axis=0)[::stride])), 2.4 * float(np.median(steps, axis=1).min()))


def _by_column(measures: Measures, levels: Sequence[Level], ragged: Flags, *, raw: bool) -> list[Suspicion]:
    """Judge each column by itself, and believe it where the row becomes tighter by it."""
    table, logs = measures.table, measures.logs
    extra = shifts(table, raw=raw)
    usual = _usual_reach(logs)
    offsets = np.zeros_like(logs)
    about: dict[tuple[int, float], tuple[Run, Level]] = {}
    for column in range(len(PRICES)):
        steps = np.diff(logs[column])
        ways = np.vstack([steps, *(steps + shift for shift in extra)])
        noise = Noise.of(steps, np.vstack([logs[column], logs[column] + usual]), np.exp(logs[column]))
        for run in runs_at(levels, Moves(ways=ways, noise=noise), len(table), _costs(levels, table)):
            level = levels[run.level - 1]
            rows = span(run.first, run.end)
            rows = rows[ragged[rows]]
            offsets[column, rows] = level.offset
            for row in rows.tolist():
                about.setdefault((row, level.offset), (run, level))
    believed, odds = _tighter(logs, offsets, ragged)
    return _cells(table, logs, offsets, believed, odds, about)


def _tighter(logs: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64], ragged: Flags) -> tuple[Flags, Floats]:
    """Tell which rows are set right by their columns' offsets, and the log odds of each.

    Reaches of real bars have a heavy tail, P(reach > x) ~ x ** -3; an open or a close that is off is no wick.
    """
    reach, after = np.ptp(logs, axis=0), np.ptp(logs - offsets, axis=0)
    usual = float(np.median(reach[~ragged])) if not ragged.all() else 0.0
    least = np.where(offsets == 0, np.inf, np.abs(offsets)).min(axis=0)
    believed = np.asarray(ragged & (offsets != 0).any(axis=0) & (after < reach - 0.6 * least))
    tightened = 3 * np.log(np.maximum(reach, 1e-9) / np.maximum(np.maximum(after, usual), 0.005))
    body = (offsets[0] != 0) | (offsets[3] != 0)
    return believed, np.asarray(tightened + 2.0 * body)


def _goes_on(logs: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64], believed: Flags, rows: Ints) -> bool:
    """Whether prices go on from the bar before to an open, or from a close to the bar behind, that is taken for false.

    Then the bar was opened at the one level and closed at the other, as in a crash.
    """
    first, last = int(rows[0]), int(rows[-1])
    opened, closed = float(offsets[0, first]), float(offsets[3, last])
    if opened and first and not believed[first - 1]:
        return abs(float(logs[0, first] - logs[3, first - 1])) < _JOINED * abs(opened)
    if closed and last + 1 < logs.shape[1] and not believed[last + 1]:
        return abs(float(logs[0, last + 1] - logs[3, last])) < _JOINED * abs(closed)
    return False


def _cells(
    table: Table,
    logs: npt.NDArray[np.float64],
    offsets: npt.NDArray[np.float64],
    believed: Flags,
    odds: Floats,
    about: dict[tuple[int, float], tuple[Run, Level]],
) -> list[Suspicion]:
    """Make a suspicion of each unbroken run of rows whose columns are off alike."""
    found = []
    rows = np.flatnonzero(believed)
    if not len(rows):
        return []
    patterns = offsets[:, rows]
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.diff(patterns, axis=1) != 0).any(axis=0)) + 1
    for group in np.split(rows, breaks):
        row = int(group[0])
        if _goes_on(logs, offsets, believed, group):
            continue
        off = [(name, float(value)) for name, value in zip(PRICES, offsets[:, row], strict=True) if value]
        offset = off[0][1]
        level = about[row, offset][1]
        cause: _Cause = level.about
        edits = [Edit(column=name, rows=group, factor=exp(-value)) for name, value in off]
        fields = [name for name, _ in off]
        if "close" in fields and _adj_close_moves_with_close(table, group):
            edits.append(Edit(column="adj_close", rows=group, factor=exp(-dict(off)["close"])))
            fields.append("adj_close")
        found.append(
            Suspicion(
                kind="unit_error" if cause.kind == "unit_error" else "split_missed",
                rows=group,
                fields=tuple(fields),
                factor=exp(-offset),
                confidence=probability(float(odds[group].sum()) - cause.odds - 1.0),
                rule="some prices of these bars are off by one factor while the others fit what is around them",
                evidence={"columns": {name: exp(-value) for name, value in off}},
                edits=tuple(edits),
            )
        )
    return found


def _adj_close_moves_with_close(table: Table, rows: Ints) -> bool:
    """Whether Adj Close of these rows is off as their close is: its ratio to it is that of the other rows."""
    if table.adj_close is None:
        return False
    ratio = implied(table)
    others = np.delete(ratio, rows)
    return not len(others) or float(np.min(np.abs(others - np.median(ratio[rows])))) < 0.1


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
            odds = _odds_of(first, end, offset, at - true, moves) - _UNITS.get(round(exp(abs(offset)), 3), 9.0)
            sure = 0.8 + 0.2 * probability(4 * margin)
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
    """Return the level that is right, by where trading took place, by how many, and by what is newest."""
    weight = np.ones(len(table))
    if table.volume is not None:
        traded = np.nan_to_num(table.volume) > 0
        if traded.any():
            weight = np.where(traded, 1.0, _UNTRADED)
    newest = at[np.flatnonzero(weight == 1.0)[-1]]
    scores = {
        float(level): log1p(float(weight[at == level].sum())) + (_NEWEST if level == newest else 0.0)
        for level in np.unique(at)
    }
    ranked = sorted(scores, key=lambda level: -scores[level])
    return ranked[0], scores[ranked[0]] - scores[ranked[1]]


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
    cause: _Cause = level.about
    costs = _costs(levels, table)
    cost = costs.entering(run.level, run.end) + costs.leaving(run.level, min(run.end, len(table) - 1))
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
        rule="these bars stand where the known split puts them twice"
        if phantom
        else "these bars stand where prices without the known split stand",
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
