"""Splits that nobody told of, in real prices as traded."""

from importlib import resources

import numpy as np
import pandas as pd
import pytest

import barledger
from vendor import PRICES, scaled, walk


def as_traded(ticker: str) -> pd.DataFrame:
    table = pd.read_csv(resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz")
    frame = table[table["Ticker"] == ticker].drop(columns="Ticker")
    return frame.set_index(pd.DatetimeIndex(pd.to_datetime(frame["Date"]))).drop(columns="Date").sort_index()


def splits_of(frame: pd.DataFrame) -> dict[str, float]:
    found = (one for one in barledger.inspect(frame).findings if one.kind == "split_missed")
    return {str(one.end.date()): one.confidence for one in found}


@pytest.mark.parametrize(
    "names", [[*PRICES, "Volume"], [*PRICES, "Volume", "Adj Close"]], ids=["raw", "with Adj Close"]
)
def test_the_real_splits_of_apple_are_proposed(names: list[str]) -> None:
    report = barledger.inspect(as_traded("AAPL")[names])
    likely = [one for one in report.findings if one.confidence >= 0.5]
    assert [(str(one.evidence["ratio"]), one.kind, one.factor) for one in likely] == [("2.0", "split_missed", 0.5)] * 2
    days = sorted(
        next(bar["time"][:10] for bar in one.evidence["bars"] if bar["time"][:10] >= str(one.end)[:10])
        for one in likely
    )
    assert days == ["2000-06-21", "2005-02-28"]


def test_a_fall_by_half_without_a_split_is_never_certain() -> None:
    frame = as_traded("AAPL")
    for names in ([*PRICES, "Volume"], PRICES, ["Close"], ["Close", "Volume"]):
        given = splits_of(frame[names])
        crash = {day: sure for day, sure in given.items() if day == "2000-09-29"}
        assert all(sure < 0.95 for sure in crash.values())
        if len(names) > 3:
            assert max(crash.values(), default=0.0) < min(sure for day, sure in given.items() if day not in crash)


@pytest.mark.parametrize("ticker", ["IBM", "GOOG", "FB"])
def test_prices_without_a_split_have_none(ticker: str) -> None:
    assert barledger.inspect(as_traded(ticker)[[*PRICES, "Volume"]]).ok


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 0.1, 0.05, 0.125])
def test_a_customary_ratio_is_proposed_with_its_own_factor(ratio: float) -> None:
    right = walk(5)
    raw = scaled(scaled(right, slice(0, 200), ratio, PRICES), slice(0, 200), 1 / ratio, ["Volume"])
    (finding,) = [one for one in barledger.inspect(raw).findings if one.confidence >= 0.5]
    assert finding.kind == "split_missed"
    assert finding.factor == pytest.approx(1 / ratio)
    np.testing.assert_allclose(barledger.inspect(raw).corrected[PRICES], right[PRICES], rtol=1e-9)


def test_a_crash_is_no_split() -> None:
    frame = walk(6, volatility=0.02)
    frame.iloc[200:, :4] *= 0.47
    frame.iloc[200, frame.columns.get_loc("Volume")] *= 9
    frame.iloc[200, frame.columns.get_loc("Low")] *= 0.9
    frame.iloc[201:205, frame.columns.get_loc("Volume")] *= 3
    assert barledger.inspect(frame).ok


def test_raw_prices_that_show_a_told_split_are_right() -> None:
    frame = scaled(walk(7), slice(0, 150), 2.0, PRICES)
    frame["Stock Splits"] = 0.0
    frame.iloc[150, frame.columns.get_loc("Stock Splits")] = 2.0
    assert barledger.inspect(frame, adjusted="raw").ok
    assert [one.kind for one in barledger.inspect(frame, adjusted="splits").findings if one.certain] == ["split_missed"]


def test_raw_prices_that_do_not_show_a_told_split_are_doubted() -> None:
    frame = walk(7)
    frame["Stock Splits"] = 0.0
    frame.iloc[150, frame.columns.get_loc("Stock Splits")] = 2.0
    kinds = [one.kind for one in barledger.inspect(frame, adjusted="raw").findings if one.confidence >= 0.5]
    assert kinds == ["split_phantom"]
    assert barledger.inspect(frame).ok


def as_adjusted(ticker: str, splits: dict[str, float]) -> pd.DataFrame:
    """Return a share as a vendor gives it: adjusted for its splits, and telling of them."""
    frame = as_traded(ticker)[[*PRICES, "Volume"]].astype(float)
    frame["Stock Splits"] = 0.0
    for day, ratio in splits.items():
        row = frame.index.get_loc(pd.Timestamp(day))
        frame = scaled(scaled(frame, slice(0, row), 1 / ratio, PRICES), slice(0, row), ratio, ["Volume"])
        frame.iloc[row, frame.columns.get_loc("Stock Splits")] = ratio
    return frame


@pytest.mark.parametrize("weeks", [False, True], ids=["days", "weeks"])
def test_a_crash_by_the_ratio_of_a_later_split_is_not_that_split(*, weeks: bool) -> None:
    frame = as_adjusted("AAPL", {"2000-06-21": 2.0, "2005-02-28": 2.0})
    rules = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum", "Stock Splits": "sum"}
    if weeks:
        frame = frame.resample("W-MON", closed="left", label="left").agg(rules).dropna()
    assert barledger.inspect(frame).ok


def test_rows_far_before_a_split_are_believed_where_both_edges_fit() -> None:
    frame = as_adjusted("AAPL", {"2000-06-21": 2.0, "2005-02-28": 2.0})
    wrong = scaled(frame, slice(600, 603), 2.0, PRICES)
    (finding,) = [one for one in barledger.inspect(wrong).findings if one.confidence >= 0.5]
    assert (finding.kind, finding.start) == ("split_missed", frame.index[600])
