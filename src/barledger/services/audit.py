"""The audit log, as callers read it."""

from collections.abc import Sequence

from barledger.domain.series import Series
from barledger.ledger.contract import AuditEntry
from barledger.services.cache.vault import Vault


class AuditLog:
    """Every operation that touched data: who, when, what, and the digests before and after."""

    def __init__(self, vault: Vault) -> None:
        """Read this ledger's log."""
        self._vault = vault

    def entries(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        operation: str | None = None,
        series: Series | None = None,
    ) -> Sequence[AuditEntry]:
        """Return entries with a sequence above ``after``, in order."""
        return self._vault.ledger.audit.entries(after=after, limit=limit, operation=operation, series=series)

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._vault.ledger.audit.count()
