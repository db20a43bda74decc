"""Reading: enough bars for values that are right from the first row, with those of other instruments beside them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.rows import VALUES, Floats
from barledger.domain.series import normalise_instrument
from barledger.domain.version import Version
from barledger.errors import InputMissing
from barledger.indicators.binding import Column, Request, bounds
from barledger.indicators.relying import Gaps
from barledger.indicators.table import Table
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import find_snapshot
from barledger.services.indicators.absences import Absences
from barledger.services.indicators.held import Held
from barledger.services.indicators.question import Need, Question
from barledger.services.retrieval import DataRetrievalService

EXTRA: Final = "adjustment_factor"
_MOST_ROUNDS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Bars of an instrument and of others, all of one state, and the interval of which all bars are here.

    ``begins`` says that the series has no bars before these.
    """

    bars: Bars
    others: Mapping[str, Bars]
    interval: Interval
    begins: bool


class Reading:
    """Reads through a retrieval service, and makes tables of what it gives."""

    def __init__(self, retrieval: DataRetrievalService, absences: Absences, vault: Vault) -> None:
        """Take gaps from these absences, and what a snapshot pins from this ledger."""
        self._retrieval, self._absences, self._vault = retrieval, absences, vault

    def held(self, question: Question, need: Need, request: Request, absent: Collection[str] = ()) -> Held:
        """Read what is needed, but for columns that are ``absent``.

        Raises what `DataRetrievalService.bars` raises, and `InputMissing`.
        """
        fetching = question.fetching
        if absent:
            gone = {normalise_instrument(one.instrument) for one in request.columns if one.key in absent}
            need = replace(need, others=tuple(one for one in need.others if one not in gone))
        for _ in range(_MOST_ROUNDS):
            read = self._read(question, need, fetching)
            made = self._table(question, read, request, absent)
            short = skipped(made.table, request, need)
            if read.interval.start == BEGINNING or not short:
                break
            # Of what is skipped, nothing counts: as much more is needed, until that is enough.
            need, fetching = replace(need, back=need.back + short), None
        return made

    def table(
        self,
        question: Question,
        bars: Bars,
        need: Need,
        request: Request,
        others: Mapping[str, Bars],
        absent: Collection[str] = (),
    ) -> Held:
        """Return the table of bars that were read as a question needs them, without columns that are ``absent``.

        Where some of the warm-up is skipped, more is read.
        """
        whole = need.whole or _found(bars, need) < need.back
        begins = whole and self._begins(question, bars)
        read = Read(bars=bars, others=others, interval=_answered(bars, need, whole=whole), begins=begins)
        made = self._table(question, read, request, absent)
        if read.interval.start == BEGINNING or not skipped(made.table, request, need):
            return made
        return self.held(question, need, request, absent)

    # --- bars ----------------------------------------------------------------------------------

    def _read(self, question: Question, need: Need, fetching: Mapping[str, Any] | None) -> Read:
        options: dict[str, Any] = {
            "source": question.source,
            "version": question.version,
            "adjust": question.adjust,
        }
        name, frame = question.instrument, question.timeframe.name
        bounds_of: dict[str, Any] = {"end": None if need.end == END_OF_TIME else need.end}
        if need.last is not None:
            bounds_of["last"] = need.last + need.back
        elif need.start is not None:
            bounds_of |= {"start": need.start, "lookback": need.back}
        fetched: dict[str, Any] = {} if fetching is None else {"fetch_missing": True, "options": dict(fetching) or None}
        bars = self._retrieval.bars(name, frame, **options, **bounds_of, **fetched)
        whole = need.whole or _found(bars, need) < need.back
        begins = whole and self._begins(question, bars)
        interval = _answered(bars, need, whole=whole)
        if not need.others:
            return Read(bars=bars, others={}, interval=interval, begins=begins)
        span = {} if question.pinned else {"start": _first(bars, need), "end": bounds_of["end"]}
        several = self._retrieval.bars_of([name, *need.others], frame, **options, **span)
        mine = several[name, frame]
        inside = mine.rows.within(Interval(_first(bars, need) or BEGINNING, need.end))
        again = mine if len(inside) == len(mine.rows) else _cut(mine, inside)
        others = {one: several[one, frame] for one in need.others}
        return Read(bars=again, others=others, interval=interval, begins=begins)

    def _begins(self, question: Question, bars: Bars) -> bool:
        """Tell whether a series has no bars before the first of a version: a snapshot may pin a part of it."""
        if not question.pinned:
            return True
        snapshot = find_snapshot(self._vault, Version.of(bars.version))
        pins = () if snapshot is None else snapshot.pins
        return all(pin.interval.start == BEGINNING for pin in pins if pin.series in bars.series)

    # --- tables --------------------------------------------------------------------------------

    def _table(self, question: Question, read: Read, request: Request, absent: Collection[str] = ()) -> Held:
        bars = read.bars
        columns = columns_of(bars, request, read.others, absent=absent)
        judged = self._absences.judged(bars, question.version)
        revisions = {series: one for it in (bars, *read.others.values()) for series, one in it.revisions.items()}
        return Held(
            interval=read.interval,
            begins=read.begins,
            bars=bars,
            others=read.others,
            table=Table.of(bars.time, columns, breaks=judged.breaks),
            revisions=revisions,
            judged=judged,
        )


def columns_of(
    bars: Bars,
    request: Request,
    others: Mapping[str, Bars],
    *,
    names: Sequence[str] = VALUES,
    absent: Collection[str] = (),
) -> dict[str, Floats]:
    """Return columns of some bars, and those of others that are asked for, at the times of the first.

    Where another instrument has no bar there is no value. Raises `InputMissing`, but for columns that are known to be
    ``absent``, which are left out.
    """
    columns = {name: getattr(bars.rows, name) for name in names}
    for column in request.columns:
        if not column.instrument and column.name == EXTRA:
            factor = bars.rows.adjustment_factor
            columns[EXTRA] = np.full(len(bars), np.nan) if factor is None else factor
        elif column.instrument and column.key not in absent:
            columns[column.key] = _aligned(bars, column, others, request)
    return columns


def _aligned(bars: Bars, column: Column, others: Mapping[str, Bars], request: Request) -> Floats:
    name = normalise_instrument(column.instrument)
    other = bars if name == bars.instrument else others.get(name)
    if other is None or column.name not in VALUES:
        every = (one for pick in request.picks.values() for one in bounds(pick))
        wanting = next(one for one in every if column.key in {it.key for it in one.inputs})
        found = tuple(VALUES) if other is not None else (*VALUES, *(f"@{one}" for one in others))
        raise InputMissing(indicator=wanting.indicator.name, column=column.key, found=found)
    values: Floats = getattr(other.rows, column.name)
    if other is bars:
        return values
    found_at = np.searchsorted(other.time, bars.time)
    aligned = np.full(len(bars), np.nan)
    if len(other):
        there = other.time[np.minimum(found_at, len(other) - 1)] == bars.time
        aligned[there] = values[found_at[there]]
    return aligned


def _found(bars: Bars, need: Need) -> int:
    """Return how many bars there are before those that are answered."""
    if need.last is not None:
        return len(bars) - need.last
    return int(np.searchsorted(bars.time, BEGINNING if need.start is None else need.start))


def _answered(bars: Bars, need: Need, *, whole: bool) -> Interval:
    """Return the interval of which all bars are here."""
    if whole:
        return Interval(BEGINNING, need.end)
    first = int(bars.time[0]) if len(bars) else need.end
    start = first if need.start is None else min(first, need.start)
    return Interval(min(start, need.end), need.end)


def _first(bars: Bars, need: Need) -> int | None:
    """Return where other instruments' bars have to begin."""
    if len(bars):
        return int(bars.time[0])
    return need.start


def _cut(bars: Bars, rows: Any) -> Bars:
    return Bars(
        rows=rows,
        series=bars.series,
        interval=bars.interval,
        version=bars.version,
        revisions=bars.revisions,
        sources=bars.sources,
        adjustment=bars.adjustment,
        is_view=bars.is_view,
        calendar=lambda: bars.calendar,
        notes=bars.notes,
    )


def skipped(table: Table, request: Request, need: Need) -> int:
    """Return how many rows of the warm-up are lacking because they are skipped."""
    skipping = [pick for pick in request.picks.values() if pick.bound.skips]
    if not skipping or not need.back or need.whole:
        return 0
    end = int(np.searchsorted(table.time, need.end))
    first = max(0, end - need.last) if need.last else int(np.searchsorted(table.time, need.start or BEGINNING))
    missing = np.zeros(first, np.bool_)
    for column in request.columns:
        if column.key in table.columns:
            missing |= ~np.isfinite(table.columns[column.key][:first])
    gaps = Gaps(table=table)
    for pick in skipping:
        for _, rows in gaps.lapses(pick, skipped=True):
            missing |= rows[:first]
    return max(0, need.back - (first - int(missing.sum())))
