"""Segments: immutable files of rows, in chunks that carry their own checksums.

A file is a magic word, the chunks, a JSON index, and a trailer with the index's length and checksum. A read maps the
file, checks each chunk that it touches, and decodes it straight into the arrays that it returns.
"""

import json
import mmap
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xxhash

from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import COLUMNS, Rows, empty_rows
from barledger.errors import StoreDamaged
from barledger.stores.embedded.encoding import constant_of, decode_into, encode

_MAGIC: Final = b"BARSEG1\n"
_TRAILER: Final = struct.Struct("<QQ8s")
CHUNK: Final = 32_768
# Below this many rows, a second thread costs more than it saves.
_ROWS_WORTH_A_THREAD: Final = 300_000
_TEXT: Final = "source_id"
_TYPES: Final = {"withdrawn": np.bool_} | dict.fromkeys(("time", "revision", "edition", "superseded_at"), np.int64)


def write_segment(path: Path, rows: Rows) -> None:
    """Write rows to a new file, durably; the folder has to be synced by the caller."""
    with path.open("xb") as file:
        file.write(_MAGIC)
        index = [_write_chunk(file, rows.pick(slice(at, at + CHUNK))) for at in range(0, len(rows), CHUNK)]
        body = json.dumps(index, separators=(",", ":")).encode()
        file.write(body)
        file.write(_TRAILER.pack(len(body), xxhash.xxh3_64_intdigest(body), _MAGIC))
        file.flush()
        os.fsync(file.fileno())


class Segment:
    """An open segment; may be shared by threads."""

    def __init__(self, path: Path) -> None:
        """Map the file and read its index; raises FileNotFoundError, `StoreDamaged`."""
        self.path = path
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(_MAGIC) + _TRAILER.size:
                raise StoreDamaged(where=path.name, detail="the file is too short")
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._view = memoryview(self._map)
        self._chunks = self._read_index(size)
        self.first = np.array([chunk["first"] for chunk in self._chunks], np.int64)
        self.last = np.array([chunk["last"] for chunk in self._chunks], np.int64)
        self.rows = sum(chunk["rows"] for chunk in self._chunks)

    def read(self, intervals: Sequence[Interval]) -> Rows:
        """Return the rows in the sorted, disjoint intervals; raises `StoreDamaged` naming the stretch."""
        chosen = self._overlapping(intervals)
        if not chosen:
            return empty_rows()
        rows = self._decode(chosen)
        return rows.within_any(intervals)

    def _overlapping(self, intervals: Sequence[Interval]) -> list[dict[str, Any]]:
        wanted = np.zeros(len(self._chunks), np.bool_)
        for interval in intervals:
            begin = int(np.searchsorted(self.last, interval.start))
            end = int(np.searchsorted(self.first, interval.end))
            wanted[begin:end] = True
        return [self._chunks[at] for at in np.flatnonzero(wanted)]

    def _decode(self, chunks: Sequence[dict[str, Any]]) -> Rows:
        total = sum(chunk["rows"] for chunk in chunks)
        columns: dict[str, Any] = {name: _allocate(name, chunks, total) for name in COLUMNS}
        starts = np.cumsum([0, *(chunk["rows"] for chunk in chunks)]).tolist()
        tasks = list(zip(chunks, starts[:-1], strict=True))
        if total < _ROWS_WORTH_A_THREAD:
            self._decode_chunks(tasks, columns)
        else:
            half = len(tasks) // 2
            with ThreadPoolExecutor(1) as pool:
                second = pool.submit(self._decode_chunks, tasks[half:], columns)
                self._decode_chunks(tasks[:half], columns)
                second.result()
        return Rows(**columns)

    def _decode_chunks(self, tasks: Sequence[tuple[dict[str, Any], int]], columns: dict[str, Any]) -> None:
        for chunk, start in tasks:
            self._check(chunk)
            at, end = chunk["offset"], start + chunk["rows"]
            for name, header in chunk["columns"].items():
                data = self._view[at : at + header[4]]
                at += header[4]
                out = columns[name]
                if out is None or out.strides == (0,):
                    continue
                if name == _TEXT:
                    out[start:end] = json.loads(bytes(data))
                else:
                    decode_into(header, data, out[start:end])

    def _check(self, chunk: dict[str, Any]) -> None:
        data = self._view[chunk["offset"] : chunk["offset"] + chunk["length"]]
        if xxhash.xxh3_64_intdigest(data) != chunk["sum"]:
            stretch = f"{format_time(chunk['first'])} to {format_time(chunk['last'])}"
            raise StoreDamaged(where=self.path.name, detail=f"the checksum of the rows from {stretch} does not fit")

    def _read_index(self, size: int) -> list[dict[str, Any]]:
        length, checksum, magic = _TRAILER.unpack(self._view[size - _TRAILER.size :])
        start = size - _TRAILER.size - length
        if magic != _MAGIC or start < len(_MAGIC) or bytes(self._view[: len(_MAGIC)]) != _MAGIC:
            raise StoreDamaged(where=self.path.name, detail="its head or end is not that of a segment")
        body = bytes(self._view[start : start + length])
        if xxhash.xxh3_64_intdigest(body) != checksum:
            raise StoreDamaged(where=self.path.name, detail="the checksum of its index does not fit")
        return list(json.loads(body))


def _write_chunk(file: Any, rows: Rows) -> dict[str, Any]:
    headers: dict[str, list[Any]] = {}
    parts: list[bytes] = []
    for name, column in rows.columns():
        if column is None:
            continue
        if name == _TEXT:
            data = json.dumps(column.tolist(), separators=(",", ":")).encode()
            headers[name] = ["text", "", 0, 0, len(data)]
        else:
            encoded = encode(np.ascontiguousarray(column))
            data = encoded.data
            headers[name] = encoded.header()
        parts.append(data)
    body = b"".join(parts)
    offset = file.tell()
    file.write(body)
    return {
        "first": int(rows.time[0]),
        "last": int(rows.time[-1]),
        "rows": len(rows),
        "offset": offset,
        "length": len(body),
        "sum": xxhash.xxh3_64_intdigest(body),
        "columns": headers,
    }


def _allocate(name: str, chunks: Sequence[dict[str, Any]], total: int) -> "npt.NDArray[Any] | None":
    """Return the array for a column: none if no chunk has it, a broadcast one if all agree on one value."""
    headers = [chunk["columns"].get(name) for chunk in chunks]
    if all(header is None for header in headers):
        return None
    if name == _TEXT:
        return np.full(total, None, np.object_)
    kind = _TYPES.get(name, np.float64)
    if all(header is not None for header in headers) and name in ("revision", "edition"):
        values = {constant_of(header) for header in headers if header is not None}
        if len(values) == 1 and None not in values:
            return np.broadcast_to(np.int64(values.pop() or 0), (total,))
    if name == "adjustment_factor" and any(header is None for header in headers):
        return np.full(total, np.nan)
    if name == "superseded_at" and any(header is None for header in headers):
        return np.full(total, np.iinfo(np.int64).max)
    return np.zeros(total, kind) if any(header is None for header in headers) else np.empty(total, kind)
