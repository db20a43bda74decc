"""Corporate actions: what happened to an instrument on its ex-date, and since when it is known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal, get_args

from barledger.domain.interval import format_time
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidAction

ActionKind = Literal[
    "split", "stock_dividend", "cash_dividend", "special_dividend", "capital_gain", "symbol_change", "delisting"
]

KINDS: Final = get_args(ActionKind)
SHARES: Final = frozenset({"split", "stock_dividend"})
"""Kinds that change how many shares there are."""

PAYMENTS: Final = frozenset({"cash_dividend", "special_dividend", "capital_gain"})
"""Kinds that pay money for a share."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True, repr=False)
class CorporateAction:
    """One event of an instrument, as a source tells it.

    ``ex_date`` is the opening (ns) of the first bar that trades without it. ``value`` is new shares per old one of a
    split (0.1 for a reverse split of 1:10), new shares per old one on top of a stock dividend, and for payments the
    amount per share in ``currency``. ``known_at`` is when the ledger learned it (ns), ``superseded_at`` when it learned
    better (0: it stands). ``withdrawn`` says that its source tells of none; one that is ``denied`` too says that there
    was none, whoever tells of it. ``evidence`` is JSON: why, from which file and line, the new ``symbol``.
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
    denied: bool = False
    evidence: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown kind, and a value that cannot be."""
        if self.kind not in KINDS:
            raise InvalidAction(reason=f"{self.kind!r} is none of {', '.join(KINDS)}")
        positive = isfinite(self.value) and self.value > 0
        if not positive and not self.withdrawn and self.has_value:
            raise InvalidAction(reason=f"a {self.kind} of {self.value} on {format_time(self.ex_date)} cannot be")

    @property
    def has_value(self) -> bool:
        """Whether its kind has a ratio or an amount."""
        return self.kind in SHARES or self.kind in PAYMENTS

    @property
    def ratio(self) -> float:
        """Return new shares per old one, 1 if their number stays."""
        if self.kind == "split":
            return self.value
        return 1.0 + self.value if self.kind == "stock_dividend" else 1.0

    @property
    def day(self) -> int:
        """Return the midnight in UTC (ns) of the ex-date."""
        return self.ex_date - self.ex_date % DAY

    @property
    def told(self) -> dict[str, Any]:
        """Return the evidence as Python values."""
        return dict(json.loads(self.evidence)) if self.evidence else {}

    @property
    def symbol(self) -> str:
        """Return the new symbol of a symbol change, if it was given."""
        return str(self.told.get("symbol", ""))

    @property
    def summary(self) -> str:
        """Return kind, value and ex-date in a few words."""
        date = format_time(self.ex_date)
        shown = date.removesuffix("T00:00:00Z")
        if self.kind == "split":
            return f"{_split(self.value)} on {shown}"
        if not self.has_value:
            return f"{self.kind}{f' to {self.symbol}' if self.symbol else ''} on {shown}"
        money = f" {self.currency}" if self.currency else ""
        return f"{self.kind} of {self.value:g}{money} on {shown}"

    def __str__(self) -> str:
        """Say it in a line."""
        state = ", denied" if self.denied else ", withdrawn" if self.withdrawn else ""
        return f"{self.instrument}: {self.summary} (from {self.source}{state})"

    def __repr__(self) -> str:
        """Say it with when it became known."""
        known = f", known {format_time(self.known_at)}" if self.known_at else ""
        ended = f", superseded {format_time(self.superseded_at)}" if self.superseded_at else ""
        return f"<CorporateAction {self}{known}{ended}>"


def evidence_of(told: Mapping[str, Any]) -> str:
    """Return evidence as JSON with sorted keys, without what is empty."""
    kept = {key: value for key, value in told.items() if value not in ("", None)}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if kept else ""


def _split(ratio: float) -> str:
    return f"split of {ratio:g}:1" if ratio >= 1 else f"reverse split of 1:{1 / ratio:g}"
