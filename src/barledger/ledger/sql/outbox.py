"""The outbox in SQL: records on their way into the store."""

import json
from collections.abc import Sequence

import sqlalchemy as sa

from barledger.ledger.contract import Outbox, Parcel
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database

_table = schema.outbox


class SqlOutbox(Outbox):
    """Keeps parcels until the store has acknowledged them."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def waiting(self) -> list[Parcel]:
        """Return the undelivered parcels, oldest first."""
        query = sa.select(_table).where(_table.c.delivered_at == 0).order_by(_table.c.id)
        with self._database.read() as transaction:
            return [
                Parcel(
                    id=row.id,
                    snapshot_id=row.snapshot_id,
                    measurement=row.measurement,
                    tags=json.loads(row.tags),
                    fields=json.loads(row.fields),
                    time=row.time,
                    tries=row.tries,
                )
                for row in transaction.execute(query)
            ]

    def delivered(self, parcels: Sequence[Parcel]) -> None:
        """Note that the store acknowledged them."""
        with self._database.write() as writing:
            at = writing.tick()
            writing.update(_table, ("delivered_at",), ("id",), [(at, parcel.id) for parcel in parcels])

    def failed(self, parcels: Sequence[Parcel], error: str) -> None:
        """Note that the store did not."""
        with self._database.write() as writing:
            rows = [(parcel.tries + 1, error, parcel.id) for parcel in parcels]
            writing.update(_table, ("tries", "error"), ("id",), rows)
