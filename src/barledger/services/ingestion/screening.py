"""Screening: what is ingested is looked at before it is written.

What looks wrong beyond doubt is flagged: it is written, and a discrepancy says what is wrong with it. Under a rule that
says so it is put aside instead. A few bars of context before the new ones are looked at with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.validation import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A finding about bars that are being written, and the bars put right, if a factor does that."""

    discrepancy: Discrepancy
    corrected: Rows | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """The bars to write, what is said of them, and those that are put aside."""

    rows: Rows
    flags: tuple[Flag, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class Screen(Protocol):
    """Looks at bars of a series before they are written."""

    def __call__(
        self, series: Series, rows: Rows, *, before: Rows | None, actions: Sequence[CorporateAction]
    ) -> Screened:
        """Return what becomes of the bars; ``before`` are those right before them, None if they have to be read."""


CONTEXT: Final = 64
"""How many bars before the new ones are looked at with them."""
