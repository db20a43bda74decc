"""Payloads: bars that wait for a decision, as bytes that any Arrow library reads (an IPC stream)."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from barledger.domain.rows import VALUES, Rows, constant

if TYPE_CHECKING:
    import pyarrow as pa

_WITHDRAWN: Final = "withdrawn"


def encode(rows: Rows) -> bytes:
    """Return the bars as bytes; equal bars give equal bytes. A withdrawn one has no values."""
    import pyarrow as pa  # noqa: PLC0415 - only proposals need it

    table = _table(rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def decode(payload: bytes) -> Rows:
    """Return the bars, without revision and edition."""
    import pyarrow as pa  # noqa: PLC0415 - only proposals need it

    with pa.ipc.open_stream(pa.BufferReader(payload)) as stream:
        table = stream.read_all()
    columns: dict[str, Any] = {name: _floats(table, name) for name in VALUES}
    factor, texts = _floats(table, "adjustment_factor"), table.column("source_id").to_pylist()
    withdrawn = np.array(table.column(_WITHDRAWN).to_pylist(), np.bool_)
    return Rows(
        time=np.array(table.column("time").cast(pa.int64()).to_numpy(), np.int64),
        **columns,
        adjustment_factor=None if bool(np.isnan(factor).all()) else factor,
        source_id=np.array(texts, np.object_) if any(text is not None for text in texts) else None,
        revision=constant(0, len(table)),
        edition=constant(0, len(table)),
        withdrawn=withdrawn if bool(withdrawn.any()) else None,
    )


def _table(rows: Rows) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415 - only proposals need it

    n = len(rows)
    factor = np.full(n, np.nan) if rows.adjustment_factor is None else rows.adjustment_factor
    texts = [None] * n if rows.source_id is None else rows.source_id
    withdrawn = np.zeros(n, np.bool_) if rows.withdrawn is None else rows.withdrawn
    columns = {
        "time": pa.array(np.array(rows.time), pa.timestamp("ns", "UTC")),
        **{name: pa.array(np.array(getattr(rows, name)), from_pandas=True) for name in VALUES},
        "adjustment_factor": pa.array(np.array(factor), from_pandas=True),
        "source_id": pa.array(texts, pa.string()),
        _WITHDRAWN: pa.array(withdrawn),
    }
    return pa.table(columns)


def _floats(table: "pa.Table", name: str) -> Any:
    values = np.array(table.column(name).to_numpy(), np.float64)
    values[np.isnan(values)] = np.nan
    return values
