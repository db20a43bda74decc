"""Indicators of our own that know what they should give."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import barledger
from barledger.indicators.registry import REGISTRY


@contextmanager
def defined() -> Iterator[None]:
    """Forget afterwards what is defined meanwhile."""
    REGISTRY.knows("sma")
    names, by_name = dict(REGISTRY._names), dict(REGISTRY._by_name)
    try:
        yield
    finally:
        REGISTRY._names, REGISTRY._by_name = names, by_name
        REGISTRY.generation += 1


@contextmanager
def own_indicators() -> Iterator[None]:
    """Define indicators of each kind of memory and policy, and forget them afterwards."""
    with defined():
        _define()
        yield


def _define() -> None:
    @barledger.indicator(warmup=lambda p: p.back, exact=True)
    def moved(close: Any, *, back: int = 10) -> Any:
        out = np.full(len(close), np.nan)
        out[back:] = close[back:] - close[:-back]
        return out

    @barledger.indicator(warmup=lambda p: p.back, exact=True, nan_policy="skip", name="moved_over")
    def moved_over(close: Any, *, back: int = 10) -> Any:
        return moved(close, back=back)

    @barledger.indicator(memory="path", name="summed")
    def summed(close: Any) -> Any:
        return np.cumsum(close)

    @barledger.indicator(warmup=lambda p: p.over - 1, name="running")
    def running(close: Any, *, over: int = 10) -> Any:
        total = np.cumsum(close)
        total[over:] = total[over:] - total[:-over]
        return total / over
