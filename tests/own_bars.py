"""Bars that our own indicators are tried on: real ones, made ones, and ones that nobody would want."""

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from barledger.indicators.definition import Indicator
from barledger.indicators.own import indicators

OWN = {one.name: one for one in indicators()}
HOUR = 3_600_000_000_000
BEGIN = 1_704_067_200_000_000_000 + 13 * HOUR


@cache
def real() -> dict[str, Any]:
    """Return 10,000 real daily bars of shares, one after the other, as if they were hourly; read-only."""
    table = pd.read_csv(resources.files("bokeh_sampledata") / "_data" / "stocks.csv.gz")
    table = table.rename(columns=str.lower).dropna().iloc[-10_000:]
    assert len(table) == 10_000
    columns = {name: table[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")}
    columns["high"] = np.max([columns[name] for name in ("open", "high", "close")], axis=0)
    columns["low"] = np.min([columns[name] for name in ("open", "low", "close")], axis=0)
    return finished(columns)


def made(size: int, seed: int = 1) -> dict[str, Any]:
    """Return a random walk, with some bars that nothing is traded in and some without a range."""
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, size)))
    opened = np.concatenate([close[:1], close[:-1]]) * np.exp(chance.normal(0, 0.002, size))
    high = np.maximum(opened, close) * np.exp(np.abs(chance.normal(0, 0.003, size)))
    low = np.minimum(opened, close) * np.exp(-np.abs(chance.normal(0, 0.003, size)))
    flat = chance.random(size) < 0.03
    for one in (opened, high, low):
        one[flat] = close[flat]
    volume = np.where(chance.random(size) < 0.05, 0.0, chance.integers(1, 10_000, size)).astype(np.float64)
    return finished({"open": opened, "high": high, "low": low, "close": close, "volume": volume}, seed)


def finished(columns: dict[str, Any], seed: int = 1) -> dict[str, Any]:
    """Return columns with hourly times, where the market is closed at times, and a benchmark; all read-only."""
    size = len(columns["close"])
    chance = np.random.default_rng(seed + 1)
    with np.errstate(over="ignore"):
        columns.setdefault("benchmark", np.sqrt(columns["close"]) * np.exp(np.cumsum(chance.normal(0, 0.005, size))))
    steps = np.where(chance.random(size) < 0.03, 40, 1)
    columns["time"] = BEGIN + np.cumsum(steps) * HOUR
    for one in columns.values():
        one.flags.writeable = False
    return columns


def given(indicator: Indicator, bars: dict[str, Any], rows: slice = slice(None)) -> list[Any]:
    """Return the inputs of an indicator."""
    names = (*(("time",) if indicator.timed else ()), *indicator.inputs)
    return [bars[name][rows] for name in names]


def parameters(indicator: Indicator, **changed: Any) -> dict[str, Any]:
    """Return its parameters, some of them changed, as they are computed with."""
    values = indicator.defaults
    for name, value in changed.items():
        found = indicator.parameter(name)
        assert found is not None
        values[found.name] = found.check(indicator.name, value)
    return values


def same(left: Any, right: Any) -> bool:
    """Return whether two arrays have the same bits, NaN being NaN."""
    return bool(((left == right) | (np.isnan(left) & np.isnan(right))).all())


VARIANTS: dict[str, list[dict[str, Any]]] = {
    "keltner": [{}, {"ema": 5, "multiplier": 1.5, "atr": 14}, {"ema": 2, "atr": 1}],
    "ichimoku": [{}, {"tenkan": 3, "kijun": 5, "senkou": 9, "offset": 4}, {"offset": 0}],
    "donchian_prior": [{}, {"period": 2}],
    "chandelier_exit": [{}, {"period": 2, "multiplier": 1}],
    "ttm_squeeze": [{}, {"period": 2}, {"period": 3, "bb": 1.0}],
    "choppiness": [{}, {"period": 2}],
    "alma": [{}, {"period": 2, "sigma": 100}, {"period": 30, "offset": 0.5, "sigma": 2}],
    "zscore": [{}, {"period": 2}, {"period": 50, "ddof": 1}],
    "rolling_beta": [{}, {"period": 2}, {"period": 10, "of": "prices"}],
    "rolling_correlation": [{}, {"period": 2}, {"period": 10, "of": "prices"}],
    "realised_volatility": [{}, {"period": 2, "bars_per_year": 1}],
    "parkinson": [{}, {"period": 2}],
    "garman_klass": [{}, {"period": 2}],
    "rogers_satchell": [{}, {"period": 2}],
    "yang_zhang": [{}, {"period": 2}],
    "pivots": [
        {},
        {"window": "hour", "kind": "woodie"},
        {"window": "week", "kind": "camarilla", "begins": -2},
        {"window": "month", "kind": "demark"},
        {"window": "year", "kind": "fibonacci", "begins": 5.5},
        {"window": "day", "begins": 9.5, "zone": "America/New_York"},
    ],
    "rolling_pivots": [
        {},
        *({"period": 3, "lag": 2, "kind": one} for one in ("woodie", "camarilla", "demark", "fibonacci")),
    ],
    "session_vwap": [
        {},
        {"anchor": "week", "multiplier": 2},
        {"anchor": "month", "begins": 22},
        {"begins": 18, "zone": "Asia/Kolkata"},
    ],
    "anchored_vwap": [{}, {"anchor": "2024-01-20"}, {"anchor": "2024-02-01T09:30:00-05:00", "multiplier": 2}],
    "rolling_vwap": [{}, {"period": 2}],
    "poc": [{}, {"period": 2, "bins": 1}, {"period": 30, "bins": 200}],
    "value_area": [{}, {"period": 2, "bins": 3}, {"period": 30, "bins": 50, "share": 0.95}],
}
CASES = [(name, parameters(OWN[name], **changed)) for name, listed in VARIANTS.items() for changed in listed]
"""Every indicator of ours, with its usual parameters and with others."""


def named(case: Any) -> str:
    """Return how a case is called in a report."""
    return case if isinstance(case, str) else ",".join(str(value) for value in case.values())
