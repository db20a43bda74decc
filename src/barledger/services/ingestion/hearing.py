"""Hearing: which of the events that a source tells, or does not tell any more, are known at once, and which with bars.

What a source does not count in its bars concerns no bar, and is known at once. So is what the held bars count already.
What they do not count becomes known with the change that makes them count it, since reads would undo it in bars that
never had it; payments told in the shares of such a split go with it. That an event is not told any more proves nothing
by itself: it is withdrawn with bars that do not count it any more, and where the source tells the same of a day nearby.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log
from typing import Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.timeframe import DAY
from barledger.services.discrepancies.events import Key, event_key
from barledger.services.ingestion.counted import beside, differing, factor_of, lacks, ratios

# So far apart (ns) two days are of one event.
_NEARBY: Final = 7 * DAY
_HALF: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """What is news among the events of one comparison; ``kinds`` are those that the source counts in its bars.

    ``known`` is what it told before, ``told`` what it tells now, ``old`` and ``new`` the bars of the same times.
    ``complete`` are the stretches of which an event that was not told is missing.
    """

    known: Sequence[CorporateAction]
    told: Sequence[CorporateAction]
    kinds: Collection[str]
    complete: Sequence[Interval]
    old: Rows
    new: Rows

    @cached_property
    def news(self) -> list[CorporateAction]:
        """Return the events that are news, by value too."""
        return differing(self.told, self.known)

    @property
    def counted(self) -> list[CorporateAction]:
        """Return the news that concern bars before them, be it that they count them already or do not yet."""
        return [one for one in self.news if one.kind in self.kinds]

    @cached_property
    def lacking(self) -> list[CorporateAction]:
        """Return the news that held bars do not count, and, withdrawn, what they count and is not told any more.

        Payments that are told in the shares of such a split go with it, and so does what was told of another day if the
        bars between are others now.
        """
        fresh = [one for one in self.counted if lacks(self.old, self.new, one, self._before.get(event_key(one)))]
        gone = [replace(one, withdrawn=True) for one in self.silent if one.kind in self.kinds]
        found = [*fresh, *(one for one in gone if lacks(self.old, self.new, one, self._before[event_key(one)]))]
        moved = [
            one for pair in self.moved if pair[0] in found or pair[1] in found or self._between(*pair) for one in pair
        ]
        found += [one for one in moved if one not in found]
        return [*found, *(one for one in beside(self.news, found) if one not in found)]

    @property
    def noted(self) -> list[CorporateAction]:
        """Return what is known at once: what is told but for what bars lack, and, withdrawn, what is told elsewhere."""
        return [one for one in [*self.told, *(gone for gone, _ in self.moved)] if one not in self.lacking]

    @cached_property
    def moved(self) -> list[tuple[CorporateAction, CorporateAction]]:
        """Return what is told of another day nearby: what was told before, withdrawn, and what is told now."""
        pairs, left = list[tuple[CorporateAction, CorporateAction]](), [*self.silent]
        for one in self.news:
            same = [each for each in left if _alike(each, one)] if event_key(one) not in self._before else []
            if same:
                nearest = min(same, key=lambda each: abs(each.ex_date - one.ex_date))
                left.remove(nearest)
                pairs.append((replace(nearest, withdrawn=True), one))
        return pairs

    @cached_property
    def _before(self) -> dict[Key, CorporateAction]:
        return {event_key(one): one for one in self.known}

    def _between(self, gone: CorporateAction, told: CorporateAction) -> bool:
        """Whether the bars between two days of an event are others now than they are held."""
        first, last = np.searchsorted(self.old.time, sorted([gone.ex_date, told.ex_date])).tolist()
        if told.kind not in self.kinds or first == last:
            return False
        wanted = abs(log(factor_of(told, float(self.old.close[max(first - 1, 0)]))))
        moved = np.abs(ratios(self.old, self.new)[first:last])
        return bool(np.nanmedian(moved) > _HALF * wanted) if bool(np.isfinite(moved).any()) else False

    @cached_property
    def silent(self) -> list[CorporateAction]:
        """Return what the source told once, and not in a complete answer about its day."""
        return silent(self.known, self.told, self.complete)


def silent(
    known: Iterable[CorporateAction], told: Iterable[CorporateAction], complete: Sequence[Interval]
) -> list[CorporateAction]:
    """Return what a source told once, and not in complete answers about its day; a person's words are none."""
    heard = {event_key(one) for one in told}
    return [
        one
        for one in known
        if event_key(one) not in heard and "by" not in one.told and any(one.ex_date in part for part in complete)
    ]


def _alike(one: CorporateAction, other: CorporateAction) -> bool:
    """Whether two are the same but for their days, which lie near each other."""
    same = (one.kind, one.value, one.currency) == (other.kind, other.value, other.currency)
    return same and abs(one.ex_date - other.ex_date) <= _NEARBY
