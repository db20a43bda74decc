"""Quality in SQL: measurements, and when each block was last read again."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from barledger.domain.interval import Interval
from barledger.domain.quality import METRICS
from barledger.domain.series import Series
from barledger.ledger.contract import BlockCheck, CheckState, Due, Measurement, PinnedCheck, Quality, Who
from barledger.ledger.contract.quality import KEPT
from barledger.ledger.sql import pinned as pinning
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append, series_key
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Transaction, Writing

_COLUMNS: Final = ("series_id", "measured_at", "version", "revision", "start", "end", *METRICS, "told")
_QUERY: Final = f'SELECT {", ".join(f"{chr(34)}{name}{chr(34)}" for name in _COLUMNS)} FROM "quality"'
_CHECKED: Final = ("digest", "checked_at", "ok", "detail")
_JOINED: Final = 'c."series_id" = b."series_id" AND c."start" = b."start"'
_CHECKS: Final = (
    'SELECT b."start", b."rows", b."digest", c."digest", c."checked_at", c."ok", c."detail" FROM "blocks" AS b '
    f'LEFT JOIN "block_checks" AS c ON {_JOINED} '
    'WHERE b."series_id" = ? AND b."start" >= ? AND b."start" < ? ORDER BY b."start"'
)
_NEVER: Final = (
    'SELECT b."series_id", b."start", b."rows", 0 FROM "blocks" AS b '
    f'WHERE NOT EXISTS (SELECT 1 FROM "block_checks" AS c WHERE {_JOINED})'
)
_AGAIN: Final = (
    'SELECT c."series_id", c."start", b."rows", c."checked_at" FROM "block_checks" AS c '
    f'JOIN "blocks" AS b ON {_JOINED} WHERE c."checked_at" < ?'
)
_STATE: Final = (
    'SELECT COUNT(*), COUNT(c."start"), COALESCE(SUM(CASE WHEN c."ok" THEN 0 ELSE 1 END), 0), '
    'COALESCE(MIN(c."checked_at"), 0), COALESCE(SUM(CASE WHEN c."checked_at" >= ? THEN 0 ELSE 1 END), 0) '
    f'FROM "blocks" AS b LEFT JOIN "block_checks" AS c ON {_JOINED}'
)
# Of each series the measurement after the newest ones that are kept, if there is one.
_SURPLUS: Final = (
    'SELECT "id", (SELECT "measured_at" FROM "quality" WHERE "series_id" = "series"."id" '
    f'ORDER BY "measured_at" DESC LIMIT 1 OFFSET {KEPT}) FROM "series"'
)


class SqlQuality(Quality):
    """Measurements and checks."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def record(
        self,
        measurements: Sequence[Measurement],
        checks: Sequence[BlockCheck],
        who: Who,
        *,
        pinned: Sequence[PinnedCheck] = (),
        details: Mapping[str, Any] | None = None,
    ) -> int:
        """Keep measurements and checks, with one audit entry if there is something to tell; returns the time."""
        with self._database.write() as writing:
            at = writing.tick()
            ids = self._names.ensure(writing, [one.series for one in measurements])
            self._keep(writing, measurements, ids, at)
            self._check(writing, checks, at)
            pinning.keep(writing, self._names, pinned, at)
            if measurements or details:
                told = {"measured": [_told(one) for one in measurements]} if measurements else {}
                append(writing, who, at, {**told, **(details or {})}, list(dict.fromkeys(ids)))
            return at

    def _keep(self, writing: Writing, measurements: Sequence[Measurement], ids: Sequence[int], at: int) -> None:
        rows, seen = [], set[int]()
        for number, one in zip(ids, measurements, strict=True):
            rows.append(_row(one, number, writing.tick() if number in seen else at))
            seen.add(number)
        writing.insert(schema.quality, _COLUMNS, rows)
        query = f"{_SURPLUS} WHERE {writing.dialect.among('id')}"
        while seen:
            surplus = [
                (number, moment)
                for number, moment in writing.all(query, (writing.dialect.numbers(sorted(seen)),))
                if moment is not None
            ]
            writing.delete(schema.quality, ("series_id", "measured_at"), surplus)
            seen = {number for number, _ in surplus}

    def _check(self, writing: Writing, checks: Sequence[BlockCheck], at: int) -> None:
        ids = self._names.ensure(writing, [check.series for check in checks])
        rows = [
            (number, check.start, check.digest, at, check.ok, check.detail)
            for number, check in zip(ids, checks, strict=True)
        ]
        writing.insert(schema.block_checks, ("series_id", "start", *_CHECKED), rows, replaced=_CHECKED)

    def measurements(
        self, series: Sequence[Series], *, since: int = 0, version: str | None = None
    ) -> list[Measurement]:
        """Return what was measured of these series at ``since`` or later, the oldest first."""
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {number: one for one, number in named if number is not None}
            dialect = transaction.dialect
            query = f'{_QUERY} WHERE {dialect.among("series_id")} AND "measured_at" >= ?'
            given: list[Any] = [dialect.numbers(list(known)), since]
            if version is not None:
                query, given = f'{query} AND "version" = ?', [*given, version]
            rows = transaction.all(f'{query} ORDER BY "measured_at", "series_id"', given)
        return [_measurement(row, known[row[0]]) for row in rows]

    def checks(self, series: Series, interval: Interval) -> list[BlockCheck]:
        """Return the check of every block of the series that starts in the interval, ascending."""
        with self._database.read() as transaction:
            number = self._names.id_of(transaction, series)
            if number is None:
                return []
            rows = transaction.all(_CHECKS, (number, interval.start, interval.end))
        return [_block_check(series, row) for row in rows]

    def due(self, *, before: int, limit: int, series: Sequence[Series] | None = None) -> list[Due]:
        """Return blocks that were not checked at ``before`` or later, the oldest check first."""
        with self._database.read() as transaction:
            among, ids = self._among(transaction, series, "b")
            order = f'{among} ORDER BY b."series_id", b."start" LIMIT ?'
            rows = transaction.all(f"{_NEVER}{order}", (*ids, limit))
            if len(rows) < limit:
                order = f'{among} ORDER BY c."checked_at", c."series_id", c."start" LIMIT ?'
                rows += transaction.all(f"{_AGAIN}{order}", (before, *ids, limit - len(rows)))
            named = self._names.series_of(transaction, [row[0] for row in rows])
        return [Due(series=named[number], start=start, rows=count, checked_at=at) for number, start, count, at in rows]

    def state(self, series: Sequence[Series] | None = None, *, before: int = 0) -> CheckState:
        """Return how far the blocks of these series, or of all, are verified."""
        with self._database.read() as transaction:
            among, ids = self._among(transaction, series, "b")
            found = transaction.one(f"{_STATE} WHERE 1 = 1{among}", (before, *ids))
        blocks, checked, failed, oldest, due = map(int, found)
        never = blocks - checked
        return CheckState(blocks=blocks, never=never, due=due, damaged=failed - never, oldest=oldest)

    def pinned(self, series: Sequence[Series] | None = None) -> list[PinnedCheck]:
        """Return what snapshots and named versions hold and no current block does."""
        with self._database.read() as transaction:
            if series is None:
                return pinning.pinned(transaction, self._names)
            numbers = [number for number in self._names.ids_of(transaction, series) if number is not None]
            dialect = transaction.dialect
            return pinning.pinned(
                transaction, self._names, f" AND {dialect.among('series_id')}", (dialect.numbers(numbers),)
            )

    def _among(
        self, transaction: Transaction, series: Sequence[Series] | None, table: str
    ) -> tuple[str, tuple[Any, ...]]:
        """Return the condition on the series' ids, and its parameter, if there is one."""
        if series is None:
            return "", ()
        ids = [number for number in self._names.ids_of(transaction, series) if number is not None]
        dialect = transaction.dialect
        return f" AND {dialect.among(f'{table}.series_id')}", (dialect.numbers(ids),)


def _row(one: Measurement, number: int, at: int) -> tuple[Any, ...]:
    scores = [one.scores.get(name) for name in METRICS]
    # The names that it has tell which metrics were asked for.
    told = json.dumps({name: {} for name in one.scores} | dict(one.told), sort_keys=True)
    return (number, at, one.version, one.revision, one.interval.start, one.interval.end, *scores, told)


def _measurement(row: Sequence[Any], series: Series) -> Measurement:
    _, at, version, revision, start, end, *scores, told = row
    measured = json.loads(told)
    return Measurement(
        series=series,
        interval=Interval(start, end),
        version=version,
        revision=revision,
        scores={name: score for name, score in zip(METRICS, scores, strict=True) if name in measured},
        told=measured,
        measured_at=at,
    )


def _block_check(series: Series, row: Sequence[Any]) -> BlockCheck:
    start, rows, digest, checked, at, ok, detail = row
    known = BlockCheck(series=series, start=start, rows=rows, digest=bytes(digest))
    if at is None:
        return known
    return BlockCheck(
        series=series,
        start=start,
        rows=rows,
        digest=bytes(checked),
        ok=bool(ok),
        detail=detail,
        changed=bytes(checked) != known.digest,
        checked_at=at,
    )


def _told(one: Measurement) -> dict[str, Any]:
    interval = {"start": one.interval.start, "end": one.interval.end}
    return {**series_key(one.series), "interval": interval, "version": one.version, "scores": dict(one.scores)}
