"""Corporate actions: what happened to an instrument on its ex-date, and since when it is known."""

from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal, get_args

from barledger.domain.interval import format_time
from barledger.domain.readable import Readable
from barledger.errors import InvalidAction

ActionKind = Literal[
    "split", "stock_dividend", "cash_dividend", "special_dividend", "capital_gain", "symbol_change", "delisting"
]

_WITHOUT_VALUE: Final = frozenset({"symbol_change", "delisting"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True, repr=False)
class CorporateAction(Readable):
    """One event of an instrument, as a source tells it.

    ``ex_date`` is the opening (ns) of the first bar that trades without it. ``value`` is new shares per old one of a
    split (0.1 for a reverse split of 1:10), new shares per old one on top of a stock dividend, and for the others the
    amount per share in ``currency``. ``known_at`` is when the ledger learned it (ns), ``superseded_at`` when it learned
    better (0: it stands). ``withdrawn`` says that there was none after all.
    """

    instrument: str
    ex_date: int
    kind: ActionKind
    source: str
    value: float = 0.0
    currency: str = ""
    withdrawn: bool = False
    known_at: int = 0
    superseded_at: int = 0

    def __post_init__(self) -> None:
        """Refuse an unknown kind, and a value that cannot be."""
        if self.kind not in get_args(ActionKind):
            raise InvalidAction(reason=f"{self.kind!r} is none of {', '.join(get_args(ActionKind))}")
        positive = isfinite(self.value) and self.value > 0
        if not positive and not self.withdrawn and self.kind not in _WITHOUT_VALUE:
            raise InvalidAction(reason=f"a {self.kind} of {self.value} on {format_time(self.ex_date)} cannot be")
