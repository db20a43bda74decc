"""What snapshots hold and the current blocks do not, in SQL, and when it was last read again."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, NamedTuple

from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.ledger.contract import PinnedCheck
from barledger.ledger.sql import schema
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Transaction, Writing

_JOINED: Final = (
    'FROM "pins" JOIN "snapshots" ON "snapshots"."id" = "pins"."snapshot_id" '
    'WHERE "state" <> \'deleted\' AND "digest" IS NOT NULL'
)
_COPIES: Final = (
    f'SELECT "series_id", "start", "end", "revision", "rows", "digest", "snapshot_id" {_JOINED} AND "materialised"'
)
# Snapshots that pin the same stretch at the same revision hold the same bars: one of them stands for all.
_SHARED: Final = (
    f'SELECT "series_id", "start", "end", "revision", "rows", "digest", MAX("snapshot_id") {_JOINED} '
    'AND NOT "materialised" AND "series_id" IN (SELECT "series_id" FROM "block_history")'
)
_ALIKE: Final = ' GROUP BY "series_id", "start", "end", "revision", "rows", "digest"'
_HISTORY: Final = (
    'SELECT "series_id", "start", "revision", "rows", "digest", "superseded_at" FROM "block_history" WHERE 1 = 1'
)
_CHECKS: Final = (
    'SELECT "series_id", "start", "revision", "snapshot_id", "checked_at", "ok", "detail" FROM "pinned_checks" '
    "WHERE 1 = 1"
)
_KEY: Final = ("series_id", "start", "revision", "snapshot_id")
_CHECKED: Final = ("checked_at", "ok", "detail")


class _Pin(NamedTuple):
    """A stretch of a series that some snapshot pins."""

    series_id: int
    start: int
    end: int
    revision: int
    rows: int
    digest: bytes
    snapshot: str


class _Old(NamedTuple):
    """A block as it was until a revision superseded it."""

    series_id: int
    start: int
    revision: int
    rows: int
    digest: bytes
    superseded_at: int


def pinned(
    transaction: Transaction, names: SeriesTable, among: str = "", given: Sequence[Any] = ()
) -> list[PinnedCheck]:
    """Return what snapshots hold beside the current blocks, of the series that a condition chooses."""
    pins = [_Pin(*row) for row in transaction.all(f"{_SHARED}{among}{_ALIKE}", given)]
    copies = [_Pin(*row) for row in transaction.all(f"{_COPIES}{among}", given)]
    if not pins and not copies:
        return []
    old = [_Old(*row) for row in transaction.all(f"{_HISTORY}{among}", given)] if pins else []
    series = names.series_of(transaction, {one.series_id for one in (*pins, *copies)})
    found = {_key(one.series_id, check): check for one in copies for check in (_whole(series[one.series_id], one),)}
    for number, check in _superseded(series, pins, old):
        found[_key(number, check)] = check
    checks = {tuple(row[:4]): row[4:] for row in transaction.all(f"{_CHECKS}{among}", given)}
    return [_looked_at(check, checks.get(key)) for key, check in sorted(found.items())]


def keep(writing: Writing, names: SeriesTable, checks: Sequence[PinnedCheck], at: int) -> None:
    """Note what came of reading it again."""
    ids = names.ensure(writing, [one.series for one in checks])
    rows = [(*_key(number, one), at, one.ok, one.detail) for number, one in zip(ids, checks, strict=True)]
    writing.insert(schema.pinned_checks, (*_KEY, *_CHECKED), rows, replaced=_CHECKED)


def _superseded(
    series: dict[int, Series], pins: Sequence[_Pin], old: Sequence[_Old]
) -> Iterator[tuple[int, PinnedCheck]]:
    """Give the superseded blocks that pins hold whole, and the pins that hold a part of one."""
    ordered = sorted(pins, key=lambda pin: (pin.series_id, pin.revision))
    by_series = {number: list(some) for number, some in groupby(ordered, key=lambda pin: pin.series_id)}
    for block in old:
        mine = by_series.get(block.series_id, ())
        first = bisect_left(mine, block.revision, key=lambda pin: pin.revision)
        after = bisect_left(mine, block.superseded_at, key=lambda pin: pin.revision)
        if first == after:
            continue
        whose = series[block.series_id]
        interval = Interval(block.start, whose.timeframe.block_end(block.start))
        holding = [pin for pin in mine[first:after] if pin.start < interval.end and interval.start < pin.end]
        around = [pin for pin in holding if pin.start <= interval.start and interval.end <= pin.end]
        if around:
            yield block.series_id, _block(whose, block, interval, max(around, key=lambda pin: pin.revision))
        else:
            # Retention may have deleted the rest of the block, so only the pin's own digest tells.
            yield from ((block.series_id, _whole(whose, pin)) for pin in holding)


def _block(series: Series, block: _Old, interval: Interval, pin: _Pin) -> PinnedCheck:
    return PinnedCheck(
        series=series,
        interval=interval,
        rows=block.rows,
        digest=bytes(block.digest),
        revision=block.revision,
        pinned_at=pin.revision,
        snapshot=pin.snapshot,
    )


def _whole(series: Series, pin: _Pin) -> PinnedCheck:
    return PinnedCheck(
        series=series,
        interval=Interval(pin.start, pin.end),
        rows=pin.rows,
        digest=bytes(pin.digest),
        revision=pin.revision,
        pinned_at=pin.revision,
        snapshot=pin.snapshot,
        whole=True,
    )


def _key(number: int, check: PinnedCheck) -> tuple[int, int, int, str]:
    return number, check.interval.start, check.revision, check.snapshot if check.whole else ""


def _looked_at(check: PinnedCheck, last: Sequence[Any] | None) -> PinnedCheck:
    if last is None:
        return check
    at, ok, detail = last
    return replace(check, checked_at=at, ok=bool(ok), detail=detail)
