"""Corporate actions, by ex-date and by when they became known."""

import builtins
from abc import ABC, abstractmethod
from collections.abc import Sequence

from barledger.domain.action import CorporateAction
from barledger.ledger.contract.revisions import Who


class Actions(ABC):
    """Corporate actions; what is known of one is superseded, never changed."""

    @abstractmethod
    def record(self, actions: Sequence[CorporateAction], who: Who) -> int:
        """Note actions as known from now on, and return how many are news.

        An action is told from others by instrument, source, kind and ex-date. Another value, currency or ``withdrawn``
        supersedes what was known of it. Without news there is no audit entry.
        """

    @abstractmethod
    def list(
        self, *, instrument: str | None = None, source: str | None = None, known_at: int | None = None
    ) -> builtins.list[CorporateAction]:
        """Return what stands now, or stood at a time (ns), withdrawn ones left out; by instrument and ex-date."""

    @abstractmethod
    def history(self, instrument: str) -> builtins.list[CorporateAction]:
        """Return all that was ever known of an instrument, superseded and withdrawn ones too, by when it was known."""
