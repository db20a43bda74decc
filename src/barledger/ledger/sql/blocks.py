"""Block digests in SQL: the current ones, the roots over them, and the older ones that pins still need."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from barledger.domain.digest import EMPTY_ROOT, Block, root_digest
from barledger.domain.interval import Interval
from barledger.ledger.contract import SeriesChange
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database

_now = schema.blocks
_then = schema.block_history
_all_of = sa.select(_now).where(_now.c.series_id == sa.bindparam("id")).order_by(_now.c.start)


def apply_change(
    database: Database, connection: Connection, row: Any, change: SeriesChange, revision: int
) -> dict[str, Any]:
    """Note a change's digests, and return the columns of the series' row that follow from them."""
    if not change.blocks and not change.emptied:
        return {}
    starts = [*(block.start for block in change.blocks), *change.emptied]
    appends = not change.emptied and (row.newest_start is None or min(starts) >= row.newest_start)
    if row.pinned and not (appends and (row.newest_start is None or min(starts) > row.newest_start)):
        _keep_for_pins(connection, row, starts, revision)
    _write(database, connection, row.id, change, revision)
    return _appended(row, change.blocks) if appends else _rechained(connection, row.id)


def current(connection: Connection, series_id: int, interval: Interval) -> list[Block]:
    """Return the newest digests of the blocks that start in the interval."""
    inside = (_now.c.start >= interval.start) & (_now.c.start < interval.end)
    query = sa.select(_now).where(_now.c.series_id == series_id, inside).order_by(_now.c.start)
    return [_block(found) for found in connection.execute(query)]


def as_of(connection: Connection, series_id: int, interval: Interval, revision: int) -> list[Block]:
    """Return the digests of the blocks that start in the interval, at a revision that is pinned."""
    inside = (_now.c.start >= interval.start) & (_now.c.start < interval.end)
    living = sa.select(_now.c.start, _now.c.rows, _now.c.digest).where(
        _now.c.series_id == series_id, inside, _now.c.revision <= revision
    )
    before = (_then.c.start >= interval.start) & (_then.c.start < interval.end)
    replaced = sa.select(_then.c.start, _then.c.rows, _then.c.digest).where(
        _then.c.series_id == series_id, before, _then.c.revision <= revision, _then.c.superseded_at > revision
    )
    query = sa.union_all(living, replaced).order_by("start")
    return [_block(found) for found in connection.execute(query)]


def _block(row: Any) -> Block:
    return Block(start=row.start, rows=row.rows, digest=bytes(row.digest))


def _keep_for_pins(connection: Connection, row: Any, starts: Sequence[int], revision: int) -> None:
    columns = [_now.c.series_id, _now.c.start, _now.c.revision, _now.c.rows, _now.c.digest]
    # The hull is narrowed in Python: a list of thousands of starts would be slower than reading some more rows.
    hull = (_now.c.start >= min(starts)) & (_now.c.start <= max(starts))
    query = sa.select(*columns).where(_now.c.series_id == row.id, hull, _now.c.revision <= row.pinned)
    wanted = set(starts)
    kept = [
        {**found._asdict(), "superseded_at": revision} for found in connection.execute(query) if found.start in wanted
    ]
    if kept:
        connection.execute(sa.insert(_then), kept)


def _write(database: Database, connection: Connection, series_id: int, change: SeriesChange, revision: int) -> None:
    if change.blocks:
        rows = [
            {"series_id": series_id, "start": one.start, "rows": one.rows, "digest": one.digest, "revision": revision}
            for one in change.blocks
        ]
        connection.execute(database.upsert(_now, ["rows", "digest", "revision"]), rows)
    if change.emptied:
        gone = sa.delete(_now).where(_now.c.series_id == series_id, _now.c.start == sa.bindparam("emptied"))
        connection.execute(gone, [{"emptied": start} for start in change.emptied])


def _appended(row: Any, blocks: Sequence[Block]) -> dict[str, Any]:
    replaces = row.newest_start is not None and blocks[0].start == row.newest_start
    before = (row.sealed if replaces else row.digest) or EMPTY_ROOT
    sealed = root_digest(blocks[:-1], after=bytes(before))
    rows = row.rows - (row.newest_rows if replaces else 0) + sum(block.rows for block in blocks)
    return _columns(sealed, blocks[-1], rows)


def _rechained(connection: Connection, series_id: int) -> dict[str, Any]:
    blocks = [_block(found) for found in connection.execute(_all_of, {"id": series_id})]
    if not blocks:
        nothing: Mapping[str, Any] = dict.fromkeys(("sealed", "newest_start", "newest_digest"))
        return {**nothing, "digest": EMPTY_ROOT, "newest_rows": 0, "rows": 0}
    return _columns(root_digest(blocks[:-1]), blocks[-1], sum(block.rows for block in blocks))


def _columns(sealed: bytes, newest: Block, rows: int) -> dict[str, Any]:
    return {
        "sealed": sealed,
        "digest": root_digest([newest], after=sealed),
        "newest_start": newest.start,
        "newest_rows": newest.rows,
        "newest_digest": newest.digest,
        "rows": rows,
    }
