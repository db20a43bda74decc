"""Closing: which bars are final, and which a full record has."""

from typing import Final

import numpy as np

from barledger.domain.calendar import AlwaysOpen, Calendar
from barledger.domain.interval import EARLIEST, LATEST, Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import CalendarNotFound
from barledger.services.instruments import InstrumentService

_BARS_AROUND: Final = 3


def calendar_of(instruments: InstrumentService, instrument: str) -> Calendar:
    """Return when an instrument trades; of a calendar that is not there, bars close as their timeframe says."""
    try:
        return instruments.calendar(instrument)
    except CalendarNotFound:
        return AlwaysOpen()


def horizon(timeframe: Timeframe, calendar: Calendar, now: int) -> int:
    """Return the label (ns) of the first bar that is not closed at ``now``: all before it are final."""
    labels = _labels_around(timeframe, now)
    unclosed = labels[closes(timeframe, calendar, labels) > now]
    return int(unclosed[0]) if len(unclosed) else int(labels[-1])


def closes(timeframe: Timeframe, calendar: Calendar, labels: Ints) -> Ints:
    """Return when the bars close; where the calendar does not reach, as their timeframe says."""
    try:
        return calendar.closes(timeframe, labels)
    except CalendarNotFound:
        return timeframe.close_of(labels)


def expected(timeframe: Timeframe, calendar: Calendar, interval: Interval) -> Ints:
    """Return the labels of a full record; where the calendar does not reach, of all bars that there could be."""
    bounded = Interval(min(max(interval.start, EARLIEST), LATEST), max(min(interval.end, LATEST), EARLIEST))
    try:
        return calendar.expected(timeframe, bounded)
    except CalendarNotFound:
        return AlwaysOpen().expected(timeframe, bounded)


def count(timeframe: Timeframe, calendar: Calendar, interval: Interval) -> int:
    """Return how many bars a full record has; where the calendar does not reach, how many there could be."""
    try:
        return calendar.count(timeframe, interval)
    except CalendarNotFound:
        return AlwaysOpen().count(timeframe, interval)


def settling(timeframe: Timeframe) -> int:
    """Return how long (ns) after a bar's close its absence still says nothing: the source may only be late."""
    return max(_BARS_AROUND * timeframe.duration, DAY)


def _labels_around(timeframe: Timeframe, now: int) -> Ints:
    """Return all times near ``now`` that can open a bar, from one that has long closed to one in the future."""
    reach = _BARS_AROUND * timeframe.duration
    moment = min(max(now, EARLIEST + reach), LATEST - reach)
    first = int(timeframe.open_of(np.array([moment - reach], np.int64))[0])
    times = np.arange(first, moment + reach, timeframe.grid, dtype=np.int64)
    return np.asarray(times[timeframe.on_grid(times)])
