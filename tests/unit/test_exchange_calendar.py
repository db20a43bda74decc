"""Exchanges' calendars: published facts, and a reference that goes through the sessions one by one."""

import datetime as dt
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger.domain.calendar import Calendar
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import EARLIEST, Interval, format_time, parse_time
from barledger.domain.timeframe import DAY, TIMEFRAMES, Timeframe
from barledger.errors import CalendarNotFound

# A break, none; a date that begins the evening before, and one after midnight in UTC; an opening off every grid.
NAMES = ("XNYS", "XTKS", "XHKG", "XLON", "CMES", "24/5", "XNZE", "XKAR")
FIRST, LAST = parse_time("2006-01-01"), parse_time("2026-01-01")

names = st.sampled_from(NAMES)
timeframes = st.sampled_from(sorted(TIMEFRAMES))
times = st.integers(FIRST, LAST)


def between(start: str, end: str) -> Interval:
    return Interval(parse_time(start), parse_time(end))


def dates(calendar: str, start: str, end: str) -> list[str]:
    labels = calendar_called(calendar).expected(TIMEFRAMES["1d"], between(start, end))
    return [format_time(int(label))[:10] for label in labels]


def closed(calendar: str, start: str, end: str) -> list[str]:
    """Return the weekdays without a session."""
    days = pd.bdate_range(start, end, inclusive="left").strftime("%Y-%m-%d")
    return sorted(set(days) - set(dates(calendar, start, end)))


def hours(calendar: str, date: str, zone: str, timeframe: str = "1m") -> tuple[str, str]:
    """Return when a date's bars begin and end, by the clock of the place."""
    market, frame = calendar_called(calendar), TIMEFRAMES[timeframe]
    day = parse_time(date)
    labels = market.expected(frame, Interval(day, day + DAY))
    ends = [int(labels[0]), int(market.closes(frame, labels)[-1])]
    begins, finishes = (dt.datetime.fromtimestamp(end // 10**9, ZoneInfo(zone)).strftime("%H:%M") for end in ends)
    return begins, finishes


def opening(calendar: str, timeframe: str, start: str, end: str) -> list[str]:
    labels = calendar_called(calendar).expected(TIMEFRAMES[timeframe], between(start, end))
    return [format_time(int(label))[11:16] for label in labels]


def closing(calendar: str, timeframe: str, label: str) -> str:
    at = np.array([parse_time(label)], np.int64)
    return format_time(int(calendar_called(calendar).closes(TIMEFRAMES[timeframe], at)[0]))


# --- published facts -----------------------------------------------------------------------------


def test_new_york_keeps_the_holidays_that_it_announced() -> None:
    assert closed("XNYS", "2024-01-01", "2025-01-01") == [
        "2024-01-01",
        "2024-01-15",
        "2024-02-19",
        "2024-03-29",
        "2024-05-27",
        "2024-06-19",
        "2024-07-04",
        "2024-09-02",
        "2024-11-28",
        "2024-12-25",
    ]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2001-09-10", "2001-09-18", ["2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14"]),
        ("2012-10-26", "2012-11-01", ["2012-10-29", "2012-10-30"]),
        ("2004-06-09", "2004-06-15", ["2004-06-11"]),
        ("2007-01-01", "2007-01-05", ["2007-01-01", "2007-01-02"]),
        ("2018-12-03", "2018-12-08", ["2018-12-05"]),
        ("2025-01-06", "2025-01-11", ["2025-01-09"]),
    ],
)
def test_new_york_closed_when_nobody_expected_it(start: str, end: str, days: list[str]) -> None:
    assert closed("XNYS", start, end) == days


@pytest.mark.parametrize(("year", "days"), [(2001, 248), (2008, 253), (2012, 250), (2013, 252), (2024, 252)])
def test_a_year_in_new_york_has_so_many_days(year: int, days: int) -> None:
    interval = between(f"{year}-01-01", f"{year + 1}-01-01")
    assert calendar_called("XNYS").count(TIMEFRAMES["1d"], interval) == days


@pytest.mark.parametrize("date", ["2023-07-03", "2023-11-24", "2024-07-03", "2024-11-29", "2024-12-24"])
def test_a_half_day_in_new_york_ends_at_one(date: str) -> None:
    assert hours("XNYS", date, "America/New_York") == ("09:30", "13:00")
    assert closing("XNYS", "1d", date).endswith(("T17:00:00Z", "T18:00:00Z"))
    half = Interval(parse_time(date), parse_time(date) + DAY)
    assert calendar_called("XNYS").count(TIMEFRAMES["1m"], half) == 210


def test_daylight_saving_moves_the_session_in_utc() -> None:
    assert opening("XNYS", "12h", "2024-03-08", "2024-03-12") == ["14:30", "13:30"]
    assert opening("XNYS", "12h", "2024-11-01", "2024-11-05") == ["13:30", "14:30"]
    assert opening("XLON", "12h", "2024-03-28", "2024-04-03") == ["08:00", "07:00"]
    # The two shores change on different Sundays, and Tokyo on none.
    assert opening("XLON", "12h", "2024-03-11", "2024-03-12") == ["08:00"]
    assert opening("XTKS", "4h", "2024-03-11", "2024-03-12") == ["00:00", "03:30"]


def test_london_keeps_its_bank_holidays_and_short_days() -> None:
    assert closed("XLON", "2022-01-01", "2023-01-01") == [
        "2022-01-03",
        "2022-04-15",
        "2022-04-18",
        "2022-05-02",
        "2022-06-02",
        "2022-06-03",
        "2022-08-29",
        "2022-09-19",
        "2022-12-26",
        "2022-12-27",
    ]
    assert hours("XLON", "2024-06-03", "Europe/London") == ("08:00", "16:30")
    assert hours("XLON", "2024-12-24", "Europe/London") == ("08:00", "12:30")


def test_tokyo_rests_at_noon_and_in_the_golden_week() -> None:
    assert closed("XTKS", "2019-04-26", "2019-05-08") == [
        f"2019-{day}" for day in ("04-29", "04-30", "05-01", "05-02", "05-03", "05-06")
    ]
    assert opening("XTKS", "1h", "2024-06-03", "2024-06-04") == ["00:00", "01:00", "02:00", "03:30", "04:30", "05:30"]
    assert closing("XTKS", "1h", "2024-06-03T02:00:00Z") == "2024-06-03T02:30:00Z"
    assert hours("XTKS", "2024-11-01", "Asia/Tokyo") == ("09:00", "15:00")
    assert hours("XTKS", "2024-11-05", "Asia/Tokyo") == ("09:00", "15:30")
    assert calendar_called("XTKS").count(TIMEFRAMES["1m"], between("2024-06-03", "2024-06-04")) == 300


def test_hong_kong_rests_for_an_hour() -> None:
    market = calendar_called("XHKG")
    noon = between("2024-06-03T04:00:00Z", "2024-06-03T05:00:00Z")
    assert market.count(TIMEFRAMES["1m"], noon) == 0
    assert market.count(TIMEFRAMES["1m"], between("2024-06-03", "2024-06-04")) == 330
    assert closing("XHKG", "2h", "2024-06-03T03:30:00Z") == "2024-06-03T04:00:00Z"
    assert hours("XHKG", "2024-12-24", "Asia/Hong_Kong") == ("09:30", "12:00")


def test_a_week_and_a_month_close_with_their_last_session() -> None:
    # Good Friday ends that week, and the month, on a Thursday.
    assert closing("XNYS", "1w", "2024-03-25") == "2024-03-28T20:00:00Z"
    assert closing("XNYS", "1M", "2024-03-01") == "2024-03-28T20:00:00Z"
    # The first bar of a week is labelled with its Monday, which was a holiday.
    assert opening("XNYS", "1w", "2024-05-27", "2024-06-03") == ["00:00"]


def test_a_bar_of_no_session_closes_as_its_timeframe_says() -> None:
    assert closing("XNYS", "1d", "2024-06-01") == "2024-06-02T00:00:00Z"
    assert closing("XNYS", "1h", "2024-06-03T11:00:00Z") == "2024-06-03T12:00:00Z"


def test_a_bar_of_the_clock_hour_ends_with_its_session() -> None:
    assert closing("XNYS", "1h", "2024-06-03T19:45:00Z") == "2024-06-03T20:00:00Z"
    # It may go on after the break, so that its close is not said to be before it.
    assert closing("XTKS", "2h", "2024-06-03T02:00:00Z") == "2024-06-03T02:30:00Z"
    assert closing("XTKS", "2h", "2024-06-03T01:00:00Z") == "2024-06-03T03:00:00Z"


def test_bars_before_the_opening_belong_to_the_date_of_the_place() -> None:
    market, minute, day = calendar_called("XNYS"), TIMEFRAMES["1m"], TIMEFRAMES["1d"]
    # 19:30 in New York on Monday, which is Tuesday in UTC.
    late = np.array([parse_time("2024-01-09T00:30:00Z")], np.int64)
    assert market.coarser(minute, late, day).tolist() == [parse_time("2024-01-08")]


def test_an_evening_session_belongs_to_the_next_date() -> None:
    market, hour, day = calendar_called("CMES"), TIMEFRAMES["1h"], TIMEFRAMES["1d"]
    sunday = np.array([parse_time("2024-01-07T23:00:00Z")], np.int64)
    assert market.coarser(hour, sunday, day).tolist() == [parse_time("2024-01-08")]


# --- names and bounds ----------------------------------------------------------------------------


def test_an_alias_is_the_exchange_itself() -> None:
    assert calendar_called("NYSE") is calendar_called("XNYS")
    assert calendar_called("24/7").name == "24/7"


@pytest.mark.parametrize("name", ["", "XNY", "ASDF", "24/6", "../x", "N\u00ffSE"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(CalendarNotFound, match="there is no calendar"):
        calendar_called(name)


def test_another_spelling_is_recognised() -> None:
    with pytest.raises(CalendarNotFound, match="is XLON meant"):
        calendar_called("xlon")


def test_a_calendar_is_not_asked_beyond_what_it_knows() -> None:
    tokyo = calendar_called("XTKS")
    assert tokyo.count(TIMEFRAMES["1d"], between("1997-01-01", "1998-01-01")) == 245
    for start, end in (("1996-12-31", "1997-02-01"), ("2020-01-01", "2201-01-01")):
        with pytest.raises(CalendarNotFound, match="it reaches over"):
            tokyo.expected(TIMEFRAMES["1d"], between(start, end))
    with pytest.raises(CalendarNotFound, match="400 bars of 1d before"):
        tokyo.earlier(TIMEFRAMES["1d"], parse_time("1998-02-01"), 400)
    with pytest.raises(CalendarNotFound):
        tokyo.coarser(TIMEFRAMES["1h"], np.array([EARLIEST], np.int64), TIMEFRAMES["4h"])


def test_bars_before_the_calendar_begins_close_as_their_timeframe_says() -> None:
    assert closing("XTKS", "1d", "1990-06-01") == "1990-06-02T00:00:00Z"
    labels = np.array([parse_time("1990-06-01"), parse_time("2024-06-03")], np.int64)
    assert (np.diff(calendar_called("XTKS").closes(TIMEFRAMES["1d"], labels)) > 0).all()


def test_history_beyond_the_librarys_default_is_loaded_when_it_is_asked_for() -> None:
    assert closed("XNYS", "1963-11-22", "1963-11-27") == ["1963-11-25"]
    assert closed("XNYS", "1933-03-03", "1933-03-16") == [f"1933-03-{day:02}" for day in (6, 7, 8, 9, 10, 13, 14)]


# --- against a reference that goes through sessions one by one ---------------------------------------


class Bar(NamedTuple):
    label: int
    open: int
    close: int


SPELLS = ("open", "break_start", "break_end", "close")


@cache
def sessions(name: str) -> list[tuple[int, list[tuple[int, int]]]]:
    """Return each session's date and spells, as the library's schedule tells them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = exchange_calendars.get_calendar(name, start="2005-01-03", end="2026-12-30").schedule
    columns = (schedule[name].dt.as_unit("ns").astype("int64").tolist() for name in SPELLS)
    broken = schedule["break_start"].notna().tolist()
    dates = schedule.index.as_unit("ns").astype("int64").tolist()
    found = []
    for date, rests, opens, pauses, resumes, closes in zip(dates, broken, *columns, strict=True):
        found.append((date, [(opens, pauses), (resumes, closes)] if rests else [(opens, closes)]))
    return found


def record(name: str, timeframe: str, interval: Interval) -> list[Bar]:
    """Return every bar that opens, closes or is labelled in the interval, and some more, one by one."""
    frame = TIMEFRAMES[timeframe]
    margin = 3 * DAY if frame.duration <= DAY else 70 * DAY
    near = [one for one in sessions(name) if interval.start - margin <= one[0] < interval.end + margin]
    if frame.duration < DAY:
        return list(_within_sessions(near, frame))
    cells: dict[int, Bar] = {}
    for date, spells in near:
        label = int(frame.open_of(np.array([date], np.int64))[0])
        opened = cells[label].open if label in cells else spells[0][0]
        cells[label] = Bar(label, opened, spells[-1][1])
    return list(cells.values())[:-1] if frame.duration > DAY else list(cells.values())


def _within_sessions(near: list[tuple[int, list[tuple[int, int]]]], frame: Timeframe) -> Iterator[Bar]:
    for _, spells in near:
        for start, end in spells:
            label = start - start % frame.grid
            while label < end:
                yield Bar(label, label, min(label + frame.duration, end))
                label += frame.duration


def of(name: str, timeframe: str) -> tuple[Calendar, Timeframe]:
    return calendar_called(name), TIMEFRAMES[timeframe]


@pytest.mark.slow
@given(names, timeframes, times, st.integers(0, 60 * DAY))
def test_the_expected_bars_are_those_of_the_sessions(name: str, timeframe: str, start: int, length: int) -> None:
    market, frame = of(name, timeframe)
    span = min(length, 500 * frame.duration)
    interval = Interval(start, start + span)
    wanted = [bar for bar in record(name, timeframe, interval) if bar.label in interval]
    labels = market.expected(frame, interval)
    assert labels.tolist() == [bar.label for bar in wanted]
    assert market.count(frame, interval) == len(wanted)
    assert market.closes(frame, labels).tolist() == [bar.close for bar in wanted]
    assert bool(frame.on_grid(labels).all())
    if len(labels) > 1:
        assert (market.closes(frame, labels)[:-1] <= labels[1:]).all() or frame.duration >= DAY


@given(names, timeframes, times, st.integers(1, 400))
def test_so_many_bars_earlier_lie_so_many_bars(name: str, timeframe: str, time: int, bars: int) -> None:
    market, frame = of(name, timeframe)
    # Tokyo's calendar begins in 1997.
    bars = min(bars, 80) if timeframe == "1M" else bars
    start = market.earlier(frame, time, bars)
    assert market.count(frame, Interval(start, time)) == bars
    assert market.expected(frame, Interval(start, time))[0] == start
    assert market.earlier(frame, time, 0) == time


@pytest.mark.slow
@given(names, timeframes, times, st.integers(0, 5 * DAY))
def test_a_timetable_counts_openings_and_closes(name: str, timeframe: str, start: int, length: int) -> None:
    market, frame = of(name, timeframe)
    interval = Interval(start, start + length)
    bars = record(name, timeframe, interval)
    table = market.timetable(frame, interval)
    ends = np.array([interval.start, interval.end], np.int64)
    assert np.diff(table.before(ends)) == sum(bar.label in interval for bar in bars)
    assert np.diff(table.opened(ends)) == sum(bar.open in interval for bar in bars)
    assert np.diff(table.closed(ends)) == sum(interval.start < bar.close <= interval.end for bar in bars)


@given(names, timeframes, times)
def test_a_timetable_tells_its_bars_apart(name: str, timeframe: str, start: int) -> None:
    market, frame = of(name, timeframe)
    interval = Interval(start, start + 3 * frame.duration + 2 * DAY)
    table = market.timetable(frame, interval)
    labels = market.expected(frame, interval)
    numbers, found = table.find(labels)
    assert bool(found.all())
    assert (np.diff(numbers) == 1).all()
    assert table.labels(numbers).tolist() == labels.tolist()
    assert table.closes(numbers).tolist() == market.closes(frame, labels).tolist()
    assert not table.find(labels + 1)[1].any()
    assert not table.find(np.array([EARLIEST, parse_time("2250-01-01")], np.int64))[1].any()


PAIRS = (("1m", "1h"), ("5m", "4h"), ("15m", "1d"), ("30m", "1w"), ("1h", "1M"), ("1d", "1w"))


@pytest.mark.slow
@given(names, st.sampled_from(PAIRS), times)
@settings(max_examples=50)
def test_each_bar_is_part_of_the_coarser_bar_that_holds_it(name: str, pair: tuple[str, str], start: int) -> None:
    market, fine = of(name, pair[0])
    interval = Interval(start, start + 10 * DAY)
    bars = [bar for bar in record(name, pair[0], interval) if bar.label in interval]
    found = market.coarser(fine, np.array([bar.label for bar in bars], np.int64), TIMEFRAMES[pair[1]])
    known = {bar.label: bar for bar in record(name, pair[1], interval)}
    for bar, label in zip(bars, found.tolist(), strict=True):
        assert known[label].open <= bar.open + fine.grid
        assert bar.close <= known[label].close


def test_a_spell_that_opens_off_the_grid_is_counted_from_the_mark_before() -> None:
    # Karachi opens at 09:32, which no bar of five minutes can be labelled with.
    assert opening("XKAR", "1m", "2024-06-03", "2024-06-04")[0] == "04:32"
    assert opening("XKAR", "5m", "2024-06-03", "2024-06-04")[:2] == ["04:30", "04:35"]


@pytest.mark.slow
def test_the_library_of_calendars_is_loaded_when_a_market_that_closes_is_asked_for() -> None:
    asked = (
        "import sys, barledger.cli.app; from barledger.domain.exchange_calendar import calendar_called as c; c('24/7')"
    )
    told = f"{asked}; a = 'exchange_calendars' in sys.modules; c('XNYS'); print(a, 'exchange_calendars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["False", "True"]
