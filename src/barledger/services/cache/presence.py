"""Presence: that the store is there and is the ledger's own, before anything is promised of what lies in it."""

from collections.abc import Sequence

from barledger.domain.series import Series
from barledger.domain.version import LATEST
from barledger.errors import LedgerMismatch
from barledger.services.cache.reader import check_layer
from barledger.services.cache.vault import Vault

# Up to so many series, to ask for the layers of each is cheaper than to list all that the store has.
_FEW = 4


def check_own(vault: Vault) -> None:
    """Look at the store; raises `LedgerMismatch` if it is not the ledger's own, and what the store itself raises."""
    # A writer claims the store before it takes a first revision.
    last, mark = vault.ledger.revisions.last(), vault.store.mark()
    if vault.mismatch:
        raise LedgerMismatch(reason=vault.mismatch)
    if mark is None:
        if last:
            raise LedgerMismatch(reason="the ledger knows revisions, and the store is empty or was never its own")
        return
    if mark.ledger_id != vault.ledger.id:
        raise LedgerMismatch(reason=f"the store belongs to ledger {mark.ledger_id}, this is ledger {vault.ledger.id}")


def check_held(vault: Vault, series: Sequence[Series]) -> None:
    """See that the store has something of each series that has bars, as far as that shows without reading them.

    Raises `StoreDiverged`, or `StoreDamaged` for files that are missing, and as `check_own` does.
    """
    check_own(vault)
    named = list(dict.fromkeys(series))
    full = [state.series for state in vault.ledger.revisions.states(named) if state.rows] if named else []
    listed = frozenset(vault.store.series()) if len(full) > _FEW else frozenset[Series]()
    for one in full:
        if one not in listed:
            check_layer(vault, one, LATEST)
    vault.store.check_held(full)
