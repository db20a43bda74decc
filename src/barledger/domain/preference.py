"""Preference: of one event that several sources tell, which word counts, so that none counts twice.

Two words are of one event if they are both of shares (split, stock dividend) or both of payments, and have the same
ex-date. Values do not matter then: the most preferred source that says anything of an ex-date is believed whole, be it
one payment of 2.50 or two of 0.50 and 2.00. So are words of less preferred sources that have the same value as a
better one's within four days of it: vendors differ in what they call the ex-date. A source's own words are never
compared with each other.

What a person declared comes first, then the sources of the bars in their order, then the others by name. What a person
denied is not there, whoever tells of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from barledger.domain.action import PAYMENTS, SHARES, CorporateAction
from barledger.domain.instrument import DECLARED
from barledger.domain.timeframe import DAY

_NEAR: Final = 4 * DAY
_SAME_RATIO: Final = 1e-3
_SAME_AMOUNT: Final = 1e-2

Worth = Callable[[CorporateAction], float]
"""What to compare of an event: its ratio, or its amount in common shares and money."""

_ByDay = Mapping[int, list[CorporateAction]]


def chosen_shares(actions: Iterable[CorporateAction], preferred: Sequence[str]) -> list[CorporateAction]:
    """Return the splits and stock dividends that count, by ex-date; denials are among ``actions``."""
    return _chosen(actions, preferred, SHARES, lambda one: one.ratio, _SAME_RATIO)


def chosen_payments(
    actions: Iterable[CorporateAction], preferred: Sequence[str], worth: Worth
) -> list[CorporateAction]:
    """Return the payments that count, by ex-date; ``worth`` makes amounts of different sources comparable."""
    return _chosen(actions, preferred, PAYMENTS, worth, _SAME_AMOUNT)


def chosen_others(actions: Iterable[CorporateAction], preferred: Sequence[str]) -> list[CorporateAction]:
    """Return the symbol changes and delistings that count, by ex-date."""
    listed = list(actions)
    found: list[CorporateAction] = []
    for kind in sorted({one.kind for one in listed} - SHARES - PAYMENTS):
        found += _chosen(listed, preferred, frozenset({kind}), lambda _: 1.0, 0.0)
    return sorted(found)


def told_already(action: CorporateAction, known: Iterable[CorporateAction]) -> CorporateAction | None:
    """Return what is known of the change of shares that an action would be, denials included, or None.

    That is whatever is said of its day, and the same value within four days of it.
    """
    shares, mine = [one for one in known if one.kind in SHARES], {action.day: action.ratio}
    same_day = [one for one in shares if one.day == action.day]
    near = [one for one in shares if not one.denied and _same(one.day, one.ratio, mine, _SAME_RATIO)]
    return next(iter([*same_day, *near]), None)


def _chosen(
    actions: Iterable[CorporateAction], preferred: Sequence[str], kinds: frozenset[str], worth: Worth, tolerance: float
) -> list[CorporateAction]:
    listed = [one for one in actions if one.kind in kinds]
    denied = {(one.kind, one.day) for one in listed if one.denied}
    told: dict[str, dict[int, list[CorporateAction]]] = defaultdict(lambda: defaultdict(list))
    for one in listed:
        if not one.withdrawn and (one.kind, one.day) not in denied:
            told[one.source][one.day].append(one)
    taken: dict[int, list[CorporateAction]] = {}
    for source in _ranked(told, preferred):
        better = {day: _total(events, worth) for day, events in taken.items()}
        for day, events in told[source].items():
            if day not in taken and not _same(day, _total(events, worth), better, tolerance):
                taken[day] = events
    return sorted((one for events in taken.values() for one in events), key=lambda one: (one.ex_date, one.kind))


def _ranked(told: Mapping[str, _ByDay], preferred: Sequence[str]) -> list[str]:
    rank = {source: at for at, source in enumerate((DECLARED, *preferred))}
    return sorted(told, key=lambda source: (rank.get(source, len(rank)), source))


def _total(events: Sequence[CorporateAction], worth: Worth) -> float:
    return sum(worth(one) for one in events)


def _same(day: int, value: float, better: Mapping[int, float], tolerance: float) -> bool:
    return any(abs(day - at) <= _NEAR and abs(value - known) <= tolerance * known for at, known in better.items())
