"""Touching: which snapshots, and so which strategies, hold bars that a correction, or a recorded event, is about.

A snapshot never moves. That it holds what was corrected since is for those to know who rely on it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.interval import EARLIEST, Interval
from barledger.domain.rows import Flags, Ints
from barledger.domain.series import Series
from barledger.ledger.contract import Pin
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left

_NO_TIMES: Final[Ints] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A snapshot with some of the bars; ``strategies`` are those that approved it, or the one that took it."""

    snapshot: str
    strategies: tuple[str, ...]
    approved: bool
    bars: int

    def __str__(self) -> str:
        """Say it in a line."""
        whose = f" of {', '.join(self.strategies)}" if self.strategies else ""
        return f"{'approved ' if self.approved else ''}snapshot {self.snapshot}{whose}, {self.bars} bars"


def touched(vault: Vault, series: Series, times: Ints) -> tuple[Touched, ...]:
    """Return the snapshots that pin some of these bars, by id."""
    return _holding(vault, lambda one: times if one == series else _NO_TIMES)


def touched_by_action(vault: Vault, action: CorporateAction) -> tuple[Touched, ...]:
    """Return the snapshots that pin bars from before an ex-date, which adjusted reads of now give otherwise, by id."""

    @cache
    def times(series: Series) -> Ints:
        if series.instrument != action.instrument or series.is_adjusted:
            return _NO_TIMES
        kept = left(vault.ledger.revisions.state(series), Interval(EARLIEST, action.ex_date))
        return read(vault, series, kept).rows.standing().time

    return _holding(vault, times)


def touched_by_both(
    vault: Vault, series: Series, times: Ints, actions: Iterable[CorporateAction]
) -> tuple[Touched, ...]:
    """Return the snapshots that pin some of these bars, or bars from before the ex-date of an event, by id."""
    found = {one.snapshot: one for action in actions for one in touched_by_action(vault, action)}
    found |= {one.snapshot: one for one in touched(vault, series, times)}
    return tuple(found[name] for name in sorted(found))


def _holding(vault: Vault, times_of: Callable[[Series], Ints]) -> tuple[Touched, ...]:
    """Return the snapshots that pin some of the bars with these times (ns)."""
    found: list[Touched] = []
    approvals: dict[str, list[str]] = {}
    for snapshot_id, strategy in vault.ledger.snapshots.approvals():
        approvals.setdefault(snapshot_id, []).append(strategy)
    for snapshot in vault.ledger.snapshots.list():
        bars = _held(snapshot.pins, times_of) if snapshot.kind == "snapshot" else 0
        if not bars:
            continue
        approved_by = approvals.get(snapshot.id, [])
        strategies = approved_by or ([snapshot.strategy] if snapshot.strategy else [])
        found.append(Touched(snapshot=snapshot.id, strategies=tuple(strategies), approved=bool(approved_by), bars=bars))
    return tuple(sorted(found, key=lambda one: one.snapshot))


def _held(pins: Iterable[Pin], times_of: Callable[[Series], Ints]) -> int:
    """Return how many of the bars are pinned, each of a series once."""
    inside: dict[Series, Flags] = {}
    for pin in pins:
        times = times_of(pin.series)
        mine = (times >= pin.interval.start) & (times < pin.interval.end)
        inside[pin.series] = mine | inside.get(pin.series, False)
    return sum(int(flags.sum()) for flags in inside.values())


def strategies_of(found: Iterable[Touched], *, approved: bool = False) -> tuple[str, ...]:
    """Return the strategies by name; ``approved`` leaves out those without an approved snapshot."""
    return tuple(sorted({name for one in found if one.approved or not approved for name in one.strategies}))
