"""From a version as a caller names it to the rows that it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from barledger.domain.digest import digest
from barledger.domain.interval import Interval, difference, everything, format_time
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import FutureTime, InvalidInterval, LedgerMismatch, NotPinned, StoreDiverged, VersionNotFound
from barledger.ledger.contract import Pin, SeriesState, Snapshot
from barledger.services.cache.counting import Expected, diverged
from barledger.services.cache.editions import read_first
from barledger.services.cache.reader import check_layer, read
from barledger.services.cache.vault import Vault

# So many of the series that a snapshot pins are named where it lacks another one.
_FEW: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The standing bars of one series, and what the version resolved to."""

    series: Series
    interval: Interval
    rows: Rows
    revision: int


def find_snapshot(vault: Vault, version: Version) -> Snapshot | None:
    """Return the snapshot or named version that a version names, or None for the other kinds.

    Raises `VersionNotFound`, and `LedgerMismatch` if another ledger may know it.
    """
    if not version.pinned:
        return None
    by_strategy = version.kind == "strategy"
    snapshots = vault.ledger.snapshots
    found = snapshots.of_strategy(version.name) if by_strategy else snapshots.get(version.name)
    if found is None and vault.mismatch:
        raise LedgerMismatch(reason=f"{vault.mismatch}; this ledger knows no version {version.name!r}")
    if found is None:
        raise VersionNotFound(version=f"strategy:{version.name}" if by_strategy else version.name)
    return found


def not_pinned(snapshot: Snapshot, instrument: str, timeframe: Timeframe, source: str | None) -> NotPinned:
    """Return what to say of a series that a snapshot does not pin, with a few of those that it does."""
    pins = sorted({str(pin.series) for pin in snapshot.pins}, key=lambda one: (not one.startswith(instrument), one))
    more = f" and {len(pins) - _FEW:,} more" if len(pins) > _FEW else ""
    told = f": {', '.join(pins[:_FEW])}{more}" if pins else ""
    series = f"{instrument} {timeframe}" if source is None else f"{instrument} {timeframe} from {source}"
    return NotPinned(version=snapshot.id, series=series, pinned=told)


def read_version(vault: Vault, series: Series, interval: Interval, version: Version, *, compared: bool = True) -> Seen:
    """Return the bars of a series at ``latest``, ``first``, a revision or a time; ``compared`` as in `read`.

    An interval without a start means what retention had left by then.
    """
    revision = None if version.kind == "first" else _revision(vault, series, version)
    wanted = [interval]
    if interval.start == everything().start:
        wanted = left(vault.ledger.revisions.state(series), interval, revision)
    if version.kind == "first":
        reading = read_first(vault, series, wanted)
    else:
        reading = read(vault, series, wanted, revision=revision, compared=compared)
    return Seen(series=series, interval=interval, rows=reading.rows.standing(), revision=reading.revision)


def read_pin(vault: Vault, snapshot: Snapshot, pin: Pin, interval: Interval) -> Seen:
    """Return the bars of a pin; no bounds mean the pin's own. Raises `InvalidInterval` outside it."""
    wanted = within_pin(snapshot, pin, interval)
    return Seen(
        series=pin.series, interval=wanted, rows=pinned_rows(vault, snapshot, pin, [wanted]), revision=pin.revision
    )


def pinned_rows(
    vault: Vault, snapshot: Snapshot, pin: Pin, intervals: Sequence[Interval], *, compared: bool = True
) -> Rows:
    """Return the standing bars of a pin, from its own layer if it has one.

    ``compared`` lets their number be compared with what was pinned, of all of them or of whole blocks; raises
    `StoreDiverged` if it is another one.
    """
    if not snapshot.materialised:
        reading = read(vault, pin.series, intervals, revision=pin.revision, pinned=True, compared=compared)
        rows = reading.rows.standing()
    else:
        if vault.mismatch:
            _check_copy(vault, snapshot, pin)
        rows = vault.store.read(pin.series, snapshot.id, intervals).standing()
    if compared:
        check_pinned(vault, snapshot, pin, intervals, rows)
    return rows


def check_pinned(vault: Vault, snapshot: Snapshot, pin: Pin, intervals: Sequence[Interval], rows: Rows) -> None:
    """Raise `StoreDiverged` if a pin has another number of bars than was pinned, as far as that is known."""
    if pin.digest is None:
        return
    detail = vault.counts.lacking(pin.series, rows, lambda: _expected(vault, pin, intervals))
    if detail:
        raise diverged(pin.series, f"of snapshot {snapshot.id} {detail}")
    if snapshot.materialised and pin.rows and not len(rows):
        check_layer(vault, pin.series, snapshot.id)


def _expected(vault: Vault, pin: Pin, intervals: Sequence[Interval]) -> Sequence[Expected]:
    if len(intervals) == 1 and intervals[0] == pin.interval:
        return [Expected(pin.interval.start, pin.interval.end, pin.rows)]
    counts = vault.counts.pinned(vault.ledger, pin)
    return counts.expected(intervals, pin.series.timeframe) if counts is not None else ()


def _check_copy(vault: Vault, snapshot: Snapshot, pin: Pin) -> None:
    """Compare a whole copy with its digest, where store and ledger do not fit."""
    rows = vault.store.read(pin.series, snapshot.id, [pin.interval]).standing()
    if pin.digest is not None and digest(rows, pin.series.timeframe) != pin.digest:
        raise StoreDiverged(series=str(pin.series), detail=f"snapshot {snapshot.id} has other bars than were written")


def _revision(vault: Vault, series: Series, version: Version) -> int | None:
    if version.kind == "latest":
        return None
    if version.kind == "time":
        return vault.ledger.revisions.at_time(series, version.number)
    last = vault.ledger.revisions.last()
    if version.number > last:
        raise FutureTime(value=f"revision:{version.number}", now=f"revision {last}")
    return version.number


def left(state: SeriesState, interval: Interval, revision: int | None = None) -> list[Interval]:
    """Return what retention had left of an interval at a revision, or has left now."""
    gone = [
        stretch.interval
        for stretch in state.gone
        if not stretch.refilled and (revision is None or stretch.revision <= revision)
    ]
    return difference([interval], gone)


def within_pin(snapshot: Snapshot, pin: Pin, interval: Interval) -> Interval:
    """Return an interval that a pin holds, its own bounds where there are none; raises `InvalidInterval` outside it."""
    whole = everything()
    start = pin.interval.start if interval.start == whole.start else interval.start
    end = pin.interval.end if interval.end == whole.end else interval.end
    if start < pin.interval.start or end > pin.interval.end:
        kept = f"[{format_time(pin.interval.start)}, {format_time(pin.interval.end)})"
        raise InvalidInterval(reason=f"snapshot {snapshot.id} pins {pin.series} over {kept} only")
    return Interval(start, end)
