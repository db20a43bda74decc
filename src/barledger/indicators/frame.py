"""Frames: indicators on anybody's table of bars, without a library."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.frames import refuse_infinite
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe
from barledger.errors import InputMissing, InputUnsuitable, InvalidSetting
from barledger.indicators.binding import Binder, Request, bounds, listed
from barledger.indicators.breaks import ALWAYS, breaks, check_spacing
from barledger.indicators.definition import POLICIES, Policy
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.gaps import NO_BREAKS, WHOLE
from barledger.indicators.given import Given
from barledger.indicators.registry import REGISTRY
from barledger.indicators.relying import Gaps, Rows
from barledger.indicators.table import Table
from barledger.indicators.telling import gaps_told, standing, told

_NEIGHBOURS: Final = "no timeframe is named: rows are neighbours, and gaps are rows without a value"
_ASSUMED: Final = (
    "no calendar is named, so 24/7 counts: nights, weekends and holidays without bars are gaps; for what trades in "
    "sessions name its calendar, such as calendar='XNYS'"
)


def calculate(
    specs: str | Sequence[str],
    frame: Any,
    *,
    nan_policy: Policy | None = None,
    timeframe: str | None = None,
    calendar: str | None = None,
) -> Any:
    """Return the indicators of a table as a table of the caller's kind, row by row, one column for each output.

    A frame of pandas has the caller's index, and a table of polars or Arrow the caller's column of times first.

    ``frame`` is a frame of pandas (also as yfinance gives it), polars or Arrow, a list of mappings, a dict of columns,
    a series of closes, or `Bars`. Columns are found in any case, and any numbers in them may be inputs. Rows have to be
    ascending in time, each once, of one instrument. A missing value is NaN, or null in polars and Arrow. The first
    values are missing, or not settled, since what was before the first row is not known; what the columns rely on is
    in ``attrs`` of a pandas frame.

    Rows are taken for neighbours, so that a gap is a row without a value. With ``timeframe`` and ``calendar``
    (``XNYS``; ``24/7`` if it is not named) bars that should be there and are not are gaps too: ``restarts`` in
    ``attrs`` tells how many, ``calendar`` by which one, and ``calendar_note`` that nobody named it, where something
    restarted. Rows that are nearer to each other than a bar is long, or of which no two follow each other, are refused:
    they are of another timeframe. ``nan_policy`` says what a gap does: computing restarts after it (``segment``), it is
    as if it were not there (``skip``), or `ValuesMissing` (``raise``).

    Raises `InvalidSpec`, `IndicatorNotFound`, `ParameterInvalid`, `ParameterUnknown`, `InputMissing`,
    `InputUnsuitable`, the kin of `InvalidBars`, and `IndicatorFailed`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"close": [1.0, 2.0, 4.0]}, index=pd.date_range("2024-01-01", periods=3, tz="UTC"))
    >>> calculate("sma(2)", frame)["sma(2)"].tolist()
    [nan, 1.5, 3.0]
    """
    check_policy(nan_policy)
    given = Given.of(frame)
    named = listed(specs)
    request = _bound(named, nan_policy, tuple(given.names), REGISTRY.generation)
    table = table_of(given, request, breaks_of(given, timeframe, calendar))
    columns = Evaluation(table=table).columns(request)
    told = _told(table, request)
    if given.timed:
        told |= _calendar_told(timeframe, calendar, restarted=told["restarts"]["count"] > 0)
    else:
        # What has no times has no times of gaps either.
        del told["restarts"]
    return given.like(columns, told)


def _calendar_told(timeframe: str | None, calendar: str | None, *, restarted: bool) -> dict[str, Any]:
    """Return by which calendar bars are said to be missing, and where something restarted that nobody named it."""
    if calendar is not None:
        return {"calendar": calendar}
    if timeframe is None:
        return {"calendar_note": _NEIGHBOURS} if restarted else {}
    return {"calendar": ALWAYS} | ({"calendar_note": _ASSUMED} if restarted else {})


def _told(table: Table, request: Request) -> dict[str, Any]:
    known = int(table.time[0]) if len(table) else 0
    rows, gaps = Rows(first=0, stop=len(table), begins=False, known=known), Gaps(table=table)
    standings = {name: standing(pick, gaps, rows) for name, pick in request.picks.items()}
    return {
        **told(request, standings),
        "restarts": gaps_told(gaps, request, rows),
        "indicators": {name: one.key for name, one in standings.items()},
        "warmup_complete": all(one.complete for one in standings.values()),
    }


@lru_cache(maxsize=256)
def _bound(specs: tuple[str, ...], nan_policy: Policy | None, columns: tuple[str, ...], _generation: int) -> Request:
    """Return what specs mean; they are not bound again as long as the registry is the same."""
    return Binder(REGISTRY, columns=columns).request(specs, nan_policy=nan_policy)


def check_policy(nan_policy: str | None) -> None:
    """Raise `InvalidSetting` for a policy that there is not."""
    if nan_policy is not None and nan_policy not in POLICIES:
        raise InvalidSetting(setting="nan_policy", reason=f"{nan_policy!r} is none of {', '.join(POLICIES)}")


def table_of(given: Given, request: Request, gaps: Ints) -> Table:
    """Return the columns that are asked for; raises `InputMissing`, `InputUnsuitable` and `InfiniteValue`."""
    if request.timed and not given.timed:
        late = next(one for pick in request.picks.values() for one in bounds(pick) if one.indicator.timed)
        has = "none" if given.time is None else "numbers"
        reason = f"{late.indicator.name} wants times, and the table has {has}"
        remedy = "Give the frame an index of times: pd.to_datetime(..., utc=True), with unit='ms' for numbers."
        raise InputUnsuitable(reason=reason, remedy=remedy)
    columns = {}
    for column in request.columns:
        if column.instrument or column.name not in given.names:
            wanting = _wanting(request, column.key)
            raise InputMissing(indicator=wanting, column=column.key, found=tuple(given.names))
        columns[column.key] = given.column(column.name)
    time = np.arange(len(given.frame), dtype=np.int64) if given.time is None else given.time
    table = Table.of(time, columns, breaks=gaps)
    for name in columns:
        if table.present(name) is not WHOLE:
            refuse_infinite(table.columns[name], name)
    return table


def _wanting(request: Request, key: str) -> str:
    every = (one for pick in request.picks.values() for one in bounds(pick))
    return next(one.indicator.name for one in every if key in {it.key for it in one.inputs})


def breaks_of(given: Given, timeframe: str | None, calendar: str | None) -> Ints:
    """Return the rows of a table before which bars are missing; raises `InvalidSetting` and `InputUnsuitable`."""
    if timeframe is None:
        if calendar is not None:
            raise InvalidSetting(setting="calendar", reason="it tells of bars of which length? Give the timeframe too")
        return NO_BREAKS
    if given.time is None or not given.timed:
        remedy = "Give the frame an index of times, or leave the timeframe out."
        raise InputUnsuitable(reason="a timeframe is named, and the table has no times", remedy=remedy)
    length = Timeframe.of(timeframe)
    check_spacing(given.time, length)
    return breaks(given.time, length, calendar_called(calendar or ALWAYS))
