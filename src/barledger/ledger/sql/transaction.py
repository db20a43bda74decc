"""Transactions: one view of the ledger, and, if it writes, the ledger's clock under the lock that orders writers."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult

from barledger.domain.merkle import Frontier
from barledger.errors import StoreDamaged
from barledger.ledger.sql.dialects import Dialect, Row

Clock = Callable[[], int]
Now = Callable[[int], int]
"""The time now (ns), given what the database says of it."""


class Transaction:
    """A view of one state.

    What is frequent goes straight to the driver (`all`, `one`, `run`), the rest through SQLAlchemy (`execute`).
    """

    def __init__(self, connection: Connection, dialect: Dialect, now: Now) -> None:
        """Work on a connection in which a transaction has begun."""
        self.connection = connection
        self.dialect = dialect
        self._now = now
        self._cursor: Any = connection.connection.cursor()

    def execute(self, statement: sa.Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement built with SQLAlchemy."""
        return self.connection.execute(statement, parameters)

    def all(self, statement: str, parameters: Row = ()) -> list[Any]:
        """Return all rows of a query, as tuples."""
        self._cursor.execute(self.dialect.text(statement), parameters)
        return list(self._cursor.fetchall())

    def one(self, statement: str, parameters: Row = ()) -> Any:
        """Return the first row of a query, or None."""
        # All are fetched, because SQLite keeps its view of the database for as long as a query is not finished.
        found = self.all(statement, parameters)
        return found[0] if found else None

    def run(self, statement: str, parameters: Row = ()) -> int:
        """Run a statement, and return how many rows it changed."""
        self._cursor.execute(self.dialect.text(statement), parameters)
        return int(self._cursor.rowcount)

    def clock(self) -> tuple[int, int, int]:
        """Return the time now, the last time that the ledger gave out, and the last revision."""
        revision, reached, _, server_time = self.one(self.dialect.clock)
        return self._now(server_time), reached, revision


class Writing(Transaction):
    """A transaction that excludes every other writing one; ``now`` is the clock's time when it had the lock."""

    def __init__(self, connection: Connection, dialect: Dialect, now: Now) -> None:
        """Wait for the lock."""
        super().__init__(connection, dialect, now)
        self._revision, self._time, self._sequence, self._frontier, server_time = self.one(dialect.locked_clock)
        self._found = (self._revision, self._time)
        self._tree: Frontier | None = None
        self.now = self._now(server_time)
        self.after_commit: list[Callable[[], None]] = []

    @property
    def moment(self) -> int:
        """Return the time now, or the last that was given out where the clock stands behind it."""
        return max(self.now, int(self._time))

    def tick(self) -> int:
        """Return a time later than every one that was returned before."""
        self._time = max(self.now, self._time + 1)
        return int(self._time)

    def reach(self, time: int) -> None:
        """Let every later tick be above ``time``."""
        self._time = max(self._time, time)

    def allocate(self, *, above: int = 0) -> int:
        """Return a revision higher than every one before, and than ``above``."""
        self._revision = max(self.now, self._revision + 1, above + 1)
        return int(self._revision)

    def skip(self, revision: int) -> None:
        """Let every later revision be above this one."""
        self._revision = max(self._revision, revision)

    @property
    def tree(self) -> Frontier:
        """Return the tree of the audit log's entries, to which each new one is added; raises `StoreDamaged`."""
        if self._tree is None:
            try:
                self._tree = Frontier.of(self._sequence, bytes(self._frontier or b""))
            except ValueError as error:
                raise StoreDamaged(where="the audit log's tree", detail=str(error)) from error
        return self._tree

    def insert(
        self,
        table: sa.Table,
        columns: tuple[str, ...],
        rows: Sequence[Row],
        *,
        replaced: tuple[str, ...] | None = None,
    ) -> None:
        """Insert many rows; where the key exists, ``replaced`` columns are, and () keeps the old row."""
        self._many(self.dialect.insert(table, columns, replaced), rows)

    def update(self, table: sa.Table, columns: tuple[str, ...], keys: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Update many rows, each given as its new values and then its key."""
        self._many(self.dialect.update(table, columns, keys), rows)

    def delete(self, table: sa.Table, keys: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Delete many rows, each given as its key."""
        self._many(self.dialect.delete(table, keys), rows)

    def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement of the dialect's for many rows."""
        self._many(statement, rows)

    def settle(self) -> None:
        """Keep the clock, before the transaction is committed."""
        left = (self._revision, self._time)
        if self._tree is not None and self._tree.size != self._sequence:
            grown = 'UPDATE "clock" SET "revision" = ?, "time" = ?, "sequence" = ?, "frontier" = ?'
            self.run(grown, (*left, self._tree.size, self._tree.packed))
        elif left != self._found:
            self.run('UPDATE "clock" SET "revision" = ?, "time" = ?', left)

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        if rows:
            self.dialect.run_many(self._cursor, statement, rows)
