"""Happenings: the corporate actions that count for some bars, in the bars' own money, and where on their grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from barledger.domain.action import PAYMENTS, CorporateAction
from barledger.domain.adjustment import Payment, ShareChange, Shares
from barledger.domain.calendar import ALWAYS, Calendar
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Register
from barledger.domain.interval import Interval
from barledger.domain.money import converted
from barledger.domain.preference import chosen_others, chosen_payments, chosen_shares
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, TIMEFRAMES, Timeframe
from barledger.errors import CalendarNotFound, CannotAdjust

# The longest stretch without a session that is looked over for the close before an ex-date.
_CLOSED_FOR: Final = 6 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Happenings:
    """Changes of shares, and payments without the closes before them; ``events`` are the actions that they come from.

    ``unusable`` are payments in other money than the prices, each with its time on the bars' grid and why.
    """

    shares: Shares
    payments: tuple[Payment, ...]
    events: tuple[CorporateAction, ...]
    unusable: tuple[tuple[int, CannotAdjust], ...] = ()


def happenings(
    actions: Sequence[CorporateAction],
    series: Sequence[Series],
    register: Register,
    calendar: Calendar,
    *,
    until: int,
) -> Happenings:
    """Choose what counts of what is known, denials included, with an ex-date up to ``until`` (ns).

    ``series`` are those of the bars, in the order of preference.
    """
    preferred = tuple(dict.fromkeys(one.source for one in series))
    due = [one for one in actions if one.ex_date <= until]
    frame = series[0].timeframe
    changes = chosen_shares(due, preferred)
    shares = Shares(ShareChange(at=label_of(one.ex_date, frame, calendar), ratio=one.ratio) for one in changes)
    by_day = Shares(ShareChange(at=one.day, ratio=one.ratio) for one in changes)
    later = _quoting_later_shares(due, series[0], register)

    def as_paid(action: CorporateAction) -> float:
        if action.source not in later:
            return action.value
        return by_day.as_paid(action.value, action.day, action.known_at)

    money = _money(due, series, register)
    paid = chosen_payments(due, preferred, lambda one: converted(as_paid(one), of=one.currency or money, to=money) or 0)
    events = tuple(sorted((*changes, *paid, *chosen_others(due, preferred)), key=lambda one: (one.ex_date, one.kind)))
    payments: list[Payment] = []
    unusable: list[tuple[int, CannotAdjust]] = []
    for one in paid:
        at = label_of(one.ex_date, frame, calendar)
        amount = converted(as_paid(one), of=one.currency or money, to=money)
        if amount is None:
            reason = f"it was paid in {one.currency}, and the prices are in {money}"
            unusable.append((at, CannotAdjust(what=str(one), reason=reason)))
        else:
            payments.append(Payment(at=at, amount=amount, name=str(one)))
    return Happenings(shares=shares, payments=tuple(payments), events=events, unusable=tuple(unusable))


def label_of(ex_date: int, timeframe: Timeframe, calendar: Calendar) -> int:
    """Return the time from which on bars trade without what happened on an ex-date.

    Of bars of a day and longer that is the date. Shorter ones may trade long before and after their session, and a
    session may open before the midnight in UTC of its date: the border is half-way between the close of the session
    before and the opening of this one. An ex-date that is an instant is taken as it is.
    """
    if timeframe.duration >= DAY:
        return ex_date - ex_date % DAY
    return ex_date if ex_date % DAY or calendar.name == ALWAYS else _border(ex_date, timeframe.name, calendar.name)


@lru_cache(maxsize=4096)
def _border(ex_date: int, timeframe: str, calendar: str) -> int:
    market, frame = calendar_called(calendar), TIMEFRAMES[timeframe]
    try:
        labels = market.expected(frame, Interval(ex_date - _CLOSED_FOR, ex_date + DAY))
        days = market.coarser(frame, labels, TIMEFRAMES["1d"])
    except CalendarNotFound:
        return ex_date
    first = int(np.searchsorted(days, ex_date))
    if first == len(labels):
        return ex_date
    if not first:
        return min(ex_date, int(labels[0]))
    closed = int(market.closes(frame, labels[first - 1 : first])[0])
    return (closed + int(labels[first])) // 2


def _quoting_later_shares(actions: Sequence[CorporateAction], series: Series, register: Register) -> set[str]:
    """Return the sources that quote amounts in the shares of when they tell of them: those that adjust prices so."""
    sources = {one.source for one in actions if one.kind in PAYMENTS}
    frame = series.timeframe
    states = {source: register.adjusted(Series.of(series.instrument, frame, source)) for source in sources}
    return {source for source, state in states.items() if state.get("close", "raw") != "raw"}


def _money(actions: Sequence[CorporateAction], series: Sequence[Series], register: Register) -> str:
    """Return the currency of the prices: as somebody said, or else the one that all payments are in."""
    name = series[0].instrument
    said = register.as_of_source(name, series[0].source).currency or register.describe(name).currency
    if said:
        return said
    told = {one.currency for one in actions if one.kind in PAYMENTS and one.currency and not one.withdrawn}
    if len(told) <= 1:
        return next(iter(told), "")
    return min(told)
