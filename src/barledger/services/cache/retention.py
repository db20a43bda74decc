"""Retention: the only thing that forgets.

It first commits a horizon, behind which reads are refused, and then deletes; what a snapshot pins is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barledger import faults
from barledger.domain.digest import Block, block_digests
from barledger.domain.interval import BEGINNING, Interval, difference, everything, intersection
from barledger.domain.policy import Policy, Rule
from barledger.domain.rows import Flags, Rows
from barledger.domain.series import Series
from barledger.domain.version import LATEST, edition_layer
from barledger.ledger.contract import Forgotten, Intent, Outcome, Pin, SeriesChange, SeriesState, Snapshot, Who
from barledger.services.cache.lease import Lease, holding
from barledger.services.cache.reader import read_held
from barledger.services.cache.repair import repair_held
from barledger.services.cache.snapshots import erase
from barledger.services.cache.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What retention did to one series, in rows; ``held_back`` is what a rule would delete and a snapshot pins."""

    series: Series
    current: int = 0
    editions: int = 0
    held_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionReport:
    """What was deleted, or would be (``dry_run``); ``held`` are snapshots kept by a hold."""

    dry_run: bool
    series: tuple[Retained, ...]
    snapshots: tuple[str, ...]
    held: tuple[str, ...]

    @property
    def deleted(self) -> int:
        """Return the number of rows deleted."""
        return sum(done.current + done.editions for done in self.series)

    @property
    def held_back(self) -> int:
        """Return the number of rows that snapshots held back."""
        return sum(done.held_back for done in self.series)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doomed:
    """What goes: rows of ``latest`` in ``stretches``, and copies, as (layer, intervals)."""

    horizon: int
    stretches: Sequence[Interval]
    copies: Sequence[tuple[str, Sequence[Interval]]]
    edition_floor: int
    pins: Sequence[Pin]
    done: Retained

    @property
    def nothing(self) -> bool:
        return not self.done.current and not self.done.editions


def retain(vault: Vault, policy: Policy, *, dry_run: bool) -> RetentionReport:
    """Apply a policy, series by series, each deletion with an audit entry of its own."""
    vault.check_writable()
    expired, held = _expired_snapshots(vault, policy)
    if not dry_run:
        for snapshot in expired:
            erase(vault, snapshot)
    released = {snapshot.id for snapshot in expired} if dry_run else set()
    done = []
    for series in vault.ledger.catalog.series():
        rule = policy.rule_for(series)
        if rule is not None and (rule.keep_current or rule.keep_editions):
            done.append(_retain_series(vault, series, rule, released=released, dry_run=dry_run))
    return RetentionReport(
        dry_run=dry_run,
        series=tuple(done),
        snapshots=tuple(snapshot.id for snapshot in expired),
        held=tuple(snapshot.id for snapshot in held),
    )


def _expired_snapshots(vault: Vault, policy: Policy) -> tuple[list[Snapshot], list[Snapshot]]:
    now = vault.ledger.now()
    expired: list[Snapshot] = []
    held: list[Snapshot] = []
    for snapshot in vault.ledger.snapshots.list():
        durations = [rule.snapshot_duration(snapshot.purpose) for rule in _rules(policy, snapshot)]
        if durations and all(kept is not None and snapshot.created_at + kept <= now for kept in durations):
            (held if snapshot.held else expired).append(snapshot)
    return expired, held


def _rules(policy: Policy, snapshot: Snapshot) -> list[Rule]:
    """Return the rule of each pinned series; a series without a rule keeps its snapshots for ever."""
    return [policy.rule_for(pin.series) or Rule() for pin in snapshot.pins]


def _retain_series(vault: Vault, series: Series, rule: Rule, *, released: set[str], dry_run: bool) -> Retained:
    who = vault.who("retention")
    with holding(vault, [Intent(series=series, interval=everything())], who) as lease:
        try:
            repair_held(vault, lease)
            doomed = _doom(vault, lease.pending.states[0], rule, _pins(vault, series, released))
            # A snapshot that is taken meanwhile is heeded in another look.
            while not (dry_run or doomed.nothing or _forget(vault, lease, doomed, who)):
                doomed = _doom(vault, lease.pending.states[0], rule, _pins(vault, series, released))
            if dry_run or doomed.nothing:
                vault.ledger.revisions.discard(lease.pending, who)
                return doomed.done
        except BaseException:
            vault.ledger.revisions.discard(lease.pending, who)
            raise
        try:
            _delete(vault, lease, doomed)
        except BaseException:
            vault.ledger.revisions.abort(lease.pending)
            raise
        return doomed.done


def _pins(vault: Vault, series: Series, released: set[str]) -> Sequence[Pin]:
    if not released:
        return vault.ledger.snapshots.pins_of(series)
    kept = [snapshot for snapshot in vault.ledger.snapshots.list() if snapshot.id not in released]
    return [
        pin
        for snapshot in kept
        if snapshot.kind == "snapshot" and not snapshot.materialised
        for pin in snapshot.pins
        if pin.series == series
    ]


def _doom(vault: Vault, state: SeriesState, rule: Rule, pins: Sequence[Pin]) -> _Doomed:
    now = vault.ledger.now()
    stretches = _old_stretches(rule, now, pins)
    pinned_old = _old_stretches(rule, now, ())
    horizon = state.horizon
    if rule.keep_editions is not None:
        horizon = max(horizon, vault.ledger.revisions.at_time(state.series, now - rule.keep_editions))
    current = read_held(vault, state, stretches) if stretches else None
    copies = vault.store.read_copies(state.series, [everything()])
    gone, held = _doomed_copies(vault, state, copies, horizon, stretches, pins)
    all_old = len(read_held(vault, state, pinned_old)) if pinned_old else 0
    deleted_now = 0 if current is None else len(current)
    editions = [int(copies.edition[gone].max())] if gone.any() else []
    editions += [int(current.edition.max())] if current is not None and len(current) else []
    return _Doomed(
        horizon=horizon,
        stretches=stretches if deleted_now else (),
        copies=_runs(copies, gone),
        edition_floor=max([state.edition_floor, *editions]),
        pins=pins,
        done=Retained(
            series=state.series,
            current=deleted_now,
            editions=int(gone.sum()),
            held_back=int(held.sum()) + all_old - deleted_now,
        ),
    )


def _old_stretches(rule: Rule, now: int, pins: Sequence[Pin]) -> list[Interval]:
    if rule.keep_current is None:
        return []
    return difference([Interval(BEGINNING, now - rule.keep_current)], [pin.interval for pin in pins])


def _doomed_copies(
    vault: Vault, state: SeriesState, copies: Rows, horizon: int, stretches: Sequence[Interval], pins: Sequence[Pin]
) -> tuple[Flags, Flags]:
    """Tell which copies go, and which would go but are seen by a pin."""
    if copies.superseded_at is None:
        nothing = np.zeros(len(copies), np.bool_)
        return nothing, nothing
    uncommitted = np.array(sorted(vault.ledger.revisions.uncommitted(state.series)), np.int64)
    expired = (copies.superseded_at <= horizon) & ~np.isin(copies.superseded_at, uncommitted)
    for stretch in stretches:
        expired |= (copies.time >= stretch.start) & (copies.time < stretch.end)
    seen = np.zeros(len(copies), np.bool_)
    for pin in pins:
        inside = (copies.time >= pin.interval.start) & (copies.time < pin.interval.end)
        seen |= inside & (copies.revision <= pin.revision) & (copies.superseded_at > pin.revision)
    return expired & ~seen, expired & seen


def _runs(copies: Rows, gone: Flags) -> list[tuple[str, list[Interval]]]:
    """Return the doomed copies of each layer as few intervals, none of which holds a copy that stays."""
    runs = []
    for edition in np.unique(copies.edition[gone]).tolist():
        mine = copies.edition == edition
        order = np.argsort(copies.time[mine])
        times, doomed = copies.time[mine][order], gone[mine][order]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], doomed, [False]]).astype(np.int8)))
        intervals = [Interval(int(times[a]), int(times[b - 1]) + 1) for a, b in edges.reshape(-1, 2).tolist()]
        runs.append((edition_layer(edition), intervals))
    return runs


def _forget(vault: Vault, lease: Lease, doomed: _Doomed, who: Who) -> bool:
    """Make it true that the rows are gone, if every pin was heeded."""
    state = lease.pending.states[0]
    blocks, emptied = _left(vault, state, doomed)
    forgotten = Forgotten(
        series=state.series,
        horizon=doomed.horizon,
        intervals=doomed.stretches,
        edition_floor=doomed.edition_floor,
        blocks=blocks,
        emptied=emptied,
        pins=doomed.pins,
    )
    details = {"deleted": {"current": doomed.done.current, "editions": doomed.done.editions}}
    return vault.ledger.revisions.forget(lease.pending, forgotten, details, who)


def _delete(vault: Vault, lease: Lease, doomed: _Doomed) -> None:
    """Take the rows out of the store; a writer that finds this cut off goes on with it."""
    state = lease.pending.states[0]
    faults.reach("retention.horizon-committed")
    if doomed.stretches:
        vault.store.delete(state.series, LATEST, doomed.stretches, revision=lease.revision, guard=lease.guard)
    faults.reach("retention.rows-deleted")
    for layer, intervals in doomed.copies:
        vault.store.delete(state.series, layer, intervals, revision=lease.revision, guard=lease.guard)
    faults.reach("retention.copies-deleted")
    done = SeriesChange(series=state.series, interval=Interval(0, 0), max_edition=state.max_edition)
    vault.ledger.revisions.commit(lease.pending, Outcome(changes=[done]), vault.who("retention-complete"))


def _left(vault: Vault, state: SeriesState, doomed: _Doomed) -> tuple[list[Block], list[int]]:
    """Return the digests of the blocks that lose bars, and the starts of those that lose all."""
    touched = [
        Interval(block.start, state.series.timeframe.block_end(block.start))
        for block in vault.ledger.catalog.blocks(state.series, everything()) or ()
        if _cut(state.series, block, doomed.stretches)
    ]
    left = read_held(vault, state, difference(touched, doomed.stretches)).standing() if touched else None
    blocks = [] if left is None else block_digests(left, state.series.timeframe)
    kept = {block.start for block in blocks}
    return blocks, [interval.start for interval in touched if interval.start not in kept]


def _cut(series: Series, block: Block, stretches: Sequence[Interval]) -> bool:
    interval = Interval(block.start, series.timeframe.block_end(block.start))
    return bool(intersection([interval], stretches))
