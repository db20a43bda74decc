"""Symbol maps in SQL."""

import builtins

import sqlalchemy as sa

from barledger.domain.interval import Interval
from barledger.errors import NameTaken
from barledger.ledger.contract import Symbol, Symbols, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database

_table = schema.symbols


class SqlSymbols(Symbols):
    """What each source calls an instrument, and when."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def add(self, symbol: Symbol, who: Who) -> None:
        """Add a mapping; raises `NameTaken` if the symbol means another instrument in that interval."""
        with self._database.write() as connection:
            mine = (_table.c.source == symbol.source) & (_table.c.native == symbol.native)
            overlaps = (_table.c.start < symbol.valid.end) & (_table.c.end > symbol.valid.start)
            found = connection.execute(sa.select(_table.c.instrument).where(mine, overlaps)).scalars().all()
            if any(instrument != symbol.instrument for instrument in found):
                raise NameTaken(name=f"{symbol.native} of {symbol.source}")
            told = {"instrument": symbol.instrument, "source": symbol.source, "native": symbol.native}
            row = {**told, "start": symbol.valid.start, "end": symbol.valid.end}
            connection.execute(self._database.upsert(_table, ["end", "instrument"]), row)
            append(connection, who, self._database.tick(connection), row)

    def native(self, instrument: str, source: str, time: int) -> str | None:
        """Return what the source called the instrument at ``time``."""
        return self._find(_table.c.native, _table.c.instrument == instrument, source, time)

    def instrument(self, native: str, source: str, time: int) -> str | None:
        """Return the instrument that the source's symbol meant at ``time``."""
        return self._find(_table.c.instrument, _table.c.native == native, source, time)

    def list(self, *, instrument: str | None = None) -> builtins.list[Symbol]:
        """Return all mappings, sorted."""
        query = sa.select(_table).order_by(_table.c.instrument, _table.c.source, _table.c.start)
        if instrument is not None:
            query = query.where(_table.c.instrument == instrument)
        with self._database.read() as connection:
            return [
                Symbol(
                    instrument=row.instrument, source=row.source, native=row.native, valid=Interval(row.start, row.end)
                )
                for row in connection.execute(query)
            ]

    def _find(self, column: sa.Column[str], key: sa.ColumnElement[bool], source: str, time: int) -> str | None:
        valid = (_table.c.start <= time) & (_table.c.end > time)
        query = sa.select(column).where(key, _table.c.source == source, valid).order_by(_table.c.start.desc())
        with self._database.read() as connection:
            found = connection.execute(query.limit(1)).scalar()
            return None if found is None else str(found)
