"""Screening: what is ingested is looked at before it is written.

What looks wrong beyond doubt is flagged: it is written, and a discrepancy says what is wrong with it. Under a rule that
says so it is put aside instead. A few bars of context before the new ones are looked at with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from barledger.domain.action import CorporateAction
from barledger.domain.declared import Adjusted
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints, Rows
from barledger.domain.series import Series
from barledger.domain.validation import Rejected
from barledger.services.discrepancies.remedy import Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A finding as it is kept, and what would put it right: bars, a corporate action, or nothing that is known.

    ``shown`` is the stretch of bars that show it, None for those that it is about alone: bars that a split lacks are
    shown by the first one behind.
    """

    discrepancy: Discrepancy
    remedy: Remedy | None
    shown: Interval | None = None

    def among(self, times: Ints) -> bool:
        """Whether one of these bars shows it."""
        shown = self.discrepancy.interval if self.shown is None else self.shown
        return bool(((times >= shown.start) & (times < shown.end)).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """The bars to write, what is said of them, and those that are put aside."""

    rows: Rows
    flags: tuple[Flag, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class Screen(Protocol):
    """Looks at bars of a series before they are written."""

    def __call__(
        self,
        series: Series,
        rows: Rows,
        *,
        before: Rows | None,
        actions: Sequence[CorporateAction],
        complete: Interval | None,
        adjusted: Adjusted,
    ) -> Screened:
        """Return what becomes of the bars; ``before`` are those right before them, None if they have to be read.

        ``actions`` are the events that came with them, all of them in the stretch that is ``complete``. ``adjusted`` is
        what their source adjusts its columns for.
        """


CONTEXT: Final = 64
"""How many bars before the new ones are looked at with them."""
