"""The writers' lock: one writer at a time, of all processes and threads; the system releases it when one dies."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from barledger.errors import Busy

_FIRST_NAP: Final = 0.0005
_LONGEST_NAP: Final = 0.02


class FileLock:
    """An exclusive lock on a file, held for one write."""

    def __init__(self, path: Path) -> None:
        """Prepare a lock on ``path``, which is made when it is first needed."""
        self._path = path
        self._threads = Lock()
        self._descriptor = -1

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the lock; raises `Busy` after ``patience`` seconds."""
        start = time.monotonic()
        if not self._threads.acquire(timeout=max(patience, 0)):
            raise Busy(what=str(self._path), waited=time.monotonic() - start)
        try:
            self._acquire(start, patience)
            try:
                yield
            finally:
                self._release()
        finally:
            self._threads.release()

    def _acquire(self, start: float, patience: float) -> None:
        nap = _FIRST_NAP
        while not self._attempt():
            waited = time.monotonic() - start
            if waited > patience:
                raise Busy(what=str(self._path), waited=waited)
            time.sleep(nap)
            nap = min(2 * nap, _LONGEST_NAP)

    def _attempt(self) -> bool:
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if not try_lock(self._descriptor):
            return False
        if _is_at(self._descriptor, self._path):
            return True
        # The folder was moved away, and another one lies in its place: its lock is another file.
        os.close(self._descriptor)
        self._descriptor = -1
        return False

    def _release(self) -> None:
        import fcntl  # noqa: PLC0415 - as in try_lock

        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        with self._threads:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is the one that lies at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def try_lock(descriptor: int) -> bool:
    """Lock an open file exclusively if nobody holds it, and tell whether that worked."""
    import fcntl  # noqa: PLC0415 - readers on systems without it need no lock

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
