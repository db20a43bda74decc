"""Where SQLite and PostgreSQL differ once they are open: transactions, the clock, and many rows in one statement.

Statements are written with ``?`` for a parameter. A statement for many rows costs one round trip, however many.
"""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

Row = Sequence[Any]

# The host's clock stands in where the server has none, so that both dialects answer with as many columns.
_CLOCK: Final = 'SELECT "revision", "time", "sequence", {now} FROM "clock"'
_LOCKED: Final = 'SELECT "revision", "time", "sequence", "frontier", {now} FROM {clock}'
_MICROS: Final = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
_KIND: Final = {
    sa.BigInteger: "bigint",
    sa.Boolean: "boolean",
    sa.Double: "double precision",
    sa.LargeBinary: "bytea",
    sa.Text: "text",
}


class Dialect(ABC):
    """The statements of one database."""

    begin_reading: str
    begin_writing: str
    clock: str
    locked_clock: str

    @abstractmethod
    def now(self, server_time: int) -> int:
        """Return the clock in ns, given the last column of `clock`."""

    @abstractmethod
    def text(self, statement: str) -> str:
        """Return the statement as the driver wants it."""

    @abstractmethod
    def among(self, column: str) -> str:
        """Return the condition that a column is one of the numbers in the next parameter, made by `numbers`."""

    @abstractmethod
    def numbers(self, values: Sequence[int]) -> Any:
        """Return many numbers as one parameter."""

    @abstractmethod
    def insert(self, table: sa.Table, columns: tuple[str, ...], replaced: tuple[str, ...] | None) -> str:
        """Return the insert of many rows; where the key exists, ``replaced`` columns are, and () keeps the old row."""

    @abstractmethod
    def update(self, table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...]) -> str:
        """Return the update of many rows, each given as its new values and then its key."""

    @abstractmethod
    def delete(self, table: sa.Table, keys: tuple[str, ...]) -> str:
        """Return the deletion of many rows, each given as its key."""

    @abstractmethod
    def copy(self, source: sa.Table, target: sa.Table, keys: tuple[str, ...], limit: str, added: str) -> str:
        """Return the copying of many rows where ``limit`` is at most a value, each given as (added, *key, value)."""

    @abstractmethod
    def run_many(self, cursor: Any, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for many rows; there is at least one."""


class Sqlite(Dialect):
    """SQLite, by the driver of the standard library."""

    begin_reading = "BEGIN"
    begin_writing = "BEGIN IMMEDIATE"
    clock = _CLOCK.format(now="0")
    locked_clock = _LOCKED.format(now="0", clock='"clock"')

    def now(self, server_time: int) -> int:
        """Return the host's clock."""
        return server_time or time.time_ns()

    def text(self, statement: str) -> str:
        """Return it as it is."""
        return statement

    def among(self, column: str) -> str:
        """Unpack JSON."""
        return f"{column} IN (SELECT value FROM json_each(?))"

    def numbers(self, values: Sequence[int]) -> Any:
        """Return JSON."""
        return json.dumps(list(values))

    @cache  # noqa: B019 - as many statements as call sites
    def insert(self, table: sa.Table, columns: tuple[str, ...], replaced: tuple[str, ...] | None) -> str:
        """Return an insert to be run row by row."""
        values = f"VALUES ({', '.join('?' for _ in columns)})"
        return f'INSERT INTO "{table.name}" ({_names(columns)}) {values}{_on_conflict(table, replaced)}'

    @cache  # noqa: B019 - as many statements as call sites
    def update(self, table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...]) -> str:
        """Return an update to be run row by row."""
        values = ", ".join(f'"{name}" = ?' for name in columns)
        return f'UPDATE "{table.name}" SET {values} WHERE {_equal(keys)}'

    @cache  # noqa: B019 - as many statements as call sites
    def delete(self, table: sa.Table, keys: tuple[str, ...]) -> str:
        """Return a deletion to be run row by row."""
        return f'DELETE FROM "{table.name}" WHERE {_equal(keys)}'

    @cache  # noqa: B019 - as many statements as call sites
    def copy(self, source: sa.Table, target: sa.Table, keys: tuple[str, ...], limit: str, added: str) -> str:
        """Return a copying to be run row by row."""
        columns = [name for name in target.columns.keys() if name != added]  # noqa: SIM118 - a collection of columns
        return (
            f'INSERT INTO "{target.name}" ("{added}", {_names(columns)}) SELECT ?, {_names(columns)} '
            f'FROM "{source.name}" WHERE {_equal(keys)} AND "{limit}" <= ?'
        )

    def run_many(self, cursor: Any, statement: str, rows: Sequence[Row]) -> None:
        """Run it row by row, which costs no round trips here."""
        cursor.executemany(statement, rows)


class Postgres(Dialect):
    """PostgreSQL, by pg8000: many rows travel as one array for each column."""

    begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    # Each statement after the one that waits for the clock's row has to see what was committed meanwhile.
    begin_writing = "BEGIN ISOLATION LEVEL READ COMMITTED"
    clock = _CLOCK.format(now=_MICROS)
    # The server's time is taken outside, and so after the wait for the row.
    locked_clock = 'WITH locked AS MATERIALIZED (SELECT * FROM "clock" FOR UPDATE) ' + _LOCKED.format(
        now=_MICROS, clock="locked"
    )

    def now(self, server_time: int) -> int:
        """Return the server's clock, which counts microseconds."""
        return server_time * 1000

    def text(self, statement: str) -> str:
        """Return it with pg8000's sign for a parameter."""
        return statement.replace("?", "%s")

    def among(self, column: str) -> str:
        """Unpack an array."""
        return f"{column} = ANY(CAST(? AS bigint[]))"

    def numbers(self, values: Sequence[int]) -> Any:
        """Return an array."""
        return _array(values)

    @cache  # noqa: B019 - as many statements as call sites
    def insert(self, table: sa.Table, columns: tuple[str, ...], replaced: tuple[str, ...] | None) -> str:
        """Return an insert from arrays."""
        rows = f"SELECT * FROM {_arrays(table, columns)}"
        return f'INSERT INTO "{table.name}" ({_names(columns)}) {rows}{_on_conflict(table, replaced)}'

    @cache  # noqa: B019 - as many statements as call sites
    def update(self, table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...]) -> str:
        """Return an update from arrays."""
        values = ", ".join(f'"{name}" = given."{name}"' for name in columns)
        rows = f"{_arrays(table, (*columns, *keys))} AS given ({_names((*columns, *keys))})"
        return f'UPDATE "{table.name}" AS kept SET {values} FROM {rows} WHERE {_joined(keys)}'

    @cache  # noqa: B019 - as many statements as call sites
    def delete(self, table: sa.Table, keys: tuple[str, ...]) -> str:
        """Return a deletion from arrays."""
        rows = f"{_arrays(table, keys)} AS given ({_names(keys)})"
        return f'DELETE FROM "{table.name}" AS kept USING {rows} WHERE {_joined(keys)}'

    @cache  # noqa: B019 - as many statements as call sites
    def copy(self, source: sa.Table, target: sa.Table, keys: tuple[str, ...], limit: str, added: str) -> str:
        """Return a copying from arrays."""
        columns = [name for name in target.columns.keys() if name != added]  # noqa: SIM118 - a collection of columns
        rows = f'{_arrays(target, (added, *keys, limit))} AS given ("{added}", {_names(keys)}, "at_most")'
        kept = ", ".join(f'kept."{name}"' for name in columns)
        return (
            f'INSERT INTO "{target.name}" ("{added}", {_names(columns)}) SELECT given."{added}", {kept} '
            f'FROM "{source.name}" AS kept JOIN {rows} ON {_joined(keys)} WHERE kept."{limit}" <= given."at_most"'
        )

    def run_many(self, cursor: Any, statement: str, rows: Sequence[Row]) -> None:
        """Turn the rows into arrays."""
        cursor.execute(self.text(statement), [_array(column) for column in zip(*rows, strict=True)])


def _array(values: Iterable[Any]) -> str:
    """Return an array as PostgreSQL writes it; the driver's own way is slow, and takes the text ``null`` for NULL."""
    return f"{{{','.join([_element(value) for value in values])}}}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else str(value)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _equal(keys: Sequence[str]) -> str:
    return " AND ".join(f'"{name}" = ?' for name in keys)


def _joined(keys: Sequence[str]) -> str:
    return " AND ".join(f'kept."{name}" = given."{name}"' for name in keys)


def _arrays(table: sa.Table, columns: Sequence[str]) -> str:
    return f"unnest({', '.join(f'CAST(? AS {_kind(table, name)}[])' for name in columns)})"


def _kind(table: sa.Table, name: str) -> str:
    return next(kind for type_, kind in _KIND.items() if isinstance(table.columns[name].type, type_))


def _on_conflict(table: sa.Table, replaced: tuple[str, ...] | None) -> str:
    if replaced is None:
        return ""
    key = _names([column.name for column in table.primary_key.columns])
    if not replaced:
        return f" ON CONFLICT ({key}) DO NOTHING"
    values = ", ".join(f'"{name}" = excluded."{name}"' for name in replaced)
    return f" ON CONFLICT ({key}) DO UPDATE SET {values}"
