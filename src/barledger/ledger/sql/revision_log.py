"""Looking revisions up: what changed, when, and by whom."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

from collections.abc import Sequence
from typing import Any, Final

from barledger.domain.interval import Interval, format_time
from barledger.domain.series import Series
from barledger.errors import FutureTime
from barledger.ledger.contract import Intent, RevisionRecord
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Transaction

_BOTH: Final = '"revision_series" AS l JOIN "revisions" AS r ON r."revision" = l."revision"'
_COMMITTED: Final = f'FROM {_BOTH} WHERE l."series_id" = ? AND r."state" = \'committed\''
_OVERLAPS: Final = 'l."start" < ? AND l."end" > ? AND l."start" < l."end"'
_WITHDRAWN: Final = (
    f'SELECT l."series_id", l."start", l."end" FROM {_BOTH} WHERE l."withdrawn" > 0 AND r."state" = \'committed\''
)
# Of series with more revisions than these, going through them costs more than reading some bars.
_FEW: Final = 64
_FEW_OF: Final = (
    'SELECT "id", (SELECT COUNT(*) FROM (SELECT 1 FROM "revision_series" AS l WHERE l."series_id" = "series"."id" '
    f'LIMIT {_FEW + 1}) AS few) FROM "series"'
)
_SPANS: Final = 'SELECT "series_id", MIN("start"), MAX("end") FROM "revision_series" WHERE "start" < "end"'
_CONFLICTING: Final = f'SELECT MAX(l."revision") {_COMMITTED} AND l."revision" > ? AND {_OVERLAPS}'
_RECORD_COLUMNS: Final = (
    'l."series_id", r."revision", r."state", r."actor", r."operation", r."reason", r."trigger", l."start", l."end", '
    'r."begun_at", r."committed_at", l."new", l."changed", l."withdrawn", l."jitter"'
)
# The series' highest revision that was committed by a time; within a series revisions are committed in their order.
_LAST_BY: Final = f'SELECT l."revision" {_COMMITTED} AND r."committed_at" <= ? {{}} ORDER BY l."revision" DESC LIMIT 1'
_NEXT_AFTER: Final = f'SELECT r."committed_at" {_COMMITTED} AND l."revision" > ? ORDER BY l."revision" LIMIT 1'
_UNCOMMITTED: Final = (
    # The order matters to SQLite, which joins so: the few that are open first.
    f'SELECT l."revision" FROM "revisions" AS r CROSS JOIN "revision_series" AS l WHERE r.{schema.OPEN} '
    'AND l."revision" = r."revision" AND l."series_id" = ?'
)
_DEAD: Final = (
    'SELECT l."series_id", l."start", l."end" FROM "revisions" AS r CROSS JOIN "revision_series" AS l '
    f'WHERE r.{schema.OPEN} AND r."state" = \'pending\' AND r."lease_until" < ? AND l."revision" = r."revision"'
)
_LEFT: Final = f'SELECT "series_id", "start", "end" FROM "revision_series" WHERE {schema.LEFT}'


class RevisionLog:
    """Answers questions about revisions; every method sees one state."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Read this database."""
        self._database = database
        self._names = names

    def uncommitted(self, series: Series) -> frozenset[int]:
        """Return every revision of the series that is pending or was aborted."""
        with self._database.read() as transaction:
            number = self._names.id_of(transaction, series)
            row = None if number is None else self._names.rows(transaction, [number])[number]
            if row is None or not (row.pending or row.aborted):
                return frozenset()
            return frozenset(revision for (revision,) in transaction.all(_UNCOMMITTED, (number,)))

    def conflicting(self, series: Series, interval: Interval, after: int) -> int:
        """Return the last committed revision above ``after`` that changed bars in the interval, or 0."""
        number = self._names.known(series)
        if number is None:
            with self._database.read() as transaction:
                number = self._names.id_of(transaction, series) or 0
        (found,) = self._database.look(_CONFLICTING, (number, after, interval.end, interval.start))
        return int(found or 0)

    def at_time(self, series: Series, time: int) -> int:
        """Return the last revision of the series committed at or before ``time``; raises `FutureTime`."""
        with self._database.read() as transaction:
            now, reached, _ = transaction.clock()
        if time > max(now, reached):
            raise FutureTime(value=format_time(time), now=format_time(now))
        if time > reached and not self._database.read_only:
            # Whoever asks again must get the same answer, so no later commit may fall before this time.
            with self._database.write() as writing:
                writing.reach(time)
        with self._database.read() as transaction:
            return _last_by(transaction, self._names.id_of(transaction, series) or 0, time)

    def records(self, series: Series, interval: Interval | None) -> list[RevisionRecord]:
        """Return the committed revisions of the series that changed bars in the interval, oldest first."""
        query = f"SELECT {_RECORD_COLUMNS} {_COMMITTED}"
        inside = () if interval is None else (interval.end, interval.start)
        if interval is not None:
            query += f" AND {_OVERLAPS}"
        with self._database.read() as transaction:
            number = self._names.id_of(transaction, series) or 0
            rows = transaction.all(f'{query} ORDER BY r."revision"', (number, *inside))
        return [_record(row, series) for row in rows]

    def withdrawals(self, series: Sequence[Series]) -> dict[Series, list[Interval]]:
        """Return the stretches in which committed revisions withdrew bars, of each series that has some."""
        found: dict[Series, list[Interval]] = {}
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {number: one for one, number in named if number is not None}
            dialect = transaction.dialect
            query = f'{_WITHDRAWN} AND {dialect.among("l.series_id")} ORDER BY l."series_id", l."revision"'
            for number, start, end in transaction.all(query, (dialect.numbers(list(known)),)):
                found.setdefault(known[number], []).append(Interval(start, end))
        return found

    def spans(self, series: Sequence[Series]) -> dict[Series, Interval]:
        """Return the hull of all bars that a series ever had, of those that have few revisions."""
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {number: one for one, number in named if number is not None}
            dialect = transaction.dialect
            counted = transaction.all(f"{_FEW_OF} WHERE {dialect.among('id')}", (dialect.numbers(list(known)),))
            few = [number for number, count in counted if count <= _FEW]
            query = f'{_SPANS} AND {dialect.among("series_id")} GROUP BY "series_id"'
            hulls = transaction.all(query, (dialect.numbers(few),))
        return {known[number]: Interval(start, end) for number, start, end in hulls}

    def record(self, revision: int) -> RevisionRecord | None:
        """Return one revision (its first series), whatever its state."""
        query = f'SELECT {_RECORD_COLUMNS} FROM {_BOTH} WHERE r."revision" = ? ORDER BY l."series_id" LIMIT 1'
        with self._database.read() as transaction:
            row = transaction.one(query, (revision,))
            return None if row is None else _record(row, self._names.series_of(transaction, [row[0]])[row[0]])

    def expired(self, grace: int) -> list[Intent]:
        """Return the stretches held by writers whose lease ended ``grace`` ns ago, and those left unrepaired."""
        with self._database.read() as transaction:
            now, _, _ = transaction.clock()
            found = sorted({*map(tuple, transaction.all(_DEAD, (now - grace,))), *map(tuple, transaction.all(_LEFT))})
            series = self._names.series_of(transaction, [number for number, _, _ in found])
        return [Intent(series=series[number], interval=Interval(start, end)) for number, start, end in found]


def _last_by(transaction: Transaction, number: int, time: int) -> int:
    """Find the revision from where it should be: a revision is a time too, and is committed a little later.

    Only after a clock went back, or a ledger was adopted, can revisions lie ahead of their times.
    """
    found = transaction.one(_LAST_BY.format('AND l."revision" <= ?'), (number, time, time))
    revision = found[0] if found else 0
    following = transaction.one(_NEXT_AFTER, (number, revision))
    if following is not None and following[0] <= time:
        revision = transaction.one(_LAST_BY.format(""), (number, time))[0]
    return int(revision)


def _record(row: Sequence[Any], series: Series) -> RevisionRecord:
    _, revision, state, actor, operation, reason, trigger, start, end, begun, committed, *counts = row
    new, changed, withdrawn, jitter = counts
    return RevisionRecord(
        revision=revision,
        series=series,
        state=state,
        actor=actor,
        operation=operation,
        reason=reason,
        trigger=trigger,
        interval=Interval(start, end),
        begun_at=begun,
        committed_at=committed,
        new=new,
        changed=changed,
        withdrawn=withdrawn,
        jitter=jitter,
    )
