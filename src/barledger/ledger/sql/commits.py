"""What a commit changes in the ledger's tables, inside its transaction."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

from collections.abc import Mapping, Sequence
from typing import Any, Final

from barledger.domain.interval import Interval, difference, intersection
from barledger.errors import LeaseLost
from barledger.ledger.contract import Forgotten, Gone, Pending, SeriesChange
from barledger.ledger.sql import blocks, schema
from barledger.ledger.sql.audit import Fragment, fragment, series_key
from barledger.ledger.sql.blocks import Root
from barledger.ledger.sql.series_table import gone_of, gone_to_json
from barledger.ledger.sql.transaction import Writing

_SERIES_COLUMNS: Final = ("revision", "pending", "max_edition", "gone", *Root._fields)
_COUNTS: Final = ("new", "changed", "withdrawn", "same", "jitter")
_LINK_COLUMNS: Final = ("start", "end", "new", "changed", "withdrawn", "jitter")
_KEY: Final = ("series_id", "revision")


def apply(
    writing: Writing, ids: Sequence[int], rows: dict[int, Any], pending: Pending, changes: Sequence[SeriesChange]
) -> Fragment:
    """Make the changes true, and return what the audit log keeps of them; raises `LeaseLost` if a series is not ours.

    A series in which no bar changed keeps its revision: the commit leaves no trace on it.
    """
    for number, change in zip(ids, changes, strict=True):
        if rows[number].pending != pending.revision:
            raise LeaseLost(what=str(change.series), waited=0.0)
    pairs = [(rows[number], change) for number, change in zip(ids, changes, strict=True)]
    touched = [(row, change) for row, change in pairs if _touches(row, change, pending.revision)]
    roots = blocks.apply_changes(writing, touched, pending.revision)
    updates = [_update(row, change, root, pending.revision) for (row, change), root in zip(touched, roots, strict=True)]
    writing.update(schema.series, _SERIES_COLUMNS, ("id",), updates)
    if len(touched) < len(pending.states):
        unlock(writing, pending.revision)
    _settle_links(writing, pending, touched)
    after = {row.id: root.digest for (row, _), root in zip(touched, roots, strict=True)}
    return fragment([_told(change, row.digest, after.get(row.id, row.digest)) for row, change in pairs])


def forget(writing: Writing, row: Any, forgotten: Forgotten, revision: int) -> Fragment:
    """Take what retention deletes out of a series, and return what the audit log keeps of it."""
    change = SeriesChange(
        series=forgotten.series,
        interval=_hull(forgotten.intervals),
        blocks=forgotten.blocks,
        emptied=forgotten.emptied,
    )
    # What is left is still the state of the series' last revision.
    (root,) = blocks.apply_changes(writing, [(row, change)], row.revision)
    kept = _without(gone_of(row.gone), forgotten.intervals)
    gone = [*kept, *(Gone(interval=interval, revision=revision) for interval in forgotten.intervals)]
    horizon = max(row.horizon, forgotten.horizon)
    floor = max(row.edition_floor, forgotten.edition_floor)
    columns = ("horizon", "gone", "edition_floor", *Root._fields)
    writing.update(schema.series, columns, ("id",), [(horizon, gone_to_json(gone), floor, *root, row.id)])
    return fragment([_told(change, row.digest, root.digest)])


def unlock(writing: Writing, revision: int) -> None:
    """Let go of every series that the revision holds."""
    held = '"id" IN (SELECT "series_id" FROM "revision_series" WHERE "revision" = ?) AND "pending" = ?'
    writing.run(f'UPDATE "series" SET "pending" = 0 WHERE {held}', (revision, revision))


def told(pending: Pending, details: Mapping[str, Any], series: Fragment) -> dict[str, Any]:
    """Return what the audit log keeps of a commit."""
    return {"revision": pending.revision, "series": series, **({"details": details} if details else {})}


def counts(change: SeriesChange) -> dict[str, Any]:
    """Return the series and the numbers of bars that are not zero, as members of JSON."""
    numbers = {name: getattr(change, name) for name in _COUNTS}
    return {**series_key(change.series), **{name: str(number) for name, number in numbers.items() if number}}


def _hull(intervals: Sequence[Interval]) -> Interval:
    return Interval(intervals[0].start, intervals[-1].end) if intervals else Interval(0, 0)


def _without(gone: Sequence[Gone], intervals: Sequence[Interval]) -> list[Gone]:
    """Return the stretches that retention deleted earlier, less what it deletes once more."""
    return [
        Gone(interval=left, revision=one.revision, refilled=one.refilled)
        for one in gone
        for left in difference([one.interval], intervals)
    ]


def _touches(row: Any, change: SeriesChange, revision: int) -> bool:
    if change.new or change.changed or change.withdrawn or change.blocks or change.emptied:
        return True
    return any(gone.revision == revision for gone in gone_of(row.gone))


def _update(row: Any, change: SeriesChange, root: Root, revision: int) -> tuple[Any, ...]:
    gone = row.gone
    if gone and change.new + change.changed:
        gone = gone_to_json(_refilled(gone_of(gone), change.interval))
    return (revision, 0, max(row.max_edition, change.max_edition), gone, *root, row.id)


def _refilled(gone: Sequence[Gone], written: Interval) -> list[Gone]:
    """Mark the parts in which bars were written again."""
    parts = []
    for one in gone:
        inside = intersection([one.interval], [written])
        parts += [Gone(interval=part, revision=one.revision, refilled=True) for part in inside]
        parts += [
            Gone(interval=part, revision=one.revision, refilled=one.refilled)
            for part in difference([one.interval], inside)
        ]
    return parts


def _settle_links(writing: Writing, pending: Pending, touched: Sequence[tuple[Any, SeriesChange]]) -> None:
    if len(touched) < len(pending.states):
        kept = {row.id for row, _ in touched}
        held = writing.all('SELECT "series_id" FROM "revision_series" WHERE "revision" = ?', (pending.revision,))
        idle = [(number, pending.revision) for (number,) in held if number not in kept]
        writing.delete(schema.revision_series, _KEY, idle)
    links = [
        (
            change.interval.start,
            change.interval.end,
            change.new,
            change.changed,
            change.withdrawn,
            change.jitter,
            row.id,
            pending.revision,
        )
        for row, change in touched
    ]
    writing.update(schema.revision_series, _LINK_COLUMNS, _KEY, links)


def _told(change: SeriesChange, before: bytes | None, after: bytes | None) -> dict[str, Any]:
    """Return what the audit log keeps of one series: counts, and the digests before and after."""
    return {
        **counts(change),
        "interval": {"start": str(change.interval.start), "end": str(change.interval.end)},
        "digest_before": bytes(before or b"").hex(),
        "digest_after": bytes(after or b"").hex(),
    }
