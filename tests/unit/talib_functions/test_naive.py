"""What is computed is what the formula says: against plain Python, on random bars."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from barledger.indicators.talib import indicators
from naive import Floats, Line
from walks import walk

ALL = {one.name: one for one in indicators()}
Reference = Callable[[dict[str, list[float]]], Sequence[Line]]


def _stoch(bars: dict[str, list[float]]) -> Sequence[Line]:
    raw = naive.raw_stochastic(bars["high"], bars["low"], bars["close"], 5)
    slow = naive.later(raw, lambda known: naive.sma(known, 3))
    drawn = naive.later(slow, lambda known: naive.sma(known, 3))
    return [None if d is None else k for k, d in zip(slow, drawn, strict=True)], drawn


def _stochf(bars: dict[str, list[float]]) -> Sequence[Line]:
    raw = naive.raw_stochastic(bars["high"], bars["low"], bars["close"], 5)
    drawn = naive.later(raw, lambda known: naive.sma(known, 3))
    return [None if d is None else k for k, d in zip(raw, drawn, strict=True)], drawn


def _bands(middle: Line, width: Line) -> Sequence[Line]:
    upper = naive.paired(middle, width, lambda m, w: m + w)
    lower = naive.paired(middle, width, lambda m, w: m - w)
    return upper, [None if u is None else m for m, u in zip(middle, upper, strict=True)], lower


def _bbands(bars: dict[str, list[float]]) -> Sequence[Line]:
    deviation = naive.windowed(bars["close"], 20, lambda w: 3 * math.sqrt(naive.variance(w)))
    return _bands(naive.sma(bars["close"], 20), deviation)


def _kc(bars: dict[str, list[float]]) -> Sequence[Line]:
    typical = [(h + x + c) / 3 for h, x, c in _hlc(bars)]
    # The range begins as late as it can, to be there at the first bar of the average.
    width = [None] * 9 + naive.atr(bars["high"][9:], bars["low"][9:], bars["close"][9:], 10)
    return _bands(naive.ema(typical, 20), [None if one is None else 2 * one for one in width])


def _donchian(bars: dict[str, list[float]]) -> Sequence[Line]:
    upper, lower = naive.windowed(bars["high"], 20, max), naive.windowed(bars["low"], 20, min)
    return upper, naive.paired(upper, lower, lambda a, b: (a + b) / 2), lower


def _natr(bars: dict[str, list[float]]) -> Sequence[Line]:
    line = naive.atr(bars["high"], bars["low"], bars["close"], 14)
    return ([None if one is None else 100 * one / c for one, c in zip(line, bars["close"], strict=True)],)


def _willr(bars: dict[str, list[float]]) -> Sequence[Line]:
    raw = naive.raw_stochastic(bars["high"], bars["low"], bars["close"], 14)
    return ([None if one is None else one - 100 for one in raw],)


def _hlc(bars: dict[str, list[float]]) -> zip:  # type: ignore[type-arg]
    return zip(bars["high"], bars["low"], bars["close"], strict=True)


def _ago(values: Floats, bars: int, measure: Callable[[float, float], float]) -> Line:
    return [None if at < bars else measure(values[at], values[at - bars]) for at in range(len(values))]


def _fit(measure: Callable[[float, float], float]) -> Reference:
    return lambda bars: (naive.windowed(bars["close"], 14, lambda window: measure(*naive.fit(window))),)


REFERENCES: dict[str, tuple[dict[str, float], Reference]] = {
    "sma": ({"timeperiod": 7}, lambda b: (naive.sma(b["close"], 7),)),
    "ema": ({"timeperiod": 7}, lambda b: (naive.ema(b["close"], 7),)),
    "rma": ({"timeperiod": 7}, lambda b: (naive.rma(b["close"], 7),)),
    "wma": ({"timeperiod": 7}, lambda b: (naive.wma(b["close"], 7),)),
    "dema": (
        {"timeperiod": 5},
        lambda b: (
            naive.paired(
                naive.ema(b["close"], 5),
                naive.later(naive.ema(b["close"], 5), lambda known: naive.ema(known, 5)),
                lambda one, two: 2 * one - two,
            ),
        ),
    ),
    "rsi": ({}, lambda b: (naive.rsi(b["close"], 14),)),
    "macd": ({}, lambda b: naive.macd(b["close"], 12, 26, 9)),
    "bbands": ({"nbdevup": 3.0, "nbdevdn": 3.0}, _bbands),
    "kc": ({}, _kc),
    "donchian": ({}, _donchian),
    "stddev": ({}, lambda b: (naive.windowed(b["close"], 5, lambda w: math.sqrt(naive.variance(w))),)),
    "var": ({}, lambda b: (naive.windowed(b["close"], 5, naive.variance),)),
    "trange": ({}, lambda b: ([None, *naive.true_range(b["high"], b["low"], b["close"])],)),
    "atr": ({}, lambda b: (naive.atr(b["high"], b["low"], b["close"], 14),)),
    "natr": ({}, _natr),
    "plus_di": ({}, lambda b: naive.directional(b["high"], b["low"], b["close"], 14)[:1]),
    "minus_di": ({}, lambda b: naive.directional(b["high"], b["low"], b["close"], 14)[1:2]),
    "adx": ({}, lambda b: naive.directional(b["high"], b["low"], b["close"], 14)[2:]),
    "stoch": ({}, _stoch),
    "stochf": ({}, _stochf),
    "willr": ({}, _willr),
    "cci": ({}, lambda b: (naive.cci(b["high"], b["low"], b["close"], 14),)),
    "mfi": ({}, lambda b: (naive.mfi(b["high"], b["low"], b["close"], b["volume"], 14),)),
    "ad": ({}, lambda b: (naive.ad(b["high"], b["low"], b["close"], b["volume"]),)),
    "cmf": ({}, lambda b: (naive.cmf(b["high"], b["low"], b["close"], b["volume"], 20),)),
    "obv": ({}, lambda b: (naive.obv(b["close"], b["volume"]),)),
    "roc": ({}, lambda b: (_ago(b["close"], 10, lambda now, then: 100 * (now / then - 1)),)),
    "mom": ({}, lambda b: (_ago(b["close"], 10, lambda now, then: now - then),)),
    "aroon": ({}, lambda b: naive.aroon(b["high"], b["low"], 14)),
    "linearreg": ({}, _fit(lambda intercept, slope: intercept + 13 * slope)),
    "linearreg_slope": ({}, _fit(lambda _intercept, slope: slope)),
    "linearreg_intercept": ({}, _fit(lambda intercept, _slope: intercept)),
    "tsf": ({}, _fit(lambda intercept, slope: intercept + 14 * slope)),
    "correl": ({}, lambda b: (naive.pairs(b["high"], b["low"], 30, naive.correlation),)),
    "beta": ({}, lambda b: (naive.pairs(b["high"], b["low"], 6, naive.beta),)),
    "supertrend": ({}, lambda b: naive.supertrend(b["high"], b["low"], b["close"], 10, 3)),
    "ha": ({}, lambda b: naive.heikin_ashi(b["open"], b["high"], b["low"], b["close"])),
    "sar": ({}, lambda b: (naive.parabolic(b["high"], b["low"], 0.02, 0.2),)),
}


@pytest.mark.parametrize("name", sorted(REFERENCES))
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(60, 150), tick=st.sampled_from([0.0, 0.25]))
@settings(max_examples=25, deadline=None)
def test_a_function_gives_what_its_formula_says(name: str, seed: int, size: int, tick: float) -> None:
    indicator, columns = ALL[name], walk(seed, size, tick=tick)
    given, reference = REFERENCES[name]
    found = indicator.compute(*(columns[one] for one in indicator.inputs), **indicator.defaults | given)
    told = reference({key: values.tolist() for key, values in columns.items()})
    for one, other in zip(found, told, strict=True):
        wanted = np.array([np.nan if value is None else value for value in other], np.float64)
        # A difference of sums is as good as the sums are.
        scale = max(float(np.nanmax(np.abs(wanted), initial=0.0)), 1.0)
        np.testing.assert_allclose(one, wanted, rtol=1e-9, atol=1e-10 * scale, err_msg=name)
