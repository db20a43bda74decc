"""Outcomes: what became of a decision."""

from dataclasses import dataclass
from typing import Self

from barledger.domain.action import CorporateAction
from barledger.domain.interval import format_time
from barledger.domain.series import Series
from barledger.services.cache.commit import Written


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recorded(Written):
    """What recording a corporate action did: no bar is another.

    ``revision`` is the tick of the ledger's clock (ns) at which the action became known; reads as of before do not
    know it.
    """

    action: CorporateAction

    @classmethod
    def of(cls, series: Series, action: CorporateAction) -> Self:
        """Return that an action is known by now."""
        return cls(series=(series,), revision=action.known_at, fields={}, action=action)

    def __str__(self) -> str:
        """Say it in a line."""
        return f"recorded for {self.action.instrument}: {self.action.summary}; known since {format_time(self.revision)}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Undone(Written):
    """What an undoing did; ``left`` counts the bars that were written since and stay as they are.

    ``action`` is the corporate action that was withdrawn, if it was one that had been recorded.
    """

    left: int = 0
    action: CorporateAction | None = None

    def __str__(self) -> str:
        """Say it in a line."""
        if self.action is None:
            return Written.__str__(self)
        return f"withdrawn for {self.action.instrument}: {self.action.summary}; gone since {format_time(self.revision)}"
