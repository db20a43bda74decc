"""Copying a ledger, table by table, also from one kind of database to another."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

from typing import Final

import sqlalchemy as sa

from barledger.errors import NotEmpty
from barledger.ledger.sql import schema
from barledger.ledger.sql.dialects import Postgres
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Transaction, Writing

_AT_ONCE: Final = 10_000


def copy(source: Database, url: str) -> None:
    """Copy the ledger, as of one instant, into a new one at ``url``; raises `NotEmpty` if one is there."""
    target = Database(url, read_only=False, clock=None)
    try:
        with source.read() as reading, target.write() as writing:
            if any(writing.clock()[1:]):
                raise NotEmpty(where=target.location)
            for table in (schema.identity, schema.clock):
                writing.execute(sa.delete(table))
            for table in schema.metadata.sorted_tables:
                _copy_table(reading, writing, table)
            if isinstance(target.dialect, Postgres):
                _go_on_numbering(writing)
    finally:
        target.close()


def _copy_table(reading: Transaction, writing: Writing, table: sa.Table) -> None:
    columns = tuple(table.columns.keys())
    rows = reading.connection.execution_options(yield_per=_AT_ONCE).execute(sa.select(table))
    for part in rows.partitions():
        writing.insert(table, columns, [tuple(row) for row in part])


def _go_on_numbering(writing: Writing) -> None:
    """Let PostgreSQL's own counters go on above the copied ids."""
    for table in (schema.series, schema.outbox):
        last = f'(SELECT MAX("id") FROM "{table.name}")'
        writing.one(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), COALESCE({last}, 1), {last} IS NOT NULL)"
        )
