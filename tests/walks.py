"""Bars for tests of indicators: random walks of several kinds, and real ones; and how slices of them compare."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from barledger.domain.timeframe import DAY
from barledger.indicators.definition import Indicator
from barledger.indicators.parameter import Parameter, Value
from barledger.indicators.scales import tolerance
from published import EARLIER, published

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, Floats]


def walk(seed: int, size: int, *, tick: float = 0.0) -> dict[str, Floats]:
    """Return bars that walk by about 1 % each, rounded to a tick if there is one."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.standard_normal(size) * 0.01))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(random.standard_normal(size) * 0.003)
    if tick:
        close, opened = np.round(close / tick) * tick, np.round(opened / tick) * tick
    above, below = (np.exp(np.abs(random.standard_normal(size)) * 0.004) for _ in range(2))
    high, low = np.maximum(opened, close) * above, np.minimum(opened, close) / below
    volume = np.floor(np.exp(random.standard_normal(size) * 0.7) * 1e6)
    periods = random.integers(1, 40, size).astype(np.float64)
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume, "periods": periods}


def daily(days: range, *, seed: int = 0) -> pd.DataFrame:
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


def standing(seed: int, size: int) -> dict[str, Floats]:
    """Return bars of a market that often stands still, for up to a hundred bars, and then trades nothing."""
    random = np.random.default_rng(seed)
    columns = walk(seed, size, tick=0.01)
    still = random.random(size) < 0.3
    for begin in random.integers(0, size, size // 500):
        still[begin : begin + int(random.integers(5, 100))] = True
    still[0] = False
    last = np.maximum.accumulate(np.where(still, 0, np.arange(size)))
    close = columns["close"][last]
    for name in ("open", "high", "low"):
        columns[name] = np.where(still, close, columns[name])
    columns["high"] = np.maximum(columns["high"], close)
    columns["low"] = np.minimum(columns["low"], close)
    columns["volume"] = np.where(still, 0.0, columns["volume"])
    return columns | {"close": close}


def real() -> dict[str, Floats]:
    """Return 13 years of daily bars of AAPL, splits and all."""
    frame = published("AAPL", EARLIER)
    names = ("Open", "High", "Low", "Close", "Volume")
    columns = {name.lower(): np.ascontiguousarray(frame[name].to_numpy(np.float64)) for name in names}
    return columns | {"periods": np.random.default_rng(0).integers(1, 40, len(frame)).astype(np.float64)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An output of the whole history and of a slice of it, over the bars that a caller would use."""

    whole: Floats
    part: Floats
    within: Floats

    @property
    def equal(self) -> bool:
        return bool(np.array_equal(self.whole, self.part, equal_nan=True))

    @property
    def error(self) -> float:
        """The largest difference, in billionths of the output's scale."""
        if not np.array_equal(np.isnan(self.whole), np.isnan(self.part)):
            return np.inf
        differences = np.abs(self.whole - self.part)
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.nanmax(np.where(differences == 0, 0.0, differences / self.within), initial=0.0))


def compared(
    indicator: Indicator,
    values: Mapping[str, Value],
    columns: Columns,
    *,
    at: int,
    settled: int,
    bars: int = 200,
) -> Iterator[Compared]:
    """Compare each output from the bar ``at`` on, a slice having ``settled`` bars before it."""
    inputs = [columns[name] for name in indicator.inputs]
    begin, end = at - settled, at + bars
    wholes = indicator.compute(*inputs, **values)
    relied = [one[begin:end].copy() for one in inputs]
    parts = indicator.compute(*relied, **values)
    for output, whole, part in zip(indicator.outputs, wholes, parts, strict=True):
        within = tolerance(indicator, output, whole[at:end], relied)
        yield Compared(whole=whole[at:end], part=part[settled:], within=within)


def chosen(indicator: Indicator, random: np.random.Generator, *, longest: int = 25) -> dict[str, Value]:
    """Return parameters at random, within their ranges and at most so long."""
    values = {one.name: _drawn(one, random, longest) for one in indicator.parameters}
    if "minperiod" in values:
        values["minperiod"] = min(int(values["minperiod"]), int(values["maxperiod"]))
    return values


def _drawn(parameter: Parameter, random: np.random.Generator, longest: int) -> Value:
    if parameter.sort == "choice":
        return str(random.choice(parameter.choices))
    if parameter.sort == "int":
        return int(random.integers(int(parameter.low), longest + 1))
    low, high = max(parameter.low, 0.02), min(parameter.high, 3.0)
    return float(random.uniform(low, max(high, low)))
