"""Timetables: the bars that a full record has at one timeframe, numbered in ascending order.

A bar's number is how many bars come before it, counted from a bar of the timetable's choice. Numbers, unlike times,
know nothing of closed markets: neighbouring bars have neighbouring numbers.
"""

from abc import ABC, abstractmethod
from typing import Literal

import numpy as np

from barledger.domain.rows import Flags, Ints
from barledger.domain.timeframe import Timeframe


class Timetable(ABC):
    """The bars of one market at one timeframe; times are ns."""

    @abstractmethod
    def before(self, times: Ints) -> Ints:
        """Return how many bars are labelled before each time: the number of the first bar from that time on."""

    @abstractmethod
    def opened(self, times: Ints) -> Ints:
        """Return how many bars have opened before each time."""

    @abstractmethod
    def closed(self, times: Ints) -> Ints:
        """Return how many bars have closed by each time."""

    @abstractmethod
    def labels(self, numbers: Ints) -> Ints:
        """Return the labels of bars by their numbers."""

    @abstractmethod
    def closes(self, numbers: Ints) -> Ints:
        """Return the first instant after each bar, by number."""

    @abstractmethod
    def has(self, numbers: Ints) -> Flags:
        """Tell which numbers bars have."""

    def find(self, labels: Ints) -> tuple[Ints, Flags]:
        """Return the number of the bar of each label, and whether there is one."""
        numbers = self.before(labels)
        found = self.has(numbers)
        found[found] = self.labels(numbers[found]) == labels[found]
        return numbers, found


class Steady(Timetable):
    """Bars that follow each other without a break, counted from the epoch."""

    def __init__(self, timeframe: Timeframe) -> None:
        """Take the timeframe's own grid."""
        self._timeframe = timeframe
        self._origin = 0 if timeframe.name == "1M" else int(timeframe.open_of(np.zeros(1, np.int64))[0])

    def before(self, times: Ints) -> Ints:
        """Return how many bars are labelled before each time."""
        numbers = self.closed(times)
        return np.asarray(numbers + (self.labels(numbers) < times))

    def opened(self, times: Ints) -> Ints:
        """Return the same, since a bar opens at its label."""
        return self.before(times)

    def closed(self, times: Ints) -> Ints:
        """Return how many bars have closed by each time."""
        if self._timeframe.name == "1M":
            return times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        return np.asarray((times - self._origin) // self._timeframe.duration)

    def labels(self, numbers: Ints) -> Ints:
        """Return the labels of bars by their numbers."""
        if self._timeframe.name == "1M":
            return numbers.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)
        return np.asarray(self._origin + numbers * self._timeframe.duration)

    def closes(self, numbers: Ints) -> Ints:
        """Return the label of the next bar."""
        return self.labels(numbers + 1)

    def has(self, numbers: Ints) -> Flags:
        """Tell that every number has a bar."""
        return np.ones(len(numbers), np.bool_)


class Listed(Timetable):
    """Bars that are named one by one: their labels, openings and closes, each ascending."""

    def __init__(self, labels: Ints, opens: Ints, closes: Ints) -> None:
        """Give them numbers from 0 on."""
        self._labels, self._opens, self._closes = labels, opens, closes

    def before(self, times: Ints) -> Ints:
        """Return how many bars are labelled before each time."""
        return _count(self._labels, times, "left")

    def opened(self, times: Ints) -> Ints:
        """Return how many bars have opened before each time."""
        return _count(self._opens, times, "left")

    def closed(self, times: Ints) -> Ints:
        """Return how many bars have closed by each time."""
        return _count(self._closes, times, "right")

    def labels(self, numbers: Ints) -> Ints:
        """Return the labels of bars by their numbers."""
        return np.asarray(self._labels[numbers])

    def closes(self, numbers: Ints) -> Ints:
        """Return the first instant after each bar."""
        return np.asarray(self._closes[numbers])

    def has(self, numbers: Ints) -> Flags:
        """Tell which numbers lie in the list."""
        return np.asarray((numbers >= 0) & (numbers < len(self._labels)))


class Spells(Timetable):
    """Bars of one length within spells of trading; the last bar of a spell is cut short by its end."""

    def __init__(self, anchors: Ints, ends: Ints, duration: int) -> None:
        """Count bars from each anchor; spells ascend and do not overlap."""
        self._anchors, self._ends, self._duration = anchors, ends, duration
        self._bars = np.maximum(-((anchors - ends) // duration), 0)
        self._before = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._bars)])

    def before(self, times: Ints) -> Ints:
        """Return how many bars are labelled before each time."""
        spell, since = self._since(times)
        return self._in_spell(spell, -(-since // self._duration))

    def opened(self, times: Ints) -> Ints:
        """Return the same, since a bar opens at its label."""
        return self.before(times)

    def closed(self, times: Ints) -> Ints:
        """Return how many bars have closed by each time."""
        spell, since = self._since(times)
        over = times >= self._ends[np.maximum(spell, 0)]
        return self._in_spell(spell, np.where(over, self._bars[np.maximum(spell, 0)], since // self._duration))

    def labels(self, numbers: Ints) -> Ints:
        """Return the labels of bars by their numbers."""
        spell = self._spell(numbers)
        return np.asarray(self._anchors[spell] + (numbers - self._before[spell]) * self._duration)

    def closes(self, numbers: Ints) -> Ints:
        """Return the first instant after each bar."""
        return np.minimum(self.labels(numbers) + self._duration, self._ends[self._spell(numbers)])

    def has(self, numbers: Ints) -> Flags:
        """Tell which numbers lie in a spell."""
        return np.asarray((numbers >= 0) & (numbers < self._before[-1]))

    def around(self, times: Ints) -> tuple[Ints, Flags, Ints]:
        """Return of each time how long its spell's bar had lasted, whether a bar opens then, and the end of the spell.

        The first is -1 for a time in no spell.
        """
        spell, since = self._since(times)
        ends = self._ends[np.maximum(spell, 0)]
        lasted = np.where((spell >= 0) & (times < ends), since % self._duration, -1)
        return lasted, lasted == 0, ends

    def _since(self, times: Ints) -> tuple[Ints, Ints]:
        """Return the spell that began last before each time, -1 for none, and how long ago."""
        spell = _count(self._anchors, times, "right") - 1
        return spell, np.where(spell < 0, 0, times - self._anchors[np.maximum(spell, 0)])

    def _in_spell(self, spell: Ints, bars: Ints) -> Ints:
        at = np.maximum(spell, 0)
        return np.asarray(np.where(spell < 0, 0, self._before[at] + np.minimum(bars, self._bars[at])))

    def _spell(self, numbers: Ints) -> Ints:
        return _count(self._before, numbers, "right") - 1


def _count(ascending: Ints, values: Ints, side: Literal["left", "right"]) -> Ints:
    return np.searchsorted(ascending, values, side).astype(np.int64)
