"""Verification: reading the bars again, and comparing them with the digests that were kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from barledger.domain.digest import Block, block_digests, root_digest
from barledger.domain.interval import Interval, everything, format_time
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.errors import IntegrityError
from barledger.ledger.contract import Pin, Snapshot
from barledger.services.cache.reader import read
from barledger.services.cache.snapshots import finish
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import pinned_rows


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


RowsOf = Callable[[Vault, Interval], Rows]


def verify_snapshot(vault: Vault, snapshot: Snapshot) -> Verification:
    """Read all pinned bars again and compare them with the snapshot's digests."""
    complete = finish(vault, snapshot)
    checked = [_verify_pin(vault, complete, pin) for pin in complete.pins]
    return Verification(
        subject=complete.id,
        series=len(checked),
        rows=sum(rows for rows, _ in checked),
        damage=tuple(damage for _, found in checked for damage in found),
    )


def verify_series(vault: Vault, series: Series) -> Verification:
    """Read a series' current bars again and compare them with the ledger's digests."""
    state = vault.ledger.revisions.state(series)
    known = vault.ledger.catalog.blocks(series, everything()) or []

    def rows_of(place: Vault, interval: Interval) -> Rows:
        return read(place, series, [interval], revision=state.revision, pinned=True).rows.standing()

    damage: Sequence[Damage] = ()
    try:
        if block_digests(rows_of(vault, everything()), series.timeframe) != known:
            damage = _search(vault, series, known, rows_of) or [_unlocated(series, everything())]
    except IntegrityError as error:
        damage = _search(vault, series, known, rows_of) or [_unlocated(series, everything(), str(error))]
    return Verification(subject=str(series), series=1, rows=state.rows, damage=tuple(damage))


def _verify_pin(vault: Vault, snapshot: Snapshot, pin: Pin) -> tuple[int, Sequence[Damage]]:
    def rows_of(place: Vault, interval: Interval) -> Rows:
        return pinned_rows(place, snapshot, pin, [interval])

    reason = "its bars do not have the digest of the snapshot"
    try:
        rows = rows_of(vault, pin.interval)
        if root_digest(block_digests(rows, pin.series.timeframe)) == pin.digest:
            return len(rows), ()
    except IntegrityError as error:
        reason = str(error)
    known = vault.ledger.catalog.blocks(pin.series, pin.interval, revision=pin.revision) or ()
    whole = [block for block in known if pin.series.timeframe.block_end(block.start) <= pin.interval.end]
    return pin.rows, _search(vault, pin.series, whole, rows_of) or [_unlocated(pin.series, pin.interval, reason)]


def _search(vault: Vault, series: Series, known: Sequence[Block], rows_of: RowsOf) -> list[Damage]:
    """Find the blocks that are not what the ledger keeps of them.

    Blocks that are refused for a neighbour's sake, since they share its checksum, are named only if nothing else is.
    """
    damage: list[Damage] = []
    refused: list[Damage] = []
    for block in known:
        interval = Interval(block.start, series.timeframe.block_end(block.start))
        try:
            found = block_digests(rows_of(vault, interval), series.timeframe)
        except IntegrityError as error:
            alike = _decodes_to(vault, series, block, interval, rows_of)
            (refused if alike else damage).append(Damage(series=series, interval=interval, detail=str(error)))
            continue
        if found != [block]:
            damage.append(Damage(series=series, interval=interval, detail=_difference(block, found)))
    return damage or _joined(refused)


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
        return block_digests(rows_of(unchecked, interval), series.timeframe) == [block]
    except Exception:  # noqa: BLE001 - damaged bytes may decode to anything, or break the decoder
        return False


def _difference(known: Block, found: Sequence[Block]) -> str:
    rows = sum(block.rows for block in found)
    if rows != known.rows:
        return f"it has {rows} bars, not {known.rows}"
    return f"its digest is {found[0].digest.hex()[:16]}…, not {known.digest.hex()[:16]}…"


def _unlocated(series: Series, interval: Interval, reason: str = "it has bars that the ledger does not know") -> Damage:
    return Damage(series=series, interval=interval, detail=reason)
