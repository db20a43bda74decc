"""Series to stream: real daily bars joined to ten thousand, and how values are compared bit by bit."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY
from barledger.indicators.binding import Binder, Bound, Request
from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.registry import REGISTRY, Registry
from barledger.indicators.streaming.live import Live
from barledger.indicators.table import Table
from published import NEWEST, published

COLUMNS = (*VALUES, "periods")
BARS = 10_000
__all__ = [
    "BAR",
    "BARS",
    "COLUMNS",
    "a_day_is_missing",
    "a_window",
    "bars_of",
    "bound_to",
    "columns_of",
    "custom",
    "mean_of",
    "real_table",
    "request_of",
    "same_bits",
    "with_gaps",
]
BAR = {"time": DAY, "open": 1.0, "high": 4.0, "low": 1.0, "close": 2.0, "volume": 5.0}


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


def bars_of(table: Table) -> list[dict[str, Any]]:
    columns = {name: values.tolist() for name, values in table.columns.items()}
    times = table.time.tolist()
    return [{"time": time, **{name: columns[name][at] for name in columns}} for at, time in enumerate(times)]


def columns_of(live: Live) -> dict[str, float]:
    return live.values


def with_gaps(missing: dict[str, list[int]], size: int, breaks: tuple[int, ...] = ()) -> Table:
    real = real_table(size)
    columns = {name: real.columns[name][:size].copy() for name in COLUMNS}
    for name, rows in missing.items():
        columns[name][rows] = np.nan
    time = np.arange(size, dtype=np.int64) * DAY
    for row in breaks:
        time[row:] += DAY
    return Table.of(time, columns, breaks=np.array(sorted(breaks), np.int64))


def a_day_is_missing(before: int, time: int) -> bool:
    return time - before > DAY


def a_window(values: Values) -> Reach:
    back = int(values.get("period", values.get("timeperiod", 2))) - 1
    return Reach(lookback=back, settled=back, memory="window", exact=True)


def mean_of(close: Floats, **parameters: Any) -> tuple[Floats]:
    size = next(iter(parameters.values()))
    found = np.full(len(close), np.nan)
    for at in range(size - 1, len(close)):
        found[at] = close[at - size + 1 : at + 1].mean()
    return (found,)


def custom(name: str, **more: Any) -> Indicator:
    told: dict[str, Any] = {
        "title": name,
        "kind": "custom",
        "inputs": ("close",),
        "parameters": (period("period", 5),),
        "outputs": (Output(name=name),),
        "reach": a_window,
        "compute": mean_of,
        "owner": "desk",
    }
    return Indicator(name=name, **told | more)
