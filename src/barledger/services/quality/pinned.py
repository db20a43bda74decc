"""Reading again what only snapshots hold: superseded blocks, and copies of their own."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.errors import VersionNotFound
from barledger.ledger.contract import Due, PinnedCheck
from barledger.services.cache.snapshots import get
from barledger.services.cache.vault import Vault
from barledger.services.cache.verification import Damage, verify_pin, verify_superseded


def part_of(one: Due | PinnedCheck) -> tuple[object, ...]:
    """Return what has to be the same of what is read in one go: a series, and the revision or the pin."""
    if isinstance(one, Due):
        return (one.series,)
    return one.series, one.pinned_at, (one.snapshot, one.interval.start) if one.whole else ()


def oldest_first(checks: Iterable[PinnedCheck]) -> list[PinnedCheck]:
    """Sort by the last check, and so that what can be read in one go is together."""
    return sorted(checks, key=lambda one: (one.checked_at, one.series, one.whole, one.pinned_at, one.interval.start))


def verify_pinned(vault: Vault, part: Sequence[PinnedCheck]) -> tuple[list[PinnedCheck], list[Damage]]:
    """Read one part that `part_of` tells again; returns the checks, and what is not what it was.

    Of a snapshot that was deleted meanwhile nothing is checked. Raises `Busy`.
    """
    with suppress(VersionNotFound):
        damage = _read(vault, part)
        if damage:
            # What nobody holds any more may have been deleted while it was read.
            for one in part:
                get(vault, one.snapshot)
        return [_checked(one, damage) for one in part], damage
    return [], []


def pinned_in(vault: Vault, series: Series, interval: Interval) -> list[PinnedCheck]:
    """Return what snapshots hold of a series in an interval and its current blocks do not."""
    return [one for one in vault.ledger.quality.pinned([series]) if one.interval.intersects(interval)]


def _read(vault: Vault, part: Sequence[PinnedCheck]) -> list[Damage]:
    first = part[0]
    if first.whole:
        snapshot = get(vault, first.snapshot)
        pins = [
            pin for pin in snapshot.pins if (pin.series, pin.interval.start) == (first.series, first.interval.start)
        ]
        found = [one for pin in pins for one in verify_pin(vault, snapshot, pin)[1]]
    else:
        blocks = [Block(start=one.interval.start, rows=one.rows, digest=one.digest) for one in part]
        found = verify_superseded(vault, first.series, blocks, first.pinned_at)
    return [replace(one, detail=f"as snapshot {first.snapshot} holds it: {one.detail}") for one in found]


def _checked(check: PinnedCheck, damage: Sequence[Damage]) -> PinnedCheck:
    found = next((one for one in damage if check.whole or one.interval.intersects(check.interval)), None)
    return replace(check, ok=found is None, detail="" if found is None else found.detail)
