"""How one column of one chunk becomes bytes, and comes back bit for bit.

Every encoding can be entered at any row, so a short read costs little, and is decoded by a few passes over memory that
is in the cache. An encoding is only chosen after the values were decoded again and compared, bit by bit. Values that
do not fit the pattern of the others are *patches*: kept beside it by position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Piece = tuple[int, int]

ABSENT: Final = 0
CONSTANT: Final = 1
STEP: Final = 2
OFFSET: Final = 3
DECIMAL: Final = 4
SINGLE: Final = 5
RAW: Final = 6
TEXT: Final = 7

ALIGNMENT: Final = 8
CHUNK_ROWS: Final = 65_536

_HEAD: Final = Struct("<BBbxIqqQ")
HEAD_SIZE: Final = _HEAD.size
_CODES: Final[dict[int, np.dtype[Any]]] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}
_LARGEST_EXACT: Final = float(2**53)
_LARGEST_INTEGER: Final = 2**63 - 1
_NEGATIVE_ZERO: Final = -(2**63)
_MOST_DECIMALS: Final = 12
_SAMPLE: Final = 48
# More patches than this share of the rows, and storing all values as they are is smaller or faster.
_PATCHED_SHARE: Final = 16


@dataclass(frozen=True, slots=True)
class Column:
    """What is needed to decode a column: ``offset`` counts from the start of the chunk.

    ``base`` and ``step`` are the parameters of the kind: a constant's bits, the first value and the step, the value
    that code 0 stands for; a decimal is ``(base + code) / 10 ** exponent``. Of text, ``patches`` counts the words.
    """

    kind: int
    width: int = 0
    exponent: int = 0
    patches: int = 0
    base: int = 0
    step: int = 0
    offset: int = 0

    def pack(self, offset: int) -> bytes:
        """Return the fixed-size form, for a body that lies at ``offset``."""
        return _HEAD.pack(self.kind, self.width, self.exponent, self.patches, self.base, self.step, offset)

    @staticmethod
    def unpack(data: bytes, at: int) -> "Column":
        """Read the fixed-size form."""
        return Column(*_HEAD.unpack_from(data, at))


Encoded = tuple[Column, list[Array]]
"""A column, and the arrays that its body consists of, each to be padded to the alignment."""


# --- integers --------------------------------------------------------------------------------------


def encode_integers(values: Array) -> Encoded:
    """Encode int64 values."""
    first = int(values[0])
    if values.strides == (0,) or bool((values == values[0]).all()):
        return Column(CONSTANT, base=first), []
    steps = np.diff(values)
    step = int(steps[0])
    if bool((steps == step).all()) and abs(first) + CHUNK_ROWS * abs(step) < _LARGEST_INTEGER:
        return Column(STEP, base=first, step=step), []
    return _patched_constant(values) or _offsets(values, steps) or _raw(values)


def _patched_constant(values: Array) -> Encoded | None:
    usual = np.sort(values[:: max(1, len(values) // _SAMPLE)])
    middle = usual[len(usual) // 2]
    odd = np.flatnonzero(values != middle)
    if len(odd) * _PATCHED_SHARE > len(values):
        return None
    return Column(CONSTANT, base=int(middle), patches=len(odd)), [odd.astype("<u4"), values[odd].astype("<i8")]


def _offsets(values: Array, steps: Array) -> Encoded | None:
    low, high = int(values.min()), int(values.max())
    if high - low > _LARGEST_INTEGER:
        return None
    divisor = int(np.gcd.reduce(steps))
    width = _width((high - low) // divisor)
    if width is None:
        return None
    codes = ((values - low) // divisor).astype(_CODES[width])
    return Column(OFFSET, width=width, base=low, step=divisor), [codes]


def _width(largest: int) -> int | None:
    return next((width for width in _CODES if largest < 1 << 8 * width), None)


def _raw(values: Array) -> Encoded:
    return Column(RAW), [np.ascontiguousarray(values).view("<i8")]


# --- numbers ---------------------------------------------------------------------------------------


class FloatEncoder:
    """Encodes float64 values; remembers how many decimals the column had, since the next chunk has as many."""

    def __init__(self) -> None:
        """Start without a guess; the buffers serve chunk after chunk, because fresh memory is slow."""
        self._decimals = 0
        self._scaled = np.empty(CHUNK_ROWS)
        self._decoded = np.empty(CHUNK_ROWS)

    def encode(self, values: Array) -> Encoded:
        """Encode one chunk of values."""
        bits = np.ascontiguousarray(values).view(np.int64)
        if bits[0] == bits[-1] and bool((bits == bits[0]).all()):
            return Column(CONSTANT, base=int(bits[0])), []
        with np.errstate(all="ignore"):
            return self._decimal(values, bits) or _single(values, bits) or _raw(bits)

    def _decimal(self, values: Array, bits: Array) -> Encoded | None:
        decimals = self._guess(values)
        if decimals is None:
            return None
        self._decimals = decimals
        size, power = len(values), float(10**decimals)
        scaled, decoded = self._scaled[:size], self._decoded[:size]
        np.multiply(values, power, out=scaled)
        np.rint(scaled, out=scaled)
        np.divide(scaled, power, out=decoded)
        fits = decoded.view(np.int64) == bits
        odd = np.flatnonzero(~fits) if not fits.all() else fits[:0].view(np.int8)
        if len(odd) * _PATCHED_SHARE > size:
            return None
        if len(odd):
            scaled[odd] = scaled[int(fits.argmax())]
        low, high = float(scaled.min()), float(scaled.max())
        width = _width(int(high - low)) if max(-low, high) < _LARGEST_EXACT else None
        if width is None or (low <= 0 and bool((bits == _NEGATIVE_ZERO).any())):
            return None
        if low > 0 and _width(int(high)) == width:
            low = 0.0  # decoding saves a pass
        if low:
            scaled -= low
        patches = [odd.astype("<u4"), bits[odd]] if len(odd) else []
        column = Column(DECIMAL, width=width, exponent=decimals, patches=len(odd), base=int(low))
        return column, [*patches, scaled.astype(_CODES[width])]

    def _guess(self, values: Array) -> int | None:
        """Return the fewest decimals that most of a sample needs, or None."""
        sample = values[:: max(1, len(values) // _SAMPLE)]
        sample = sample[np.isfinite(sample)]
        if not len(sample):
            return None
        known = self._decimals
        if _has_decimals(sample, known) and not (known and _has_decimals(sample, known - 1)):
            return known
        return next((decimals for decimals in range(_MOST_DECIMALS + 1) if _has_decimals(sample, decimals)), None)


def _has_decimals(sample: Array, decimals: int) -> bool:
    power = float(10**decimals)
    wrong = np.count_nonzero(np.rint(sample * power) / power != sample)
    return bool(wrong * _PATCHED_SHARE <= len(sample))


def _single(values: Array, bits: Array) -> Encoded | None:
    """Encode single precision, which some vendors send, and which looks random as decimals."""
    singles = values.astype("<f4")
    return (Column(SINGLE, width=4), [singles]) if np.array_equal(singles.astype("<f8").view(np.int64), bits) else None


# --- flags and text --------------------------------------------------------------------------------


def encode_flags(values: Array) -> Encoded:
    """Encode truth values."""
    return encode_integers(values.astype(np.int64))


def encode_texts(values: Array) -> Encoded:
    """Encode text or None by its different words."""
    words = list(dict.fromkeys(values.tolist()))
    if words == [None]:
        return Column(ABSENT), []
    number = {word: at for at, word in enumerate(words)}
    codes = np.fromiter(map(number.__getitem__, values.tolist()), np.int64, len(values))
    encoded = [b"" if word is None else word.encode("utf-8", "surrogatepass") for word in words]
    lengths = np.array([-1 if word is None else len(data) for word, data in zip(words, encoded, strict=True)], "<i8")
    width = _width(len(words)) or 4
    body = np.frombuffer(b"".join(encoded), np.uint8)
    return Column(TEXT, width=width, patches=len(words), base=len(body)), [
        lengths,
        codes.astype(_CODES[width]),
        body,
    ]


# --- decoding --------------------------------------------------------------------------------------


def decode(column: Column, chunk: Array, rows: int, pieces: Sequence[Piece], out: Array) -> None:
    """Decode the rows of ``pieces`` (ascending, disjoint), one after the other, into ``out``.

    ``chunk`` is the chunk's bytes (uint8), whose checksum was found right, ``rows`` the number of its rows.
    """
    if column.kind == TEXT:
        _decode_texts(column, chunk, rows, pieces, out)
        return
    at = column.offset
    if column.patches:
        at += _padded(4 * column.patches) + 8 * column.patches
    _FILLERS[column.kind](column, chunk, at, rows, pieces, out)
    if column.patches:
        _patch(column, chunk, pieces, out)


def _fill_constant(column: Column, _chunk: Array, _at: int, _rows: int, _pieces: Sequence[Piece], out: Array) -> None:
    out.view(np.int64).fill(column.base)


def _fill_steps(column: Column, _chunk: Array, _at: int, _rows: int, pieces: Sequence[Piece], out: Array) -> None:
    done = 0
    for first, last in pieces:
        ramp = _ramp(column.step)[: last - first]
        np.add(ramp, column.base + first * column.step, out=out[done : done + last - first])
        done += last - first


def _fill_offsets(column: Column, chunk: Array, at: int, rows: int, pieces: Sequence[Piece], out: Array) -> None:
    np.copyto(out, _codes(column, chunk, at, rows, pieces))
    if column.step != 1:
        np.multiply(out, column.step, out=out)
    np.add(out, column.base, out=out)


def _fill_decimals(column: Column, chunk: Array, at: int, rows: int, pieces: Sequence[Piece], out: Array) -> None:
    np.copyto(out, _codes(column, chunk, at, rows, pieces))
    if column.base:
        np.add(out, float(column.base), out=out)
    if column.exponent:
        np.divide(out, float(10**column.exponent), out=out)


def _fill_singles(_column: Column, chunk: Array, at: int, rows: int, pieces: Sequence[Piece], out: Array) -> None:
    np.copyto(out, _select(chunk[at : at + 4 * rows].view("<f4"), pieces))


def _fill_raw(_column: Column, chunk: Array, at: int, rows: int, pieces: Sequence[Piece], out: Array) -> None:
    np.copyto(out.view(np.int64), _select(chunk[at : at + 8 * rows].view("<i8"), pieces))


_FILLERS: Final = {
    CONSTANT: _fill_constant,
    STEP: _fill_steps,
    OFFSET: _fill_offsets,
    DECIMAL: _fill_decimals,
    SINGLE: _fill_singles,
    RAW: _fill_raw,
}

_ramps: dict[int, Array] = {}


def _ramp(step: int) -> Array:
    """Return the first multiples of a step; there are as many steps as timeframes, so they are kept."""
    ramp = _ramps.get(step)
    if ramp is None:
        ramp = np.arange(CHUNK_ROWS, dtype=np.int64) * step
        if len(_ramps) < len(_CODES) * 8:
            _ramps[step] = ramp
    return ramp


def _codes(column: Column, chunk: Array, at: int, rows: int, pieces: Sequence[Piece]) -> Array:
    return _select(chunk[at : at + column.width * rows].view(_CODES[column.width]), pieces)


def _select(values: Array, pieces: Sequence[Piece]) -> Array:
    if len(pieces) == 1:
        first, last = pieces[0]
        return values[first:last]
    return np.concatenate([values[first:last] for first, last in pieces])


def _patch(column: Column, chunk: Array, pieces: Sequence[Piece], out: Array) -> None:
    positions = chunk[column.offset : column.offset + 4 * column.patches].view("<u4")
    at = column.offset + _padded(4 * column.patches)
    values = chunk[at : at + 8 * column.patches].view("<i8")
    bits, done = out.view(np.int64), 0
    for first, last in pieces:
        low, high = np.searchsorted(positions, (first, last))
        if low < high:
            bits[positions[low:high].astype(np.int64) + (done - first)] = values[low:high]
        done += last - first


def _decode_texts(column: Column, chunk: Array, rows: int, pieces: Sequence[Piece], out: Array) -> None:
    at = column.offset
    lengths = chunk[at : at + 8 * column.patches].view("<i8")
    at += 8 * column.patches
    codes = _codes(column, chunk, at, rows, pieces)
    at += _padded(column.width * rows)
    body = chunk[at : at + column.base].tobytes()
    words, start = np.empty(column.patches, np.object_), 0
    for number, length in enumerate(lengths.tolist()):
        if length >= 0:
            words[number] = body[start : start + length].decode("utf-8", "surrogatepass")
            start += length
    out[:] = words[codes]


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def search(column: Column, chunk: Array, rows: int, times: Array) -> Array:
    """Return, of an ascending column without patches, the position of the first row that is not before each time."""
    if column.kind == STEP:
        times = np.minimum(np.maximum(times, column.base), column.base + rows * column.step)
        return np.asarray(-((column.base - times) // column.step))
    if column.kind == CONSTANT:
        return np.asarray(np.where(times <= column.base, 0, rows))
    values = np.empty(rows, np.int64)
    decode(column, chunk, rows, ((0, rows),), values)
    return np.asarray(values.searchsorted(times))
