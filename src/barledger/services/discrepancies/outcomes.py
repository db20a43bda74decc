"""Outcomes: what became of a decision."""

from collections.abc import Sequence
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
class Accepted(Written):
    """What a correction wrote, where ``lacking`` are other series that do not count the event that is known with it.

    Their raw prices are wrong until they count it, or it is not known any more.
    """

    lacking: tuple[Series, ...]

    @classmethod
    def of(cls, done: Written, *, lacking: tuple[Series, ...]) -> Self:
        """Return what was written with the series that lack its event."""
        return cls(**{name: getattr(done, name) for name in Written.__dataclass_fields__}, lacking=lacking)

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{Written.__str__(self)}; {uncounted(self.lacking)}"


def uncounted(series: Sequence[Series]) -> str:
    """Say of which series raw prices are wrong, since they do not count an event that is known."""
    named = ", ".join(map(str, series))
    return f"raw prices of {named} are wrong before the ex-date until these bars count it too"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Undone(Written):
    """What an undoing did; ``left`` counts the bars that were written since and stay as they are.

    ``action`` is the corporate action that was withdrawn, if it was one that had been recorded. ``counted_by`` are
    the other series for which the event stays known: raw prices of the series itself are wrong as long as they are two.
    """

    left: int = 0
    action: CorporateAction | None = None
    counted_by: tuple[Series, ...] = ()

    def __str__(self) -> str:
        """Say it in a line."""
        if self.action is None:
            others = ", ".join(map(str, self.counted_by))
            stays = f"; what {others} counts stays known, and {uncounted(self.series)}" if others else ""
            return f"{Written.__str__(self)}{stays}"
        return f"withdrawn for {self.action.instrument}: {self.action.summary}; gone since {format_time(self.revision)}"
