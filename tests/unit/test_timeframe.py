"""Timeframes: the open, the close, the grid and the block of every bar, against pandas' own calendar."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.timeframe import DAY, HOUR, MINUTE, TIMEFRAMES, Timeframe
from barledger.errors import InvalidTimeframe

NAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
# From 1900 to 2200: nanoseconds count a little further on both sides.
TIMES = st.integers(-2_208_988_800 * 10**9, 7_258_118_400 * 10**9)
EPOCH = pd.Timestamp(0, tz="UTC")


def ns(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").value)


def opens(name: str, text: str) -> str:
    return str(pd.Timestamp(int(Timeframe.of(name).open_of(np.array([ns(text)]))[0])))


def closes(name: str, text: str) -> str:
    return str(pd.Timestamp(int(Timeframe.of(name).close_of(np.array([ns(text)]))[0])))


def pandas_name(name: str) -> str:
    return name.replace("m", "min").replace("d", "D")


def pandas_open(name: str, time: int) -> pd.Timestamp:
    """Return the open of the bar around a time by pandas' periods and floors."""
    stamp = pd.Timestamp(time, tz="UTC")
    if name == "1M":
        return stamp.normalize().replace(day=1)
    if name == "1w":
        return stamp.normalize() - pd.Timedelta(days=stamp.weekday())
    if name == "3d":
        return EPOCH + pd.Timedelta(days=3 * ((stamp.normalize() - EPOCH).days // 3))
    return stamp.floor(pandas_name(name))


def pandas_close(name: str, stamp: pd.Timestamp) -> pd.Timestamp:
    offsets = {"1M": pd.offsets.MonthBegin(), "1w": pd.offsets.Week(), "3d": pd.offsets.Day(3)}
    return stamp + (offsets.get(name) or pd.Timedelta(pandas_name(name)))


def test_there_are_fifteen_timeframes_and_each_is_named_as_ccxt_does() -> None:
    assert tuple(TIMEFRAMES) == NAMES
    assert [str(Timeframe.of(name)) for name in NAMES] == list(NAMES)
    assert [eval(repr(Timeframe.of(name)), {"Timeframe": Timeframe}).name for name in NAMES] == list(NAMES)  # noqa: S307


@pytest.mark.parametrize(("alias", "name"), [("60m", "1h"), ("1wk", "1w"), ("1mo", "1M")])
def test_aliases_are_the_same_timeframe(alias: str, name: str) -> None:
    assert Timeframe.of(alias) is Timeframe.of(name)


def test_a_minute_is_no_month() -> None:
    assert Timeframe.of("1m").duration == MINUTE
    assert Timeframe.of("1M").duration == 31 * DAY


@pytest.mark.parametrize("name", ["", "1H", "1D", "1W", "2m", "10m", "1y", " 1d", "1d ", "90m", None, 60, ["1d"]])
def test_anything_else_is_refused(name: object) -> None:
    with pytest.raises(InvalidTimeframe) as caught:
        Timeframe.of(name)  # type: ignore[arg-type]
    assert caught.value.value == str(name)


def test_timeframes_sort_by_their_length() -> None:
    assert [one.name for one in sorted(TIMEFRAMES.values())] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
@given(time=TIMES)
def test_opens_agree_with_pandas(name: str, time: int) -> None:
    (found,) = Timeframe.of(name).open_of(np.array([time], np.int64))
    assert pd.Timestamp(int(found), tz="UTC") == pandas_open(name, time)


@pytest.mark.parametrize("name", NAMES)
@given(time=TIMES)
def test_closes_agree_with_pandas_offsets(name: str, time: int) -> None:
    timeframe = Timeframe.of(name)
    opened = timeframe.open_of(np.array([time], np.int64))
    (closed,) = timeframe.close_of(opened)
    assert pd.Timestamp(int(closed), tz="UTC") == pandas_close(name, pd.Timestamp(int(opened[0]), tz="UTC"))
    assert opened[0] <= time < closed


@pytest.mark.parametrize(
    ("name", "frequency"), [("5m", "5min"), ("4h", "4h"), ("1d", "D"), ("3d", "3D"), ("1w", "W-MON"), ("1M", "MS")]
)
def test_bars_follow_one_another_without_gap_or_overlap_through_leap_years(name: str, frequency: str) -> None:
    end = "1996-02-10" if name in ("5m", "4h") else "2004-06-30"
    start = {"1w": "1996-01-01", "3d": "1996-01-03"}.get(name, "1996-02-01")
    expected = pd.date_range(start, end, freq=frequency, tz="UTC").as_unit("ns").asi8
    timeframe = Timeframe.of(name)
    assert timeframe.on_grid(expected).all()
    assert np.array_equal(timeframe.open_of(expected), expected)
    assert np.array_equal(timeframe.close_of(expected)[:-1], expected[1:])
    assert np.array_equal(timeframe.open_of(timeframe.close_of(expected) - 1), expected)


def test_a_month_ends_when_the_next_one_begins() -> None:
    assert closes("1M", "2024-02-01") == "2024-03-01 00:00:00"
    assert closes("1M", "2023-02-01") == "2023-03-01 00:00:00"
    assert closes("1M", "1900-02-01") == "1900-03-01 00:00:00"
    assert closes("1M", "2000-12-01") == "2001-01-01 00:00:00"
    assert closes("1M", "1969-12-01") == "1970-01-01 00:00:00"
    assert opens("1M", "2024-02-29T23:59:59.999999999") == "2024-02-01 00:00:00"


def test_a_week_opens_on_monday() -> None:
    assert opens("1w", "2024-02-29") == "2024-02-26 00:00:00"
    assert closes("1w", "2024-02-26") == "2024-03-04 00:00:00"
    assert opens("1w", "1970-01-01") == "1969-12-29 00:00:00"


def test_a_leap_day_is_a_day() -> None:
    assert opens("1d", "2024-02-29T12:00") == "2024-02-29 00:00:00"
    assert closes("1d", "2024-02-28") == "2024-02-29 00:00:00"


@pytest.mark.parametrize(
    ("name", "on", "off"),
    [
        ("1m", "2024-01-01T00:01", "2024-01-01T00:01:30"),
        ("3m", "2024-01-01T00:03", "2024-01-01T00:04"),
        ("5m", "2024-01-01T00:05", "2024-01-01T00:06"),
        ("15m", "2024-01-01T00:45", "2024-01-01T00:50"),
        ("30m", "2024-01-01T09:15", "2024-01-01T09:20"),
        ("1h", "2024-01-02T14:30", "2024-01-02T14:31"),
        ("4h", "2024-01-02T03:45", "2024-01-02T03:46"),
        ("12h", "2024-01-02T12:00", "2024-01-02T12:00:01"),
        ("1d", "2024-02-29", "2024-02-29T05:00"),
        ("3d", "2024-02-28", "2024-02-28T12:00"),
        ("1w", "2024-02-26", "2024-02-27"),
        ("1M", "2024-02-01", "2024-02-02"),
        ("1M", "2024-02-01", "2024-02-01T00:00:00.000000001"),
    ],
)
def test_only_times_on_the_grid_can_open_a_bar(name: str, on: str, off: str) -> None:
    assert Timeframe.of(name).on_grid(np.array([ns(on), ns(off)])).tolist() == [True, False]


@pytest.mark.parametrize("name", NAMES)
@given(time=TIMES)
def test_every_counted_open_is_on_the_grid_and_a_nanosecond_later_is_not(name: str, time: int) -> None:
    timeframe = Timeframe.of(name)
    opened = timeframe.open_of(np.array([time], np.int64))
    assert timeframe.on_grid(opened).all()
    assert not timeframe.on_grid(opened + 1).any()


@pytest.mark.parametrize("name", NAMES)
@given(time=TIMES)
def test_blocks_are_calendar_days_months_and_years(name: str, time: int) -> None:
    timeframe = Timeframe.of(name)
    stamp = pd.Timestamp(time, tz="UTC").normalize()
    if timeframe.duration < HOUR:
        start, end = stamp, stamp + pd.Timedelta(days=1)
    elif timeframe.duration < DAY:
        start = stamp.replace(day=1)
        end = start + pd.offsets.MonthBegin()
    else:
        start = stamp.replace(day=1, month=1)
        end = start + pd.offsets.YearBegin()
    (found,) = timeframe.block_of(np.array([time], np.int64)).tolist()
    assert (found, timeframe.block_end(found)) == (start.value, end.value)
    assert timeframe.block_start(time) == found
