"""Repair: taking what an aborted revision left behind out of ``latest``.

The rows that it overwrote are in the edition layers; they are written back, and what it added is deleted. The copies
stay, since a reader knows that the revision which superseded them never became true.
"""

from collections.abc import Sequence

import numpy as np

from barledger import faults
from barledger.domain.interval import Interval, union
from barledger.domain.rows import Ints, Rows, found_in
from barledger.domain.version import LATEST
from barledger.domain.visibility import hidden, visible
from barledger.ledger.contract import SeriesState
from barledger.services.cache.lease import Lease, holding
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Batch


def repair_all(vault: Vault) -> int:
    """Abort writers whose leases ended, repair what they left, and return how many series were repaired."""
    vault.check_writable()
    who = vault.who("repair")
    stretches = vault.ledger.revisions.expired()
    for intent in stretches:
        with holding(vault, [intent], who) as lease:
            repair_held(vault, lease)
            vault.ledger.revisions.discard(lease.pending, who)
    return len({intent.series for intent in stretches})


def repair_held(vault: Vault, lease: Lease) -> None:
    """Repair the series that the lease holds; a reader sees no difference at any moment."""
    leftovers = lease.pending.unrepaired
    if not leftovers:
        return
    states = {state.series: state for state in lease.pending.states}
    for series in {aborted.series for aborted in leftovers}:
        mine = [aborted for aborted in leftovers if aborted.series == series]
        _repair(vault, lease, states[series], union(aborted.interval for aborted in mine))
        _finish_retention(vault, lease, states[series], {aborted.revision for aborted in mine})
    faults.reach("repair.rows-restored")
    vault.ledger.revisions.mark_repaired(lease.pending, leftovers)


def _repair(vault: Vault, lease: Lease, state: SeriesState, intervals: Sequence[Interval]) -> None:
    latest = vault.store.read(state.series, LATEST, intervals)
    copies = vault.store.read_copies(state.series, intervals)
    uncommitted = vault.ledger.revisions.uncommitted(state.series)
    seen = visible(latest, copies, state.revision, uncommitted)
    restored = seen.pick(found_in(seen.time, _touched(copies, uncommitted)))
    if len(restored):
        batch = Batch(series=state.series, layer=LATEST, rows=restored)
        vault.store.write([batch], revision=lease.revision, guard=lease.guard)
    faults.reach("repair.rows-written")
    added = hidden(latest, seen, state.revision, uncommitted)
    if len(added):
        points = [Interval(time, time + 1) for time in added.time.tolist()]
        vault.store.delete(state.series, LATEST, points, revision=lease.revision, guard=lease.guard)


def _finish_retention(vault: Vault, lease: Lease, state: SeriesState, revisions: set[int]) -> None:
    """Delete the bars that are gone by the ledger, and whose deletion was cut off."""
    left = union(gone.interval for gone in state.gone if gone.revision in revisions and not gone.refilled)
    if left:
        vault.store.delete(state.series, LATEST, left, revision=lease.revision, guard=lease.guard)


def _touched(copies: Rows, uncommitted: frozenset[int]) -> Ints:
    """Return the times of the bars that an uncommitted revision may have overwritten."""
    if copies.superseded_at is None:
        return copies.time[:0]
    return np.unique(copies.time[np.isin(copies.superseded_at, list(uncommitted))])
