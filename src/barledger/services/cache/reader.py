"""Reading a series at a revision, while others may be writing it.

The reader looks at the ledger, reads ``latest``, and looks again. If no commit is open and nothing moved, these are
the rows. Otherwise it also reads the copies in the edition layers, which decide (see `domain.visibility`). Of whole
blocks there have to be as many bars as the ledger counts (see `services.cache.counting`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barledger.domain.digest import Block, block_digests
from barledger.domain.interval import EARLIEST, LATEST, Interval, difference, format_time, intersection, union
from barledger.domain.rows import Rows, empty_rows
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import LATEST as CURRENT
from barledger.domain.visibility import hidden, visible
from barledger.errors import Busy, RevisionExpired, StoreDiverged
from barledger.ledger.contract import SeriesState
from barledger.services.cache.counting import Expected, covers_all, diverged
from barledger.services.cache.vault import Vault

_ATTEMPTS = 1_000
_NAP = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Rows, tombstones included, and the committed revision that they show."""

    rows: Rows
    revision: int
    state: SeriesState


def read(
    vault: Vault,
    series: Series,
    intervals: Sequence[Interval],
    *,
    revision: int | None = None,
    pinned: bool = False,
    compared: bool = True,
    looked: SeriesState | None = None,
) -> Reading:
    """Return the rows of the intervals (sorted, disjoint) at ``revision``, or at the last committed one.

    ``pinned`` says that a snapshot keeps this state readable behind the retention horizon. ``compared`` lets whole
    blocks of the current state be compared with the ledger's counts, and with their digests where the store does not
    check its rows itself. Of a part of a block the ledger knows neither: where a store lost some bars of it and kept
    others, nobody notices before the whole block is read. If nothing is found, it is noticed that all is lost.
    ``looked`` is what the ledger told of the series just now, to begin with.
    Raises `RevisionExpired`, `StoreDiverged`, and `Busy` if an earlier revision stays pending for too long.
    """
    if vault.mismatch:
        _check_whole(vault, series, intervals)
    for _ in range(_ATTEMPTS):
        before = vault.ledger.revisions.state(series) if looked is None else looked
        looked = None
        if revision is not None and 0 < before.pending <= revision:
            time.sleep(_NAP)
            continue
        wanted = before.revision if revision is None else min(revision, before.revision)
        if not pinned:
            check_horizon(before, intervals, wanted)
        kept = kept_of(before, intervals)
        known = _told(vault, before, kept) if compared and wanted == before.revision else ()
        if known is None:
            continue
        rows = _attempt(vault, before, kept, wanted, counted=compared)
        if rows is not None and _holds(vault, before, known, rows):
            return Reading(rows=rows, revision=wanted, state=before)
    raise Busy(what=str(series), waited=_ATTEMPTS * _NAP)


def kept_of(state: SeriesState, intervals: Sequence[Interval]) -> Sequence[Interval]:
    """Leave out the stretches that retention has deleted, whose rows may still lie in the store."""
    gone = [stretch.interval for stretch in state.gone if not stretch.refilled]
    return difference(intervals, gone) if gone else intervals


def read_held(vault: Vault, state: SeriesState, intervals: Sequence[Interval]) -> Rows:
    """Return the current rows for the writer that holds the series and has repaired it: nobody else moves them."""
    latest = vault.store.read(state.series, CURRENT, intervals)
    if not _strange(vault, latest, state):
        return latest
    copies = vault.store.read_copies(state.series, intervals)
    return visible(latest, copies, state.revision, vault.ledger.revisions.uncommitted(state.series))


def check_horizon(state: SeriesState, intervals: Sequence[Interval], revision: int) -> None:
    """Raise `RevisionExpired` if this ``revision``, or some of the bars that it had, were deleted by retention."""
    if revision < state.horizon:
        raise expired(state, f"revision {revision}")
    missing = [gone.interval for gone in state.gone if not gone.refilled or revision < gone.revision]
    if missing and intersection(intervals, missing):
        raise expired(state, f"revision {revision}, {', '.join(map(str, intervals[:3]))}")


def expired(state: SeriesState, requested: str) -> RevisionExpired:
    """Return the error for what retention has deleted."""
    until = max((gone.interval.end for gone in state.gone), default=0)
    horizon = f"revision {state.horizon}" + (f", bars from {format_time(until)}" if until else "")
    return RevisionExpired(series=str(state.series), requested=requested, horizon=horizon)


def check_count(vault: Vault, state: SeriesState, intervals: Sequence[Interval], rows: Rows) -> bool:
    """Compare current rows, tombstones included, with the ledger's counts of the blocks that are whole in an interval.

    Returns False if the series has moved on meanwhile; raises `StoreDiverged` if there are more or fewer, or if there
    are none of a part of a block and the store has lost the series.
    """
    if not state.revision:
        return True
    detail = vault.counts.lacking(state.series, rows, lambda: _expected(vault, state, intervals))
    if detail and vault.ledger.revisions.state(state.series) != state:
        return False
    if detail:
        raise diverged(state.series, detail)
    return len(rows) > 0 or not state.rows or _check_found(vault, state, intervals)


def _expected(vault: Vault, state: SeriesState, intervals: Sequence[Interval]) -> Sequence[Expected]:
    if covers_all(state, intervals):
        return [Expected(intervals[0].start, intervals[0].end, state.rows)]
    newest = state.newest
    if newest is not None and intervals and intervals[0].start > newest.start:
        # Behind the beginning of the last block none begins.
        return []
    return vault.counts.current(vault.ledger, state, intervals).expected(intervals, state.series.timeframe)


def _check_found(vault: Vault, state: SeriesState, intervals: Sequence[Interval]) -> bool:
    """See that a store which finds nothing in parts of blocks still has something of the series.

    One that checks its rows itself is asked for the layer, another one for the whole blocks.
    """
    around = union(_blocks_around(interval, state.series.timeframe) for interval in intervals if not interval.empty)
    around = list(kept_of(state, around))
    if around == list(intervals) or not state.clean:
        return True
    if vault.store.capabilities.checksums:
        check_layer(vault, state.series, CURRENT)
        return True
    counts = vault.counts.current(vault.ledger, state, around)
    if not counts.touched(intervals, state.series.timeframe):
        return True
    rows = vault.store.read(state.series, CURRENT, around)
    return _strange(vault, rows, state) or check_count(vault, state, around, rows)


def check_layer(vault: Vault, series: Series, layer: str) -> None:
    """Raise `StoreDiverged` if the store has nothing of a layer that has bars by the ledger."""
    if layer not in vault.store.layers(series):
        raise diverged(series, f"it has nothing in the layer {layer}")


def _attempt(
    vault: Vault, before: SeriesState, intervals: Sequence[Interval], revision: int, *, counted: bool = True
) -> Rows | None:
    if not revision:
        return empty_rows()
    latest = vault.store.read(before.series, CURRENT, intervals)
    strange = _strange(vault, latest, before)
    current = revision == before.revision
    if current and before.clean and not strange and vault.ledger.revisions.state(before.series) == before:
        return latest if not counted or check_count(vault, before, intervals, latest) else None
    if counted and not current and before.clean and not strange and not check_count(vault, before, intervals, latest):
        return None
    seen = _resolve(vault, before, intervals, revision, latest)
    if counted and current and seen is not None and not check_count(vault, before, intervals, seen):
        return None
    return seen


def _resolve(
    vault: Vault, before: SeriesState, intervals: Sequence[Interval], revision: int, latest: Rows
) -> Rows | None:
    # What a revision superseded that is not above this one, and became true, nobody sees any more.
    since = min([revision, *(one - 1 for one in vault.ledger.revisions.uncommitted(before.series))])
    copies = vault.store.read_copies(before.series, intervals, after=since)
    uncommitted = vault.ledger.revisions.uncommitted(before.series)
    after = vault.ledger.revisions.state(before.series)
    if (after.epoch, after.horizon, after.gone) != (before.epoch, before.horizon, before.gone):
        return None
    seen = visible(latest, copies, revision, uncommitted)
    if revision == before.revision == after.revision:
        suspects = hidden(latest, seen, revision, uncommitted)
        if len(suspects):
            _check_counted(vault, before, suspects)
    return seen


def _told(vault: Vault, state: SeriesState, intervals: Sequence[Interval]) -> Sequence[Sequence[Block]] | None:
    """Return the whole blocks in each interval as of ``state``, or None if the series has moved on meanwhile.

    They are looked up before the rows are read: afterwards, a busy writer would always be ahead. Of a store that checks
    its rows itself, there is nothing to compare.
    """
    if (vault.store.capabilities.checksums and not vault.mismatch) or not state.revision:
        return ()
    timeframe = state.series.timeframe
    listed = [vault.ledger.catalog.blocks(state.series, interval) or [] for interval in intervals]
    if vault.ledger.revisions.state(state.series).revision != state.revision:
        return None
    return [
        [block for block in blocks if timeframe.block_end(block.start) <= interval.end]
        for interval, blocks in zip(intervals, listed, strict=True)
    ]


def _holds(vault: Vault, state: SeriesState, known: Sequence[Sequence[Block]], rows: Rows) -> bool:
    """Compare runs of whole blocks with the digests that the ledger has of them.

    Returns False if the series moved on meanwhile; raises `StoreDiverged` if rows are not those that were written.
    """
    timeframe = state.series.timeframe
    for whole in known:
        if not whole:
            continue
        stretch = Interval(whole[0].start, timeframe.block_end(whole[-1].start))
        found = block_digests(rows.within(stretch).standing(), timeframe)
        if found != whole:
            if vault.ledger.revisions.state(state.series) != state:
                return False
            raise StoreDiverged(series=str(state.series), detail=_divergence(whole, found))
    return True


def _check_whole(vault: Vault, series: Series, intervals: Sequence[Interval]) -> None:
    """Compare all that the blocks of these intervals hold now, before anything is read from a pair that does not fit.

    A store that was lost or set back keeps what it has free of errors, and has other bars than the ledger tells of.
    """
    for _ in range(_ATTEMPTS):
        state = vault.ledger.revisions.state(series)
        whole = kept_of(state, union(_blocks_around(interval, series.timeframe) for interval in intervals))
        known = _told(vault, state, whole)
        rows = None if known is None else _attempt(vault, state, whole, state.revision)
        if known is not None and rows is not None and _holds(vault, state, known, rows):
            return
    raise Busy(what=str(series), waited=_ATTEMPTS * _NAP)


def _blocks_around(interval: Interval, timeframe: Timeframe) -> Interval:
    first, last = max(interval.start, EARLIEST), min(interval.end, LATEST)
    if first >= last:
        return interval
    starts = timeframe.block_of(np.array([first, last - 1], np.int64)).tolist()
    return Interval(min(interval.start, starts[0]), max(interval.end, timeframe.block_end(starts[1])))


def _divergence(known: Sequence[Block], found: Sequence[Block]) -> str:
    actual = {block.start: block for block in found}
    wrong = [block.start for block in known if actual.pop(block.start, None) != block]
    starts = sorted([*wrong, *actual])
    more = f" and {len(starts) - 1} more" if len(starts) > 1 else ""
    return f"the block of {format_time(starts[0])}{more} has other bars than were written"


def _strange(vault: Vault, latest: Rows, state: SeriesState) -> bool:
    """Tell whether a row was left by a writer that woke after its lease; a fencing store lets none do so."""
    if (vault.store.capabilities.fencing and not vault.mismatch) or not len(latest):
        return False
    if int(latest.revision.max()) > state.revision:
        return True
    if not state.aborted:
        return False
    unborn = np.array(sorted(vault.ledger.revisions.uncommitted(state.series)), np.int64)
    return bool(np.isin(latest.revision, unborn).any())


def _check_counted(vault: Vault, state: SeriesState, suspects: Rows) -> None:
    """Compare the blocks of rows that nobody may see with the number of bars that the ledger counts in them."""
    timeframe = state.series.timeframe
    for start in np.unique(timeframe.block_of(suspects.time)).tolist():
        block = Interval(start, timeframe.block_end(start))
        counted = vault.ledger.catalog.blocks(state.series, block)
        latest = vault.store.read(state.series, CURRENT, [block])
        copies = vault.store.read_copies(state.series, [block])
        uncommitted = vault.ledger.revisions.uncommitted(state.series)
        found = len(visible(latest, copies, state.revision, uncommitted).standing())
        expected = sum(known.rows for known in counted or ())
        if vault.ledger.revisions.state(state.series) == state and found < expected:
            detail = f"{expected - found} of {expected} bars of the block at {format_time(start)} are missing"
            raise StoreDiverged(series=str(state.series), detail=detail)
