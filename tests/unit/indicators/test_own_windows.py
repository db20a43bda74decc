"""Sessions of a time zone: they begin when its clocks say so, whatever daylight saving does."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.errors import ParameterInvalid
from barledger.indicators.own.calendar_windows import CalendarWindow, WindowReader

NS = 10**9
HALF_HOURS = np.arange(1_704_067_200, 1_736_000_000, 1_800, dtype=np.int64) * NS


def firsts(window: CalendarWindow, time: Any = HALF_HOURS) -> list[int]:
    """Return the times at which a window begins, but the first, which may have begun before."""
    numbers = window.numbers(time)
    assert (np.diff(numbers) >= 0).all()
    return [int(one) for one in time[1:][np.diff(numbers) > 0]]


def starts(zone: str, hours: float) -> set[int]:
    """Return when days begin by Python's own clocks, the first time where a clock is put back."""
    found = set()
    for number in range(-2, 372):
        moment = datetime(2024, 1, 1) + timedelta(days=number, hours=hours)  # noqa: DTZ001 - its zone follows
        found.add(int(moment.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC).timestamp()) * NS)
    return found


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("America/New_York", 0.0),
        ("America/New_York", 9.5),
        ("America/New_York", -6.0),
        ("America/New_York", 1.5),
        ("America/Chicago", 17.0),
        ("America/Havana", 0.0),
        ("Europe/London", 8.0),
        ("Asia/Kolkata", 9.0),
        ("Australia/Sydney", 10.0),
    ],
)
def test_a_day_begins_once_whenever_the_clock_of_its_zone_says_so(zone: str, hours: float) -> None:
    found = firsts(CalendarWindow(unit="day", begins=hours, zone=zone))
    # In Havana midnight is skipped once: the day begins when the clock goes on.
    inside = {one for one in starts(zone, hours) if HALF_HOURS[0] < one <= HALF_HOURS[-1]}
    assert set(found) == inside
    assert {(two - one) // (3_600 * NS) for one, two in pairwise(found)} <= {23, 24, 25}


def test_where_the_clock_is_put_forward_over_the_hour_the_day_begins_then() -> None:
    window = CalendarWindow(unit="day", begins=2.5, zone="America/New_York")
    seven = int(pd.Timestamp("2024-03-10T07:00Z").value)
    assert window.begin(seven) == seven
    assert window.begin(seven - 1) == int(pd.Timestamp("2024-03-09T07:30Z").value)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["hour", "day", "week", "month", "year"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_one_time_after_the_other_is_the_same_as_all_at_once(unit: str, zone: str) -> None:
    window = CalendarWindow(unit=unit, begins=9.5, zone=zone)
    times = HALF_HOURS[2_000:6_000]
    numbers, read = window.numbers(times), WindowReader(window)
    assert [read(int(one)) for one in times] == numbers.tolist()
    assert all(window.begin(one) == one for one in firsts(window, times))


def test_weeks_and_months_are_those_of_the_zone() -> None:
    weeks = firsts(CalendarWindow(unit="week", begins=-6.0, zone="America/New_York"))
    assert {pd.Timestamp(one, tz="America/New_York").strftime("%a %H:%M") for one in weeks} == {"Sun 18:00"}
    months = firsts(CalendarWindow(unit="month", zone="America/New_York"))
    assert {pd.Timestamp(one, tz="America/New_York").strftime("%d %H:%M") for one in months} == {"01 00:00"}


def minutes(zone: str | None) -> pd.DataFrame:
    """Return bars of half hours around a change to daylight saving."""
    index = pd.date_range("2024-03-07", "2024-03-13", freq="30min", tz="UTC")
    close = 100 + np.sin(np.arange(len(index)))
    bars = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1.0 + np.arange(len(index))}
    frame = pd.DataFrame(bars, index=index)
    return frame if zone is None else frame.tz_convert(zone)


def test_a_vwap_of_a_session_begins_with_the_exchange() -> None:
    spec = "session_vwap(begins='09:30', zone='America/New_York').vwap"
    frame = minutes(None)
    found = barledger.calculate(spec, frame)[spec]
    typical = frame[["high", "low", "close"]].mean(axis=1)
    begun = [row for row in range(len(frame)) if found.iloc[row] == pytest.approx(typical.iloc[row], rel=1e-12)]
    assert [frame.index[row].strftime("%d %H:%M") for row in begun] == [
        *("07 00:00", "07 14:30", "08 14:30", "09 14:30"),
        *("10 13:30", "11 13:30", "12 13:30"),
    ]


def test_the_zone_of_a_frame_changes_nothing_and_bar_by_bar_is_the_same() -> None:
    specs = ["session_vwap(begins=9.5, zone='america/new_york').vwap", "pivots(begins='09:30', zone='Europe/London').p"]
    found = barledger.calculate(specs, minutes(None))
    moved = barledger.calculate(specs, minutes("Asia/Tokyo"))
    np.testing.assert_array_equal(found.to_numpy(), moved.to_numpy())
    live = barledger.live(specs)
    values = np.array([list(live.update(bar).values()) for _, bar in minutes("Asia/Tokyo").iterrows()])
    np.testing.assert_array_equal(found.to_numpy(), values)
    assert all("zone='America/New_York'" in key or "Europe/London" in key for key in found.attrs["indicators"].values())


@pytest.mark.parametrize(
    ("spec", "place", "allowed"),
    [
        ("session_vwap(zone='Mars/Base')", 13, "a time zone in quotes, such as 'America/New_York'"),
        ("session_vwap(begins='9h30')", 13, "an hour from -23.75 to 23.75, or a time such as '09:30'"),
        ("session_vwap(begins='24:00')", 13, "an hour from"),
        ("session_vwap(begins='09:60')", 13, "an hour from"),
        ("session_vwap(zone=5)", 13, "a time zone"),
        ("session_vwap(zone='../../etc/passwd')", 13, "a time zone"),
    ],
)
def test_what_is_no_zone_and_no_time_is_pointed_at(spec: str, place: int, allowed: str) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        barledger.calculate(spec, minutes(None))
    assert caught.value.place == place
    assert allowed in str(caught.value.allowed)
