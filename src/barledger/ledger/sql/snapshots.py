"""Snapshots in SQL: pins in one transaction, holds, approvals, and their way into the mirror."""

import builtins
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from barledger.domain.digest import EMPTY_ROOT, root_digest
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.errors import Held, NameTaken, SeriesNotFound, VersionImmutable, VersionNotFound
from barledger.ledger.contract import Pin, Snapshot, SnapshotDraft, Snapshots, Who
from barledger.ledger.sql import blocks, schema
from barledger.ledger.sql.audit import append, canonical, series_key
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable

_table = schema.snapshots
_pins = schema.pins
_series = schema.series
NO_STRATEGY = "none"


class SqlSnapshots(Snapshots):
    """Snapshots and named versions; every method is one transaction."""

    def __init__(self, database: Database, names: SeriesTable, *, mirrored: int) -> None:
        """Mirror at most ``mirrored`` snapshots, since each of them is a series in InfluxDB."""
        self._database = database
        self._names = names
        self._mirrored = mirrored

    def pin(self, draft: SnapshotDraft, who: Who) -> Snapshot:
        """Pin every range at its series' last committed revision, in one cut."""
        with self._database.write() as connection:
            self._check_free(connection, draft.id)
            time = self._database.tick(connection)
            series = [intent.series for intent in draft.ranges]
            ids = [self._known(connection, one) for one in series]
            rows = self._names.rows(connection, ids)
            pins = [
                _pin(connection, rows[number], intent.series, intent.interval)
                for number, intent in zip(ids, draft.ranges, strict=True)
            ]
            snapshot = {"id": draft.id, "kind": "snapshot", "state": "pinning", "purpose": draft.purpose}
            origin = {"strategy": draft.strategy, "created_at": time, "created_by": who.actor}
            connection.execute(sa.insert(_table), {**snapshot, **origin})
            connection.execute(sa.insert(_pins), _pin_rows(draft.id, ids, pins))
            _raise_pinned(connection, ids, pins)
            if all(pin.digest is not None for pin in pins):
                self._finish(connection, draft.id, pins, ids, who, time)
            return self._get(connection, draft.id)

    def complete(self, snapshot_id: str, pins: Sequence[Pin], who: Who) -> Snapshot:
        """Add the digests of the pins that lacked them."""
        with self._database.write() as connection:
            if self._get(connection, snapshot_id).state == "pinning":
                ids = [self._known(connection, pin.series) for pin in pins]
                update = sa.update(_pins).where(
                    _pins.c.snapshot_id == snapshot_id, _pins.c.position == sa.bindparam("at")
                )
                values = [{"at": at, "rows": pin.rows, "digest": pin.digest} for at, pin in enumerate(pins)]
                bound: dict[str, Any] = {"rows": sa.bindparam("rows"), "digest": sa.bindparam("digest")}
                connection.execute(update.values(bound), values)
                self._finish(connection, snapshot_id, pins, ids, who, self._database.tick(connection))
            return self._get(connection, snapshot_id)

    def add_named(self, name: str, pin: Pin, who: Who) -> Snapshot:
        """Record bars that were written under a name."""
        with self._database.write() as connection:
            row = connection.execute(sa.select(_table).where(_table.c.id == name)).first()
            if row is not None and (row.kind != "named" or row.state == "deleted"):
                raise NameTaken(name=name)
            time = self._database.tick(connection)
            if row is None:
                origin = {"kind": "named", "state": "complete", "purpose": "named", "materialised": True}
                connection.execute(
                    sa.insert(_table), {"id": name, **origin, "created_at": time, "created_by": who.actor}
                )
            pins = list(self._get(connection, name).pins)
            same = next((known for known in pins if known.series == pin.series), None)
            if same is not None and same.digest != pin.digest:
                raise VersionImmutable(name=name, series=str(pin.series))
            if same is None:
                number = self._names.ensure(connection, [pin.series])[0]
                added = {**_pin_rows(name, [number], [pin])[0], "position": len(pins)}
                connection.execute(sa.insert(_pins), added)
                pins.append(pin)
                data_hash = _data_hash(pins)
                connection.execute(sa.update(_table).where(_table.c.id == name).values(data_hash=data_hash))
                told = {"snapshot": name, "data_hash": data_hash, "pin": _manifest_of(pin)}
                append(connection, who, time, told, [number])
            return self._get(connection, name)

    def set_materialised(self, snapshot_id: str, who: Who) -> Snapshot:
        """Note that its rows lie under ``version=<id>``, read back and checked."""
        return self._change(snapshot_id, who, {"materialised": True})

    def approve(self, snapshot_id: str, strategy: str, who: Who) -> Snapshot:
        """Approve it for a strategy, and hold it."""
        with self._database.write() as connection:
            time = self._database.tick(connection)
            held = self._get(connection, snapshot_id).held or f"approved for {strategy}"
            values = {"approved_at": time, "approved_for": strategy, "held": held}
            return self._apply(connection, snapshot_id, who, time, values)

    def hold(self, snapshot_id: str, reason: str, who: Who) -> Snapshot:
        """Place a legal hold; an empty reason releases it."""
        return self._change(snapshot_id, who, {"held": reason})

    def delete(self, snapshot_id: str, who: Who) -> Snapshot:
        """Unpin it; raises `Held`. Its record stays."""
        with self._database.write() as connection:
            found = self._get(connection, snapshot_id)
            if found.held:
                raise Held(name=snapshot_id, reason=found.held)
            time = self._database.tick(connection)
            return self._apply(connection, snapshot_id, who, time, {"state": "deleted"})

    # --- looking -------------------------------------------------------------------------------

    def get(self, snapshot_id: str) -> Snapshot | None:
        """Return a snapshot or named version that is not deleted."""
        with self._database.read() as connection:
            found = self._select(connection, (_table.c.id == snapshot_id) & (_table.c.state != "deleted"))
            return found[0] if found else None

    def of_strategy(self, strategy: str) -> Snapshot | None:
        """Return its newest approved snapshot; its newest one only if none was ever approved."""
        approvals = _table.c.approved_for == strategy
        with self._database.read() as connection:
            approved = self._select(connection, approvals, order=_table.c.approved_at.desc())
            if approved:
                return next((one for one in approved if one.state != "deleted"), None)
            own = (_table.c.strategy == strategy) & (_table.c.state != "deleted")
            found = self._select(connection, own)
            return found[0] if found else None

    def pins_of(self, series: Series) -> builtins.list[Pin]:
        """Return every pin whose rows lie among the series' own."""
        with self._database.read() as connection:
            number = self._names.id_of(connection, series)
            living = (_table.c.state != "deleted") & _table.c.materialised.is_(sa.false())
            query = sa.select(_pins).join(_table, _table.c.id == _pins.c.snapshot_id)
            return [
                _read_pin(row, series) for row in connection.execute(query.where(_pins.c.series_id == number, living))
            ]

    def list(
        self, *, strategy: str | None = None, purpose: str | None = None, deleted: bool = False
    ) -> builtins.list[Snapshot]:
        """Return snapshots and named versions, newest first."""
        where = sa.true() if deleted else _table.c.state != "deleted"
        if strategy is not None:
            where &= (_table.c.strategy == strategy) | (_table.c.approved_for == strategy)
        if purpose is not None:
            where &= _table.c.purpose == purpose
        with self._database.read() as connection:
            return self._select(connection, where)

    # --- inside a transaction ------------------------------------------------------------------

    def _check_free(self, connection: Connection, name: str) -> None:
        if connection.execute(sa.select(_table.c.id).where(_table.c.id == name)).first() is not None:
            raise NameTaken(name=name)

    def _known(self, connection: Connection, series: Series) -> int:
        number = self._names.id_of(connection, series)
        if number is None:
            raise SeriesNotFound(series=str(series))
        return number

    def _finish(
        self, connection: Connection, name: str, pins: Sequence[Pin], ids: Sequence[int], who: Who, time: int
    ) -> None:
        data_hash = _data_hash(pins)
        values = {"state": "complete", "data_hash": data_hash}
        connection.execute(sa.update(_table).where(_table.c.id == name).values(values))
        snapshot = self._get(connection, name)
        told = {"snapshot": name, "strategy": snapshot.strategy or "", "data_hash": data_hash}
        append(connection, who, time, {**told, "pins": [_manifest_of(pin) for pin in pins]}, ids)
        self._mirror(connection, snapshot)

    def _mirror(self, connection: Connection, snapshot: Snapshot) -> None:
        mirrored = sa.select(sa.func.count()).select_from(_table).where(_table.c.mirrored.is_(sa.true()))
        if connection.execute(mirrored).scalar_one() >= self._mirrored:
            return
        connection.execute(sa.insert(schema.outbox), _parcels(snapshot))
        connection.execute(sa.update(_table).where(_table.c.id == snapshot.id).values(mirrored=True))

    def _change(self, snapshot_id: str, who: Who, values: dict[str, Any]) -> Snapshot:
        with self._database.write() as connection:
            return self._apply(connection, snapshot_id, who, self._database.tick(connection), values)

    def _apply(self, connection: Connection, snapshot_id: str, who: Who, time: int, values: dict[str, Any]) -> Snapshot:
        before = self._get(connection, snapshot_id)
        connection.execute(sa.update(_table).where(_table.c.id == snapshot_id).values(values))
        told = {"snapshot": snapshot_id, "data_hash": before.data_hash, "set": values}
        append(connection, who, time, told, [self._known(connection, pin.series) for pin in before.pins])
        return self._get(connection, snapshot_id)

    def _get(self, connection: Connection, snapshot_id: str) -> Snapshot:
        found = self._select(connection, _table.c.id == snapshot_id)
        if not found:
            raise VersionNotFound(version=snapshot_id)
        return found[0]

    def _select(self, connection: Connection, where: Any, *, order: Any = None) -> builtins.list[Snapshot]:
        newest_first = _table.c.created_at.desc() if order is None else order
        rows = connection.execute(sa.select(_table).where(where).order_by(newest_first)).all()
        pins = self._pins_by_snapshot(connection, [row.id for row in rows])
        return [_snapshot(row, pins.get(row.id, [])) for row in rows]

    def _pins_by_snapshot(self, connection: Connection, names: Sequence[str]) -> dict[str, builtins.list[Pin]]:
        query = sa.select(_pins).order_by(_pins.c.snapshot_id, _pins.c.position)
        if len(names) < _FEW:
            query = query.where(_pins.c.snapshot_id.in_(names))
        wanted = set(names)
        found: dict[str, builtins.list[Pin]] = {}
        for row in connection.execute(query):
            if row.snapshot_id in wanted:
                pin = _read_pin(row, self._names.series_of(connection, row.series_id))
                found.setdefault(row.snapshot_id, []).append(pin)
        return found


# Up to so many snapshots are named in a query; for more it is cheaper to read all pins.
_FEW = 500


def _pin(connection: Connection, row: Any, series: Series, interval: Interval) -> Pin:
    """Pin a series now; where the interval holds whole blocks only, the ledger knows their digest."""
    if not row.revision:
        raise SeriesNotFound(series=str(series))
    rows, digest = _known_digest(connection, row, series, interval)
    return Pin(series=series, interval=interval, revision=row.revision, rows=rows, digest=digest)


def _known_digest(connection: Connection, row: Any, series: Series, interval: Interval) -> tuple[int, bytes | None]:
    if row.newest_start is None:
        return 0, EMPTY_ROOT
    if row.newest_start >= interval.start and series.timeframe.block_end(row.newest_start) <= interval.end:
        first = sa.select(sa.func.min(schema.blocks.c.start)).where(schema.blocks.c.series_id == row.id)
        if connection.execute(first).scalar_one() >= interval.start:
            return row.rows, bytes(row.digest)
    inside = blocks.current(connection, row.id, _reach(series, interval))
    for block in inside:
        if block.start < interval.start or series.timeframe.block_end(block.start) > interval.end:
            return 0, None
    return sum(block.rows for block in inside), root_digest(inside)


def _reach(series: Series, interval: Interval) -> Interval:
    """Return the interval from the start of the block in which it begins."""
    import numpy as np  # noqa: PLC0415 - most pins hold whole series and never come here

    begin = int(series.timeframe.block_of(np.array([interval.start], np.int64))[0])
    return Interval(min(begin, interval.start), interval.end)


def _raise_pinned(connection: Connection, ids: Sequence[int], pins: Sequence[Pin]) -> None:
    update = sa.update(_series).where(_series.c.id == sa.bindparam("number"), _series.c.pinned < sa.bindparam("at"))
    values = [{"number": number, "at": pin.revision} for number, pin in zip(ids, pins, strict=True)]
    connection.execute(update.values(pinned=sa.bindparam("at")), values)


def _pin_rows(name: str, ids: Sequence[int], pins: Sequence[Pin]) -> builtins.list[dict[str, Any]]:
    return [
        {
            "snapshot_id": name,
            "position": position,
            "series_id": number,
            "start": pin.interval.start,
            "end": pin.interval.end,
            "revision": pin.revision,
            "rows": pin.rows,
            "digest": pin.digest,
        }
        for position, (number, pin) in enumerate(zip(ids, pins, strict=True))
    ]


def _read_pin(row: Any, series: Series) -> Pin:
    return Pin(
        series=series,
        interval=Interval(row.start, row.end),
        revision=row.revision,
        rows=row.rows,
        digest=None if row.digest is None else bytes(row.digest),
    )


def _snapshot(row: Any, pins: Sequence[Pin]) -> Snapshot:
    return Snapshot(
        id=row.id,
        kind=row.kind,
        state=row.state,
        purpose=row.purpose,
        strategy=row.strategy,
        created_at=row.created_at,
        created_by=row.created_by,
        pins=tuple(pins),
        data_hash=row.data_hash,
        materialised=bool(row.materialised),
        held=row.held,
        approved_at=row.approved_at,
        mirrored=bool(row.mirrored),
    )


def _manifest_of(pin: Pin) -> dict[str, Any]:
    return {
        **series_key(pin.series),
        "start": pin.interval.start,
        "end": pin.interval.end,
        "revision": pin.revision,
        "rows": pin.rows,
        "digest": pin.digest or b"",
    }


def _data_hash(pins: Sequence[Pin]) -> str:
    """Return SHA-256 over the canonical JSON of the manifest: what is pinned, in the order of preference."""
    manifest = {"format": "barledger/manifest/1", "pins": [_manifest_of(pin) for pin in pins]}
    return hashlib.sha256(canonical(manifest).encode()).hexdigest()


def _parcels(snapshot: Snapshot) -> builtins.list[dict[str, Any]]:
    """Return one record for each instrument and timeframe, with the tags and fields of ``data_audit``."""
    versions: dict[tuple[str, str], dict[str, str]] = {}
    for pin in snapshot.pins:
        key = (pin.series.instrument, pin.series.timeframe.name)
        versions.setdefault(key, {})[pin.series.source] = str(pin.revision)
    return [
        {
            "snapshot_id": snapshot.id,
            "measurement": "data_audit",
            "tags": json.dumps(
                {
                    "instrument": instrument,
                    "timeframe": timeframe,
                    "snapshot_id": snapshot.id,
                    "strategy_id": snapshot.strategy or NO_STRATEGY,
                }
            ),
            "fields": json.dumps(
                {
                    "source_versions": canonical(sources),
                    "created_by": snapshot.created_by,
                    "purpose": snapshot.purpose,
                    "data_hash": snapshot.data_hash,
                }
            ),
            "time": snapshot.created_at,
        }
        for (instrument, timeframe), sources in versions.items()
    ]
