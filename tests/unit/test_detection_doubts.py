"""What speaks against a kind, or for another: each rule of detection is what decides somewhere."""

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.detection import FrameFinding
from vendor import PRICES, adjusted, scaled, walk

ALL = [*PRICES, "Adj Close"]


def likely(frame: pd.DataFrame, adjustment: str | None = None) -> list[str]:
    report = barledger.inspect(frame, adjusted=adjustment)  # type: ignore[arg-type]
    return [one.kind for one in report.findings if one.confidence >= 0.5]


def only(frame: pd.DataFrame, kind: str) -> FrameFinding:
    (found,) = (one for one in barledger.inspect(frame).findings if one.kind == kind)
    return found


def halved(seed: int = 6) -> pd.DataFrame:
    """Return raw prices of a share that was split 2:1 at row 200, without a word of it."""
    return scaled(scaled(walk(seed), slice(0, 200), 2.0, PRICES), slice(0, 200), 0.5, ["Volume"])


def test_a_fall_by_half_that_a_dividend_explains_is_no_split() -> None:
    quiet = halved().drop(columns=["Adj Close", "Volume"], errors="ignore")
    assert likely(quiet, "raw") == ["split_missed"]
    paid = np.zeros(len(quiet))
    paid[200] = float(quiet["Close"].iloc[199]) / 2
    assert "split_missed" not in likely(quiet.assign(Dividends=paid), "raw")


def test_a_fall_within_a_session_is_less_likely_to_be_a_split() -> None:
    times = pd.date_range("2024-01-02T09:00Z", periods=8, freq="h")
    hours = times.append([times + pd.Timedelta(days=day) for day in range(1, 50)])
    frame = halved()[PRICES]
    over_night, within = frame.set_axis(hours), frame.iloc[4:].set_axis(hours[:-4])
    assert only(within, "split_missed").confidence < only(over_night, "split_missed").confidence


def test_a_fall_that_is_made_good_within_days_is_no_split() -> None:
    frame = walk(6)[PRICES]
    back = scaled(frame, slice(200, 203), 0.5, PRICES)
    assert "split_missed" not in likely(back)
    assert "split_missed" in likely(scaled(frame, slice(200, None), 0.5, PRICES))


def test_prices_alone_make_no_split_certain_and_volume_does() -> None:
    assert only(halved(), "split_missed").certain
    alone = only(halved().drop(columns="Volume"), "split_missed")
    assert 0.5 <= alone.confidence < 0.95


def test_a_week_within_which_shares_were_split_is_said_to_hold_the_split() -> None:
    rules = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"}
    right = walk(5, rows=600, volatility=0.01)

    def weeks(row: int) -> pd.DataFrame:
        raw = scaled(scaled(right, slice(0, row), 3.0, PRICES), slice(0, row), 1 / 3, ["Volume"])
        return raw.resample("W-MON", closed="left", label="left").agg(rules)

    monday = next(row for row in range(300, 306) if right.index[row].day_of_week == 0)
    assert only(weeks(monday + 2), "split_missed").evidence["within"] is True
    assert only(weeks(monday), "split_missed").evidence["within"] is False


def test_of_two_units_with_as_many_bars_the_newest_is_right() -> None:
    report = barledger.inspect(scaled(walk(11, dividends=True), slice(0, 200), 100.0, ALL))
    (found,) = (one for one in report.findings if one.kind == "unit_error")
    assert (found.factor, found.start) == (pytest.approx(0.01), walk(11).index[0])


def test_a_negative_dividend_is_a_phantom() -> None:
    right = walk(11, dividends=True)
    wrong = right.copy()
    wrong.iloc[83, wrong.columns.get_loc("Dividends")] *= -1
    assert "dividend_phantom" in likely(wrong)


def test_adj_close_of_zero_is_an_error_of_adj_close() -> None:
    wrong = walk(11, dividends=True)
    wrong.iloc[150, wrong.columns.get_loc("Adj Close")] = 0.0
    assert "adjustment_error" in likely(wrong)


def test_a_volume_below_zero_is_none() -> None:
    wrong = walk(11).astype({"Volume": float})
    wrong.iloc[150, wrong.columns.get_loc("Volume")] = -5.0
    assert likely(wrong) == ["non_positive"]


def test_zeros_that_are_a_habit_are_less_of_a_fault() -> None:
    often = walk(11)[PRICES]
    often.iloc[::3, often.columns.get_loc("Open")] = 0.0
    seldom = walk(11)[PRICES]
    seldom.iloc[150, seldom.columns.get_loc("Open")] = 0.0
    assert "non_positive" not in likely(often)
    assert likely(seldom) == ["non_positive"]


def test_a_close_far_beyond_its_high_is_likely_to_be_wrong() -> None:
    wrong = walk(11)[PRICES]
    wrong.iloc[150, wrong.columns.get_loc("High")] = float(wrong["Close"].iloc[150]) * 0.7
    wrong.iloc[150, wrong.columns.get_loc("Low")] = float(wrong["Close"].iloc[150]) * 0.68
    assert "crossed" in likely(wrong)


def test_a_wick_that_nothing_stands_beside_is_an_outlier() -> None:
    wrong = walk(11)[[*PRICES, "Volume"]]
    wrong.iloc[150, wrong.columns.get_loc("High")] *= 3
    assert likely(wrong) == ["outlier"]
    corrected = barledger.inspect(wrong).corrected
    assert float(corrected["High"].iloc[150]) <= float(wrong["High"].iloc[150]) / 2


def test_a_spike_with_a_burst_of_trade_is_the_market() -> None:
    frame = walk(11)[[*PRICES, "Volume"]]
    spike = scaled(frame, slice(150, 151), 1.3, PRICES)
    assert likely(spike) == ["outlier"]
    assert likely(scaled(spike, slice(150, 151), 20.0, ["Volume"])) == []


def test_volume_that_overlaps_before_and_after_is_no_switch() -> None:
    frame = walk(11)[[*PRICES, "Volume"]].astype({"Volume": float})
    assert likely(scaled(frame, slice(0, 200), 0.01, ["Volume"])) == ["volume_switch"]
    wild = scaled(frame, slice(0, 200), 0.01, ["Volume"])
    chance = np.random.default_rng(3)
    wild["Volume"] *= np.exp(chance.normal(0, 3.5, len(wild)))
    assert "volume_switch" not in likely(wild)


def test_two_rows_of_one_day_are_a_duplicate() -> None:
    frame = walk(11)[[*PRICES, "Volume"]]
    again = frame.iloc[150:151].set_axis(frame.index[150:151] + pd.Timedelta(hours=3))
    assert "duplicate" in likely(pd.concat([frame, again]))


def test_a_step_of_adj_close_that_no_dividend_makes_is_an_error_of_adj_close() -> None:
    wrong = scaled(walk(11, dividends=True), slice(0, 150), 1.3, ["Adj Close"])
    assert "adjustment_error" in likely(wrong)


def test_a_dividend_that_adj_close_takes_by_a_little_more_is_left_alone() -> None:
    right = walk(11, dividends=True)
    wrong = scaled(right, slice(0, 83), 0.9975, ["Adj Close"])
    far = scaled(right, slice(0, 83), 0.98, ["Adj Close"])
    assert likely(wrong) == []
    assert likely(far) != []


def test_several_splits_that_rows_lack_together_are_found(right: pd.DataFrame) -> None:
    told = right.copy()
    for row, ratio in ((150, 2.0), (300, 3.0)):
        told.iloc[row, told.columns.get_loc("Stock Splits")] = ratio
    wrong = scaled(told, slice(0, 150), 6.0, ALL)
    assert set(likely(wrong)) == {"split_missed"}
    corrected = barledger.inspect(wrong).corrected
    np.testing.assert_allclose(corrected[ALL], right[ALL], rtol=1e-9)


@pytest.fixture
def right() -> pd.DataFrame:
    return adjusted(walk(11, dividends=True))
