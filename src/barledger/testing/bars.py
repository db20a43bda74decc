"""Bars to test with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import COLUMNS, OPTIONAL, Rows, constant
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, Timeframe

HOSTILE_NAMES = (
    "BRK.B",
    "^GSPC",
    "EURUSD=X",
    "ES=F",
    "BTC/USDT:USDT",
    'A "B", c=d',
    "a\\b",
    "Ünï",
    "it's",
    "a -- b",
    "(x|y).*",
    "100%",
    "日本",
)


def series(instrument: str = "AAPL", timeframe: str = "1d", source: str = "test") -> Series:
    """Return a series."""
    return Series(instrument=instrument, timeframe=Timeframe.of(timeframe), source=source)


def rows(times: Sequence[int], *, revision: int = 1, edition: int = 1, seed: int = 0, **columns: Any) -> Rows:
    """Return bars at ``times`` (ns) with random, valid prices; ``columns`` replace some of them."""
    random = np.random.default_rng(seed)
    n = len(times)
    close = np.round(random.uniform(50, 150, n), 2)
    values: dict[str, Any] = {
        "time": np.array(times, np.int64),
        "open": close,
        "high": close + 1.25,
        "low": close - 1.5,
        "close": close,
        "volume": np.floor(random.uniform(0, 1e9, n)),
        "revision": constant(revision, n),
        "edition": constant(edition, n),
    }
    return Rows(**(values | columns))


def days(first: int, last: int) -> list[int]:
    """Return the opening times of the days ``first`` to ``last`` after the epoch, the last one excluded."""
    return [day * DAY for day in range(first, last)]


def span(first: int, last: int) -> list[Interval]:
    """Return the interval of these days, as the stores take it."""
    return [Interval(first * DAY, last * DAY)]


def assert_same(found: Rows, expected: Rows) -> None:
    """Compare rows bit for bit; an optional column may be absent or hold its default."""
    assert len(found) == len(expected), f"{len(found)} rows, not {len(expected)}"
    for name in COLUMNS:
        left, right = _full(found, name), _full(expected, name)
        if left.dtype == np.float64:
            left, right = left.view(np.int64), right.view(np.int64)
        different = np.flatnonzero(left != right)
        assert not len(different), f"{name} differs in {len(different)} rows, first at {found.time[different[0]]}"


def _full(given: Rows, name: str) -> Any:
    column = getattr(given, name)
    if column is not None:
        return np.ascontiguousarray(column)
    default = OPTIONAL[name]
    kind = np.object_ if name == "source_id" else np.bool_ if name == "withdrawn" else np.array(default).dtype
    return np.full(len(given), default, kind)
