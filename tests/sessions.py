"""A market with sessions, as plain as a calendar can be: each label is looked at by itself."""

from collections.abc import Callable

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import DAY, HOUR, MINUTE, Timeframe
from barledger.errors import CalendarNotFound

OPEN = 14 * HOUR + 30 * MINUTE
CLOSE = 21 * HOUR
EARLY_CLOSE = 18 * HOUR
_WEEKEND = (5, 6)
_FRIDAY = 4


class Weekdays:
    """Open on weekdays from 14:30 to 21:00 UTC, on Fridays to 18:00; its record begins on 2020-01-01.

    It promises what `Calendar` does, and shares no code with it.
    """

    name = "weekdays"
    beginning = int(np.datetime64("2020-01-01", "ns").astype(np.int64))

    def expected(self, timeframe: Timeframe, interval: Interval) -> Ints:
        """Return the labels in the interval."""
        if interval.start < self.beginning - 366 * DAY:
            raise CalendarNotFound(calendar=self.name, detail=" before 2020")
        first = interval.start - interval.start % DAY - 31 * DAY
        labels = [label for day in range(first, interval.end, DAY) for label in _labels(timeframe, day)]
        return np.array(sorted({label for label in labels if label in interval}), np.int64)

    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:
        """Return the closes."""
        return _each(labels, lambda label: _close(timeframe, label))

    def coarser(self, fine: Timeframe, labels: Ints, coarse: Timeframe) -> Ints:  # noqa: ARG002 - the contract's
        """Return the coarser labels."""
        return _each(labels, lambda label: _coarser(coarse, label))

    def count(self, timeframe: Timeframe, interval: Interval) -> int:
        """Return how many labels there are."""
        return len(self.expected(timeframe, interval))

    def earlier(self, timeframe: Timeframe, time: int, bars: int) -> int:
        """Return the label so many bars before."""
        return int(self.expected(timeframe, Interval(self.beginning, time))[-bars]) if bars else time


def _each(labels: Ints, function: Callable[[int], int]) -> Ints:
    return np.array([function(label) for label in labels.tolist()], np.int64)


def _session(day: int) -> tuple[int, int] | None:
    weekday = (day // DAY + 3) % 7
    if weekday in _WEEKEND:
        return None
    return day + OPEN, day + (EARLY_CLOSE if weekday == _FRIDAY else CLOSE)


def _labels(timeframe: Timeframe, day: int) -> list[int]:
    session = _session(day)
    if session is None:
        return []
    if timeframe.duration >= DAY:
        return [int(timeframe.open_of(np.array([day]))[0])]
    return list(range(*session, timeframe.duration))


def _close(timeframe: Timeframe, label: int) -> int:
    usual = int(timeframe.close_of(np.array([label]))[0])
    if timeframe.duration < DAY:
        session = _session(label - label % DAY)
        return min(usual, session[1]) if session and session[0] <= label < session[1] else usual
    sessions = [session for day in range(label, usual, DAY) if (session := _session(day))]
    return sessions[-1][1] if sessions else usual


def _coarser(coarse: Timeframe, label: int) -> int:
    day = label - label % DAY
    if coarse.duration >= DAY:
        return int(coarse.open_of(np.array([day]))[0])
    session = _session(day)
    if session is None or not session[0] <= label < session[1]:
        return int(coarse.open_of(np.array([label]))[0])
    return session[0] + (label - session[0]) // coarse.duration * coarse.duration
