"""Live indicators without a library: opened at the end of anybody's table, and equal to the batch on all of it."""

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
