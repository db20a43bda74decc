"""Each kind of finding, on a random series with one error of that kind."""

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.detection import Inspection
from vendor import PRICES, adjusted, scaled, walk

ALL = [*PRICES, "Adj Close"]


def likely(report: Inspection) -> list[str]:
    return [one.kind for one in report.findings if one.confidence >= 0.5]


def at(frame: pd.DataFrame, row: int, name: str, value: float) -> pd.DataFrame:
    wrong = frame.astype({name: float})
    wrong.iloc[row, wrong.columns.get_loc(name)] = value
    return wrong


@pytest.fixture
def right() -> pd.DataFrame:
    return walk(11, dividends=True)


@pytest.mark.parametrize("rows", [slice(0, 1), slice(399, 400), slice(60, 61), slice(60, 64), slice(0, 150)], ids=str)
@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_another_unit_is_told_with_its_factor(right: pd.DataFrame, rows: slice, factor: float) -> None:
    report = barledger.inspect(scaled(right, rows, factor, ALL))
    assert likely(report) == ["unit_error"]
    assert report.findings[0].certain
    assert report.findings[0].factor == pytest.approx(1 / factor)
    np.testing.assert_allclose(report.corrected[ALL], right[ALL], rtol=1e-9)


@pytest.mark.parametrize("names", [["Close", "Adj Close"], ["Open"], ["High", "Low"], ["Open", "High", "Low"]], ids=str)
def test_single_columns_in_another_unit_are_told_apart(right: pd.DataFrame, names: list[str]) -> None:
    report = barledger.inspect(scaled(right, slice(60, 61), 0.01, names))
    assert likely(report) == ["unit_error"]
    assert set(report.findings[0].fields) == set(names)
    np.testing.assert_allclose(report.corrected[ALL], right[ALL], rtol=1e-9)


@pytest.mark.parametrize("names", [["Close", "Adj Close"], ["Open", "High"], ALL], ids=str)
@pytest.mark.parametrize("ratio", [2.0, 0.1, 1.6, 10_000.0])
def test_rows_without_a_told_split_get_it(right: pd.DataFrame, names: list[str], ratio: float) -> None:
    told = at(right, 200, "Stock Splits", ratio)
    report = barledger.inspect(scaled(told, slice(0, 200), ratio, names))
    assert likely(report) == ["split_missed"]
    np.testing.assert_allclose(report.corrected[ALL], right[ALL], rtol=1e-9)


def test_volume_that_is_adjusted_already_stays(right: pd.DataFrame) -> None:
    told = at(right, 200, "Stock Splits", 50.0)
    corrected = barledger.inspect(scaled(told, slice(0, 200), 50.0, ALL)).corrected
    np.testing.assert_allclose(corrected["Volume"], right["Volume"])


def test_a_told_split_that_never_was_is_taken_back(right: pd.DataFrame) -> None:
    told = at(right, 200, "Stock Splits", 2.0)
    report = barledger.inspect(scaled(told, slice(0, 200), 0.5, ALL))
    assert likely(report) == ["split_phantom"]
    np.testing.assert_allclose(report.corrected[ALL], right[ALL], rtol=1e-9)
    assert not report.corrected["Stock Splits"].any()


@pytest.mark.parametrize("factor", [100.0, 0.01])
@pytest.mark.parametrize("only", ["one", "all"])
def test_a_dividend_in_another_unit_than_adj_close(right: pd.DataFrame, factor: float, only: str) -> None:
    rows = slice(83, 84) if only == "one" else slice(None)
    report = barledger.inspect(scaled(right, rows, factor, ["Dividends"]))
    assert set(likely(report)) == {"dividend_too_big" if factor > 1 else "dividend_too_small"}
    np.testing.assert_allclose(report.corrected["Dividends"], right["Dividends"], rtol=1e-9)
    np.testing.assert_allclose(report.corrected["Adj Close"], right["Adj Close"], rtol=1e-9)


def test_a_dividend_too_big_in_adj_close_as_well() -> None:
    right = walk(11, dividends=True, level=30.0)
    right = adjusted(scaled(right, slice(None), 0.1, ["Dividends"]))
    report = barledger.inspect(adjusted(scaled(right, slice(83, 84), 100.0, ["Dividends"])))
    assert likely(report) == ["dividend_too_big"]
    np.testing.assert_allclose(report.corrected[ALL], right[ALL], rtol=1e-3)


def test_a_dividend_that_adj_close_lacks(right: pd.DataFrame) -> None:
    paid = right["Dividends"].to_numpy(copy=True)
    paid[83] = 0
    report = barledger.inspect(adjusted(right, paid))
    assert likely(report) == ["dividend_not_adjusted"]
    assert report.findings[0].start == right.index[0]
    np.testing.assert_allclose(report.corrected["Adj Close"], right["Adj Close"], rtol=1e-9)


def test_a_dividend_that_only_adj_close_knows(right: pd.DataFrame) -> None:
    report = barledger.inspect(at(right, 83, "Dividends", 0.0))
    assert likely(report) == ["dividend_missing"]
    np.testing.assert_allclose(report.corrected["Dividends"], right["Dividends"], rtol=1e-6)


@pytest.mark.parametrize("shift", [-5, -2, 3, 5])
def test_a_copy_of_a_dividend_is_the_phantom_where_adj_close_stays_flat(right: pd.DataFrame, shift: int) -> None:
    report = barledger.inspect(at(right, 83 + shift, "Dividends", float(right["Dividends"].iloc[83])))
    assert likely(report) == ["dividend_phantom"]
    np.testing.assert_allclose(report.corrected["Dividends"], right["Dividends"])


def test_a_dividend_at_another_row_than_its_step_is_moved() -> None:
    right = walk(11, dividends=True, volatility=0.004)
    wrong = at(at(right, 83, "Dividends", 0.0), 93, "Dividends", float(right["Dividends"].iloc[83]))
    report = barledger.inspect(wrong)
    assert sorted(likely(report)) == ["dividend_missing", "dividend_phantom"]
    np.testing.assert_allclose(report.corrected["Dividends"], right["Dividends"], rtol=1e-6)


def test_capital_gains_that_adj_close_takes_twice() -> None:
    right = adjusted(scaled(walk(3, dividends=True, volatility=0.006), slice(None), 6.0, ["Dividends"]))
    right = adjusted(_fallen(right))
    gains = right["Dividends"] * 0.6
    wrong = adjusted(right, (right["Dividends"] + gains).to_numpy()).assign(**{"Capital Gains": gains})
    report = barledger.inspect(wrong)
    assert set(likely(report)) == {"dividend_double_counted"}
    np.testing.assert_allclose(report.corrected["Adj Close"], right["Adj Close"], rtol=1e-9)


def _fallen(frame: pd.DataFrame) -> pd.DataFrame:
    """Return prices that fall by a dividend that was made larger."""
    lower = frame.copy()
    for row in np.flatnonzero(frame["Dividends"].to_numpy()):
        lower.iloc[row:, :4] *= 1 - float(frame["Dividends"].iloc[row]) * 5 / 6 / float(lower["Close"].iloc[row - 1])
    return lower


def test_a_dividend_that_adj_close_takes_twice(right: pd.DataFrame) -> None:
    paid = right["Dividends"].to_numpy(copy=True)
    paid[83] *= 2
    report = barledger.inspect(adjusted(right, paid))
    assert likely(report) == ["dividend_double_counted"]
    np.testing.assert_allclose(report.corrected["Adj Close"], right["Adj Close"], rtol=1e-9)


def test_adj_close_of_a_few_rows_is_set_right(right: pd.DataFrame) -> None:
    report = barledger.inspect(scaled(right, slice(100, 103), 0.9, ["Adj Close"]))
    assert likely(report) == ["adjustment_error"]
    np.testing.assert_allclose(report.corrected["Adj Close"], right["Adj Close"], rtol=1e-6)


def test_equal_rows_of_one_time_are_joined_and_differing_ones_are_kept() -> None:
    frame = walk(4)
    twice = barledger.inspect(pd.concat([frame, frame.iloc[[7]]]))
    assert likely(twice) == ["duplicate"]
    pd.testing.assert_frame_equal(twice.corrected, frame, check_freq=False)
    other = frame.iloc[[7]] * 1.01
    differing = barledger.inspect(pd.concat([frame, other]))
    assert likely(differing) == ["duplicate"]
    assert len(differing.corrected) == len(frame) + 1


def test_a_bar_that_is_repeated_with_its_volume_is_stale() -> None:
    frame = walk(4)
    frame.iloc[50:54] = frame.iloc[49].to_numpy()
    report = barledger.inspect(frame)
    assert likely(report) == ["stale"]
    assert (report.findings[0].start, report.findings[0].end) == (
        frame.index[50],
        frame.index[53] + pd.Timedelta(days=1),
    )


def test_days_without_trade_are_not_stale() -> None:
    frame = walk(4)
    frame.iloc[50:56, :4] = float(frame["Close"].iloc[49])
    frame.iloc[50:56, frame.columns.get_loc("Volume")] = 0
    assert barledger.inspect(frame).ok


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_price_is_above_zero(value: float) -> None:
    report = barledger.inspect(at(walk(4), 50, "Low", value))
    assert likely(report) == ["non_positive"]
    assert report.findings[0].fields == ("Low",)
    assert np.isnan(report.corrected["Low"].iloc[50])


def test_a_high_below_its_low_is_certain_and_a_close_a_little_beyond_is_not() -> None:
    frame = walk(4)
    high, low = frame.columns.get_loc("High"), frame.columns.get_loc("Low")
    exchanged = frame.copy()
    exchanged.iloc[50, [high, low]] = frame.iloc[50, [low, high]].to_numpy()
    report = barledger.inspect(exchanged)
    assert likely(report) == ["crossed"]
    pd.testing.assert_frame_equal(report.corrected, frame)
    slight = at(frame, 50, "Close", float(frame["High"].iloc[50]) * 1.004)
    assert [one.kind for one in barledger.inspect(slight).findings] == ["crossed"]
    assert barledger.inspect(slight).ok


def test_a_bar_that_alone_leaves_its_neighbours_is_an_outlier() -> None:
    report = barledger.inspect(scaled(walk(4), slice(50, 51), 1.7, PRICES))
    assert likely(report) == ["outlier"]
    assert report.corrected[PRICES].iloc[50].isna().all()


def test_volume_in_another_unit_is_told_from_trade_that_grows() -> None:
    frame = walk(4)
    report = barledger.inspect(scaled(frame, slice(0, 150), 0.01, ["Volume"]))
    assert likely(report) == ["volume_switch"]
    np.testing.assert_allclose(report.corrected["Volume"], frame["Volume"])
    growing = frame.assign(Volume=frame["Volume"] * np.exp(np.linspace(0, 5, len(frame))))
    assert barledger.inspect(growing).ok
