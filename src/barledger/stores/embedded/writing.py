"""Writing: which rows go to the log and which into segments, and how a transaction is committed."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, overlay
from barledger.domain.series import Series
from barledger.errors import StoreDamaged
from barledger.faults import reach
from barledger.stores.contract import Batch, Guard, Mark
from barledger.stores.embedded.catalog import errors_of
from barledger.stores.embedded.connection import CATALOG, CommitCount, Identity, connect_for_writing
from barledger.stores.embedded.transaction import Tools, Transaction

_PATIENCE: Final = 60.0


class Writer:
    """Commits transactions. Threads may share it; they take turns."""

    def __init__(self, tools: Tools) -> None:
        """Write with these."""
        self._tools = tools
        self._count = CommitCount(tools.folder)
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None

    @contextmanager
    def transaction(self, name: str, guard: Guard, *, revision: int = 0) -> Iterator[Transaction]:
        """Hold the writers' lock for one transaction, which is durable when this returns.

        The name is that of the fail points within. Raises `Busy`, `StoreUnavailable` if the folder is gone or another
        one, and what ``guard`` raises.
        """
        self._tools.views.identity()
        with self._tools.lock.held(min(guard(), _PATIENCE)), errors_of(self._tools.views.path):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            transaction = None
            try:
                transaction = Transaction(self._tools, connection, revision=revision)
                self._check_count(transaction)
                yield transaction
                transaction.flush(name)
                guard()
                reach(f"embedded.{name}.ready")
                connection.execute("COMMIT")
            except FileNotFoundError as error:
                self._undo(connection, transaction)
                self._tools.views.identity()
                raise StoreDamaged(where=str(error.filename), detail="it is missing") from error
            except BaseException:
                self._undo(connection, transaction)
                raise
            reach(f"embedded.{name}.committed")
            self._settle(transaction)
            reach(f"embedded.{name}.settled")

    def write(self, batches: Sequence[Batch], *, revision: int, guard: Guard) -> list[tuple[Series, str]]:
        """Upsert batches as one, and return the layers that may be due for folding."""
        with self.transaction("write", guard, revision=revision) as transaction:
            for series in {batch.series for batch in batches}:
                transaction.check_fence(series, revision)
            self._apply(transaction, _joined(batches))
            return [
                (batch.series, batch.layer)
                for batch in batches
                if self._tools.limits.concern(transaction.state(transaction.number(batch.series, batch.layer)))
            ]

    def delete(self, series: Series, layer: str, intervals: Sequence[Interval], *, revision: int, guard: Guard) -> None:
        """Delete rows."""
        with self.transaction("delete", guard, revision=revision) as transaction:
            transaction.check_fence(series, revision)
            number = transaction.number(series, layer)
            transaction.touch(number)
            transaction.cut(number, intervals, where=f"{series}, layer {layer}")

    def claim(self, mark: Mark, *, guard: Guard) -> None:
        """Set the mark."""
        with self.transaction("claim", guard) as transaction:
            transaction.head = replace(transaction.head, ledger=mark.ledger_id, revision=mark.revision)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- inside --------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        identity = self._tools.views.identity()
        if self._connection is not None and identity != self._identity:
            self.close()
        if self._connection is None:
            self._identity = identity
            self._connection = connect_for_writing(self._tools.folder / CATALOG)
        return self._connection

    def _check_count(self, transaction: Transaction) -> None:
        counted = self._count.read()
        if counted is not None and counted > transaction.before.commits:
            raise transaction.tables.damaged("head", f"{counted - transaction.before.commits} commits are missing")

    def _undo(self, connection: sqlite3.Connection, transaction: Transaction | None) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if transaction is not None and transaction.segment is not None:
            transaction.segment.discard()

    def _settle(self, transaction: Transaction) -> None:
        views = transaction.views
        self._tools.views.committed(transaction.before, transaction.head, transaction.layers, views)
        self._count.write(transaction.head.commits)
        if transaction.segment is not None:
            transaction.segment.release()
        for name in transaction.dead:
            self._tools.files.forget(name)
            self._tools.files.path(name).unlink(missing_ok=True)

    def _apply(self, transaction: Transaction, batches: Sequence[Batch]) -> None:
        many = sum(len(batch.rows) for batch in batches) >= self._tools.limits.segment_rows
        large: list[tuple[int, Rows]] = []
        for batch in batches:
            number = transaction.number(batch.series, batch.layer)
            if not len(batch.rows):
                transaction.touch(number)
            elif many and self._worth_a_segment(transaction, number, batch.rows):
                large.append((number, self._merged(transaction, number, batch)))
            else:
                transaction.append(number, batch.rows)
        if large:
            transaction.store(large)

    def _worth_a_segment(self, transaction: Transaction, number: int, rows: Rows) -> bool:
        limits = self._tools.limits
        if not limits.share_rows <= len(rows) < limits.entry_rows:
            return len(rows) >= limits.entry_rows
        hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
        spans = transaction.view(number).spans
        covered = sum(span.rows for span in spans if span.first < hull.end and hull.start <= span.last)
        return covered <= limits.scattered * len(rows)

    def _merged(self, transaction: Transaction, number: int, batch: Batch) -> Rows:
        """Take what the layer holds between the first and the last row out of it, and lay the rows over that."""
        rows, where = batch.rows, f"{batch.series}, layer {batch.layer}"
        hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
        held = self._tools.reader.read(transaction.view(number), [hull], where=where)
        if not len(held):
            return rows
        transaction.cut(number, [hull], where=where)
        return overlay(held, rows)


def _joined(batches: Sequence[Batch]) -> list[Batch]:
    """Return one batch for each layer."""
    found: dict[tuple[Series, str], Batch] = {}
    for batch in batches:
        key = (batch.series, batch.layer)
        earlier = found.get(key)
        found[key] = batch if earlier is None else replace(batch, rows=overlay(earlier.rows, batch.rows))
    return list(found.values())
