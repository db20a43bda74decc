"""Corporate actions, by ex-date and by when they became known."""

import builtins
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from barledger.domain.action import CorporateAction
from barledger.domain.declared import Adjustment
from barledger.domain.interval import format_time
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Who


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Materialised:
    """An adjusted series that is kept beside its original: of which, for what, and since when (ns)."""

    series: Series
    adjust: Adjustment
    since: int = 0

    def __repr__(self) -> str:
        """Say of what, and since when."""
        since = f" since {format_time(self.since)}" if self.since else ""
        return f"<Materialised {self.series}: {self.adjust}{since}>"


class Actions(ABC):
    """Corporate actions; what is known of one is superseded, never changed."""

    @abstractmethod
    def record(self, actions: Sequence[CorporateAction], who: Who) -> int:
        """Note actions as known from now on, and return how many are news.

        An action is told from others by instrument, source, kind and ex-date. Another value, currency, symbol,
        ``withdrawn`` or ``denied`` supersedes what was known of it. One that is withdrawn and was never known is no
        news, unless it is denied. Without news there is no audit entry.
        """

    @abstractmethod
    def list(
        self,
        *,
        instrument: str | None = None,
        source: str | None = None,
        known_at: int | None = None,
        denials: bool = False,
    ) -> builtins.list[CorporateAction]:
        """Return what stands now, or stood at a time (ns), by instrument and ex-date.

        Withdrawn ones are left out, save for denied ones if ``denials`` are asked for.
        """

    @abstractmethod
    def history(self, instrument: str) -> builtins.list[CorporateAction]:
        """Return all that was ever known of an instrument, superseded and withdrawn ones too, by when it was known."""

    @abstractmethod
    def mark(self, instrument: str) -> int:
        """Return a number that grows whenever there is news of an instrument; 0 if nothing was ever known."""

    # --- the mirror ----------------------------------------------------------------------------

    @abstractmethod
    def unmirrored(self) -> builtins.list[CorporateAction]:
        """Return what is known of each action, withdrawn ones too, that no store has acknowledged yet; oldest first."""

    @abstractmethod
    def mirrored(self, actions: Sequence[CorporateAction]) -> None:
        """Note that the store acknowledged them.

        Where one was superseded meanwhile, what is known now waits again: the store may have got both in any order.
        """

    # --- materialised series -------------------------------------------------------------------

    @abstractmethod
    def keep(self, made: Materialised, who: Who) -> None:
        """Note that an adjusted series is kept beside this original, or kept for something else than before."""

    @abstractmethod
    def end(self, original: Series, who: Who) -> bool:
        """Note that no adjusted series is kept beside this original any more; tells whether one was."""

    @abstractmethod
    def kept(self, *, instrument: str | None = None) -> builtins.list[Materialised]:
        """Return the originals beside which adjusted series are kept, sorted."""
