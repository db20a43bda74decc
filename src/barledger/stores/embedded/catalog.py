"""The catalog's tables, and the checksums on their rows.

SQLite does not notice a flipped byte, so every row carries a checksum, and what could vanish is counted and summed:
a layer's state counts and sums its log entries and extents, the head row counts and sums the layers. All numbers come
from one sequence and are never used twice.
"""

import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from struct import Struct
from typing import Any, Final, TypeVar

from xxhash import xxh3_64_intdigest

from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, Busy, FormatTooNew, StoreDamaged, StoreUnwritable
from barledger.stores.embedded.chunk import Chunk, unpack_directory

FORMAT: Final = 1
SCHEMA: Final = """
CREATE TABLE head (id INTEGER PRIMARY KEY, format INTEGER, commits INTEGER, sequence INTEGER, ledger TEXT,
    revision INTEGER, layers INTEGER, total INTEGER, checksum INTEGER);
CREATE TABLE layers (id INTEGER PRIMARY KEY, series TEXT, name TEXT, checksum INTEGER);
CREATE TABLE states (id INTEGER PRIMARY KEY, generation INTEGER, fence INTEGER, entries INTEGER, log_rows INTEGER,
    log_last INTEGER, extents INTEGER, total INTEGER, checksum INTEGER);
CREATE TABLE log (id INTEGER PRIMARY KEY, layer INTEGER, previous INTEGER, rows INTEGER, first INTEGER, last INTEGER,
    body BLOB, checksum INTEGER);
CREATE TABLE segments (id INTEGER PRIMARY KEY, name TEXT, size INTEGER, checksum INTEGER);
CREATE TABLE parts (id INTEGER PRIMARY KEY, segment INTEGER, rows INTEGER, directory BLOB, checksum INTEGER);
CREATE TABLE extents (id INTEGER PRIMARY KEY, layer INTEGER, part INTEGER, first_row INTEGER, last_row INTEGER,
    first INTEGER, last INTEGER, checksum INTEGER);
CREATE INDEX parts_of_segment ON parts (segment);
CREATE INDEX extents_of_layer ON extents (layer);
CREATE INDEX extents_of_part ON extents (part);
"""

Row = TypeVar("Row")

# Sums of checksums stay within SQLite's integers.
_MODULUS: Final = 2**63
_INTEGERS: Final = [Struct(f"<{count}q") for count in range(9)]
_DAMAGE: Final = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_MISMATCH"})


def checksum(*numbers: int, body: bytes = b"") -> int:
    """Return the checksum of a row of integers, and of text or bytes if it has some."""
    return xxh3_64_intdigest(_INTEGERS[len(numbers)].pack(*numbers) + body) >> 1


def added(total: int, *checksums: int) -> int:
    """Add checksums to a sum of checksums; negative ones are taken away."""
    return (total + sum(checksums)) % _MODULUS


# --- rows ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """The one row about the whole store; ``sequence`` is the last number given, ``ledger`` empty if unclaimed."""

    format: int
    commits: int
    sequence: int
    ledger: str
    revision: int
    layers: int
    total: int

    def checksum(self) -> int:
        """Return the checksum of this row."""
        return checksum(
            self.format,
            self.commits,
            self.sequence,
            self.revision,
            self.layers,
            self.total,
            body=self.ledger.encode(),
        )


@dataclass(frozen=True, slots=True)
class State:
    """What changes about a layer; ``total`` sums the checksums of its log entries and extents."""

    id: int
    generation: int = 0
    fence: int = 0
    entries: int = 0
    log_rows: int = 0
    log_last: int = 0
    extents: int = 0
    total: int = 0

    def row(self) -> tuple[int, ...]:
        """Return the columns with their checksum."""
        numbers = (
            self.id,
            self.generation,
            self.fence,
            self.entries,
            self.log_rows,
            self.log_last,
            self.extents,
            self.total,
        )
        return (*numbers, checksum(*numbers))


@dataclass(frozen=True, slots=True)
class Entry:
    """A log entry without its body; ``previous`` is the number of the entry before it in the same layer."""

    id: int
    layer: int
    previous: int
    rows: int
    first: int
    last: int

    def checksum(self, body: bytes) -> int:
        """Return the checksum of this row."""
        return checksum(self.id, self.layer, self.previous, self.rows, self.first, self.last, body=body)


@dataclass(frozen=True, slots=True)
class Part:
    """The chunks that a segment holds for one layer, as they were written."""

    id: int
    segment: str
    size: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """The rows of a part, [first_row, last_row), that still belong to a layer, and their first and last time."""

    id: int
    layer: int
    part: int
    first_row: int
    last_row: int
    first: int
    last: int

    def row(self) -> tuple[int, ...]:
        """Return the columns with their checksum."""
        numbers = (self.id, self.layer, self.part, self.first_row, self.last_row, self.first, self.last)
        return (*numbers, checksum(*numbers))

    @property
    def interval(self) -> Interval:
        """Return the stretch from the first to the last row."""
        return Interval(self.first, self.last + 1)


# --- reading ---------------------------------------------------------------------------------------


class Tables:
    """Reads the catalog through one connection, checking every row."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Read through this connection; ``path`` is named when something is damaged."""
        self.connection = connection
        self.path = path

    def head(self) -> Head:
        """Return the head row; raises `FormatTooNew`."""
        row = self._one("SELECT format, commits, sequence, ledger, revision, layers, total, checksum FROM head", "head")
        if isinstance(row[0], int) and row[0] > FORMAT:
            raise FormatTooNew(where=str(self.path), found=row[0], known=FORMAT)
        return self._checked("head", row, Head, lambda head: head.checksum())

    def layers(self, head: Head) -> dict[Series, dict[str, int]]:
        """Return the number of every layer."""
        found: dict[Series, dict[str, int]] = {}
        total = count = 0
        for number, series, name, stored in self.connection.execute("SELECT id, series, name, checksum FROM layers"):
            with self._reading("layers"):
                if stored != checksum(number, body=layer_key(series, name)):
                    raise self.damaged("layers", "checksum")
                found.setdefault(parse_series(series), {})[name] = number
                total, count = added(total, stored), count + 1
        if (count, total) != (head.layers, head.total):
            raise self.damaged("layers", f"{count} layers instead of {head.layers}")
        return found

    def state(self, layer: int) -> State:
        """Return a layer's state."""
        row = self._one(
            "SELECT id, generation, fence, entries, log_rows, log_last, extents, total, checksum FROM states"
            " WHERE id = ?",
            "states",
            layer,
        )
        state = self._checked("states", row, State, lambda state: state.row()[-1])
        if state.id != layer:
            raise self.damaged("states", f"layer {layer}")
        return state

    def entries(self, state: State, *, until: int = 0) -> list[tuple[Entry, bytes, int]]:
        """Return a layer's log entries, oldest first, with bodies and checksums; only those after ``until``."""
        found: list[tuple[Entry, bytes, int]] = []
        number = state.log_last
        while len(found) < state.entries and number != until:
            row = self._one(
                "SELECT id, layer, previous, rows, first, last, body, checksum FROM log WHERE id = ?", "log", number
            )
            with self._reading("log"):
                entry = Entry(*row[:6])
                if row[7] != entry.checksum(row[6]) or entry.layer != state.id:
                    raise self.damaged("log", str(Interval(entry.first, entry.last + 1)))
                found.append((entry, row[6], row[7]))
            number = entry.previous
        return found[::-1]

    def extents(self, state: State) -> list[tuple[Extent, int]]:
        """Return a layer's extents with their checksums, in order of time."""
        rows = self.connection.execute(
            "SELECT id, layer, part, first_row, last_row, first, last, checksum FROM extents WHERE layer = ?",
            (state.id,),
        ).fetchall()
        found = [(self._checked("extents", row, Extent, lambda extent: extent.row()[-1]), row[7]) for row in rows]
        if len(found) != state.extents:
            raise self.damaged("extents", f"{len(found)} instead of {state.extents}")
        return sorted(found, key=lambda pair: pair[0].first)

    def part(self, number: int) -> Part:
        """Return a part with the name of its segment."""
        segment, rows, directory, stored = self._one(
            "SELECT segment, rows, directory, checksum FROM parts WHERE id = ?", "parts", number
        )
        with self._reading("parts"):
            if stored != checksum(number, segment, rows, body=directory):
                raise self.damaged("parts", "checksum")
        name, size, stored = self._one("SELECT name, size, checksum FROM segments WHERE id = ?", "segments", segment)
        with self._reading("segments"):
            if stored != checksum(segment, size, body=name.encode()):
                raise self.damaged("segments", "checksum")
        return Part(id=number, segment=name, size=size, chunks=tuple(unpack_directory(directory)))

    def segments(self) -> dict[str, int]:
        """Return the name and size of every segment."""
        found = {}
        for number, name, size, stored in self.connection.execute("SELECT id, name, size, checksum FROM segments"):
            with self._reading("segments"):
                if stored != checksum(number, size, body=name.encode()):
                    raise self.damaged("segments", "checksum")
            found[name] = size
        return found

    def damaged(self, table: str, detail: str) -> StoreDamaged:
        """Return the error for a row that does not fit its checksum."""
        return StoreDamaged(where=f"{self.path} (table {table})", detail=detail)

    def _one(self, query: str, table: str, *parameters: int) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self.connection.execute(query, parameters).fetchone()
        if row is None:
            raise self.damaged(table, "a row is missing")
        return row

    def _checked(
        self, table: str, row: tuple[Any, ...], build: Callable[..., Row], digest: Callable[[Row], int]
    ) -> Row:
        with self._reading(table):
            built = build(*row[:-1])
            if digest(built) != row[-1]:
                raise self.damaged(table, "checksum")
            return built

    @contextmanager
    def _reading(self, table: str) -> Iterator[None]:
        """Refuse rows that are damaged so that even a value's type is wrong."""
        try:
            yield
        except (TypeError, ValueError, AttributeError, struct.error) as error:
            if isinstance(error, BarledgerError):
                raise
            raise self.damaged(table, f"a value has the wrong type ({error})") from error


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into ours."""
    try:
        yield
    except OSError as error:
        if isinstance(error, (BarledgerError, FileNotFoundError)):
            raise
        raise StoreUnwritable(url=str(path.parent), detail=error.strerror or str(error)) from error
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise Busy(what=str(path), waited=0.0) from error
        if name.split("_")[1] in {known.split("_")[1] for known in _DAMAGE}:
            raise StoreDamaged(where=str(path), detail=str(error)) from error
        raise StoreUnwritable(url=str(path), detail=f"{error} ({name})") from error


# --- keys ------------------------------------------------------------------------------------------


def layer_key(series: str, name: str) -> bytes:
    """Return what a layer's checksum is over."""
    return f"{series}\x1e{name}".encode()


def format_series(series: Series) -> str:
    """Return a series as text; names have no control characters."""
    return "\x1f".join((series.instrument, series.timeframe.name, series.source, str(int(series.is_adjusted))))


def parse_series(text: str) -> Series:
    """Read what `format_series` wrote."""
    instrument, timeframe, source, adjusted = text.split("\x1f")
    return Series(instrument=instrument, timeframe=Timeframe.of(timeframe), source=source, is_adjusted=adjusted == "1")


# --- writing ---------------------------------------------------------------------------------------


def put_head(connection: sqlite3.Connection, head: Head) -> None:
    """Write the head row."""
    connection.execute(
        "INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            head.format,
            head.commits,
            head.sequence,
            head.ledger,
            head.revision,
            head.layers,
            head.total,
            head.checksum(),
        ),
    )


def put_layer(connection: sqlite3.Connection, head: Head, series: Series, name: str) -> tuple[Head, int]:
    """Add a layer, and return the head that counts it and its number."""
    number, text = head.sequence + 1, format_series(series)
    digest = checksum(number, body=layer_key(text, name))
    connection.execute("INSERT INTO layers VALUES (?, ?, ?, ?)", (number, text, name, digest))
    return replace(head, sequence=number, layers=head.layers + 1, total=added(head.total, digest)), number


def put_states(connection: sqlite3.Connection, states: Iterable[State]) -> None:
    """Write states."""
    connection.executemany(
        "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [state.row() for state in states]
    )
