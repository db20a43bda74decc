"""Which series the ledger knows, in SQL."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.ledger.contract import Catalog, Cover, SeriesState, Who
from barledger.ledger.sql import blocks, chronicle, coverage, schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable, series_named

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
        wanted = {"instrument": instrument, "timeframe": timeframe}
        given = {name: value for name, value in wanted.items() if value is not None}
        query = 'SELECT "instrument", "timeframe", "source", "is_adjusted" FROM "series" WHERE "revision" > 0'
        query += "".join(f' AND "{name}" = ?' for name in given)
        return sorted(series_named(*row) for row in self._database.look_at_all(query, tuple(given.values())))

    def states(self, instrument: str, timeframe: str) -> list[SeriesState]:
        """Return the states of the series of an instrument at a timeframe that `series` lists."""
        return self._names.look_for(instrument, timeframe)

    def asked(self, *, instrument: str | None = None, timeframe: str | None = None) -> list[Series]:
        """Return the series about which sources were asked, sorted."""
        wanted = {"instrument": instrument, "timeframe": timeframe}
        given = {name: value for name, value in wanted.items() if value is not None}
        with self._database.read() as transaction:
            return sorted(coverage.asked(transaction, given))

    def blocks(self, series: Series, interval: Interval, *, revision: int | None = None) -> list[Block] | None:
        """Return the digests of the blocks that start in the interval, ascending."""
        with self._database.read() as transaction:
            number = self._names.id_of(transaction, series)
            if number is None:
                return [] if revision is None else None
            if revision is None or revision == self._names.rows(transaction, [number])[number].revision:
                return blocks.current(transaction, number, interval)
            return blocks.as_of(transaction, number, interval, revision)

    def blocks_of(self, series: Sequence[Series], interval: Interval) -> Mapping[Series, list[Block]]:
        """Return the newest digests of the blocks that start in the interval, of many series as of one instant."""
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {number: one for one, number in named if number is not None}
            found = blocks.current_of(transaction, list(known), interval)
        return {one: [] for one in series} | {known[number]: listed for number, listed in found.items()}

    def counts_of(self, series: Sequence[Series], interval: Interval) -> Mapping[Series, tuple[Ints, Ints]]:
        """Return where the blocks start that start in the interval, and how many bars each has, of many series."""
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {number: one for one, number in named if number is not None}
            found = blocks.counts_of(transaction, list(known), interval)
        nothing = np.empty(0, np.int64)
        return dict.fromkeys(series, (nothing, nothing)) | {known[number]: counts for number, counts in found.items()}

    def set_priority(self, pattern: str, timeframe: str, sources: Sequence[str], mode: str, who: Who) -> None:
        """Prefer sources in this order for instruments that match the glob; an empty list removes it."""
        key = {"pattern": pattern, "timeframe": timeframe}
        with self._database.write() as writing:
            mine = (_priorities.c.pattern == pattern) & (_priorities.c.timeframe == timeframe)
            writing.execute(sa.delete(_priorities).where(mine))
            if sources:
                row = {**key, "sources": json.dumps(list(sources)), "mode": mode}
                writing.execute(sa.insert(_priorities), row)
            append(writing, who, writing.tick(), {**key, "sources": list(sources), "mode": mode})

    def priorities(self) -> list[tuple[str, str, tuple[str, ...], str]]:
        """Return (pattern, timeframe or ``*``, sources, mode), the most specific pattern first."""
        with self._database.read() as transaction:
            rows = transaction.execute(sa.select(_priorities)).all()
        found = [(row.pattern, row.timeframe, tuple(json.loads(row.sources)), row.mode) for row in rows]
        return sorted(found, key=_generality)

    def coverage(self, series: Series) -> list[Cover]:
        """Return what sources were asked for, by start."""
        with self._database.read() as transaction:
            number = self._names.id_of(transaction, series)
            return [] if number is None else coverage.of(transaction, [series], [number])[series]

    def coverage_of(self, series: Sequence[Series]) -> Mapping[Series, list[Cover]]:
        """Return what sources were asked for, by start, of many series as of one instant."""
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {one: number for one, number in named if number is not None}
            found = coverage.of(transaction, list(known), list(known.values()))
        return {one: found.get(one, []) for one in series}

    def answers(self, series: Series, *, known_at: int) -> list[Cover]:
        """Return what sources had been asked for by a time, by start."""
        with self._database.read() as transaction:
            number = self._names.id_of(transaction, series)
            if number is None:
                return []
            told = list(chronicle.bodies(transaction, "asked", until=known_at, series_id=number))
        return coverage.replayed(series, [(time, body["asked"]) for _, time, body in told])

    def forget(self, series: Sequence[Series], who: Who) -> list[Series]:
        """Forget what was asked about series without any revision, with one audit entry; returns which those were."""
        with self._database.write() as writing:
            known = zip(series, self._names.ids_of(writing, series), strict=True)
            numbers = {number: one for one, number in known if number is not None}
            rows = self._names.rows(writing, list(numbers))
            bare = {number: one for number, one in numbers.items() if not rows[number].revision}
            found = coverage.of(writing, list(bare.values()), list(bare))
            gone = {number: one for number, one in bare.items() if found[one]}
            if gone:
                coverage.forget(writing, gone, found)
                told = {"forgotten": [coverage.told(cover) for one in gone.values() for cover in found[one]]}
                append(writing, who, writing.tick(), told, list(gone))
        return sorted(gone.values())

    def cover(self, covers: Sequence[Cover], who: Who, *, details: Mapping[str, Any] | None = None) -> None:
        """Note what came of questions that brought no bars to commit, with one audit entry."""
        if not covers:
            return
        with self._database.write() as writing:
            at = writing.tick()
            coverage.add(writing, self._names, covers, at)
            ids = self._names.ensure(writing, [cover.series for cover in covers])
            append(writing, who, at, {"asked": [coverage.told(cover) for cover in covers], **(details or {})}, ids)


def _generality(priority: tuple[str, str, tuple[str, ...], str]) -> tuple[Any, ...]:
    """Order plain names before globs, long globs before short ones, and a timeframe before all of them."""
    pattern, timeframe, _, _ = priority
    wild = any(sign in pattern for sign in "*?[")
    return wild, -len(pattern.replace("*", "")), timeframe == "*", pattern
