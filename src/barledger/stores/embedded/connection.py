"""Opening the catalog: for the writer, and for readers, who may not be able to write into the folder.

A reader that cannot make SQLite's shared-memory file has three ways. While a writer is there, it uses the writer's.
When nobody is there and the log of SQLite (``-wal``) is gone, the catalog is one file that does not change, and is
opened as immutable; a stamp of the files tells when that ends. When a writer died and left its ``-wal`` behind, the
reader works on a copy of both files.

A folder can be moved away, or another one put in its place, under an open connection, which goes on reading what it
opened. So the catalog is looked for by its path at each use, and known by the number of its file.
"""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from struct import Struct
from typing import Final

from xxhash import xxh3_64_intdigest

from barledger.errors import StoreUnavailable
from barledger.stores.embedded.catalog import FORMAT, SCHEMA, Head, put_head
from barledger.stores.embedded.segment import sync_folder

CATALOG: Final = "catalog.sqlite"
COMMITS: Final = "commits"
_PATIENCE: Final = 10.0
_COUNT: Final = Struct("<QQ")
Stamp = tuple[tuple[int, int, int] | None, tuple[int, int, int] | None]
Identity = tuple[int, int]


def create(folder: Path) -> None:
    """Make an empty catalog, which appears at once or not at all; the caller holds the writers' lock."""
    path, draft = folder / CATALOG, folder / f"{CATALOG}-draft"
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(SCHEMA)
    put_head(
        connection,
        Head(format=FORMAT, commits=0, sequence=0, ledger="", revision=0, layers=0, total=0),
    )
    connection.close()
    draft.rename(path)
    sync_folder(folder)


def connect(path: Path, parameters: str) -> sqlite3.Connection:
    """Open a catalog by URI; threads may share the connection, one at a time."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{parameters}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_PATIENCE,
    )


def connect_for_writing(path: Path) -> sqlite3.Connection:
    """Open a catalog for the writer: what is committed is on the disk."""
    connection = connect(path, "mode=rw")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


class ReadConnection:
    """A reader's connection, which follows the catalog from one mode to the next."""

    def __init__(self, folder: Path, *, shared: bool) -> None:
        """Read this folder's catalog; ``shared`` says that SQLite may make its files there."""
        self.path = folder / CATALOG
        self.identity: Identity | None = None
        self._shared = shared
        self._name = str(self.path)
        self._log = folder / f"{CATALOG}-wal"
        self._connection: sqlite3.Connection | None = None
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._stamp: Stamp | None = None
        self._version = -1

    def current(self) -> sqlite3.Connection | None:
        """Return a connection that sees what is committed now, or None if there never was a catalog.

        Another file in the place of the one that was opened is opened, and has another ``identity``. Raises
        `StoreUnavailable` while there is none any more.
        """
        found = identity_of(self._name)
        if found is None and self.identity is not None:
            raise StoreUnavailable(url=str(self.path.parent), detail=f"{CATALOG} is not there any more")
        same = self._connection is not None and found == self.identity
        if same and (self._stamp is None or self._stamp == self._look()):
            return self._connection
        self.close()
        return self._opened(found)

    def _opened(self, found: Identity | None) -> sqlite3.Connection | None:
        stamp = self._look()
        if stamp[0] is None:
            return None
        self.identity = found
        if self._shared:
            self._connection = connect(self.path, "mode=rw")
        elif stamp[1] is None:
            self._connection, self._stamp = connect(self.path, "mode=ro&immutable=1"), stamp
        else:
            self._connection = self._attach(stamp)
        return self._connection if identity_of(self._name) == found else self.current()

    def changed(self) -> bool:
        """Tell whether others committed since this was last asked; the connection is current."""
        if self._connection is None:
            return True
        if self._stamp is not None:
            version = hash(self._stamp)
        else:
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return False
        self._version = version
        return True

    def steady(self) -> bool:
        """Tell whether what was read since `current` is of one piece."""
        return self._stamp is None or self._stamp == self._look()

    def close(self) -> None:
        """Close it; `current` opens it again."""
        if self._connection is not None:
            self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()
        self._connection = self._copy = self._stamp = None
        self._version = -1

    def _attach(self, stamp: Stamp) -> sqlite3.Connection:
        connection = connect(self.path, "mode=ro")
        try:
            connection.execute("SELECT format FROM head").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            return self._open_copy(stamp)
        return connection

    def _open_copy(self, stamp: Stamp) -> sqlite3.Connection:
        self._copy = tempfile.TemporaryDirectory(prefix="barledger-")
        copy = Path(self._copy.name) / CATALOG
        shutil.copyfile(self.path, copy)
        shutil.copyfile(self._log, copy.with_name(self._log.name))
        self._stamp = stamp
        return connect(copy, "mode=rw")

    def _look(self) -> Stamp:
        return _stamp(self.path), _stamp(self._log)


def identity_of(path: str | Path) -> Identity | None:
    """Return what tells a file from any other that was or will be at its path, or None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - each read asks, and a path of pathlib costs as much again
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


# --- the count of commits --------------------------------------------------------------------------


class CommitCount:
    """How many commits there were, kept outside the catalog.

    SQLite ends its log silently at the first damaged page, and would show an older state; this number tells. It is
    written after each commit, without waiting for the disk: it may be behind, never ahead.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the count in this folder."""
        self.path = folder / COMMITS

    def read(self) -> int | None:
        """Return the count, or None if there is none that can be read."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        if len(data) != _COUNT.size:
            return None
        commits, digest = _COUNT.unpack(data)
        return commits if digest == xxh3_64_intdigest(data[:8]) else None

    def write(self, commits: int) -> None:
        """Note the count."""
        data = commits.to_bytes(8, "little")
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.pwrite(descriptor, _COUNT.pack(commits, xxh3_64_intdigest(data)), 0)
        finally:
            os.close(descriptor)
