"""Which series the ledger knows, in SQL."""

import json
from collections.abc import Sequence

import sqlalchemy as sa

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.ledger.contract import Catalog, Cover, Who
from barledger.ledger.sql import blocks, coverage, schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable, series_of_row

_series = schema.series
_priorities = schema.priorities


class SqlCatalog(Catalog):
    """Series, digests, coverage and priorities."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def series(self, *, instrument: str | None = None, timeframe: str | None = None) -> list[Series]:
        """Return the series that have at least one committed revision, sorted."""
        query = sa.select(_series).where(_series.c.revision > 0)
        if instrument is not None:
            query = query.where(_series.c.instrument == instrument)
        if timeframe is not None:
            query = query.where(_series.c.timeframe == timeframe)
        with self._database.read() as connection:
            return sorted(series_of_row(row) for row in connection.execute(query))

    def blocks(self, series: Series, interval: Interval, *, revision: int | None = None) -> list[Block] | None:
        """Return the digests of the blocks that start in the interval, ascending."""
        with self._database.read() as connection:
            number = self._names.id_of(connection, series)
            if number is None:
                return []
            if revision is None:
                return blocks.current(connection, number, interval)
            pinned = connection.execute(sa.select(_series.c.pinned).where(_series.c.id == number)).scalar_one()
            return blocks.as_of(connection, number, interval, revision) if revision <= pinned else None

    def set_priority(self, pattern: str, timeframe: str, sources: Sequence[str], mode: str, who: Who) -> None:
        """Prefer sources in this order for instruments that match the glob; an empty list removes it."""
        key = {"pattern": pattern, "timeframe": timeframe}
        with self._database.write() as connection:
            if sources:
                row = {**key, "sources": json.dumps(list(sources)), "mode": mode}
                connection.execute(self._database.upsert(_priorities, ["sources", "mode"]), row)
            else:
                mine = (_priorities.c.pattern == pattern) & (_priorities.c.timeframe == timeframe)
                connection.execute(sa.delete(_priorities).where(mine))
            told = {**key, "sources": list(sources), "mode": mode}
            append(connection, who, self._database.tick(connection), told)

    def priorities(self) -> list[tuple[str, str, tuple[str, ...], str]]:
        """Return (pattern, timeframe or ``*``, sources, mode), the most specific pattern first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(_priorities)).all()
        found = [(row.pattern, row.timeframe, tuple(json.loads(row.sources)), row.mode) for row in rows]
        return sorted(found, key=_generality)

    def coverage(self, series: Series) -> list[Cover]:
        """Return what sources were asked for, by start."""
        with self._database.read() as connection:
            return coverage.of(connection, series, self._names.id_of(connection, series))


def _generality(priority: tuple[str, str, tuple[str, ...], str]) -> tuple[bool, int, bool, str]:
    """Order plain names before globs, long globs before short ones, and a timeframe before all of them."""
    pattern, timeframe, _, _ = priority
    wild = any(sign in pattern for sign in "*?[")
    return wild, -len(pattern.replace("*", "")), timeframe == "*", pattern
