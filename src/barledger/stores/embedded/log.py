"""Rows as one blob: the form in which small writes wait in the catalog until they are folded into segments."""

from struct import Struct
from typing import Any, Final

import numpy as np

from barledger.domain.rows import COLUMNS, Rows

_HEAD: Final = Struct("<IHH")
_DTYPES: Final = {
    "time": "<i8",
    "adjustment_factor": "<f8",
    "withdrawn": "?",
    "superseded_at": "<i8",
    "revision": "<i8",
    "edition": "<i8",
}
_TYPED: Final = tuple(
    (1 << number, name, np.dtype(_DTYPES.get(name, "<f8")))
    for number, name in enumerate(COLUMNS)
    if name != "source_id"
)
_TEXT: Final = 1 << COLUMNS.index("source_id")
_NUMBERS: Final = Struct("<q")


def encode(rows: Rows) -> bytes:
    """Return rows as a blob; a column whose rows are known to agree is kept as one value."""
    present = constant = 0
    parts: list[bytes] = [b""]
    for bit, name, _ in _TYPED:
        values: Any = getattr(rows, name)
        if values is None:
            continue
        present |= bit
        if values.strides[0] == 0:
            constant |= bit
            values = values[:1]
        parts.append(values.tobytes())
    if rows.source_id is not None:
        present |= _TEXT
        parts.append(_encode_texts(rows.source_id.tolist()))
    parts[0] = _HEAD.pack(len(rows.time), present, constant)
    return b"".join(parts)


def decode(blob: bytes) -> Rows:
    """Return the rows of a blob whose checksum was found right, as views of it."""
    count, present, constant = _HEAD.unpack_from(blob)
    at = _HEAD.size
    columns: dict[str, Any] = {}
    for bit, name, dtype in _TYPED:
        if not present & bit:
            continue
        stored = 1 if constant & bit else count
        values = np.frombuffer(blob, dtype, stored, at)
        at += values.nbytes
        columns[name] = values if stored == count else np.broadcast_to(values[0], (count,))
    if present & _TEXT:
        columns["source_id"] = _decode_texts(blob, at, count)
    return Rows(**columns)


def _encode_texts(values: list[str | None]) -> bytes:
    encoded = [b"" if text is None else text.encode("utf-8", "surrogatepass") for text in values]
    lengths = [-1 if text is None else len(data) for text, data in zip(values, encoded, strict=True)]
    return np.array(lengths, "<i8").tobytes() + b"".join(encoded)


def _decode_texts(blob: bytes, at: int, count: int) -> Any:
    lengths = np.frombuffer(blob, "<i8", count, at).tolist()
    at += 8 * count
    texts = np.empty(count, np.object_)
    for row, length in enumerate(lengths):
        if length >= 0:
            texts[row] = blob[at : at + length].decode("utf-8", "surrogatepass")
            at += length
    return texts
