"""Counted events: which of those that a source tells it counts in its bars, and whether the bars held count them.

A source that adjusts multiplies the bars before an ex-date. Whether bars were given before or after that cannot be told
by when the event became known, since a source may tell it late, or of bars that nobody asked for. The bars tell it:
where they count an event already, what the source gives now is what is held on both sides of the ex-date.
"""

from collections.abc import Iterable
from math import isfinite, log
from typing import Final

import numpy as np

from barledger.domain.action import PAYMENTS, SHARES, CorporateAction
from barledger.domain.declared import Adjusted
from barledger.domain.rows import Floats, Rows
from barledger.services.ingestion.restatement import PRICES

_BARS: Final = 27
_CLEARLY: Final = 0.5


def counted_kinds(adjusted: Adjusted) -> frozenset[str]:
    """Return the kinds of event for which a source changes the bars before them."""
    states = set(adjusted.values())
    shares = SHARES if states & {"splits", "total"} else frozenset()
    return frozenset(shares | (PAYMENTS if "total" in states else frozenset()))


def lacks(old: Rows, new: Rows, news: CorporateAction, before: CorporateAction | None = None) -> bool | None:
    """Tell whether held bars (``old``) do not count an event that the source counts in ``new``, of the same times.

    ``before`` is what was known of it until now. None if no bars lie before its ex-date, or nothing can be told.
    """
    at = int(np.searchsorted(old.time, news.ex_date))
    if not at:
        return None
    close = float(old.close[at - 1])
    moved = log(factor_of(news, close) / factor_of(before, close))
    logs = ratios(old, new)
    earlier, later = _middle(logs[max(at - _BARS, 0) : at]), _middle(logs[at : at + _BARS])
    if earlier is None or not moved:
        return None
    step = earlier - (later or 0.0)
    return step / moved > _CLEARLY


def shown(old: Rows, action: CorporateAction) -> bool:
    """Whether bars lie on both sides of an ex-date."""
    return 0 < int(np.searchsorted(old.time, action.ex_date)) < len(old)


def differing(told: Iterable[CorporateAction], known: Iterable[CorporateAction]) -> list[CorporateAction]:
    """Return the events that are news, by value too."""
    heard = {(one.source, one.kind, one.ex_date): (one.value, one.currency) for one in known}
    return [one for one in told if heard.get((one.source, one.kind, one.ex_date)) != (one.value, one.currency)]


def beside(news: Iterable[CorporateAction], lacking: Iterable[CorporateAction]) -> list[CorporateAction]:
    """Return the payments among the news that are told in the shares of a split that held bars do not count.

    Known without it, they would be taken for so much of an old share.
    """
    edges = [one.ex_date for one in lacking if one.kind in SHARES]
    return [one for one in news if one.kind in PAYMENTS and edges and one.ex_date < max(edges)]


def factor_of(action: CorporateAction | None, close: float) -> float:
    """Return what an event multiplies prices before it by: 1/ratio, or 1 - D/close (CRSP)."""
    if action is None or action.withdrawn:
        return 1.0
    if action.kind in SHARES:
        return 1 / action.ratio
    return 1 - action.value / close if close > action.value else 1.0


def ratios(old: Rows, new: Rows) -> Floats:
    """Return the logarithm of new over old price of each bar; NaN where there is none."""
    sums = [np.nansum([getattr(rows, name) for name in PRICES], axis=0) for rows in (old, new)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(sums[1] / sums[0]))


def _middle(logs: Floats) -> float | None:
    finite = logs[np.isfinite(logs)]
    middle = float(np.median(finite)) if len(finite) else float("nan")
    return middle if isfinite(middle) else None
