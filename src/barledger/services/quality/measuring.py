"""Measuring: from a sight of a series to its five metrics."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np

from barledger.domain import quality
from barledger.domain.calendar import Calendar
from barledger.domain.comparison import Tolerance
from barledger.domain.declared import RAW, Adjusted
from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.quality import Agreement, Arrivals, Case, Lag, Metric, MetricName, due_after, unmeasured
from barledger.domain.rows import VALUES, Ints, Rows, empty_rows
from barledger.domain.series import Series
from barledger.domain.timeframe import SECOND
from barledger.domain.timetable import Timetable
from barledger.errors import BarledgerError, IntegrityError, NotFound, RevisionExpired
from barledger.ledger.contract import BlockCheck, PinnedCheck
from barledger.services.availability import Availability
from barledger.services.availability.runs import Runs
from barledger.services.cache.verification import Damage
from barledger.services.instruments import InstrumentService
from barledger.services.quality.pinned import oldest_first, part_of, pinned_in, verify_pinned
from barledger.services.quality.report import QualityReport
from barledger.services.quality.sight import Looked, Sight, first_comings

_SHARES: Final = frozenset({"split", "stock_dividend"})
_OBSTACLES: Final = (IntegrityError, NotFound, RevisionExpired)
"""What may keep a metric from being measured; everything else is an error of the question."""


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """One measurement of a series; what several metrics need is found out once.

    ``answer`` is what availability says of the newest state, or why it could not say anything.
    """

    sight: Sight
    instruments: InstrumentService
    answer: "Availability | BarledgerError"
    now: int
    tolerance: Tolerance

    def report(self, names: Sequence[MetricName]) -> QualityReport:
        """Measure these metrics."""
        metrics = {name: self._measured(name) for name in names}
        looked = self.sight.memory.get("looked")
        revision = looked.revision if isinstance(looked, Looked) else 0
        if not revision and self.sight.newest:
            revision = self.sight.vault.ledger.revisions.state(self.sight.series).revision
        return QualityReport(
            series=self.sight.series,
            interval=self.interval,
            version=self.sight.label,
            revision=revision,
            measured_at=self.now,
            metrics=metrics,
        )

    def pinned_checks(self) -> list[PinnedCheck]:
        """Return what was found out about bars that only snapshots hold, for the ledger."""
        return list(self.sight.memory.get("pinned read", []))

    def checks(self) -> list[BlockCheck]:
        """Return what was found out about the newest blocks while measuring, for the ledger."""
        looked = self.sight.memory.get("looked")
        if not isinstance(looked, Looked) or looked.current is None:
            return []
        return block_checks(self.sight.series, looked.blocks, looked.damage)

    def forget_rows(self) -> None:
        """Let go of the bars; what was found out of their blocks stays."""
        looked = self.sight.memory.get("looked")
        if isinstance(looked, Looked):
            self.sight.memory["looked"] = replace(looked, rows=empty_rows())

    @property
    def damage(self) -> Sequence[Damage]:
        """Return the damage that was found."""
        looked = self.sight.memory.get("looked")
        pinned = self._pinned[1] if "pinned" in self.sight.memory else []
        return [*(looked.damage if isinstance(looked, Looked) else ()), *pinned]

    def _measured(self, name: MetricName) -> Metric:
        if self.sight.unborn:
            return unmeasured(name, self.sight.unborn)
        ways: Mapping[MetricName, Callable[[], Metric]] = {
            "completeness": self._completeness,
            "consistency": self._consistency,
            "timeliness": self._timeliness,
            "accuracy": self._accuracy,
            "integrity": self._integrity,
        }
        try:
            return ways[name]()
        except _OBSTACLES as error:
            return unmeasured(name, str(error))

    # --- completeness --------------------------------------------------------------------------

    def _completeness(self) -> Metric:
        answer = self._availability
        if self.sight.newest:
            stretches = [_case(one.interval, one.reason, one.bars) for one in answer.missing if not one.excused]
            excused = [_case(one.interval, one.reason, one.bars) for one in answer.missing if one.excused]
            found, expected = answer.found, answer.expected
        else:
            stretches, excused, found = self._then()
            expected = found + sum(int(case.value) for case in stretches)
        measured = quality.completeness(expected=expected, found=found, missing=stretches, excused=excused)
        return _noted(measured, self._assumptions())

    def _then(self) -> tuple[list[Case], list[Case], int]:
        """Return what was missing at a past version: for the reason that holds now, or because it came later."""
        first, last = self._numbers
        present = self._present.within(first, last)
        absent = present.missing(first, last)
        cases: dict[bool, list[Case]] = {True: [], False: []}
        explained = Runs.of(np.empty(0, np.int64), np.empty(0, np.int64))
        for one in self._availability.missing:
            start, end = self._table.before(np.array([one.interval.start, one.interval.end], np.int64)).tolist()
            runs = absent.within(start, end)
            cases[one.excused] += _cases(self._table, runs, one.reason)
            explained = explained.union([runs])
        for start, end in zip(absent.first.tolist(), absent.last.tolist(), strict=True):
            cases[False] += _cases(self._table, explained.missing(start, end), "came_later")
        return cases[False], cases[True], present.count

    def _assumptions(self) -> list[str]:
        answer = self._availability
        notes = []
        if answer.assumed:
            notes.append("nobody said when the instrument trades, so that 24/7 is assumed")
        if not self.sight.newest:
            notes.append("reasons are those that hold now; came_later is what a later revision brought")
        return notes

    # --- consistency ---------------------------------------------------------------------------

    def _consistency(self) -> Metric:
        looked = self._looked
        measured = quality.consistency(looked.rows, self.sight.series.timeframe, explained=self._explained(looked.rows))
        return _noted(measured, self._left_out(looked))

    def _explained(self, rows: Rows) -> Ints:
        """Return the times of the first bars on or after the ex-dates that change the number of shares."""
        ledger, name = self.sight.vault.ledger, self.sight.series.instrument
        known_at = None if self.sight.newest else self.sight.clock
        actions = ledger.actions.list(instrument=name, known_at=known_at)
        dates = [one.ex_date for one in actions if one.kind in _SHARES and not one.withdrawn]
        at = np.searchsorted(rows.time, np.array(sorted(set(dates)), np.int64))
        return np.asarray(rows.time[at[at < len(rows)]])

    def _left_out(self, looked: Looked) -> list[str]:
        return [f"{len(looked.damage):,} damaged stretches are left out"] if looked.damage else []

    # --- timeliness ----------------------------------------------------------------------------

    def _timeliness(self) -> Metric:
        if self.sight.named:
            return unmeasured("timeliness", "a version under a name of its own is written as a whole, and has no clock")
        frame = self.sight.series.timeframe
        notes = list(self._assumptions()) if self.sight.newest else []
        try:
            arrivals = self._arrivals()
        except _OBSTACLES as error:
            arrivals = None
            notes.append(f"when bars came is not measured: {error}")
        return _noted(quality.timeliness(self._lag(), arrivals, frame), notes)

    def _lag(self) -> Lag:
        """Compare the newest bar with the newest that has closed by the clock, or by the interval's end."""
        clock = self._until
        frame, table = self.sight.series.timeframe, self._table
        first, closed = self._numbers
        present = self._present.within(first, closed)
        following = int(present.last[-1]) if len(present) else first
        lacking = Runs.single(following, closed)
        if len(lacking):
            gone = [self._numbers_of(one.interval) for one in self._availability.missing if one.excused]
            lacking = _without(lacking, gone)
        newest = int(table.closes(np.array([following - 1], np.int64))[0]) if len(present) else None
        age = None if newest is None else (clock - newest) / SECOND
        if not len(lacking):
            return Lag(bars=0, overdue=0, seconds=0.0, age_seconds=age)
        (due,) = table.closed(np.array([clock - due_after(frame)], np.int64)).tolist()
        overdue = lacking.within(following, max(due, following)).count
        since = int(table.closes(lacking.first[:1])[0])
        start = int(table.labels(lacking.first[:1])[0])
        return Lag(
            bars=lacking.count,
            overdue=overdue,
            seconds=(clock - since) / SECOND,
            age_seconds=age,
            stretch=Interval(start, max(clock, start)),
        )

    def _arrivals(self) -> Arrivals:
        rows, came, unknown = first_comings(self.sight.vault, self.sight.series, self._looked.rows)
        numbers, found = self._table.find(rows.time)
        if not found.all():
            rows, came, numbers = rows.pick(found), came[found], numbers[found]
        closes = self._market.closes(self.sight.series.timeframe, rows.time)
        late = self._table.closed(np.asarray(came)) - (numbers + 1)
        return Arrivals(times=rows.time, closes=closes, came=came, bars_late=np.maximum(late, 0), unknown=unknown)

    # --- accuracy ------------------------------------------------------------------------------

    def _accuracy(self) -> Metric:
        series, sight = self.sight.series, self.sight
        listed = sight.vault.ledger.catalog.series(instrument=series.instrument, timeframe=series.timeframe.name)
        others = [one for one in listed if one != series and one.is_adjusted is series.is_adjusted]
        if not others:
            return unmeasured("accuracy", f"no other source has {series.instrument} {series.timeframe}")
        if sight.snapshot is not None:
            pinned = {pin.series for pin in sight.snapshot.pins}
            others = [one for one in others if one in pinned]
            if not others:
                return unmeasured("accuracy", f"{sight.snapshot.id} pins no other source of {series.instrument}")
        looked = self._looked
        agreements, notes = [], self._left_out(looked)
        for other in others:
            try:
                agreements.append(self._agreement(looked.rows, other))
            except _OBSTACLES as error:
                notes.append(f"{other.source} is left out: {error}")
        return _noted(quality.accuracy(agreements, series.timeframe, tolerance=self.tolerance), notes)

    def _agreement(self, rows: Rows, other: Series) -> Agreement:
        register = self.instruments.register()
        skipped = _incomparable(register.adjusted(self.sight.series), register.adjusted(other))
        interval = self.sight.interval
        if len(rows):
            interval = interval.intersection(Interval(int(rows.time[0]), int(rows.time[-1]) + 1)) or interval
        theirs = self.sight.rows_of(other, interval)
        return quality.compare_sources(other.source, rows, theirs, tolerance=self.tolerance, skipped=skipped)

    # --- integrity -----------------------------------------------------------------------------

    def _integrity(self) -> Metric:
        looked = self.sight.look()
        before: list[int] = []
        if looked.current is not None:
            kept = looked.current
            checks = self.sight.vault.ledger.quality.checks(self.sight.series, kept.interval)
            before = [0 if one.changed else one.checked_at for one in checks]
        strangers = max(sum(one.blocks for one in looked.damage) - len(looked.blocks), 0)
        pinned = self._pinned[0] if self.sight.newest else []
        damaged = [_case(one.interval, one.detail, one.blocks) for one in looked.damage]
        damaged += [_case(one.interval, one.detail, 1) for one in pinned if not one.ok]
        before += [one.checked_at for one in pinned] if looked.current is not None else []
        return quality.integrity(
            blocks=len(looked.blocks) + strangers + len(pinned),
            bars=sum(block.rows for block in looked.blocks),
            pinned=len(pinned),
            damaged=damaged,
            verified_at=self.now,
            before=before,
            reason=looked.why,
        )

    @property
    def _pinned(self) -> tuple[list[PinnedCheck], list[Damage]]:
        """Return what only snapshots hold of the interval, and what came of reading it.

        It never changes, so that it is read if it never was; then the last look counts, and `verify_library` looks
        again. What was damaged then is read again here, since it may be mended.
        """
        if "pinned" not in self.sight.memory:
            vault, series = self.sight.vault, self.sight.series
            checks: list[PinnedCheck] = []
            damage: list[Damage] = []
            held = pinned_in(vault, series, self.sight.interval)
            waiting = [one for one in held if not one.checked_at or not one.ok]
            for _, part in groupby(oldest_first(waiting), key=part_of):
                checked, found = verify_pinned(vault, list(part))
                checks, damage = checks + checked, damage + found
            self.sight.memory["pinned read"] = checks
            self.sight.memory["pinned"] = ([*(one for one in held if one not in waiting), *checks], damage)
        known: tuple[list[PinnedCheck], list[Damage]] = self.sight.memory["pinned"]
        return known

    # --- what several need ---------------------------------------------------------------------

    @property
    def _availability(self) -> Availability:
        if isinstance(self.answer, BarledgerError):
            raise self.answer
        return self.answer

    @property
    def _looked(self) -> Looked:
        """Return what was read; raises what kept the bars from being read."""
        looked = self.sight.look()
        if looked.obstacle is not None:
            raise looked.obstacle
        return looked

    @cached_property
    def interval(self) -> Interval:
        """Return the interval that is measured, with bounds."""
        answer = None if isinstance(self.answer, BarledgerError) else self.answer
        if answer is not None and self.sight.newest:
            return answer.interval
        times = np.empty(0, np.int64)
        with suppress(*_OBSTACLES):
            times = self.sight.look().rows.time
        return self.sight.bounded(times, None if answer is None else answer.interval.start)

    @property
    def _until(self) -> int:
        return min(self.sight.clock, self.interval.end)

    @cached_property
    def _market(self) -> Calendar:
        return self.instruments.calendar(self.sight.series.instrument)

    @cached_property
    def _table(self) -> Timetable:
        end = max(self.now, self.sight.clock, self.interval.end, self.interval.start)
        return self._market.timetable(self.sight.series.timeframe, Interval(self.interval.start, end))

    @cached_property
    def _numbers(self) -> tuple[int, int]:
        """Return the numbers of the first expected bar, and after the last that had closed."""
        ends = np.array([self.interval.start, self.interval.end], np.int64)
        first, last = self._table.before(ends).tolist()
        (closed,) = self._table.closed(np.array([self._until], np.int64)).tolist()
        return first, max(min(last, closed), first)

    @cached_property
    def _present(self) -> Runs:
        """Return the numbers of the bars that are there at the version."""
        if self.sight.newest:
            return Runs.of(
                *np.array([self._numbers_of(one) for one in self._availability.present], np.int64).reshape(-1, 2).T
            )
        numbers, found = self._table.find(self.sight.look().rows.time)
        return Runs.of_numbers(numbers[found])

    def _numbers_of(self, interval: Interval) -> tuple[int, int]:
        first, last = self._table.before(np.array([interval.start, interval.end], np.int64)).tolist()
        return first, last


def block_checks(series: Series, blocks: Sequence[Block], damage: Sequence[Damage]) -> list[BlockCheck]:
    """Return the check of each block: it is what it was, unless some damage lies in it."""
    wrong = sorted(damage, key=lambda one: one.interval)
    checks = []
    for block in blocks:
        found = next((one for one in wrong if block.start in one.interval), None)
        detail = "" if found is None else found.detail
        checks.append(
            BlockCheck(
                series=series, start=block.start, rows=block.rows, digest=block.digest, ok=found is None, detail=detail
            )
        )
    return checks


def _case(interval: Interval, what: str, value: int) -> Case:
    return Case(interval=interval, what=what, value=float(value))


def _cases(table: Timetable, runs: Runs, what: str) -> list[Case]:
    if not len(runs):
        return []
    starts, ends = table.labels(runs.first), table.closes(runs.last - 1)
    bars = (runs.last - runs.first).tolist()
    stretches = zip(starts.tolist(), np.maximum(starts, ends).tolist(), bars, strict=True)
    return [_case(Interval(start, end), what, count) for start, end, count in stretches]


def _without(runs: Runs, gone: Sequence[tuple[int, int]]) -> Runs:
    """Return the numbers of one stretch that lie in none of the others."""
    low, high = int(runs.first[0]), int(runs.last[-1])
    if not gone:
        return runs
    ends = np.array(gone, np.int64)
    return Runs.of(ends[:, 0], ends[:, 1]).missing(low, high)


def _incomparable(mine: Adjusted, theirs: Adjusted) -> dict[str, str]:
    """Return the fields that two sources have adjusted for different things, and for what."""
    told = {}
    for name in VALUES:
        here, there = mine.get(name, RAW), theirs.get(name, RAW)
        same = (here == RAW) == (there == RAW) if name == "volume" else here == there
        if not same:
            told[name] = f"adjusted differently ({here} here, {there} there)"
    return told


def _noted(metric: Metric, notes: Sequence[str]) -> Metric:

    return replace(metric, notes=(*metric.notes, *notes)) if notes else metric
