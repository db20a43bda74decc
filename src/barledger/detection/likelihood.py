"""Likelihoods: how well a measured move fits noise, a real move of the market, or a given factor.

All are natural logarithms of probability densities. Quotients of them, times a prior, are the odds from which a
finding's confidence is made.
"""

from math import exp, lgamma, log, pi
from typing import Final

_T3: Final = lgamma(2.0) - lgamma(1.5) - 0.5 * log(3 * pi)
_T4: Final = lgamma(2.5) - lgamma(2.0) - 0.5 * log(4 * pi)
_ANYTHING: Final = 1e-6
"""Density of moves that no distribution foresees, per unit of logarithm."""

_NEWS: Final = 1e-3
_SHOCK: Final = 0.18


def fitting(residual: float, scale: float) -> float:
    """Return the density of a residual that is ordinary noise: Student's t with 4 degrees of freedom."""
    return _T4 - log(scale) - 2.5 * log(1 + (residual / scale) ** 2 / 4)


def moving(move: float, scale: float) -> float:
    """Return the density of a move of the market, crashes included: Student's t with 3, and a floor."""
    heavy = exp(_T3 - log(scale) - 2.0 * log(1 + (move / scale) ** 2 / 3))
    return log(heavy + _ANYTHING)


def shocked(move: float, scale: float) -> float:
    """Return the density of a move of one share's market, news included, which move calm shares as well.

    One bar in a thousand has news, whose moves fall off exponentially: of daily bars one in about 4,000 then moves by
    more than a quarter, as those of large companies do.
    """
    return log(exp(moving(move, scale)) + _NEWS / (2 * _SHOCK) * exp(-abs(move) / _SHOCK))


def normal(value: float, mean: float, deviation: float) -> float:
    """Return the density of a normal distribution."""
    return -0.5 * ((value - mean) / deviation) ** 2 - log(deviation) - 0.5 * log(2 * pi)


def either(*weighted: tuple[float, float]) -> float:
    """Return the density of a mixture of (weight, log density)."""
    top = max(density for _, density in weighted)
    return top + log(sum(weight * exp(density - top) for weight, density in weighted))


def probability(log_odds: float) -> float:
    """Return the probability that odds stand for, never quite 0 or 1.

    >>> probability(0.0)
    0.5
    """
    bounded = min(max(log_odds, -7.0), 7.0)
    return 1 / (1 + exp(-bounded))
