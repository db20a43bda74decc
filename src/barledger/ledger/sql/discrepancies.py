"""The register of discrepancies in SQL."""

import builtins
import json
import secrets
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from barledger.domain.discrepancy import DECLINED, STEPS, WAITING, WHOLE, Discrepancy, DiscrepancyState, Step, key_of
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.errors import DiscrepancyNotFound, IllegalStep
from barledger.ledger.contract import Discrepancies, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append, series_key
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Transaction, Writing

_COLUMNS: Final = (
    *("id", "series_id", "start", "end", "kind", "fields", "factor", "confidence", "bars", "revision", "against"),
    *("key", "reason", "evidence", "state", "made_at", "decided_at", "decided_by", "decision", "result", "undone_by"),
)
_NAMES: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
_QUERY: Final = f'SELECT {_NAMES} FROM "discrepancies"'  # noqa: S608 - our own names
_DECISION: Final = ("state", "decided_at", "decided_by", "decision", "result", "undone_by")
_STEP: Final = ("state", "at", "actor", "reason", "trigger", "revision")
_STEPS: Final = 'SELECT "state", "at", "actor", "reason", "trigger", "revision" FROM "discrepancy_steps"'
_CHANGED: Final = (
    'SELECT "discrepancy_id", "state", "at", "actor", "reason", "trigger", "revision" FROM "discrepancy_steps" '
    'WHERE "at" > ? ORDER BY "at", "number" LIMIT ?'
)
_SUPERSEDED: Final = "a newer one has the same stretch"


class SqlDiscrepancies(Discrepancies):
    """Discrepancies, their payloads and their steps."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def add(
        self, found: Discrepancy, payload: bytes | None, who: Who, *, anew: bool = False
    ) -> tuple[Discrepancy, bool]:
        """Keep a discrepancy, unless the same one is known."""
        key = found.key or key_of(found.kind, payload or b"")
        given = replace(found, key=key, state="open" if payload is None else "proposed")
        with self._database.write() as writing:
            (number,) = self._names.ensure(writing, [given.series])
            known = self._known(writing, number, given, anew=anew)
            if known is not None and (payload is None or known.state != "open"):
                return known, False
            at = writing.tick()
            if known is not None and payload is not None:
                made = replace(given, id=known.id, made_at=known.made_at)
                self._propose(writing, made, payload, who, at)
                return made, True
            self._supersede(writing, number, given, who, at)
            made = replace(given, id=f"disc-{secrets.token_hex(6)}", made_at=at)
            writing.insert(schema.discrepancies, (*_COLUMNS, "payload"), [(*_row(made, number), payload)])
            self._note(writing, made, who, at)
            return made, True

    def _known(self, transaction: Transaction, number: int, given: Discrepancy, *, anew: bool) -> Discrepancy | None:
        """Return the same discrepancy, if it waits with its bars as they were, or somebody declined it."""
        mine = f'{_QUERY} WHERE "series_id" = ? AND "key" = ? AND "against" = ? ORDER BY "made_at" DESC'
        alike = [_discrepancy(row, given.series) for row in transaction.all(mine, (number, given.key, given.against))]
        declined = [one for one in alike if one.state in DECLINED and not (anew and one.state == "undone")]
        as_it_was = [one for one in alike if one.state == "open" or one.revision >= given.revision]
        waiting = [one for one in as_it_was if one.state in WAITING]
        return next(iter([*declined, *waiting]), None)

    def _propose(self, writing: Writing, made: Discrepancy, payload: bytes, who: Who, at: int) -> None:
        """Give an open discrepancy the bars that it proposes, and what is known of it by now."""
        values = dict(zip(_COLUMNS, _row(made, 0), strict=True))
        changed = tuple(name for name in _COLUMNS if name not in ("id", "series_id", "made_at"))
        rows = [(*(values[name] for name in changed), payload, made.id)]
        writing.update(schema.discrepancies, (*changed, "payload"), ("id",), rows)
        self._note(writing, made, who, at)

    def _supersede(self, writing: Writing, number: int, new: Discrepancy, who: Who, at: int) -> None:
        query = f'{_QUERY} WHERE "series_id" = ? AND "against" = ? AND "state" IN (?, ?, ?)'
        for row in writing.all(query, (number, new.against, *sorted(WAITING))):
            old = _discrepancy(row, new.series)
            inside = new.interval.start <= old.interval.start and old.interval.end <= new.interval.end
            if inside and (old.kind == new.kind or new.kind in WHOLE) and not _of_one_look(old, new):
                signed = replace(who, operation="supersede", reason=_SUPERSEDED)
                self._move(writing, old, "superseded", signed, at, 0)

    def get(self, discrepancy_id: str) -> Discrepancy:
        """Return a discrepancy; raises `DiscrepancyNotFound`."""
        with self._database.read() as transaction:
            return self._get(transaction, discrepancy_id)

    def payload(self, discrepancy_id: str) -> bytes | None:
        """Return the bars that it proposes; raises `DiscrepancyNotFound`."""
        with self._database.read() as transaction:
            found = transaction.one('SELECT "payload" FROM "discrepancies" WHERE "id" = ?', (discrepancy_id,))
        if found is None:
            raise DiscrepancyNotFound(discrepancy=discrepancy_id)
        return None if found[0] is None else bytes(found[0])

    def list(
        self, *, series: Series | None = None, states: Collection[DiscrepancyState] | None = None
    ) -> builtins.list[Discrepancy]:
        """Return discrepancies, the newest first."""
        terms: builtins.list[str] = []
        values: builtins.list[Any] = []
        with self._database.read() as transaction:
            if states is not None:
                terms.append(f'"state" IN ({", ".join("?" * len(states)) or "NULL"})')
                values += sorted(states)
            if series is not None:
                terms.append('"series_id" = ?')
                values.append(self._names.id_of(transaction, series) or 0)
            query = f"{_QUERY} WHERE {' AND '.join(terms)}" if terms else _QUERY
            rows = transaction.all(f'{query} ORDER BY "made_at" DESC, "id"', tuple(values))
            named = self._names.series_of(transaction, [row[1] for row in rows])
        return [_discrepancy(row, named[row[1]]) for row in rows]

    def step(self, discrepancy_id: str, state: DiscrepancyState, who: Who, *, revision: int = 0) -> Discrepancy:
        """Take a step; raises `DiscrepancyNotFound` and `IllegalStep`."""
        with self._database.write() as writing:
            found = self._get(writing, discrepancy_id)
            payload = writing.one('SELECT "payload" IS NULL FROM "discrepancies" WHERE "id" = ?', (discrepancy_id,))
            if state not in STEPS[found.state] or (state == "proposed" and bool(payload[0])):
                raise IllegalStep(discrepancy=discrepancy_id, state=found.state, step=state)
            return self._move(writing, found, state, who, writing.tick(), revision)

    def steps(self, discrepancy_id: str) -> builtins.list[Step]:
        """Return all steps, oldest first; raises `DiscrepancyNotFound`."""
        with self._database.read() as transaction:
            self._get(transaction, discrepancy_id)
            rows = transaction.all(f'{_STEPS} WHERE "discrepancy_id" = ? ORDER BY "number"', (discrepancy_id,))
        return [Step(**dict(zip(_STEP, row, strict=True))) for row in rows]

    def changed(self, after: int, *, limit: int) -> builtins.list[tuple[Discrepancy, Step]]:
        """Return the steps that were taken since."""
        with self._database.read() as transaction:
            rows = transaction.all(_CHANGED, (after, limit))
            return [(self._get(transaction, row[0]), Step(**dict(zip(_STEP, row[1:], strict=True)))) for row in rows]

    # --- inside a transaction ------------------------------------------------------------------

    def _move(
        self, writing: Writing, old: Discrepancy, state: DiscrepancyState, who: Who, at: int, revision: int
    ) -> Discrepancy:
        decided = replace(
            old,
            state=state,
            decided_at=at,
            decided_by=who.actor,
            decision=who.reason,
            result=revision if state == "applied" else old.result,
            undone_by=revision if state == "undone" else old.undone_by,
        )
        writing.update(
            schema.discrepancies, _DECISION, ("id",), [(*(getattr(decided, name) for name in _DECISION), old.id)]
        )
        self._note(writing, decided, who, at, revision)
        return decided

    def _note(self, writing: Writing, made: Discrepancy, who: Who, at: int, revision: int = 0) -> None:
        """Keep a step, and tell the audit log."""
        last = writing.one('SELECT MAX("number") FROM "discrepancy_steps" WHERE "discrepancy_id" = ?', (made.id,))
        row = (made.id, (last[0] or 0) + 1, made.state, at, who.actor, who.reason, who.trigger, revision)
        writing.insert(schema.discrepancy_steps, ("discrepancy_id", "number", *_STEP), [row])
        told = {"discrepancy": _told(made), **({"result": revision} if revision else {})}
        append(writing, who, at, told, self._names.ensure(writing, [made.series]))

    def _get(self, transaction: Transaction, discrepancy_id: str) -> Discrepancy:
        row = transaction.one(f'{_QUERY} WHERE "id" = ?', (discrepancy_id,))
        if row is None:
            raise DiscrepancyNotFound(discrepancy=discrepancy_id)
        return _discrepancy(row, self._names.series_of(transaction, [row[1]])[row[1]])


def _of_one_look(old: Discrepancy, new: Discrepancy) -> bool:
    """Whether both are factors that one look at the series found: one beside the other, however they overlap."""
    factors = old.factor is not None and new.factor is not None
    look = (new.revision, new.evidence.get("seen"))
    return not new.against and factors and (old.revision, old.evidence.get("seen")) == look and old.key != new.key


def _discrepancy(row: Any, series: Series) -> Discrepancy:
    values = dict(zip(_COLUMNS, row, strict=True))
    del values["series_id"]
    interval = Interval(values.pop("start"), values.pop("end"))
    values["fields"] = tuple(values["fields"].split(",")) if values["fields"] else ()
    values["evidence"] = json.loads(values["evidence"] or "{}")
    return Discrepancy(**{**values, "series": series, "interval": interval})


def _row(one: Discrepancy, number: int) -> tuple[Any, ...]:
    evidence = json.dumps(dict(one.evidence), sort_keys=True)
    values = {name: getattr(one, name) for name in _COLUMNS if name not in ("series_id", "start", "end")}
    values |= {"series_id": number, "start": one.interval.start, "end": one.interval.end}
    values |= {"fields": ",".join(one.fields), "evidence": evidence}
    return tuple(values[name] for name in _COLUMNS)


def _told(one: Discrepancy) -> dict[str, Any]:
    told = {
        **series_key(one.series),
        "id": one.id,
        "kind": one.kind,
        "bars": one.bars,
        "state": one.state,
        "key": one.key,
        "confidence": f"{one.confidence:.4g}",
        "interval": {"start": one.interval.start, "end": one.interval.end},
    }
    if one.against:
        told["against"] = one.against
    return told if one.factor is None else {**told, "factor": f"{one.factor:.10g}"}
