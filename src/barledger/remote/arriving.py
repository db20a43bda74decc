"""Arriving: an Arrow stream on its way from a server to the rows of bars, without a copy where it is one portion."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from barledger.domain.rows import VALUES, Flags, Rows, constant

PROVENANCE: Final = "barledger.provenance"
_OPTIONAL: Final = ("adjustment_factor", "source_id")
_STORED: Final = frozenset({"time", *VALUES, "adjustment_factor", "source_id", "revision"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns as they arrived, and the metadata of their schema."""

    columns: Mapping[str, npt.NDArray[Any] | None]
    metadata: Mapping[str, str]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.column("time"))

    @property
    def provenance(self) -> dict[str, Any]:
        """Return what the answer resolved to; raises `KeyError` and `ValueError` where it does not tell."""
        told: dict[str, Any] = json.loads(self.metadata[PROVENANCE])
        return told

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column that every answer has; raises `KeyError`."""
        found = self.columns[name]
        if found is None:
            raise KeyError(name)
        return found

    @property
    def rows(self) -> Rows:
        """Return the bars; which edition each is, a server does not tell. Raises `KeyError`."""
        values = {name: self.column(name) for name in ("time", *VALUES, "revision")}
        return Rows(
            **values,
            adjustment_factor=self.columns["adjustment_factor"],
            source_id=self.columns["source_id"],
            edition=constant(0, len(self)),
        )

    @property
    def marks(self) -> dict[str, Flags]:
        """Return what is told of each bar beside what is stored."""
        return {name: self.column(name) for name in self.columns if name not in _STORED}


def arrived(stream: Any, rows: int) -> Table:
    """Read a stream of about so many rows to its end; raises `pyarrow.ArrowInvalid` for what is none."""
    with pa.ipc.open_stream(stream) as reader:
        metadata = {key.decode(): value.decode() for key, value in (reader.schema.metadata or {}).items()}
        portions = _Portions(reader.schema, rows)
        for batch in reader:
            portions.take(batch)
    return Table(columns=portions.columns(), metadata=metadata)


class Pouring(io.RawIOBase):
    """A body as a file that Arrow reads from, and that tells somebody else of everything that comes."""

    def __init__(self, read: Callable[[int], bytes], also: Callable[[bytes], None]) -> None:
        """Read from there, and tell them."""
        super().__init__()
        self._read, self._also = read, also

    def readable(self) -> bool:
        """Give bytes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return so many bytes, fewer only at the end."""
        parts, left = [], size
        while left > 0 and (part := self._read(left)):
            parts.append(part)
            left -= len(part)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._also(data)
        return data


class _Portions:
    """Columns that are filled portion by portion; one portion alone is taken as it is."""

    def __init__(self, schema: pa.Schema, expected: int) -> None:
        self._schema, self._size = schema, expected
        self._only: pa.RecordBatch | None = None
        self._filled = 0
        self._room: dict[str, npt.NDArray[Any]] = {}

    def take(self, batch: pa.RecordBatch) -> None:
        if not len(batch):
            return
        if self._only is None and not self._filled and len(batch) >= self._size:
            self._only = batch
            return
        first, self._only = self._only, None
        for one in (first, batch):
            if one is not None:
                self._put(one)

    def columns(self) -> dict[str, npt.NDArray[Any] | None]:
        if self._only is not None:
            return {name: _optional(name, self._only.column(name)) for name in self._schema.names}
        if not self._filled:
            nothing = {field.name: pa.array([], field.type) for field in self._schema}
            return {name: _optional(name, column) for name, column in nothing.items()}
        return {name: self._room[name][: self._filled] if name in self._room else None for name in self._schema.names}

    def _put(self, batch: pa.RecordBatch) -> None:
        end = self._filled + len(batch)
        if end > self._size:
            self._grow(end)
        for name in self._schema.names:
            column = batch.column(name)
            if name not in self._room and _missing(name, column):
                continue
            if name not in self._room:
                self._room[name] = self._empty(name, _values(column).dtype)
            self._room[name][self._filled : end] = _values(column)
        self._filled = end

    def _grow(self, end: int) -> None:
        self._size = max(end, 2 * self._size)
        for name, room in self._room.items():
            self._room[name] = self._empty(name, room.dtype)
            self._room[name][: self._filled] = room[: self._filled]

    def _empty(self, name: str, kind: npt.DTypeLike) -> npt.NDArray[Any]:
        if name == "adjustment_factor":
            return np.full(self._size, np.nan)
        return np.full(self._size, None) if name == "source_id" else np.empty(self._size, kind)


def _missing(name: str, column: pa.Array) -> bool:
    return name in _OPTIONAL and column.null_count == len(column)


def _optional(name: str, column: pa.Array) -> npt.NDArray[Any] | None:
    return None if _missing(name, column) else _values(column)


def _values(column: pa.Array) -> npt.NDArray[Any]:
    """Return a column as numpy has it: NaN for a missing number, None for a missing text."""
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.view(pa.int64()).to_numpy(zero_copy_only=True))
    return np.asarray(column.to_numpy(zero_copy_only=False))
