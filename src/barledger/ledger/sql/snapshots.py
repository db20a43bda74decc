"""Snapshots in SQL: pins in one transaction, holds, approvals, and their way into the mirror."""

import builtins
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from barledger.domain.series import Series
from barledger.errors import ApprovalNotFound, Held, NameTaken, VersionImmutable, VersionNotFound
from barledger.ledger.contract import Pin, Snapshot, SnapshotDraft, Snapshots, Who
from barledger.ledger.sql import blocks, mirror, schema
from barledger.ledger.sql import pins as pin_table
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Transaction, Writing

_table = schema.snapshots
_approvals = schema.approvals
_REVOKED = 0
_STANDS = _approvals.c.approved_at > _REVOKED


class SqlSnapshots(Snapshots):
    """Snapshots and named versions; every method is one transaction."""

    def __init__(self, database: Database, names: SeriesTable, *, mirrored: int) -> None:
        """Mirror at most ``mirrored`` snapshots, since each of them is a series in InfluxDB."""
        self._database = database
        self._names = names
        self._mirrored = mirrored

    def pin(self, draft: SnapshotDraft, who: Who) -> Snapshot:
        """Pin every range at its series' last committed revision, in one cut."""
        with self._database.write() as writing:
            if self._select(writing, _table.c.id == draft.id, with_pins=False):
                raise NameTaken(name=draft.id)
            made = pin_table.make(writing, self._names, draft.ranges)
            snapshot = Snapshot(
                id=draft.id,
                kind="snapshot",
                state="pinning",
                purpose=draft.purpose,
                strategy=draft.strategy,
                created_at=writing.tick(),
                created_by=who.actor,
                pins=tuple(made),
            )
            writing.execute(sa.insert(_table), _row(snapshot))
            ids = pin_table.keep(writing, self._names, draft.id, made)
            pin_table.protect(writing, ids)
            if all(pin.digest is not None for pin in made):
                return self._finish(writing, snapshot, ids, who, snapshot.created_at)
            return snapshot

    def complete(self, snapshot_id: str, pins: Sequence[Pin], who: Who) -> Snapshot:
        """Add the digests of the pins that lacked them."""
        with self._database.write() as writing:
            snapshot = self._living(writing, snapshot_id)
            if snapshot.state != "pinning":
                return snapshot
            _check_same_pins(snapshot, pins)
            pin_table.complete(writing, snapshot_id, pins)
            ids = self._names.ensure(writing, [pin.series for pin in pins])
            return self._finish(writing, replace(snapshot, pins=tuple(pins)), ids, who, writing.tick())

    def add_named(self, name: str, pin: Pin, who: Who) -> Snapshot:
        """Record bars that were written under a name."""
        with self._database.write() as writing:
            found = self._select(writing, _table.c.id == name)
            if found and (found[0].kind != "named" or found[0].state == "deleted"):
                raise NameTaken(name=name)
            same = [known for one in found for known in one.pins if known.series == pin.series]
            if same and same[0].digest != pin.digest:
                raise VersionImmutable(name=name, series=str(pin.series))
            if same:
                return found[0]
            time = writing.tick()
            snapshot = found[0] if found else _named(name, time, who)
            return self._extend_named(writing, snapshot, pin, who, time)

    def set_materialised(self, snapshot_id: str, who: Who) -> Snapshot:
        """Note that its rows lie under ``version=<id>``, read back and checked."""
        return self._change(snapshot_id, who, {"materialised": True})

    def set_adjusted(self, snapshot_id: str, adjusted: str, who: Who) -> Snapshot:
        """Note how the bars of a dataset are adjusted when they are handed out."""
        return self._change(snapshot_id, who, {"adjusted": adjusted})

    def approve(self, snapshot_id: str, strategy: str, who: Who) -> Snapshot:
        """Approve it for a strategy, and hold it."""
        with self._database.write() as writing:
            snapshot = self._living(writing, snapshot_id)
            time = writing.tick()
            same = (_approvals.c.snapshot_id == snapshot_id, _approvals.c.strategy == strategy)
            writing.execute(sa.delete(_approvals).where(*same))
            row = {"snapshot_id": snapshot_id, "strategy": strategy, "approved_at": time}
            writing.execute(sa.insert(_approvals), row)
            values = {"approved_at": time, "held": snapshot.held or _approved_for([strategy])}
            return self._apply(writing, snapshot, who, values, {"approved_for": strategy})

    def revoke(self, snapshot_id: str, strategy: str, who: Who) -> Snapshot:
        """Take an approval back; the row stays, since nothing else may ever stand in for it."""
        with self._database.write() as writing:
            snapshot = self._living(writing, snapshot_id)
            standing = _standing(writing, snapshot_id)
            if strategy not in standing:
                raise ApprovalNotFound(snapshot=snapshot_id, strategy=strategy)
            del standing[strategy]
            same = (_approvals.c.snapshot_id == snapshot_id, _approvals.c.strategy == strategy)
            writing.execute(sa.update(_approvals).where(*same).values(approved_at=_REVOKED))
            held = _approved_for(standing) if snapshot.held == _approved_for([strategy]) else snapshot.held
            values = {"approved_at": max(standing.values(), default=0), "held": held}
            return self._apply(writing, snapshot, who, values, {"revoked_for": strategy})

    def hold(self, snapshot_id: str, reason: str, who: Who) -> Snapshot:
        """Place a legal hold; an empty reason releases it, and leaves the hold of an approval that stands."""
        with self._database.write() as writing:
            snapshot = self._living(writing, snapshot_id)
            standing = [] if reason else _standing(writing, snapshot_id)
            if standing and snapshot.held in {"", *(_approved_for([one]) for one in standing)}:
                raise Held(name=snapshot_id, reason=_approved_for(standing))
            return self._apply(writing, snapshot, who, {"held": reason or _approved_for(standing)})

    def delete(self, snapshot_id: str, who: Who) -> Snapshot:
        """Unpin it; raises `Held`. Its record stays."""
        with self._database.write() as writing:
            snapshot = self._living(writing, snapshot_id)
            held = snapshot.held or _approved_for(_standing(writing, snapshot_id))
            if held:
                raise Held(name=snapshot_id, reason=held)
            deleted = self._apply(writing, snapshot, who, {"state": "deleted"})
            blocks.forget_unpinned(writing, self._names.ensure(writing, [pin.series for pin in snapshot.pins]))
            return deleted

    # --- looking -------------------------------------------------------------------------------

    def get(self, snapshot_id: str) -> Snapshot | None:
        """Return a snapshot or named version that is not deleted."""
        with self._database.read() as transaction:
            found = self._select(transaction, (_table.c.id == snapshot_id) & (_table.c.state != "deleted"))
            return found[0] if found else None

    def of_strategy(self, strategy: str) -> Snapshot | None:
        """Return its newest approved snapshot; its newest one only if none was ever approved."""
        mine = _approvals.c.strategy == strategy
        ever = sa.select(sa.func.count()).select_from(_approvals).where(mine)
        approvals = sa.select(_approvals.c.snapshot_id).where(mine & _STANDS)
        newest_approval = approvals.order_by(_approvals.c.approved_at.desc())
        with self._database.read() as transaction:
            living = _table.c.state != "deleted"
            approved = list(transaction.execute(newest_approval).scalars())
            if not approved and not transaction.execute(ever).scalar():
                found = self._select(transaction, living & (_table.c.strategy == strategy), limit=1)
                return found[0] if found else None
            by_id = {one.id: one for one in self._select(transaction, living & _table.c.id.in_(approvals))}
            return next((by_id[name] for name in approved if name in by_id), None)

    def approvals(self) -> Sequence[tuple[str, str]]:
        """Return which strategy approved which snapshot that is not deleted."""
        query = sa.select(_approvals.c.snapshot_id, _approvals.c.strategy).join(_table).where(_STANDS)
        with self._database.read() as transaction:
            rows = transaction.execute(query.where(_table.c.state != "deleted")).all()
        return sorted((row.snapshot_id, row.strategy) for row in rows)

    def pins_of(self, series: Series) -> builtins.list[Pin]:
        """Return every pin whose rows lie among the series' own."""
        with self._database.read() as transaction:
            number = self._names.id_of(transaction, series)
            return [] if number is None else pin_table.of_series(transaction, series, number)

    def list(
        self,
        *,
        strategy: str | None = None,
        purpose: str | None = None,
        deleted: bool = False,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> builtins.list[Snapshot]:
        """Return snapshots and named versions, newest first."""
        where = sa.true() if deleted else _table.c.state != "deleted"
        if strategy is not None:
            approved = sa.select(_approvals.c.snapshot_id).where((_approvals.c.strategy == strategy) & _STANDS)
            where &= (_table.c.strategy == strategy) | _table.c.id.in_(approved)
        if purpose is not None:
            where &= _table.c.purpose == purpose
        if before is not None:
            made, name = before
            where &= (_table.c.created_at < made) | ((_table.c.created_at == made) & (_table.c.id < name))
        with self._database.read() as transaction:
            return self._select(transaction, where, limit=limit)

    # --- inside a transaction ------------------------------------------------------------------

    def _finish(self, writing: Writing, snapshot: Snapshot, ids: Sequence[int], who: Who, time: int) -> Snapshot:
        """All digests are known: hash the manifest, tell the audit log and the mirror."""
        told = pin_table.told(snapshot.pins)
        done = replace(snapshot, state="complete", data_hash=pin_table.data_hash(told))
        done = replace(done, mirrored=mirror.post(writing, done, most=self._mirrored))
        values = {"state": done.state, "data_hash": done.data_hash, "mirrored": done.mirrored}
        writing.execute(sa.update(_table).where(_table.c.id == done.id).values(values))
        entry = {"snapshot": done.id, "strategy": done.strategy or "", "data_hash": done.data_hash, "pins": told}
        append(writing, who, time, entry, ids)
        return done

    def _extend_named(self, writing: Writing, snapshot: Snapshot, pin: Pin, who: Who, time: int) -> Snapshot:
        every = (*snapshot.pins, pin)
        done = replace(snapshot, pins=every, data_hash=pin_table.data_hash(pin_table.told(every)))
        if not snapshot.pins:
            writing.execute(sa.insert(_table), _row(snapshot))
        ids = pin_table.keep(writing, self._names, done.id, [pin], after=len(snapshot.pins))
        writing.execute(sa.update(_table).where(_table.c.id == done.id).values(data_hash=done.data_hash))
        told = {"snapshot": done.id, "data_hash": done.data_hash, "pin": pin_table.manifest(pin)}
        append(writing, who, time, told, ids)
        return done

    def _change(self, snapshot_id: str, who: Who, values: dict[str, Any]) -> Snapshot:
        with self._database.write() as writing:
            return self._apply(writing, self._living(writing, snapshot_id), who, values)

    def _apply(
        self, writing: Writing, snapshot: Snapshot, who: Who, values: dict[str, Any], told: dict[str, Any] | None = None
    ) -> Snapshot:
        writing.execute(sa.update(_table).where(_table.c.id == snapshot.id).values(values))
        entry = {"snapshot": snapshot.id, "data_hash": snapshot.data_hash, "set": {**values, **(told or {})}}
        ids = self._names.ensure(writing, [pin.series for pin in snapshot.pins])
        append(writing, who, writing.tick(), entry, ids)
        return replace(snapshot, **values)

    def _living(self, transaction: Transaction, snapshot_id: str) -> Snapshot:
        found = self._select(transaction, (_table.c.id == snapshot_id) & (_table.c.state != "deleted"))
        if not found:
            raise VersionNotFound(version=snapshot_id)
        return found[0]

    def _select(
        self, transaction: Transaction, where: Any, *, limit: int | None = None, with_pins: bool = True
    ) -> builtins.list[Snapshot]:
        newest_first = (_table.c.created_at.desc(), _table.c.id.desc())
        query = sa.select(_table).where(where).order_by(*newest_first).limit(limit)
        rows = transaction.execute(query).all()
        names = [row.id for row in rows] if with_pins else []
        found = pin_table.of_snapshots(transaction, self._names, names)
        return [Snapshot(**row._mapping, pins=tuple(found.get(row.id, ()))) for row in rows]  # noqa: SLF001 - the documented way


def _standing(transaction: Transaction, snapshot_id: str) -> dict[str, int]:
    """Return for which strategies a snapshot is approved, and since when (ns)."""
    query = sa.select(_approvals.c.strategy, _approvals.c.approved_at)
    rows = transaction.execute(query.where((_approvals.c.snapshot_id == snapshot_id) & _STANDS)).all()
    return {row.strategy: row.approved_at for row in rows}


def _approved_for(strategies: Collection[str]) -> str:
    """Return what holds a snapshot that is approved; nothing without an approval."""
    return f"approved for {min(strategies)}" if strategies else ""


def _row(snapshot: Snapshot) -> dict[str, Any]:
    return {name: getattr(snapshot, name) for name in _table.columns.keys()}  # noqa: SIM118 - a collection of columns


def _named(name: str, time: int, who: Who) -> Snapshot:
    return Snapshot(
        id=name,
        kind="named",
        state="complete",
        purpose="named",
        strategy=None,
        created_at=time,
        created_by=who.actor,
        pins=(),
        materialised=True,
    )


def _check_same_pins(snapshot: Snapshot, given: Sequence[Pin]) -> None:
    """Raise `VersionImmutable` unless only digests and numbers of rows were added."""
    for known, pin in zip(snapshot.pins, given, strict=True):
        same = (known.series, known.interval, known.revision) == (pin.series, pin.interval, pin.revision)
        if not same or pin.digest is None or known.digest not in (None, pin.digest):
            raise VersionImmutable(name=snapshot.id, series=str(pin.series))
