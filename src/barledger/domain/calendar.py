"""Calendars: when a market trades, and so which bars a full record has.

A bar's label is its opening time. Bars of a day and longer are labelled with midnight in UTC of the first date that
they cover (weeks with their Monday, months with the first); shorter ones with the instant at which they open, counted
from the opening of their session, and after a break from its end.
"""

from abc import ABC, abstractmethod
from typing import Final

import numpy as np

from barledger.domain.interval import EARLIEST, Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe
from barledger.domain.timetable import Steady, Timetable

ALWAYS: Final = "24/7"


class Calendar(ABC):
    """When a market trades."""

    name: str

    def __repr__(self) -> str:
        """Name it."""
        return f"<{type(self).__name__} {self.name}>"

    @abstractmethod
    def timetable(self, timeframe: Timeframe, interval: Interval) -> Timetable:
        """Return the numbered bars of a full record, those of a bounded interval among them.

        Raises `CalendarNotFound` where the calendar does not reach.
        """

    @abstractmethod
    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:
        """Return for each bar the first instant (ns) at which nothing of it can change any more.

        A bar that no session explains, such as one of a Saturday, closes as its timeframe says.
        """

    @abstractmethod
    def coarser(self, fine: Timeframe, labels: Ints, coarse: Timeframe) -> Ints:
        """Return the label of the coarser bar that each finer bar is a part of."""

    @abstractmethod
    def earlier(self, timeframe: Timeframe, time: int, bars: int) -> int:
        """Return the label of the bar that lies so many bars before ``time``; 0 bars give ``time`` itself.

        That is where an interval has to start which holds that many bars before ``time``. Raises `CalendarNotFound`
        where the calendar does not reach.
        """

    def expected(self, timeframe: Timeframe, interval: Interval) -> Ints:
        """Return the labels (ns, ascending) in a bounded interval of the bars that a full record has.

        Raises `CalendarNotFound` where the calendar does not reach.
        """
        table = self.timetable(timeframe, interval)
        first, last = table.before(np.array([interval.start, interval.end], np.int64)).tolist()
        return table.labels(np.arange(first, last, dtype=np.int64))

    def count(self, timeframe: Timeframe, interval: Interval) -> int:
        """Return how many bars a full record has in the interval, without listing them."""
        table = self.timetable(timeframe, interval)
        first, last = table.before(np.array([interval.start, interval.end], np.int64)).tolist()
        return int(last - first)


class AlwaysOpen(Calendar):
    """A market without a closing bell: every bar of every day, by UTC."""

    name = ALWAYS

    def timetable(self, timeframe: Timeframe, interval: Interval) -> Timetable:  # noqa: ARG002 - others need it
        """Return the bars of all time."""
        return Steady(timeframe)

    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:
        """Return the instants after each bar."""
        return timeframe.close_of(labels)

    def coarser(self, fine: Timeframe, labels: Ints, coarse: Timeframe) -> Ints:  # noqa: ARG002 - others need it
        """Return the label of the coarser bar, counted from the epoch."""
        return coarse.open_of(labels)

    def earlier(self, timeframe: Timeframe, time: int, bars: int) -> int:
        """Return the label of the bar that lies so many bars before ``time``, or the earliest time that is kept."""
        if bars <= 0:
            return time
        table = Steady(timeframe)
        ends = table.before(np.array([EARLIEST, time], np.int64)).tolist()
        return int(table.labels(np.array([max(ends[1] - bars, ends[0])], np.int64))[0])
