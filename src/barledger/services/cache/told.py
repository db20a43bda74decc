"""What the store is told of corporate actions, for people who look at it with other tools.

Each action is one point of ``corporate_actions`` at its ex-date: what is known of it now overwrites what was known
before, so a point that is delivered twice is still one.
"""

from collections.abc import Sequence
from typing import Final

from barledger.domain.action import SHARES, CorporateAction
from barledger.ledger.contract import Who
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Record

MEASUREMENT: Final = "corporate_actions"
_MOST_ROUNDS: Final = 5


def deliver_actions(vault: Vault) -> int:
    """Mirror the actions that no store has acknowledged, and return how many were.

    A store that does not answer leaves them waiting: the ledger's own record is what counts.
    """
    if vault.mismatch or vault.read_only or not vault.store.capabilities.mirror:
        return 0
    delivered = 0
    # What is superseded while it is on its way waits again.
    for _ in range(_MOST_ROUNDS):
        waiting = vault.ledger.actions.unmirrored()
        if not waiting:
            break
        try:
            vault.store.mirror([_record(one) for one in waiting])
        except OSError:
            break
        vault.ledger.actions.mirrored(waiting)
        delivered += len(waiting)
    return delivered


def record_actions(vault: Vault, actions: Sequence[CorporateAction], who: Who) -> int:
    """Note actions as known from now on, mirror them, and tell who follows them; returns how many are news."""
    news = vault.ledger.actions.record(actions, who)
    if news:
        deliver_actions(vault)
        vault.afterwards.changed({one.instrument for one in actions})
    return news


def _record(action: CorporateAction) -> Record:
    fields: dict[str, str | int | float | bool] = {
        "evidence": action.evidence or "{}",
        "known_at": action.known_at,
        "withdrawn": action.withdrawn,
    }
    if action.kind in SHARES:
        fields["ratio"] = action.ratio
    elif action.has_value:
        fields |= {"amount": action.value, "currency": action.currency}
    tags = {"instrument": action.instrument, "kind": action.kind, "source": action.source}
    return Record(measurement=MEASUREMENT, tags=tags, fields=fields, time=action.ex_date)
