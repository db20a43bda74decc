"""Revisions in SQL. A series' pending revision is the lock on it; the lease says until when."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.errors import LeaseLost
from barledger.ledger.contract import (
    Aborted,
    Forgotten,
    Holder,
    Intent,
    Outcome,
    Pending,
    Recalled,
    RevisionRecord,
    Revisions,
    SeriesState,
    Who,
)
from barledger.ledger.sql import commits, coverage, pins, schema
from barledger.ledger.sql.audit import append, fragment
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.recalling import BEGUN, recall
from barledger.ledger.sql.revision_log import RevisionLog
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Writing

_SECOND: Final = 1_000_000_000
_LINK_COLUMNS: Final = ("series_id", "revision", "start", "end", "repaired")
_LEASE: Final = 'SELECT "state", "owner", "lease_until" FROM "revisions" WHERE "revision" = ?'
_HOLDER: Final = (
    'SELECT "owner", "actor", "operation", "lease_until" FROM "series" '
    'JOIN "revisions" ON "revisions"."revision" = "series"."pending" WHERE "series"."id" = ?'
)
_COMMIT: Final = (
    'UPDATE "revisions" SET "state" = \'committed\', "committed_at" = ?, "lease_until" = 0 WHERE "revision" = ?'
)


class SqlRevisions(Revisions):
    """Allocates, commits and aborts; every method is one transaction."""

    def __init__(self, database: Database, names: SeriesTable, *, grace: float) -> None:
        """Let ``grace`` seconds pass after a lease's end before another writer takes over."""
        self._database = database
        self._names = names
        self._log = RevisionLog(database, names)
        self._grace = int(grace * _SECOND)

    # --- the life of a revision ----------------------------------------------------------------

    def begin(self, intents: Sequence[Intent], who: Who, *, lease: float, owner: str) -> Pending | None:
        """Allocate a revision and lock its series; None if another writer holds one of them."""
        wanted = [intent.series for intent in intents]
        with self._database.write() as writing:
            ids = self._names.ensure(writing, wanted)
            rows = self._names.rows(writing, ids)
            holders = {row.pending for row in rows.values() if row.pending}
            if any(self._held(writing, holder) for holder in holders):
                return None
            if holders:
                for holder in holders:
                    _abort(writing, holder)
                rows = self._names.rows(writing, ids)
            revision = writing.allocate(above=max(row.allocated for row in rows.values()))
            until = writing.now + int(lease * _SECOND)
            _open(writing, revision, who, owner=owner, until=until)
            links = [
                (number, revision, intent.interval.start, intent.interval.end, True)
                for number, intent in zip(ids, intents, strict=True)
            ]
            writing.insert(schema.revision_series, _LINK_COLUMNS, links)
            among = writing.dialect.among("id")
            lock = f'UPDATE "series" SET "pending" = ?, "allocated" = ? WHERE {among}'
            writing.run(lock, (revision, revision, writing.dialect.numbers(ids)))
            # The states that the writer works from are those before it: what it allocates is its own affair.
            pairs = zip(wanted, ids, strict=True)
            return Pending(
                revision=revision,
                owner=owner,
                states=tuple(self._names.state(writing, one, rows[number]) for one, number in pairs),
                unrepaired=tuple(self._leftovers(writing, rows)),
                lease_until=until,
            )

    def holder(self, series: Sequence[Series]) -> Holder | None:
        """Return who holds one of these series, of several the one whose lease ends last."""
        with self._database.read() as transaction:
            found = [
                Holder(series=one, owner=owner, actor=actor, operation=operation, until=until + self._grace)
                for one in series
                for owner, actor, operation, until in transaction.all(
                    _HOLDER, (self._names.id_of(transaction, one) or 0,)
                )
            ]
        return max(found, key=lambda holder: holder.until, default=None)

    def extend(self, pending: Pending, *, lease: float) -> Pending:
        """Prolong the lease; raises `LeaseLost`."""
        with self._database.write() as writing:
            _check_held(writing, pending)
            until = writing.now + int(lease * _SECOND)
            writing.run('UPDATE "revisions" SET "lease_until" = ? WHERE "revision" = ?', (until, pending.revision))
        return replace(pending, lease_until=until)

    def commit(self, pending: Pending, outcome: Outcome, who: Who) -> int:
        """Make the revision true; raises `LeaseLost` and changes nothing if the lease has ended."""
        with self._database.write() as writing:
            _check_held(writing, pending)
            time = writing.tick()
            ids = self._names.ensure(writing, [change.series for change in outcome.changes])
            told = commits.apply(writing, ids, self._names.rows(writing, ids), pending, outcome.changes)
            writing.run(_COMMIT, (time, pending.revision))
            coverage.add(writing, self._names, outcome.coverage, time)
            append(writing, who, time, commits.told(pending, outcome.details, told) | _asked(outcome), ids)
        return time

    def discard(self, pending: Pending, who: Who, *, outcome: Outcome | None = None) -> None:
        """Give up a revision under which nothing was sent; it leaves no trace."""
        with self._database.write() as writing:
            _check_ours(writing, pending)
            commits.unlock(writing, pending.revision)
            for table in ("revision_series", "revisions"):
                writing.run(f'DELETE FROM "{table}" WHERE "revision" = ?', (pending.revision,))
            if outcome is not None:
                time = writing.tick()
                coverage.add(writing, self._names, outcome.coverage, time)
                ids = self._names.ensure(writing, [change.series for change in outcome.changes])
                details = {"details": outcome.details} if outcome.details else {}
                counts = [commits.counts(change) for change in outcome.changes]
                append(writing, who, time, {"series": counts, **details, **_asked(outcome)}, ids)

    def abort(self, pending: Pending) -> None:
        """Give up a revision that may have left rows; raises `LeaseLost` if it was settled already."""
        with self._database.write() as writing:
            _check_ours(writing, pending)
            _abort(writing, pending.revision)

    def mark_repaired(self, pending: Pending, repaired: Sequence[Aborted]) -> None:
        """Note that nothing of these revisions lies in ``latest`` any more."""
        with self._database.write() as writing:
            _check_held(writing, pending)
            ids = self._names.ensure(writing, [aborted.series for aborted in repaired])
            for number, aborted in zip(ids, repaired, strict=True):
                link = f'"series_id" = ? AND "revision" = ? AND {schema.LEFT}'
                mend = f'UPDATE "revision_series" SET "repaired" = TRUE WHERE {link}'
                mended = writing.run(mend, (number, aborted.revision))
                count = 'UPDATE "series" SET "unrepaired" = "unrepaired" - ?, "epoch" = "epoch" + 1 WHERE "id" = ?'
                writing.run(count, (mended, number))

    def forget(self, pending: Pending, forgotten: Forgotten, details: Mapping[str, Any], who: Who) -> bool:
        """Commit a retention horizon with the digests of what is left, unless a pin was not heeded."""
        with self._database.write() as writing:
            _check_held(writing, pending)
            ids = self._names.ensure(writing, [forgotten.series])
            heeded = {(pin.interval, pin.revision) for pin in forgotten.pins}
            pinned = pins.of_series(writing, forgotten.series, ids[0])
            if any((pin.interval, pin.revision) not in heeded for pin in pinned):
                return False
            told = commits.forget(writing, self._names.rows(writing, ids)[ids[0]], forgotten, pending.revision)
            append(writing, who, writing.tick(), commits.told(pending, details, told), ids)
        return True

    # --- looking -------------------------------------------------------------------------------

    def state(self, series: Series) -> SeriesState:
        """Return the state of a series."""
        return self._names.look(series)

    def states(self, series: Sequence[Series]) -> list[SeriesState]:
        """Return the states of several series as of one instant."""
        if len(series) == 1:
            return [self._names.look(series[0])]
        with self._database.read() as transaction:
            return self._names.states(transaction, series)

    def uncommitted(self, series: Series) -> frozenset[int]:
        """Return every revision of the series that is pending or was aborted."""
        return self._log.uncommitted(series)

    def conflicting(self, series: Series, interval: Interval, after: int) -> int:
        """Return the last committed revision above ``after`` that changed bars in the interval, or 0."""
        return self._log.conflicting(series, interval, after)

    def at_time(self, series: Series, time: int) -> int:
        """Return the last revision of the series committed at or before ``time``, or 0; raises `FutureTime`."""
        return self._log.at_time(series, time)

    def records(self, series: Series, *, interval: Interval | None = None) -> list[RevisionRecord]:
        """Return the committed revisions of the series that changed bars in the interval, oldest first."""
        return self._log.records(series, interval)

    def withdrawals(self, series: Sequence[Series]) -> Mapping[Series, list[Interval]]:
        """Return the stretches in which committed revisions withdrew bars, of each series that has some."""
        return self._log.withdrawals(series)

    def spans(self, series: Sequence[Series]) -> Mapping[Series, Interval]:
        """Return the hull of all bars that a series ever had, of those that have few revisions."""
        return self._log.spans(series)

    def record(self, revision: int) -> RevisionRecord | None:
        """Return one revision (its first series), whatever its state."""
        return self._log.record(revision)

    def expired(self) -> list[Intent]:
        """Return the stretches held by writers whose lease has ended, and those left unrepaired."""
        return self._log.expired(self._grace)

    def last(self) -> int:
        """Return the highest revision that was ever allocated."""
        return int(self._database.look('SELECT "revision" FROM "clock"')[0])

    def last_committed(self) -> int:
        """Return the highest revision that any series has, or 0."""
        return int(self._database.look('SELECT COALESCE(MAX("revision"), 0) FROM "series"')[0])

    def recall(self, series: Series, recalled: Sequence[Recalled], *, max_edition: int, who: Who) -> int:
        """Note revisions that the store knows and the ledger lost as committed; returns how many were news."""
        with self._database.write() as writing:
            (number,) = self._names.ensure(writing, [series])
            row = self._names.rows(writing, [number])[number]
            return recall(writing, row, recalled, max_edition=max_edition, who=who)

    # --- inside a transaction ------------------------------------------------------------------

    def _held(self, writing: Writing, revision: int) -> bool:
        """Tell whether a holder's lease has not been over for long."""
        return bool(writing.one(_LEASE, (revision,))[2] + self._grace >= writing.now)

    def _leftovers(self, writing: Writing, rows: dict[int, Any]) -> list[Aborted]:
        left = [number for number, row in rows.items() if row.unrepaired]
        if not left:
            return []
        query = (
            f'SELECT "revision", "series_id", "start", "end" FROM "revision_series" WHERE {schema.LEFT} '
            f'AND {writing.dialect.among("series_id")} ORDER BY "revision", "series_id"'
        )
        found = writing.all(query, (writing.dialect.numbers(left),))
        series = self._names.series_of(writing, left)
        return [
            Aborted(revision=revision, series=series[number], interval=Interval(start, end))
            for revision, number, start, end in found
        ]


def _asked(outcome: Outcome) -> dict[str, Any]:
    """Return what the audit log keeps of the answers that a commit came from."""
    return {"asked": fragment([coverage.told(cover) for cover in outcome.coverage])} if outcome.coverage else {}


def _open(writing: Writing, revision: int, who: Who, *, owner: str, until: int) -> None:
    row = (revision, "pending", owner, until, who.actor, who.operation, who.reason, who.trigger, writing.now)
    writing.insert(schema.revisions, BEGUN, [row])


def _abort(writing: Writing, revision: int) -> None:
    held = '"id" IN (SELECT "series_id" FROM "revision_series" WHERE "revision" = ?) AND "pending" = ?'
    count = 'SET "pending" = 0, "unrepaired" = "unrepaired" + 1, "aborted" = "aborted" + 1'
    writing.run(f'UPDATE "series" {count} WHERE {held}', (revision, revision))
    writing.run('UPDATE "revision_series" SET "repaired" = FALSE WHERE "revision" = ?', (revision,))
    end = 'UPDATE "revisions" SET "state" = \'aborted\', "lease_until" = 0 WHERE "revision" = ?'
    writing.run(end, (revision,))


def _check_ours(writing: Writing, pending: Pending) -> int:
    """Return when the lease ends; raises `LeaseLost` if the revision is not pending, or another's."""
    row = writing.one(_LEASE, (pending.revision,))
    if row is None or tuple(row[:2]) != ("pending", pending.owner):
        raise LeaseLost(what=f"revision {pending.revision}", waited=0.0)
    return int(row[2])


def _check_held(writing: Writing, pending: Pending) -> None:
    over = writing.now - _check_ours(writing, pending)
    if over > 0:
        raise LeaseLost(what=f"revision {pending.revision}", waited=over / _SECOND)
