"""Packing: rows as one blob, for the log of small writes."""

import json
import struct
from typing import Any, Final

import numpy as np

from barledger.domain.rows import COLUMNS, Rows

_HEAD: Final = struct.Struct("<II")
_TEXT: Final = "source_id"
_TYPES: Final = {"withdrawn": "?"} | dict.fromkeys(("time", "revision", "edition", "superseded_at"), "<i8")


def pack(rows: Rows) -> bytes:
    """Return the rows as bytes: their number, which columns there are, and the columns."""
    present = 0
    parts: list[bytes] = []
    for at, (name, column) in enumerate(rows.columns()):
        if column is None:
            continue
        present |= 1 << at
        if name == _TEXT:
            text = json.dumps(column.tolist()).encode()
            parts += [struct.pack("<I", len(text)), text]
        else:
            parts.append(column.tobytes())
    return b"".join([_HEAD.pack(len(rows), present), *parts])


def unpack(data: bytes) -> Rows:
    """Return the rows of a blob."""
    length, present = _HEAD.unpack_from(data)
    at = _HEAD.size
    columns: dict[str, Any] = {}
    for number, name in enumerate(COLUMNS):
        if not present >> number & 1:
            columns[name] = None
        elif name == _TEXT:
            size = struct.unpack_from("<I", data, at)[0]
            columns[name] = np.array(json.loads(data[at + 4 : at + 4 + size]), np.object_)
            at += 4 + size
        else:
            kind = np.dtype(_TYPES.get(name, "<f8"))
            columns[name] = np.frombuffer(data, kind, length, at)
            at += kind.itemsize * length
    return Rows(**columns)
