"""Batches: twelve instruments to compute them of, and when calculations are the same."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from barledger.barledger import BarLedger
from barledger.indicators.calculation import Calculation
from barledger.stores.memory import MemoryStore
from libraries import library

NAMES = [f"S{number:02}" for number in range(12)]


def walk(days: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(random.normal(0, 1, days)) * 0.1, 2)
    index = pd.date_range("2020-01-01", periods=days, tz="UTC", name="time")
    columns = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1000.0 + np.arange(days)}
    return pd.DataFrame(columns, index=index)


@contextmanager
def twelve() -> Iterator[BarLedger]:
    """Give a library with twelve instruments, of which each is longer than the one before."""
    with library(MemoryStore()) as opened:
        for number, name in enumerate(NAMES):
            opened.write(name, "1d", walk(300 + 10 * number, number), source="x")
        yield opened


def same(found: Calculation, wanted: Calculation) -> None:
    assert found.digest == wanted.digest
    assert found.standings == wanted.standings
    assert found.provenance == wanted.provenance
    assert np.array_equal(found.time, wanted.time)
