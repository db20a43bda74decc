"""Series in SQL: their ids, and the row that a reader looks at."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import json
from collections import namedtuple
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.ledger.contract import Gone, SeriesState
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Transaction, Writing

_IDENTITY: Final = ("instrument", "timeframe", "source", "is_adjusted")
_NAMES: Final = tuple(schema.series.columns.keys())
SeriesRow: Any = namedtuple("SeriesRow", _NAMES)  # type: ignore[misc]  # noqa: PYI024 - the schema knows the columns

COLUMNS: Final = ", ".join(f'"{name}"' for name in _NAMES)
_ONE: Final = f'SELECT {COLUMNS} FROM "series" WHERE "id" = ?'
_NAMED: Final = f'SELECT {COLUMNS} FROM "series" WHERE "instrument" = ? AND "timeframe" = ? AND "revision" > 0'
_FIND: Final = (
    'SELECT "id" FROM "series" WHERE "instrument" = ? AND "timeframe" = ? AND "source" = ? AND "is_adjusted" = ?'
)
_LEFT: Final = f'SELECT "revision" FROM "revision_series" WHERE "series_id" = ? AND {schema.LEFT} ORDER BY "revision"'
_ALL: Final = 'SELECT "id", "instrument", "timeframe", "source", "is_adjusted" FROM "series"'
# So many series are looked up one by one; for more it is cheaper to read all names.
_FEW: Final = 40


class SeriesTable:
    """Looks series up; an id that was committed never changes, so it is remembered."""

    def __init__(self, database: Database) -> None:
        """Start without any id."""
        self._database = database
        self._ids: dict[Series, int] = {}
        self._series: dict[int, Series] = {}

    def known(self, series: Series) -> int | None:
        """Return the id if it was looked up before."""
        return self._ids.get(series)

    def id_of(self, transaction: Transaction, series: Series) -> int | None:
        """Return the id, or None if the series was never named to the ledger."""
        found = self._ids.get(series)
        return self.ids_of(transaction, [series])[0] if found is None else found

    def ids_of(self, transaction: Transaction, series: Sequence[Series]) -> list[int | None]:
        """Return the ids of many series, None for those that were never named to the ledger."""
        ids = [self._ids.get(one) for one in series]
        missing = [one for one, number in zip(series, ids, strict=True) if number is None]
        if not missing:
            return ids
        found = _find(transaction, missing)
        self._remember_later(transaction, found)
        return [found.get(one) if number is None else number for one, number in zip(series, ids, strict=True)]

    def ensure(self, writing: Writing, series: Sequence[Series]) -> list[int]:
        """Return the ids, making rows for the series that have none."""
        ids = self.ids_of(writing, series)
        missing = list(dict.fromkeys(one for one, number in zip(series, ids, strict=True) if number is None))
        if missing:
            writing.insert(schema.series, _IDENTITY, [_identity(one) for one in missing])
            ids = self.ids_of(writing, series)
        return [number for number in ids if number is not None]

    def series_of(self, transaction: Transaction, ids: Iterable[int]) -> dict[int, Series]:
        """Return the series with these ids."""
        wanted = set(ids)
        missing = [number for number in wanted if number not in self._series]
        found: dict[Series, int] = {}
        if missing:
            query = f"{_ALL} WHERE {transaction.dialect.among('id')}"
            rows = transaction.all(query, (transaction.dialect.numbers(missing),))
            found = {series_named(*names): number for number, *names in rows}
            self._remember_later(transaction, found)
        fresh = {number: one for one, number in found.items()}
        return {number: self._series.get(number) or fresh[number] for number in wanted}

    def look(self, series: Series) -> SeriesState:
        """Return the state of a series in one look; all zeros if it was never named."""
        number = self._ids.get(series)
        found = None if number is None else self._database.look(_ONE, (number,))
        row: Any = None if found is None else SeriesRow._make(found)
        if row is not None and not row.unrepaired:
            return state_of(series, row)
        with self._database.read() as transaction:
            return self.states(transaction, [series])[0]

    def look_for(self, instrument: str, timeframe: str) -> list[SeriesState]:
        """Return the states of the series of an instrument at a timeframe that have a revision, sorted, in one look."""
        rows: Any = [SeriesRow._make(row) for row in self._database.look_at_all(_NAMED, (instrument, timeframe))]
        series = [self._series.get(row.id) or self._remembered(row) for row in rows]
        if any(row.unrepaired for row in rows):
            with self._database.read() as transaction:
                return self.states(transaction, sorted(series))
        return sorted(map(state_of, series, rows), key=attrgetter("series"))

    def _remembered(self, row: Any) -> Series:
        series = series_named(row.instrument, row.timeframe, row.source, row.is_adjusted)
        self._ids[series], self._series[row.id] = row.id, series
        return series

    def states(self, transaction: Transaction, series: Sequence[Series]) -> list[SeriesState]:
        """Return the states of series, in the order given; all zeros for those that were never named."""
        ids = self.ids_of(transaction, series)
        rows = self.rows(transaction, [number for number in ids if number is not None])
        return [
            SeriesState(series=one) if number is None else self.state(transaction, one, rows[number])
            for one, number in zip(series, ids, strict=True)
        ]

    def state(self, transaction: Transaction, series: Series, row: Any) -> SeriesState:
        """Return the state that a row means."""
        left = transaction.all(_LEFT, (row.id,)) if row.unrepaired else []
        return state_of(series, row, tuple(revision for (revision,) in left))

    def rows(self, transaction: Transaction, ids: Sequence[int]) -> dict[int, Any]:
        """Return the rows by id."""
        query = f'SELECT {COLUMNS} FROM "series" WHERE {transaction.dialect.among("id")}'
        found = transaction.all(query, (transaction.dialect.numbers(ids),))
        return {row[0]: SeriesRow._make(row) for row in found}

    def _remember_later(self, transaction: Transaction, found: dict[Series, int]) -> None:
        """Remember ids; those that a writing transaction sees may be its own, and are gone if it is rolled back."""

        def remember() -> None:
            self._ids.update(found)
            self._series.update({number: one for one, number in found.items()})

        if isinstance(transaction, Writing):
            transaction.after_commit.append(remember)
        else:
            remember()


def state_of(series: Series, row: Any, unrepaired: tuple[int, ...] = ()) -> SeriesState:
    """Return the state that a row means, given its aborted revisions that are not repaired."""
    newest = None
    if row.newest_start is not None:
        newest = Block(start=row.newest_start, rows=row.newest_rows, digest=bytes(row.newest_digest))
    return SeriesState(
        series=series,
        revision=row.revision,
        allocated=row.allocated,
        pending=row.pending,
        unrepaired=unrepaired,
        epoch=row.epoch,
        horizon=row.horizon,
        gone=gone_of(row.gone) if row.gone else (),
        edition_floor=row.edition_floor,
        max_edition=row.max_edition,
        rows=row.rows,
        digest=b"" if row.digest is None else bytes(row.digest),
        newest=newest,
        aborted=row.aborted,
    )


def series_named(instrument: str, timeframe: str, source: str, is_adjusted: Any) -> Series:
    """Return the series that the columns of its identity mean."""
    return Series(
        instrument=instrument, timeframe=Timeframe.of(timeframe), source=source, is_adjusted=bool(is_adjusted)
    )


def gone_to_json(gone: Sequence[Gone]) -> str:
    """Return what retention deleted as the text that the table keeps."""
    if not gone:
        return ""
    return json.dumps([[one.interval.start, one.interval.end, one.revision, one.refilled] for one in gone])


def gone_of(text: str) -> tuple[Gone, ...]:
    """Return what the table keeps of what retention deleted."""
    if not text:
        return ()
    return tuple(
        Gone(interval=Interval(start, end), revision=revision, refilled=refilled)
        for start, end, revision, refilled in json.loads(text)
    )


def _find(transaction: Transaction, series: Sequence[Series]) -> dict[Series, int]:
    if len(series) <= _FEW:
        looked = {one: transaction.one(_FIND, _identity(one)) for one in series}
        return {one: row[0] for one, row in looked.items() if row is not None}
    known = {(*names, bool(adjusted)): number for number, *names, adjusted in transaction.all(_ALL)}
    return {one: known[_identity(one)] for one in series if _identity(one) in known}


def _identity(series: Series) -> tuple[str, str, str, bool]:
    return series.instrument, series.timeframe.name, series.source, series.is_adjusted
