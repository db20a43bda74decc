"""Symbol maps in SQL."""

import builtins

import sqlalchemy as sa

from barledger.domain.interval import Interval
from barledger.errors import SymbolTaken
from barledger.ledger.contract import Symbol, Symbols, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Writing

_table = schema.symbols


class SqlSymbols(Symbols):
    """What each source calls an instrument, and when."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def add(self, symbol: Symbol, who: Who) -> None:
        """Add a mapping; raises `NameTaken` if the symbol means another instrument in that interval."""
        with self._database.write() as writing:
            for other in _meant(writing, symbol):
                if other != symbol.instrument:
                    raise SymbolTaken(name=symbol.native, source=symbol.source, instrument=other)
            same = (_table.c.source == symbol.source, _table.c.native == symbol.native)
            writing.execute(sa.delete(_table).where(*same, _table.c.start == symbol.valid.start))
            told = {"instrument": symbol.instrument, "source": symbol.source, "native": symbol.native}
            row = {**told, "start": symbol.valid.start, "end": symbol.valid.end}
            writing.execute(sa.insert(_table), row)
            append(writing, who, writing.tick(), row)

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
        with self._database.read() as transaction:
            return [
                Symbol(
                    instrument=row.instrument, source=row.source, native=row.native, valid=Interval(row.start, row.end)
                )
                for row in transaction.execute(query)
            ]

    def _find(self, column: sa.Column[str], key: sa.ColumnElement[bool], source: str, time: int) -> str | None:
        valid = (_table.c.start <= time) & (_table.c.end > time)
        query = sa.select(column).where(key, _table.c.source == source, valid).order_by(_table.c.start.desc())
        with self._database.read() as transaction:
            found = transaction.execute(query.limit(1)).scalar()
            return None if found is None else str(found)


def _meant(writing: Writing, symbol: Symbol) -> builtins.list[str]:
    """Return the instruments that the native symbol means somewhere in the interval."""
    overlaps = (_table.c.start < symbol.valid.end) & (_table.c.end > symbol.valid.start)
    same = (_table.c.source == symbol.source) & (_table.c.native == symbol.native)
    return [str(name) for name in writing.execute(sa.select(_table.c.instrument).where(same, overlaps)).scalars()]
