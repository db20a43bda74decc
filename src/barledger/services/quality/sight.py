"""Sights: one series at one version, and what can be known of it there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from barledger.domain.digest import Block, block_digests, root_digest
from barledger.domain.interval import BEGINNING, EARLIEST, END_OF_TIME, LATEST, Interval, difference, format_time
from barledger.domain.rows import Ints, Rows, empty_rows, found_in
from barledger.domain.series import Series
from barledger.domain.version import Version
from barledger.errors import IntegrityError
from barledger.ledger.contract import Pin, Snapshot
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.verification import Damage, Kept, keep, verify_kept, verify_pin
from barledger.services.cache.versions import left, pinned_rows, read_version, within_pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The bars of an interval that are what the ledger keeps of them, and how that was found out.

    ``blocks`` are those that were compared, ``damage`` what is not what it was, and is left out of ``rows``. ``why``
    says why nothing could be compared, ``obstacle`` why there are no bars though there should be some. ``current`` are
    the blocks if they are those of the newest state.
    """

    rows: Rows
    revision: int
    blocks: Sequence[Block] = ()
    damage: Sequence[Damage] = ()
    why: str = ""
    obstacle: IntegrityError | None = None
    current: Kept | None = None


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A series at a version; ``clock`` is until when (ns) things were known there, ``interval`` what is asked for."""

    vault: Vault
    series: Series
    version: Version
    label: str
    interval: Interval
    clock: int
    snapshot: Snapshot | None = None
    pin: Pin | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def at_its_clock(self, now: int) -> "Sight":
        """Return the same sight with the clock of its version; ``now`` is the clock of the newest state."""
        if self.snapshot is not None:
            return replace(self, clock=self.snapshot.created_at)
        if self.version.kind == "time":
            return replace(self, clock=self.version.number)
        if self.version.kind != "revision":
            return replace(self, clock=now)
        record = self.vault.ledger.revisions.record(self.version.number)
        committed = 0 if record is None else record.committed_at
        return replace(self, clock=min(max(committed, self.version.number), now))

    @property
    def newest(self) -> bool:
        """Whether it is the newest state that is looked at."""
        return self.version.kind == "latest"

    @property
    def named(self) -> bool:
        """Whether these bars were written under a name of their own, outside the series' history."""
        return self.snapshot is not None and self.snapshot.kind == "named"

    def look(self) -> Looked:
        """Read the bars again and compare them with the ledger's digests, once.

        Raises `RevisionExpired` where retention has deleted them, and `IntegrityError` where all of them are damaged.
        """
        if "looked" not in self.memory:
            self.memory["looked"] = self._look()
        looked: Looked = self.memory["looked"]
        return looked

    def rows_of(self, other: Series, interval: Interval) -> Rows:
        """Return the standing bars of another series at the same version."""
        if self.snapshot is not None:
            pin = next(pin for pin in self.snapshot.pins if pin.series == other)
            stretch = pin.interval.intersection(interval)
            return pinned_rows(self.vault, self.snapshot, pin, [] if stretch is None else [stretch])
        return read_version(self.vault, other, interval, self.version).rows

    @cached_property
    def unborn(self) -> str:
        """Say that the first bars were written after the version; empty if they were not, or never were any."""
        kind, number = self.version.kind, self.version.number
        if self.pin is not None or kind not in ("time", "revision"):
            return ""
        revisions = self.vault.ledger.revisions
        first = next(iter(revisions.records(self.series)), None)
        if first is None or first.revision <= (
            number if kind == "revision" else revisions.at_time(self.series, number)
        ):
            return ""
        written = format_time(first.committed_at)
        return f"there are no bars of {self.series} at {self.label}: the first were written at {written}"

    # --- looking -------------------------------------------------------------------------------

    def _look(self) -> Looked:
        if self.pin is not None and self.snapshot is not None:
            return self._look_at_pin(self.snapshot, self.pin)
        if self.newest:
            return self._look_at_newest()
        seen = read_version(self.vault, self.series, self.interval, self.version, compared=False)
        if self.version.kind == "first":
            why = "first editions are of many revisions, and no digest covers them"
            return Looked(rows=seen.rows, revision=0, why=why)
        state = self.vault.ledger.revisions.state(self.series)
        if seen.revision == state.revision:
            return self._look_at_newest()
        known = self.vault.ledger.catalog.blocks(self.series, self._whole(), revision=seen.revision)
        if known is None:
            why = "the ledger keeps the digests of the newest state and of what snapshots pin, and this is neither"
            return Looked(rows=seen.rows, revision=seen.revision, why=why)
        return self._compared(seen.rows, self._within(known), seen.revision)

    def _look_at_newest(self) -> Looked:
        """Read the blocks that hold the interval; those that are damaged are named, and left out."""
        kept = keep(self.vault, self.series, self._whole())
        reach = left(kept.state, kept.interval)
        found = Looked(rows=empty_rows(), revision=kept.state.revision, blocks=kept.blocks, current=kept)
        try:
            rows = _read(self.vault, kept, reach)
            if block_digests(rows, self.series.timeframe) == list(kept.blocks):
                return replace(found, rows=rows.within(self.interval))
        except IntegrityError:
            pass  # which blocks these are is found out below
        damage = verify_kept(self.vault, kept)
        try:
            rows = _sound(self.vault, kept, reach, damage)
        except IntegrityError as error:
            return replace(found, damage=damage, obstacle=error)
        return replace(found, rows=rows.within(self.interval), damage=damage)

    def _look_at_pin(self, snapshot: Snapshot, pin: Pin) -> Looked:
        wanted = within_pin(snapshot, pin, self.interval)
        try:
            rows = pinned_rows(self.vault, snapshot, pin, [wanted], compared=False)
        except IntegrityError:
            return self._look_at_damaged(snapshot, pin, wanted)
        found = block_digests(rows, self.series.timeframe)
        whole = wanted == pin.interval
        if whole and pin.digest is not None and root_digest(found) == pin.digest:
            return Looked(rows=rows, revision=pin.revision, blocks=found)
        known = self.vault.ledger.catalog.blocks(self.series, wanted, revision=pin.revision)
        inside = self._within(known or (), wanted)
        if not inside and not whole:
            why = "no block lies wholly in the interval, and the snapshot's digest is of all its bars"
            return Looked(rows=rows, revision=pin.revision, why=why)
        looked = self._compared(rows, inside, pin.revision)
        if whole and not looked.damage:
            detail = "its bars do not have the digest of the snapshot"
            every = Damage(series=self.series, interval=wanted, detail=detail, blocks=max(len(found), 1))
            return Looked(rows=rows, revision=pin.revision, blocks=found, damage=(every,))
        return looked

    def _look_at_damaged(self, snapshot: Snapshot, pin: Pin, wanted: Interval) -> Looked:
        """Look at a pin whose bars cannot all be read."""
        _, found = verify_pin(self.vault, snapshot, pin)
        damage = [one for one in found if one.interval.intersects(wanted)]
        rest = difference([wanted], [one.interval for one in damage])
        rows, obstacle = empty_rows(), None
        try:
            rows = pinned_rows(self.vault, snapshot, pin, rest, compared=False)
        except IntegrityError as error:
            obstacle = error
        known = self.vault.ledger.catalog.blocks(self.series, wanted, revision=pin.revision)
        blocks = self._within(known or (), wanted) or block_digests(rows, self.series.timeframe)
        return Looked(rows=rows, revision=pin.revision, blocks=blocks, damage=damage, obstacle=obstacle)

    def _compared(self, rows: Rows, known: Sequence[Block], revision: int) -> Looked:
        """Compare whole blocks with the digests that are known of them."""
        found = {block.start: block for block in block_digests(rows, self.series.timeframe)}
        damage = [
            Damage(
                series=self.series,
                interval=Interval(block.start, self.series.timeframe.block_end(block.start)),
                detail="its bars do not have the digest that was kept for this revision",
            )
            for block in known
            if found.get(block.start) != block
        ]
        why = "" if known else "no block lies wholly in the interval"
        return Looked(rows=rows, revision=revision, blocks=known, damage=damage, why=why)

    def _within(self, known: Sequence[Block], interval: Interval | None = None) -> list[Block]:
        """Return the blocks that lie wholly in the interval."""
        reach, end_of = interval or self.interval, self.series.timeframe.block_end
        return [block for block in known if reach.start <= block.start and end_of(block.start) <= reach.end]

    def _whole(self) -> Interval:
        """Return the interval prolonged to whole blocks."""
        start, end = self.interval.start, self.interval.end
        frame = self.series.timeframe
        if EARLIEST <= start < LATEST:
            start = frame.block_start(start)
        if EARLIEST < end <= LATEST:
            end = frame.block_end(frame.block_start(end - 1))
        return Interval(start, max(start, end))

    def bounded(self, times: Ints, beginning: int | None = None) -> Interval:
        """Return the interval with bounds: from the first bar, or the beginning that is known, until the clock."""
        first = int(times[0]) if len(times) else self.clock
        start = self.interval.start
        if start == BEGINNING:
            start = first if beginning is None else min(first, beginning)
        end = max(start, self.clock) if self.interval.end == END_OF_TIME else self.interval.end
        return Interval(start, max(start, end))


def _read(vault: Vault, kept: Kept, intervals: Sequence[Interval]) -> Rows:
    series, revision = kept.state.series, kept.state.revision
    return read(vault, series, intervals, revision=revision, pinned=True, compared=False).rows.standing()


def _sound(vault: Vault, kept: Kept, reach: Sequence[Interval], damage: Sequence[Damage]) -> Rows:
    """Return the bars of the blocks that are not damaged; raises `IntegrityError` if they cannot be read."""
    rest = difference(reach, [one.interval for one in damage])
    try:
        return _read(vault, kept, rest)
    except IntegrityError as error:
        # A block that shares a checksum with a damaged one is read without it, since its digest proves more.
        sound = [block for block in kept.blocks if not any(block.start in one.interval for one in damage)]
        try:
            rows = _read(replace(vault, store=vault.store.unchecked()), kept, rest)
            proven = block_digests(rows, kept.state.series.timeframe) == sound
        except Exception:  # noqa: BLE001 - damaged bytes may break the decoder in any way
            raise error from None
        if proven:
            return rows
        raise


def first_comings(vault: Vault, series: Series, rows: Rows) -> tuple[Rows, Ints, int]:
    """Return rows whose first coming is known, when they came first (ns), and of how many it is not known.

    A bar came when the revision of its first edition began, which the row itself tells; where a bar was corrected, the
    copy of that edition does, unless retention has deleted it.
    """
    corrected = rows.edition > 1
    if not corrected.any():
        return rows, rows.revision, 0
    hull = Interval(int(rows.time[corrected][0]), int(rows.time[corrected][-1]) + 1)
    copies = vault.store.read_copies(series, [hull])
    unborn = np.array(sorted(vault.ledger.revisions.uncommitted(series)), np.int64)
    first = copies.pick((copies.edition == 1) & ~np.isin(copies.revision, unborn))
    order = np.argsort(first.time, kind="stable")
    times, revisions = first.time[order], first.revision[order]
    came = np.array(rows.revision)
    at = np.searchsorted(times, rows.time[corrected])
    known = found_in(rows.time[corrected], times)
    positions = np.flatnonzero(corrected)
    came[positions[known]] = revisions[at[known]]
    if known.all():
        return rows, came, 0
    kept = np.ones(len(rows), np.bool_)
    kept[positions[~known]] = False
    return rows.pick(kept), came[kept], int((~known).sum())
