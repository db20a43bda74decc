"""Revisions in SQL. A series' pending revision is the lock on it; the lease says until when."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from barledger.domain.interval import Interval, difference, format_time, intersection
from barledger.domain.series import Series
from barledger.errors import FutureTime, LeaseLost
from barledger.ledger.contract import (
    Aborted,
    Forgotten,
    Gone,
    Intent,
    Outcome,
    Pending,
    RevisionRecord,
    Revisions,
    SeriesChange,
    SeriesState,
    Who,
)
from barledger.ledger.sql import blocks, coverage, schema
from barledger.ledger.sql.audit import append, series_key
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable, gone_to_json

_SECOND = 1_000_000_000
_revisions = schema.revisions
_links = schema.revision_series
_series = schema.series
_joined = sa.select(_revisions, _links).join(_links, _links.c.revision == _revisions.c.revision)
_update_series = sa.update(_series).where(_series.c.id == sa.bindparam("number"))


class SqlRevisions(Revisions):
    """Allocates, commits and aborts; every method is one transaction."""

    def __init__(self, database: Database, names: SeriesTable, *, grace: float) -> None:
        """Let ``grace`` seconds pass after a lease's end before another writer takes over."""
        self._database = database
        self._names = names
        self._grace = int(grace * _SECOND)

    # --- the life of a revision ----------------------------------------------------------------

    def begin(self, intents: Sequence[Intent], who: Who, *, lease: float, owner: str) -> Pending | None:
        """Allocate a revision and lock its series; None if another writer holds one of them."""
        with self._database.write() as connection:
            wanted = [intent.series for intent in intents]
            ids = self._names.ensure(connection, wanted)
            now = self._database.now(connection)
            if not self._free(connection, ids, now):
                return None
            revision = self._allocate(connection, now)
            until = now + int(lease * _SECOND)
            connection.execute(sa.insert(_revisions), _opened(revision, who, owner, now, until))
            links = [_link(revision, number, intent) for number, intent in zip(ids, intents, strict=True)]
            connection.execute(sa.insert(_links), links)
            # The states that the writer works from are those before it: what it allocates is its own affair.
            states = self._names.states(connection, ids, wanted)
            locked = {"pending": revision, "allocated": revision}
            connection.execute(sa.update(_series).where(_series.c.id.in_(ids)).values(locked))
            leftovers = self._leftovers(connection, ids)
        return Pending(
            revision=revision, owner=owner, states=tuple(states), unrepaired=tuple(leftovers), lease_until=until
        )

    def extend(self, pending: Pending, *, lease: float) -> Pending:
        """Prolong the lease; raises `LeaseLost`."""
        with self._database.write() as connection:
            now = self._check_held(connection, pending)
            until = now + int(lease * _SECOND)
            mine = _revisions.c.revision == pending.revision
            connection.execute(sa.update(_revisions).where(mine).values(lease_until=until))
        return Pending(
            revision=pending.revision,
            owner=pending.owner,
            states=pending.states,
            unrepaired=pending.unrepaired,
            lease_until=until,
        )

    def commit(self, pending: Pending, outcome: Outcome, who: Who) -> int:
        """Make the revision true; raises `LeaseLost` and changes nothing if the lease has ended."""
        with self._database.write() as connection:
            self._check_held(connection, pending)
            time = self._database.tick(connection)
            ids = self._names.ensure(connection, [change.series for change in outcome.changes])
            rows = self._names.rows(connection, ids)
            pairs = list(zip(ids, outcome.changes, strict=True))
            updates = [self._apply(connection, rows[number], change, pending.revision) for number, change in pairs]
            connection.execute(_update_series.values(_bound(updates[0])), updates)
            self._unlock(connection, pending)
            committed = {"state": "committed", "committed_at": time, "lease_until": 0}
            connection.execute(sa.update(_revisions).where(_revisions.c.revision == pending.revision).values(committed))
            connection.execute(_link_update, [_counted(number, change, pending.revision) for number, change in pairs])
            coverage.add(self._database, connection, self._names, outcome.coverage, time)
            append(connection, who, time, _told(pending, outcome, rows, pairs, updates), ids)
        return time

    def discard(self, pending: Pending, who: Who, *, outcome: Outcome | None = None) -> None:
        """Give up a revision under which nothing was sent; it leaves no trace."""
        with self._database.write() as connection:
            self._check_ours(connection, pending)
            self._unlock(connection, pending)
            connection.execute(sa.delete(_links).where(_links.c.revision == pending.revision))
            connection.execute(sa.delete(_revisions).where(_revisions.c.revision == pending.revision))
            if outcome is not None:
                time = self._database.tick(connection)
                coverage.add(self._database, connection, self._names, outcome.coverage, time)
                ids = self._names.ensure(connection, [change.series for change in outcome.changes])
                counts = [_counts(change) for change in outcome.changes]
                append(connection, who, time, {"series": counts, **outcome.details}, ids)

    def abort(self, pending: Pending) -> None:
        """Give up a revision that may have left rows; raises `LeaseLost` if it was settled already."""
        with self._database.write() as connection:
            self._check_ours(connection, pending)
            self._abort(connection, pending.revision)

    def mark_repaired(self, pending: Pending, repaired: Sequence[Aborted]) -> None:
        """Note that nothing of these revisions lies in ``latest`` any more."""
        with self._database.write() as connection:
            self._check_held(connection, pending)
            for aborted in repaired:
                number = self._names.id_of(connection, aborted.series)
                which = (_links.c.series_id == number) & (_links.c.revision == aborted.revision)
                done = connection.execute(
                    sa.update(_links).where(which, _links.c.repaired.is_(sa.false())).values(repaired=True)
                )
                counted = {"unrepaired": _series.c.unrepaired - done.rowcount, "epoch": _series.c.epoch + 1}
                connection.execute(sa.update(_series).where(_series.c.id == number).values(counted))

    def forget(self, pending: Pending, forgotten: Sequence[Forgotten]) -> None:
        """Commit retention horizons, before anything is deleted."""
        with self._database.write() as connection:
            self._check_held(connection, pending)
            for one in forgotten:
                number = self._names.ensure(connection, [one.series])[0]
                state = self._names.states(connection, [number], [one.series])[0]
                kept = _without(state.gone, one.intervals)
                gone = [*kept, *(Gone(interval=interval, revision=pending.revision) for interval in one.intervals)]
                columns = {
                    "horizon": max(state.horizon, one.horizon),
                    "gone": gone_to_json(gone),
                    "edition_floor": max(state.edition_floor, one.edition_floor),
                }
                connection.execute(sa.update(_series).where(_series.c.id == number).values(columns))

    # --- looking -------------------------------------------------------------------------------

    def state(self, series: Series) -> SeriesState:
        """Return the state of a series."""
        with self._database.read() as connection:
            return self._names.state(connection, series)

    def states(self, series: Sequence[Series]) -> list[SeriesState]:
        """Return the states of several series as of one instant."""
        with self._database.read() as connection:
            return [self._names.state(connection, one) for one in series]

    def uncommitted(self, series: Series) -> frozenset[int]:
        """Return every revision of the series that is pending or was aborted."""
        query = sa.select(_links.c.revision).join(_revisions, _revisions.c.revision == _links.c.revision)
        with self._database.read() as connection:
            number = self._names.id_of(connection, series)
            query = query.where(_links.c.series_id == number, _revisions.c.state != "committed")
            return frozenset(connection.execute(query).scalars())

    def conflicting(self, series: Series, interval: Interval, after: int) -> int:
        """Return the last committed revision above ``after`` that changed bars in the interval, or 0."""
        with self._database.read() as connection:
            number = self._names.id_of(connection, series)
            query = (
                sa.select(sa.func.max(_links.c.revision))
                .join(_revisions, _revisions.c.revision == _links.c.revision)
                .where(_links.c.series_id == number, _links.c.revision > after, _revisions.c.state == "committed")
                .where(_links.c.start < interval.end, _links.c.end > interval.start)
            )
            return int(connection.execute(query).scalar() or 0)

    def at_time(self, series: Series, time: int) -> int:
        """Return the last revision of the series committed at or before ``time``; raises `FutureTime`."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            reached = connection.execute(sa.select(schema.clock.c.time)).scalar_one()
        if time > max(now, reached):
            raise FutureTime(value=format_time(time), now=format_time(now))
        if time > reached and not self._database.read_only:
            self._reach(time)
        query = (
            sa.select(sa.func.max(_links.c.revision))
            .join(_revisions, _revisions.c.revision == _links.c.revision)
            .where(_revisions.c.state == "committed", _revisions.c.committed_at <= time)
        )
        with self._database.read() as connection:
            number = self._names.id_of(connection, series)
            return int(connection.execute(query.where(_links.c.series_id == number)).scalar() or 0)

    def records(self, series: Series, *, interval: Interval | None = None) -> list[RevisionRecord]:
        """Return the committed revisions of the series that changed bars in the interval, oldest first."""
        with self._database.read() as connection:
            number = self._names.id_of(connection, series)
            query = _joined.where(_links.c.series_id == number, _revisions.c.state == "committed")
            if interval is not None:
                query = query.where(_links.c.start < interval.end, _links.c.end > interval.start)
            found = connection.execute(query.order_by(_revisions.c.revision)).all()
            return [_record(row, series) for row in found]

    def record(self, revision: int) -> RevisionRecord | None:
        """Return one revision (its first series), whatever its state."""
        with self._database.read() as connection:
            query = _joined.where(_revisions.c.revision == revision).order_by(_links.c.series_id).limit(1)
            row = connection.execute(query).first()
            return None if row is None else _record(row, self._names.series_of(connection, row.series_id))

    def expired(self) -> list[Intent]:
        """Return the stretches held by writers whose lease has ended, and those left unrepaired."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            dead = (_revisions.c.state == "pending") & (_revisions.c.lease_until + self._grace < now)
            query = _joined.where(dead | _links.c.repaired.is_(sa.false()))
            found = connection.execute(query.order_by(_links.c.series_id)).all()
            return [
                Intent(series=self._names.series_of(connection, row.series_id), interval=Interval(row.start, row.end))
                for row in found
            ]

    def last(self) -> int:
        """Return the highest revision that was ever allocated."""
        with self._database.read() as connection:
            return int(connection.execute(sa.select(schema.clock.c.revision)).scalar_one())

    # --- inside a transaction ------------------------------------------------------------------

    def _free(self, connection: Connection, ids: Sequence[int], now: int) -> bool:
        """Abort holders whose lease is long over; tell whether all series are free."""
        rows = self._names.rows(connection, ids)
        for holder in {row.pending for row in rows.values() if row.pending}:
            query = sa.select(_revisions.c.lease_until).where(_revisions.c.revision == holder)
            if connection.execute(query).scalar_one() + self._grace >= now:
                return False
            self._abort(connection, holder)
        return True

    def _allocate(self, connection: Connection, now: int) -> int:
        last = connection.execute(sa.select(schema.clock.c.revision)).scalar_one()
        revision = max(now, last + 1)
        connection.execute(sa.update(schema.clock).values(revision=revision))
        return int(revision)

    def _abort(self, connection: Connection, revision: int) -> None:
        mine = _revisions.c.revision == revision
        connection.execute(sa.update(_revisions).where(mine).values(state="aborted", lease_until=0))
        connection.execute(sa.update(_links).where(_links.c.revision == revision).values(repaired=False))
        counted = {"pending": 0, "unrepaired": _series.c.unrepaired + 1, "aborted": _series.c.aborted + 1}
        connection.execute(sa.update(_series).where(_series.c.pending == revision).values(counted))

    def _unlock(self, connection: Connection, pending: Pending) -> None:
        connection.execute(sa.update(_series).where(_series.c.pending == pending.revision).values(pending=0))

    def _check_ours(self, connection: Connection, pending: Pending) -> Any:
        query = sa.select(_revisions.c.state, _revisions.c.owner, _revisions.c.lease_until)
        row = connection.execute(query.where(_revisions.c.revision == pending.revision)).first()
        if row is None or row.state != "pending" or row.owner != pending.owner:
            raise LeaseLost(what=f"revision {pending.revision}", waited=0.0)
        return row

    def _check_held(self, connection: Connection, pending: Pending) -> int:
        row = self._check_ours(connection, pending)
        now = self._database.now(connection)
        if row.lease_until < now:
            raise LeaseLost(what=f"revision {pending.revision}", waited=(now - row.lease_until) / _SECOND)
        return now

    def _leftovers(self, connection: Connection, ids: Sequence[int]) -> list[Aborted]:
        query = sa.select(_links).where(_links.c.series_id.in_(ids), _links.c.repaired.is_(sa.false()))
        return [
            Aborted(
                revision=row.revision,
                series=self._names.series_of(connection, row.series_id),
                interval=Interval(row.start, row.end),
            )
            for row in connection.execute(query.order_by(_links.c.revision)).all()
        ]

    def _apply(self, connection: Connection, row: Any, change: SeriesChange, revision: int) -> dict[str, Any]:
        columns = {name: getattr(row, name) for name in _DIGEST_COLUMNS}
        columns |= blocks.apply_change(self._database, connection, row, change, revision)
        gone = row.gone
        if gone and change.new + change.changed:
            state = self._names.states(connection, [row.id], [change.series])[0]
            gone = gone_to_json(_refilled(state.gone, change.interval))
        edition = max(row.max_edition, change.max_edition)
        return {"number": row.id, "revision": revision, "max_edition": edition, "gone": gone, **columns}

    def _reach(self, time: int) -> None:
        """Let no later commit fall before a time that somebody has asked about."""
        with self._database.write() as connection:
            later = sa.update(schema.clock).where(schema.clock.c.time < time)
            connection.execute(later.values(time=time))


_DIGEST_COLUMNS = ("digest", "sealed", "newest_start", "newest_rows", "newest_digest", "rows")
_COUNTS = ("start", "end", "new", "changed", "withdrawn", "jitter")
_link_update = (
    sa.update(_links)
    .where(_links.c.series_id == sa.bindparam("number"), _links.c.revision == sa.bindparam("committed"))
    .values({name: sa.bindparam(f"to_{name}") for name in _COUNTS})
)


def _bound(update: dict[str, Any]) -> dict[str, Any]:
    return {name: sa.bindparam(name) for name in update if name != "number"}


def _opened(revision: int, who: Who, owner: str, now: int, until: int) -> dict[str, Any]:
    return {
        "revision": revision,
        "state": "pending",
        "owner": owner,
        "lease_until": until,
        "actor": who.actor,
        "operation": who.operation,
        "reason": who.reason,
        "trigger": who.trigger,
        "begun_at": now,
    }


def _link(revision: int, series_id: int, intent: Intent) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "revision": revision,
        "start": intent.interval.start,
        "end": intent.interval.end,
        "repaired": True,
    }


def _counted(series_id: int, change: SeriesChange, revision: int) -> dict[str, Any]:
    interval = {"to_start": change.interval.start, "to_end": change.interval.end}
    counts = {f"to_{name}": getattr(change, name) for name in _COUNTS[2:]}
    return {"number": series_id, "committed": revision, **interval, **counts}


def _counts(change: SeriesChange) -> dict[str, Any]:
    names = ("new", "changed", "withdrawn", "same", "jitter")
    return {**series_key(change.series), **{name: getattr(change, name) for name in names if getattr(change, name)}}


def _told(
    pending: Pending, outcome: Outcome, rows: dict[int, Any], pairs: list[tuple[int, SeriesChange]], updates: list[Any]
) -> dict[str, Any]:
    """Return what the audit log keeps of a commit: counts, and the digests before and after."""
    series = [
        {
            **_counts(change),
            "interval": {"start": change.interval.start, "end": change.interval.end},
            "digest_before": rows[number].digest or b"",
            "digest_after": update["digest"] or b"",
        }
        for (number, change), update in zip(pairs, updates, strict=True)
    ]
    return {"revision": pending.revision, "series": series, **({"details": outcome.details} if outcome.details else {})}


def _record(row: Any, series: Series) -> RevisionRecord:
    return RevisionRecord(
        revision=row.revision,
        series=series,
        state=row.state,
        actor=row.actor,
        operation=row.operation,
        reason=row.reason,
        trigger=row.trigger,
        interval=Interval(row.start, row.end),
        begun_at=row.begun_at,
        committed_at=row.committed_at,
        new=row.new,
        changed=row.changed,
        withdrawn=row.withdrawn,
        jitter=row.jitter,
    )


def _without(gone: Sequence[Gone], intervals: Sequence[Interval]) -> list[Gone]:
    """Return the earlier stretches, less what is deleted once more."""
    return [
        Gone(interval=left, revision=one.revision, refilled=one.refilled)
        for one in gone
        for left in difference([one.interval], intervals)
    ]


def _refilled(gone: Sequence[Gone], written: Interval) -> list[Gone]:
    """Mark the parts in which bars were written again."""
    parts = []
    for one in gone:
        inside = intersection([one.interval], [written])
        parts += [Gone(interval=part, revision=one.revision, refilled=True) for part in inside]
        parts += [
            Gone(interval=part, revision=one.revision, refilled=one.refilled)
            for part in difference([one.interval], inside)
        ]
    return parts
