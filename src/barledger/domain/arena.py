"""Memory for large answers, used again when nobody holds the last one any more.

On virtual machines, memory that is touched for the first time costs more than decoding into it does.
"""

import sys
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_SMALL: Final = 4 << 20
_KEPT: Final = 2
_KEPT_BYTES: Final = 1 << 30
# The references that a block has when only the arena knows it: the list, the loop variable, and the call's argument.
_OWN_REFERENCES: Final = 3


class Arena:
    """Blocks of memory, lent as the columns of an answer."""

    def __init__(self, *, kept: int = _KEPT, limit: int = _KEPT_BYTES) -> None:
        """Start without any; so many are ``kept`` for later, up to ``limit`` bytes of them."""
        self._kept, self._limit = kept, limit
        self._blocks: list[Array] = []
        self._lock = Lock()

    def columns(self, count: int, rows: int) -> list[Array]:
        """Return ``count`` arrays of 8-byte cells; they belong to whoever holds a view of one."""
        stride = -(-rows * 8 // 64) * 64
        block = self._block(count * stride)
        return [block[number * stride : number * stride + 8 * rows] for number in range(count)]

    def _block(self, size: int) -> Array:
        if size < _SMALL:
            return np.empty(size, np.uint8)
        with self._lock:
            for block in self._blocks:
                if sys.getrefcount(block) == _OWN_REFERENCES and size <= len(block) <= 2 * size:
                    return block
            self._blocks = [block for block in self._blocks if sys.getrefcount(block) > _OWN_REFERENCES]
            block = np.empty(size, np.uint8)
            if len(self._blocks) < self._kept and size + sum(map(len, self._blocks)) <= self._limit:
                self._blocks.append(block)
            return block

    def clear(self) -> None:
        """Let go of all blocks."""
        with self._lock:
            self._blocks.clear()
