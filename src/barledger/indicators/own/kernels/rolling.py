"""Sums and extremes over windows, each computed anew from its own bars.

A running sum is faster, and depends on all bars before: no slice has its bits, and a huge bar spoils all that come
after it. Here many windows are summed side by side, each in the order of its bars, so that the processor adds several
at once. All of a window is taken relative to its first value: a constant window has exactly its value as its mean, and
no deviation.
"""

import numpy as np

from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import compiled

_SIDE_BY_SIDE = 512


@compiled
def finite(values: Floats) -> Floats:
    """Make what is infinite missing, in place."""
    for at in range(len(values)):
        if not np.isfinite(values[at]):
            values[at] = np.nan
    return values


@compiled
def means(values: Floats, period: int) -> Floats:
    """Return the mean of each window."""
    result = np.full(len(values), np.nan)
    count = len(values) - period + 1
    for begin in range(0, count, _SIDE_BY_SIDE):
        width = min(_SIDE_BY_SIDE, count - begin)
        first = values[begin : begin + width]
        total = np.zeros(width)
        for place in range(1, period):
            part = values[begin + place : begin + place + width]
            for at in range(width):
                total[at] += part[at] - first[at]
        target = result[begin + period - 1 : begin + period - 1 + width]
        for at in range(width):
            target[at] = first[at] + total[at] / period
    return result


@compiled
def moments(values: Floats, period: int) -> tuple[Floats, Floats]:
    """Return the mean of each window, and the sum of the squared deviations from it."""
    middle = np.full(len(values), np.nan)
    squares = np.full(len(values), np.nan)
    count = len(values) - period + 1
    for begin in range(0, count, _SIDE_BY_SIDE):
        width = min(_SIDE_BY_SIDE, count - begin)
        first = values[begin : begin + width]
        mean = np.zeros(width)
        for place in range(1, period):
            part = values[begin + place : begin + place + width]
            for at in range(width):
                mean[at] += part[at] - first[at]
        for at in range(width):
            mean[at] /= period
        total = mean * mean
        for place in range(1, period):
            part = values[begin + place : begin + place + width]
            for at in range(width):
                apart = (part[at] - first[at]) - mean[at]
                total[at] += apart * apart
        row = begin + period - 1
        middle[row : row + width] = first + mean
        squares[row : row + width] = total
    return middle, squares


@compiled
def comoments(left: Floats, right: Floats, period: int) -> tuple[Floats, Floats, Floats]:
    """Return of each window the sums of the products of deviations: left with right, left, and right with itself."""
    both = np.full(len(left), np.nan)
    lefts = np.full(len(left), np.nan)
    rights = np.full(len(left), np.nan)
    count = len(left) - period + 1
    for begin in range(0, count, _SIDE_BY_SIDE):
        width = min(_SIDE_BY_SIDE, count - begin)
        first, other = left[begin : begin + width], right[begin : begin + width]
        mean, level = np.zeros(width), np.zeros(width)
        for place in range(1, period):
            part = left[begin + place : begin + place + width]
            beside = right[begin + place : begin + place + width]
            for at in range(width):
                mean[at] += part[at] - first[at]
                level[at] += beside[at] - other[at]
        for at in range(width):
            mean[at] /= period
            level[at] /= period
        total, one, two = mean * level, mean * mean, level * level
        for place in range(1, period):
            part = left[begin + place : begin + place + width]
            beside = right[begin + place : begin + place + width]
            for at in range(width):
                apart = (part[at] - first[at]) - mean[at]
                away = (beside[at] - other[at]) - level[at]
                total[at] += apart * away
                one[at] += apart * apart
                two[at] += away * away
        row = begin + period - 1
        both[row : row + width] = total
        lefts[row : row + width] = one
        rights[row : row + width] = two
    return both, lefts, rights


@compiled
def scores(values: Floats, period: int, ddof: int) -> Floats:
    """Return how many deviations each value is from the mean of its window; missing where there is none."""
    middle, squares = moments(values, period)
    for at in range(period - 1, len(values)):
        middle[at] = (values[at] - middle[at]) / np.sqrt(squares[at] / (period - ddof))
    return finite(middle)


@compiled
def betas(left: Floats, right: Floats, period: int) -> Floats:
    """Return the slope of left over right in each window."""
    both, _, rights = comoments(left, right, period)
    for at in range(period - 1, len(both)):
        both[at] /= rights[at]
    return finite(both)


@compiled
def correlations(left: Floats, right: Floats, period: int) -> Floats:
    """Return Pearson's correlation in each window.

    Two roots, since a product of two sums of squares leaves the range of doubles before its root does.
    """
    both, lefts, rights = comoments(left, right, period)
    for at in range(period - 1, len(both)):
        both[at] = min(max(both[at] / (np.sqrt(lefts[at]) * np.sqrt(rights[at])), -1.0), 1.0)
    return finite(both)


@compiled
def highest(values: Floats, period: int) -> Floats:
    """Return the highest value of each window, in a time that does not depend on its length.

    As van Herk (1992) and Gil and Werman (1993) do: each window is the end of one block of so many values, and the
    beginning of the next.
    """
    size = len(values)
    result = np.full(size, np.nan)
    ends = np.empty(size)
    for at in range(size - 1, -1, -1):
        last = at == size - 1 or at % period == period - 1
        ends[at] = values[at] if last else max(values[at], ends[at + 1])
    begun = values[0] if size else np.nan
    for at in range(size):
        begun = values[at] if at % period == 0 else max(values[at], begun)
        if at >= period - 1:
            result[at] = max(ends[at - period + 1], begun)
    return result


@compiled
def lowest(values: Floats, period: int) -> Floats:
    """Return the lowest value of each window, as `highest` does."""
    size = len(values)
    result = np.full(size, np.nan)
    ends = np.empty(size)
    for at in range(size - 1, -1, -1):
        last = at == size - 1 or at % period == period - 1
        ends[at] = values[at] if last else min(values[at], ends[at + 1])
    begun = values[0] if size else np.nan
    for at in range(size):
        begun = values[at] if at % period == 0 else min(values[at], begun)
        if at >= period - 1:
            result[at] = min(ends[at - period + 1], begun)
    return result


@compiled
def middle(high: Floats, low: Floats, period: int) -> Floats:
    """Return the middle between the highest high and the lowest low of each window."""
    tops, bottoms = highest(high, period), lowest(low, period)
    for at in range(len(tops)):
        tops[at] = (tops[at] + bottoms[at]) / 2
    return tops


@compiled
def weighted_means(values: Floats, weights: Floats, period: int) -> Floats:
    """Return the mean of each window, each value weighing what stands beside it; missing without any weight."""
    result = np.full(len(values), np.nan)
    count = len(values) - period + 1
    for begin in range(0, count, _SIDE_BY_SIDE):
        width = min(_SIDE_BY_SIDE, count - begin)
        first = values[begin : begin + width]
        mass = weights[begin : begin + width].copy()
        total = np.zeros(width)
        for place in range(1, period):
            part = values[begin + place : begin + place + width]
            weight = weights[begin + place : begin + place + width]
            for at in range(width):
                total[at] += (part[at] - first[at]) * weight[at]
                mass[at] += weight[at]
        target = result[begin + period - 1 : begin + period - 1 + width]
        for at in range(width):
            target[at] = first[at] + total[at] / mass[at]
    return result


@compiled
def convolved(values: Floats, weights: Floats) -> Floats:
    """Return the sum of each window by weights that add up to one, the first for its oldest value."""
    period = len(weights)
    result = np.full(len(values), np.nan)
    count = len(values) - period + 1
    for begin in range(0, count, _SIDE_BY_SIDE):
        width = min(_SIDE_BY_SIDE, count - begin)
        first = values[begin : begin + width]
        total = np.zeros(width)
        for place in range(1, period):
            part = values[begin + place : begin + place + width]
            weight = weights[place]
            for at in range(width):
                total[at] += (part[at] - first[at]) * weight
        row = begin + period - 1
        result[row : row + width] = first + total
    return result


@compiled
def donchian_prior(high: Floats, low: Floats, period: int) -> Floats:
    """Return the rows upper, middle and lower, each of the bars before."""
    size = len(high)
    out = np.full((3, size), np.nan)
    tops, bottoms = highest(high, period), lowest(low, period)
    for at in range(period, size):
        upper, lower = tops[at - 1], bottoms[at - 1]
        middling = (upper + lower) / 2
        out[0, at] = upper
        out[1, at] = middling if np.isfinite(middling) else np.nan
        out[2, at] = lower
    return out


@compiled
def ichimoku(high: Floats, low: Floats, close: Floats, spans: tuple[int, int, int], offset: int) -> Floats:
    """Return the rows tenkan, kijun, senkou_a, senkou_b and chikou, each where it is drawn."""
    size = len(close)
    out = np.full((5, size), np.nan)
    for line in range(3):
        out[line if line < 2 else 3] = finite(middle(high, low, spans[line]))
    for at in range(size - 1, -1, -1):
        before = at - offset
        out[2, at] = (out[0, before] + out[1, before]) / 2 if before >= 0 else np.nan
        out[3, at] = out[3, before] if before >= 0 else np.nan
        if before >= 0:
            out[4, before] = close[at]
    finite(out[2])
    return out


@compiled
def _ranged(high: Floats, low: Floats, close: Floats) -> tuple[Floats, Floats]:
    """Return the true highs and the true lows, from the second bar on."""
    size = max(len(close) - 1, 0)
    tops, bottoms = np.empty(size), np.empty(size)
    for at in range(size):
        tops[at] = max(high[at + 1], close[at])
        bottoms[at] = min(low[at + 1], close[at])
    return tops, bottoms


@compiled
def wandering(high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    """Return how much longer the way of prices is than the range that they went through."""
    result = np.full(len(close), np.nan)
    tops, bottoms = _ranged(high, low, close)
    ways = means(tops - bottoms, period)
    above, below = highest(tops, period), lowest(bottoms, period)
    for at in range(period - 1, len(ways)):
        result[at + 1] = ways[at] * period / (above[at] - below[at])
    return result


@compiled
def squeeze(high: Floats, low: Floats, close: Floats, weights: Floats, bb: float, kc: float) -> Floats:
    """Return the rows on, momentum and fired; ``weights`` add a window up to the end of its line of least squares."""
    size, period = len(close), len(weights)
    out = np.full((3, size), np.nan)
    tops, bottoms = _ranged(high, low, close)
    averages, squares = moments(close, period)
    ranges, middles = means(tops - bottoms, period), middle(high, low, period)
    for at in range(period, size):
        narrow, wide = bb * np.sqrt(squares[at] / period), kc * ranges[at - 1]
        if np.isfinite(narrow) and np.isfinite(wide):
            out[0, at] = 1.0 if narrow < wide else 0.0
        if np.isfinite(out[0, at - 1]) and np.isfinite(out[0, at]):
            out[2, at] = 1.0 if out[0, at - 1] == 1 and out[0, at] == 0 else 0.0
    apart = close - (middles + averages) / 2
    out[1, period - 1 :] = convolved(apart[period - 1 :], weights)
    finite(out[1])
    return out


@compiled
def rooted(values: Floats, factor: float) -> Floats:
    """Return the roots of so many times the values; what rounding left below zero has the root zero."""
    for at in range(len(values)):
        values[at] = np.sqrt(factor * values[at]) if not values[at] < 0 else 0.0
    return finite(values)
