"""Values of Arrow columns as text formats write them: times in one spelling, missing values as null."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barledger.api.formats.contract import Times

_UNITS: Final = {"epoch_s": "s", "epoch_ms": "ms", "epoch_ns": "ns"}


def spelled(table: pa.Table, times: Times, *, big: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.Table:
    """Return the table with times as they are asked for; ``big`` says what 64-bit integers become."""
    columns = [_column(table.column(name), times, big) for name in table.column_names]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return integers as decimal strings, since JSON's numbers end at 2^53."""
    return pc.cast(column, pa.string())


def as_they_are(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return integers as integers."""
    return column


def arrays(table: pa.Table) -> dict[str, Any]:
    """Return columns as orjson takes them: numbers as numpy arrays with NaN for null, others as lists."""
    return {name: _array(table.column(name)) for name in table.column_names}


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Return rows as dictionaries."""
    names = table.column_names
    columns = [one.tolist() if isinstance(one, np.ndarray) else one for one in arrays(table).values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _array(column: pa.ChunkedArray) -> Any:
    if pa.types.is_floating(column.type):
        return np.ascontiguousarray(column.to_numpy())
    return column.to_pylist()


def _column(
    column: pa.ChunkedArray, times: Times, big: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return _times(column, times, big)
    return big(column) if pa.types.is_int64(column.type) else column


def _times(column: pa.ChunkedArray, times: Times, big: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.ChunkedArray:
    if times == "rfc3339":
        zone = "Z" if column.type.tz else ""
        return pc.binary_join_element_wise(pc.strftime(_shortest(column), "%Y-%m-%dT%H:%M:%S"), zone, "")
    unit = _UNITS[times]
    numbers = pc.cast(pc.cast(column, pa.timestamp(unit, column.type.tz), safe=False), pa.int64())
    return big(numbers) if unit == "ns" else numbers


def _shortest(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times to the second where that loses nothing: decimals that say nothing are noise."""
    try:
        return pc.cast(column, pa.timestamp("s", column.type.tz))
    except pa.ArrowInvalid:
        return column


def lined(parts: Sequence[bytes]) -> bytes:
    """Return lines, each with its end."""
    return b"\n".join([*parts, b""]) if parts else b""
