"""Series to stream: real daily bars joined to ten thousand, and how values are compared bit by bit."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY
from barledger.indicators.binding import Binder, Bound, Request
from barledger.indicators.registry import REGISTRY, Registry
from barledger.indicators.table import Table
from published import FOLDER, NEWEST, published

COLUMNS = (*VALUES, "periods")
BARS = 10_000
__all__ = ["BARS", "COLUMNS", "FOLDER", "bound_to", "real_table", "request_of", "same_bits"]


@cache
def real_table(count: int = BARS) -> Table:
    """Return the days of IBM, AAPL and MSFT, each scaled to go on where the one before ended, then the first again."""
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in VALUES}
    last = 100.0
    for ticker in ("IBM", "AAPL", "MSFT", "IBM"):
        frame = published(ticker, NEWEST)
        scale = last / float(frame["Open"].iloc[0])
        for name in VALUES:
            column = frame[name.capitalize()].to_numpy(np.float64)
            parts[name].append(column if name == "volume" else column * scale)
        last = float(parts["close"][-1][-1])
    columns = {name: np.concatenate(listed)[:count] for name, listed in parts.items()}
    columns["periods"] = np.random.default_rng(7).integers(2, 31, count).astype(np.float64)
    return Table.of(np.arange(count, dtype=np.int64) * DAY, columns)


def request_of(*specs: str, registry: Registry = REGISTRY) -> Request:
    return Binder(registry, columns=COLUMNS).request(specs[0] if len(specs) == 1 else list(specs))


def bound_to(spec: str) -> Bound:
    """Return what a spec is bound to."""
    return next(iter(request_of(spec).picks.values())).bound


def same_bits(found: Any, wanted: Any) -> bool:
    """Tell whether floats are the same bit by bit; all NaN are one."""
    pair = [np.array(values, np.float64) for values in (found, wanted)]
    for values in pair:
        values[np.isnan(values)] = np.nan
    return pair[0].shape == pair[1].shape and pair[0].tobytes() == pair[1].tobytes()
