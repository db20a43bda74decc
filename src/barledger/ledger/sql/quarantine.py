"""Quarantine in SQL."""

import builtins
import json
from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from barledger.domain.series import Series
from barledger.ledger.contract import Quarantine, QuarantinedBar, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append, series_key
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable

_table = schema.quarantine


class SqlQuarantine(Quarantine):
    """Bars that were not written, with the reason."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def add(self, bars: Sequence[QuarantinedBar], who: Who) -> int:
        """Put bars aside, with one audit entry; returns how many were not there already."""
        if not bars:
            return 0
        with self._database.write() as connection:
            at = self._database.tick(connection)
            ids = self._names.ensure(connection, [bar.series for bar in bars])
            count = sa.select(sa.func.count()).select_from(_table)
            before = connection.execute(count).scalar_one()
            rows = [
                {
                    "series_id": number,
                    "time": bar.time,
                    "code": bar.code,
                    "values": json.dumps(dict(bar.values), sort_keys=True, default=str),
                    "actor": bar.actor,
                    "at": at,
                }
                for number, bar in zip(ids, bars, strict=True)
            ]
            connection.execute(self._database.upsert(_table, []), rows)
            added = int(connection.execute(count).scalar_one() - before)
            if added:
                append(connection, who, at, {"quarantined": added, "series": _counts(bars)}, ids)
            return added

    def list(self, *, series: Series | None = None) -> builtins.list[QuarantinedBar]:
        """Return the bars put aside, by time."""
        with self._database.read() as connection:
            query = sa.select(_table).order_by(_table.c.time, _table.c.series_id)
            if series is not None:
                query = query.where(_table.c.series_id == self._names.id_of(connection, series))
            return [
                QuarantinedBar(
                    series=self._names.series_of(connection, row.series_id),
                    time=row.time,
                    code=row.code,
                    values=json.loads(row.values),
                    actor=row.actor,
                    at=row.at,
                )
                for row in connection.execute(query).all()
            ]


def _counts(bars: Sequence[QuarantinedBar]) -> builtins.list[dict[str, object]]:
    counted = Counter((bar.series, bar.code) for bar in bars)
    return [{**series_key(series), "code": code, "bars": count} for (series, code), count in sorted(counted.items())]
