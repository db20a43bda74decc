"""Answers in MessagePack, decoded as they arrive.

Of the formats that 1.x and 2.x share, this is the fastest to make and to read, it keeps every value exactly, tells a
missing value from an empty text, and shows errors, also those that come in the middle of a long answer. A server
sends an answer as a run of messages; the rows of a message are arrays of one header and one value per column. Rows
whose values take the same room are decoded by viewing the bytes as a table; others by following their lengths, for
all rows at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from barledger.domain.rows import Flags

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]

NIL: Final = 0xC0
_TEXT_WIDTH: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_NUMBERS: Final[dict[int, str]] = {
    0xCA: ">f4",
    0xCB: ">f8",
    0xCC: ">u1",
    0xCD: ">u2",
    0xCE: ">u4",
    0xCF: ">u8",
    0xD0: ">i1",
    0xD1: ">i2",
    0xD2: ">i4",
    0xD3: ">i8",
}
_MISSING: Final[dict[str, Any]] = {"f": np.nan, "i": 0, "O": None}
_LONGEST_HEAD: Final = 9
_SHORT_RUN: Final = 64
_UNREADABLE: Final = 1 << 40  # longer than any answer, so that a row with an unknown value is never taken as complete


def _room() -> Positions:
    """Return for each first byte how many bytes its value takes; long texts are looked at by their own length."""
    room = np.full(256, _UNREADABLE, np.int64)
    room[:0x80] = 1
    room[0xE0:] = 1
    room[0xA0:0xC0] = np.arange(1, 33)
    room[[0xC0, 0xC2, 0xC3]] = 1
    for tag, kind in _NUMBERS.items():
        room[tag] = 1 + np.dtype(kind).itemsize
    return room


_ROOM: Final = _room()


class Unreadable(ValueError):
    """The bytes are no answer of InfluxDB."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an answer; ``missing`` is None if every row has a value."""

    values: npt.NDArray[Any]
    missing: Flags | None = None

    @property
    def gaps(self) -> Flags:
        """Return the mask, made if there is none."""
        return np.zeros(len(self.values), np.bool_) if self.missing is None else self.missing


@dataclass(slots=True)
class Table:
    """The rows of one statement's answer, gathered column by column."""

    columns: Sequence[str] = ()
    parts: list[list[Column]] = field(default_factory=list)

    def column(self, name: str, kind: "npt.DTypeLike") -> Column:
        """Return a column of all parts; its missing values are 0, NaN or None."""
        at = self.columns.index(name)
        pieces = [part[at] for part in self.parts]
        values = _joined([piece.values for piece in pieces], kind)
        if all(piece.missing is None for piece in pieces):
            return Column(values)
        missing = np.concatenate([piece.gaps for piece in pieces])
        values[missing] = _MISSING[values.dtype.kind]
        return Column(values, missing)


@dataclass(slots=True)
class _Frame:
    """A map or array being read; ``left`` counts its keys and values still to come."""

    is_map: bool
    left: int
    path: str
    key: str = ""


class Decoder:
    """Takes an answer's bytes piece by piece; raises `Unreadable`.

    ``tables`` has the rows by the number of the statement, ``answered`` the statements that the server has come to,
    ``errors`` what it says went wrong.
    """

    def __init__(self) -> None:
        """Start before the first byte."""
        self.tables: dict[int, Table] = {}
        self.answered: set[int] = set()
        self.errors: list[str] = []
        self._buffer = b""
        self._at = 0
        self._frames: list[_Frame] = []
        self._statement = -1
        self._columns: list[str] = []
        self._rows_left = 0
        self._unfinished = False

    @property
    def complete(self) -> bool:
        """Whether the bytes so far are whole messages, and the last one says that no more follow."""
        return not (self._frames or self._rows_left or self._unfinished or self._at < len(self._buffer))

    def feed(self, data: bytes) -> None:
        """Decode what is complete, and keep the rest for the next piece."""
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0
        while self._at < len(self._buffer):
            before = self._at
            if self._rows_left:
                self._rows()
            else:
                self._token()
            if self._at == before:
                return

    # --- what stands around the rows ----------------------------------------------------------

    def _token(self) -> None:
        if not self._frames:
            self._unfinished = False
        head, room = _head(self._buffer, self._at)
        if self._at + room > len(self._buffer):
            return
        start, self._at = self._at, self._at + room
        if isinstance(head, _Frame):
            self._open(head)
        else:
            self._take(_scalar(self._buffer, start, room, head))

    def _open(self, frame: _Frame) -> None:
        parent = self._frames[-1] if self._frames else None
        if parent:
            frame.path = f"{parent.path}/{parent.key}" if parent.is_map else parent.path
        if frame.path == "/results/series/columns":
            self._columns = []
        if frame.path == "/results/series/values":
            self._rows_left = frame.left
            frame.left = 0
        self._frames.append(frame)
        if not self._rows_left:
            self._close()

    def _take(self, value: Any) -> None:
        if not self._frames:
            raise Unreadable("a message does not begin with a map")
        frame = self._frames[-1]
        if frame.is_map and frame.left % 2 == 0:
            frame.key = str(value)
        else:
            self._told(frame, value)
        frame.left -= 1
        self._close()

    def _told(self, frame: _Frame, value: Any) -> None:
        where = f"{frame.path}/{frame.key}" if frame.is_map else frame.path
        if where.endswith("/error"):
            self.errors.append(str(value))
        elif where == "/results/statement_id":
            self._statement = int(value)
            self.answered.add(self._statement)
        elif where == "/results/series/columns":
            self._columns.append(str(value))
        elif where.endswith("/partial"):
            self._unfinished = self._unfinished or bool(value)

    def _close(self) -> None:
        while self._frames and not self._frames[-1].left:
            self._frames.pop()
            if self._frames:
                self._frames[-1].left -= 1

    # --- rows ---------------------------------------------------------------------------------

    def _rows(self) -> None:
        data = np.frombuffer(self._buffer, np.uint8)
        positions = self._positions(data)
        if positions is None:
            return
        table = self.tables.setdefault(self._statement, Table(columns=tuple(self._columns)))
        columns, used, count = positions
        table.parts.append(columns)
        self._at += used
        self._rows_left -= count
        if not self._rows_left:
            self._close()

    def _positions(self, data: Bytes) -> tuple[list[Column], int, int] | None:
        """Return the columns of the next rows, the bytes that they took and their number, if one is complete."""
        layout = _layout(self._buffer, self._at, len(self._columns))
        if layout is not None:
            run = _run(data[self._at :], layout, self._rows_left)
            if run >= min(self._rows_left, _SHORT_RUN):
                stride = layout[-1]
                return [_strided(data, self._at + at, stride, run) for at in layout[:-1]], run * stride, run
        return _scattered(data[self._at :], len(self._columns), self._rows_left)


def _head(data: bytes, at: int) -> tuple[Any, int]:
    """Return a frame, or the first byte of a scalar, and the bytes that it takes."""
    tag = data[at]
    if 0x80 <= tag < 0xA0:
        is_map = tag < 0x90
        return _Frame(is_map, (tag & 0xF) * (2 if is_map else 1), ""), 1
    if 0xDC <= tag <= 0xDF:
        width = 2 if tag in {0xDC, 0xDE} else 4
        count = int.from_bytes(data[at + 1 : at + 1 + width], "big")
        return _Frame(tag >= 0xDE, count * (2 if tag >= 0xDE else 1), ""), 1 + width
    if tag in _TEXT_WIDTH:
        width = _TEXT_WIDTH[tag]
        return tag, 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "big")
    room = int(_ROOM[tag])
    if room == _UNREADABLE:
        raise Unreadable(f"no value begins with {tag:#x}")
    return tag, room


def _scalar(data: bytes, at: int, room: int, tag: int) -> Any:
    if tag < 0x80:
        return tag
    if tag >= 0xE0:
        return tag - 0x100
    if tag in {0xC0, 0xC2, 0xC3}:
        return {0xC0: None, 0xC2: False, 0xC3: True}[tag]
    if tag in _NUMBERS:
        return np.frombuffer(data, _NUMBERS[tag], 1, at + 1)[0].item()
    return data[at + 1 + _TEXT_WIDTH.get(tag, 0) : at + room].decode()


def _layout(data: bytes, at: int, columns: int) -> list[int] | None:
    """Return where the values of the row at ``at`` begin within it, and its length, if no text is among them."""
    start, header = at, _array_header(columns)
    if data[at : at + len(header)] != header:
        if data[at : at + 1] and not header.startswith(data[at : at + len(header)]):
            raise Unreadable("a row does not have a value for each column")
        return None
    at += len(header)
    places = []
    for _ in range(columns):
        if at >= len(data) or 0xA0 <= data[at] < 0xC0 or data[at] in _TEXT_WIDTH:
            return None
        places.append(at - start)
        at += int(_ROOM[data[at]])
    return [*places, at - start]


def _array_header(columns: int) -> bytes:
    return bytes([0x90 | columns]) if columns < 16 else b"\xdc" + columns.to_bytes(2, "big")


def _run(data: Bytes, layout: list[int], most: int) -> int:
    """Return how many rows at the beginning of ``data`` have this layout."""
    stride = layout[-1]
    count = min(most, len(data) // stride)
    if not count:
        return 0
    rows = data[: count * stride].reshape(count, stride)
    same = rows[:, 0] == rows[0, 0]
    for at in layout[:-1]:
        tags = rows[:, at]
        same &= (tags < 0x80) | (tags >= 0xE0) if _ROOM[tags[0]] == 1 and tags[0] != NIL else tags == tags[0]
    return count if bool(same.all()) else int(np.argmin(same))


def _strided(data: Bytes, at: int, stride: int, count: int) -> Column:
    tag = int(data[at])
    if tag == NIL:
        return Column(np.zeros(count, np.int64), np.ones(count, np.bool_))
    kind, skip = (_NUMBERS[tag], 1) if tag in _NUMBERS else ("i1", 0)
    room = data[at + skip :]
    view: npt.NDArray[Any] = np.ndarray((count,), kind, room.data, 0, (stride,))
    return Column(view.astype(view.dtype.newbyteorder("=") if skip else np.int64))


def _scattered(data: Bytes, columns: int, most: int) -> tuple[list[Column], int, int] | None:
    """Return the columns of rows whose values take different room."""
    header = _array_header(columns)
    padded = np.concatenate([data, np.full(_LONGEST_HEAD, 0xC1, np.uint8)])
    starts = np.flatnonzero(data == header[0])
    places: list[Positions] = []
    at = starts + len(header)
    for _ in range(columns):
        places.append(at)
        at = at + _rooms(padded, at)
    ends = np.where(at <= len(data), at, -1)
    chain = _chain(starts, ends, most)
    if not len(chain):
        return None
    return [_gathered(padded, place[chain]) for place in places], int(ends[chain[-1]]), len(chain)


def _rooms(padded: Bytes, at: Positions) -> Positions:
    """Return how many bytes each value takes; beyond the end, more than there are."""
    inside = np.minimum(at, len(padded) - _LONGEST_HEAD)
    tags = padded[inside]
    rooms = _ROOM[tags]
    for tag, width in _TEXT_WIDTH.items():
        long = tags == tag
        if bool(long.any()):
            rooms[long] = 1 + width + _numbers(padded, inside[long] + 1, f">u{width}").astype(np.int64)
    return rooms


def _chain(starts: Positions, ends: Positions, most: int) -> Positions:
    """Return which of the possible starts are rows: the first byte is one, and so is what follows on the end of one."""
    if not len(starts) or starts[0]:
        return np.empty(0, np.int64)
    after = np.searchsorted(starts, ends)
    follows = np.append(starts, -2)[after] == ends
    links, linked, whole = after.tolist(), follows.tolist(), (ends >= 0).tolist()
    chain: list[int] = []
    at = 0
    while whole[at] and len(chain) < most:
        chain.append(at)
        if not linked[at]:
            break
        at = links[at]
    return np.array(chain, np.int64)


def _gathered(padded: Bytes, at: Positions) -> Column:
    tags = padded[at]
    missing = tags == NIL
    kinds = [int(tag) for tag in np.unique(tags) if tag != NIL]
    if any(0xA0 <= tag < 0xC0 or tag in _TEXT_WIDTH for tag in kinds):
        return Column(_texts(padded, at, tags), missing)
    real = any(tag in {0xCA, 0xCB} for tag in kinds)
    values: npt.NDArray[Any] = np.full(len(at), np.nan) if real else np.zeros(len(at), np.int64)
    for tag in kinds:
        chosen = tags == tag
        kind, skip = (_NUMBERS[tag], 1) if tag in _NUMBERS else (">i1", 0)
        values[chosen] = _numbers(padded, at[chosen] + skip, kind)
    return Column(values, missing if bool(missing.any()) else None)


def _numbers(padded: Bytes, at: Positions, kind: str) -> npt.NDArray[Any]:
    width = np.dtype(kind).itemsize
    numbers: npt.NDArray[Any] = padded[at[:, None] + np.arange(width)].view(kind)[:, 0]
    return numbers


def _texts(padded: Bytes, at: Positions, tags: Bytes) -> npt.NDArray[Any]:
    data = padded.tobytes()
    return np.array(list(_each_text(data, at.tolist(), tags.tolist())) or [None], object)[: len(at)]


def _each_text(data: bytes, at: list[int], tags: list[int]) -> Iterator[str | None]:
    for place, tag in zip(at, tags, strict=True):
        yield None if tag == NIL else _scalar(data, place, _head(data, place)[1], tag)


def _joined(pieces: list[npt.NDArray[Any]], kind: "npt.DTypeLike") -> npt.NDArray[Any]:
    return np.concatenate(pieces).astype(kind, copy=False) if len(pieces) != 1 else pieces[0].astype(kind, copy=False)
