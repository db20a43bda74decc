"""Segments: immutable files of chunks.

A segment is written, made durable, and only then named in the catalog. Its writer holds a lock on the file until the
catalog names it, so that a file which nobody locks and no catalog names is an orphan of a dead process.
"""

import mmap
import os
import secrets
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np

from barledger.errors import StoreDamaged
from barledger.stores.embedded.encoding import Array
from barledger.stores.embedded.lock import try_lock

SUFFIX: Final = ".segment"
_MAGIC: Final = b"barledger seg 1\n"
_OPEN_AT_MOST: Final = 256


class SegmentWriter:
    """A segment that is being written."""

    def __init__(self, folder: Path) -> None:
        """Make a new file with a name of its own."""
        self.name = secrets.token_hex(8) + SUFFIX
        self._folder = folder
        self._path = folder / self.name
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try_lock(self._descriptor)
        self.size = 0
        self._lock = Lock()
        self.add(_MAGIC)

    def add(self, data: bytes) -> int:
        """Append bytes and return where they begin; threads may add at the same time."""
        with self._lock:
            offset = self.size
            self.size += len(data)
        left, at = memoryview(data), offset
        while left:
            written = os.pwrite(self._descriptor, left, at)
            left, at = left[written:], at + written
        return offset

    def make_durable(self) -> None:
        """Make the file and its name survive a power cut."""
        os.fsync(self._descriptor)
        sync_folder(self._folder)

    def release(self) -> None:
        """Let go of the file: the catalog names it."""
        os.close(self._descriptor)

    def discard(self) -> None:
        """Remove the file: nothing will name it."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_orphan(path: Path) -> bool:
    """Tell whether no living process is writing this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


class SegmentFiles:
    """The segments that are mapped into memory, opened when they are first read."""

    def __init__(self, folder: Path) -> None:
        """Read from this folder."""
        self._folder = folder
        self._maps: OrderedDict[str, Array] = OrderedDict()
        self._prefix = os.path.join(folder, "")  # noqa: PTH118 - as in connection.py
        self._lock = Lock()

    def open(self, name: str, size: int) -> Array:
        """Return a segment's bytes.

        Raises `StoreDamaged` if the file is too short, and `FileNotFoundError` if it is gone, which a reader takes as
        a sign that the catalog has moved on.
        """
        with self._lock:
            found = self._maps.get(name)
            if found is None:
                found = self._maps[name] = _map(self._folder / name, size)
                if len(self._maps) > _OPEN_AT_MOST:
                    self._maps.popitem(last=False)
            else:
                self._maps.move_to_end(name)
            return found

    def check(self, name: str, size: int) -> None:
        """Look whether a segment's file is there and whole; raises as `open` does.

        What is mapped can be read although its file is deleted, and nobody would learn of the loss before the next
        start.
        """
        path = self._prefix + name
        _check_size(path, size, os.stat(path).st_size)  # noqa: PTH116 - as in connection.py

    def forget(self, name: str) -> None:
        """Let go of a segment; readers that still use it keep it."""
        with self._lock:
            self._maps.pop(name, None)

    def path(self, name: str) -> Path:
        """Return where a segment lies."""
        return self._folder / name

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            self._maps.clear()


def _check_size(path: str | Path, size: int, found: int) -> None:
    if found != size:
        raise StoreDamaged(where=str(path), detail=f"it has {found} bytes instead of {size}")


def _map(path: Path, size: int) -> Array:
    with path.open("rb") as file:
        found = os.fstat(file.fileno()).st_size
        _check_size(path, size, found)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise StoreDamaged(where=str(path), detail="it does not begin as a segment")
        return np.frombuffer(mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ), np.uint8)
