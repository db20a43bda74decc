"""Prices and Adj Close that part: whichever moves is wrong, by which factor, and certain where the other goes on."""

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.detection import FrameFinding
from vendor import PRICES, adjusted, labels, scaled, walk

ALL = [*PRICES, "Adj Close"]
EVERY = [*ALL, "Volume", "Dividends", "Stock Splits"]
STRETCHES = {
    "first row": slice(0, 1),
    "first most": slice(0, 280),
    "one row": slice(201, 202),
    "over a dividend": slice(140, 160),
    "most": slice(50, 350),
    "newest": slice(270, 400),
    "last row": slice(399, 400),
}
STRETCH = pytest.mark.parametrize("rows", STRETCHES.values(), ids=STRETCHES)


def likely(frame: pd.DataFrame) -> list[FrameFinding]:
    return [one for one in barledger.inspect(frame).findings if one.confidence >= 0.5]


def only(frame: pd.DataFrame) -> FrameFinding:
    (found,) = likely(frame)
    return found


def mended(wrong: pd.DataFrame, right: pd.DataFrame) -> None:
    corrected = barledger.inspect(wrong).corrected
    np.testing.assert_allclose(corrected[EVERY].to_numpy(float), right[EVERY].to_numpy(float), rtol=1e-6)


@pytest.fixture(params=[0.015, 0.04], ids=["calm", "wild"])
def right(request: pytest.FixtureRequest) -> pd.DataFrame:
    frame = walk(11, dividends=True, volatility=request.param).astype({"Stock Splits": float, "Volume": float})
    frame.iloc[200, frame.columns.get_loc("Stock Splits")] = 2.0
    return frame


@pytest.mark.slow
@STRETCH
@pytest.mark.parametrize("factor", [100.0, 0.01, 1_000.0])
def test_prices_in_another_unit_are_told_by_an_adj_close_that_goes_on(
    right: pd.DataFrame, rows: slice, factor: float
) -> None:
    wrong = scaled(right, rows, factor, PRICES)
    found = only(wrong)
    assert (found.kind, found.certain, found.fields) == ("unit_error", True, tuple(PRICES))
    assert (found.factor, found.start) == (pytest.approx(1 / factor), right.index[rows.start])
    mended(wrong, right)


@pytest.mark.slow
@STRETCH
@pytest.mark.parametrize("factor", [100.0, 0.01, 1_000.0, 10.0])
def test_adj_close_in_another_unit_is_told_by_prices_that_go_on(
    right: pd.DataFrame, rows: slice, factor: float
) -> None:
    wrong = scaled(right, rows, factor, ["Adj Close"])
    found = only(wrong)
    assert (found.kind, found.certain, found.fields) == ("adjustment_error", True, ("Adj Close",))
    assert (found.factor, found.start) == (pytest.approx(1 / factor), right.index[rows.start])
    mended(wrong, right)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [slice(120, 160), slice(50, 350), slice(270, 400)], ids=str)
@pytest.mark.parametrize("factor", [10.0, 1e-4, 7.8, 0.4])
def test_any_factor_is_believed_where_adj_close_shows_it(right: pd.DataFrame, rows: slice, factor: float) -> None:
    wrong = scaled(right, rows, factor, PRICES)
    found = only(wrong)
    assert (found.kind, found.certain) == ("unit_error", True)
    assert found.factor == pytest.approx(1 / factor, rel=1e-6)
    mended(wrong, right)


def test_prices_before_a_day_that_a_split_of_that_ratio_would_explain_are_in_another_unit_if_trade_goes_on() -> None:
    right = walk(11, dividends=True)
    wrong = scaled(right, slice(0, 150), 10.0, PRICES)
    assert only(wrong).kind == "unit_error"
    assert only(scaled(wrong, slice(0, 150), 0.1, ["Volume"])).kind == "split_missed"


@pytest.mark.parametrize("factor", [1.27, 0.4, 7.8])
def test_one_bar_at_a_false_price_gets_the_one_that_adj_close_tells(factor: float) -> None:
    right = walk(11, dividends=True)
    wrong = scaled(right, slice(201, 202), factor, PRICES)
    assert only(wrong).kind == "outlier"
    mended(wrong, right)


@pytest.mark.parametrize("rows", [slice(120, 160), slice(270, 400)], ids=str)
def test_a_small_factor_of_a_stretch_is_one_of_prices_if_they_move(rows: slice) -> None:
    right = walk(11, dividends=True)
    for names, kind in ((PRICES, "unit_error"), (["Adj Close"], "adjustment_error")):
        wrong = scaled(right, rows, 1.27, names)
        assert only(wrong).kind == kind
        mended(wrong, right)


@pytest.mark.slow
@pytest.mark.parametrize("names", [["Close"], ["Close", "Adj Close"], ["Open"], ["High", "Low"]], ids=str)
@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 250), slice(201, 202), slice(120, 160)], ids=str)
def test_single_columns_are_told_from_the_first_row_on(names: list[str], rows: slice) -> None:
    right = walk(11, dividends=True)
    wrong = scaled(right, rows, 100.0, names)
    found = only(wrong)
    assert (found.kind, found.certain, set(found.fields)) == ("unit_error", True, set(names))
    mended(wrong, right)


@pytest.mark.parametrize("rows", [slice(250, 400), slice(0, 250)], ids=str)
def test_dividends_tell_which_of_two_levels_is_right(rows: slice) -> None:
    right = walk(11, dividends=True)
    wrong = scaled(right, rows, 100.0, ALL)
    found = only(wrong)
    assert (found.certain, found.start) == (True, right.index[rows.start])
    mended(wrong, right)


@pytest.mark.parametrize("label", labels(clean=True), ids=str)
@pytest.mark.parametrize("names", [PRICES, ["Adj Close"]], ids=["prices", "Adj Close"])
@pytest.mark.parametrize("where", [(0.0, 0.3), (0.4, 0.403), (0.2, 0.7), (0.8, 1.0)], ids=str)
def test_a_vendors_clean_answer_is_set_right(label: object, names: list[str], where: tuple[float, float]) -> None:
    right = label.wrong()  # type: ignore[attr-defined]
    right = right.sort_values(right.columns[0], key=lambda dates: pd.to_datetime(dates, utc=True))
    rows = slice(int(where[0] * len(right)), int(where[1] * len(right)) or 1)
    wrong = scaled(right, rows, 0.01, names)
    found = only(wrong)
    assert (found.kind, found.certain) == ("unit_error" if names == PRICES else "adjustment_error", True)
    mended(wrong, right)


def test_a_split_that_rows_of_prices_lack_and_adj_close_does_not() -> None:
    right = walk(11, dividends=True).astype({"Stock Splits": float})
    right.iloc[200, right.columns.get_loc("Stock Splits")] = 3.0
    right = adjusted(right)
    wrong = scaled(right, slice(120, 160), 3.0, PRICES)
    assert {one.kind for one in likely(wrong)} == {"split_missed"}
    corrected = barledger.inspect(wrong).corrected
    np.testing.assert_allclose(corrected[ALL], right[ALL], rtol=1e-6)


def test_a_large_payment_that_is_not_told_is_no_other_unit() -> None:
    right = walk(11, dividends=True)
    paid = right["Dividends"].to_numpy(copy=True)
    paid[150] = 0.53 * float(right["Close"].iloc[149])
    fallen = scaled(right, slice(150, None), 0.47, PRICES)
    told = adjusted(fallen.assign(Dividends=paid * np.where(np.arange(400) > 150, 0.47, 1.0)))
    wrong = told.copy()
    wrong.iloc[150, wrong.columns.get_loc("Dividends")] = 0.0
    found = only(wrong)
    assert (found.kind, found.certain) == ("dividend_missing", False)
    mended(wrong, told)
