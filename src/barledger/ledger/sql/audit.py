"""The audit log in SQL: canonical JSON, numbered without gaps, hashed as the leaves of a Merkle tree."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from barledger.domain.series import Series
from barledger.ledger.contract import Audit, AuditEntry, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable

_table = schema.audit


def canonical(value: Mapping[str, Any]) -> str:
    """Return RFC 8785 JSON; integers become decimal strings, because JavaScript's end at 2^53."""
    return rfc8785.dumps(_textual(value)).decode()


def series_key(series: Series) -> dict[str, Any]:
    """Return a series as the members that name it in JSON."""
    return {
        "instrument": series.instrument,
        "timeframe": series.timeframe.name,
        "source": series.source,
        "is_adjusted": series.is_adjusted,
    }


def append(
    connection: Connection, who: Who, time: int, details: Mapping[str, Any], series_ids: Sequence[int] = ()
) -> AuditEntry:
    """Append an entry inside a writing transaction."""
    sequence = connection.execute(sa.select(schema.clock.c.sequence)).scalar_one() + 1
    connection.execute(sa.update(schema.clock).values(sequence=sequence))
    body = canonical(
        {
            "sequence": sequence,
            "time": time,
            "actor": who.actor,
            "operation": who.operation,
            "reason": who.reason,
            "purpose": who.purpose,
            "trigger": who.trigger,
            **details,
        }
    )
    leaf = hashlib.sha256(b"\x00" + body.encode()).digest()
    entry = {"sequence": sequence, "time": time, "actor": who.actor, "operation": who.operation, "body": body}
    connection.execute(sa.insert(_table), {**entry, "leaf": leaf})
    if series_ids:
        links = [{"series_id": number, "sequence": sequence} for number in dict.fromkeys(series_ids)]
        connection.execute(sa.insert(schema.audit_series), links)
    return AuditEntry(sequence=sequence, time=time, actor=who.actor, operation=who.operation, body=body)


class SqlAudit(Audit):
    """Reads the log, and appends what no other transaction records."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def append(self, who: Who, details: Mapping[str, Any]) -> AuditEntry:
        """Append an entry."""
        with self._database.write() as connection:
            return append(connection, who, self._database.tick(connection), details)

    def entries(
        self, *, after: int = 0, limit: int | None = None, operation: str | None = None, series: Series | None = None
    ) -> list[AuditEntry]:
        """Return entries with a sequence above ``after``, in order."""
        query = sa.select(_table).where(_table.c.sequence > after).order_by(_table.c.sequence).limit(limit)
        if operation is not None:
            query = query.where(_table.c.operation == operation)
        with self._database.read() as connection:
            if series is not None:
                number = self._names.id_of(connection, series)
                links = schema.audit_series
                query = query.join(links, links.c.sequence == _table.c.sequence).where(links.c.series_id == number)
            return [
                AuditEntry(
                    sequence=row.sequence, time=row.time, actor=row.actor, operation=row.operation, body=row.body
                )
                for row in connection.execute(query)
            ]

    def count(self) -> int:
        """Return how many entries there are."""
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(_table)).scalar_one())


def _textual(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _textual(member) for key, member in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return [_textual(member) for member in value]
