"""Backup and restore, of any store and ledger, through their contracts.

A backup is an embedded library: it can be opened, read and verified like any other. Both halves are copied as of one
instant, the ledger last; writers wait only while what changed meanwhile is copied again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from barledger.domain.interval import everything
from barledger.domain.series import Series
from barledger.errors import LedgerMismatch, NotEmpty
from barledger.ledger.contract import Intent, Ledger, SeriesState
from barledger.services.cache.lease import holding
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Batch, Mark, Store

Progress = Callable[[Series, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a backup or a restore copied."""

    series: int
    layers: int
    rows: int


def back_up(
    vault: Vault,
    store: Store,
    ledger_url: str,
    open_ledger: Callable[[str], Ledger],
    *,
    progress: Progress | None = None,
) -> Copied:
    """Copy both halves into an empty store and a new ledger.

    Raises `NotEmpty` if they are not empty, and `LedgerMismatch` for halves that do not fit, since a copy would.
    """
    if vault.mismatch:
        raise LedgerMismatch(reason=vault.mismatch)
    if store.mark() is not None or store.series():
        raise NotEmpty(where=store.describe().location)
    everyone = vault.store.series()
    seen = {state.series: state for state in vault.ledger.revisions.states(everyone)}
    counted = {series: _copy(vault.store, store, series, progress) for series in everyone}
    who = vault.who("backup")
    intents = [Intent(series=series, interval=everything()) for series in vault.store.series()]
    if not intents:
        vault.ledger.copy_to(ledger_url)
    else:
        with holding(vault, intents, who) as lease:
            try:
                for series in _moved(lease.pending.states, seen):
                    lease.guard()
                    counted[series] = _recopy(vault.store, store, series, progress)
                vault.ledger.copy_to(ledger_url)
            finally:
                vault.ledger.revisions.discard(lease.pending, who)
            pending = lease.pending
        copy = open_ledger(ledger_url)
        # Nobody who opens the copy shall wait for the backup itself, whose revision is pending there.
        copy.revisions.discard(pending, who)
        copy.close()
    store.claim(Mark(ledger_id=vault.ledger.id, revision=vault.ledger.revisions.last()))
    store.tidy()
    vault.ledger.audit.append(who, {"into": store.describe().location})
    return _total(counted.values())


def restore(backup: Vault, store: Store, ledger_url: str, *, progress: Progress | None = None) -> Copied:
    """Copy a backup into an empty store and a new ledger; raises what `back_up` raises."""
    if backup.mismatch:
        raise LedgerMismatch(reason=backup.mismatch)
    if store.series():
        raise NotEmpty(where=store.describe().location)
    counted = [_copy(backup.store, store, series, progress) for series in backup.store.series()]
    backup.ledger.copy_to(ledger_url)
    store.claim(Mark(ledger_id=backup.ledger.id, revision=backup.ledger.revisions.last()))
    store.tidy()
    return _total(counted)


def _copy(source: Store, target: Store, series: Series, progress: Progress | None) -> tuple[int, int]:
    layers = source.layers(series)
    rows = 0
    for layer in layers:
        found = source.read(series, layer, [everything()])
        if len(found):
            target.write([Batch(series=series, layer=layer, rows=found)], revision=0)
            rows += len(found)
    if progress is not None:
        progress(series, rows)
    return len(layers), rows


def _recopy(source: Store, target: Store, series: Series, progress: Progress | None) -> tuple[int, int]:
    for layer in target.layers(series):
        target.delete(series, layer, [everything()], revision=0)
    return _copy(source, target, series, progress)


def _moved(now: Sequence[SeriesState], seen: dict[Series, SeriesState]) -> list[Series]:
    """Return the series that somebody wrote since they were copied, or was writing then."""
    return [state.series for state in now if seen.get(state.series) != state]


def _total(counted: Iterable[tuple[int, int]]) -> Copied:
    pairs = list(counted)
    return Copied(series=len(pairs), layers=sum(pair[0] for pair in pairs), rows=sum(pair[1] for pair in pairs))
