"""Breaks: the rows before which bars are missing that the market's calendar expects."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from barledger.domain.calendar import Calendar
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Ints
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import InputUnsuitable
from barledger.indicators.gaps import NO_BREAKS

ALWAYS: Final = "24/7"
"""The calendar that counts where none is named."""
_FEW: Final = 3


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


def check_spacing(time: Ints, timeframe: Timeframe) -> None:
    """Raise `InputUnsuitable` where most rows are nearer to each other than a bar is long, or no two follow each other.

    Days and longer bars may be shorter by an hour of daylight saving, or by holidays.
    """
    steps = np.diff(time)
    if not len(steps) or 2 * int(np.count_nonzero(steps == timeframe.duration)) >= len(steps):
        return
    usual, least = int(np.median(steps)), int(steps.min())
    if _shorter(usual, timeframe):
        raise _other(usual, timeframe, f"rows are {_length(usual)} apart, and the timeframe is {timeframe}")
    if len(steps) >= _FEW and 2 * least >= 3 * timeframe.duration:
        raise _other(usual, timeframe, f"rows are at least {_length(least)} apart, and the timeframe is {timeframe}")


def check_next(before: int, time: int, timeframe: Timeframe) -> None:
    """Raise `InputUnsuitable` for a bar that opens (ns) long before the one before it can have closed.

    What begins a session between two openings of a grid may be shorter, but not by that much.
    """
    if 4 * (time - before) <= timeframe.duration:
        told = f"the bar at {format_time(time)} opens {_length(time - before)} after the one before"
        remedy = f"Give bars of {timeframe}; one that is still forming is for peek() until it has closed."
        raise InputUnsuitable(reason=f"{told}, and the timeframe is {timeframe}", remedy=remedy)


def _shorter(step: int, timeframe: Timeframe) -> bool:
    """Tell whether rows that are so far apart (ns) cannot be bars of a timeframe."""
    length = timeframe.duration
    return 2 * step <= length if length >= DAY else 10 * step < 9 * length


def _other(step: int, timeframe: Timeframe, reason: str) -> InputUnsuitable:
    named = _length(step)
    meant = f"timeframe={named!r}" if " " not in named else "the timeframe of these rows"
    remedy = f"Name {meant}, leave it out, or resample the rows to {timeframe} first."
    return InputUnsuitable(reason=reason, remedy=remedy)


def _length(step: int) -> str:
    """Return a length as timeframes are named, if it is whole."""
    for unit, name in ((DAY, "d"), (DAY // 24, "h"), (DAY // 1_440, "m"), (DAY // 86_400, "s")):
        if step >= unit and not step % unit:
            return f"{step // unit}{name}"
    return f"{step / (DAY // 86_400):g} seconds"
