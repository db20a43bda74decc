"""Siblings: the other series of an instrument whose sources adjust, and which of them count a split.

A split is of the instrument, and raw prices of all of its adjusted series are reckoned back by it. So once one series
counts it and another does not, one of both is wrong, and whoever decides about one of them has to know of the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from barledger.domain.action import SHARES, CorporateAction
from barledger.domain.declared import RAW
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.instrument import Register
from barledger.domain.interval import EARLIEST, LATEST, Interval
from barledger.domain.preference import told_already
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.ledger.contract import Who
from barledger.services.cache.reader import read
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.discrepancies.events import Telling, events_of

_BARS: Final = 27
_HALF: Final = 0.5
_LOOKED: Final = 20 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A split that other series count: the decisions of theirs that made them do so, or their source's own word."""

    event: CorporateAction
    series: tuple[Series, ...]
    decisions: tuple[Discrepancy, ...]
    words: tuple[CorporateAction, ...]

    @property
    def names(self) -> set[str]:
        """Return the sources and the decisions of those that count it."""
        return {*(one.source for one in self.series), *(one.id for one in self.decisions)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """Tells which other series count the splits that go with a decision, and keeps them known for these."""

    vault: Vault
    telling: Telling

    def lacking(self, found: Discrepancy, events: Sequence[CorporateAction]) -> tuple[Series, ...]:
        """Return the other series that do not count what would be known, so that their raw prices would be wrong."""
        return self._each(found, events, counting=False)

    def counting(self, found: Discrepancy, events: Sequence[CorporateAction]) -> tuple[Series, ...]:
        """Return the other series that count what would not be known any more."""
        return self._each(found, events, counting=True)

    def kept(self, found: Discrepancy, events: Sequence[CorporateAction]) -> tuple[Kept, ...]:
        """Return the splits that have to be known on for other series, once a decision is undone."""
        made: list[Kept] = []
        for one in _splits(events):
            series = self.counting(found, [one])
            if series:
                listed = self.vault.ledger.actions.list(instrument=one.instrument)
                sources = {each.source for each in series}
                words = [each for each in listed if each.source in sources and told_already(one, [each]) is not None]
                decisions = [each for name in series for each in self._decisions(name, one)]
                made.append(Kept(event=one, series=series, decisions=tuple(decisions), words=tuple(words)))
        return tuple(made)

    def keep(self, kept: Sequence[Kept], who: Who) -> None:
        """Let splits be known again that an undoing took back, in the name of what counts them still."""
        for one in kept:
            listed = self.vault.ledger.actions.list(instrument=one.event.instrument, denials=True)
            if told_already(one.event, listed) is not None:
                continue
            if one.decisions:
                self.telling.record(one.decisions[0], reason=f"{one.decisions[0].id} counts it: {who.reason}")
            elif one.words:
                record_actions(self.vault, one.words, who)

    def _each(self, found: Discrepancy, events: Sequence[CorporateAction], *, counting: bool) -> tuple[Series, ...]:
        splits = _splits(events)
        if not splits:
            return ()
        return tuple(
            series
            for series in self._others(found.series)
            if any(self._counts(found, series, one) is counting for one in splits)
        )

    def _others(self, series: Series) -> list[Series]:
        listed = self.vault.ledger.catalog.series(instrument=series.instrument)
        others = [one for one in listed if not one.is_adjusted and one != series]
        if not others:
            return []
        register = Register(self.vault.ledger.instruments.facts())
        return sorted(one for one in others if register.adjusted(one).get("close", RAW) != RAW)

    def _counts(self, found: Discrepancy, other: Series, event: CorporateAction) -> bool | None:
        """Tell whether bars of another series count a split; None if none lie before it."""
        theirs = self._around(other, event)
        if not len(theirs) or theirs.time[0] >= event.ex_date:
            return None
        if self._decisions(other, event):
            return True
        step = _step(self._around(found.series, event), found.series, theirs, other, event.ex_date)
        if step is not None:
            alike = abs(step) < _HALF * abs(log(event.ratio))
            return alike if found.state == "applied" else not alike
        listed = self.vault.ledger.actions.list(instrument=other.instrument, source=other.source)
        word = told_already(event, listed)
        return word is not None and (found.state != "applied" or other.source != found.series.source)

    def _around(self, series: Series, event: CorporateAction) -> Rows:
        width = max(_LOOKED, 2 * _BARS * series.timeframe.duration)
        around = Interval(max(event.ex_date - width, EARLIEST), min(event.ex_date + width, LATEST))
        return read(self.vault, series, left(self.vault.ledger.revisions.state(series), around)).rows.standing()

    def _decisions(self, series: Series, event: CorporateAction) -> list[Discrepancy]:
        """Return the decisions that stand, and made bars of a series count a split."""
        listed = self.vault.ledger.discrepancies.list(series=series, states={"applied"})
        return [one for one in listed if told_already(event, _splits(events_of(one.evidence))) is not None]


def _splits(events: Sequence[CorporateAction]) -> list[CorporateAction]:
    return [one for one in events if one.kind in SHARES and not one.withdrawn]


def _step(mine: Rows, my_series: Series, theirs: Rows, their_series: Series, at: int) -> float | None:
    """Return by how much the ratio of two series of one instrument changes over a time, as a logarithm.

    Each bar of the coarser one is compared with the last bar of the other one that closed by then. None if there are
    no such pairs on both sides.
    """
    pairs = [(mine, my_series), (theirs, their_series)]
    (coarse, coarser), (fine, finer) = sorted(pairs, key=lambda one: -one[1].timeframe.duration)
    if not len(coarse) or not len(fine):
        return None
    closes = coarser.timeframe.close_of(coarse.time)
    places = np.searchsorted(finer.timeframe.close_of(fine.time), closes, side="right") - 1
    fresh = (places >= 0) & (fine.time[np.maximum(places, 0)] >= coarse.time)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(coarse.close / fine.close[np.maximum(places, 0)])
    usable = fresh & np.isfinite(logs)
    before, after = logs[usable & (closes <= at)][-_BARS:], logs[usable & (coarse.time >= at)][:_BARS]
    return float(np.median(before) - np.median(after)) if len(before) and len(after) else None
