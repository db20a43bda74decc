"""Coarser bars: what a naive loop puts together, by any calendar, whatever is missing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.bars import Bars
from barledger.domain.calendar import AlwaysOpen, Calendar
from barledger.domain.interval import Interval, everything
from barledger.domain.resample import coarsen
from barledger.domain.rows import VALUES, Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, HOUR, MINUTE, Timeframe
from barledger.errors import CalendarNotFound, Incomplete, InvalidSetting, InvalidTimeframe
from barledger.testing.bars import rows
from sessions import OPEN, Weekdays

# Monday, 2021-03-01: the first of a month too.
MONDAY = int(np.datetime64("2021-03-01", "ns").astype(np.int64))
CALENDARS: list[Any] = [AlwaysOpen(), Weekdays()]
PAIRS = [
    ("30m", "1h"),
    ("30m", "2h"),
    ("30m", "4h"),
    ("1h", "4h"),
    ("1h", "1d"),
    ("4h", "1d"),
    ("30m", "1w"),
    ("1d", "1w"),
    ("1d", "1M"),
    ("1h", "1M"),
]
ALWAYS = [*PAIRS, ("1m", "5m"), ("5m", "15m"), ("8h", "1d"), ("12h", "3d"), ("1d", "3d"), ("6h", "12h")]


def bars_of(given: Rows, timeframe: str, calendar: Calendar | None = None, **options: Any) -> Bars:
    series = Series.of("AAPL", timeframe, "desk")
    return Bars(
        rows=given,
        series=(series,),
        interval=everything(),
        version="latest",
        revisions={series: 5},
        sources=[],
        calendar=lambda: calendar or AlwaysOpen(),
        **options,
    )


def naive(given: Rows, fine: Timeframe, coarse: Timeframe, calendar: Calendar) -> tuple[list[list[float]], list[bool]]:
    """Put bars together one by one, and look for each part that the calendar expects."""
    groups: dict[int, list[int]] = {}
    for at, time in enumerate(given.time.tolist()):
        groups.setdefault(int(calendar.coarser(fine, np.array([time]), coarse)[0]), []).append(at)
    table, partial = [], []
    for label, members in groups.items():
        columns = {name: [float(getattr(given, name)[at]) for at in members] for name in VALUES}
        high = float("nan") if any(np.isnan(columns["high"])) else max(columns["high"])
        low = float("nan") if any(np.isnan(columns["low"])) else min(columns["low"])
        table.append([label, columns["open"][0], high, low, columns["close"][-1], sum(columns["volume"])])
        margin = 2 * min(coarse.duration, DAY)
        around = calendar.expected(fine, Interval(label - margin, label + coarse.duration + margin)).tolist()
        parts = [time for time in around if int(calendar.coarser(fine, np.array([time]), coarse)[0]) == label]
        partial.append(not set(parts) <= set(given.time.tolist()))
    return table, partial


@st.composite
def some_bars(draw: st.DrawFn) -> tuple[Rows, str, str, Calendar]:
    """Bars of some days as a calendar expects them, with holes, missing values and strangers."""
    calendar = draw(st.sampled_from(CALENDARS))
    fine, coarse = draw(st.sampled_from(PAIRS if isinstance(calendar, Weekdays) else ALWAYS))
    first = MONDAY + draw(st.integers(-40, 40)) * DAY + draw(st.integers(0, 23)) * HOUR
    days = draw(st.integers(1, 3 if Timeframe.of(fine).duration < HOUR else 12 if fine != "1d" else 70))
    labels = calendar.expected(Timeframe.of(fine), Interval(first, first + days * DAY))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kept = labels[random.random(len(labels)) > draw(st.sampled_from([0.0, 0.02, 0.5]))]
    made = rows(kept.tolist(), seed=draw(st.integers(0, 1000)))
    for name in VALUES:
        column = np.array(getattr(made, name))
        column[random.random(len(column)) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
        object.__setattr__(made, name, column)
    return made, fine, coarse, calendar


@pytest.mark.slow
@given(some_bars())
def test_coarser_bars_are_those_of_a_naive_loop(case: tuple[Rows, str, str, Calendar]) -> None:
    given_rows, fine, coarse, calendar = case
    made = coarsen(given_rows, Timeframe.of(fine), Timeframe.of(coarse), calendar)
    table, partial = naive(given_rows, Timeframe.of(fine), Timeframe.of(coarse), calendar)
    found = [
        [int(made.rows.time[at]), *(float(getattr(made.rows, name)[at]) for name in VALUES)]
        for at in range(len(made.rows))
    ]
    assert np.allclose(np.array(found or [[0.0]]), np.array(table or [[0.0]]), rtol=1e-12, equal_nan=True)
    assert made.partial.tolist() == partial


def minutes(first: int, last: int, **columns: Any) -> Rows:
    return rows([MONDAY + at * MINUTE for at in range(first, last)], **columns)


def test_bars_that_the_interval_cuts_are_dropped() -> None:
    made = bars_of(minutes(30, 200), "1m").resample("1h")
    assert made.time.tolist() == [MONDAY + HOUR, MONDAY + 2 * HOUR]
    assert made.provenance["resampled"]["partial_bars"] == 2


def test_a_bar_that_lacks_a_part_is_dropped_or_marked_or_kept() -> None:
    holed = bars_of(minutes(0, 180).pick(np.arange(180) != 90), "1m")
    assert holed.resample("1h").time.tolist() == [MONDAY, MONDAY + 2 * HOUR]
    marked = holed.resample("1h", partial="mark")
    assert marked.df["partial"].tolist() == [False, True, False]
    assert marked.to_arrow()["partial"].to_pylist() == [False, True, False]
    kept = holed.resample("1h", partial="keep")
    assert list(kept.df.columns) == list(VALUES)
    assert len(kept) == 3


def test_that_nothing_is_left_is_said() -> None:
    weekdays = rows([MONDAY + at * DAY for at in range(5)])
    with pytest.warns(Incomplete, match="all 1 bars of 1w lack a part that the calendar 24/7 expects"):
        assert len(bars_of(weekdays, "1d").resample("1w")) == 0
    assert len(bars_of(weekdays, "1d", Weekdays()).resample("1w")) == 1
    assert len(bars_of(weekdays, "1d").resample("1w", partial="keep")) == 1


def test_a_half_day_is_whole() -> None:
    friday = MONDAY + 4 * DAY
    times = Weekdays().expected(Timeframe.of("30m"), Interval(friday, friday + DAY))
    made = bars_of(rows(times.tolist()), "30m", Weekdays()).resample("1d", partial="mark")
    assert (made.time.tolist(), made.df["partial"].tolist()) == ([friday], [False])
    assert made.close_time.tolist() == [friday + 18 * HOUR]


def test_long_bars_are_anchored_at_the_opening_of_the_session() -> None:
    times = Weekdays().expected(Timeframe.of("1h"), Interval(MONDAY, MONDAY + DAY))
    made = bars_of(rows(times.tolist()), "1h", Weekdays()).resample("4h")
    assert made.time.tolist() == [MONDAY + OPEN, MONDAY + OPEN + 4 * HOUR]
    assert made.close_time.tolist() == [MONDAY + OPEN + 4 * HOUR, MONDAY + 21 * HOUR]


def test_what_follows_from_a_missing_value_is_missing() -> None:
    volume, close = np.full(120, 2.0), np.full(120, 60.0)
    volume[3], close[119] = np.nan, np.nan
    frame = bars_of(minutes(0, 120, volume=volume, close=close), "1m").resample("1h").df
    assert np.array_equal(frame["volume"], [np.nan, 120.0], equal_nan=True)
    assert np.array_equal(frame["close"], [60.0, np.nan], equal_nan=True)


def test_what_parts_have_in_common_stays_and_the_rest_is_missing() -> None:
    factor = np.repeat([0.5, 1.0], [70, 50])
    texts = np.array(["a"] * 60 + ["a", "b"] * 30, np.object_)
    made = bars_of(minutes(0, 120, adjustment_factor=factor, source_id=texts), "1m").resample("1h").rows
    assert made.adjustment_factor is not None
    assert made.source_id is not None
    assert np.array_equal(made.adjustment_factor, [0.5, np.nan], equal_nan=True)
    assert made.source_id.tolist() == ["a", None]


def test_coarser_bars_tell_what_they_were_made_of() -> None:
    fine = bars_of(minutes(0, 120), "1m", notes={"lookback": {"asked": 3}})
    made = fine.resample("1h")
    assert made.provenance["resampled"] == {
        "from": "1m",
        "revision": "5",
        "digest": fine.digest,
        "partial": "drop",
        "partial_bars": 0,
    }
    assert made.provenance["lookback"] == {"asked": 3}
    assert (made.timeframe.name, made.revision, made.series[0].source) == ("1h", 5, "desk")
    assert made.df.attrs["resampled"]["digest"] == fine.digest
    twice = made.resample("2h")
    assert twice.provenance["resampled"]["digest"] == made.digest


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [("1h", "30m"), ("1h", "1h"), ("3m", "5m"), ("8h", "12h"), ("3d", "1w"), ("1w", "1M"), ("1M", "1d")],
)
def test_finer_and_unaligned_timeframes_are_refused(fine: str, coarse: str) -> None:
    with pytest.raises(InvalidSetting, match="timeframe"):
        bars_of(rows([]), fine).resample(coarse)


def test_bars_that_lie_in_no_one_coarser_bar_are_refused() -> None:
    # Hours of a vendor that knows nothing of the session, which opens at half past.
    hours = rows([MONDAY + at * HOUR for at in range(15, 21)])
    with pytest.raises(InvalidSetting, match=r"1h at 2021-03-01T18:00:00Z lies in no one bar of 4h \(1 such bars\)"):
        bars_of(hours, "1h", Weekdays()).resample("4h")


def test_a_wish_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="'dorp' is none of drop, mark, keep"):
        bars_of(minutes(0, 60), "1m").resample("1h", partial="dorp")  # type: ignore[arg-type]
    with pytest.raises(InvalidTimeframe):
        bars_of(minutes(0, 60), "1m").resample("7h")


def test_a_calendar_that_does_not_reach_is_said() -> None:
    with pytest.raises(CalendarNotFound):
        bars_of(rows([0, 30 * MINUTE]), "30m", Weekdays()).resample("1h")


def test_no_bars_are_no_coarser_bars() -> None:
    made = bars_of(rows([]), "1m").resample("1h", partial="mark")
    assert (len(made), list(made.df.columns)) == (0, [*VALUES, "partial"])
