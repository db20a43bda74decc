"""The append-only log."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Who


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditEntry(Readable):
    """One line of the audit log: ``body`` is RFC 8785 canonical JSON, in which ns and revisions are decimal strings."""

    sequence: int
    time: int
    actor: str
    operation: str
    body: str

    @property
    def data(self) -> dict[str, Any]:
        """Return the body as Python values."""
        import json  # noqa: PLC0415 - an entry is read far more often than its body is parsed

        return dict(json.loads(self.body))


class Audit(ABC):
    """The append-only log; the database itself refuses to change or delete an entry."""

    @abstractmethod
    def append(self, who: Who, details: Mapping[str, Any]) -> AuditEntry:
        """Append an entry for something that no other method records."""

    @abstractmethod
    def entries(
        self, *, after: int = 0, limit: int | None = None, operation: str | None = None, series: Series | None = None
    ) -> list[AuditEntry]:
        """Return entries with a sequence above ``after``, in order."""

    @abstractmethod
    def count(self) -> int:
        """Return how many entries there are."""
