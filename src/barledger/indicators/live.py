"""Live indicators without a library."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidSetting
from barledger.indicators.breaks import ALWAYS, breaks, check_next
from barledger.indicators.definition import Policy
from barledger.indicators.frame import breaks_of, check_policy, table_of
from barledger.indicators.given import Given
from barledger.indicators.streaming.history import Gap
from barledger.indicators.streaming.live import Live


def live(
    specs: str | Sequence[str],
    frame: Any = None,
    *,
    nan_policy: Policy | None = None,
    timeframe: str | None = None,
    calendar: str | None = None,
) -> Live:
    """Return live indicators that stand behind the last row of a table, or before the first bar.

    ``frame`` is a table as `barledger.calculate` takes it, whose values for its rows are those of the bars before. What
    else is asked for is as there: with ``timeframe`` and ``calendar`` missing bars are gaps, in the table and later.
    Raises `CannotStream`, and what `barledger.calculate` raises.

    >>> one = live("sma(2)", {"close": [1.0, 2.0]})
    >>> one.value, one.update(4.0), one.peek(6.0)
    (1.5, 3.0, 5.0)
    """
    check_policy(nan_policy)
    gap = gap_by(timeframe, calendar)
    if frame is None:
        return Live.open(specs, nan_policy=nan_policy, gap=gap, columns=VALUES)
    given = Given.of(frame)
    missing = breaks_of(given, timeframe, calendar)
    made = Live.open(specs, nan_policy=nan_policy, gap=gap, columns=tuple(given.names))
    return made.warm(given if given.time is None else table_of(given, made.request, missing))


def gap_by(timeframe: str | None, calendar: str | None = None) -> Gap | None:
    """Return what tells whether bars of a timeframe that a calendar expects are missing; None without a timeframe.

    The calendar is ``24/7`` if it is not named. What is returned raises `InputUnsuitable` for bars that are much
    shorter. Raises `InvalidSetting`, `InvalidTimeframe` and `CalendarNotFound`.
    """
    if timeframe is None:
        if calendar is not None:
            raise InvalidSetting(setting="calendar", reason="it tells of bars of which length? Give the timeframe too")
        return None
    length, sessions = Timeframe.of(timeframe), calendar_called(calendar or ALWAYS)

    def gap(before: int, time: int) -> bool:
        if time - before == length.duration:
            return False
        check_next(before, time, length)
        return bool(len(breaks(np.array([before, time], np.int64), length, sessions)))

    return gap
