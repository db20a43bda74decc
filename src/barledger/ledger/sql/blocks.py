"""Block digests in SQL: the current ones, the roots over them, and the older ones that pins still need.

A series' row keeps the chain before its newest block, so a commit that only touches the newest block, or adds later
ones, reads no other digest. A change further back chains all of them again.
"""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from barledger.domain.digest import EMPTY_ROOT, Block, root_digest
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.ledger.contract import SeriesChange
from barledger.ledger.sql import schema
from barledger.ledger.sql.transaction import Transaction, Writing

_INSIDE: Final = '"series_id" = ? AND "start" >= ? AND "start" < ?'
_CURRENT: Final = f'SELECT "start", "rows", "digest" FROM "blocks" WHERE {_INSIDE} ORDER BY "start"'
_CURRENT_OF: Final = 'SELECT "series_id", "start", "rows", "digest" FROM "blocks" WHERE "start" >= ? AND "start" < ?'
_COUNTS_OF: Final = 'SELECT "series_id", "start", "rows" FROM "blocks" WHERE "start" >= ? AND "start" < ?'
_AS_OF: Final = (
    f'SELECT "start", "rows", "digest" FROM "blocks" WHERE {_INSIDE} AND "revision" <= ? UNION ALL '
    f'SELECT "start", "rows", "digest" FROM "block_history" WHERE {_INSIDE} AND "revision" <= ? '
    'AND "superseded_at" > ? ORDER BY 1'
)
_ALL: Final = 'SELECT "start", "rows", "digest" FROM "blocks" WHERE "series_id" = ? ORDER BY "start"'
_PINNED: Final = (
    'SELECT 1 FROM "pins" JOIN "snapshots" ON "snapshots"."id" = "pins"."snapshot_id" WHERE "pins"."series_id" = ? '
    'AND "pins"."revision" = ? AND "kind" = \'snapshot\' AND "state" <> \'deleted\' LIMIT 1'
)
_CHECKED: Final = (
    'SELECT 1 FROM "snapshots" WHERE "id" = "pinned_checks"."snapshot_id" AND "state" <> \'deleted\' UNION ALL '
    'SELECT 1 FROM "block_history" WHERE "block_history"."series_id" = "pinned_checks"."series_id" AND '
    '"block_history"."start" = "pinned_checks"."start" AND "block_history"."revision" = "pinned_checks"."revision" '
    'AND "pinned_checks"."snapshot_id" = \'\''
)
_KEY: Final = ("series_id", "start")


class Root(NamedTuple):
    """The digest of a series and the link of the chain before its newest block, as the series' row keeps them."""

    digest: bytes | None
    sealed: bytes | None
    newest_start: int | None
    newest_rows: int
    newest_digest: bytes | None
    rows: int


def apply_changes(writing: Writing, changes: Sequence[tuple[Any, SeriesChange]], revision: int) -> list[Root]:
    """Note the digests of many changes, each given with its series' row; returns what the rows then have to hold."""
    _keep_for_pins(writing, changes, revision)
    added = [
        (row.id, block.start, block.rows, block.digest, revision) for row, change in changes for block in change.blocks
    ]
    columns = (*_KEY, "rows", "digest", "revision")
    writing.insert(schema.blocks, columns, added, replaced=("rows", "digest", "revision"))
    writing.delete(schema.blocks, _KEY, [(row.id, start) for row, change in changes for start in change.emptied])
    return [_root(writing, row, change) for row, change in changes]


def current(transaction: Transaction, series_id: int, interval: Interval) -> list[Block]:
    """Return the newest digests of the blocks that start in the interval."""
    return _blocks(transaction.all(_CURRENT, (series_id, interval.start, interval.end)))


def current_of(transaction: Transaction, ids: Sequence[int], interval: Interval) -> dict[int, list[Block]]:
    """Return the newest digests of the blocks that start in the interval, by the ids of their series."""
    dialect = transaction.dialect
    query = f'{_CURRENT_OF} AND {dialect.among("series_id")} ORDER BY "series_id", "start"'
    found: dict[int, list[Block]] = {}
    for number, *block in transaction.all(query, (interval.start, interval.end, dialect.numbers(ids))):
        found.setdefault(number, []).append(Block(start=block[0], rows=block[1], digest=bytes(block[2])))
    return found


def counts_of(transaction: Transaction, ids: Sequence[int], interval: Interval) -> dict[int, tuple[Ints, Ints]]:
    """Return the starts and the rows of the blocks that start in the interval, by the ids of their series."""
    dialect = transaction.dialect
    query = f'{_COUNTS_OF} AND {dialect.among("series_id")} ORDER BY "series_id", "start"'
    rows = transaction.all(query, (interval.start, interval.end, dialect.numbers(ids)))
    if not rows:
        return {}
    table = np.fromiter(chain.from_iterable(rows), np.int64, 3 * len(rows)).reshape(-1, 3)
    numbers, firsts = np.unique(table[:, 0], return_index=True)
    parts = np.split(table, firsts[1:])
    return {number: (part[:, 1], part[:, 2]) for number, part in zip(numbers.tolist(), parts, strict=True)}


def as_of(transaction: Transaction, series_id: int, interval: Interval, revision: int) -> list[Block] | None:
    """Return the digests of the blocks that start in the interval, at a revision; None if nothing pins it."""
    if transaction.one(_PINNED, (series_id, revision)) is None:
        return None
    inside = (series_id, interval.start, interval.end, revision)
    return _blocks(transaction.all(_AS_OF, (*inside, *inside, revision)))


def forget_unpinned(writing: Writing, series_ids: Sequence[int]) -> None:
    """Drop the older digests that no pin needs any more."""
    ids = writing.dialect.numbers(list(dict.fromkeys(series_ids)))
    living = (
        'FROM "pins" JOIN "snapshots" ON "snapshots"."id" = "pins"."snapshot_id" '
        "AND \"kind\" = 'snapshot' AND \"state\" <> 'deleted'"
    )
    pinned = f'SELECT COALESCE(MAX("pins"."revision"), 0) {living} WHERE "pins"."series_id" = "series"."id"'
    among = writing.dialect.among
    writing.run(f'UPDATE "series" SET "pinned" = ({pinned}) WHERE {among("id")}', (ids,))
    needed = (
        f'SELECT 1 {living} WHERE "pins"."series_id" = "block_history"."series_id" '
        'AND "pins"."revision" >= "block_history"."revision" AND "pins"."revision" < "block_history"."superseded_at"'
    )
    writing.run(f'DELETE FROM "block_history" WHERE {among("series_id")} AND NOT EXISTS ({needed})', (ids,))
    writing.run(f'DELETE FROM "pinned_checks" WHERE {among("series_id")} AND NOT EXISTS ({_CHECKED})', (ids,))


def _keep_for_pins(writing: Writing, changes: Sequence[tuple[Any, SeriesChange]], revision: int) -> None:
    """Copy the digests that are about to be replaced, if they are not younger than the newest pin.

    One of this very revision was never seen: only retention, which keeps the series' revision, replaces such.
    """
    replaced = [
        (revision, row.id, start, min(row.pinned, revision - 1))
        for row, change in changes
        if row.pinned and row.newest_start is not None
        for start in _starts(change)
        if start <= row.newest_start
    ]
    copy = writing.dialect.copy(schema.blocks, schema.block_history, _KEY, "revision", "superseded_at")
    writing.run_many(copy, replaced)


def _root(writing: Writing, row: Any, change: SeriesChange) -> Root:
    starts = _starts(change)
    if not starts:
        return Root(**{name: getattr(row, name) for name in Root._fields})
    if not change.emptied and (row.newest_start is None or min(starts) >= row.newest_start):
        return _appended(row, sorted(change.blocks))
    return _chained(_blocks(writing.all(_ALL, (row.id,))))


def _appended(row: Any, blocks: Sequence[Block]) -> Root:
    replaces = blocks[0].start == row.newest_start
    before = (row.sealed if replaces else row.digest) or EMPTY_ROOT
    rows = row.rows - (row.newest_rows if replaces else 0) + sum(block.rows for block in blocks)
    return _ending(root_digest(blocks[:-1], after=bytes(before)), blocks[-1], rows)


def _chained(blocks: Sequence[Block]) -> Root:
    if not blocks:
        nothing = {"sealed": None, "newest_start": None, "newest_digest": None}
        return Root(digest=EMPTY_ROOT, newest_rows=0, rows=0, **nothing)
    return _ending(root_digest(blocks[:-1]), blocks[-1], sum(block.rows for block in blocks))


def _ending(sealed: bytes, newest: Block, rows: int) -> Root:
    return Root(
        digest=root_digest([newest], after=sealed),
        sealed=sealed,
        newest_start=newest.start,
        newest_rows=newest.rows,
        newest_digest=newest.digest,
        rows=rows,
    )


def _starts(change: SeriesChange) -> list[int]:
    return [*(block.start for block in change.blocks), *change.emptied]


def _blocks(rows: Sequence[Any]) -> list[Block]:
    return [Block(start=start, rows=count, digest=bytes(digest)) for start, count, digest in rows]
