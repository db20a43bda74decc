"""Quarantine in SQL."""

import builtins
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from barledger.domain.series import Series
from barledger.ledger.contract import Quarantine, QuarantinedBar, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append, series_key
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Transaction

_COLUMNS: Final = ("series_id", "time", "code", "values_digest", "values", "actor", "at")
_CODES: Final = 'SELECT "series_id", "time", "code" FROM "quarantine"'
_KNOWN: Final = 'SELECT "series_id", "time", "code", "values_digest" FROM "quarantine"'


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
        with self._database.write() as writing:
            at = writing.tick()
            ids = self._names.ensure(writing, [bar.series for bar in bars])
            known = _known(writing, ids)
            added: dict[tuple[Any, ...], tuple[QuarantinedBar, int]] = {}
            for number, bar in zip(ids, bars, strict=True):
                key = (number, bar.time, bar.code, hashlib.sha256(_text(bar).encode()).digest())
                if key not in known:
                    added.setdefault(key, (bar, number))
            rows = [(*key, _text(bar), bar.actor, at) for key, (bar, _) in added.items()]
            writing.insert(schema.quarantine, _COLUMNS, rows)
            if added:
                counts = _counts([bar for bar, _ in added.values()])
                told = {"quarantined": len(added), "series": counts}
                append(writing, who, at, told, [number for _, number in added.values()])
            return len(added)

    def codes_of(self, series: Sequence[Series]) -> dict[Series, dict[int, str]]:
        """Return the time (ns) and the rule of the bars put aside, of each series that has some."""
        found: dict[Series, dict[int, str]] = {}
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {number: one for one, number in named if number is not None}
            dialect = transaction.dialect
            query = f'{_CODES} WHERE {dialect.among("series_id")} ORDER BY "series_id", "time", "at"'
            for number, time, code in transaction.all(query, (dialect.numbers(list(known)),)):
                found.setdefault(known[number], {})[time] = code
        return found

    def list(self, *, series: Series | None = None) -> builtins.list[QuarantinedBar]:
        """Return the bars put aside, by time."""
        query = 'SELECT "series_id", "time", "code", "values", "actor", "at" FROM "quarantine"'
        with self._database.read() as transaction:
            where, parameters = "", []
            if series is not None:
                where, parameters = ' WHERE "series_id" = ?', [self._names.id_of(transaction, series) or 0]
            rows = transaction.all(f'{query}{where} ORDER BY "time", "series_id", "at", "code"', parameters)
            named = self._names.series_of(transaction, [row[0] for row in rows])
        return [
            QuarantinedBar(series=named[number], time=time, code=code, values=json.loads(values), actor=actor, at=at)
            for number, time, code, values, actor, at in rows
        ]


def _known(transaction: Transaction, ids: Sequence[int]) -> set[tuple[Any, ...]]:
    dialect = transaction.dialect
    query = f"{_KNOWN} WHERE {dialect.among('series_id')}"
    rows = transaction.all(query, (dialect.numbers(list(dict.fromkeys(ids))),))
    return {(*key, bytes(digest)) for *key, digest in rows}


def _text(bar: QuarantinedBar) -> str:
    return json.dumps(dict(bar.values), sort_keys=True, default=str)


def _counts(bars: Sequence[QuarantinedBar]) -> builtins.list[dict[str, object]]:
    counted = Counter((bar.series, bar.code) for bar in bars)
    return [{**series_key(series), "code": code, "bars": count} for (series, code), count in sorted(counted.items())]
