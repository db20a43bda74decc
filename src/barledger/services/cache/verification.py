"""Verification: reading the bars again, and comparing them with the digests that were kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from barledger.domain.digest import Block, block_digests, root_digest
from barledger.domain.interval import Interval, everything, format_time, union
from barledger.domain.rows import Ints, Rows
from barledger.domain.series import Series
from barledger.errors import Busy, IntegrityError
from barledger.ledger.contract import Pin, SeriesState, Snapshot
from barledger.services.cache.digesting import digest_read
from barledger.services.cache.reader import read
from barledger.services.cache.snapshots import finish
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import pinned_rows

_ATTEMPTS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A block whose bars are not what they were, and why; ``interval`` is the block's.

    Several adjoining ``blocks`` are one damage if they are refused for one reason.
    """

    series: Series
    interval: Interval
    detail: str
    blocks: int = 1

    def __str__(self) -> str:
        """Name the block as a person would."""
        start = format_time(self.interval.start)
        named = f"block of {start}" if self.blocks == 1 else f"{self.blocks} blocks from {start}"
        return f"{self.series}, {named}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verification found; ``ok`` if nothing is damaged."""

    subject: str
    series: int
    rows: int
    damage: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        """Whether every bar is what it was."""
        return not self.damage


RowsOf = Callable[[Vault, Sequence[Interval]], Rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the ledger keeps of a series: its state, and the blocks that start in an interval, as of one revision."""

    state: SeriesState
    interval: Interval
    blocks: Sequence[Block]


def keep(vault: Vault, series: Series, interval: Interval) -> Kept:
    """Look up what the ledger keeps of a series now; raises `Busy` if writers never let it rest."""
    for _ in range(_ATTEMPTS):
        state = vault.ledger.revisions.state(series)
        blocks = vault.ledger.catalog.blocks(series, interval) or []
        if not moved(vault, state):
            return Kept(state=state, interval=interval, blocks=blocks)
    raise Busy(what=str(series), waited=0.0)


def moved(vault: Vault, state: SeriesState) -> bool:
    """Tell whether a series has other blocks now, or cannot be read any more at the revision of this state."""
    now = vault.ledger.revisions.state(state.series)
    return (now.revision, now.digest, now.horizon, now.gone) != (
        state.revision,
        state.digest,
        state.horizon,
        state.gone,
    )


def verify_kept(vault: Vault, kept: Kept, chosen: Sequence[Block] | None = None) -> list[Damage]:
    """Read blocks again, all that are kept or those ``chosen`` among them, and return what is not what it was.

    Beside the blocks, the time between them and around them is read, where there have to be no bars.
    """
    series, wanted = kept.state.series, kept.blocks if chosen is None else chosen
    stretches = _stretches(kept, wanted)

    def rows_of(place: Vault, intervals: Sequence[Interval]) -> Rows:
        reading = read(place, series, intervals, revision=kept.state.revision, pinned=True, compared=False)
        return reading.rows.standing()

    try:
        found = digest_read(partial(rows_of, vault), stretches, series.timeframe, _counts(wanted))
    except IntegrityError as error:
        whole = stretches[0] if stretches else kept.interval
        return _search(vault, series, wanted, rows_of) or [_unlocated(series, whole, str(error))]
    if found == list(wanted):
        return []
    return _differing(series, wanted, found)


def _stretches(kept: Kept, wanted: Sequence[Block]) -> list[Interval]:
    """Return the stretches that blocks take, each up to the block after it; the first one begins with the interval."""
    if not kept.blocks:
        return [kept.interval]
    starts = [block.start for block in kept.blocks]
    last = max(kept.interval.end, kept.state.series.timeframe.block_end(starts[-1]))
    first = starts.index(wanted[0].start) if wanted else 0
    after = first + len(wanted)
    if wanted and starts[first:after] == [block.start for block in wanted]:
        begin = starts[first] if first else min(kept.interval.start, starts[0])
        return [Interval(begin, starts[after] if after < len(starts) else last)]
    chosen = {block.start for block in wanted}
    rooms = zip(starts, [min(kept.interval.start, starts[0]), *starts[1:]], [*starts[1:], last], strict=True)
    return union(Interval(begin, end) for start, begin, end in rooms if start in chosen)


def _counts(blocks: Sequence[Block]) -> tuple[Ints, Ints]:
    starts = np.array([block.start for block in blocks], np.int64)
    return starts, np.array([block.rows for block in blocks], np.int64)


def _differing(series: Series, known: Sequence[Block], found: Sequence[Block]) -> list[Damage]:
    """Return the blocks that differ, and those of which the ledger knows nothing."""
    actual = {block.start: block for block in found}
    damage = []
    for block in known:
        one = actual.pop(block.start, None)
        if one != block:
            interval = Interval(block.start, series.timeframe.block_end(block.start))
            damage.append(Damage(series=series, interval=interval, detail=_difference(block, [one] if one else [])))
    strangers = [Interval(start, series.timeframe.block_end(start)) for start in sorted(actual)]
    return [*damage, *(_unlocated(series, interval) for interval in strangers)]


def verify_snapshot(vault: Vault, snapshot: Snapshot) -> Verification:
    """Read all pinned bars again and compare them with the snapshot's digests."""
    complete = finish(vault, snapshot)
    checked = [verify_pin(vault, complete, pin) for pin in complete.pins]
    return Verification(
        subject=complete.id,
        series=len(checked),
        rows=sum(rows for rows, _ in checked),
        damage=tuple(damage for _, found in checked for damage in found),
    )


def verify_series(vault: Vault, series: Series) -> Verification:
    """Read a series' current bars again and compare them with the ledger's digests."""
    kept = keep(vault, series, everything())
    return Verification(subject=str(series), series=1, rows=kept.state.rows, damage=tuple(verify_kept(vault, kept)))


def verify_pin(vault: Vault, snapshot: Snapshot, pin: Pin) -> tuple[int, Sequence[Damage]]:
    """Read the bars of one pin again; returns how many there are, and what is not what it was."""

    def rows_of(place: Vault, intervals: Sequence[Interval]) -> Rows:
        return pinned_rows(place, snapshot, pin, intervals, compared=False)

    reason = "its bars do not have the digest of the snapshot"
    expected = vault.ledger.catalog.counts_of([pin.series], pin.interval).get(pin.series, _counts(()))
    try:
        found = digest_read(partial(rows_of, vault), [pin.interval], pin.series.timeframe, expected)
        if root_digest(found) == pin.digest:
            return sum(block.rows for block in found), ()
    except IntegrityError as error:
        reason = str(error)
    known = vault.ledger.catalog.blocks(pin.series, pin.interval, revision=pin.revision) or ()
    whole = [block for block in known if pin.series.timeframe.block_end(block.start) <= pin.interval.end]
    return pin.rows, _search(vault, pin.series, whole, rows_of) or [_unlocated(pin.series, pin.interval, reason)]


def verify_superseded(vault: Vault, series: Series, known: Sequence[Block], revision: int) -> list[Damage]:
    """Read blocks again as they were at a revision that a snapshot pins, and return what is not what it was."""

    def rows_of(place: Vault, intervals: Sequence[Interval]) -> Rows:
        reading = read(place, series, intervals, revision=revision, pinned=True, compared=False)
        return reading.rows.standing()

    return _search(vault, series, known, rows_of)


def _search(vault: Vault, series: Series, known: Sequence[Block], rows_of: RowsOf) -> list[Damage]:
    """Find the blocks that are not what the ledger keeps of them.

    Blocks that are refused for a neighbour's sake, since they share its checksum, are named only if nothing else is.
    """
    damage, refused = _halve(vault, series, known, rows_of)
    return damage or _joined(refused)


def _halve(vault: Vault, series: Series, known: Sequence[Block], rows_of: RowsOf) -> tuple[list[Damage], list[Damage]]:
    """Return the damaged blocks, and those that are refused and yet what they were; halves what cannot be read."""
    if not known:
        return [], []
    intervals = [Interval(block.start, series.timeframe.block_end(block.start)) for block in known]
    try:
        found = block_digests(rows_of(vault, union(intervals)), series.timeframe)
    except IntegrityError as error:
        if len(known) > 1:
            middle = len(known) // 2
            halves = [_halve(vault, series, half, rows_of) for half in (known[:middle], known[middle:])]
            return halves[0][0] + halves[1][0], halves[0][1] + halves[1][1]
        one = [Damage(series=series, interval=intervals[0], detail=str(error))]
        return ([], one) if _decodes_to(vault, series, known[0], intervals[0], rows_of) else (one, [])
    return ([] if found == list(known) else _differing(series, known, found)), []


def _joined(refused: Sequence[Damage]) -> list[Damage]:
    """Put adjoining blocks together that are refused for the same reason."""
    joined: list[Damage] = []
    for one in refused:
        last = joined[-1] if joined else None
        if last is not None and (last.detail, last.interval.end) == (one.detail, one.interval.start):
            hull = Interval(last.interval.start, one.interval.end)
            joined[-1] = replace(last, interval=hull, blocks=last.blocks + 1)
        else:
            joined.append(one)
    return joined


def _decodes_to(vault: Vault, series: Series, block: Block, interval: Interval, rows_of: RowsOf) -> bool:
    """Tell whether the block is still the same, leaving out the store's own checks."""
    unchecked = replace(vault, store=vault.store.unchecked())
    try:
        return block_digests(rows_of(unchecked, [interval]), series.timeframe) == [block]
    except Exception:  # noqa: BLE001 - damaged bytes may decode to anything, or break the decoder
        return False


def _difference(known: Block, found: Sequence[Block]) -> str:
    rows = sum(block.rows for block in found)
    if rows != known.rows:
        return f"it has {rows} bars, not {known.rows}"
    return f"its digest is {found[0].digest.hex()[:16]}…, not {known.digest.hex()[:16]}…"


def _unlocated(series: Series, interval: Interval, reason: str = "it has bars that the ledger does not know") -> Damage:
    return Damage(series=series, interval=interval, detail=reason)
