"""Windows: means, deviations and extremes of the last so many bars, each from its own bars alone."""

from types import ModuleType

import numpy as np

from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import sealed
from barledger.indicators.talib.library import talib


def means(values: Floats, period: int) -> Floats:
    """Return the mean of each window; NaN until there is a whole one."""
    found: Floats = _kernels().means(sealed(values), period)
    return found


def moments(values: Floats, period: int) -> tuple[Floats, Floats]:
    """Return the mean of each window and the sum of the squared deviations from it."""
    found: tuple[Floats, Floats] = _kernels().moments(sealed(values), period)
    return found


def comoments(left: Floats, right: Floats, period: int) -> tuple[Floats, Floats, Floats]:
    """Return of each window the sums of the products of deviations: of both, of the left, and of the right ones."""
    found: tuple[Floats, Floats, Floats] = _kernels().comoments(sealed(left), sealed(right), period)
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


def highest(values: Floats, period: int) -> Floats:
    """Return the highest value of each window; NaN until there is a whole one."""
    found: Floats = talib().MAX(values, period)
    return found


def lowest(values: Floats, period: int) -> Floats:
    """Return the lowest value of each window; NaN until there is a whole one."""
    found: Floats = talib().MIN(values, period)
    return found


def middle(high: Floats, low: Floats, period: int) -> Floats:
    """Return the middle between the highest high and the lowest low of each window."""
    found: Floats = talib().MIDPRICE(high, low, period)
    return found


def later(values: Floats, bars: int) -> Floats:
    """Return values so many rows further down; what falls off the end is left out."""
    moved = np.full(len(values), np.nan)
    if bars < len(values):
        moved[bars:] = values[: len(values) - bars]
    return moved


def _kernels() -> ModuleType:
    from barledger.indicators.own.kernels import rolling  # noqa: PLC0415 - numba is an extra, and slow to import

    return rolling
