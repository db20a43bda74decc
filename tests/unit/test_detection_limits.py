"""Where detection draws its lines: a bar on either side of each is told otherwise."""

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.detection import FrameFinding
from vendor import PRICES, adjusted, scaled, walk

ALL = [*PRICES, "Adj Close"]


def likely(frame: pd.DataFrame) -> list[FrameFinding]:
    return [one for one in barledger.inspect(frame).findings if one.confidence >= 0.5]


def kinds(frame: pd.DataFrame) -> list[str]:
    return [one.kind for one in likely(frame)]


def at(frame: pd.DataFrame, row: int, name: str, value: float) -> pd.DataFrame:
    wrong = frame.astype({name: float})
    wrong.iloc[row, wrong.columns.get_loc(name)] = value
    return wrong


# --- what a change of level may leave --------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "kind"), [(70.0, "outlier"), (95.0, "unit_error"), (105.0, "unit_error")])
def test_a_factor_near_a_unit_is_that_unit_and_another_one_is_a_false_price(factor: float, kind: str) -> None:
    assert kinds(scaled(walk(11), slice(150, 151), factor, PRICES)) == [kind]


@pytest.mark.parametrize(("volatility", "move"), [(0.03, -0.2), (0.04, -0.2), (0.0005, -0.04), (0.0005, 0.04)])
def test_prices_may_move_on_the_day_on_which_their_unit_changes_as_far_as_theirs_do(
    volatility: float, move: float
) -> None:
    right = scaled(walk(11, volatility=volatility), slice(150, None), float(np.exp(move)), PRICES)
    (found,) = likely(scaled(right, slice(150, 170), 100.0, PRICES))
    assert (found.kind, found.start) == ("unit_error", right.index[150])


# --- whether Adj Close moves with the prices ---------------------------------------------------------------


@pytest.mark.parametrize("names", [PRICES, ALL], ids=["right", "in the other unit"])
@pytest.mark.parametrize("gap", [119, 160, 400])
def test_an_adj_close_that_lacks_a_bar_beside_the_stretch_is_told_all_the_same(names: list[str], gap: int) -> None:
    right = walk(11, dividends=True)
    right = right if gap == 400 else at(right, gap, "Adj Close", np.nan)
    wrong = scaled(right, slice(120, 160), 100.0, names)
    (found,) = likely(wrong)
    assert (found.kind, set(found.fields)) == ("unit_error", set(names))
    np.testing.assert_allclose(barledger.inspect(wrong).corrected[ALL], right[ALL], rtol=1e-9)


# --- single columns ------------------------------------------------------------------------------------------


@pytest.fixture
def told() -> pd.DataFrame:
    return at(walk(11).assign(**{"Stock Splits": 0.0}), 200, "Stock Splits", 1.6)


@pytest.mark.parametrize("gap", [1.0, 0.95])
def test_a_bar_that_opens_where_the_last_one_closed_and_falls_is_no_column_without_the_split(
    told: pd.DataFrame, gap: float
) -> None:
    fallen = scaled(told, slice(199, None), 1 / 1.6, PRICES)
    opened = float(told["Close"].iloc[198]) * gap
    fallen = at(at(fallen, 199, "Open", opened), 199, "High", opened * 1.01)
    assert "split_missed" not in kinds(fallen)


@pytest.mark.parametrize("night", [1.0, 0.92])
def test_an_open_without_the_split_is_told_whatever_the_night_was(told: pd.DataFrame, night: float) -> None:
    wrong = at(told, 199, "Open", float(told["Close"].iloc[198]) * 1.6 * night)
    assert "split_missed" in kinds(wrong)


def test_an_open_that_is_off_is_surer_than_a_high_which_may_be_a_wick() -> None:
    right = at(walk(11, volatility=0.03).assign(**{"Stock Splits": 0.0}), 200, "Stock Splits", 2.0)
    opened, high = (likely(scaled(right, slice(198, 199), 2.0, [name]))[0] for name in ("Open", "High"))
    assert {opened.kind, high.kind} == {"split_missed"}
    assert (opened.certain, high.certain) == (True, False)


# --- false prices and volumes --------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "told"), [(7, True), (8, False)])
def test_prices_that_stay_away_for_longer_than_seven_bars_are_no_outlier(rows: int, *, told: bool) -> None:
    away = scaled(walk(11, volatility=0.003), slice(150, 150 + rows), 1.15, PRICES)
    assert kinds(away) == ["outlier"] * told


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize(("share", "told"), [(0.0, True), (0.35, False)])
def test_volume_of_which_a_third_stands_at_the_other_level_is_no_switch(
    share: float, *, told: bool, upwards: bool
) -> None:
    frame, chance = walk(4), np.random.default_rng(3)
    high = np.append(chance.random(200) < share, chance.random(200) >= share)
    level = np.where(high if upwards else ~high, 100.0, 1.0)
    frame["Volume"] = 1e4 * level * np.exp(chance.normal(0, 0.1, len(frame)))
    assert ("volume_switch" in kinds(frame)) is told


def test_the_frames_of_these_tests_have_no_fault() -> None:
    for volatility in (0.0005, 0.015, 0.03, 0.04):
        assert kinds(adjusted(walk(11, volatility=volatility, dividends=True))) == []
