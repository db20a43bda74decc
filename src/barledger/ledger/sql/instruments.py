"""What is said of instruments, in SQL."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from barledger.domain.instrument import Facts, Halt
from barledger.domain.interval import Interval
from barledger.ledger.contract import Instruments, Telling, Who
from barledger.ledger.sql import chronicle, schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Writing

_KEY: Final = ("pattern", "origin")
_HALT: Final = ("instrument", "start", "end", "reason")
_MOMENTS: Final = ("first_trade", "last_trade")


class SqlInstruments(Instruments):
    """Facts by pattern and origin, and halts."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def tell(self, facts: Sequence[Facts], who: Who) -> int:
        """Keep what an origin says of a pattern, in place of what it said before."""
        with self._database.write() as writing:
            news = _news(writing, facts)
            if news:
                at = writing.tick()
                writing.delete(schema.instruments, _KEY, list(news))
                told = [(*key, _text(one), at) for key, one in news.items() if one.told]
                writing.insert(schema.instruments, (*_KEY, "told", "told_at"), told)
                append(writing, who, at, {"facts": [_told(one) for one in news.values()]})
            return len(news)

    def facts(self) -> list[Facts]:
        """Return all that is said, sorted by pattern and origin."""
        with self._database.read() as transaction:
            rows = transaction.all('SELECT "pattern", "origin", "told" FROM "instruments"')
        return [Facts(pattern=pattern, origin=origin, **json.loads(told)) for pattern, origin, told in sorted(rows)]

    def facts_mark(self) -> tuple[int, int]:
        """Return how many facts there are and when the newest was told: the ledger's clock never gives a time twice."""
        count, at = self._database.look('SELECT COUNT(*), COALESCE(MAX("told_at"), 0) FROM "instruments"')
        return int(count), int(at)

    def halt(self, halt: Halt, who: Who) -> None:
        """Declare a halt, or remove the one that begins at the same time."""
        row = (halt.instrument, halt.interval.start, halt.interval.end, halt.reason)
        with self._database.write() as writing:
            writing.delete(schema.halts, _HALT[:2], [row[:2]])
            writing.insert(schema.halts, _HALT, [] if halt.interval.empty else [row])
            append(writing, who, writing.tick(), {"halt": dict(zip(_HALT, row, strict=True))})

    def halts(self, *, instrument: str | None = None) -> list[Halt]:
        """Return the halts, by instrument and start."""
        query, parameters = 'SELECT "instrument", "start", "end", "reason" FROM "halts"', ()
        with self._database.read() as transaction:
            if instrument is None:
                rows = transaction.all(query, parameters)
            else:
                rows = transaction.all(f'{query} WHERE "instrument" = ?', (instrument,))
        return [
            Halt(instrument=name, interval=Interval(start, end), reason=reason)
            for name, start, end, reason in sorted(rows)
        ]

    def tellings(self, *, after: int = 0) -> list[Telling]:
        """Return all that was ever said of instruments in audit entries above ``after``, in order."""
        with self._database.read() as transaction:
            found = list(chronicle.bodies(transaction, "facts", "halt", after=after))
        return [
            Telling(
                sequence=sequence,
                time=time,
                facts=tuple(map(_facts_of, body.get("facts", ()))),
                halts=(_halt_of(body["halt"]),) if "halt" in body else (),
            )
            for sequence, time, body in found
        ]


def _facts_of(told: Mapping[str, Any]) -> Facts:
    """Read what the audit log has, in which ns are text."""
    values: dict[str, Any] = {name: int(value) if name in _MOMENTS else value for name, value in told.items()}
    return Facts(**values)


def _halt_of(told: Mapping[str, Any]) -> Halt:
    interval = Interval(int(told["start"]), int(told["end"]))
    return Halt(instrument=told["instrument"], interval=interval, reason=told["reason"])


def _news(writing: Writing, facts: Sequence[Facts]) -> dict[tuple[str, str], Facts]:
    """Return what differs from what is kept, by its key; of two words on one key the later counts."""
    rows = writing.all('SELECT "pattern", "origin", "told" FROM "instruments"')
    known = {(pattern, origin): told for pattern, origin, told in rows}
    given = {(one.pattern, one.origin): one for one in facts}
    return {key: one for key, one in given.items() if known.get(key, "{}") != _text(one)}


def _text(facts: Facts) -> str:
    return json.dumps(facts.told, sort_keys=True)


def _told(facts: Facts) -> dict[str, Any]:
    return {"pattern": facts.pattern, "origin": facts.origin, **facts.told}
