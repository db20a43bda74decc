"""Memory of a server: what an answer needed goes back to the system once it is sent.

Allocators keep what was freed for the thread that freed it, and the steps of an answer are done by one thread after the
other: with many long answers at once a worker would come to hold several times what all of them need together. Arrow's
own allocator keeps most, so it is left out; the C library's has two heaps for all threads, columns and pieces of
answers lie outside of them, and at the end of a stream it is asked to give back what is free.
"""

import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

# Of glibc's malloc.h; other C libraries have no such calls, and keep less.
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
    for name, value in ((_ARENA_MAX, _HEAPS), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _SPARE)):
        _call("mallopt")(name, value)


def given_back(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Give the parts of an answer, and at their end, be it before the last, give back what they needed."""
    try:
        yield from parts
    finally:
        del parts
        # About a millisecond.
        _call("malloc_trim")(0)


@cache
def _call(name: str) -> Callable[..., Any]:
    """Return a function of the C library, or one that does nothing where there is none."""
    try:
        found: Callable[..., Any] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return lambda *_: None
    return found
