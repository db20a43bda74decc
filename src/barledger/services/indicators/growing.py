"""Growing columns: more values at the end, and those that are there neither move nor change for whoever holds them."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
_SHARE: Final = 8
_LEAST: Final = 1_024


class Growing:
    """A column with room at its end, from when it first grows. Not for several threads at once."""

    __slots__ = ("_buffer", "_size")

    def __init__(self, values: Column) -> None:
        """Hold values without copying them."""
        self._buffer, self._size = values, len(values)

    def __len__(self) -> int:
        """Return the number of values."""
        return self._size

    @property
    def nbytes(self) -> int:
        """Return the memory that it takes, with the room at its end."""
        return int(self._buffer.nbytes)

    def view(self) -> Column:
        """Return all values, read-only."""
        view = self._buffer[: self._size]
        view.flags.writeable = False
        return view

    def extend(self, values: Column) -> None:
        """Put values at the end."""
        size = self._size + len(values)
        if size > len(self._buffer) or not self._buffer.flags.writeable:
            larger = np.empty(size + size // _SHARE + _LEAST, self._buffer.dtype)
            larger[: self._size] = self._buffer[: self._size]
            self._buffer = larger
        self._buffer[self._size : size] = values
        self._size = size
