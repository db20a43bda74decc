"""Named versions: bars written under a name of their own, once and for all."""

from barledger import faults
from barledger.domain.comparison import compare
from barledger.domain.digest import block_digests, root_digest
from barledger.domain.interval import Interval, everything
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.version import check_new_id
from barledger.errors import NameTaken, StoreDamaged, VersionImmutable
from barledger.ledger.contract import Intent, Pin, Who
from barledger.services.cache.commit import Written
from barledger.services.cache.lease import Lease, holding
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Batch


def write_named(
    vault: Vault, series: Series, rows: Rows, name: str, who: Who, *, over_foreign: bool = False
) -> Written:
    """Write bars as the named, immutable version ``name`` of a series; the same bars again change nothing.

    No bars make no version. ``over_foreign`` says that they lie there already without barledger's stamps, which are
    added. Raises `NameTaken` if a snapshot has the name, `VersionImmutable` if the version has other bars.
    """
    vault.check_writable()
    check_new_id(name)
    if not len(rows):
        return Written(series=(series,), revision=vault.ledger.revisions.state(series).revision, fields={})
    hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
    with holding(vault, [Intent(series=series, interval=hull)], who) as lease:
        try:
            return _write(vault, series, rows, name, who, lease, over_foreign=over_foreign)
        finally:
            vault.ledger.revisions.discard(lease.pending, who)


def _write(
    vault: Vault, series: Series, rows: Rows, name: str, who: Who, lease: Lease, *, over_foreign: bool
) -> Written:
    known = _known(vault, series, name)
    if known is not None:
        _check_same(vault, known, rows, name)
        return Written(series=(series,), revision=known.revision, same=len(rows), fields={})
    stamped = rows.stamped(revision=lease.revision, edition=1)
    if not over_foreign:
        # What a writer that died left under this name was never recorded, so nobody relies on it.
        vault.store.delete(series, name, [everything()], revision=lease.revision, guard=lease.guard)
    batch = Batch(series=series, layer=name, rows=stamped)
    vault.store.write([batch], revision=lease.revision, guard=lease.guard)
    faults.reach("named.rows-written")
    pin = _pin(series, stamped, lease.revision)
    back = vault.store.read(series, name, [pin.interval])
    if root_digest(block_digests(back, series.timeframe)) != pin.digest:
        raise StoreDamaged(where=f"version {name}", detail=f"the bars of {series} read back differ from those written")
    lease.guard()
    vault.ledger.snapshots.add_named(name, pin, who)
    return Written(series=(series,), revision=lease.revision, new=len(rows), fields={})


def _known(vault: Vault, series: Series, name: str) -> Pin | None:
    snapshot = vault.ledger.snapshots.get(name)
    if snapshot is None:
        return None
    if snapshot.kind != "named":
        raise NameTaken(name=name)
    return next((pin for pin in snapshot.pins if pin.series == series), None)


def _check_same(vault: Vault, pin: Pin, rows: Rows, name: str) -> None:
    """Bars that the version has already are welcome; any other bar would change it."""
    stored = vault.store.read(pin.series, name, [pin.interval])
    if len(compare(stored, rows).written):
        raise VersionImmutable(name=name, series=str(pin.series))


def _pin(series: Series, rows: Rows, revision: int) -> Pin:
    return Pin(
        series=series,
        interval=Interval(int(rows.time[0]), int(rows.time[-1]) + 1),
        revision=revision,
        rows=len(rows),
        digest=root_digest(block_digests(rows, series.timeframe)),
    )
