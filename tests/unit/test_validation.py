"""Validation: every reason has its own error, and quarantine puts only the bad bars aside."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.rows import VALUES, Rows, concat, constant, empty_rows
from barledger.domain.timeframe import DAY, HOUR, MINUTE, Timeframe
from barledger.domain.validation import Rejected, validate
from barledger.errors import (
    DuplicateTimes,
    EmptyBar,
    HighBelowLow,
    InfiniteValue,
    InvalidBars,
    NegativePrice,
    NegativeVolume,
    NotEnclosing,
    OffGrid,
    UnsortedTimes,
)
from barledger.testing.bars import assert_same, days, rows

DAILY = Timeframe.of("1d")
INF, NAN = np.inf, np.nan
BAD = 4

Break = Callable[[dict[str, Any]], None]


def bars(spoil: dict[str, float] | None = None, count: int = 9) -> Rows:
    """Return good daily bars, of which the fifth has these values."""
    shape = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0}
    columns = {name: np.full(count, value) for name, value in shape.items()}
    time = np.array(days(0, count), np.int64)
    for name, value in (spoil or {}).items():
        column = time if name == "time" else columns.setdefault(name, np.ones(count))
        column[BAD] = value
    return rows(time, **columns)  # type: ignore[arg-type]


REASONS: list[tuple[type[InvalidBars], dict[str, float]]] = [
    (OffGrid, {"time": BAD * DAY + HOUR}),
    (EmptyBar, dict.fromkeys(VALUES, NAN)),
    (InfiniteValue, {"high": INF}),
    (InfiniteValue, {"low": -INF}),
    (InfiniteValue, {"volume": INF}),
    (InfiniteValue, {"adjustment_factor": INF}),
    (NegativePrice, {"low": -1.0}),
    (NegativePrice, {"open": -1e-300, "low": -1.0}),
    (NegativeVolume, {"volume": -1.0}),
    (HighBelowLow, {"high": 8.0}),
    (NotEnclosing, {"open": 12.5}),
    (NotEnclosing, {"open": 8.5}),
    (NotEnclosing, {"close": 12.5}),
    (NotEnclosing, {"close": 8.5}),
]


@pytest.mark.parametrize(("error", "spoil"), REASONS)
def test_each_broken_rule_raises_its_own_error_and_names_the_bar(
    error: type[InvalidBars], spoil: dict[str, float]
) -> None:
    given_bars = bars(spoil)
    with pytest.raises(InvalidBars) as caught:
        validate(given_bars, DAILY)
    assert type(caught.value) is error
    assert caught.value.count == 1
    assert caught.value.times == (int(given_bars.time[BAD]),)
    assert "1970-01-05" in str(caught.value)


@pytest.mark.parametrize(("error", "spoil"), REASONS)
def test_in_quarantine_only_the_bad_bar_is_put_aside(error: type[InvalidBars], spoil: dict[str, float]) -> None:
    given_bars = bars(spoil)
    done = validate(given_bars, DAILY, on_invalid="quarantine")
    assert_same(done.rows, given_bars.pick(np.arange(9) != BAD))
    (rejected,) = done.rejected
    assert (rejected.time, rejected.code) == (int(given_bars.time[BAD]), error.code)
    assert all(
        float(rejected.values[name]) == value or np.isnan(value) for name, value in spoil.items() if name != "time"
    )


def test_a_bar_that_breaks_several_rules_is_rejected_once() -> None:
    done = validate(bars({"open": -1.0, "high": -2.0, "volume": -3.0}), DAILY, on_invalid="quarantine")
    assert [one.code for one in done.rejected] == [NegativePrice.code]


def test_no_bars_are_valid() -> None:
    assert not len(validate(empty_rows(), DAILY).rows)
    assert not len(validate(empty_rows(), DAILY, on_invalid="quarantine").rows)


def test_good_bars_pass_as_they_are() -> None:
    good = rows(days(0, 100))
    assert validate(good, DAILY).rows is good
    assert validate(good, DAILY, on_invalid="quarantine").rows is good


@pytest.mark.parametrize("missing", VALUES)
def test_a_missing_value_breaks_no_rule(missing: str) -> None:
    lacking = bars({missing: NAN})
    assert validate(lacking, DAILY).rows is lacking


def test_the_bad_bar_is_found_behind_many_good_ones() -> None:
    many = rows([at * MINUTE for at in range(100_000)])
    volume = many.volume.copy()
    volume[99_999] = -1.0
    with pytest.raises(NegativeVolume) as caught:
        validate(replace(many, volume=volume), Timeframe.of("1m"))
    assert caught.value.times == (99_999 * MINUTE,)


def test_only_the_first_offenders_are_told() -> None:
    with pytest.raises(OffGrid, match="…") as caught:
        validate(rows([day + 1 for day in days(0, 9)]), DAILY)
    assert (caught.value.count, len(caught.value.times)) == (9, 5)


# --- order ---------------------------------------------------------------------------------------------


def of_days(*order: int, **columns: Any) -> Rows:
    """Return equal bars on these days, in this order."""
    return replace(
        bars(count=max(len(order), BAD + 1)).pick(slice(0, len(order))), time=np.array(order) * DAY, **columns
    )


def test_bars_out_of_order_are_refused_or_sorted() -> None:
    with pytest.raises(UnsortedTimes) as caught:
        validate(of_days(0, 2, 1, 4, 3), DAILY)
    assert caught.value.times == (1 * DAY, 3 * DAY)
    done = validate(of_days(0, 2, 1, 4, 3), DAILY, on_invalid="quarantine")
    assert (done.rows.time // DAY).tolist() == [0, 1, 2, 3, 4]
    assert done.rejected == ()


def test_a_time_that_comes_again_is_a_duplicate_wherever_it_stands() -> None:
    with pytest.raises(DuplicateTimes) as caught:
        validate(of_days(3, 0, 1, 3), DAILY)
    assert caught.value.times == (3 * DAY, 3 * DAY)


def test_of_equal_bars_with_one_time_one_is_kept() -> None:
    done = validate(of_days(0, 1, 1, 1, 2), DAILY, on_invalid="quarantine")
    assert (done.rows.time // DAY).tolist() == [0, 1, 2]
    assert [(one.time // DAY, one.code) for one in done.rejected] == [(1, DuplicateTimes.code)] * 2


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("close", np.array([11.0, 11.0, 10.5, 11.0])),
        ("volume", np.array([5.0, 5.0, NAN, 5.0])),
        ("adjustment_factor", np.array([1.0, 1.0, 0.5, 1.0])),
        ("source_id", np.array([None, "a", "b", None], np.object_)),
        ("source_id", np.array([None, "a", None, None], np.object_)),
    ],
)
def test_of_different_bars_with_one_time_nobody_can_say_which_is_meant(column: str, values: Any) -> None:
    done = validate(of_days(0, 1, 1, 2, **{column: values}), DAILY, on_invalid="quarantine")
    assert (done.rows.time // DAY).tolist() == [0, 2]
    assert [(one.time // DAY, one.code) for one in done.rejected] == [(1, DuplicateTimes.code)] * 2


def test_a_bar_that_comes_thrice_and_once_differs_is_disputed() -> None:
    done = validate(of_days(1, 1, 1, close=np.array([11.0, 10.5, 11.0])), DAILY, on_invalid="quarantine")
    assert len(done.rows) == 0
    assert len(done.rejected) == 3


def test_rejected_bars_keep_every_digit_and_what_the_source_called_them() -> None:
    spoiled = replace(
        bars({"low": 0.1 + 0.2, "high": INF, "adjustment_factor": 0.25}),
        source_id=np.array([None] * BAD + ["trade 7"] + [None] * BAD, np.object_),
    )
    (one,) = validate(spoiled, DAILY, on_invalid="quarantine").rejected
    assert one == Rejected(
        time=BAD * DAY,
        code=InfiniteValue.code,
        values={
            "open": "10.0",
            "high": "inf",
            "low": "0.30000000000000004",
            "close": "11.0",
            "volume": "5.0",
            "adjustment_factor": "0.25",
            "source_id": "trade 7",
        },
    )


# --- properties ----------------------------------------------------------------------------------------

VALUE = st.sampled_from([NAN, -INF, -1.0, 0.0, 1.0, 2.0, 3.0, INF])
ROW = st.tuples(st.integers(0, 12), VALUE, VALUE, VALUE, VALUE, VALUE)


def naive_faults(time: int, bar: dict[str, float]) -> bool:
    """Tell by the words of the rules whether a single bar is bad."""

    def over(left: str, right: str) -> bool:
        return bar[left] > bar[right]

    return (
        time % DAY != 0
        or all(np.isnan(value) for value in bar.values())
        or any(np.isinf(value) or value < 0 for value in bar.values())
        or over("low", "high")
        or over("open", "high")
        or over("low", "open")
        or over("close", "high")
        or over("low", "close")
    )


@given(st.lists(ROW, max_size=16))
def test_kept_and_rejected_are_what_was_given(table: list[tuple[float, ...]]) -> None:
    # Half of the twelve places are on the grid, and some come twice.
    given_bars = Rows(
        time=np.array([int(row[0]) * (DAY // 2) for row in table], np.int64),
        **{name: np.array([row[at] for row in table], np.float64) for at, name in enumerate(VALUES, 1)},
        revision=constant(0, len(table)),
        edition=constant(0, len(table)),
    )
    done = validate(given_bars, DAILY, on_invalid="quarantine")

    def listed(found: Rows) -> list[tuple[int, ...]]:
        return [
            (int(found.time[at]), *(repr(float(getattr(found, name)[at])) for name in VALUES))  # type: ignore[misc]
            for at in range(len(found))
        ]

    aside = [(one.time, *(one.values[name] for name in VALUES)) for one in done.rejected]
    assert Counter(listed(done.rows)) + Counter(aside) == Counter(listed(given_bars))
    assert (np.diff(done.rows.time) > 0).all()
    copies = Counter(int(time) for time in given_bars.time)
    kept = dict.fromkeys(done.rows.time.tolist())
    for at in range(len(given_bars)):
        time = int(given_bars.time[at])
        bad = naive_faults(time, {name: float(getattr(given_bars, name)[at]) for name in VALUES})
        if copies[time] == 1:
            assert (time in kept) == (not bad)
        elif bad:
            assert time not in kept
    assert validate(done.rows, DAILY).rows is done.rows


@given(st.lists(ROW, min_size=1, max_size=3))
def test_few_bars_are_judged_as_they_are_among_many(table: list[tuple[float, ...]]) -> None:
    few = rows(
        [int(row[0]) * (DAY // 2) + at * 10 * DAY for at, row in enumerate(table)],
        **{name: np.array([row[at] for row in table], np.float64) for at, name in enumerate(VALUES, 1)},
    )
    many = concat([few, rows(days(100, 150))])

    def judged(given_bars: Rows) -> list[tuple[int, str]]:
        rejected = validate(given_bars, DAILY, on_invalid="quarantine").rejected
        return [(one.time, one.code) for one in rejected]

    assert judged(few) == judged(many)


@given(st.lists(ROW, max_size=16))
def test_raising_and_quarantine_agree_on_what_is_good(table: list[tuple[float, ...]]) -> None:
    unique = {int(row[0]): row for row in sorted(table)}
    given_bars = Rows(
        time=np.array([time * (DAY // 2) for time in unique], np.int64),
        **{name: np.array([row[at] for row in unique.values()], np.float64) for at, name in enumerate(VALUES, 1)},
        revision=constant(0, len(unique)),
        edition=constant(0, len(unique)),
    )
    rejected = validate(given_bars, DAILY, on_invalid="quarantine").rejected
    try:
        validate(given_bars, DAILY)
    except InvalidBars as error:
        assert error.code in {one.code for one in rejected}  # noqa: PT017 - that nothing is raised is an answer too
    else:
        assert rejected == ()
