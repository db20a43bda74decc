"""The calendar of a market that never closes, against listing and counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.calendar import AlwaysOpen
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import Interval
from barledger.domain.timeframe import DAY, HOUR, TIMEFRAMES, Timeframe

CALENDAR = AlwaysOpen()
names = st.sampled_from(sorted(TIMEFRAMES))
times = st.integers(-40 * 365 * DAY, 60 * 365 * DAY)


@given(names, times, st.integers(0, 300), st.integers(0, HOUR))
def test_the_expected_bars_are_those_that_open_inside(name: str, start: int, bars: int, odd: int) -> None:
    timeframe = Timeframe.of(name)
    interval = Interval(start + odd, start + odd + bars * timeframe.duration)
    labels = CALENDAR.expected(timeframe, interval)
    assert (np.diff(labels) > 0).all()
    assert (timeframe.open_of(labels) == labels).all()
    assert all(int(label) in interval for label in labels)
    assert CALENDAR.count(timeframe, interval) == len(labels)
    if len(labels):
        before = int(timeframe.open_of(labels[:1] - 1)[0])
        assert before < interval.start
        assert (CALENDAR.closes(timeframe, labels)[:-1] == labels[1:]).all()
        assert int(CALENDAR.closes(timeframe, labels)[-1]) >= interval.end


@given(names, times, st.integers(1, 300))
def test_so_many_bars_earlier_lie_so_many_bars(name: str, time: int, bars: int) -> None:
    timeframe = Timeframe.of(name)
    start = CALENDAR.earlier(timeframe, time, bars)
    assert CALENDAR.count(timeframe, Interval(start, time)) == bars
    assert CALENDAR.earlier(timeframe, time, 0) == time


@pytest.mark.parametrize(("fine", "coarse"), [("1m", "1h"), ("1h", "1d"), ("1d", "1w"), ("1d", "1M")])
def test_each_bar_is_part_of_the_coarser_bar_that_holds_it(fine: str, coarse: str) -> None:
    whole = Timeframe.of(coarse)
    labels = CALENDAR.expected(Timeframe.of(fine), Interval(0, 3 * whole.duration))
    coarser = CALENDAR.coarser(Timeframe.of(fine), labels, whole)
    assert ((coarser <= labels) & (labels < whole.close_of(coarser))).all()


def test_a_calendar_names_itself() -> None:
    assert repr(AlwaysOpen()) == "<AlwaysOpen 24/7>"
    assert repr(calendar_called("XNYS")) == "<ExchangeCalendar XNYS>"
