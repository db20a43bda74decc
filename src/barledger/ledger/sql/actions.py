"""Corporate actions in SQL: rows are superseded, never changed."""

import builtins
from collections.abc import Iterable, Sequence
from typing import Any, Final

from barledger.domain.action import CorporateAction
from barledger.domain.series import Series
from barledger.ledger.contract import Actions, Materialised, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Transaction

_KEY: Final = ("instrument", "source", "kind", "ex_date")
_SAID: Final = ("value", "currency", "withdrawn", "denied", "evidence")
_COLUMNS: Final = (*_KEY, "known_at", "superseded_at", *_SAID)
_NAMES: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
_QUERY: Final = f'SELECT {_NAMES} FROM "actions"'  # noqa: S608 - our own names


class SqlActions(Actions):
    """Corporate actions by ex-date and by when they became known."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def record(self, actions: Sequence[CorporateAction], who: Who) -> int:
        """Note actions as known from now on; what was known of them is superseded."""
        if not actions:
            return 0
        with self._database.write() as writing:
            standing = {_key(one): one for one in _standing(writing, {action.instrument for action in actions})}
            news = {
                key: one for key, one in {_key(one): one for one in actions}.items() if _differs(one, standing.get(key))
            }
            if news:
                at = writing.tick()
                ended = [(at, *key, standing[key].known_at) for key in news if key in standing]
                writing.update(schema.actions, ("superseded_at",), (*_KEY, "known_at"), ended)
                rows = [(*key, at, 0, *(getattr(one, name) for name in _SAID)) for key, one in news.items()]
                writing.insert(schema.actions, _COLUMNS, rows)
                append(writing, who, at, {"actions": [_told(one) for one in news.values()]})
            return len(news)

    def list(
        self,
        *,
        instrument: str | None = None,
        source: str | None = None,
        known_at: int | None = None,
        denials: bool = False,
    ) -> builtins.list[CorporateAction]:
        """Return what stands now, or stood at a time (ns), withdrawn ones left out."""
        given = {"instrument": instrument, "source": source}
        wanted = {name: value for name, value in given.items() if value is not None}
        terms = [f'"{name}" = ?' for name in wanted]
        parameters: builtins.list[Any] = [*wanted.values()]
        if known_at is None:
            terms.append('"superseded_at" = 0')
        else:
            terms.append('"known_at" <= ? AND ("superseded_at" = 0 OR "superseded_at" > ?)')
            parameters += [known_at, known_at]
        with self._database.read() as transaction:
            rows = transaction.all(f"{_QUERY} WHERE {' AND '.join(terms)}", tuple(parameters))
        return sorted(one for one in map(_action, rows) if not one.withdrawn or (denials and one.denied))

    def history(self, instrument: str) -> builtins.list[CorporateAction]:
        """Return all that was ever known of an instrument, by when it was known."""
        with self._database.read() as transaction:
            rows = transaction.all(f'{_QUERY} WHERE "instrument" = ?', (instrument,))
        return sorted(map(_action, rows), key=lambda one: (one.known_at, one))

    def mark(self, instrument: str) -> int:
        """Return when there was the last news of an instrument."""
        return int(self._database.look(_MARK, (instrument,))[0])

    # --- the mirror ----------------------------------------------------------------------------

    def unmirrored(self) -> builtins.list[CorporateAction]:
        """Return what is known of each action that no store has acknowledged yet, oldest first."""
        with self._database.read() as transaction:
            rows = transaction.all(f'{_QUERY} WHERE "superseded_at" = 0 AND "mirrored_at" = 0')
        return sorted(map(_action, rows), key=lambda one: (one.known_at, one))

    def mirrored(self, actions: Sequence[CorporateAction]) -> None:
        """Note that the store acknowledged them; what superseded one of them waits again."""
        if not actions:
            return
        with self._database.write() as writing:
            at = writing.tick()
            rows = [(at, *_key(one), one.known_at) for one in actions]
            writing.update(schema.actions, ("mirrored_at",), (*_KEY, "known_at"), rows)
            standing = {_key(one): one for one in _standing(writing, {one.instrument for one in actions})}
            late = [one for one in actions if standing[_key(one)].known_at != one.known_at]
            again = [(0, *_key(one), standing[_key(one)].known_at) for one in late]
            writing.update(schema.actions, ("mirrored_at",), (*_KEY, "known_at"), again)

    # --- materialised series -------------------------------------------------------------------

    def keep(self, made: Materialised, who: Who) -> None:
        """Note that an adjusted series is kept beside this original."""
        key = (made.series.instrument, made.series.timeframe.name, made.series.source)
        with self._database.write() as writing:
            at = writing.tick()
            row = (*key, made.adjust, at)
            writing.insert(schema.materialised, (*_NAMED, "adjust", "since"), [row], replaced=("adjust", "since"))
            append(writing, who, at, {**dict(zip(_NAMED, key, strict=True)), "adjust": made.adjust})

    def end(self, original: Series, who: Who) -> bool:
        """Note that no adjusted series is kept beside this original any more; tells whether one was."""
        key = (original.instrument, original.timeframe.name, original.source)
        with self._database.write() as writing:
            found = writing.one(_KEPT, key)
            if found:
                writing.delete(schema.materialised, _NAMED, [key])
                append(writing, who, writing.tick(), {**dict(zip(_NAMED, key, strict=True)), "adjust": found[0]})
            return bool(found)

    def kept(self, *, instrument: str | None = None) -> builtins.list[Materialised]:
        """Return the originals beside which adjusted series are kept, sorted."""
        query = 'SELECT "instrument", "timeframe", "source", "adjust", "since" FROM "materialised"'
        with self._database.read() as transaction:
            if instrument is None:
                rows = transaction.all(query)
            else:
                rows = transaction.all(f'{query} WHERE "instrument" = ?', (instrument,))
        made = [Materialised(series=Series.of(*row[:3]), adjust=row[3], since=row[4]) for row in rows]
        return sorted(made, key=lambda one: one.series)


_MARK: Final = 'SELECT COALESCE(MAX("known_at"), 0) FROM "actions" WHERE "instrument" = ?'
_KEPT: Final = 'SELECT "adjust" FROM "materialised" WHERE "instrument" = ? AND "timeframe" = ? AND "source" = ?'
_NAMED: Final = ("instrument", "timeframe", "source")


def _standing(transaction: Transaction, instruments: Iterable[str]) -> builtins.list[CorporateAction]:
    found: builtins.list[Any] = []
    for instrument in sorted(instruments):
        found += transaction.all(f'{_QUERY} WHERE "instrument" = ? AND "superseded_at" = 0', (instrument,))
    return [_action(row) for row in found]


def _action(row: Any) -> CorporateAction:
    values = dict(zip(_COLUMNS, row, strict=True))
    flags = {name: bool(values[name]) for name in ("withdrawn", "denied")}
    return CorporateAction(**{**values, **flags})


def _key(action: CorporateAction) -> tuple[str, str, str, int]:
    return action.instrument, action.source, action.kind, action.ex_date


def _differs(action: CorporateAction, known: CorporateAction | None) -> bool:
    if known is None:
        return not action.withdrawn or action.denied
    return _said(action) != _said(known)


def _said(action: CorporateAction) -> tuple[Any, ...]:
    return action.value, action.currency, action.withdrawn, action.denied, action.symbol


def _told(action: CorporateAction) -> dict[str, Any]:
    told = {name: getattr(action, name) for name in (*_KEY, *_SAID)}
    return {**told, "value": repr(action.value)}
