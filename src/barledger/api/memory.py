"""Memory of a server: what an answer needed goes back to the system once it is sent.

Allocators keep what was freed for the thread that freed it, and the steps of an answer are done by one thread after the
other: with many long answers at once a worker would come to hold several times what all of them need together. Arrow's
own allocator keeps most, so it is left out; of the C library's there are two heaps for all threads, and columns and
pieces of answers come from outside of them.
"""

import ctypes
from typing import Final

# Of glibc's malloc.h; other C libraries have no such call, and keep less.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

_HEAPS: Final = 2
_LARGE: Final = 1 << 20
_SPARE: Final = 1 << 24


def give_back() -> None:
    """Let this process give freed memory back; to be called before it has threads, in a process that serves alone."""
    import pyarrow as pa  # noqa: PLC0415 - only what serves needs it

    pa.set_memory_pool(pa.system_memory_pool())
    try:
        choose = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for name, value in ((_ARENA_MAX, _HEAPS), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _SPARE)):
        choose(name, value)
