"""Breaks: the rows before which bars are missing that the market's calendar expects."""

from collections.abc import Iterable

import numpy as np

from barledger.domain.calendar import Calendar
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe
from barledger.indicators.gaps import NO_BREAKS


def breaks(time: Ints, timeframe: Timeframe, calendar: Calendar, *, excused: Iterable[Interval] = ()) -> Ints:
    """Return the rows (ascending) before which the calendar expects bars that are not there, none of them excused.

    ``time`` are opening times (ns, ascending, unique); bars that open in an ``excused`` interval never were. Only steps
    that are not one bar long are looked up in the calendar. Raises `CalendarNotFound` where it does not reach.
    """
    odd = odd_steps(time, timeframe)
    if not len(odd):
        return NO_BREAKS
    table = calendar.timetable(timeframe, Interval(int(time[odd[0] - 1]), int(time[odd[-1]]) + 1))
    missing = table.before(time[odd]) - table.before(time[odd - 1] + 1)
    for one in excused:
        edges = np.array([one.start, one.end], np.int64)
        first, last = np.clip(edges[0], time[odd - 1] + 1, time[odd]), np.clip(edges[1], time[odd - 1] + 1, time[odd])
        inside = last > first
        missing[inside] -= table.before(last[inside]) - table.before(first[inside])
    return np.asarray(odd[missing > 0])


def odd_steps(time: Ints, timeframe: Timeframe) -> Ints:
    """Return the rows that do not open where the bar before them ends."""
    if len(time) < 2:
        return NO_BREAKS
    if timeframe.name == "1M":
        return np.asarray(np.flatnonzero(timeframe.close_of(time[:-1]) != time[1:]) + 1)
    return np.asarray(np.flatnonzero(np.diff(time) != timeframe.duration) + 1)
