"""One cause is told once: what follows from an error is no error of its own."""

import numpy as np
import pandas as pd
import pytest

import barledger
from vendor import PRICES, adjusted, scaled, walk

ALL = [*PRICES, "Adj Close"]
SPLIT = 150


def likely(frame: pd.DataFrame) -> list[str]:
    return [one.kind for one in barledger.inspect(frame).findings if one.confidence >= 0.5]


def told(frame: pd.DataFrame, ratio: float) -> pd.DataFrame:
    marked = frame.astype({"Stock Splits": float})
    marked.iloc[SPLIT, marked.columns.get_loc("Stock Splits")] = ratio
    return marked


def crash(frame: pd.DataFrame, row: int, factor: float) -> pd.DataFrame:
    """Return the frame after a fall overnight that brings six times the trade, which decays."""
    fallen = scaled(frame, slice(row, None), factor, PRICES).astype({"Volume": float})
    usual = float(fallen["Volume"].median())
    for day, times in enumerate((6, 3, 2)):
        fallen.iloc[row + day, fallen.columns.get_loc("Volume")] = usual * times
    return fallen


@pytest.fixture
def right() -> pd.DataFrame:
    return walk(11, dividends=True)


@pytest.mark.parametrize("rows", [4, 30, 200])
@pytest.mark.parametrize("ratio", [2.0, 20.0, 0.1])
def test_rows_that_take_a_split_late_are_one_finding(right: pd.DataFrame, ratio: float, rows: int) -> None:
    right = told(right, ratio)
    late = slice(SPLIT, SPLIT + rows)
    wrong = scaled(scaled(right, late, ratio, ALL), late, 1 / ratio, ["Volume"])
    report = barledger.inspect(wrong)
    (finding,) = [one for one in report.findings if one.confidence >= 0.5]
    assert (finding.kind, finding.start) == ("split_missed", right.index[SPLIT])
    assert finding.factor == pytest.approx(1 / ratio)
    np.testing.assert_allclose(report.corrected[[*ALL, "Dividends"]], right[[*ALL, "Dividends"]], rtol=1e-9)


@pytest.mark.parametrize("ratio", [2.0, 5.0, 0.1])
@pytest.mark.parametrize("in_old_shares", [False, True])
def test_dividends_before_an_untold_split_keep_the_shares_they_are_told_in(
    right: pd.DataFrame, ratio: float, *, in_old_shares: bool
) -> None:
    before = slice(0, SPLIT)
    raw = scaled(scaled(right, before, ratio, ALL), before, 1 / ratio, ["Volume"])
    raw = scaled(raw, before, ratio, ["Dividends"]) if in_old_shares else raw
    report = barledger.inspect(raw)
    assert [one.kind for one in report.findings if one.confidence >= 0.5] == ["split_missed"]
    np.testing.assert_allclose(report.corrected[[*ALL, "Dividends"]], right[[*ALL, "Dividends"]], rtol=1e-9)


@pytest.mark.parametrize("factor", [0.01, 0.1, 10.0])
def test_dividends_that_are_all_off_by_a_unit_are_not_errors_of_adj_close(right: pd.DataFrame, factor: float) -> None:
    wrong = scaled(right, slice(None), factor, ["Dividends"])
    assert set(likely(wrong)) == {"dividend_too_small" if factor < 1 else "dividend_too_big"}
    np.testing.assert_allclose(barledger.inspect(wrong).corrected["Dividends"], right["Dividends"], rtol=1e-9)


def test_a_hundredth_among_level_dividends_is_too_small_though_adj_close_has_it(right: pd.DataFrame) -> None:
    wrong = adjusted(scaled(right, slice(146, 147), 0.01, ["Dividends"]))
    assert likely(wrong) == ["dividend_too_small"]
    np.testing.assert_allclose(barledger.inspect(wrong).corrected["Dividends"], right["Dividends"], rtol=1e-9)


def test_two_level_neighbours_are_enough_to_tell_a_hundredth(right: pd.DataFrame) -> None:
    few = adjusted(right.iloc[:220])
    wrong = adjusted(scaled(few, slice(146, 147), 0.01, ["Dividends"]))
    assert likely(wrong) == ["dividend_too_small"]


def test_dividends_that_adj_close_lacks_altogether_are_not_in_another_unit(right: pd.DataFrame) -> None:
    assert set(likely(adjusted(right, np.zeros(len(right))))) == {"dividend_not_adjusted"}


@pytest.mark.parametrize("upon", [False, True], ids=["of the sum", "one upon the other"])
def test_a_small_dividend_that_adj_close_takes_twice_is_certain(*, upon: bool) -> None:
    right = adjusted(scaled(walk(11, dividends=True), slice(None), 0.45, ["Dividends"]))
    paid = right["Dividends"].to_numpy(copy=True)
    share = paid[83] / float(right["Close"].iloc[82])
    paid[83] *= 2 - share if upon else 2
    (finding,) = [one for one in barledger.inspect(adjusted(right, paid)).findings if one.confidence >= 0.5]
    assert (finding.kind, finding.certain) == ("dividend_double_counted", True)


def test_a_gain_that_equals_its_dividend_is_that_dividend() -> None:
    right = walk(11, dividends=True, volatility=0.05)
    gains = np.zeros(len(right))
    gains[83] = right["Dividends"].iloc[83]
    told = right.assign(**{"Capital Gains": gains})
    assert likely(told) == []
    both = right["Dividends"].to_numpy() + gains
    twice = adjusted(told, both)
    assert likely(twice) == ["dividend_double_counted"]
    np.testing.assert_allclose(barledger.inspect(twice).corrected["Adj Close"], right["Adj Close"], rtol=1e-6)
    apart = told.assign(**{"Capital Gains": gains * 0.37})
    assert likely(adjusted(apart, right["Dividends"].to_numpy() + gains * 0.37)) == []


def test_a_large_dividend_that_is_none_and_keeps_no_rhythm_is_a_phantom(right: pd.DataFrame) -> None:
    paid = right["Dividends"].to_numpy(copy=True)
    paid[115] = 0.3 * float(right["Close"].iloc[114])
    assert likely(adjusted(right.assign(Dividends=paid), paid)) == ["dividend_phantom"]


def test_dividends_beside_repeated_bars_are_no_faults_of_their_own(right: pd.DataFrame) -> None:
    wrong = right.copy()
    for name in [*ALL, "Volume"]:
        wrong.iloc[80:86, wrong.columns.get_loc(name)] = right[name].iloc[80]
    assert likely(wrong) == ["stale"]


@pytest.mark.parametrize("factor", [0.5, 0.51, 0.667, 0.75, 0.8])
def test_a_crash_by_a_customary_ratio_is_no_split_where_trade_bursts_and_decays(factor: float) -> None:
    assert likely(crash(walk(6), 200, factor)) == []


@pytest.mark.parametrize("times", [1.06, 2.0, 5.28])
def test_a_split_is_one_on_quiet_and_on_busy_days(times: float) -> None:
    raw = scaled(scaled(walk(6), slice(0, 200), 2.0, PRICES), slice(0, 200), 0.5, ["Volume"])
    raw.iloc[200, raw.columns.get_loc("Volume")] = float(raw["Volume"].iloc[180:200].median()) * times
    assert likely(raw) == ["split_missed"]


def test_a_bar_that_opens_where_the_last_one_closed_is_no_split() -> None:
    frame = scaled(walk(6), slice(200, None), 0.5, PRICES).drop(columns="Volume")
    split = frame.copy()
    frame.iloc[200, frame.columns.get_loc("Open")] = frame["Close"].iloc[199]
    assert likely(split[["Open", "Close"]]) == ["split_missed"]
    assert "split_missed" not in likely(frame[["Open", "Close"]])


@pytest.mark.parametrize("day", range(5))
@pytest.mark.parametrize("ratio", [3.0, 0.1])
def test_a_split_lies_on_any_day_of_its_week(ratio: float, day: int) -> None:
    right = walk(5, rows=600, volatility=0.01)
    row = 303 + day
    raw = scaled(scaled(right, slice(0, row), ratio, PRICES), slice(0, row), 1 / ratio, ["Volume"])
    rules = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"}
    weeks, expected = (one.resample("W-MON", closed="left", label="left").agg(rules) for one in (raw, right))
    assert likely(weeks) == ["split_missed"]
    corrected = barledger.inspect(weeks).corrected
    np.testing.assert_allclose(corrected[["Open", "Close"]], expected[["Open", "Close"]], rtol=1e-9)


@pytest.mark.parametrize("paid", [[20, 110, 280, 370], [20, 110, 280]], ids=["four", "three"])
def test_an_interim_dividend_in_its_season_is_not_one_too_many(paid: list[int]) -> None:
    right = walk(3, rows=500, volatility=0.01)
    amounts = np.zeros(len(right))
    for row in paid:
        amounts[row] = 0.004 * float(right["Close"].iloc[row - 1])
    right = adjusted(right.assign(**{"Dividends": amounts, "Stock Splits": 0.0}))
    wrong = adjusted(scaled(right, slice(110, 111), 100.0, ["Dividends"]))
    assert likely(wrong) == ["dividend_too_big"]
    np.testing.assert_allclose(barledger.inspect(wrong).corrected["Dividends"], right["Dividends"], rtol=1e-9)
