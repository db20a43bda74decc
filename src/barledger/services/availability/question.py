"""Questions: whose bars are asked for, and which numbers they have in the calendar's timetable."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from barledger.domain.calendar import Calendar
from barledger.domain.instrument import Instrument
from barledger.domain.interval import EARLIEST, LATEST, Interval
from barledger.domain.rows import Flags, Ints
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, Timeframe
from barledger.domain.timetable import Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An instrument at a timeframe, with its market and the series to look at, the most preferred first.

    ``listings`` has, for each series, the instrument as its own source and the people who declared something know it;
    for a subject without series, as those people do.
    """

    instrument: Instrument
    timeframe: Timeframe
    market: Calendar
    series: tuple[Series, ...]
    listings: tuple[Instrument, ...]

    @property
    def dated(self) -> bool:
        """Whether anything is said of when the instrument was listed."""
        return any(one.first_trade is not None or one.last_trade is not None for one in self.listings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which bars of a subject are there in an interval: those with the numbers ``first`` to ``last``, exclusive.

    Bars that have not closed by now are none of them; ``closed`` is how many have, in all. ``memory`` keeps what was
    found out for one subject and is true of others of the same market.
    """

    subject: Subject
    interval: Interval
    table: Timetable
    first: int
    last: int
    closed: int
    memory: dict[bytes, Any] = field(default_factory=dict)

    @staticmethod
    def of(subject: Subject, interval: Interval, now: int) -> "Question":
        """Give the bars their numbers; raises `CalendarNotFound` where the calendar does not reach."""
        start, end = (min(max(at, EARLIEST), LATEST) for at in (interval.start, min(interval.end, now)))
        table = subject.market.timetable(subject.timeframe, Interval(min(start, end), max(start, end)))
        first, last = table.before(np.array([start, end], np.int64)).tolist()
        (closed,) = table.closed(np.array([now], np.int64)).tolist()
        last = max(min(last, closed), first)
        return Question(subject=subject, interval=interval, table=table, first=first, last=last, closed=closed)

    @property
    def timeframe(self) -> Timeframe:
        """Return the timeframe."""
        return self.subject.timeframe

    @property
    def reach(self) -> Interval | None:
        """Return from the first label to just after the last one, or None if no bars are asked for."""
        if self.first == self.last:
            return None
        first, last = self.table.labels(np.array([self.first, self.last - 1], np.int64)).tolist()
        return Interval(first, last + 1)

    def about(self, subject: Subject) -> "Question":
        """Return the same question about another subject of the same market."""
        return replace(self, subject=subject)

    def blocks(self, starts: Ints) -> tuple[Flags, Ints, Ints, Ints]:
        """Tell which blocks hold expected bars; return where these end, and which bars, first and last (exclusive)."""
        key = b"blocks" + starts.tobytes()
        if key not in self.memory:
            ends = _block_ends(self.timeframe, starts)
            first, last = self.before(starts), np.minimum(self.before(ends), self.closed)
            held = (first < last) & (first < self.last) & (last > self.first)
            self.memory[key] = held, ends[held], first[held], last[held]
        known: tuple[Flags, Ints, Ints, Ints] = self.memory[key]
        return known

    def before(self, times: Ints) -> Ints:
        """Return how many bars are labelled before each time, which may be the beginning or the end of time."""
        return self.table.before(np.clip(times, EARLIEST, LATEST))

    def spans(self, first: Ints, last: Ints) -> list[Interval]:
        """Return the stretches of time from the label of each first bar to the end of the bar before each last one."""
        starts = self.table.labels(first)
        if self.timeframe.duration < DAY:
            ends = self.table.closes(last - 1)
        else:
            ends = self.timeframe.close_of(self.table.labels(last - 1))
        ends = np.minimum(ends, self.interval.end)
        return [Interval(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def _block_ends(timeframe: Timeframe, starts: Ints) -> Ints:
    if timeframe.block == "day":
        return starts + DAY
    unit = "M" if timeframe.block == "month" else "Y"
    return (starts.astype("datetime64[ns]").astype(f"datetime64[{unit}]") + 1).astype("datetime64[ns]").astype(np.int64)
