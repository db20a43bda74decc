"""The vault: a store and the ledger that says what in it is true."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from barledger.domain.notice import Notice
from barledger.errors import LedgerMismatch, ReadOnly
from barledger.ledger.contract import Ledger, Who
from barledger.services.cache.afterwards import Afterwards
from barledger.services.cache.counting import Counts
from barledger.services.cache.tails import Tails
from barledger.stores.contract import Mark, Store


def _nobody(notice: Notice) -> None:
    """Drop a notice where nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a writer's lease lasts and how long others wait for it, in seconds."""

    lease: float = 30.0
    wait: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Both halves, as the services use them; ``mismatch`` says why they may not be written, if they may not.

    ``notify`` takes what somebody may want to hear of; it neither waits for a delivery nor fails. ``afterwards`` is
    told which instruments have changed.
    """

    store: Store
    ledger: Ledger
    actor: str
    patience: Patience = field(default_factory=Patience)
    mismatch: str = ""
    read_only: bool = False
    tails: Tails = field(default_factory=Tails)
    counts: Counts = field(default_factory=Counts)
    notify: Callable[[Notice], None] = _nobody
    afterwards: Afterwards = field(default_factory=Afterwards)

    def who(self, operation: str, *, reason: str = "", purpose: str = "", trigger: str = "") -> Who:
        """Sign an operation with this session's actor."""
        return Who(actor=self.actor, operation=operation, reason=reason, purpose=purpose, trigger=trigger)

    def check_writable(self) -> None:
        """Raise `LedgerMismatch` or `ReadOnly` if this session must not change anything."""
        if self.mismatch:
            raise LedgerMismatch(reason=self.mismatch)
        if self.read_only:
            raise ReadOnly(reason="it was opened for reading")


def introduce(store: Store, ledger: Ledger) -> str:
    """Compare the store's mark with the ledger, claiming an unmarked pair; returns why they do not fit, or nothing."""
    found = _looked(store, ledger)
    if found.mark is None and not found.last:
        if not store.series():
            store.claim(Mark(ledger_id=ledger.id, revision=0))
            return ""
        return "the store holds bars and no ledger's mark (see `barledger import-bucket`)"
    return _misfit(found, ledger)


def fits(store: Store, ledger: Ledger) -> str:
    """Compare without claiming anything; returns why they do not fit, or nothing."""
    found = _looked(store, ledger)
    return "" if found.mark is None and not found.last else _misfit(found, ledger)


class _Looked(NamedTuple):
    """What the ledger had committed, then the store's mark, then the last revision of the ledger."""

    committed: int
    mark: Mark | None
    last: int


def _looked(store: Store, ledger: Ledger) -> _Looked:
    """Look at both halves, which others may be writing.

    A writer takes a revision, marks the store with it, and commits: so what was committed before the mark is looked at
    is at most the mark, and that is at most the last revision after it.
    """
    committed, mark, last = ledger.revisions.last_committed(), store.mark(), ledger.revisions.last()
    if mark is None and last:
        # Somebody may have claimed the store and begun to write meanwhile.
        return _Looked(committed, store.mark(), ledger.revisions.last())
    return _Looked(committed, mark, last)


def _misfit(found: _Looked, ledger: Ledger) -> str:
    committed, mark, last = found
    if mark is None:
        return f"the ledger knows revisions up to {last}, and the store is empty or was never its own"
    if mark.ledger_id != ledger.id:
        return f"the store belongs to ledger {mark.ledger_id}, this is ledger {ledger.id}"
    if mark.revision > last:
        return f"the store was written by revision {mark.revision}, and the ledger ends at {last}"
    if mark.revision < committed and not _beside(ledger, mark.revision, committed):
        return f"the ledger has committed revision {committed}, and the store ends at {mark.revision}"
    return ""


def _beside(ledger: Ledger, earlier: int, later: int) -> bool:
    """Tell whether an earlier revision was still under way when a later one began.

    Where a store has one mark for several processes, it is then of whoever wrote last, and no bar is missing.
    """
    first, second = ledger.revisions.record(earlier), ledger.revisions.record(later)
    if first is None or second is None:
        return False
    return first.state == "pending" or first.committed_at > second.begun_at
