"""Chunks: up to 65,536 rows of one layer as bytes under one checksum, and the directory that says where they lie."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from struct import Struct
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_intdigest

from barledger.domain.rows import COLUMNS, NEVER, Rows
from barledger.stores.embedded.encoding import (
    ABSENT,
    ALIGNMENT,
    CHUNK_ROWS,
    CONSTANT,
    HEAD_SIZE,
    Array,
    Column,
    Encoded,
    FloatEncoder,
    encode_flags,
    encode_integers,
    encode_texts,
)

_ENTRY: Final = Struct("<IxxxxqqQQQH")
_NUMBER: Final = Struct("<H")
_FLOATS: Final = frozenset({"open", "high", "low", "close", "volume", "adjustment_factor"})
_INTEGERS: Final = frozenset({"time", "revision", "edition", "superseded_at"})
_NOTHING: Final = {"adjustment_factor": int(np.array(np.nan).view(np.int64)), "withdrawn": 0, "superseded_at": NEVER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One chunk in a segment: where its bytes are, their checksum, and how to decode each column that it has."""

    rows: int
    first: int
    last: int
    offset: int
    length: int
    checksum: int
    columns: dict[str, Column]


class ChunkEncoder:
    """Encodes stretches of rows; use one per thread."""

    def __init__(self) -> None:
        """Start without guesses."""
        self._floats = {name: FloatEncoder() for name in _FLOATS}

    def encode(self, rows: Rows) -> tuple[Chunk, bytes]:
        """Encode up to `CHUNK_ROWS` rows; the chunk does not know its offset in a segment yet."""
        columns: dict[str, Column] = {}
        parts: list[Any] = []
        size = 0
        for name, values in rows.columns():
            if values is None:
                continue
            column, body = self._column(name, values)
            if _says_nothing(name, column):
                continue
            columns[name] = replace(column, offset=size)
            for array in body:
                gap = -array.nbytes % ALIGNMENT
                parts += (array, b"\0" * gap)
                size += array.nbytes + gap
        data = b"".join(parts)
        chunk = Chunk(
            rows=len(rows),
            first=int(rows.time[0]),
            last=int(rows.time[-1]),
            offset=0,
            length=size,
            checksum=xxh3_64_intdigest(data),
            columns=columns,
        )
        return chunk, data

    def _column(self, name: str, values: Array) -> Encoded:
        if name in _FLOATS:
            return self._floats[name].encode(values)
        if name in _INTEGERS:
            return encode_integers(values)
        if name == "withdrawn":
            return encode_flags(values)
        return encode_texts(values)


def _says_nothing(name: str, column: Column) -> bool:
    """Tell whether an optional column holds what its absence means."""
    if column.kind == CONSTANT and not column.patches:
        return _NOTHING.get(name) == column.base
    return column.kind == ABSENT


def stretches(rows: Rows) -> Iterator[Rows]:
    """Cut rows into stretches that fit a chunk each."""
    for first in range(0, len(rows), CHUNK_ROWS):
        yield rows.pick(slice(first, first + CHUNK_ROWS))


def pack_directory(chunks: list[Chunk]) -> bytes:
    """Return the bytes that `unpack_directory` reads."""
    parts = [_NUMBER.pack(len(chunks))]
    for chunk in chunks:
        parts.append(
            _ENTRY.pack(
                chunk.rows, chunk.first, chunk.last, chunk.offset, chunk.length, chunk.checksum, len(chunk.columns)
            )
        )
        for name, column in chunk.columns.items():
            parts += (_NUMBER.pack(COLUMNS.index(name)), column.pack(column.offset))
    return b"".join(parts)


def unpack_directory(data: bytes) -> list[Chunk]:
    """Read a directory whose checksum was found right."""
    (count,) = _NUMBER.unpack_from(data)
    at, chunks = _NUMBER.size, []
    for _ in range(count):
        rows, first, last, offset, length, checksum, wide = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        columns: dict[str, Column] = {}
        for _ in range(wide):
            (number,) = _NUMBER.unpack_from(data, at)
            columns[COLUMNS[number]] = Column.unpack(data, at + _NUMBER.size)
            at += _NUMBER.size + HEAD_SIZE
        chunks.append(
            Chunk(rows=rows, first=first, last=last, offset=offset, length=length, checksum=checksum, columns=columns)
        )
    return chunks
