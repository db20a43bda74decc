"""EventService: jobs, discrepancies and notices as one sequence, read from the ledger from any moment on.

The ledger's clock is strictly increasing under the lock that orders transactions, so the time of a change is all that a
reader has to remember: nothing that is committed later can come before it. No process has to have been there when it
happened, and none that dies takes events with it.
"""

from dataclasses import dataclass
from typing import Final, Literal

from barledger.domain.discrepancy import Discrepancy, Step
from barledger.domain.job import Job
from barledger.domain.readable import Readable
from barledger.ledger.contract import Noticed
from barledger.services.cache.vault import Vault

EventKind = Literal["job", "discrepancy", "notice"]
MOST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event(Readable):
    """Something happened ``at`` a time (ns): a job changed, a discrepancy took a step, or a notice was posted.

    ``instruments`` are what it is about, none for the whole library or where nobody can tell.
    """

    at: int
    kind: EventKind
    instruments: tuple[str, ...]
    subject: Job | tuple[Discrepancy, Step] | Noticed


class EventService:
    """Reads what happened."""

    def __init__(self, vault: Vault) -> None:
        """Work on this ledger."""
        self._vault = vault

    def now(self) -> int:
        """Return the moment from which on only what is new is told."""
        return self._vault.ledger.now()

    def since(self, after: int, *, limit: int = MOST) -> list[Event]:
        """Return what happened after a time (ns), oldest first, about ``limit`` at most.

        The time of the last one is where to go on: what happened at one time is returned together. Of a job that
        changed several times only the last change is told.
        """
        parts = (self._jobs(after, limit), self._discrepancies(after, limit), self._notices(after, limit))
        # A list that was cut says nothing of what came after its end, and its last time may have had more: what is
        # told ends before it.
        cut = min((part[-1].at for part in parts if len(part) >= limit), default=None)
        told = sorted((one for part in parts for one in part if cut is None or one.at < cut), key=lambda one: one.at)
        if told or cut is None:
            return told
        return self.since(after, limit=2 * limit)

    def _jobs(self, after: int, limit: int) -> list[Event]:
        return [
            Event(at=one.changed_at, kind="job", instruments=one.instruments, subject=one)
            for one in self._vault.ledger.jobs.changed(after, limit=limit)
        ]

    def _notices(self, after: int, limit: int) -> list[Event]:
        return [
            Event(at=one.made_at, kind="notice", instruments=(), subject=one)
            for one in self._vault.ledger.notices.list(after=after, limit=limit)
        ]

    def _discrepancies(self, after: int, limit: int) -> list[Event]:
        told = self._vault.ledger.discrepancies.changed(after, limit=limit)
        return [
            Event(at=step.at, kind="discrepancy", instruments=(one.series.instrument,), subject=(one, step))
            for one, step in told
        ]
