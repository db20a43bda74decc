"""The register of discrepancies, from their finding to the revision that undoes what was made of them."""

import builtins
from abc import ABC, abstractmethod
from collections.abc import Collection

from barledger.domain.discrepancy import Discrepancy, DiscrepancyState, Step
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Who


class Discrepancies(ABC):
    """Discrepancies, what they propose (bars, or a corporate action), and every step that was taken with one."""

    @abstractmethod
    def add(
        self, found: Discrepancy, payload: bytes | None, who: Who, *, anew: bool = False
    ) -> tuple[Discrepancy, bool]:
        """Keep a discrepancy; returns it with its id, and whether that is news.

        With a ``payload``, what would be written or recorded, as bytes, it is *proposed*, else *open*.
        The same one again (of the series, by its ``key``) is returned as it stands: while it waits, and for good once
        somebody rejected or undid it; with ``anew``, what was undone may be found again, as another one. An open one
        that now has a payload becomes proposed. If the ``revision`` of a proposed one is older than the new one's,
        its bars were written since: then it is superseded like those below.

        Waiting ones of the same series and ``against`` are superseded if their interval lies inside the new one's and
        they are of its kind, or it is an event over the whole stretch (`domain.discrepancy.WHOLE`). Factors that one
        look at the series found (the same ``revision``, and evidence of what was ``seen``) stay beside each other: each
        is one error of several.
        """

    @abstractmethod
    def get(self, discrepancy_id: str) -> Discrepancy:
        """Return a discrepancy; raises `DiscrepancyNotFound`."""

    @abstractmethod
    def payload(self, discrepancy_id: str) -> bytes | None:
        """Return what it proposes, as it was given, or None; raises `DiscrepancyNotFound`."""

    @abstractmethod
    def list(
        self, *, series: Series | None = None, states: Collection[DiscrepancyState] | None = None
    ) -> builtins.list[Discrepancy]:
        """Return discrepancies in these states (None: any), the newest first."""

    @abstractmethod
    def step(self, discrepancy_id: str, state: DiscrepancyState, who: Who, *, revision: int = 0) -> Discrepancy:
        """Take a step, for ``who.reason``; ``revision`` is the one that applied or undid it.

        Raises `DiscrepancyNotFound`, and `IllegalStep` if the state that it is in does not allow the step.
        """

    @abstractmethod
    def changed(self, after: int, *, limit: int) -> builtins.list[tuple[Discrepancy, Step]]:
        """Return the steps that were taken after a time (ns), oldest first, each with its discrepancy as it is now."""

    @abstractmethod
    def steps(self, discrepancy_id: str) -> builtins.list[Step]:
        """Return all steps that were taken, oldest first; raises `DiscrepancyNotFound`."""
