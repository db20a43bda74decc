"""The catalog: which operations make up each layer, in SQLite.

A layer is the result of its operations in order: a segment or a blob of the log puts rows, a hole deletes a stretch.
SQLite does not checksum its pages, so every row carries a checksum of its own, and each layer the sum over its
operations: a flipped byte that changes or hides one is found when the layer is read.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Any, Final

import xxhash

from barledger.domain.series import Series
from barledger.errors import Busy, FormatTooNew, ReadOnly, StoreDamaged

FORMAT: Final = 1
SEGMENT, BLOB, HOLE = "segment", "blob", "hole"

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (
  id INTEGER PRIMARY KEY, series TEXT NOT NULL, name TEXT NOT NULL, fence INTEGER NOT NULL,
  version INTEGER NOT NULL, total INTEGER NOT NULL, checksum INTEGER NOT NULL, UNIQUE (series, name)
);
CREATE TABLE operations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, layer INTEGER NOT NULL, kind TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, rows INTEGER NOT NULL, file TEXT NOT NULL, content INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE INDEX operations_of_layer ON operations (layer);
CREATE TABLE blobs (operation INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One step in the making of a layer; ``first`` and ``last`` are times in ns, both inclusive."""

    id: int
    kind: str
    first: int
    last: int
    rows: int
    file: str
    content: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer's row: ``version`` is the last operation that touched it, ``total`` the sum over all operations."""

    id: int
    series: str
    name: str
    fence: int
    version: int
    total: int


def series_key(series: Series) -> str:
    """Return the series as text."""
    return json.dumps([series.instrument, series.timeframe.name, series.source, series.is_adjusted])


def series_of(key: str) -> Series:
    """Return the series that the text means."""
    instrument, timeframe, source, is_adjusted = json.loads(key)
    return Series.of(instrument, timeframe, source, is_adjusted=is_adjusted)


class Catalog:
    """An open catalog, with a connection for each thread."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Open it, or make it; raises `FormatTooNew`, `StoreDamaged`, `ReadOnly`."""
        self._path = path
        self._read_only = read_only
        self._mine = local()
        self._open: list[sqlite3.Connection] = []
        if not path.exists():
            if read_only:
                raise ReadOnly(reason=f"there is no store at {path.parent}")
            self._create()
        with self.reading() as connection:
            self._check_format(connection)

    # --- transactions --------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that sees one state."""
        connection = self._connection()
        try:
            connection.execute("BEGIN")
            yield connection
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(where=self._path.name, detail=str(error)) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self, budget: Callable[[], float]) -> Iterator[sqlite3.Connection]:
        """Open a transaction that excludes every other writer, waiting for it no longer than the budget says."""
        if self._read_only:
            raise ReadOnly(reason="the store was opened for reading")
        connection = self._connection()
        wait = budget()
        connection.execute(f"PRAGMA busy_timeout={int(wait * 1000)}")
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            budget()
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise Busy(what=str(self._path.parent), waited=wait) from error
            raise StoreDamaged(where=self._path.name, detail=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(where=self._path.name, detail=str(error)) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._mine = local()

    # --- layers --------------------------------------------------------------------------------

    def layer(self, connection: sqlite3.Connection, series: str, name: str) -> Layer | None:
        """Return a layer, or None if the whole directory is sound and has none."""
        query = "SELECT id, series, name, fence, version, total, checksum FROM layers WHERE series = ? AND name = ?"
        row = connection.execute(query, (series, name)).fetchone()
        if row is None:
            self._check_directory(connection)
            return None
        return self._layer(row)

    def layers(self, connection: sqlite3.Connection) -> list[Layer]:
        """Return all layers, after checking that none is hidden."""
        rows = connection.execute("SELECT id, series, name, fence, version, total, checksum FROM layers").fetchall()
        found = [self._layer(row) for row in rows]
        if sum(row[6] for row in rows) & _MASK != int(self.meta(connection, "directory")):
            raise self._damaged("a layer is missing")
        return found

    def operations(self, connection: sqlite3.Connection, layer: Layer) -> list[Operation]:
        """Return the operations of a layer in order, after checking that none is changed or hidden."""
        query = (
            "SELECT id, kind, first, last, rows, file, content, checksum FROM operations WHERE layer = ? ORDER BY id"
        )
        rows = connection.execute(query, (layer.id,)).fetchall()
        for row in rows:
            if row[7] != checksum(layer.id, *row[:7]):
                raise self._damaged(f"an operation of {layer.series} {layer.name} is not what was written")
        if sum(row[7] for row in rows) & _MASK != layer.total:
            raise self._damaged(f"an operation of {layer.series} {layer.name} is missing")
        names = ("id", "kind", "first", "last", "rows", "file", "content")
        return [Operation(**dict(zip(names, row[:7], strict=True))) for row in rows]

    def blob(self, connection: sqlite3.Connection, operation: Operation) -> bytes:
        """Return the bytes of a log entry, after checking them."""
        row = connection.execute("SELECT data FROM blobs WHERE operation = ?", (operation.id,)).fetchone()
        if row is None or xxhash.xxh3_64_intdigest(row[0]) & _MASK != operation.content:
            raise self._damaged(f"the checksum of log entry {operation.id} does not fit")
        return bytes(row[0])

    def ensure_layer(self, connection: sqlite3.Connection, series: str, name: str) -> Layer:
        """Return a layer, making it if there is none."""
        found = self.layer(connection, series, name)
        if found is not None:
            return found
        made = Layer(id=self._next_layer(connection), series=series, name=name, fence=0, version=0, total=0)
        mark = _layer_checksum(made)
        values = (made.id, series, name, 0, 0, 0, mark)
        connection.execute(
            "INSERT INTO layers (id, series, name, fence, version, total, checksum) VALUES (?,?,?,?,?,?,?)", values
        )
        self._shift_directory(connection, mark)
        return made

    def fence(self, connection: sqlite3.Connection, series: str) -> int:
        """Return the highest revision that has written to a series."""
        row = connection.execute("SELECT max(fence) FROM layers WHERE series = ?", (series,)).fetchone()
        return int(row[0] or 0)

    def append(self, connection: sqlite3.Connection, layer: Layer, step: Operation, *, fence: int) -> tuple[Layer, int]:
        """Add an operation (its id is given here) to a layer; returns the layer as it is then, and the id."""
        number = int(connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0]) + 1
        fields = (number, step.kind, step.first, step.last, step.rows, step.file, step.content)
        mark = checksum(layer.id, *fields)
        connection.execute(
            "INSERT INTO operations (id, kind, first, last, rows, file, content, layer, checksum) VALUES (?,?,?,?,?,?,?,?,?)",
            (*fields, layer.id, mark),
        )
        return self.change(connection, layer, fence=fence, version=number, shift=mark), number

    def remove(self, connection: sqlite3.Connection, layer: Layer, steps: Sequence[Operation]) -> Layer:
        """Take operations out of a layer whose rows are kept elsewhere now."""
        shift = 0
        for step in steps:
            connection.execute("DELETE FROM operations WHERE id = ?", (step.id,))
            connection.execute("DELETE FROM blobs WHERE operation = ?", (step.id,))
            shift -= checksum(layer.id, step.id, step.kind, step.first, step.last, step.rows, step.file, step.content)
        return self.change(connection, layer, fence=layer.fence, version=layer.version + 1, shift=shift)

    def change(self, connection: sqlite3.Connection, layer: Layer, *, fence: int, version: int, shift: int) -> Layer:
        """Note what an operation did to its layer's row."""
        after = Layer(
            id=layer.id,
            series=layer.series,
            name=layer.name,
            fence=max(layer.fence, fence),
            version=max(layer.version + 1, version),
            total=(layer.total + shift) & _MASK,
        )
        mark = _layer_checksum(after)
        values = (after.fence, after.version, after.total, mark, layer.id)
        connection.execute("UPDATE layers SET fence = ?, version = ?, total = ?, checksum = ? WHERE id = ?", values)
        self._shift_directory(connection, mark - _layer_checksum(layer))
        return after

    # --- single values -------------------------------------------------------------------------

    def meta(self, connection: sqlite3.Connection, name: str) -> str:
        """Return a value of the catalog itself; empty if it was never set."""
        row = connection.execute("SELECT value, checksum FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise self._damaged(f"its {name} is missing")
        if row[1] != checksum(name, row[0]):
            raise self._damaged(f"its {name} is not what was written")
        return str(row[0])

    def set_meta(self, connection: sqlite3.Connection, name: str, value: str) -> None:
        """Set a value of the catalog itself."""
        row = (name, value, checksum(name, value))
        connection.execute("INSERT OR REPLACE INTO meta (name, value, checksum) VALUES (?, ?, ?)", row)

    # --- inside --------------------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._connect()
            self._mine.connection = connection
            self._open.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        target = f"file:{self._path}?mode={'ro' if self._read_only else 'rw'}"
        if self._read_only and not _joinable(self._path):
            target += "&immutable=1"
        connection = sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout=60000")
        if not self._read_only:
            connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _create(self) -> None:
        """Make the catalog beside its place and move it there, so that nobody sees half of one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(self._path.parent / "making.lock", isolation_level=None, timeout=60)
        try:
            lock.execute("BEGIN IMMEDIATE")
            if self._path.exists():
                return
            draft = self._path.with_suffix(".draft")
            draft.unlink(missing_ok=True)
            connection = sqlite3.connect(draft, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
            for name, value in {"format": str(FORMAT), "directory": "0", "owner": "", "revision": "0"}.items():
                self.set_meta(connection, name, value)
            connection.close()
            draft.rename(self._path)
        finally:
            lock.close()

    def _check_format(self, connection: sqlite3.Connection) -> None:
        found = int(self.meta(connection, "format"))
        if found > FORMAT:
            raise FormatTooNew(where=str(self._path.parent), found=found, known=FORMAT)

    def _check_directory(self, connection: sqlite3.Connection) -> None:
        self.layers(connection)

    def _shift_directory(self, connection: sqlite3.Connection, shift: int) -> None:
        total = (int(self.meta(connection, "directory")) + shift) & _MASK
        self.set_meta(connection, "directory", str(total))

    def _next_layer(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM layers").fetchone()[0])

    def _layer(self, row: Sequence[Any]) -> Layer:
        layer = Layer(id=row[0], series=row[1], name=row[2], fence=row[3], version=row[4], total=row[5])
        if _layer_checksum(layer) != row[6]:
            raise self._damaged(f"layer {layer.name!r} of {layer.series} is not what was written")
        return layer

    def _damaged(self, detail: str) -> StoreDamaged:
        return StoreDamaged(where=self._path.name, detail=detail)


# SQLite's integers are signed, so checksums use 62 bits of xxh3.
_MASK: Final = (1 << 62) - 1


def checksum(*fields: object) -> int:
    """Return a checksum over values."""
    return xxhash.xxh3_64_intdigest(repr(fields).encode()) & _MASK


def content_checksum(data: bytes) -> int:
    """Return the checksum of a log entry's bytes."""
    return xxhash.xxh3_64_intdigest(data) & _MASK


def _layer_checksum(layer: Layer) -> int:
    return checksum(layer.id, layer.series, layer.name, layer.fence, layer.version, layer.total)


def _joinable(path: Path) -> bool:
    """Whether SQLite can join the write-ahead log, for which it needs to write beside the file."""
    import os  # noqa: PLC0415 - only readers ask

    return os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists()
