"""Payments: what a source paid per old share, told before a split that it missed, becomes an amount per new share.

A source that adjusts tells amounts in the shares of its bars. Where a decision puts these into the shares of a split
that the source missed, its amounts from before the ex-date are of old shares still: known with the split, and as they
are, they would be taken for so much of a new one. So they become known anew with the bars, and as they were told when
these are taken back. Each keeps what it was told as, and which splits it was divided by since.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import log, prod
from typing import Any, Final

import numpy as np

from barledger.domain.action import PAYMENTS, CorporateAction, evidence_of
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.instrument import DECLARED
from barledger.domain.interval import format_time
from barledger.domain.preference import chosen_shares, told_already
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies.events import declared_by
from barledger.services.discrepancies.moot import log_factor

_TOLD: Final = "told"
_DIVIDED: Final = "in_shares_of"
_UNDONE: Final = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """Keeps the amounts that sources told in the shares of their bars."""

    vault: Vault

    def planned(self, found: Discrepancy) -> list[CorporateAction]:
        """Return the payments that become known in new shares with a correction, as they would be told then."""
        splits = _declared(found)
        if not splits:
            return []
        mine = [one for one in self._standing(found.series) if one.source == found.series.source]
        shares = self._shares(found.series)
        return [made for one in mine if (made := _divided(one, splits, shares, found.id)) is not None]

    def convert(self, found: Discrepancy, *, reason: str) -> None:
        """Let them be known in new shares from now on."""
        record_actions(self.vault, self.planned(found), self.vault.who("record", reason=reason, trigger=found.id))

    def convert_back(self, found: Discrepancy, *, reason: str) -> None:
        """Let them be known in old shares again, unless the split is still known for other bars.

        What the source told since in new shares is of old ones again, too, as its bars are.
        """
        listed = self.vault.ledger.actions.list(instrument=found.series.instrument, denials=True)
        known = [told_already(one, listed) for one in _declared(found)]
        splits = [one for one, told in zip(_declared(found), known, strict=True) if told is None or told.denied]
        made = [self._back(one, split, found) for split in splits for one in self._standing(found.series)]
        news = [one for one in made if one is not None]
        record_actions(self.vault, news, self.vault.who("record", reason=reason, trigger=found.id))

    def _back(self, one: CorporateAction, split: CorporateAction, found: Discrepancy) -> CorporateAction | None:
        """Return a payment without a split, or None if it was not told with it."""
        told, key = one.told, format_time(split.day)
        undone = [*told.get(_UNDONE, [])] if isinstance(told.get(_UNDONE), list) else []
        by: dict[str, str] = dict(told.get(_DIVIDED, {}))
        if key in by:
            del by[key]
            return replace(one, value=_value(float(told[_TOLD]), by), evidence=evidence_of(_said(told, by)))
        since = one.known_at > found.decided_at and found.id not in undone
        if one.source != found.series.source or not since or one.day >= split.day:
            return None
        kept = {**told, _UNDONE: [*undone, found.id]}
        return replace(one, value=one.value * split.ratio, evidence=evidence_of(kept))

    def _standing(self, series: Series) -> list[CorporateAction]:
        """Return the payments that sources tell; what a person says is as it was paid."""
        listed = self.vault.ledger.actions.list(instrument=series.instrument)
        return [one for one in listed if one.kind in PAYMENTS and one.source != DECLARED and "by" not in one.told]

    def _shares(self, series: Series) -> list[CorporateAction]:
        listed = self.vault.ledger.actions.list(instrument=series.instrument, denials=True)
        return chosen_shares(listed, [series.source])


def in_held_shares(
    vault: Vault, series: Series, given: Rows, held: Rows, actions: Sequence[CorporateAction]
) -> tuple[CorporateAction, ...]:
    """Return what a source tells with the payments in the shares of corrected bars.

    ``given`` are its bars as it gives them, ``held`` the same ones as they were corrected: of a payment, the bar before
    its ex-date tells in which shares the source is.
    """
    if held is given or not any(one.kind in PAYMENTS for one in actions):
        return tuple(actions)
    listed = vault.ledger.discrepancies.list(series=series, states={"applied"})
    decisions = [one for one in listed if log_factor(one)]
    return tuple(_as_held(one, given, held, decisions) if one.kind in PAYMENTS else one for one in actions)


def _as_held(action: CorporateAction, given: Rows, held: Rows, decisions: Sequence[Discrepancy]) -> CorporateAction:
    at = max(int(np.searchsorted(given.time, action.ex_date)) - 1, 0)
    time, moved = int(given.time[at]), float(held.close[at] / given.close[at])
    here = [one for one in decisions if one.interval.start <= time < one.interval.end]
    if not here or not moved > 0:
        return action
    kept = min(_subsets(here), key=lambda some: abs(log(moved) - sum(log_factor(one) for one in some)))
    splits = [split for one in kept for split in _declared(one) if action.day < split.day]
    by = {format_time(split.day): repr(split.ratio) for split in splits}
    if not by:
        return action
    told = {**action.told, _TOLD: repr(float(action.value)), _DIVIDED: by}
    return replace(action, value=_value(action.value, by), evidence=evidence_of(told))


def _subsets(decisions: Sequence[Discrepancy]) -> Iterator[tuple[Discrepancy, ...]]:
    for count in range(len(decisions) + 1):
        yield from combinations(decisions, count)


def _declared(found: Discrepancy) -> list[CorporateAction]:
    """Return the splits that a finding declares, which the source of its bars missed."""
    if found.against:
        return []
    return [one for one in declared_by(found) if not one.withdrawn]


def _divided(
    one: CorporateAction, splits: Sequence[CorporateAction], shares: Sequence[CorporateAction], discrepancy: str
) -> CorporateAction | None:
    """Return a payment per share after splits, None if it is so already."""
    told = one.told
    by: dict[str, str] = dict(told.get(_DIVIDED, {}))
    # What was told before an ex-date is of the shares of then, and read so.
    mine = [split for split in splits if one.day < split.day <= one.known_at and format_time(split.day) not in by]
    if not mine:
        return None
    days = {*by, *(format_time(split.day) for split in mine)}
    later = [each.ratio for each in shares if each.day > one.known_at and format_time(each.day) not in days]
    first = float(told.get(_TOLD, one.value)) / prod(later)
    by |= {format_time(split.day): repr(split.ratio) for split in mine}
    said = {**_said(told, by), _TOLD: repr(first), "discrepancy": discrepancy}
    return replace(one, value=_value(first, by), evidence=evidence_of(said))


def _said(told: Mapping[str, Any], by: Mapping[str, str]) -> dict[str, Any]:
    """Return evidence with the splits that a payment was divided by; nothing of them if there are none."""
    plain = {name: value for name, value in told.items() if name not in (_TOLD, _DIVIDED, "discrepancy")}
    return {**plain, _TOLD: told.get(_TOLD, ""), _DIVIDED: dict(by)} if by else plain


def _value(told: float, by: Mapping[str, str]) -> float:
    return told / prod(float(ratio) for ratio in by.values())
