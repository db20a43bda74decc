"""Values of Arrow columns as text formats write them: times in one spelling, missing values as null."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from barledger.api.formats.contract import Times
from barledger.api.formats.moments import moments

_UNITS: Final = {"epoch_s": "s", "epoch_ms": "ms", "epoch_ns": "ns"}
# Rows that are objects of Python at once: they take ten times the memory of their columns.
_AT_ONCE: Final = 8_192
# What JSON may not hold as it is.
_ESCAPED: Final = r"[^0-9A-Za-z :.+_-]"


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


def slices(table: pa.Table) -> Iterator[pa.Table]:
    """Give a portion in slices that are short enough to be objects of Python; of no rows there is none."""
    for at in range(0, len(table), _AT_ONCE):
        yield table.slice(at, _AT_ONCE)


def rows(table: pa.Table) -> list[bytes]:
    """Return each row as a JSON object.

    Whole columns are written as JSON and cut into cells, which takes a fraction of the time that an object for each
    row and each value takes.
    """
    names = [orjson.dumps(name).replace(b"%", b"%%") for name in table.column_names]
    template = b"{" + b",".join(name + b":%b" for name in names) + b"}"
    return [template % row for row in zip(*(_cells(table.column(at)) for at in range(len(names))), strict=True)]


def _cells(column: pa.ChunkedArray) -> list[bytes]:
    """Return the values of a column as JSON."""
    if pa.types.is_string(column.type):
        return _text_cells(column)
    written = orjson.dumps(_array(column), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    return written.split(b",") if written else []


def _text_cells(column: pa.ChunkedArray) -> list[bytes]:
    if pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py():
        return [orjson.dumps(value) for value in column.to_pylist()]
    quoted = pc.cast(pc.binary_join_element_wise('"', column, '"', ""), pa.binary())
    cells: list[bytes] = pc.fill_null(quoted, b"null").to_numpy().tolist()
    return cells


def _array(column: pa.ChunkedArray) -> Any:
    if pa.types.is_floating(column.type):
        return np.ascontiguousarray(column.to_numpy())
    if pa.types.is_string(column.type):
        # Several times faster than one scalar after the other.
        return column.to_numpy().tolist()
    return column.to_pylist()


def _column(
    column: pa.ChunkedArray, times: Times, big: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return _times(column, times, big)
    return big(column) if pa.types.is_int64(column.type) else column


def _times(column: pa.ChunkedArray, times: Times, big: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.ChunkedArray:
    if times == "rfc3339":
        return _spelled(column)
    unit = _UNITS[times]
    numbers = pc.cast(pc.cast(column, pa.timestamp(unit, column.type.tz), safe=False), pa.int64())
    return big(numbers) if unit == "ns" else numbers


def _spelled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as RFC 3339: to the second where that loses nothing, since decimals that say nothing are noise."""
    zone = "Z" if column.type.tz else ""
    try:
        seconds = pc.cast(pc.cast(column, pa.timestamp("s", column.type.tz)), pa.int64())
        spelled = pa.chunked_array([moments(pc.fill_null(seconds, 0).to_numpy(), zone=zone)], pa.string())
    except pa.ArrowInvalid:
        pass
    else:
        return pc.if_else(column.is_valid(), spelled, None) if column.null_count else spelled
    return pc.binary_join_element_wise(pc.strftime(column, "%Y-%m-%dT%H:%M:%S"), zone, "")
