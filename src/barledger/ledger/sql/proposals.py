"""Proposals in SQL."""

import builtins
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.errors import ProposalDecided, ProposalNotFound
from barledger.ledger.contract import Proposal, Proposals, ProposalState, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append, series_key
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Transaction, Writing

_COLUMNS: Final = (
    *("id", "series_id", "start", "end", "kind", "bars", "revision", "reason", "evidence", "state", "made_at"),
    *("decided_at", "decided_by", "decision", "result"),
)
_NAMES: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
_QUERY: Final = f'SELECT {_NAMES} FROM "proposals"'  # noqa: S608 - our own names
_DECISION: Final = ("state", "decided_at", "decided_by", "decision", "result")
_SUPERSEDED: Final = "a newer proposal has the same stretch"


class SqlProposals(Proposals):
    """Proposals, policies, and bars that an answer lacked once."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def add(self, proposal: Proposal, payload: bytes, who: Who) -> Proposal:
        """Keep a proposal, unless the series has an open one with the same payload about bars that are as they were."""
        digest = hashlib.sha256(payload).digest()
        with self._database.write() as writing:
            (number,) = self._names.ensure(writing, [proposal.series])
            standing = 'WHERE "series_id" = ? AND "state" = ?'
            alike = f'{_QUERY} {standing} AND "payload_digest" = ? AND "revision" >= ?'
            same = writing.all(alike, (number, "open", digest, proposal.revision))
            if same:
                return _proposal(same[0], proposal.series)
            at = writing.tick()
            for row in writing.all(f"{_QUERY} {standing}", (number, "open")):
                self._supersede(writing, _proposal(row, proposal.series), proposal, at)
            made = replace(proposal, id=f"prop-{secrets.token_hex(6)}", state="open", made_at=at)
            columns = (*_COLUMNS, "payload_digest", "payload")
            writing.insert(schema.proposals, columns, [(*_row(made, number), digest, payload)])
            append(writing, who, at, {"proposal": _told(made), "payload": digest.hex()}, [number])
            return made

    def _supersede(self, writing: Writing, old: Proposal, new: Proposal, at: int) -> None:
        if new.interval.start <= old.interval.start and old.interval.end <= new.interval.end:
            values = ("rejected", at, "", _SUPERSEDED, 0)
            writing.update(schema.proposals, _DECISION, ("id",), [(*values, old.id)])

    def get(self, proposal_id: str) -> Proposal:
        """Return a proposal; raises `ProposalNotFound`."""
        with self._database.read() as transaction:
            return self._get(transaction, proposal_id)

    def payload(self, proposal_id: str) -> bytes:
        """Return the bars as they were given; raises `ProposalNotFound`."""
        with self._database.read() as transaction:
            found = transaction.one('SELECT "payload" FROM "proposals" WHERE "id" = ?', (proposal_id,))
        if found is None:
            raise ProposalNotFound(proposal=proposal_id)
        return bytes(found[0])

    def list(self, *, series: Series | None = None, state: ProposalState | None = None) -> builtins.list[Proposal]:
        """Return proposals, the newest first."""
        with self._database.read() as transaction:
            terms: dict[str, Any] = {} if state is None else {"state": state}
            if series is not None:
                terms["series_id"] = self._names.id_of(transaction, series) or 0
            where = " AND ".join(f'"{name}" = ?' for name in terms)
            query = f"{_QUERY} WHERE {where}" if terms else _QUERY
            rows = transaction.all(f'{query} ORDER BY "made_at" DESC, "id"', tuple(terms.values()))
            named = self._names.series_of(transaction, [row[1] for row in rows])
        return [_proposal(row, named[row[1]]) for row in rows]

    def decide(self, proposal_id: str, state: ProposalState, who: Who, *, result: int = 0) -> Proposal:
        """Accept or reject an open proposal, for ``who.reason``."""
        with self._database.write() as writing:
            found = self._get(writing, proposal_id)
            if found.state != "open":
                raise ProposalDecided(proposal=proposal_id, state=found.state)
            at = writing.tick()
            values = (state, at, who.actor, who.reason, result)
            writing.update(schema.proposals, _DECISION, ("id",), [(*values, proposal_id)])
            decided = replace(
                found, state=state, decided_at=at, decided_by=who.actor, decision=who.reason, result=result
            )
            ids = self._names.ensure(writing, [found.series])
            append(writing, who, at, {"proposal": _told(decided), "result": result}, ids)
            return decided

    def set_policy(self, source: str, policy: ChangePolicy | None, who: Who) -> None:
        """Say how far a source may change the past by itself; None goes back to the default."""
        with self._database.write() as writing:
            writing.delete(schema.change_policies, ("source",), [(source,)])
            told = {} if policy is None else asdict(policy)
            rows = [] if policy is None else [(source, json.dumps(told, sort_keys=True))]
            writing.insert(schema.change_policies, ("source", "policy"), rows)
            words = {name: str(value) for name, value in told.items() if value is not None}
            append(writing, who, writing.tick(), {"source": source, "policy": words})

    def policies(self) -> dict[str, ChangePolicy]:
        """Return the policies by source."""
        with self._database.read() as transaction:
            rows = transaction.all('SELECT "source", "policy" FROM "change_policies"')
        return {source: ChangePolicy(**json.loads(policy)) for source, policy in sorted(rows)}

    def missed(self, series: Series, answered: Interval, lacking: Sequence[int]) -> builtins.list[int]:
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

    def _get(self, transaction: Transaction, proposal_id: str) -> Proposal:
        row = transaction.one(f'{_QUERY} WHERE "id" = ?', (proposal_id,))
        if row is None:
            raise ProposalNotFound(proposal=proposal_id)
        return _proposal(row, self._names.series_of(transaction, [row[1]])[row[1]])


def _proposal(row: Any, series: Series) -> Proposal:
    values = dict(zip(_COLUMNS, row, strict=True))
    del values["series_id"]
    interval = Interval(values.pop("start"), values.pop("end"))
    return Proposal(**{**values, "series": series, "interval": interval, "evidence": json.loads(values["evidence"])})


def _row(proposal: Proposal, number: int) -> tuple[Any, ...]:
    values = asdict(proposal)
    interval = proposal.interval
    evidence = json.dumps(dict(proposal.evidence), sort_keys=True)
    values |= {"series_id": number, "start": interval.start, "end": interval.end, "evidence": evidence}
    return tuple(values[name] for name in _COLUMNS)


def _told(proposal: Proposal) -> dict[str, Any]:
    return {
        **series_key(proposal.series),
        "id": proposal.id,
        "kind": proposal.kind,
        "bars": proposal.bars,
        "state": proposal.state,
        "interval": {"start": proposal.interval.start, "end": proposal.interval.end},
    }
