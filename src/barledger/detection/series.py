"""Findings in barledger's own bars."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from barledger.detection.detector import detect
from barledger.detection.suspicion import Suspicion
from barledger.detection.table import Table
from barledger.domain.action import CorporateAction
from barledger.domain.declared import RAW, Adjusted, check_adjusted
from barledger.domain.finding import Finding
from barledger.domain.interval import Interval
from barledger.domain.rows import Flags, Floats, Ints, Rows
from barledger.domain.timeframe import MINUTE, Timeframe

_NOTHING: Final[Adjusted] = MappingProxyType({})
_TOGETHER: Final = MINUTE
_BY_REVISION: Final = 0.4
_COLUMN_OF: Final[Mapping[str, str]] = {
    "split": "stock_splits",
    "stock_dividend": "stock_splits",
    "cash_dividend": "dividends",
    "special_dividend": "dividends",
    "capital_gain": "capital_gains",
}


def findings(
    rows: Rows,
    *,
    timeframe: Timeframe,
    actions: Sequence[CorporateAction] = (),
    adjusted: Adjusted = _NOTHING,
    within: Interval | None = None,
    held: Flags | None = None,
) -> list[Finding]:
    """Return what looks wrong in bars, the most certain first.

    ``rows`` ascend in time, one for each bar; withdrawn ones are left out. ``actions`` are the known corporate
    actions, of which those that stand count. ``adjusted`` says what the source adjusts its columns for. ``within``
    keeps the findings that touch an interval, so that bars around it can be given to judge it by. ``held`` marks the
    rows that were held before the others came: of two levels, theirs is the more likely to be right, however many come.
    """
    table, suspicions = suspected(rows, timeframe=timeframe, actions=actions, adjusted=adjusted, held=held)
    found = [one.finding(table) for one in suspicions]
    return found if within is None else [one for one in found if one.interval.intersects(within)]


def suspected(
    rows: Rows,
    *,
    timeframe: Timeframe,
    actions: Sequence[CorporateAction] = (),
    adjusted: Adjusted = _NOTHING,
    held: Flags | None = None,
) -> tuple[Table, list[Suspicion]]:
    """Return the table that bars make, and the suspicions about it with the changes that they propose."""
    check_adjusted(adjusted)
    if held is not None and rows.withdrawn is not None:
        held = held[~rows.withdrawn]
    standing = rows.standing()
    weights = _earliest(standing.revision) if held is None else held.astype(np.float64)
    table = replace(_table(standing, timeframe, actions), held=weights)
    return table, detect(table, adjustment=adjusted.get("close", RAW))


def _earliest(revisions: Ints) -> Floats | None:
    """Return the weights of the bars that were written first, by their revisions, which are ns; None where all were.

    Of commits that follow each other closely, as those of one ingestion do, none was there before the other. A bar that
    was written anew since is no longer among the first, so that revisions tell less than what is held tells.
    """
    known = np.unique(revisions[revisions > 0])
    later = np.flatnonzero(np.diff(known) > _TOGETHER)
    if not len(later):
        return None
    first = (revisions > 0) & (revisions <= known[later[0]])
    return np.where(first, _BY_REVISION, 0.0)


def _table(rows: Rows, timeframe: Timeframe, actions: Sequence[CorporateAction]) -> Table:
    factor, events = rows.adjustment_factor, _events(rows.time, timeframe.duration, actions)
    return Table(
        time=rows.time,
        open=rows.open,
        high=rows.high,
        low=rows.low,
        close=rows.close,
        adj_close=None if factor is None else rows.close * factor,
        volume=rows.volume if bool(np.isfinite(rows.volume).any()) else None,
        dividends=events.get("dividends"),
        stock_splits=events.get("stock_splits"),
        capital_gains=events.get("capital_gains"),
        bar=timeframe.duration,
        at=np.arange(len(rows), dtype=np.int64),
    )


def _events(times: Ints, bar: int, actions: Sequence[CorporateAction]) -> dict[str, Floats]:
    """Return the columns of events; one between bars counts for the next, one within a bar for that."""
    columns: dict[str, Floats] = {}
    for action in actions:
        column = _COLUMN_OF.get(action.kind)
        if column is None or action.withdrawn or action.superseded_at or not len(times):
            continue
        row = _row_of(times, bar, action.ex_date)
        if not 0 <= row < len(times):
            continue
        values = columns.setdefault(column, np.zeros(len(times)))
        if column == "stock_splits":
            ratio = action.value if action.kind == "split" else 1 + action.value
            values[row] = ratio * (values[row] or 1.0)
        else:
            values[row] += action.value
    return columns


def _row_of(times: Ints, bar: int, ex_date: int) -> int:
    """Return the row of the bar in which an event lies or that is the next one; -1 before the first."""
    row = int(np.searchsorted(times, ex_date, side="right")) - 1
    return row + (row >= 0 and int(times[row]) + bar <= ex_date)
