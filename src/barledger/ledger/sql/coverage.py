"""Coverage in SQL: what sources were asked for, and what came of it."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from barledger.domain.interval import Interval, difference, union
from barledger.domain.series import Series
from barledger.ledger.contract import Cover
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable

_table = schema.coverage


def add(database: Database, connection: Connection, names: SeriesTable, covers: Sequence[Cover], time: int) -> None:
    """Note what was asked for; the newest answer about a stretch replaces the older ones."""
    ordered = sorted(covers, key=lambda cover: cover.series)
    for series, group in groupby(ordered, key=lambda cover: cover.series):
        number = names.ensure(connection, [series])[0]
        kept = _merge(of(connection, series, number), list(group), time)
        connection.execute(sa.delete(_table).where(_table.c.series_id == number))
        connection.execute(database.upsert(_table, ["end", "checked_at"]), [_row(number, cover) for cover in kept])


def of(connection: Connection, series: Series, series_id: int | None) -> list[Cover]:
    """Return the coverage of a series, by start."""
    query = sa.select(_table).where(_table.c.series_id == series_id).order_by(_table.c.start, _table.c.outcome)
    return [
        Cover(series=series, interval=Interval(row.start, row.end), outcome=row.outcome, checked_at=row.checked_at)
        for row in connection.execute(query)
    ]


def _merge(known: Sequence[Cover], added: Sequence[Cover], time: int) -> list[Cover]:
    """Cut what is asked again out of the older answers, and join neighbours with the same outcome."""
    holes = [cover.interval for cover in added if not cover.interval.empty]
    parts = [
        Cover(series=cover.series, interval=left, outcome=cover.outcome, checked_at=cover.checked_at)
        for cover in known
        for left in difference([cover.interval], holes)
    ]
    parts += [
        Cover(series=cover.series, interval=cover.interval, outcome=cover.outcome, checked_at=time)
        for cover in added
        if not cover.interval.empty
    ]
    return [joined for outcome in sorted({part.outcome for part in parts}) for joined in _joined(parts, outcome)]


def _joined(parts: Sequence[Cover], outcome: str) -> list[Cover]:
    mine = [part for part in parts if part.outcome == outcome]
    return [
        Cover(
            series=mine[0].series,
            interval=interval,
            outcome=outcome,
            checked_at=min(part.checked_at for part in mine if part.interval.intersects(interval)),
        )
        for interval in union(part.interval for part in mine)
    ]


def _row(series_id: int, cover: Cover) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "start": cover.interval.start,
        "end": cover.interval.end,
        "outcome": cover.outcome,
        "checked_at": cover.checked_at,
    }
