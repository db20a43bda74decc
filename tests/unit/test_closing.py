"""Which bars are final at an instant, in every timeframe."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.calendar import AlwaysOpen, Calendar
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import DAY, HOUR, TIMEFRAMES, Timeframe
from barledger.domain.timetable import Timetable
from barledger.errors import CalendarNotFound
from barledger.services.ingestion import closing


class Unreachable(Calendar):
    """A calendar that ends before every question."""

    name = "unreachable"

    def timetable(self, timeframe: Timeframe, interval: Interval) -> Timetable:
        raise CalendarNotFound(calendar=f"{self.name} {timeframe} {interval}")

    def earlier(self, timeframe: Timeframe, time: int, bars: int) -> int:
        raise CalendarNotFound(calendar=f"{self.name} {timeframe} {time} {bars}")

    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:
        raise CalendarNotFound(calendar=f"{self.name} {timeframe} {len(labels)}")

    def coarser(self, fine: Timeframe, labels: Ints, coarse: Timeframe) -> Ints:
        raise CalendarNotFound(calendar=f"{self.name} {fine} {coarse} {len(labels)}")


class EarlyClose(AlwaysOpen):
    """Days that are over at 21:00."""

    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:
        return super().closes(timeframe, labels) - 3 * HOUR


@given(st.sampled_from(sorted(TIMEFRAMES)), st.integers(0, 60_000 * DAY))
def test_all_before_the_horizon_is_closed_and_the_horizon_is_not(name: str, now: int) -> None:
    timeframe = Timeframe.of(name)
    edge = closing.horizon(timeframe, AlwaysOpen(), now)
    around = np.arange(edge - 4 * timeframe.duration, edge + 1, timeframe.grid, dtype=np.int64)
    labels = np.union1d(around[timeframe.on_grid(around)], [edge])
    closed = timeframe.close_of(labels) <= now
    assert closed[:-1].all()
    assert not closed[-1]


def test_a_bar_is_closed_at_the_very_instant_of_its_close() -> None:
    minute = Timeframe.of("1m")
    for now, closed in ((DAY, 0), (DAY - 1, 1), (DAY + 1, 0)):
        assert closing.horizon(minute, AlwaysOpen(), now) == DAY - closed * minute.duration


def test_the_calendar_says_when_a_day_is_over() -> None:
    day = Timeframe.of("1d")
    assert closing.horizon(day, EarlyClose(), 10 * DAY + 21 * HOUR) == 11 * DAY
    assert closing.horizon(day, EarlyClose(), 10 * DAY + 21 * HOUR - 1) == 10 * DAY
    assert closing.horizon(day, AlwaysOpen(), 10 * DAY + 21 * HOUR) == 10 * DAY


@pytest.mark.parametrize("name", ["1m", "1h", "1d", "1M"])
def test_where_the_calendar_does_not_reach_the_timeframe_says_it(name: str) -> None:
    timeframe, interval = Timeframe.of(name), Interval(1_000 * DAY, 1_100 * DAY)
    open_, unreachable = AlwaysOpen(), Unreachable()
    assert closing.horizon(timeframe, unreachable, 1_050 * DAY + 7) == closing.horizon(
        timeframe, open_, 1_050 * DAY + 7
    )
    found = closing.expected(timeframe, unreachable, interval)
    assert found.tolist() == open_.expected(timeframe, interval).tolist()
    assert closing.count(timeframe, unreachable, interval) == len(found)
