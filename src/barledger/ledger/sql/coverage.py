"""Coverage in SQL: what sources were asked for, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from barledger.domain.interval import Interval, difference, union
from barledger.domain.series import Series
from barledger.ledger.contract import Cover
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import series_key
from barledger.ledger.sql.series_table import SeriesTable, series_named
from barledger.ledger.sql.transaction import Transaction, Writing

_KEY: Final = ("series_id", "start", "outcome")
_ASKED: Final = (
    'SELECT "instrument", "timeframe", "source", "is_adjusted" FROM "series" '
    'WHERE EXISTS (SELECT 1 FROM "coverage" WHERE "coverage"."series_id" = "series"."id")'
)
_COLUMNS: Final = (*_KEY, "end", "checked_at", "detail")


def add(writing: Writing, names: SeriesTable, covers: Sequence[Cover], time: int) -> None:
    """Note what was asked for; the newest answer about a stretch replaces the older ones."""
    asked: dict[Series, list[Cover]] = {}
    for cover in covers:
        if not cover.interval.empty:
            asked.setdefault(cover.series, []).append(cover)
    if not asked:
        return
    ids = names.ensure(writing, list(asked))
    known = of(writing, list(asked), ids)
    gone: list[tuple[Any, ...]] = []
    came: list[tuple[Any, ...]] = []
    for series, number in zip(asked, ids, strict=True):
        before = {_row(number, cover) for cover in known[series]}
        after = {_row(number, cover) for cover in _merge(known[series], asked[series], time)}
        gone += [row[:3] for row in before - after]
        came += sorted(after - before)
    writing.delete(schema.coverage, _KEY, gone)
    writing.insert(schema.coverage, _COLUMNS, came)


def of(transaction: Transaction, series: Sequence[Series], ids: Sequence[int]) -> dict[Series, list[Cover]]:
    """Return the coverage of each series, by start."""
    dialect = transaction.dialect
    query = 'SELECT "series_id", "start", "end", "outcome", "checked_at", "detail" FROM "coverage"'
    rows = transaction.all(
        f'{query} WHERE {dialect.among("series_id")} ORDER BY "start", "outcome"', (dialect.numbers(ids),)
    )
    named = dict(zip(ids, series, strict=True))
    found: dict[Series, list[Cover]] = {one: [] for one in series}
    for number, start, end, outcome, checked_at, detail in rows:
        one = named[number]
        cover = Cover(series=one, interval=Interval(start, end), outcome=outcome, checked_at=checked_at, detail=detail)
        found[one].append(cover)
    return found


def forget(writing: Writing, series: Mapping[int, Series], covers: Mapping[Series, Sequence[Cover]]) -> None:
    """Delete the coverage of series, by their numbers."""
    rows = [_row(number, cover)[:3] for number, one in series.items() for cover in covers[one]]
    writing.delete(schema.coverage, _KEY, rows)


def asked(transaction: Transaction, where: Mapping[str, str]) -> list[Series]:
    """Return the series that have coverage, of an instrument, a timeframe, both or any."""
    conditions = "".join(f' AND "{name}" = ?' for name in where)
    rows = transaction.all(f"{_ASKED}{conditions}", tuple(where.values()))
    return [series_named(*row) for row in rows]


def told(cover: Cover) -> dict[str, Any]:
    """Return an answer as the audit log has it."""
    interval = {"start": str(cover.interval.start), "end": str(cover.interval.end)}
    return {**series_key(cover.series), "interval": interval, "outcome": cover.outcome, "detail": cover.detail}


def replayed(series: Series, entries: Sequence[tuple[int, Sequence[Mapping[str, Any]]]]) -> list[Cover]:
    """Return what a series' answers had come to after entries of the log, each with its time (ns), in order."""
    key, known = series_key(series), list[Cover]()
    for time, answers in entries:
        mine = [_cover(series, one) for one in answers if all(one[name] == value for name, value in key.items())]
        if mine:
            known = _merge(known, mine, time)
    return sorted(known, key=lambda cover: (cover.interval.start, cover.outcome))


def _cover(series: Series, one: Mapping[str, Any]) -> Cover:
    interval = Interval(int(one["interval"]["start"]), int(one["interval"]["end"]))
    return Cover(series=series, interval=interval, outcome=one["outcome"], detail=one["detail"])


def _merge(known: Sequence[Cover], added: Sequence[Cover], time: int) -> list[Cover]:
    """Cut what is asked again out of the older answers, and join neighbours with the same outcome."""
    holes = union(cover.interval for cover in added)
    apart = [cover for cover in known if not any(_touch(cover.interval, hole) for hole in holes)]
    parts = [
        replace(cover, interval=left)
        for cover in known
        if cover not in apart
        for left in difference([cover.interval], holes)
    ]
    parts += [replace(cover, checked_at=time) for cover in added]
    answers = {(part.outcome, part.detail) for part in parts}
    return [*apart, *(joined for answer in answers for joined in _joined(parts, *answer))]


def _joined(parts: Sequence[Cover], outcome: str, detail: str) -> list[Cover]:
    mine = [part for part in parts if (part.outcome, part.detail) == (outcome, detail)]
    return [
        Cover(
            series=mine[0].series,
            interval=interval,
            outcome=outcome,
            detail=detail,
            checked_at=min(part.checked_at for part in mine if part.interval.intersects(interval)),
        )
        for interval in union(part.interval for part in mine)
    ]


def _touch(one: Interval, other: Interval) -> bool:
    return max(one.start, other.start) <= min(one.end, other.end)


def _row(series_id: int, cover: Cover) -> tuple[Any, ...]:
    return series_id, cover.interval.start, cover.outcome, cover.interval.end, cover.checked_at, cover.detail
