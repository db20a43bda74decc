"""Averages that go on from a state, with the range of bars: Keltner's channel and the chandelier exit.

A state begins with zeros; its first value counts the bars that it has seen. A kernel goes on from it, in place.
"""

import numpy as np

from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import compiled

_SEEN, _CLOSE, _RANGE, _AVERAGE = 0, 1, 2, 3
_HIGHEST, _LOWEST, _RING = 3, 4, 5
"""Where a state keeps what: bars seen, the close before, Wilder's average range, and what the channel adds."""


@compiled
def _ranged(state: Floats, high: float, low: float, close: float, period: int) -> float:
    """Return Wilder's average true range with one more bar: a simple average first, missing before."""
    seen = state[_SEEN]
    before = state[_CLOSE]
    state[_CLOSE] = close
    if seen == 0:
        return np.nan
    true = max(high, before) - min(low, before)
    if seen <= period:
        state[_RANGE] += true
        if seen < period:
            return np.nan
        state[_RANGE] /= period
    else:
        state[_RANGE] += (true - state[_RANGE]) * (1 / period)
    return float(state[_RANGE])


@compiled
def _averaged(state: Floats, value: float, period: int) -> float:
    """Return the exponential average with one more value: a simple average first, missing before."""
    seen = state[_SEEN]
    if seen < period:
        state[_AVERAGE] += value
        if seen < period - 1:
            return np.nan
        state[_AVERAGE] /= period
    else:
        state[_AVERAGE] += (value - state[_AVERAGE]) * (2.0 / (period + 1))
    return float(state[_AVERAGE])


@compiled
def _marked(value: float) -> float:
    return value if np.isfinite(value) else np.nan


@compiled
def keltner(
    state: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    out: Floats,
    ema: int,
    multiplier: float,
    atr: int,
) -> None:
    """Fill the rows upper, middle and lower."""
    for at in range(len(close)):
        middle = _averaged(state, close[at], ema)
        band = multiplier * _ranged(state, high[at], low[at], close[at], atr)
        state[_SEEN] += 1
        there = np.isfinite(middle) and np.isfinite(band)
        out[0, at] = _marked(middle + band)
        out[1, at] = middle if there else np.nan
        out[2, at] = _marked(middle - band)


@compiled
def _entered(state: Floats, high: float, low: float, period: int) -> None:
    """Take a bar into the ring, and look the extremes up again only if one of them left it."""
    highs = state[_RING : _RING + period]
    lows = state[_RING + period : _RING + 2 * period]
    seen = int(state[_SEEN])
    place = seen % period
    gone = seen >= period and (highs[place] >= state[_HIGHEST] or lows[place] <= state[_LOWEST])
    highs[place] = high
    lows[place] = low
    if gone:
        state[_HIGHEST] = highs.max()
        state[_LOWEST] = lows.min()
    elif seen == 0:
        state[_HIGHEST] = high
        state[_LOWEST] = low
    else:
        state[_HIGHEST] = max(high, state[_HIGHEST])
        state[_LOWEST] = min(low, state[_LOWEST])


@compiled
def chandelier(
    state: Floats, high: Floats, low: Floats, close: Floats, out: Floats, period: int, multiplier: float
) -> None:
    """Fill the rows long and short."""
    for at in range(len(close)):
        _entered(state, high[at], low[at], period)
        band = multiplier * _ranged(state, high[at], low[at], close[at], period)
        state[_SEEN] += 1
        out[0, at] = _marked(state[_HIGHEST] - band)
        out[1, at] = _marked(state[_LOWEST] + band)
