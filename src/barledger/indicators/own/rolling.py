"""Windows: means, deviations and extremes of the last so many bars, each from its own bars alone."""

from functools import cache
from types import ModuleType

import numpy as np

from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import sealed


def means(values: Floats, period: int) -> Floats:
    """Return the mean of each window; NaN until there is a whole one."""
    found: Floats = _kernels().means(sealed(values), period)
    return found


def moments(values: Floats, period: int) -> tuple[Floats, Floats]:
    """Return the mean of each window and the sum of the squared deviations from it."""
    found: tuple[Floats, Floats] = _kernels().moments(sealed(values), period)
    return found


def scores(values: Floats, period: int, ddof: int) -> Floats:
    """Return how many deviations each value is from the mean of its window; missing where there is none."""
    found: Floats = _kernels().scores(sealed(values), period, ddof)
    return found


def betas(left: Floats, right: Floats, period: int) -> Floats:
    """Return the slope of left over right in each window; missing where right is constant."""
    found: Floats = _kernels().betas(sealed(left), sealed(right), period)
    return found


def correlations(left: Floats, right: Floats, period: int) -> Floats:
    """Return Pearson's correlation in each window; missing where either is constant."""
    found: Floats = _kernels().correlations(sealed(left), sealed(right), period)
    return found


def weighted_means(values: Floats, weights: Floats, period: int) -> Floats:
    """Return the weighted mean of each window; NaN if all weights are 0."""
    found: Floats = _kernels().weighted_means(sealed(values), sealed(weights), period)
    return found


def convolved(values: Floats, weights: Floats) -> Floats:
    """Return the sum of each window by weights that add up to one, the first for its oldest value."""
    found: Floats = _kernels().convolved(sealed(values), sealed(weights))
    return found


def finite(values: Floats) -> Floats:
    """Return the same array, of which what was infinite is missing."""
    found: Floats = _kernels().finite(values)
    return found


def rooted(values: Floats, factor: float) -> Floats:
    """Return the same array, of which each value is the root of so many times it; missing if it is not finite."""
    found: Floats = _kernels().rooted(values, factor)
    return found


def highest(values: Floats, period: int) -> Floats:
    """Return the highest value of each window; NaN until there is a whole one."""
    found: Floats = _kernels().highest(sealed(values), period)
    return found


def lowest(values: Floats, period: int) -> Floats:
    """Return the lowest value of each window; NaN until there is a whole one."""
    found: Floats = _kernels().lowest(sealed(values), period)
    return found


def donchian_prior(high: Floats, low: Floats, period: int) -> Floats:
    """Return the rows upper, middle and lower of the bars before."""
    found: Floats = _kernels().donchian_prior(sealed(high), sealed(low), period)
    return found


def ichimoku(high: Floats, low: Floats, close: Floats, spans: tuple[int, int, int], offset: int) -> Floats:
    """Return the rows tenkan, kijun, senkou_a, senkou_b and chikou, each where it is drawn."""
    found: Floats = _kernels().ichimoku(sealed(high), sealed(low), sealed(close), spans, offset)
    return found


def wandering(high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    """Return how much longer the way of prices is than the range that they went through."""
    found: Floats = _kernels().wandering(sealed(high), sealed(low), sealed(close), period)
    return found


def squeeze(high: Floats, low: Floats, close: Floats, weights: Floats, *, bb: float, kc: float) -> Floats:
    """Return the rows on, momentum and fired; ``weights`` add a window up to the end of its line of least squares."""
    found: Floats = _kernels().squeeze(sealed(high), sealed(low), sealed(close), sealed(weights), bb, kc)
    return found


def later(values: Floats, bars: int) -> Floats:
    """Return values so many rows further down; what falls off the end is left out."""
    moved = np.full(len(values), np.nan)
    if bars < len(values):
        moved[bars:] = values[: len(values) - bars]
    return moved


@cache
def _kernels() -> ModuleType:
    from barledger.indicators.own.kernels import rolling  # noqa: PLC0415 - numba is an extra, and slow to import

    return rolling
