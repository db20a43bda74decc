r"""Memory: how many bars beyond its lookback a value needs until it has forgotten where the computation began.

A recursion ``x += alpha (input - x)`` loses its seed by a factor of ``1 - alpha`` a bar: an e-fold takes about
``1 / alpha`` bars, which is p/2 for an EMA (``alpha = 2 / (p + 1)``) and p for Wilder's average (``alpha = 1 / p``).
After 37 e-folds what is left of a seed is less than the last bit of a double; from there on the roundings of both
computations have to meet, each bar with a chance of about ``alpha``, which takes a few e-folds more: at 42 random walks
had equal bits in each of 18,000 slices. Where values pass near zero, their last bit is finer: of real bars one slice in
a thousand still differed at 42 (one in 250 of forces, which are volume times change), and none of 40,000 at 46. 48 is
taken, and 8 more for each recursion that follows another.

What is promised to a billionth is meant relative to the output's scale (`definition.Scale`), which for sums that go
along is the largest of their inputs: a difference of two averages near zero has no more digits than the averages.
Two things settle only where values move. Prices that stood still all along a slice leave it at its seed, while the
whole history keeps the ratio of the last gains and losses (RSI, DX, CMO). And the phase of a price that stands still is
that of roundings (Hilbert transforms, MESA averages).

A reach here has no lookback: it is what is added to it.
"""

import math
from typing import Final

from barledger.indicators.definition import Memory, Reach

_BITS: Final = 48
_NEXT: Final = 8
_NEARLY: Final = 24
"""The e-folds for 1e-9 relative: exp(-24) is 4e-11."""


def _beyond(bars: float, memory: Memory, *, exact: bool) -> Reach:
    return Reach(lookback=0, settled=math.ceil(bars), memory=memory, exact=exact)


EXACT: Final = _beyond(0, "window", exact=True)
"""A value of its window alone, computed anew for each bar."""
WINDOW: Final = _beyond(0, "window", exact=False)
"""A value of its window alone, by a sum that goes along: its roundings differ with where it began."""
PATH: Final = _beyond(0, "path", exact=True)
INDEX: Final = _beyond(0, "index", exact=True)


def exponential(period: int, *, stages: int = 1) -> Reach:
    """Return the memory of an EMA, or of several of one period in a row; a period of 1 smooths nothing."""
    if period == 1:
        return EXACT
    return _beyond((_BITS + _NEXT * (stages - 1)) * period / 2, "contractive", exact=True)


def wilder(period: int, *, stages: int = 1) -> Reach:
    """Return the memory of Wilder's average, or of several of one period in a row; a period of 1 smooths nothing."""
    if period == 1:
        return EXACT
    return _beyond((_BITS + _NEXT * (stages - 1)) * period, "contractive", exact=True)


def halving() -> Reach:
    """Return the memory of a recursion that takes half of each new value."""
    return _beyond(64, "contractive", exact=True)


def adaptive() -> Reach:
    """Return the memory of Kaufman's average, whose alpha is (2/31)^2 at the least: in a market that goes nowhere."""
    return _beyond(_NEARLY * (31 / 2) ** 2, "contractive", exact=False)


def mesa(limit: float) -> Reach:
    """Return the memory of the MESA averages: alpha is ``limit`` at the least, and half of it for the second line."""
    return _beyond(_HILBERT + _NEARLY * 3 / limit, "contractive", exact=False)


def hilbert() -> Reach:
    """Return the memory of what is computed by a Hilbert transform of adaptive period."""
    return _beyond(_HILBERT, "contractive", exact=False)


_HILBERT: Final = 500


def levelled(period: int) -> Reach:
    """Return the memory of an EMA in a difference of EMAs, whose input has a level that cancels in the difference.

    That level depends on the first bar, and may be thousands of times the difference: its roundings stay.
    """
    return _beyond(_BITS * period / 2, "contractive", exact=False)
