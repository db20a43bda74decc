"""Moving averages by name, in the order of TA-Lib's numbers, and how far back each of them remembers."""

from typing import Final

from barledger.indicators.definition import Reach
from barledger.indicators.talib.memory import EXACT, WINDOW, adaptive, exponential, mesa, wilder

AVERAGES: Final = (
    "sma",
    "ema",
    "wma",
    "dema",
    "tema",
    "trima",
    "kama",
    "mama",
    "t3",
    "hma",
    "none",
    "default",
    "zlema",
    "rma",
)
"""What a parameter ``matype`` may be; the place of a name is TA-Lib's number for it."""

_STAGES: Final = {"ema": 1, "dema": 2, "tema": 3, "t3": 6, "zlema": 1}


def average(kind: str, period: int, *, default: str = "sma") -> Reach:
    """Return how far a moving average remembers beyond its lookback; ``default`` is what "default" stands for."""
    kind = default if kind == "default" else kind
    if period == 1 or kind == "none":
        return EXACT
    if kind in _STAGES:
        return exponential(period, stages=_STAGES[kind])
    if kind == "rma":
        return wilder(period)
    if kind == "kama":
        return adaptive()
    return mesa(0.05) if kind == "mama" else WINDOW
