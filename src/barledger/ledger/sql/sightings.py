"""Sightings in SQL."""

from collections.abc import Mapping, Sequence
from typing import Final

from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.ledger.contract import Look, Sightings
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable

_COLUMNS: Final = ("start", "compared_at", "outcome", "given", "held")
_LOOKS: Final = 'SELECT "series_id", "start", "compared_at", "outcome", "given", "held" FROM "looks"'


class SqlSightings(Sightings):
    """Absences, and the last look at each block."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def missed(self, series: Series, answered: Interval, lacking: Sequence[int]) -> list[int]:
        """Note the times of bars that a complete answer lacked; returns those that the one before lacked too."""
        with self._database.write() as writing:
            (number,) = self._names.ensure(writing, [series])
            inside = '"series_id" = ? AND "time" >= ? AND "time" < ?'
            query = f'SELECT "time" FROM "absences" WHERE {inside}'  # noqa: S608 - our own names
            known = {time for (time,) in writing.all(query, (number, answered.start, answered.end))}
            writing.delete(schema.absences, ("series_id", "time"), [(number, time) for time in known - set(lacking)])
            noted = [(number, time, writing.now) for time in sorted(set(lacking) - known)]
            writing.insert(schema.absences, ("series_id", "time", "noted_at"), noted)
            return sorted(known & set(lacking))

    def look(self, series: Series, looks: Sequence[Look]) -> None:
        """Note that blocks were compared."""
        if not looks:
            return
        with self._database.write() as writing:
            (number,) = self._names.ensure(writing, [series])
            rows = [(number, *(getattr(one, name) for name in _COLUMNS)) for one in looks]
            writing.insert(schema.looks, ("series_id", *_COLUMNS), rows, replaced=_COLUMNS[1:])

    def looks_of(self, series: Sequence[Series]) -> Mapping[Series, list[Look]]:
        """Return what is noted of the blocks of many series, by start."""
        found: dict[Series, list[Look]] = {one: [] for one in series}
        with self._database.read() as transaction:
            named = zip(series, self._names.ids_of(transaction, series), strict=True)
            known = {number: one for one, number in named if number is not None}
            dialect = transaction.dialect
            query = f'{_LOOKS} WHERE {dialect.among("series_id")} ORDER BY "series_id", "start"'
            for number, start, at, outcome, given, held in transaction.all(query, (dialect.numbers(list(known)),)):
                look = Look(start=start, compared_at=at, outcome=outcome, given=bytes(given), held=bytes(held))
                found[known[number]].append(look)
        return found
