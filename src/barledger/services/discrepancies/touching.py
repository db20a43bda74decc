"""Touching: which snapshots, and so which strategies, hold bars that a correction is about.

A snapshot never moves. That it holds what was corrected since is for those to know who rely on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.services.cache.vault import Vault


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
    found: list[Touched] = []
    approvals: dict[str, list[str]] = {}
    for snapshot_id, strategy in vault.ledger.snapshots.approvals():
        approvals.setdefault(snapshot_id, []).append(strategy)
    for snapshot in vault.ledger.snapshots.list():
        inside = np.zeros(len(times), np.bool_)
        for pin in snapshot.pins:
            if pin.series == series and snapshot.kind == "snapshot":
                inside |= (times >= pin.interval.start) & (times < pin.interval.end)
        if not inside.any():
            continue
        approved_by = approvals.get(snapshot.id, [])
        strategies = approved_by or ([snapshot.strategy] if snapshot.strategy else [])
        found.append(
            Touched(
                snapshot=snapshot.id,
                strategies=tuple(strategies),
                approved=bool(approved_by),
                bars=int(inside.sum()),
            )
        )
    return tuple(sorted(found, key=lambda one: one.snapshot))


def strategies_of(found: Iterable[Touched], *, approved: bool = False) -> tuple[str, ...]:
    """Return the strategies by name; ``approved`` leaves out those without an approved snapshot."""
    return tuple(sorted({name for one in found if one.approved or not approved for name in one.strategies}))
