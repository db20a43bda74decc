"""Columns at a false level: single prices of rows that are off while the others fit what is around them."""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Final

import numpy as np
import numpy.typing as npt

from barledger.detection.adjustment import implied
from barledger.detection.causes import Cause, Priors
from barledger.detection.levels import Level, Moves, Run, runs_at
from barledger.detection.likelihood import probability
from barledger.detection.moves import Measures, shifts
from barledger.detection.noise import Noise
from barledger.detection.suspicion import Suspicion, span
from barledger.detection.table import PRICES, Edit, Table
from barledger.domain.rows import Flags, Floats, Ints

_JOINED: Final = 0.3
_AROUND: Final = 20


def ragged_rows(measures: Measures, levels: Sequence[Level]) -> Flags:
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


def misplaced_columns(measures: Measures, levels: Sequence[Level], ragged: Flags, *, raw: bool) -> list[Suspicion]:
    """Judge each column by itself, and believe it where the row becomes tighter by it."""
    table, logs = measures.table, measures.logs
    extra = shifts(table, raw=raw)
    usual = _usual_reach(logs)
    offsets = np.zeros_like(logs)
    about = {level.offset: level for level in reversed(levels)}
    for column in range(len(PRICES)):
        steps = np.diff(logs[column])
        ways = np.vstack([steps, *(steps + shift for shift in extra)])
        noise = Noise.of(steps, np.vstack([logs[column], logs[column] + usual]), np.exp(logs[column]))
        runs = runs_at(levels, Moves(ways=ways, noise=noise), len(table), Priors.of(levels, table))
        about |= {levels[run.level - 1].offset: levels[run.level - 1] for run in runs}
        offsets[column] = np.where(ragged, _beside(runs, levels, ragged), 0.0)
    offsets[~np.isin(offsets, list(about))] = 0.0
    believed, odds = _tighter(logs, offsets, ragged)
    return _cells(table, logs, offsets, believed, odds, about)


def _beside(runs: Sequence[Run], levels: Sequence[Level], ragged: Flags) -> Floats:
    """Return at which level each row stands, beside that of the rows that are not ragged.

    From the first row on it is as likely that all behind are off as that those before are.
    """
    at = np.zeros(len(ragged))
    for run in runs:
        at[run.first : run.end] = levels[run.level - 1].offset
    return at if ragged.all() else at - np.quantile(at[~ragged], 0.5, method="lower")


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
    about: Mapping[float, Level],
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
        cause: Cause = about[offset].about
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
    """Whether Adj Close of these rows is off as their close is: its ratio to it is that of most rows around."""
    if table.adj_close is None:
        return False
    ratio = implied(table)
    around = np.setdiff1d(span(max(0, int(rows[0]) - _AROUND), min(len(table), int(rows[-1]) + _AROUND)), rows)
    return not len(around) or float(np.median(np.abs(ratio[around] - np.median(ratio[rows])))) < 0.1
