"""Cumulative indicators of TA-Lib bar by bar: sums and products over all bars since the first.

Each follows the order of TA-Lib's operations, since another order rounds otherwise.
"""

import math
from typing import Final

from barledger.indicators.streaming.fused import exact_above, fused
from barledger.indicators.streaming.path import Bar, State, Step, Values

# While Supertrend's first range is summed, its state has so many numbers.
_GATHERING: Final = 3


def obv() -> Step:
    """On balance volume: the volume of rising bars less that of falling ones, from the first bar's on."""

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        close, volume = bar
        if not state:
            return (volume, close), (volume,)
        total, before = state
        if close > before:
            total += volume
        elif close < before:
            total -= volume
        return (total, close), (total,)

    return step


def _flow(total: float, bar: Bar) -> float:
    """Add a bar's money flow: its volume times where it closed in its range, from -1 to 1."""
    high, low, close, volume = bar
    spread = high - low
    if spread > 0.0:
        total += (close - low - (high - close)) / spread * volume
    return total


def ad() -> Step:
    """Chaikin's accumulation and distribution: the sum of money flow."""

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        total = _flow(state[0] if state else 0.0, bar)
        return (total,), (total,)

    return step


def adosc(*, fastperiod: int, slowperiod: int) -> Step:
    """Chaikin's oscillator: a fast less a slow mean of accumulation and distribution, both from the first bar's on."""
    fast, slow = 2.0 / (float(fastperiod) + 1.0), 2.0 / (float(slowperiod) + 1.0)
    less_fast, less_slow = 1.0 - fast, 1.0 - slow
    lookback = max(fastperiod, slowperiod) - 1
    fma, least = fused(), exact_above(less_fast)

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        if not state:
            total = _flow(0.0, bar)
            return (total, total, total, 1.0), (math.nan if lookback else 0.0,)
        total, quick, lazy, count = state
        high, low, close, volume = bar
        spread = high - low
        if spread > 0.0:
            total += (close - low - (high - close)) / spread * volume
        product = less_fast * quick
        part = fast * total
        quick = product + part if product > least or product < -least else fma(less_fast, quick, part)
        lazy = fma(less_slow, lazy, slow * total)
        return (total, quick, lazy, count + 1.0), (math.nan if count < lookback else quick - lazy,)

    return step


def cumsum() -> Step:
    """Sum up all values."""

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        (real,) = bar
        total = (state[0] if state else 0.0) + real
        return (total,), (total,)

    return step


def _volume_index(*, falling: bool) -> Step:
    def step(state: State, bar: Bar) -> tuple[State, Values]:
        close, volume = bar
        if not state:
            return (1000.0, close, volume), (1000.0,)
        index, before, traded = state
        counts = volume < traded if falling else volume > traded
        if counts and before != 0.0:
            moved = index + (close - before) / before * index
            # It is a product without a bound: what overflows is left out.
            if math.isfinite(moved):
                index = moved
        return (index, close, volume), (index,)

    return step


def nvi() -> Step:
    """Negative volume index: 1000 compounded by the returns of bars with less volume than the one before."""
    return _volume_index(falling=True)


def pvi() -> Step:
    """Positive volume index: 1000 compounded by the returns of bars with more volume than the one before."""
    return _volume_index(falling=False)


def pvt() -> Step:
    """Price volume trend: the sum of returns times volume."""

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        close, volume = bar
        if not state:
            return (0.0, close), (0.0,)
        total, before = state
        if before != 0.0:
            total += (close - before) / before * volume
        return (total, close), (total,)

    return step


def wad() -> Step:
    """Williams' accumulation and distribution: the sum of closes' distances to the true low or high."""

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        high, low, close = bar
        if not state:
            return (0.0, close), (0.0,)
        total, before = state
        if close > before:
            total += close - min(low, before)
        elif close < before:
            total += close - max(high, before)
        return (total, close), (total,)

    return step


def vwap() -> Step:
    """Volume-weighted average of typical prices since the first bar; 0 until there was volume."""

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        high, low, close, volume = bar
        paid, traded, mean = state or (0.0, 0.0, 0.0)
        paid += (high + low + close) / 3.0 * volume
        traded += volume
        if traded > 0.0:
            mean = paid / traded
        return (paid, traded, mean), (mean,)

    return step


def supertrend(*, timeperiod: int, multiplier: float) -> Step:  # noqa: C901 - one step is one piece
    """Supertrend: bands about the middle of each bar, as far as its mean range says, that follow the price.

    The state is, while the first range is summed: its sum, the bars of it, and the close; then that, and both bands
    and the trend beside it.
    """
    kept = (timeperiod - 1.0) / timeperiod
    taken, fma = 1.0 - kept, fused()

    def step(state: State, bar: Bar) -> tuple[State, Values]:
        high, low, close = bar
        if not state:
            return (0.0, 0.0, close), (math.nan, math.nan)
        before = state[2]
        # The true range: from high to low, or from the close before to the further one of them.
        widest = high - low
        up = high - before if high > before else before - high
        down = low - before if low > before else before - low
        if up > widest:
            widest = up
        if down > widest:
            widest = down
        middle = (high + low) / 2.0
        if len(state) == _GATHERING:
            total, count = state[0] + widest, state[1] + 1.0
            if count < timeperiod:
                return (total, count, close), (math.nan, math.nan)
            mean = total / timeperiod
            upper, lower = middle + multiplier * mean, middle - multiplier * mean
            return (mean, count, close, upper, lower, 1.0), (lower, 1.0)
        mean, count, before, upper, lower, trend = state
        mean = fma(mean, kept, widest * taken)
        band = multiplier * mean
        above, below = middle + band, middle - band
        if above < upper or before > upper:
            upper = above
        if below > lower or before < lower:
            lower = below
        if trend > 0.0:
            trend = -1.0 if close < lower else 1.0
        elif close > upper:
            trend = 1.0
        return (mean, count, close, upper, lower, trend), (lower if trend > 0.0 else upper, trend)

    return step
