"""How a column of a segment becomes bytes, and back, bit for bit.

A column is stored as the first of these that holds it exactly: one constant; a regular step (times); whole numbers
above a minimum in as few bytes as they need, after dividing by a common step (integers) or multiplying by a power of
ten (prices with few decimals); the plain eight bytes.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_DECIMALS: Final = (0, 2, 4, 1, 3, 5, 6, 8)
_WIDTHS: Final = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"))
_EXACT: Final = float(1 << 53)
# Enough to tell the decimals of a column; whether they hold for all of it is checked exactly.
_PROBE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A column's bytes and what is needed to read them: ``kind``, and two numbers that depend on it."""

    kind: str
    dtype: str
    base: int | float
    scale: int
    data: bytes

    def header(self) -> list[Any]:
        """Return all but the bytes, as JSON knows it; doubles as hex, which keeps every bit."""
        base = self.base.hex() if isinstance(self.base, float) else self.base
        return [self.kind, self.dtype, base, self.scale, len(self.data)]


def encode(values: Array) -> Encoded:
    """Encode a column of int64, float64 or bool."""
    if values.dtype == np.bool_:
        return Encoded(kind="plain", dtype="bool", base=0, scale=0, data=values.tobytes())
    return _encode_floats(values) if values.dtype == np.float64 else _encode_integers(values)


def decode_into(header: list[Any], data: memoryview, out: Array) -> None:
    """Decode a column into ``out``, which has its length and type."""
    kind, dtype, base, scale, _ = header
    if kind == "constant":
        out[:] = float.fromhex(base) if isinstance(base, str) else base
    elif kind == "step":
        np.multiply(np.arange(len(out)), scale, out=out)
        out += base
    elif kind == "plain":
        out[:] = np.frombuffer(data, dtype)
    elif kind == "whole":
        np.multiply(np.frombuffer(data, dtype), scale, out=out, casting="unsafe", dtype=np.int64)
        out += base
    else:
        np.add(np.frombuffer(data, dtype), float.fromhex(base), out=out, dtype=np.float64)
        if scale:
            np.divide(out, 10.0**scale, out=out)


def constant_of(header: list[Any]) -> int | float | None:
    """Return the one value of a column, or None if it has several."""
    if header[0] != "constant":
        return None
    return float.fromhex(header[2]) if isinstance(header[2], str) else int(header[2])


def _encode_integers(values: Array) -> Encoded:
    first = int(values[0])
    if bool((values == first).all()):
        return Encoded(kind="constant", dtype="<i8", base=first, scale=0, data=b"")
    steps = np.diff(values)
    step = int(steps[0])
    if bool((steps == step).all()):
        return Encoded(kind="step", dtype="<i8", base=first, scale=step, data=b"")
    low, high = int(values.min()), int(values.max())
    if high - low < 1 << 62:
        above = values - low
        divisor = int(np.gcd.reduce(above))
        narrow = _narrow(above // divisor, (high - low) // divisor)
        if narrow is not None:
            return Encoded(kind="whole", dtype=narrow.dtype.str, base=low, scale=divisor, data=narrow.tobytes())
    return Encoded(kind="plain", dtype="<i8", base=0, scale=0, data=values.astype("<i8").tobytes())


def _encode_floats(values: Array) -> Encoded:
    bits = values.view(np.int64)
    if bool((bits == bits[0]).all()):
        return Encoded(kind="constant", dtype="<f8", base=float(values[0]), scale=0, data=b"")
    with np.errstate(invalid="ignore", over="ignore"):
        for decimals in _DECIMALS:
            if _holds(values[:_PROBE], decimals):
                scaled = _scaled(values, decimals)
                if scaled is not None:
                    return scaled
    return Encoded(kind="plain", dtype="<f8", base=0, scale=0, data=values.astype("<f8").tobytes())


def _holds(values: Array, decimals: int) -> bool:
    return bool((np.rint(values * 10.0**decimals) / 10.0**decimals == values).all())


def _scaled(values: Array, decimals: int) -> Encoded | None:
    """Return the column as whole numbers, if decoding them gives back every bit."""
    whole = np.rint(values * 10.0**decimals)
    low, high = float(whole.min()), float(whole.max())
    if not (-_EXACT < low <= high < _EXACT):
        return None
    narrow = _narrow(whole - low, high - low)
    if narrow is None:
        return None
    encoded = Encoded(kind="decimal", dtype=narrow.dtype.str, base=low, scale=decimals, data=narrow.tobytes())
    back = np.empty_like(values)
    decode_into(encoded.header(), memoryview(encoded.data), back)
    return encoded if bool((back.view(np.int64) == values.view(np.int64)).all()) else None


def _narrow(values: Array, highest: float) -> Array | None:
    width = next((width for width in _WIDTHS if highest <= np.iinfo(width).max), None)
    return None if width is None else values.astype(width)
