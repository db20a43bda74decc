"""Reaches of our own indicators, by what their values depend on."""

from typing import Final

from barledger.indicators.definition import Reach

_FORGOTTEN: Final = 28
"""After so many time constants what was before weighs e**-28, less than 1e-12."""


def window(bars: int) -> Reach:
    """Return the reach of a value that depends on so many bars before its own, computed anew from them."""
    return Reach(lookback=bars, settled=bars, memory="window", exact=True)


def windows(*, first: int, settled: int) -> Reach:
    """Return the reach of several outputs over windows: the first has values from ``first`` on, the last is settled."""
    return Reach(lookback=first, settled=settled, memory="window", exact=True)


def exponential(*, ema: int, lookback: int) -> Reach:
    """Return the reach of an average that keeps ``1 - 2 / (ema + 1)`` of its past with each bar."""
    return Reach(lookback=lookback, settled=lookback + _FORGOTTEN * (ema + 1) // 2, memory="contractive", exact=False)


def path() -> Reach:
    """Return the reach of a value that depends on all bars since an anchor, and is there from the first one on."""
    return Reach(lookback=0, settled=0, memory="path", exact=True)
