"""The values of our own indicators, against plain Python, TA-Lib, and what is published."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import talib

import own_naive
from barledger.indicators.binding import Binder
from barledger.indicators.frame import calculate
from barledger.indicators.own.calendar_windows import WINDOWS, CalendarWindow, WindowReader
from barledger.indicators.registry import REGISTRY
from own_bars import CASES, OWN, finished, given, made, named, parameters, real

every = pytest.mark.parametrize(("name", "values"), CASES, ids=named)


def _naive(name: str, bars: dict[str, Any], rows: slice, values: dict[str, Any]) -> np.ndarray:
    inputs = [one.tolist() for one in given(OWN[name], bars, rows)]
    return np.array(getattr(own_naive, name)(*inputs, **values)).T


@every
@pytest.mark.parametrize("bars", [made(330, seed=7), real()], ids=["made", "real"])
def test_an_indicator_is_what_plain_python_makes_of_its_definition(
    name: str, values: dict[str, Any], bars: dict[str, Any]
) -> None:
    rows = slice(0, 330)
    found = OWN[name].compute(*given(OWN[name], bars, rows), **values)
    wanted = _naive(name, bars, rows, values)
    assert len(found) == len(wanted)
    for output, one, other in zip(OWN[name].outputs, found, wanted, strict=True):
        scale = np.nanmax(np.abs(other)) if np.isfinite(other).any() else 1.0
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * scale, err_msg=output.name)


def test_keltners_channel_is_made_of_averages_of_talib() -> None:
    bars = real()
    high, low, close = (bars[name] for name in ("high", "low", "close"))
    upper, middle, lower = OWN["keltner"].compute(high, low, close, ema=20, multiplier=2.0, atr=10)
    np.testing.assert_allclose(middle, talib.EMA(close, 20), rtol=1e-14)
    wanted = talib.ATR(high, low, close, 10)[19:]
    np.testing.assert_allclose(((upper - lower) / 4)[19:], wanted, rtol=1e-11)


def test_a_z_score_is_the_distance_to_bollingers_middle_in_deviations() -> None:
    close = real()["close"]
    found = OWN["zscore"].compute(close, period=20, ddof=0)[0][19:]
    wanted = ((close - talib.SMA(close, 20)) / talib.STDDEV(close, 20))[19:]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_correlation_of_prices_is_that_of_talib() -> None:
    bars = real()
    found = OWN["rolling_correlation"].compute(bars["close"], bars["benchmark"], period=30, of="prices")[0]
    wanted = talib.CORREL(bars["close"], bars["benchmark"], 30)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_beta_and_correlation_to_itself_are_one() -> None:
    close = made(500)["close"]
    for name in ("rolling_beta", "rolling_correlation"):
        found = OWN[name].compute(close, close, **OWN[name].defaults)[0]
        np.testing.assert_allclose(found[60:], 1.0, rtol=0, atol=1e-15)


def test_beta_of_a_doubled_return_is_two() -> None:
    moves = np.random.default_rng(2).normal(0, 0.01, 300)
    found = OWN["rolling_beta"].compute(np.cumprod(1 + 2 * moves), np.cumprod(1 + moves), period=60, of="returns")[0]
    np.testing.assert_allclose(found[60:], 2.0, rtol=1e-9)


def test_the_spans_of_the_cloud_are_drawn_ahead_and_the_lagging_line_behind() -> None:
    bars = made(200)
    tenkan, kijun, leading, span, lagging = OWN["ichimoku"].compute(
        *given(OWN["ichimoku"], bars), **OWN["ichimoku"].defaults
    )
    np.testing.assert_array_equal(leading[51:], ((tenkan + kijun) / 2)[25:-26])
    np.testing.assert_array_equal(lagging[:-26], bars["close"][26:])
    assert np.isnan(lagging[-26:]).all()
    assert [int(np.isfinite(one).argmax()) for one in (tenkan, kijun, leading, span, lagging)] == [8, 25, 51, 77, 0]


def test_only_the_lagging_line_knows_the_future() -> None:
    ahead = {
        (name, output.name): output.lookahead(OWN[name].defaults)
        for name in OWN
        for output in OWN[name].outputs
        if output.lookahead is not None
    }
    assert ahead == {("ichimoku", "chikou"): 26}


@every
def test_no_other_value_changes_with_later_bars(name: str, values: dict[str, Any]) -> None:
    bars = made(400)
    whole = OWN[name].compute(*given(OWN[name], bars), **values)
    part = OWN[name].compute(*given(OWN[name], bars, slice(0, 300)), **values)
    for output, one, other in zip(OWN[name].outputs, whole, part, strict=True):
        if output.lookahead is None:
            np.testing.assert_array_equal(one[:300], other)


def test_a_breakout_is_above_the_channel_of_the_bars_before_and_never_above_that_of_talib() -> None:
    close = np.arange(1.0, 61.0)
    upper = OWN["donchian_prior"].compute(close, close, period=20)[0]
    assert bool((close[20:] > upper[20:]).all())
    assert not bool((close[20:] > talib.MAX(close, 20)[20:]).any())


def test_the_standard_pivots_of_a_published_day() -> None:
    # ChartSchool's formulas by hand: high 12, low 9, close 11.
    stamps = [datetime(2024, 1, day, tzinfo=UTC) for day in (2, 3)]
    time = np.array([int(one.timestamp()) * 10**9 for one in stamps])
    bars = [np.array([value, 10.0]) for value in (10.0, 12.0, 9.0, 11.0)]
    p, r1, r2, r3, r4, s1, s2, s3, s4 = (
        one[1] for one in OWN["pivots"].compute(time, *bars, window="day", kind="standard", begins=0.0)
    )
    assert (p, r1, s1, r2, s2) == (32 / 3, 64 / 3 - 9, 64 / 3 - 12, 32 / 3 + 3, 32 / 3 - 3)
    assert (r3, s3) == (pytest.approx(12 + 2 * (p - 9)), pytest.approx(9 - 2 * (12 - p)))
    assert np.isnan([r4, s4]).all()


def test_parkinsons_volatility_of_one_range_is_that_range() -> None:
    high, low = np.full(30, np.exp(2 * np.sqrt(np.log(2)))), np.ones(30)
    found = OWN["parkinson"].compute(high, low, period=10, bars_per_year=1.0)[0]
    np.testing.assert_allclose(found[9:], 1.0)


def test_a_year_of_so_many_bars_multiplies_by_its_root() -> None:
    bars = made(100)
    for name in ("realised_volatility", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"):
        yearly, plain = (
            OWN[name].compute(*given(OWN[name], bars), **parameters(OWN[name], annualisation=year))[0]
            for year in (252, 1)
        )
        np.testing.assert_allclose(yearly[20:], plain[20:] * np.sqrt(252))


def test_estimators_find_the_volatility_that_a_walk_was_made_with() -> None:
    chance = np.random.default_rng(11)
    steps = 0.01 / np.sqrt(400) * chance.standard_normal((2_000, 400))
    path = np.cumsum(steps, axis=1) + np.concatenate([[0], np.cumsum(steps.sum(axis=1))[:-1]])[:, None]
    opened = np.concatenate([[0.0], path[:-1, -1]])
    high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
    bars = finished({"open": np.exp(opened), "high": np.exp(high), "low": np.exp(low), "close": np.exp(path[:, -1])})
    for name in ("realised_volatility", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"):
        values = parameters(OWN[name], period=1_500, bars_per_year=1)
        found = OWN[name].compute(*given(OWN[name], bars), **values)[0][-1]
        # Seen at so many moments only, a range is a little too narrow.
        assert found == pytest.approx(0.01, rel=0.06), name


def test_the_bands_of_a_session_are_right_where_sums_of_squares_are_not() -> None:
    size = 24
    prices = 1e9 + np.tile([0.0, 1.0], size // 2)
    flat = {name: prices.copy() for name in ("open", "high", "low", "close")}
    bars = finished(flat | {"volume": np.ones(size)})
    time = 1_704_067_200_000_000_000 + np.arange(size) * 3_600_000_000_000
    mean, upper, lower, _ = OWN["session_vwap"].compute(
        time, *given(OWN["rolling_vwap"], bars), anchor="day", multiplier=1.0, begins=0.0
    )
    assert mean[-1] == pytest.approx(1e9 + 0.5, abs=1e-6)
    assert (upper - lower)[-1] / 2 == pytest.approx(0.5, rel=1e-6)


def test_a_session_begins_anew_and_is_missing_until_something_is_traded() -> None:
    time = 1_704_067_200_000_000_000 + np.arange(48) * 3_600_000_000_000
    volume = np.ones(48)
    volume[[0, 1, 24]] = 0
    price = np.arange(48.0) + 1
    mean = OWN["session_vwap"].compute(time, price, price, price, volume, anchor="day", multiplier=1.0, begins=0.0)[0]
    assert np.isnan(mean[[0, 1, 24]]).all()
    assert mean[2] == 3
    assert mean[25] == 26


@pytest.mark.parametrize("unit", WINDOWS)
@pytest.mark.parametrize("begins", [0.0, -2.0, 9.5])
def test_one_time_is_in_the_window_that_many_are_in(unit: str, begins: float) -> None:
    window = CalendarWindow(unit=unit, begins=begins)
    chance = np.random.default_rng(4)
    time = np.sort(chance.integers(-(10**18), 2 * 10**18, 500))
    numbers = window.numbers(time)
    assert [window.number(one) for one in time.tolist()] == numbers.tolist()
    assert list(map(WindowReader(window), time.tolist())) == numbers.tolist()
    for one, number in zip(time.tolist(), numbers.tolist(), strict=True):
        begin = window.begin(one)
        assert begin <= one
        assert window.number(begin) == number
        assert window.number(begin - 1) == number - 1
        assert window.begin(one, back=1) == window.begin(begin - 1)


def test_an_anchor_is_a_time_in_any_zone() -> None:
    bars = made(800)
    inputs = given(OWN["anchored_vwap"], bars)
    values = parameters(OWN["anchored_vwap"], anchor="2024-01-10")
    mean = OWN["anchored_vwap"].compute(*inputs, **values)[0]
    first = int(np.isfinite(mean).argmax())
    assert bars["time"][first] >= int(pd.Timestamp("2024-01-10", tz="UTC").value) > bars["time"][first - 1]
    values["anchor"] = "2024-01-09T19:00:00-05:00"
    np.testing.assert_array_equal(OWN["anchored_vwap"].compute(*inputs, **values)[0], mean)


SPECS = {
    "keltner(20, 2, 10).upper": "keltner(high, low, close, ema=20, multiplier=2, atr=10).upper",
    "ichimoku.senkou_b": "ichimoku(high, low, close, tenkan=9, kijun=26, senkou=52, offset=26).senkou_b",
    "pivots(month, woodie).r1": (
        "pivots(open, high, low, close, window='month', kind='woodie', begins=0, zone='UTC').r1"
    ),
    "session_vwap(week, 2).upper": (
        "session_vwap(high, low, close, volume, anchor='week', multiplier=2, begins=0, zone='UTC').upper"
    ),
    "anchored_vwap('2024-01-02').vwap": (
        "anchored_vwap(high, low, close, volume, anchor='2024-01-02', multiplier=1).vwap"
    ),
    "rolling_beta(close, @SPY, 60)": "rolling_beta(close, @SPY.close, period=60, of='returns')",
    "rolling_correlation(@MSFT, @SPY.close, 20, prices)": (
        "rolling_correlation(@MSFT.close, @SPY.close, period=20, of='prices')"
    ),
    "realized_volatility(30, bars_per_year=365)": "realised_volatility(close, period=30, bars_per_year=365)",
    "zscore(rsi(14), 50)": None,
}


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_says_what_a_person_means_by_it(spec: str) -> None:
    [pick] = Binder(REGISTRY).request(spec).picks.values()
    assert SPECS[spec] in (None, pick.key)


def test_a_benchmark_is_a_column_of_the_frame() -> None:
    bars = made(200)
    frame = pd.DataFrame({name: bars[name] for name in ("close", "benchmark")}, index=pd.to_datetime(bars["time"]))
    found = calculate(["rolling_beta(60)", "zscore(20)"], frame)
    wanted = OWN["rolling_beta"].compute(bars["close"], bars["benchmark"], **OWN["rolling_beta"].defaults)[0]
    np.testing.assert_array_equal(found["rolling_beta(60)"].to_numpy(), wanted)
