"""A small library to record from: made anew, with a clock that starts at the same time each time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd

from barledger.barledger import BarLedger
from barledger.domain.interval import parse_time
from barledger.ledger.sql import SqlLedger
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore

BEGINNING: Final = "2024-01-02"
_BARS: Final = 260
_NOW: Final = "2025-01-02T09:00:00Z"
_TICK: Final = 1_000_000


@contextmanager
def opened(*, steady: bool = True) -> Iterator[BarLedger]:
    """Open a library with daily bars; without ``steady`` its clock is that of this machine."""
    with TemporaryDirectory() as home:
        ledger = _steady(home) if steady else SqlLedger.open("sqlite://")
        settings = Settings(actor="desk", home=Path(home))
        with BarLedger(MemoryStore(), ledger, settings=settings) as bl:
            yield bl


def bars(seed: int, price: float, *, wrong: slice | None = None) -> pd.DataFrame:
    """Return bars of weekdays that move by about a percent; those at ``wrong`` are ten times as high."""
    random = np.random.default_rng(seed)
    close = np.round(price * np.exp(np.cumsum(random.normal(0, 0.01, _BARS))), 2)
    start = np.round(close * (1 + random.normal(0, 0.003, _BARS)), 2)
    made = pd.DataFrame(
        {
            "open": start,
            "high": np.round(np.maximum(start, close) * 1.004, 2),
            "low": np.round(np.minimum(start, close) * 0.996, 2),
            "close": close,
            "volume": random.integers(1_000, 9_000, _BARS).astype(float) * 1_000,
        },
        index=pd.bdate_range(BEGINNING, periods=_BARS, tz="UTC"),
    )
    if wrong is not None:
        made.iloc[wrong, :4] *= 10
    return made


def _steady(home: str) -> SqlLedger:
    """Return a ledger in a file, beside which the key lies that signs the audit log."""
    return SqlLedger.open(f"sqlite:///{home}/ledger.sqlite", clock=_clock())


def _clock() -> Callable[[], int]:
    ticks = count(parse_time(_NOW), _TICK)
    return lambda: next(ticks)
