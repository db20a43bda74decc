"""Declarations: corporate actions as a person or a file writes them."""

import re
from typing import Final, get_args

from barledger.domain.action import PAYMENTS, ActionKind, CorporateAction, evidence_of
from barledger.domain.interval import EARLIEST, LATEST, Instant, parse_time
from barledger.domain.money import check_currency
from barledger.domain.series import check_name, normalise_instrument
from barledger.errors import InvalidAction

REVERSE: Final = "reverse_split"
WORDS: Final = (*get_args(ActionKind), REVERSE)
"""Kinds as people write them; a reverse split is a split of fewer shares than one."""

_AMOUNT: Final = "the amount per share"
WITH_VALUE: Final = {
    "split": "new shares per old one, such as 2, 7:1 or 1:10",
    "stock_dividend": "new shares per old one on top, such as 0.05",
    **dict.fromkeys(sorted(PAYMENTS), _AMOUNT),
}
"""What the value of a kind means."""

_RATIO: Final = re.compile(r"\s*([0-9.]+)\s*:\s*([0-9.]+)\s*")


def kind_of(word: str) -> ActionKind:
    """Return the kind that a word means; raises `InvalidAction`."""
    if word not in WORDS:
        raise InvalidAction(reason=f"{word!r} is none of {', '.join(WORDS)}")
    return "split" if word == REVERSE else word  # type: ignore[return-value]


def day_of(ex_date: Instant) -> int:
    """Return an ex-date (ns); raises `InvalidInterval` and `InvalidAction`."""
    at = parse_time(ex_date)
    if not EARLIEST <= at < LATEST:
        raise InvalidAction(reason=f"{ex_date!r} is no date on which anything traded")
    return at


def declared(
    instrument: str,
    kind: str,
    ex_date: Instant,
    *,
    value: float | str | None,
    currency: str,
    source: str,
    symbol: str = "",
    known: bool = False,
    **told: str,
) -> CorporateAction:
    """Return an action as it was written; raises `InvalidAction`, `InvalidName`, `InvalidInterval`, `InvalidSetting`.

    ``told`` is further evidence. What is ``known`` already may be a symbol change whose symbol a source left out.
    """
    meant = kind_of(kind)
    if currency and meant not in PAYMENTS:
        raise InvalidAction(reason=f"a {kind} has no currency")
    if symbol and meant != "symbol_change":
        raise InvalidAction(reason=f"a {kind} has no symbol; that is a symbol_change")
    if meant in WITH_VALUE and value in (None, ""):
        raise InvalidAction(reason=f"the value of the {kind} is missing: {WITH_VALUE[meant]}")
    if meant == "symbol_change" and not symbol and not known:
        raise InvalidAction(reason="the new symbol of the symbol_change is missing: symbol= (--symbol)")
    action = CorporateAction(
        instrument=normalise_instrument(instrument),
        ex_date=day_of(ex_date),
        kind=meant,
        source=check_name("source", source),
        value=_number(kind, value),
        currency=check_currency(currency) if currency else "",
        evidence=evidence_of({**told, "symbol": check_name("symbol", symbol) if symbol else ""}),
    )
    if kind == REVERSE and not action.value < 1:
        raise InvalidAction(reason=f"a reverse split leaves less than one share for one: 0.1 or 1:10, not {value}")
    if not action.has_value and action.value:
        raise InvalidAction(reason=f"a {kind} has no value")
    return action


def _number(kind: str, value: float | str | None) -> float:
    """Return a value; splits may be written as ``7:1``, new shares for old ones."""
    if value is None or value == "":
        return 0.0
    ratio = _RATIO.fullmatch(value) if isinstance(value, str) and kind_of(kind) == "split" else None
    try:
        return float(ratio[1]) / float(ratio[2]) if ratio else float(value)
    except (ValueError, TypeError, ZeroDivisionError):
        raise InvalidAction(reason=f"{value!r} is no value of a {kind}") from None
