"""Half-open intervals: their algebra against sets of integers, and the reading of times."""

import datetime as dt
from itertools import pairwise
from time import sleep

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.interval import (
    BEGINNING,
    END_OF_TIME,
    Instant,
    Interval,
    difference,
    everything,
    format_time,
    gaps,
    intersection,
    parse_time,
    union,
)
from barledger.errors import InvalidInterval

INTERVALS = st.builds(lambda start, length: Interval(start, start + length), st.integers(-20, 20), st.integers(0, 9))
LISTS = st.lists(INTERVALS, max_size=6)


def instants(*intervals: Interval) -> set[int]:
    """Return what intervals hold, one by one."""
    return {time for interval in intervals for time in range(interval.start, interval.end)}


def assert_normal(intervals: list[Interval]) -> None:
    """Check that intervals are sorted, not empty, and do not touch."""
    assert not any(interval.empty for interval in intervals)
    assert all(left.end < right.start for left, right in pairwise(intervals))


@given(LISTS)
def test_a_union_holds_every_instant_once(some: list[Interval]) -> None:
    joined = union(some)
    assert_normal(joined)
    assert instants(*joined) == instants(*some)


@given(LISTS, LISTS)
def test_a_difference_holds_what_is_left(some: list[Interval], removed: list[Interval]) -> None:
    left = difference(some, removed)
    assert_normal(left)
    assert instants(*left) == instants(*some) - instants(*removed)


@given(LISTS, LISTS)
def test_an_intersection_holds_what_both_hold(some: list[Interval], others: list[Interval]) -> None:
    shared = intersection(some, others)
    assert_normal(shared)
    assert instants(*shared) == instants(*some) & instants(*others)


@given(LISTS, INTERVALS)
def test_gaps_and_intervals_fill_the_whole(some: list[Interval], whole: Interval) -> None:
    missing = gaps(some, whole)
    assert_normal(missing)
    assert instants(*missing) == instants(whole) - instants(*some)
    assert union([*missing, *intersection(some, [whole])]) == union([whole])


@given(INTERVALS, INTERVALS)
def test_two_intervals_share_what_their_instants_share(one: Interval, other: Interval) -> None:
    shared = instants(one) & instants(other)
    part = one.intersection(other)
    assert one.intersects(other) == bool(shared)
    assert (instants(part) if part else set()) == shared


@given(INTERVALS, st.integers(-25, 35))
def test_an_interval_holds_its_start_and_not_its_end(interval: Interval, time: int) -> None:
    assert (time in interval) == (time in instants(interval))


def test_an_interval_cannot_end_before_it_starts() -> None:
    with pytest.raises(InvalidInterval, match=r"1970-01-01T00:00:00\.000000001Z"):
        Interval(2, 1)


def test_no_bounds_mean_all_of_time() -> None:
    assert Interval.of(None, None) == everything() == Interval(BEGINNING, END_OF_TIME)
    assert str(everything()) == "[the beginning, the end of time)"


FIRST, LAST = dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)
SECOND_OF_2005 = 1_109_549_400_000_000_000


@pytest.mark.parametrize(
    "value",
    [
        "2005-02-28T00:10:00Z",
        "2005-02-28 00:10",
        "2005-02-27T19:10:00-05:00",
        dt.datetime(2005, 2, 28, 0, 10),  # noqa: DTZ001 - a time without a zone is in UTC
        dt.datetime(2005, 2, 28, 5, 40, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
        np.datetime64("2005-02-28T00:10"),
        pd.Timestamp("2005-02-27T19:10", tz="America/New_York"),
        SECOND_OF_2005,
        np.int64(SECOND_OF_2005),
    ],
)
def test_one_instant_can_be_written_in_many_ways(value: Instant) -> None:
    assert parse_time(value) == SECOND_OF_2005


def test_now_is_later_each_time() -> None:
    before = parse_time("now")
    sleep(0.001)
    assert parse_time("now") > before


def test_a_date_is_its_midnight_in_utc() -> None:
    assert parse_time(dt.date(1970, 1, 2)) == parse_time("1970-01-02") == 86_400 * 10**9


@pytest.mark.parametrize("value", ["9999-12-31", dt.date(9999, 12, 31), LAST, "2262-04-12", 10**30])
def test_what_lies_beyond_counting_is_the_end_of_time(value: Instant) -> None:
    assert parse_time(value) == END_OF_TIME


@pytest.mark.parametrize("value", ["0001-01-01", dt.date(1, 1, 1), FIRST, "1677-09-20", -(10**30)])
def test_what_lies_before_counting_is_the_beginning(value: Instant) -> None:
    assert parse_time(value) == BEGINNING


@pytest.mark.parametrize("value", ["", "yesterday-ish", "2005-13-01", "NaT", None, True, pd.NaT, object(), [1]])
def test_what_is_no_time_is_refused(value: Instant) -> None:
    with pytest.raises(InvalidInterval):
        parse_time(value)


@given(st.integers(BEGINNING + 1, END_OF_TIME - 1))
def test_a_time_that_is_shown_names_its_nanosecond(time: int) -> None:
    shown = format_time(time)
    assert shown.endswith("Z")
    assert np.datetime64(shown[:-1], "ns").astype(np.int64) == time


def test_a_time_is_shown_with_as_many_decimals_as_it_needs() -> None:
    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert format_time(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert format_time(-1) == "1969-12-31T23:59:59.999999999Z"
