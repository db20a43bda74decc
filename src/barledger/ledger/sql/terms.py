"""Terms in SQL: the right of one process among many to run the schedule."""

from barledger.domain.timeframe import SECOND
from barledger.errors import RunnerLost
from barledger.ledger.contract import Schedule, Term
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Transaction, Writing

_NAME = "schedule"
_QUERY = 'SELECT "owner", "token", "until" FROM "terms" WHERE "name" = ?'


class SqlTerms(Schedule):
    """The part of the schedule that says who runs it."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def lead(self, owner: str, *, seconds: float) -> Term | None:
        """Begin a term, unless somebody else's has not ended."""
        with self._database.read() as transaction:
            now, _, _ = transaction.clock()
            found = _found(transaction)
            if _taken(found, owner, now):
                return None
        with self._database.write() as writing:
            found = _found(writing)
            if _taken(found, owner, writing.now):
                return None
            token = 1 if found is None else found.token + 1
            made = Term(owner=owner, token=token, until=writing.now + int(seconds * SECOND))
            row = (_NAME, made.owner, made.token, made.until)
            writing.insert(
                schema.terms, ("name", "owner", "token", "until"), [row], replaced=("owner", "token", "until")
            )
            return made

    def renew(self, term: Term, *, seconds: float) -> Term:
        """Prolong a term, and the life of the runs of its owner."""
        with self._database.write() as writing:
            check_term(writing, term)
            until = writing.now + int(seconds * SECOND)
            writing.update(schema.terms, ("until",), ("name",), [(until, _NAME)])
            prolong(writing, term.owner, until)
            return Term(owner=term.owner, token=term.token, until=until)

    def resign(self, term: Term) -> None:
        """End a term, if it still is one."""
        with self._database.write() as writing:
            found = _found(writing)
            if found is not None and (found.owner, found.token) == (term.owner, term.token):
                writing.update(schema.terms, ("until",), ("name",), [(0, _NAME)])

    def leader(self) -> Term | None:
        """Return the term that there is now."""
        with self._database.read() as transaction:
            now, _, _ = transaction.clock()
            found = _found(transaction)
        return found if found is not None and found.until > now else None

    def keep(self, runner: str, *, seconds: float) -> None:
        """Say that the runs of a runner are alive."""
        with self._database.write() as writing:
            prolong(writing, runner, writing.now + int(seconds * SECOND))


def check_term(writing: Writing, term: Term) -> None:
    """Raise `RunnerLost` unless the term is the one that counts, and not over."""
    found = _found(writing)
    same = found is not None and (found.owner, found.token) == (term.owner, term.token)
    if found is None or not same or found.until <= writing.now:
        ended = found.until if found is not None and same else term.until
        raise RunnerLost(what="the schedule", waited=max(writing.now - ended, 0) / SECOND)


def prolong(writing: Writing, runner: str, until: int) -> None:
    """Let the running runs of a runner be alive until then."""
    writing.run(
        'UPDATE "runs" SET "alive_until" = ? WHERE "runner" = ? AND "state" = \'running\' AND "alive_until" > ?',
        (until, runner, writing.now),
    )


def _found(transaction: Transaction) -> Term | None:
    row = transaction.one(_QUERY, (_NAME,))
    return None if row is None else Term(owner=row[0], token=row[1], until=row[2])


def _taken(found: Term | None, owner: str, now: int) -> bool:
    return found is not None and found.owner != owner and found.until > now
