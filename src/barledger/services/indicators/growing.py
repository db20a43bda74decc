"""Growing columns: more values at the end, and those that are there neither move nor change for whoever holds them."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from barledger.domain.rows import Floats, Ints, Rows, concat

Column = npt.NDArray[Any]
_SHARE: Final = 8
_LEAST: Final = 1_024
_JOINED: Final = 32


class Growing:
    """A column, or several below each other, with room at the end from when they first grow.

    Not for several threads at once.
    """

    __slots__ = ("_buffer", "_size")

    def __init__(self, values: Column, size: int | None = None) -> None:
        """Hold values without copying them, (rows,) or (columns, rows); what lies behind a ``size`` is room."""
        self._buffer, self._size = values, values.shape[-1] if size is None else size

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._size

    @property
    def nbytes(self) -> int:
        """Return the memory that it takes, with the room at its end."""
        return int(self._buffer.nbytes)

    def view(self) -> Column:
        """Return all values, read-only."""
        view = self._buffer[..., : self._size]
        view.flags.writeable = False
        return view

    def extend(self, values: Column) -> None:
        """Put values at the end."""
        size = self._size + values.shape[-1]
        if size > self._buffer.shape[-1]:
            larger = np.empty((*self._buffer.shape[:-1], _roomy(size)), self._buffer.dtype)
            larger[..., : self._size] = self._buffer[..., : self._size]
            self._buffer = larger
        if size > self._size:
            self._buffer[..., self._size : size] = values
            self._size = size


class GrowingColumns:
    """Times and columns of numbers that grow together: moved once when they first grow."""

    __slots__ = ("_columns", "_names", "_of", "_time")

    def __init__(self, time: Ints, columns: Mapping[str, Floats]) -> None:
        """Hold times as they are, and columns, of which there are several, in one piece."""
        block = np.empty((len(columns), _roomy(len(time))))
        for row, values in zip(block, columns.values(), strict=True):
            row[: len(time)] = values
        # A spec may name the instrument of the bars, as in @AAPL.close.
        self._names, self._of = tuple(columns), attrgetter(*(name.rpartition(".")[2] for name in columns))
        self._time, self._columns = Growing(time), Growing(block, len(time))

    @property
    def nbytes(self) -> int:
        """Return the memory that they take, with the room at their ends."""
        return self._time.nbytes + self._columns.nbytes

    def extend(self, rows: Rows) -> dict[str, bool]:
        """Put rows at the end, and tell which columns of them have all values."""
        columns = self._of(rows)
        values = np.array([np.full(len(rows), np.nan) if one is None else one for one in columns])
        self._time.extend(rows.time)
        self._columns.extend(values)
        finite = np.isfinite(values)
        if bool(finite.all()):
            return dict.fromkeys(self._names, True)
        return dict(zip(self._names, finite.all(axis=1).tolist(), strict=True))

    def view(self) -> tuple[Ints, dict[str, Floats]]:
        """Return the times and all columns, read-only."""
        return self._time.view(), dict(zip(self._names, self._columns.view(), strict=True))


def piled(parts: tuple[Rows, ...], rows: Rows) -> tuple[Rows, ...]:
    """Return parts with one more; what is alike in size is joined now and then, so that there are few of them."""
    parts = (*parts, rows)
    while len(parts) >= _JOINED and len(parts[-_JOINED]) < _JOINED * len(parts[-1]):
        parts = (*parts[:-_JOINED], concat(parts[-_JOINED:]))
    return parts


def _roomy(size: int) -> int:
    return size + size // _SHARE + _LEAST
