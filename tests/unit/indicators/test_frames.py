"""Indicators on anybody's table: what is taken, what comes back, and what is refused."""

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import barledger
from barledger.errors import (
    DuplicateColumns,
    IndicatorNotFound,
    InfiniteValue,
    InputMissing,
    InputUnsuitable,
    InvalidSetting,
    InvalidSpec,
    ParameterInvalid,
    ParameterUnknown,
    ValuesMissing,
    WrongType,
)
from barledger.indicators.grammar import quoted

N = 60


def frame(rows: int = N, *, freq: str = "D", tz: str | None = "UTC") -> pd.DataFrame:
    close = 100 + np.cumsum(np.random.default_rng(7).normal(size=rows))
    index = pd.date_range("2024-01-01", periods=rows, freq=freq, tz=tz)
    return pd.DataFrame(
        {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1000.0}, index=index
    )


def expected(values: pd.Series, period: int = 5) -> np.ndarray[Any, Any]:
    return values.astype(float).rolling(period).mean().to_numpy()


def close_to(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(found, np.float64), wanted, rtol=1e-9)


def test_a_pandas_frame_gets_its_own_index_back() -> None:
    given = frame(tz="America/New_York")
    found = barledger.calculate(["sma(5)", "zscore(10)"], given)
    pd.testing.assert_index_equal(found.index, given.index)
    assert list(found.columns) == ["sma(5)", "zscore(10)"]
    close_to(found["sma(5)"], expected(given["close"]))


def test_what_the_columns_rely_on_is_in_attrs() -> None:
    told = barledger.calculate("sma(5)", frame()).attrs
    assert told["indicators"] == {"sma(5)": "sma(close, timeperiod=5)"}
    assert told["warmup"]["sma(5)"]["had"] == 0
    assert told["engines"]["ta-lib"]
    assert told["restarts"] == {"count": 0, "before": []}


def test_yfinances_capitals_and_its_level_of_tickers_are_understood() -> None:
    given = frame()
    capital = given.rename(columns=str.capitalize).assign(**{"Adj Close": given["close"] / 2})
    close_to(barledger.calculate("sma(5)", capital)["sma(5)"], expected(given["close"]))
    close_to(barledger.calculate("sma(adj_close, 5)", capital)["sma(adj_close, 5)"], expected(given["close"] / 2))
    both = pd.concat({"AAPL": capital}, axis=1).swaplevel(axis=1)
    close_to(barledger.calculate("sma(5)", both)["sma(5)"], expected(given["close"]))


def test_any_numbers_may_be_inputs() -> None:
    given = frame().assign(sentiment=np.arange(N, dtype=np.int32), rate=[Decimal(n) for n in range(N)])
    close_to(barledger.calculate("sma(sentiment, 5)", given).iloc[:, 0], expected(given["sentiment"]))
    close_to(barledger.calculate("sma(rate, 5)", given).iloc[:, 0], expected(given["rate"]))


ODD = ("Adj Close", "52w high", "größe", "it's", 'so "called"')


@pytest.mark.parametrize("name", ODD)
def test_a_column_of_any_name_is_named_in_quotes(name: str) -> None:
    frame = pd.DataFrame({"close": [1.0, 2.0, 3.0], name: [2.0, 4.0, 8.0]})
    spec = f"sma({quoted(name)}, 2)"
    found = barledger.calculate([spec, f"sma(sma({quoted(name)}, 2), 2)", f"add(close, {quoted(name)})"], frame)
    assert found.columns[0] == spec
    assert found[spec].tolist()[1:] == [3.0, 6.0]
    assert found.iloc[-1].tolist() == [6.0, 4.5, 11.0]
    key = found.attrs["indicators"][spec]
    again = barledger.calculate(key, frame)
    assert again[key].tolist()[1:] == [3.0, 6.0]
    live = barledger.live(spec, frame[:2])
    assert live.update(frame.iloc[2]) == 6.0


@pytest.mark.parametrize(
    ("spec", "place", "told"),
    [
        ("sma('Adj Close', 2)", 4, "there is no column 'Adj Close'; there are close, open"),
        ("correl(close, 'x', 2)", 14, "there is no column 'x'"),
        ("correl(close, @BRK.B, 2)", 19, "stands in quotes: @'BRK.B'"),
    ],
)
def test_a_column_that_there_is_not_is_pointed_at(spec: str, place: int, told: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(told)) as caught:
        barledger.calculate(spec, pd.DataFrame({"close": [1.0], "open": [1.0]}))
    assert caught.value.place == place


@pytest.mark.parametrize("spec", ["beta(close, 60)", "correl(close)", "atr(close, 14)", "add(sma(close, 2))"])
def test_inputs_of_which_only_some_are_given_by_place_are_refused(spec: str) -> None:
    with pytest.raises(InvalidSpec, match="give all of them, or one as high="):
        barledger.calculate(spec, pd.DataFrame({"high": [2.0], "low": [1.0], "close": [1.0]}))


def test_a_text_is_no_column_where_a_text_is_asked_for() -> None:
    index = pd.date_range("2024-01-01", periods=3, tz="UTC")
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=index)
    found = barledger.calculate("anchored_vwap('2024-01-02').vwap", bars)
    assert found.iloc[:, 0].tolist()[1:] == [1.0, 1.0]
    with pytest.raises(ParameterInvalid):
        barledger.calculate("sma(close, 'x')", bars)


@pytest.mark.parametrize("kind", ["float32", "int64", "Int64", "Float64", "object"])
def test_columns_of_any_kind_of_number_are_converted(kind: str) -> None:
    given = frame()
    given["close"] = given["close"].round().astype(kind)
    close_to(barledger.calculate("sma(5)", given).iloc[:, 0], expected(given["close"]))


def test_polars_arrow_lists_dicts_and_series_are_taken() -> None:
    given = frame()
    wanted = expected(given["close"])
    plain = given.reset_index(names="time")
    polars = barledger.calculate("sma(5)", pl.from_pandas(plain))
    assert isinstance(polars, pl.DataFrame)
    assert polars["sma(5)"].null_count() == 4
    close_to(polars["sma(5)"].to_numpy(), wanted)
    assert isinstance(barledger.calculate("sma(5)", pl.from_pandas(plain).lazy()), pl.LazyFrame)
    arrow = barledger.calculate("sma(5)", pa.Table.from_pandas(plain))
    assert isinstance(arrow, pa.Table)
    close_to(arrow["sma(5)"].to_numpy(), wanted)
    close_to(barledger.calculate("sma(5)", plain.to_dict("records"))["sma(5)"], wanted)
    close_to(barledger.calculate("sma(5)", {"close": given["close"].to_numpy()})["sma(5)"], wanted)
    close_to(barledger.calculate("sma(5)", given["close"].rename(None))["sma(5)"], wanted)


def test_a_table_without_times_is_taken_in_its_order() -> None:
    given = frame().reset_index(drop=True)
    found = barledger.calculate("sma(5)", given)
    close_to(found["sma(5)"], expected(given["close"]))
    assert found.index.equals(given.index)


def test_the_callers_frame_is_not_changed() -> None:
    given = frame()
    before = given.copy()
    barledger.calculate(["sma(5)", "zscore(10)"], given)
    pd.testing.assert_frame_equal(given, before)


def test_a_gap_restarts_and_does_not_poison_the_rest() -> None:
    given = frame()
    given.iloc[20, given.columns.get_loc("close")] = np.nan
    found = barledger.calculate("sma(5)", given)
    assert found["sma(5)"].iloc[21:25].isna().all()
    close_to(found["sma(5)"].iloc[25:], expected(given["close"])[25:])
    assert found.attrs["restarts"] == {
        "count": 1,
        "before": ["2024-01-22T00:00:00Z"],
        "rows_without_a_value": 1,
    }


def test_skipping_takes_a_gap_as_if_it_were_not_there() -> None:
    given = frame()
    given.iloc[20, given.columns.get_loc("close")] = np.nan
    found = barledger.calculate("sma(5)", given, nan_policy="skip")["sma(5)"]
    close_to(found.drop(found.index[20]), expected(given["close"].dropna()))
    assert np.isnan(found.iloc[20])


def test_raising_names_the_first_gap() -> None:
    given = frame()
    given.iloc[20, given.columns.get_loc("close")] = np.nan
    with pytest.raises(ValuesMissing, match="2024-01-21") as caught:
        barledger.calculate("sma(5)", given, nan_policy="raise")
    assert "nan_policy" in caught.value.advice


def test_missing_rows_are_gaps_only_where_a_calendar_expects_them() -> None:
    given = frame(freq="B")
    assert barledger.calculate("sma(5)", given)["sma(5)"].count() == N - 4
    # Of the weekdays, the second Monday of 2024 is no holiday, and the third is.
    lacking = given.drop(pd.Timestamp("2024-01-09", tz="UTC"))
    lacking = lacking.drop([pd.Timestamp(day, tz="UTC") for day in ("2024-01-01", "2024-01-15", "2024-02-19")])
    found = barledger.calculate("sma(5)", lacking, timeframe="1d", calendar="XNYS")
    assert found.attrs["restarts"] == {"count": 1, "before": ["2024-01-10T00:00:00Z"]}
    assert found["sma(5)"].loc["2024-01-10":"2024-01-16"].count() == 0
    assert not np.isnan(found["sma(5)"].loc["2024-01-17"])


@pytest.mark.parametrize(
    ("given", "told", "advice"),
    [
        (frame().iloc[::-1], "ascending", "sort_index"),
        (pd.concat([frame(3), frame(3).iloc[2:]]), "twice", "drop_duplicates"),
        (pd.concat([frame(3).assign(symbol=one) for one in "AB"]), "several instruments: A, B", "groupby"),
        (pd.concat({"A": frame(3), "B": frame(3)}), "several instruments: A, B", "groupby"),
        (pd.concat({"A": frame(3), "B": frame(3)}, axis=1), "several instruments: A, B", "xs"),
        ({"A": frame(3), "B": frame(3)}, "several instruments: A, B", "groupby"),
    ],
)
def test_rows_out_of_order_and_mixed_instruments_are_refused(given: Any, told: str, advice: str) -> None:
    with pytest.raises(InputUnsuitable, match=told) as caught:
        barledger.calculate("sma(2)", given)
    assert advice in caught.value.advice
    assert caught.value.code == "input-unsuitable"


def test_one_instrument_in_a_column_or_a_level_is_no_mixture() -> None:
    given = frame()
    close_to(barledger.calculate("sma(5)", given.assign(symbol="A"))["sma(5)"], expected(given["close"]))
    close_to(barledger.calculate("sma(5)", pd.concat({"A": given}))["sma(5)"], expected(given["close"]))


@pytest.mark.parametrize(
    ("spec", "error", "told"),
    [
        ("smaa(5)", IndicatorNotFound, "sma"),
        ("sma(5", InvalidSpec, "at character 5"),
        ("sma(timeperiods=5)", ParameterUnknown, "timeperiod"),
        ("zscore(1)", ParameterInvalid, "from 2"),
        ("sma(@MSFT, 5)", InputMissing, "@MSFT.close"),
        ("zscore(close, 5).upper", ParameterUnknown, "zscore"),
    ],
)
def test_a_wrong_spec_says_what_would_be_right(spec: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        barledger.calculate(spec, frame())
    assert told in f"{caught.value} {caught.value.advice}"  # type: ignore[attr-defined]


def test_a_missing_column_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InputMissing, match="'volume'; there are close") as caught:
        barledger.calculate("obv", frame()[["close"]])
    assert caught.value.code == "input-missing"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (frame().assign(close="a"), WrongType),
        (frame().assign(close=np.inf), InfiniteValue),
        (frame().assign(Close=1.0), DuplicateColumns),
        ("close", WrongType),
        (7, WrongType),
        ([1.0, 2.0], WrongType),
    ],
)
def test_what_holds_no_bars_is_refused(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        barledger.calculate("sma(5)", given)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="segment, skip, raise"):
        barledger.calculate("sma(5)", frame(), nan_policy="drop")  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="timeframe"):
        barledger.calculate("sma(5)", frame(), calendar="XNYS")
    with pytest.raises(InputUnsuitable, match="no times"):
        barledger.calculate("sma(5)", frame().reset_index(drop=True), timeframe="1d")


@pytest.mark.parametrize("rows", [0, 1, 4, 5])
def test_few_rows_have_no_values_and_no_errors(rows: int) -> None:
    found = barledger.calculate("zscore(5)", frame().iloc[:rows])["zscore(5)"]
    assert len(found) == rows
    assert found.count() == max(0, rows - 4)


def test_the_answer_is_the_callers_own_to_write_to() -> None:
    given = frame()
    found = barledger.calculate(["sma(5)", "sma(close, 5)", "zscore(9)"], given)
    found["sma(5)"] *= 2.0
    found.iloc[10, 2] = 7.0
    close_to(found["sma(close, 5)"], expected(given["close"]))
    again = barledger.calculate(["sma(5)", "zscore(9)"], given)
    assert again.iloc[10, 1] != 7.0
    close_to(again["sma(5)"], expected(given["close"]))


# --- the rows that are there ------------------------------------------------------------------------


def minutes(count: int = 60, *, every: str = "1min") -> pd.DataFrame:
    bars = frame(count)
    return bars.set_axis(pd.date_range("2024-01-02 14:30", periods=count, freq=every, tz="UTC"))


@pytest.mark.parametrize(
    ("every", "timeframe", "told", "meant"),
    [
        ("1min", "1h", "rows are 1m apart, and the timeframe is 1h", "timeframe='1m'"),
        ("1h", "1d", "rows are 1h apart, and the timeframe is 1d", "timeframe='1h'"),
        ("30min", "1h", "rows are 30m apart", "timeframe='30m'"),
        ("1D", "1w", "rows are 1d apart", "timeframe='1d'"),
        ("7D", "1M", "rows are 7d apart", "resample the rows to 1M"),
        ("1h", "1m", "rows are at least 1h apart, and the timeframe is 1m", "timeframe='1h'"),
        ("1D", "1h", "rows are at least 1d apart", "timeframe='1d'"),
        ("90s", "1h", "rows are 90s apart", "resample"),
    ],
)
def test_rows_of_another_timeframe_are_refused(every: str, timeframe: str, told: str, meant: str) -> None:
    bars = minutes(every=every)
    for ask in (barledger.calculate, barledger.live):
        with pytest.raises(InputUnsuitable, match=told) as caught:
            ask("rsi(3)", bars, timeframe=timeframe)
        assert meant in caught.value.advice


@pytest.mark.parametrize(
    ("times", "timeframe"),
    [
        (pd.bdate_range("2024-01-01", "2024-04-30", tz="America/New_York"), "1d"),
        (pd.date_range("2023-01-31", periods=24, freq="ME", tz="UTC"), "1M"),
        (pd.date_range("2024-01-01", periods=10, freq="7D", tz="America/New_York"), "1w"),
        (
            pd.DatetimeIndex(
                ["2024-01-01 09:30", "2024-01-01 10:00", "2024-01-01 11:00", "2024-01-01 12:00"], tz="UTC"
            ),
            "1h",
        ),
        (pd.DatetimeIndex(["2024-01-01", "2024-01-05"], tz="UTC"), "1d"),
        (pd.DatetimeIndex(["2024-01-01"], tz="UTC"), "1d"),
        (pd.DatetimeIndex([], tz="UTC"), "1d"),
    ],
)
def test_bars_that_daylight_saving_sessions_or_gaps_move_are_taken(times: pd.DatetimeIndex, timeframe: str) -> None:
    bars = pd.DataFrame({"close": np.arange(1.0, len(times) + 1)}, index=times)
    assert len(barledger.calculate("sma(2)", bars, timeframe=timeframe)) == len(times)


def test_a_calendar_that_nobody_named_is_said_where_it_restarted_something() -> None:
    days = pd.bdate_range("2024-01-01", "2024-01-31", tz="UTC")
    bars = pd.DataFrame({"close": np.arange(1.0, len(days) + 1)}, index=days)
    told = barledger.calculate("sma(3)", bars, timeframe="1d").attrs
    assert (told["restarts"]["count"], told["calendar"]) == (4, "24/7")
    assert "no calendar is named, so 24/7 counts" in told["calendar_note"]
    named = barledger.calculate("sma(3)", bars, timeframe="1d", calendar="24/7").attrs
    assert (named["restarts"], named["calendar"]) == (told["restarts"], "24/7")
    assert "calendar_note" not in named
    whole = barledger.calculate("sma(3)", bars.asfreq("D").ffill(), timeframe="1d").attrs
    assert whole["calendar"] == "24/7"
    assert "calendar_note" not in whole
    # Without a timeframe nobody knows that bars are missing.
    assert not {"calendar", "calendar_note"} & set(barledger.calculate("sma(3)", bars).attrs)
    bars.iloc[9, 0] = np.nan
    assert "rows are neighbours" in barledger.calculate("sma(3)", bars).attrs["calendar_note"]


# --- times of other tables --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["time", "Date", "open_time"])
def test_tables_of_polars_and_arrow_have_their_times_as_they_were(name: str) -> None:
    plain = frame().rename_axis(name).reset_index()
    given = pl.from_pandas(plain)
    found = barledger.calculate(["sma(5)", "macd"], given)
    assert found.columns == [name, "sma(5)", "macd.macd", "macd.signal", "macd.histogram"]
    assert found[name].equals(given[name])
    lazy = barledger.calculate("sma(5)", given.lazy())
    assert lazy.collect().columns == [name, "sma(5)"]
    table = pa.Table.from_pandas(plain)
    arrow = barledger.calculate("sma(5)", table)
    assert arrow.column_names == [name, "sma(5)"]
    assert arrow[name].equals(table[name])
    assert b"barledger.specs" in arrow.schema.metadata
    indexed = pa.Table.from_pandas(frame().rename_axis(name))
    assert barledger.calculate("sma(5)", indexed).column_names == [name, "sma(5)"]
    (batch,) = pa.Table.from_pandas(plain).to_batches()
    assert barledger.calculate("sma(5)", batch).column_names == [name, "sma(5)"]


def test_numbers_that_tell_the_order_stay_beside_the_values_too() -> None:
    given = pl.DataFrame({"close": [1.0, 2.0, 3.0], "time": [1, 2, 4]})
    assert barledger.calculate("sma(2)", given).to_dict(as_series=False) == {
        "time": [1, 2, 4],
        "sma(2)": [None, 1.5, 2.5],
    }


def test_a_table_without_times_has_none_afterwards() -> None:
    assert barledger.calculate("sma(2)", pl.DataFrame({"close": [1.0, 2.0]})).columns == ["sma(2)"]
    assert barledger.calculate("sma(2)", pa.table({"close": [1.0, 2.0]})).column_names == ["sma(2)"]


def test_columns_of_several_lengths_are_told() -> None:
    with pytest.raises(InputUnsuitable, match="close has 1, open has 2"):
        barledger.calculate("sma(2)", {"close": [1.0], "open": [1.0, 2.0]})


@pytest.mark.parametrize("specs", [[5], [None], ["sma(2)", ["rsi"]], [b"rsi"], 5, None])
def test_what_is_no_text_is_no_spec(specs: Any) -> None:
    with pytest.raises(InvalidSpec, match="no text"):
        barledger.calculate(specs, frame())
