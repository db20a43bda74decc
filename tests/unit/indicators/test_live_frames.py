"""Live indicators without a library: opened at the end of anybody's table, and equal to the batch on all of it."""

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import barledger
from barledger.domain.timeframe import DAY
from barledger.errors import (
    CannotStream,
    InfiniteValue,
    InputMissing,
    InputUnsuitable,
    InvalidSetting,
    InvalidSpec,
    ValuesMissing,
)
from barledger.indicators.live import gap_by
from streams import a_day_is_missing, columns_of, real_table, same_bits
from walks import daily

SPECS = ["rsi(5)", "macd(3, 6, 2)", "obv", "sma(rsi(5), 3)"]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    table = real_table(200)
    return pd.DataFrame(dict(table.columns), index=pd.to_datetime(table.time, utc=True))


def last_of(specs: Any, frame: pd.DataFrame, **options: Any) -> dict[str, float]:
    found: pd.DataFrame = barledger.calculate(specs, frame, **options)
    return {str(name): float(found[name].iloc[-1]) for name in found}


def go_on(live: barledger.Live, rows: pd.DataFrame) -> None:
    for _, bar in rows.iterrows():
        live.update(bar)


def same(live: barledger.Live, wanted: dict[str, float]) -> bool:
    found = columns_of(live)
    return list(found) == list(wanted) and same_bits([*found.values()], [*wanted.values()])


def of_pandas(frame: pd.DataFrame) -> Any:
    return frame


def with_a_column_of_times(frame: pd.DataFrame) -> Any:
    return frame.rename_axis("Date").reset_index().rename(columns=str.title)


def of_polars(frame: pd.DataFrame) -> Any:
    return pl.from_pandas(frame.rename_axis("time").reset_index())


def of_arrow(frame: pd.DataFrame) -> Any:
    return of_polars(frame).to_arrow()


def of_rows(frame: pd.DataFrame) -> Any:
    return frame.rename_axis("time").reset_index().to_dict("records")


def of_columns(frame: pd.DataFrame) -> Any:
    return {"time": frame.index, **{name: frame[name].to_numpy() for name in frame}}


@pytest.mark.parametrize("kind", [of_pandas, with_a_column_of_times, of_polars, of_arrow, of_rows, of_columns])
def test_it_goes_on_from_any_table(bars: pd.DataFrame, kind: Any) -> None:
    live = barledger.live(SPECS, kind(bars[:150]))
    assert live.count == 150
    assert (live.anchor, live.time) == (0, 149 * DAY)
    assert same(live, last_of(SPECS, bars[:150]))
    go_on(live, bars[150:])
    assert same(live, last_of(SPECS, bars))


def test_an_object_that_is_open_takes_a_table_in_too(bars: pd.DataFrame) -> None:
    live = barledger.Live.open(SPECS).warm(bars[:150])
    go_on(live, bars[150:])
    assert same(live, last_of(SPECS, bars))


def test_without_a_table_it_begins_before_the_first_bar(bars: pd.DataFrame) -> None:
    live = barledger.live("rsi(5)")
    assert live.count == 0
    assert np.isnan(live.value)
    go_on(live, bars)
    assert same(live, last_of("rsi(5)", bars))


def test_a_table_without_times_goes_on_without_them(bars: pd.DataFrame) -> None:
    live = barledger.live("sma(3)", {"close": bars["close"].tolist()})
    assert (live.time, live.anchor, live.count) == (None, None, 200)
    assert live.update(100.0) == pytest.approx((bars["close"].iloc[-2:].sum() + 100) / 3)


def test_other_columns_than_those_of_bars_can_be_named(bars: pd.DataFrame) -> None:
    frame = bars.assign(**{"Open Interest": bars["volume"] * 2})
    live = barledger.live("sma(open_interest, 3)", frame[:150])
    go_on(live, frame[150:])
    assert same(live, last_of("sma(open_interest, 3)", frame))


def test_bars_that_a_calendar_expects_are_gaps_in_the_table_and_later(bars: pd.DataFrame) -> None:
    holes = bars.drop(bars.index[[100, 160]])
    options = {"timeframe": "1d", "calendar": "24/7"}
    live = barledger.live("rsi(5)", holes[:150], **options)
    assert same(live, last_of("rsi(5)", holes[:150], **options))
    go_on(live, holes[150:165])
    assert same(live, last_of("rsi(5)", holes[:165], **options))
    assert not same(live, last_of("rsi(5)", holes[:165]))


def test_gaps_of_an_object_that_is_open_are_those_that_it_is_told_of(bars: pd.DataFrame) -> None:
    holes = bars.drop(bars.index[100])[:102]
    live = barledger.Live.open("sma(4)", gap=a_day_is_missing).warm(holes)
    assert np.isnan(live.value)
    go_on(live, bars[103:104])
    assert np.isnan(live.value)
    go_on(live, bars[104:105])
    assert live.value == pytest.approx(bars["close"].iloc[101:105].mean())


def test_a_saved_one_goes_on_with_the_gaps_of_its_calendar(bars: pd.DataFrame) -> None:
    live = barledger.live("rsi(5)", bars[:150], timeframe="1d", calendar="24/7")
    again = barledger.Live.load(live.save(), gap=gap_by("1d", "24/7"))
    go_on(again, bars[151:160])
    holes = bars.drop(bars.index[150])[:159]
    assert same(again, last_of("rsi(5)", holes, timeframe="1d", calendar="24/7"))


def test_bad_input_is_refused_as_the_batch_refuses_it(bars: pd.DataFrame) -> None:
    twice = pd.concat([bars[:3], bars[2:4]])
    infinite = bars[:5].assign(close=[1.0, np.inf, 1.0, 1.0, 1.0])
    lacking = bars[:5].assign(close=[1.0, np.nan, 1.0, 1.0, 1.0])
    for frame, options, error in (
        (twice, {}, InputUnsuitable),
        (infinite, {}, InfiniteValue),
        (lacking, {"nan_policy": "raise"}, ValuesMissing),
        (bars[["open"]], {}, InputMissing),
        (bars, {"calendar": "XNYS"}, InvalidSetting),
        (bars.reset_index(drop=True), {"timeframe": "1d"}, InputUnsuitable),
    ):
        for call in (barledger.live, barledger.calculate):
            with pytest.raises(error):
                call("sma(2)", frame, **options)
    with pytest.raises(InvalidSpec):
        barledger.live("sma(", bars)
    with pytest.raises(CannotStream):
        barledger.live("ichimoku.chikou", bars)
    with pytest.raises(InvalidSetting, match="nan_policy"):
        barledger.live("sma(2)", bars, nan_policy="fill")  # type: ignore[arg-type]


def test_a_live_object_says_before_it_is_saved_whether_it_is_exact_afterwards() -> None:
    bars = daily(range(900))
    for specs, after in [
        (["rsi(14)", "obv", "supertrend", "zscore(9)", "macd"], True),
        (["sma(20)"], False),
        (["rsi(14)", "bbands(20).upper"], False),
        (["ema(sma(5), 3)"], False),
    ]:
        live = barledger.live(specs, bars)
        assert (live.exact, live.exact_when_loaded) == (True, after)
        state = live.save()
        # To save it changes nothing.
        assert (live.exact, live.exact_when_loaded) == (True, after)
        loaded = barledger.Live.load(state)
        assert (loaded.exact, loaded.exact_when_loaded) == (after, after)
        assert ("within 1e-9" in repr(loaded)) != after
    # What has all its bars still has them when it is loaded.
    young = barledger.live("sma(20)", bars[:20])
    assert young.exact_when_loaded
    assert barledger.Live.load(young.save()).exact


def test_bars_of_another_timeframe_are_refused_bar_by_bar_too() -> None:
    start = pd.Timestamp("2024-01-02 14:30", tz="UTC")
    for live in (barledger.live("sma(2)", timeframe="1h"), barledger.Live.open("sma(2)", gap=gap_by("1h"))):
        assert np.isnan(live.update({"time": start, "close": 1.0}))
        before = live.save()
        for ask in (live.update, live.peek):
            with pytest.raises(
                InputUnsuitable, match="opens 1m after the one before, and the timeframe is 1h"
            ) as caught:
                ask({"time": start + pd.Timedelta("1min"), "close": 2.0})
            assert "peek" in caught.value.advice
            assert live.save() == before
        # A first bar that a session's beginning cuts short.
        assert live.update({"time": start + pd.Timedelta("30min"), "close": 2.0}) == 1.5
        assert live.update({"time": start + pd.Timedelta("90min"), "close": 3.0}) == 2.5


@pytest.mark.parametrize(
    "name", ["time", "Time", "TIME", "Date", "date", "Datetime", "timestamp", "open_time", "Index"]
)
@pytest.mark.parametrize("specs", ["sma(2)", "trange", "adosc(2, 3)"])
@pytest.mark.parametrize("close", ["close", "Close"])
def test_the_time_of_a_bar_is_under_any_of_the_names_that_tables_have(name: str, specs: str, close: str) -> None:
    minutes = [*range(4), *range(9, 14)]
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(minutes, unit="min")
    frame = pd.DataFrame({"high": 3.0, "low": 1.0, close: [1.0, 2, 3, 2, 1, 2, 3, 2, 1], "volume": 5.0}, index=times)
    wanted = barledger.calculate(specs, frame, timeframe="1m", calendar="24/7")[specs].tolist()
    assert np.isnan(wanted[4])
    bars: list[Any] = [{name: time, **row} for time, row in zip(times, frame.to_dict("records"), strict=True)]
    named = namedtuple("named", [name, "high", "low", close, "volume"])  # noqa: PYI024 - as pandas makes it
    for given in (bars, [SimpleNamespace(**bar) for bar in bars], [named(**bar) for bar in bars], map(pd.Series, bars)):
        live = barledger.live(specs, timeframe="1m", calendar="24/7")
        np.testing.assert_array_equal([live.update(bar) for bar in given], wanted)
        with pytest.raises(InputUnsuitable, match="comes after"):
            live.update(bars[2])
        assert live.time == times[-1].value


def test_the_number_of_a_row_is_no_time() -> None:
    frame = pd.DataFrame({"close": [1.0, 2.0, 4.0], "Date": pd.date_range("2024-01-01", periods=3, tz="UTC")})
    for rows in (frame.itertuples(), frame.reset_index().to_dict("records")):
        live = barledger.live("sma(2)")
        assert [live.update(row) for row in rows][1:] == [1.5, 3.0]
        assert live.time == frame["Date"].iloc[-1].value
    live = barledger.live("sma(2)")
    assert [live.update(row) for row in frame[["close"]].itertuples()][1:] == [1.5, 3.0]
    assert live.time is None


def test_where_gaps_are_to_be_seen_every_bar_has_a_time() -> None:
    live = barledger.live("sma(2)", timeframe="1m", calendar="24/7")
    for bar in (1.0, {"close": 1.0}, {"close": 1.0, "time": None}):
        for ask in (live.update, live.peek):
            with pytest.raises(InputUnsuitable, match="a bar has no time, and gaps are to be seen"):
                ask(bar)
    assert live.count == 0
    with pytest.raises(InputUnsuitable, match="its time is 'soon'"):
        live.update({"close": 1.0, "time": "soon"})


def test_a_bar_of_other_names_than_the_first_has_its_time() -> None:
    live = barledger.live("sma(2)")
    live.update({"close": 1.0})
    live.update({"close": 3.0, "Date": "2024-01-02"})
    assert live.time == pd.Timestamp("2024-01-02", tz="UTC").value
    with pytest.raises(InputUnsuitable, match="a bar has no time"):
        live.update({"close": 3.0})


@pytest.mark.parametrize("value", [np.inf, -np.inf, float("inf"), np.float32("inf"), "inf"])
def test_an_infinite_value_is_the_same_error_bar_by_bar_and_in_batch(value: Any) -> None:
    with pytest.raises(InfiniteValue, match="in close"):
        barledger.calculate("sma(2)", {"close": [1.0, float(value)]})
    with pytest.raises(InfiniteValue, match="in close"):
        barledger.live("sma(2)", {"close": [1.0, float(value)]})
    live = barledger.live("sma(2)", {"close": [1.0, 2.0]})
    for bar in ({"close": value}, value) if not isinstance(value, str) else ({"close": value},):
        for ask in (live.update, live.peek):
            with pytest.raises(InfiniteValue, match="in close"):
                ask(bar)
    assert live.update(4.0) == 3.0
    # What nothing is computed from may be whatever it is, in both.
    assert live.update({"close": 6.0, "volume": value}) == 5.0
    assert barledger.calculate("sma(2)", {"close": [1.0, 3.0], "volume": [np.inf, 1.0]})["sma(2)"].iloc[1] == 2.0


def test_bars_of_several_series_are_refused_where_they_say_so() -> None:
    live = barledger.live("sma(2)")
    assert np.isnan(live.update({"symbol": "A", "close": 1.0}))
    with pytest.raises(InputUnsuitable, match="a bar of B is given after those of A"):
        live.update({"symbol": "B", "close": 9.0})
    with pytest.raises(InputUnsuitable, match="a bar of B"):
        live.copy().peek({"symbol": "B", "close": 9.0})
    assert live.update({"symbol": "A", "close": 2.0}) == 1.5
    assert live.update({"close": 3.0}) == 2.5
    rows = pd.DataFrame({"close": [1.0, 2.0], "instrument": ["A", "B"], "timeframe": ["1d", "1d"]})
    for walk in (rows.itertuples(), (row for _, row in rows.iterrows())):
        live = barledger.live("sma(2)")
        live.update(next(walk))
        with pytest.raises(InputUnsuitable, match="a bar of B 1d is given after those of A 1d"):
            live.update(next(walk))
        assert live.count == 1


def test_times_that_became_floats_are_those_of_whole_seconds() -> None:
    time = pd.Timestamp("2024-01-02 14:30:01", tz="UTC").value
    rows = pd.DataFrame({"time": [time, time + 10**9], "close": [1.0, 2.0]})
    live = barledger.live("sma(2)")
    for _, row in rows.iterrows():
        live.update(row)
    assert live.time == time + 10**9
    for wrong in (1.5, float("nan"), float("inf")):
        with pytest.raises(InputUnsuitable, match="its time is"):
            live.update({"time": wrong, "close": 1.0})
    assert live.count == 2


@pytest.mark.parametrize("gap", [5, "1d", True])
def test_a_gap_that_cannot_be_asked_is_refused(gap: Any) -> None:
    with pytest.raises(InvalidSetting, match="cannot be asked"):
        barledger.Live.open("sma(2)", gap=gap)
