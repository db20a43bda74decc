"""What a write means for a series: which rows are copied away, which are written, and which digests follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barledger.domain.comparison import EXACT, Comparison, Tolerance, changed_fields, compare
from barledger.domain.digest import Block, block_digests, block_edges, paired_digests
from barledger.domain.interval import Interval, format_time, union
from barledger.domain.rows import Flags, Ints, Rows, found_in, overlay
from barledger.domain.series import Series
from barledger.domain.version import LATEST, edition_layer
from barledger.errors import BlockDamaged, RevisionConflict
from barledger.ledger.contract import Intent, SeriesChange, SeriesState
from barledger.services.cache.reader import read_held
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Bars to write to a series, and tombstones that withdraw some; ascending, unique times, at least one."""

    series: Series
    rows: Rows
    tolerance: Tolerance = EXACT
    expected_revision: int | None = None

    @property
    def intent(self) -> Intent:
        """Return the stretch that this may touch."""
        return Intent(series=self.series, interval=_hull(self.series, self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is sent to the store, and what the ledger will be told; ``after`` are the touched blocks as they become."""

    draft: Draft
    copies: Sequence[Batch]
    current: Batch | None
    change: SeriesChange
    fields: dict[str, int]
    jitter: Rows
    after: Rows | None = None


def plan(vault: Vault, state: SeriesState, draft: Draft, revision: int) -> Plan:
    """Compare a draft with the bars that are there; raises `RevisionConflict` and `BlockDamaged`."""
    check_expected(vault, state, draft)
    touched = touched_blocks(draft) if state.max_edition else []
    tail = vault.tails.find(state, touched)
    stored = _stored(vault, state, draft, touched) if tail is None else tail
    comparison = _compare(stored, draft)
    written = draft.rows.take(comparison.written)
    counts = _counts(draft, comparison)
    if not len(written):
        change = SeriesChange(series=draft.series, interval=draft.intent.interval, **counts)
        return Plan(draft=draft, copies=(), current=None, change=change, fields={}, jitter=_jitter(draft, comparison))
    replaced = stored.take(comparison.replaced)
    current = _stamp(state, written, replaced, revision)
    before, starts = _touched(state, stored, current)
    after = overlay(before, current)
    if tail is None:
        blocks = _checked_blocks(vault, state, before.standing(), after.standing(), starts)
    else:
        blocks = block_digests(after.standing(), draft.series.timeframe)
    change = SeriesChange(
        series=draft.series,
        interval=_hull(draft.series, current),
        max_edition=max(state.max_edition, int(current.edition.max())),
        blocks=blocks,
        emptied=_emptied(starts, blocks),
        **counts,
    )
    return Plan(
        draft=draft,
        copies=copies_of(draft.series, replaced, revision),
        current=Batch(series=draft.series, layer=LATEST, rows=current),
        change=change,
        fields=_field_counts(stored, draft, comparison),
        jitter=_jitter(draft, comparison),
        after=after,
    )


def _hull(series: Series, rows: Rows) -> Interval:
    """Return the stretch from the first bar's opening to the last one's close."""
    return Interval(rows.time.item(0), series.timeframe.close_of(rows.time[-1:]).item())


def check_expected(vault: Vault, state: SeriesState, draft: Draft) -> None:
    """Raise `RevisionConflict` if the stretch was changed after the revision that the writer had read."""
    if draft.expected_revision is None:
        return
    expected = int(draft.expected_revision)  # in JSON, and in the provenance of bars, it is text
    found = state.revision
    if expected:
        found = vault.ledger.revisions.conflicting(draft.series, draft.intent.interval, expected)
    if found:
        raise RevisionConflict(series=str(draft.series), expected=expected, found=found)


def copies_of(series: Series, replaced: Rows, revision: int) -> list[Batch]:
    """Return the rows that are superseded, each for the layer of its own edition."""
    batches: list[Batch] = []
    for edition in np.unique(replaced.edition).tolist() if len(replaced) else ():
        rows = replaced.pick(replaced.edition == edition)
        copy = rows.stamped(
            revision=rows.revision, edition=rows.edition, withdrawn=rows.withdrawn, superseded_at=revision
        )
        batches.append(Batch(series=series, layer=edition_layer(edition), rows=copy))
    return batches


def _stored(vault: Vault, state: SeriesState, draft: Draft, touched: Sequence[Interval]) -> Rows:
    """Read the whole blocks that the draft touches, because their digests have to follow; a new series has none."""
    if not touched:
        return draft.rows.pick(slice(0, 0))
    return read_held(vault, state, touched)


def touched_blocks(draft: Draft) -> list[Interval]:
    """Return the digest blocks of the draft's bars, adjoining ones as one."""
    timeframe = draft.series.timeframe
    starts, _ = block_edges(draft.rows.time, timeframe)
    return union(Interval(start, timeframe.block_end(start)) for start in starts)


def _compare(stored: Rows, draft: Draft) -> Comparison:
    comparison = compare(stored, draft.rows, draft.tolerance)
    gone = draft.rows.withdrawn
    if gone is None:
        return comparison
    # A bar that never was cannot be withdrawn; that it is absent is what the caller wanted.
    unknown = np.asarray(comparison.new, np.int64)
    vain = gone[unknown]
    return Comparison(
        new=unknown[~vain],
        changed=comparison.changed,
        replaced=comparison.replaced,
        same=np.sort(np.concatenate([comparison.same, unknown[vain]])),
        jitter=comparison.jitter,
    )


def _counts(draft: Draft, comparison: Comparison) -> dict[str, Any]:
    gone = draft.rows.withdrawn
    withdrawn = 0 if gone is None else int(gone[comparison.changed].sum())
    return {
        "new": len(comparison.new),
        "changed": len(comparison.changed) - withdrawn,
        "withdrawn": withdrawn,
        "same": len(comparison.same),
        "jitter": len(comparison.jitter),
    }


def _stamp(state: SeriesState, written: Rows, replaced: Rows, revision: int) -> Rows:
    """Give each row its number: a bar's first edition is 1, or follows the highest that retention deleted there."""
    if not len(replaced) and not state.edition_floor:
        return written.stamped(revision=revision, edition=1, withdrawn=written.withdrawn)
    edition = np.ones(len(written), np.int64)
    for gone in state.gone:
        inside = (written.time >= gone.interval.start) & (written.time < gone.interval.end)
        edition[inside] = state.edition_floor + 1
    edition[found_in(written.time, replaced.time)] = replaced.edition + 1
    return written.stamped(revision=revision, edition=edition, withdrawn=written.withdrawn)


def _touched(state: SeriesState, stored: Rows, current: Rows) -> tuple[Rows, Ints]:
    """Return the rows of the blocks that change, and the blocks' starts."""
    timeframe = state.series.timeframe
    starts = np.array(block_edges(current.time, timeframe)[0], np.int64)
    if not len(stored):
        return stored, starts
    if len(starts) == 1:
        return stored.within(Interval(int(starts[0]), timeframe.block_end(int(starts[0])))), starts
    if set(block_edges(stored.time, timeframe)[0]) <= set(starts.tolist()):
        return stored, starts
    return stored.within_any(union(Interval(start, timeframe.block_end(start)) for start in starts.tolist())), starts


def _emptied(starts: Ints, blocks: Sequence[Block]) -> list[int]:
    kept = {block.start for block in blocks}
    return [start for start in starts.tolist() if start not in kept]


def _checked_blocks(vault: Vault, state: SeriesState, before: Rows, after: Rows, starts: Ints) -> list[Block]:
    """Return the blocks as they become; raises `BlockDamaged` unless they are what the ledger keeps of them."""
    timeframe = state.series.timeframe
    if not state.rows:
        return block_digests(after, timeframe)
    found, blocks = paired_digests(before, after, timeframe)
    _check_blocks(vault, state, found, starts)
    return blocks


def _check_blocks(vault: Vault, state: SeriesState, blocks: Sequence[Block], starts: Ints) -> None:
    """Raise `BlockDamaged` unless the blocks at ``starts`` have the digests that the ledger keeps."""
    found = {block.start: block for block in blocks}
    listed = _known(vault, state, starts)
    for start in starts.tolist():
        known, actual = listed.get(start), found.get(start)
        if known != actual:
            raise BlockDamaged(
                series=str(state.series),
                block=format_time(start),
                expected=known.digest.hex() if known else "none (no bars)",
                found=actual.digest.hex() if actual else "none (no bars)",
            )


def _known(vault: Vault, state: SeriesState, starts: Ints) -> dict[int, Block]:
    newest = state.newest
    if newest is not None and int(starts[0]) >= newest.start:
        return {newest.start: newest}
    hull = Interval(int(starts[0]), int(starts[-1]) + 1)
    return {block.start: block for block in vault.ledger.catalog.blocks(state.series, hull) or ()}


def _field_counts(stored: Rows, draft: Draft, comparison: Comparison) -> dict[str, int]:
    if not len(comparison.changed):
        return {}
    old, new = stored.take(comparison.replaced), draft.rows.take(comparison.changed)
    if new.withdrawn is not None:
        old, new = old.pick(~new.withdrawn), new.pick(~new.withdrawn)
    flags: dict[str, Flags] = changed_fields(old, new)
    return {name: int(flag.sum()) for name, flag in flags.items() if flag.any()}


def _jitter(draft: Draft, comparison: Comparison) -> Rows:
    return draft.rows.pick(comparison.jitter)
