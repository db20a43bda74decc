"""Snapshots: pinning what a backtest saw.

Pins come first, in one ledger transaction, and digests after them, so nothing that a digest covers can be deleted
while it is computed.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from barledger import faults
from barledger.domain.digest import block_digests, root_digest
from barledger.domain.interval import Interval, everything
from barledger.domain.rows import Rows
from barledger.domain.series import check_name
from barledger.domain.version import check_new_id
from barledger.errors import StoreDamaged, VersionNotFound
from barledger.ledger.contract import Intent, Parcel, Pin, Snapshot, SnapshotDraft
from barledger.services.cache.lease import Lease, holding
from barledger.services.cache.presence import check_held
from barledger.services.cache.told import deliver_actions
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import pinned_rows
from barledger.stores.contract import Batch, Record

MATERIALISED: Final = frozenset({"approval", "live", "compliance"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRequest:
    """What to pin, and why."""

    ranges: Sequence[Intent]
    purpose: str
    strategy: str | None = None
    id: str | None = None


def take(vault: Vault, request: SnapshotRequest) -> Snapshot:
    """Take a consistent cut of all ranges; for approval, live and compliance also materialise it.

    The ledger has the digests of whole blocks, so most bars are not read. If the store is gone, or has nothing of a
    series, nothing is pinned; what it lost of the bars of a series shows when they are read.
    """
    vault.check_writable()
    vault.store.check_expiry()
    check_held(vault, [intent.series for intent in request.ranges])
    draft = SnapshotDraft(
        id=check_new_id(request.id) if request.id is not None else f"snap-{secrets.token_hex(6)}",
        purpose=check_name("purpose", request.purpose),
        strategy=None if request.strategy is None else check_name("strategy", request.strategy),
        ranges=request.ranges,
    )
    who = vault.who("snapshot", purpose=request.purpose)
    snapshot = vault.ledger.snapshots.pin(draft, who)
    faults.reach("snapshot.pinned")
    snapshot = finish(vault, snapshot)
    if snapshot.purpose in MATERIALISED:
        snapshot = materialise(vault, snapshot)
    deliver(vault)
    return snapshot


def finish(vault: Vault, snapshot: Snapshot) -> Snapshot:
    """Compute the digests that the ledger could not know, by reading the pinned bars."""
    if snapshot.state != "pinning":
        return snapshot
    pins = [_digested(vault, snapshot, pin) for pin in snapshot.pins]
    faults.reach("snapshot.digested")
    return vault.ledger.snapshots.complete(snapshot.id, pins, vault.who("snapshot", purpose=snapshot.purpose))


def get(vault: Vault, snapshot_id: str) -> Snapshot:
    """Return a snapshot; raises `VersionNotFound`."""
    found = vault.ledger.snapshots.get(snapshot_id)
    if found is None:
        raise VersionNotFound(version=snapshot_id)
    return found


def materialise(vault: Vault, snapshot: Snapshot) -> Snapshot:
    """Copy the pinned rows to a layer of their own, read them back and check them; doing so twice does no harm."""
    if snapshot.materialised:
        return snapshot
    who = vault.who("materialise", purpose=snapshot.purpose)
    for pin in snapshot.pins:
        with holding(vault, [Intent(series=pin.series, interval=pin.interval)], who) as lease:
            try:
                _copy(vault, snapshot, pin, lease)
            finally:
                vault.ledger.revisions.discard(lease.pending, who)
    faults.reach("snapshot.materialised")
    return vault.ledger.snapshots.set_materialised(snapshot.id, who)


def erase(vault: Vault, snapshot: Snapshot) -> Snapshot:
    """Delete a snapshot and the layer of its own, if it has one; raises `Held`."""
    vault.check_writable()
    who = vault.who("delete-snapshot", purpose=snapshot.purpose)
    deleted = vault.ledger.snapshots.delete(snapshot.id, who)
    faults.reach("snapshot.unpinned")
    if snapshot.materialised:
        for pin in snapshot.pins:
            with holding(vault, [Intent(series=pin.series, interval=pin.interval)], who) as lease:
                vault.store.delete(pin.series, snapshot.id, [everything()], revision=lease.revision, guard=lease.guard)
                vault.ledger.revisions.discard(lease.pending, who)
    return deleted


def deliver(vault: Vault) -> int:
    """Mirror what waits in the outbox, and corporate actions; returns how many records the store acknowledged.

    A store that does not answer leaves them waiting: the ledger's own record is what counts.
    """
    if not vault.store.capabilities.mirror:
        return 0
    return _deliver_parcels(vault) + deliver_actions(vault)


def _deliver_parcels(vault: Vault) -> int:
    parcels = vault.ledger.outbox.waiting()
    if not parcels:
        return 0
    try:
        vault.store.mirror([_record(parcel) for parcel in parcels])
    except OSError as error:
        vault.ledger.outbox.failed(parcels, str(error))
        return 0
    vault.ledger.outbox.delivered(parcels)
    return len(parcels)


def _digested(vault: Vault, snapshot: Snapshot, pin: Pin) -> Pin:
    if pin.digest is not None:
        return pin
    rows = pinned_rows(vault, snapshot, pin, [pin.interval])
    return replace(pin, rows=len(rows), digest=_digest(pin, rows))


def _digest(pin: Pin, rows: Rows) -> bytes:
    return root_digest(block_digests(rows, pin.series.timeframe))


def _copy(vault: Vault, snapshot: Snapshot, pin: Pin, lease: Lease) -> None:
    rows = pinned_rows(vault, snapshot, pin, [pin.interval])
    _check(snapshot, pin, rows, "the pinned bars")
    if len(rows):
        batch = Batch(series=pin.series, layer=snapshot.id, rows=rows)
        vault.store.write([batch], revision=lease.revision, guard=lease.guard)
    back = vault.store.read(pin.series, snapshot.id, [_hull(rows)]).standing()
    _check(snapshot, pin, back, "the materialised bars")


def _check(snapshot: Snapshot, pin: Pin, rows: Rows, what: str) -> None:
    if _digest(pin, rows) != pin.digest:
        detail = f"{what} of {pin.series} do not have the digest of the snapshot"
        raise StoreDamaged(where=f"snapshot {snapshot.id}", detail=detail)


def _hull(rows: Rows) -> Interval:
    return Interval(int(rows.time[0]), int(rows.time[-1]) + 1) if len(rows) else Interval(0, 0)


def _record(parcel: Parcel) -> Record:
    return Record(measurement=parcel.measurement, tags=parcel.tags, fields=parcel.fields, time=parcel.time)
