"""Pins in SQL, and the digests that the ledger knows without reading a bar."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from barledger.domain.digest import EMPTY_ROOT, root_digest
from barledger.domain.interval import BEGINNING, Interval, format_time
from barledger.domain.series import Series
from barledger.errors import RevisionExpired, SeriesNotFound
from barledger.ledger.contract import Intent, Pin
from barledger.ledger.sql import blocks, schema
from barledger.ledger.sql.audit import Fragment, canonical, quote
from barledger.ledger.sql.series_table import SeriesTable, gone_of
from barledger.ledger.sql.transaction import Transaction, Writing

_COLUMNS: Final = ("snapshot_id", "position", "series_id", "start", "end", "revision", "rows", "digest")
_NAMES: Final = ", ".join(f'"pins"."{name}"' for name in _COLUMNS)
_LIVING: Final = (
    f'SELECT {_NAMES} FROM "pins" JOIN "snapshots" ON "snapshots"."id" = "pins"."snapshot_id" WHERE "series_id" = ? '
    'AND "state" <> \'deleted\' AND NOT "materialised"'
)
# From so many snapshots on, all pins are read and sorted out here.
_MANY: Final = 200


class _Row(NamedTuple):
    """What of a series' row concerns a pin."""

    id: int
    revision: int
    rows: int
    gone: str
    newest_start: int | None
    digest: bytes | None


_ROW: Final = ", ".join(f'"{name}"' for name in _Row._fields)


def make(writing: Writing, names: SeriesTable, ranges: Sequence[Intent]) -> list[Pin]:
    """Pin ranges now, with digests where they hold whole blocks only; raises `SeriesNotFound`, `RevisionExpired`."""
    ids = names.ids_of(writing, [intent.series for intent in ranges])
    rows = _rows(writing, [number for number in ids if number is not None])
    for number, intent in zip(ids, ranges, strict=True):
        if number is None or not rows[number].revision:
            raise SeriesNotFound(series=str(intent.series))
        _refuse_gone(rows[number], intent)
    bounded = {number for number, intent in zip(ids, ranges, strict=True) if intent.interval.start != BEGINNING}
    oldest = _oldest(writing, sorted(number for number in bounded if number is not None))
    return [
        _pin(writing, rows[number or 0], intent, oldest.get(number or 0))
        for number, intent in zip(ids, ranges, strict=True)
    ]


def keep(writing: Writing, names: SeriesTable, snapshot_id: str, pins: Sequence[Pin], *, after: int = 0) -> list[int]:
    """Write pins down, at positions from ``after``, and return their series' ids."""
    ids = names.ensure(writing, [pin.series for pin in pins])
    rows = [
        (snapshot_id, position, number, pin.interval.start, pin.interval.end, pin.revision, pin.rows, pin.digest)
        for position, (number, pin) in enumerate(zip(ids, pins, strict=True), after)
    ]
    writing.insert(schema.pins, _COLUMNS, rows)
    return ids


def protect(writing: Writing, ids: Sequence[int]) -> None:
    """Let series that were pinned just now keep, from now on, the digests of blocks up to their pins."""
    # A pin is at the last committed revision, so it is the newest pin that the series ever had.
    raise_to_pin = f'UPDATE "series" SET "pinned" = "revision" WHERE {writing.dialect.among("id")}'
    writing.run(f'{raise_to_pin} AND "pinned" <> "revision"', (writing.dialect.numbers(ids),))


def complete(writing: Writing, snapshot_id: str, pins: Sequence[Pin]) -> None:
    """Add digests; the pins are those of the snapshot, in their order."""
    rows = [(pin.rows, pin.digest, snapshot_id, position) for position, pin in enumerate(pins)]
    writing.update(schema.pins, ("rows", "digest"), ("snapshot_id", "position"), rows)


def of_snapshots(transaction: Transaction, names: SeriesTable, wanted: Sequence[str]) -> dict[str, list[Pin]]:
    """Return the pins of snapshots, each in its order."""
    query, parameters = f'SELECT {_NAMES} FROM "pins"', []
    if len(wanted) < _MANY:
        query += f' WHERE "snapshot_id" IN ({", ".join("?" for _ in wanted)})'
        parameters = list(wanted)
    found: dict[str, list[Pin]] = {name: [] for name in wanted}
    rows = transaction.all(f'{query} ORDER BY "snapshot_id", "position"', parameters) if wanted else []
    series = names.series_of(transaction, {row[2] for row in rows})
    for name, _, number, *rest in rows:
        if name in found:
            found[name].append(_read(series[number], rest))
    return found


def of_series(transaction: Transaction, series: Series, series_id: int) -> list[Pin]:
    """Return the pins whose rows lie among the series' own."""
    return [_read(series, rest) for _, _, _, *rest in transaction.all(_LIVING, (series_id,))]


def manifest(pin: Pin) -> Fragment:
    """Return a pin as canonical JSON: its members by name, numbers as text."""
    series, interval = pin.series, pin.interval
    return Fragment(
        f'{{"digest":"{(pin.digest or b"").hex()}","end":"{interval.end}","instrument":{quote(series.instrument)},'
        f'"is_adjusted":{"true" if series.is_adjusted else "false"},"revision":"{pin.revision}","rows":"{pin.rows}",'
        f'"source":{quote(series.source)},"start":"{interval.start}","timeframe":{quote(series.timeframe.name)}}}'
    )


def told(pins: Iterable[Pin]) -> Fragment:
    """Return pins as JSON."""
    return Fragment(f"[{','.join([manifest(pin).text for pin in pins])}]")


def data_hash(pins: Fragment) -> str:
    """Return SHA-256 over the canonical JSON of the manifest: what is pinned, in the order of preference."""
    return hashlib.sha256(canonical({"format": "barledger/manifest/1", "pins": pins}).encode()).hexdigest()


def _rows(writing: Writing, ids: Sequence[int]) -> dict[int, _Row]:
    query = f'SELECT {_ROW} FROM "series" WHERE {writing.dialect.among("id")}'
    return {row[0]: _Row._make(row) for row in writing.all(query, (writing.dialect.numbers(ids),))}


def _refuse_gone(row: _Row, intent: Intent) -> None:
    """Refuse a range that begins where retention has deleted; without a beginning it means what is left."""
    if not row.gone or intent.interval.start == BEGINNING:
        return
    gone = [one.interval for one in gone_of(row.gone) if not one.refilled and one.interval.intersects(intent.interval)]
    if gone:
        kept = format_time(max(interval.end for interval in gone))
        raise RevisionExpired(series=str(intent.series), requested=str(intent.interval), horizon=f"bars from {kept}")


def _oldest(writing: Writing, ids: Sequence[int]) -> dict[int, int]:
    """Return the start of each series' first block."""
    if not ids:
        return {}
    first = '(SELECT MIN("start") FROM "blocks" WHERE "series_id" = "series"."id")'
    query = f'SELECT "id", {first} FROM "series" WHERE {writing.dialect.among("id")}'
    return {number: start for number, start in writing.all(query, (writing.dialect.numbers(ids),)) if start is not None}


def _pin(writing: Writing, row: _Row, intent: Intent, oldest: int | None) -> Pin:
    """Pin a range; ``oldest`` is the start of the series' first block, if the range begins somewhere."""
    rows, digest = _known_digest(writing, row, intent, oldest)
    return Pin(series=intent.series, interval=intent.interval, revision=row.revision, rows=rows, digest=digest)


def _known_digest(writing: Writing, row: _Row, intent: Intent, oldest: int | None) -> tuple[int, bytes | None]:
    interval, timeframe = intent.interval, intent.series.timeframe
    if row.newest_start is None:
        return 0, EMPTY_ROOT
    if (oldest is None or oldest >= interval.start) and timeframe.block_end(row.newest_start) <= interval.end:
        return row.rows, bytes(row.digest or b"")
    inside = blocks.current(writing, row.id, _reach(intent))
    for block in inside:
        if block.start < interval.start or timeframe.block_end(block.start) > interval.end:
            return 0, None
    return sum(block.rows for block in inside), root_digest(inside)


def _reach(intent: Intent) -> Interval:
    """Return the interval from the start of the block in which it begins."""
    begin = int(intent.series.timeframe.block_of(np.array([intent.interval.start], np.int64))[0])
    return Interval(min(begin, intent.interval.start), intent.interval.end)


def _read(series: Series, rest: Sequence[Any]) -> Pin:
    start, end, revision, rows, digest = rest
    known = None if digest is None else bytes(digest)
    return Pin(series=series, interval=Interval(start, end), revision=revision, rows=rows, digest=known)
