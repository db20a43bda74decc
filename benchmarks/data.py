"""Data: made-up bars of a random walk in cents, the same in every run."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

VALUES: Final = ("open", "high", "low", "close", "volume")
MINUTE: Final = 60_000_000_000
DAY: Final = 1_440 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything; what is slow on either side gets fewer rounds."""

    bars: int = 5_000_000
    influx_bars: int = 1_000_000
    client_bars: int = 200_000
    series: int = 500
    few: int = 500
    many: int = 5_000
    corrected: int = 1_000
    ranges: int = 400
    span: int = 10_000
    rounds: int = 5
    slow_rounds: int = 3


QUICK: Final = Sizes(
    bars=500_000,
    influx_bars=100_000,
    client_bars=20_000,
    series=100,
    few=100,
    many=500,
    ranges=100,
    rounds=3,
    slow_rounds=1,
)


def minute_bars(count: int, *, seed: int = 1, first: str = "2015-01-01") -> pd.DataFrame:
    """Return minute bars around the clock; prices have two decimals, volumes are whole."""
    return _bars(count, MINUTE, seed, first)


def daily_bars(count: int, *, seed: int = 1, first: str = "2005-01-03") -> pd.DataFrame:
    """Return bars of every day."""
    return _bars(count, DAY, seed, first)


def corrected(frame: pd.DataFrame, count: int, *, seed: int) -> pd.DataFrame:
    """Return so many of the bars, from everywhere, with other volumes; each seed gives a bar another one."""
    chosen = np.sort(np.random.default_rng(seed).choice(len(frame), count, replace=False))
    bars = frame.iloc[chosen].copy()
    bars["volume"] += float(seed)
    return bars


def ranges(frame: pd.DataFrame, count: int, span: int, *, seed: int = 3) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return half-open ranges of ``span`` bars, anywhere."""
    firsts = np.random.default_rng(seed).integers(0, len(frame) - span, count)
    return [(frame.index[first], frame.index[first + span]) for first in firsts.tolist()]


def _bars(count: int, step: int, seed: int, first: str) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    close = np.abs(np.cumsum(random.integers(-5, 6, count))) + 10_000
    opened = np.append(close[:1], close[:-1])
    high = np.maximum(opened, close) + random.integers(0, 8, count)
    low = np.minimum(opened, close) - random.integers(0, 8, count)
    volume = np.rint(np.exp(random.normal(7.0, 1.2, count)))
    times = pd.Timestamp(first).value + step * np.arange(count)
    index = pd.DatetimeIndex(times.view("datetime64[ns]"), name="time").tz_localize("UTC")
    columns = (opened / 100, high / 100, low / 100, close / 100, volume)
    return pd.DataFrame(dict(zip(VALUES, columns, strict=True)), index=index)
