"""Calendars: when a market trades, and so which bars a full record has.

A bar's label is its opening time. Bars of a day and longer are labelled with midnight in UTC of the first date that
they cover (weeks with their Monday, months with the first); shorter ones with the instant at which they open, counted
from the opening of their session.
"""

from abc import ABC, abstractmethod
from typing import Final

import numpy as np

from barledger.domain.interval import EARLIEST, Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe

ALWAYS: Final = "24/7"
_SLACK: Final = 2


class Calendar(ABC):
    """When a market trades."""

    name: str

    @abstractmethod
    def expected(self, timeframe: Timeframe, interval: Interval) -> Ints:
        """Return the labels (ns, ascending) in a bounded interval of the bars that a full record has.

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

    def count(self, timeframe: Timeframe, interval: Interval) -> int:
        """Return how many bars a full record has in the interval."""
        return len(self.expected(timeframe, interval))

    def earlier(self, timeframe: Timeframe, time: int, bars: int) -> int:
        """Return the label of the bar that lies so many bars before ``time``; 0 bars give ``time`` itself.

        That is where an interval has to start which holds that many bars before ``time``.
        """
        if bars <= 0:
            return time
        span = timeframe.duration * (bars + _SLACK)
        while True:
            start = max(time - span, EARLIEST)
            labels = self.expected(timeframe, Interval(start, time))
            if len(labels) >= bars or start == EARLIEST:
                return int(labels[-min(bars, len(labels))]) if len(labels) else start
            span *= 2


class AlwaysOpen(Calendar):
    """A market without a closing bell: every bar of every day, by UTC."""

    name = ALWAYS

    def expected(self, timeframe: Timeframe, interval: Interval) -> Ints:
        """Return the labels of every bar that opens in the interval."""
        if timeframe.name == "1M":
            ends = np.array([interval.start, interval.end - 1], "datetime64[ns]").astype("datetime64[M]")
            labels = np.arange(ends[0], ends[1] + 1).astype("datetime64[ns]").astype(np.int64)
            return np.asarray(labels[(labels >= interval.start) & (labels < interval.end)])
        first = int(timeframe.open_of(np.array([interval.start], np.int64))[0])
        first += timeframe.duration if first < interval.start else 0
        return np.arange(first, interval.end, timeframe.duration, dtype=np.int64)

    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:
        """Return the instants after each bar."""
        return timeframe.close_of(labels)

    def coarser(self, fine: Timeframe, labels: Ints, coarse: Timeframe) -> Ints:  # noqa: ARG002 - others need it
        """Return the label of the coarser bar, counted from the epoch."""
        return coarse.open_of(labels)

    def count(self, timeframe: Timeframe, interval: Interval) -> int:
        """Return how many bars open in the interval, without listing them."""
        if timeframe.name == "1M":
            return len(self.expected(timeframe, interval))
        origin = int(timeframe.open_of(np.zeros(1, np.int64))[0])
        return -((origin - interval.end) // timeframe.duration) + (origin - interval.start) // timeframe.duration
