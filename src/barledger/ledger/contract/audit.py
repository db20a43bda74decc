"""The append-only log, and the Merkle tree over its entries."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.checkpoint import entries_of
from barledger.domain.interval import format_time
from barledger.domain.merkle import Frontier, Node
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Who

KEPT_LEVELS: Final = 4
"""Hashes of complete subtrees are kept at every so many levels above the leaves, and told by `Audit.kept`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditEntry:
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

    def __repr__(self) -> str:
        """Say who did what, and when."""
        return f"<entry {self.sequence}: {self.operation} by {self.actor} at {format_time(self.time)}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """An entry as the database has it, with the leaf hash that is kept beside it."""

    entry: AuditEntry
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignedCheckpoint:
    """A signed note over the first ``size`` entries; ``key`` is the public key in its written form."""

    size: int
    root: bytes
    key: str
    note: str
    signed_at: int

    def __repr__(self) -> str:
        """Say what was signed, and when."""
        return f"<checkpoint of {entries_of(self.size)}, root {self.root.hex()[:16]}…, {format_time(self.signed_at)}>"


class Audit(ABC):
    """The append-only log; the database itself refuses to change or delete an entry.

    Entry n is leaf n - 1 of a tree as in RFC 6962, which grows in the transaction that appends the entry.
    """

    @abstractmethod
    def append(
        self, who: Who, details: Mapping[str, Any], *, series: Sequence[Series] = (), strategy: str = ""
    ) -> AuditEntry:
        """Append an entry for something that no other method records, to be found by its series and its strategy."""

    @abstractmethod
    def entries(
        self, *, after: int = 0, limit: int | None = None, operation: str | None = None, series: Series | None = None
    ) -> list[AuditEntry]:
        """Return entries with a sequence above ``after``, in order."""

    @abstractmethod
    def newest(self, limit: int, *, operation: str | None = None) -> list[AuditEntry]:
        """Return the newest entries, in order."""

    @abstractmethod
    def of_strategy(self, strategy: str, *, since: int | None = None, until: int | None = None) -> list[AuditEntry]:
        """Return the entries of a strategy with times (ns) in [since, until], in order."""

    @abstractmethod
    def count(self) -> int:
        """Return how many entries there are."""

    # --- the tree ------------------------------------------------------------------------------

    @abstractmethod
    def size(self) -> int:
        """Return the tree's size, which is the last entry's sequence: the quickest way to see whether there is more."""

    @abstractmethod
    def frontier(self) -> Frontier:
        """Return what the tree grows from: its size and root among it; raises `StoreDamaged`."""

    @abstractmethod
    def root(self, size: int) -> bytes:
        """Return the root of the first ``size`` entries; raises `EntryNotFound`, `StoreDamaged`."""

    @abstractmethod
    def inclusion(self, sequence: int, size: int) -> list[bytes]:
        """Return the proof that an entry is among the first ``size``; raises `EntryNotFound`, `StoreDamaged`."""

    @abstractmethod
    def consistency(self, old: int, size: int) -> list[bytes]:
        """Return the proof that the first ``old`` entries are the beginning of the first ``size``; raises as above."""

    @abstractmethod
    def raw(self, *, after: int, limit: int) -> list[KeptEntry]:
        """Return entries as they lie there, for somebody who checks them."""

    @abstractmethod
    def kept(self, nodes: Sequence[Node]) -> dict[Node, bytes]:
        """Return which hashes are kept of these subtrees, of levels that are multiples of `KEPT_LEVELS`."""

    # --- checkpoints ---------------------------------------------------------------------------

    @abstractmethod
    def keep_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Keep a signed checkpoint; one of the same size by the same key stays as it is."""

    @abstractmethod
    def checkpoints(self, *, newest: int | None = None) -> list[SignedCheckpoint]:
        """Return the checkpoints, or only the ``newest`` ones, by size and then by time."""
