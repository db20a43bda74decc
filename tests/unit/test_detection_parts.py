"""What each small part of detection decides, where nothing else does: events of bars, columns, steps and limits."""

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.detection.series import suspected
from barledger.domain.action import CorporateAction
from barledger.domain.rows import Rows, constant
from barledger.domain.timeframe import DAY, Timeframe
from vendor import PRICES, scaled, walk

DAILY = Timeframe.of("1d")


def likely(frame: pd.DataFrame) -> list[str]:
    return [one.kind for one in barledger.inspect(frame).findings if one.confidence >= 0.5]


def stepped(frame: pd.DataFrame, row: int, factor: float) -> pd.DataFrame:
    """Return the frame with Adj Close before a row multiplied."""
    return scaled(frame, slice(0, row), factor, ["Adj Close"])


# --- events of bars ---------------------------------------------------------------------------------


def column(name: str, *actions: tuple[int, str, float]) -> list[float]:
    """Return what bars of ten days have in a column of events, the last of day 9."""
    columns = {one: np.full(10, 50.0) for one in ("open", "high", "low", "close", "volume")}
    rows = Rows(time=np.arange(10) * DAY, **columns, revision=constant(1, 10), edition=constant(1, 10))
    told = [
        CorporateAction(instrument="X", ex_date=day * DAY, kind=kind, source="s", value=value)  # type: ignore[arg-type]
        for day, kind, value in actions
    ]
    table, _ = suspected(rows, timeframe=DAILY, actions=told)
    values = getattr(table, name)
    return [] if values is None else [float(one) for one in values[[0, 4, 9]]]


def test_splits_of_one_day_are_multiplied() -> None:
    assert column("stock_splits", (4, "split", 2.0), (4, "split", 3.0)) == [0.0, 6.0, 0.0]


def test_a_stock_dividend_is_a_split_of_the_shares_on_top() -> None:
    assert column("stock_splits", (4, "stock_dividend", 0.5)) == [0.0, 1.5, 0.0]


def test_payments_of_one_day_are_added() -> None:
    assert column("dividends", (4, "cash_dividend", 1.0), (4, "special_dividend", 2.5)) == [0.0, 3.5, 0.0]


def test_an_event_after_the_last_bar_or_before_the_first_is_none_of_theirs() -> None:
    assert column("stock_splits", (9, "split", 2.0)) == [0.0, 0.0, 2.0]
    assert column("stock_splits", (10, "split", 2.0)) == []
    assert column("stock_splits", (-1, "split", 2.0)) == []


@pytest.mark.parametrize("adjusted", [{}, dict.fromkeys(("open", "high", "low", "close"), "splits")])
def test_a_split_between_sessions_of_minutes_shows_in_the_first_bar_behind(adjusted: dict[str, str]) -> None:
    right = walk(2)
    opens = pd.date_range("2024-01-02T14:30Z", periods=10, freq="D")
    times = pd.DatetimeIndex([day + pd.Timedelta(minutes=minute) for day in opens for minute in range(40)]).as_unit(
        "ns"
    )
    raw = scaled(scaled(right, slice(0, 200), 2.0, PRICES), slice(0, 200), 0.5, ["Volume"])
    frame = right if adjusted else raw
    columns = {name.lower(): frame[name].to_numpy(float) for name in (*PRICES, "Volume")}
    rows = Rows(time=times.asi8, **columns, revision=constant(1, 400), edition=constant(1, 400))
    ex_date = int(opens[5].normalize().value)
    told = CorporateAction(instrument="X", ex_date=ex_date, kind="split", source="s", value=2.0)
    table, found = suspected(rows, timeframe=Timeframe.of("1m"), actions=[told], adjusted=adjusted)  # type: ignore[arg-type]
    assert table.events("stock_splits").tolist() == [200]
    assert [one for one in found if one.confidence >= 0.5] == []


def test_an_event_within_a_week_is_that_week_s() -> None:
    columns = {one: np.full(3, 50.0) for one in ("open", "high", "low", "close", "volume")}
    rows = Rows(time=np.arange(3) * 7 * DAY, **columns, revision=constant(1, 3), edition=constant(1, 3))
    days = {
        day: CorporateAction(instrument="X", ex_date=day * DAY, kind="split", source="s", value=2.0) for day in (9, 20)
    }
    for day, row in ((9, 1), (20, 2)):
        table, _ = suspected(rows, timeframe=Timeframe.of("1w"), actions=[days[day]])
        assert table.events("stock_splits").tolist() == [row]


# --- columns and rows ---------------------------------------------------------------------------------


def test_a_split_that_some_rows_have_twice_is_a_split_all_the_same() -> None:
    right = walk(2, dividends=True)
    right.iloc[200, right.columns.get_loc("Stock Splits")] = 3.0
    report = barledger.inspect(scaled(right, slice(150, 200), 1 / 3, [*PRICES, "Adj Close"]))
    found = report.findings[0]
    assert found.kind == "split_phantom"
    assert "Stock Splits" not in found.fields
    assert report.corrected["Stock Splits"].iloc[200] == 3.0


# --- steps of Adj Close ---------------------------------------------------------------------------------


def test_a_step_that_no_dividend_would_make_is_an_error_of_adj_close() -> None:
    assert likely(stepped(walk(2, dividends=True), 150, 0.8)) == ["dividend_missing"]
    assert likely(stepped(walk(2, dividends=True), 150, 0.5)) == ["adjustment_error"]


def test_an_adj_close_that_steps_everywhere_tells_of_nothing() -> None:
    frame = walk(2, dividends=True)
    for row in range(5, 395, 7):
        frame = stepped(frame, row, 0.98)
    assert "dividend_missing" not in likely(frame)


@pytest.mark.parametrize(("back", "kinds"), [(1 / 0.95, 1), (1 / 0.965, 2)])
def test_rows_are_off_by_one_factor_only_if_adj_close_comes_back_by_it(back: float, kinds: int) -> None:
    frame = stepped(stepped(walk(2, dividends=True), 100, 0.95), 110, back)
    assert len(likely(frame)) == kinds


# --- days and volumes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("repeats", "told"), [(2, []), (6, [0.4])])
def test_a_few_days_without_trade_that_repeat_are_not_worth_a_word(repeats: int, told: list[float]) -> None:
    frame = walk(3)
    for row in range(100, 100 + repeats):
        frame.iloc[row] = frame.iloc[99]
    frame.iloc[99 : 100 + repeats, frame.columns.get_loc("Volume")] = 0.0
    found = [one.confidence for one in barledger.inspect(frame).findings if one.kind == "stale"]
    assert found == pytest.approx(told)
