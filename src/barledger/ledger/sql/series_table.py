"""Series in SQL: their ids, and the row that a reader looks at."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.ledger.contract import Gone, SeriesState
from barledger.ledger.sql import schema

_table = schema.series
_by_id = sa.select(_table).where(_table.c.id == sa.bindparam("id"))
_by_ids = sa.select(_table).where(_table.c.id.in_(sa.bindparam("ids", expanding=True)))
_all_ids = sa.select(_table.c.id, _table.c.instrument, _table.c.timeframe, _table.c.source, _table.c.is_adjusted)
_unrepaired = sa.select(schema.revision_series.c.revision).where(
    schema.revision_series.c.series_id == sa.bindparam("id"), schema.revision_series.c.repaired.is_(sa.false())
)


class SeriesTable:
    """Looks series up; ids never change, so they are remembered for as long as the process lives."""

    def __init__(self) -> None:
        """Start without any id."""
        self._ids: dict[Series, int] = {}
        self._series: dict[int, Series] = {}

    def id_of(self, connection: Connection, series: Series) -> int | None:
        """Return the id, or None if the series was never named to the ledger."""
        found = self._ids.get(series)
        if found is None:
            self._refresh(connection)
            found = self._ids.get(series)
        return found

    def ensure(self, connection: Connection, series: Sequence[Series]) -> list[int]:
        """Return the ids, making rows for the series that have none; only in a writing transaction."""
        if any(one not in self._ids for one in series):
            self._refresh(connection)
        missing = [one for one in series if one not in self._ids]
        if missing:
            connection.execute(sa.insert(_table), [_identity(one) for one in missing])
            # Read inside the transaction and not remembered, because a rollback would take the ids back.
            ids = _ids_in(connection)
            return [ids[one] for one in series]
        return [self._ids[one] for one in series]

    def series_of(self, connection: Connection, series_id: int) -> Series:
        """Return the series with this id."""
        if series_id not in self._series:
            self._refresh(connection)
        if series_id not in self._series:  # made in this very transaction
            return next(one for one, number in _ids_in(connection).items() if number == series_id)
        return self._series[series_id]

    def state(self, connection: Connection, series: Series) -> SeriesState:
        """Return the state of a series; all zeros if it was never named."""
        series_id = self.id_of(connection, series)
        if series_id is None:
            return SeriesState(series=series)
        row = connection.execute(_by_id, {"id": series_id}).one()
        return _state(connection, series, row)

    def rows(self, connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
        """Return the raw rows by id."""
        return {row.id: row for row in connection.execute(_by_ids, {"ids": list(ids)})}

    def states(self, connection: Connection, ids: Sequence[int], series: Sequence[Series]) -> list[SeriesState]:
        """Return the states of series whose ids are known, in the order given."""
        rows = self.rows(connection, ids)
        return [_state(connection, one, rows[number]) for number, one in zip(ids, series, strict=True)]

    def _refresh(self, connection: Connection) -> None:
        """Remember all ids; a writing transaction calls this before it inserts, so what it sees is committed."""
        ids = _ids_in(connection)
        self._ids.update(ids)
        self._series.update({number: one for one, number in ids.items()})


def _ids_in(connection: Connection) -> dict[Series, int]:
    return {series_of_row(row): row.id for row in connection.execute(_all_ids)}


def series_of_row(row: Any) -> Series:
    """Return the series that a row with the identity's columns means."""
    return Series(
        instrument=row.instrument,
        timeframe=Timeframe.of(row.timeframe),
        source=row.source,
        is_adjusted=bool(row.is_adjusted),
    )


def gone_to_json(gone: Sequence[Gone]) -> str:
    """Return what retention deleted as the text that the table keeps."""
    if not gone:
        return ""
    return json.dumps([[one.interval.start, one.interval.end, one.revision, one.refilled] for one in gone])


def _state(connection: Connection, series: Series, row: Any) -> SeriesState:
    unrepaired: tuple[int, ...] = ()
    if row.unrepaired:
        unrepaired = tuple(sorted(connection.execute(_unrepaired, {"id": row.id}).scalars()))
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
        gone=_gone(row.gone),
        edition_floor=row.edition_floor,
        max_edition=row.max_edition,
        rows=row.rows,
        digest=b"" if row.digest is None else bytes(row.digest),
        newest=newest,
        aborted=row.aborted,
    )


def _gone(text: str) -> tuple[Gone, ...]:
    if not text:
        return ()
    return tuple(
        Gone(interval=Interval(start, end), revision=revision, refilled=refilled)
        for start, end, revision, refilled in json.loads(text)
    )


def _identity(series: Series) -> dict[str, Any]:
    return {
        "instrument": series.instrument,
        "timeframe": series.timeframe.name,
        "source": series.source,
        "is_adjusted": series.is_adjusted,
    }
