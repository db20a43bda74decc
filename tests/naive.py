"""Indicators as their authors write them, in plain Python, one bar after the other and slowly.

Each takes lists and returns a list with None where there is no value yet.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

Line = list[float | None]
Floats = Sequence[float]


def windowed(values: Floats, period: int, measure: Callable[[Floats], float]) -> Line:
    """Return a measure of the last ``period`` values at each bar."""
    return [None if at + 1 < period else measure(values[at + 1 - period : at + 1]) for at in range(len(values))]


def later(line: Line, follow: Callable[[Floats], Line]) -> Line:
    """Return what follows from a line once it has values."""
    missing = sum(value is None for value in line)
    return [None] * missing + follow([value for value in line if value is not None])


def paired(one: Line, other: Line, combine: Callable[[float, float], float]) -> Line:
    """Return what both lines give together where both have a value."""
    return [None if a is None or b is None else combine(a, b) for a, b in zip(one, other, strict=True)]


def mean(values: Floats) -> float:
    return math.fsum(values) / len(values)


def variance(values: Floats) -> float:
    middle = mean(values)
    return mean([(value - middle) ** 2 for value in values])


def sma(values: Floats, period: int) -> Line:
    return windowed(values, period, mean)


def recursive(values: Floats, period: int, alpha: float) -> Line:
    """Return an average that is seeded with the mean of the first ``period`` values."""
    if len(values) < period:
        return [None] * len(values)
    line: Line = [None] * (period - 1)
    last = mean(values[:period])
    line.append(last)
    for value in values[period:]:
        last += alpha * (value - last)
        line.append(last)
    return line


def ema(values: Floats, period: int) -> Line:
    return recursive(values, period, 2 / (period + 1))


def rma(values: Floats, period: int) -> Line:
    return recursive(values, period, 1 / period)


def wma(values: Floats, period: int) -> Line:
    weights = range(1, period + 1)
    return windowed(values, period, lambda w: sum(a * b for a, b in zip(weights, w, strict=True)) / sum(weights))


def rsi(values: Floats, period: int) -> Line:
    changes = [after - before for before, after in pairwise(values)]
    gains = rma([max(change, 0.0) for change in changes], period)
    losses = rma([max(-change, 0.0) for change in changes], period)
    return [None, *paired(gains, losses, lambda g, x: 100 - 100 / (1 + g / x))]


def macd(values: Floats, fast: int, slow: int, signal: int) -> tuple[Line, Line, Line]:
    """Return line, signal and histogram; the fast average begins at the bar of the slow one."""
    early = slow - fast
    quick: Line = [*[None] * early, *ema(values[early:], fast)]
    line = paired(quick, ema(values, slow), lambda a, b: a - b)
    signals = later(line, lambda known: ema(known, signal))
    shown = [None if s is None else value for value, s in zip(line, signals, strict=True)]
    return shown, signals, paired(shown, signals, lambda a, b: a - b)


def true_range(high: Floats, low: Floats, close: Floats) -> list[float]:
    """Return the true ranges from the second bar on."""
    return [
        max(h - x, abs(h - before), abs(x - before)) for h, x, before in zip(high[1:], low[1:], close[:-1], strict=True)
    ]


def atr(high: Floats, low: Floats, close: Floats, period: int) -> Line:
    return [None, *rma(true_range(high, low, close), period)]


def movements(high: Floats, low: Floats) -> tuple[list[float], list[float]]:
    """Return +DM and -DM from the second bar on."""
    plus, minus = [], []
    for (h0, h1), (l0, l1) in zip(pairwise(high), pairwise(low), strict=True):
        up, down = h1 - h0, l0 - l1
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)
    return plus, minus


def wilder_sum(values: Floats, period: int) -> Line:
    """Return Wilder's running sum, which is seeded with the sum of the first period - 1 values."""
    last = math.fsum(values[: period - 1])
    line: Line = [None] * (period - 1)
    for value in values[period - 1 :]:
        last += value - last / period
        line.append(last)
    return line


def directional(high: Floats, low: Floats, close: Floats, period: int) -> tuple[Line, Line, Line]:
    """Return +DI, -DI and ADX."""
    plus, minus = movements(high, low)
    ranges = wilder_sum(true_range(high, low, close), period)
    ups: Line = [None, *paired(wilder_sum(plus, period), ranges, lambda d, r: 100 * d / r)]
    downs: Line = [None, *paired(wilder_sum(minus, period), ranges, lambda d, r: 100 * d / r)]
    index = paired(ups, downs, lambda p, m: 100 * abs(p - m) / (p + m))
    return ups, downs, later(index, lambda known: rma(known, period))


def raw_stochastic(high: Floats, low: Floats, close: Floats, period: int) -> Line:
    top, bottom = windowed(high, period, max), windowed(low, period, min)
    return [
        None if h is None or x is None else 100 * (c - x) / (h - x) for h, x, c in zip(top, bottom, close, strict=True)
    ]


def cci(high: Floats, low: Floats, close: Floats, period: int) -> Line:
    def measure(window: Floats) -> float:
        middle = mean(window)
        return (window[-1] - middle) / (0.015 * mean([abs(value - middle) for value in window]))

    return windowed([(h + x + c) / 3 for h, x, c in zip(high, low, close, strict=True)], period, measure)


def mfi(high: Floats, low: Floats, close: Floats, volume: Floats, period: int) -> Line:
    typical = [(h + x + c) / 3 for h, x, c in zip(high, low, close, strict=True)]
    flows = [
        math.copysign(price * traded, price - before) if price != before else 0.0
        for before, price, traded in zip(typical[:-1], typical[1:], volume[1:], strict=True)
    ]

    def measure(window: Floats) -> float:
        gained = math.fsum(max(flow, 0.0) for flow in window)
        return 100 * gained / math.fsum(abs(flow) for flow in window)

    return [None, *windowed(flows, period, measure)]


def place(high: float, low: float, close: float) -> float:
    """Return where the close is in its bar, from -1 to 1."""
    return ((close - low) - (high - close)) / (high - low) if high > low else 0.0


def ad(high: Floats, low: Floats, close: Floats, volume: Floats) -> Line:
    total, line = 0.0, []
    for h, x, c, v in zip(high, low, close, volume, strict=True):
        total += place(h, x, c) * v
        line.append(total)
    return list(line)


def cmf(high: Floats, low: Floats, close: Floats, volume: Floats, period: int) -> Line:
    flows = [place(h, x, c) * v for h, x, c, v in zip(high, low, close, volume, strict=True)]
    sums = windowed(flows, period, math.fsum)
    return paired(sums, windowed(volume, period, math.fsum), lambda a, b: a / b)


def obv(close: Floats, volume: Floats) -> Line:
    total = volume[0]
    line: Line = [total]
    for (before, now), traded in zip(pairwise(close), volume[1:], strict=True):
        total += traded if now > before else -traded if now < before else 0.0
        line.append(total)
    return line


def aroon(high: Floats, low: Floats, period: int) -> tuple[Line, Line]:
    """Return down and up; of equal extremes the newest counts."""

    def since(window: Floats, extreme: float) -> float:
        return 100 * (period - list(reversed(window)).index(extreme)) / period

    down = windowed(low, period + 1, lambda window: since(window, min(window)))
    return down, windowed(high, period + 1, lambda window: since(window, max(window)))


def fit(window: Floats) -> tuple[float, float]:
    """Return intercept and slope of least squares on 0, 1, 2, ..."""
    middle = (len(window) - 1) / 2
    spread = math.fsum((at - middle) ** 2 for at in range(len(window)))
    slope = math.fsum((at - middle) * value for at, value in enumerate(window)) / spread
    return mean(window) - slope * middle, slope


def correlation(one: Floats, other: Floats) -> float:
    a, b = mean(one), mean(other)
    shared = math.fsum((x - a) * (y - b) for x, y in zip(one, other, strict=True))
    return shared / math.sqrt(math.fsum((x - a) ** 2 for x in one) * math.fsum((y - b) ** 2 for y in other))


def beta(one: Floats, other: Floats) -> float:
    """Return the slope of the second's returns on the first's."""
    a = [after / before - 1 for before, after in pairwise(one)]
    b = [after / before - 1 for before, after in pairwise(other)]
    return correlation(a, b) * math.sqrt(variance(b) / variance(a))


def pairs(one: Floats, other: Floats, period: int, measure: Callable[[Floats, Floats], float]) -> Line:
    ends = range(1, len(one) + 1)
    return [None if end < period else measure(one[end - period : end], other[end - period : end]) for end in ends]


def supertrend(high: Floats, low: Floats, close: Floats, period: int, multiplier: float) -> tuple[Line, Line]:
    """Return the line and the direction."""
    line: Line = []
    trend: Line = []
    upper = lower = before = 0.0
    rising = True
    for at, reach in enumerate(atr(high, low, close, period)):
        if reach is None:
            line.append(None)
            trend.append(None)
            continue
        middle = (high[at] + low[at]) / 2
        above, below = middle + multiplier * reach, middle - multiplier * reach
        first = line[-1] is None
        upper = above if first or above < upper or before > upper else upper
        lower = below if first or below > lower or before < lower else lower
        if not first:
            rising = close[at] >= lower if rising else close[at] > upper
        before = close[at]
        line.append(lower if rising else upper)
        trend.append(1.0 if rising else -1.0)
    return line, trend


def heikin_ashi(opened: Floats, high: Floats, low: Floats, close: Floats) -> tuple[Line, Line, Line, Line]:
    rows: list[tuple[float, float, float, float]] = []
    for o, h, x, c in zip(opened, high, low, close, strict=True):
        end = (o + h + x + c) / 4
        begin = (rows[-1][0] + rows[-1][3]) / 2 if rows else (o + c) / 2
        rows.append((begin, max(h, begin, end), min(x, begin, end), end))
    columns: list[Line] = [list(column) for column in zip(*rows, strict=True)]
    return columns[0], columns[1], columns[2], columns[3]


def parabolic(high: Floats, low: Floats, step: float, most: float) -> Line:
    """Return Wilder's SAR; it begins short if the second bar's -DM is positive."""
    _, minus = movements(high[:2], low[:2])
    rising = minus[0] <= 0
    stop, extreme = (low[0], high[1]) if rising else (high[0], low[1])
    factor = step
    line: Line = [None]
    # The second bar is the first of the trend: its stop is the extreme of the first bar.
    old_high, old_low = high[1], low[1]
    for h, x in zip(high[1:], low[1:], strict=True):
        before_high, before_low, old_high, old_low = old_high, old_low, h, x
        if (x <= stop) if rising else (h >= stop):
            rising = not rising
            stop = max(extreme, before_high, h) if not rising else min(extreme, before_low, x)
            line.append(stop)
            factor, extreme = step, x if not rising else h
        else:
            line.append(stop)
            if (h > extreme) if rising else (x < extreme):
                extreme, factor = (h if rising else x), min(factor + step, most)
        stop += factor * (extreme - stop)
        stop = min(stop, before_low, x) if rising else max(stop, before_high, h)
    return line
