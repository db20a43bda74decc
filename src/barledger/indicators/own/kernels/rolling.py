"""Sums over windows, each computed anew from its own bars.

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
def finite(values: Floats) -> Floats:
    """Make what is infinite missing, in place."""
    for at in range(len(values)):
        if not np.isfinite(values[at]):
            values[at] = np.nan
    return values
