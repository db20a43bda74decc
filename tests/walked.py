"""Bars of random walks, and indicators that know what they should give."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

import barledger
from barledger.domain.timeframe import DAY
from barledger.indicators.registry import REGISTRY


def walk(days: range, *, seed: int = 0) -> pd.DataFrame:
    """Return daily bars of a random walk at these days after the epoch; the same day always has the same bar."""
    steps = np.random.default_rng(seed).normal(size=(4, 5_000)) * 0.01
    close = 100 * np.exp(np.cumsum(steps[0]))
    opened = np.concatenate([close[:1], close[:-1]]) * np.exp(steps[1] / 4)
    frame = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * np.exp(np.abs(steps[2])),
            "low": np.minimum(opened, close) * np.exp(-np.abs(steps[3])),
            "close": close,
            "volume": np.round(1e6 * np.exp(steps[1] * 20)),
        },
        index=pd.to_datetime(np.arange(5_000) * DAY, utc=True),
    )
    return frame.iloc[days.start : days.stop : days.step]


def day(number: int) -> pd.Timestamp:
    """Return a day after the epoch."""
    return pd.Timestamp(number * DAY, tz="UTC")


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
