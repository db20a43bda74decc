"""Views: one instrument at one timeframe, in one state; from its series to bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.bars import Bars, SourceSpan
from barledger.domain.calendar import Calendar
from barledger.domain.declared import spoken
from barledger.domain.instrument import Register
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time, union
from barledger.domain.rows import Flags, Ints, Rows, found_in
from barledger.domain.series import Series
from barledger.domain.timeframe import SECOND, Timeframe
from barledger.ledger.contract import Pin, SeriesState
from barledger.services.cache.cut import Asked
from barledger.services.cache.editions import read_first, read_known
from barledger.services.cache.priority import fill
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left, read_pin, within_pin
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.request import OBSERVED, ReadRequest
from barledger.services.retrieval.state import State

NOTHING_KNOWN: Final[Mapping[Series, SeriesState]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one series has; ``late`` are the times of bars that nobody saw live, if that was asked."""

    series: Series
    rows: Rows
    revision: int
    late: Ints | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """An answer before it becomes bars: what is used of each part, all of it together, and which interval it is."""

    parts: Sequence[Part]
    used: Sequence[Rows]
    rows: Rows
    interval: Interval

    @property
    def observed(self) -> Flags:
        """Tell which of the rows were seen live, if that was asked; see `services.cache.editions.read_known`."""
        observed = np.ones(len(self.rows), np.bool_)
        for part, mine in zip(self.parts, self.used, strict=True):
            if part.late is not None and len(part.late):
                observed &= ~found_in(self.rows.time, mine.time[found_in(mine.time, part.late)])
        return observed

    def within(self, interval: Interval) -> "Stretch":
        """Return a part of it."""
        used = [rows.within(interval) for rows in self.used]
        return replace(self, used=used, rows=self.rows.within(interval), interval=interval)


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the bars of one instrument and timeframe come from, in the order of preference."""

    vault: Vault
    instruments: InstrumentService
    instrument: str
    timeframe: Timeframe
    series: tuple[Series, ...]
    state: State
    pins: tuple[Pin, ...] = ()
    known_within: int | None = None

    @cached_property
    def register(self) -> Register:
        """Return what is said of instruments, the same for all that one question is about."""
        return self.instruments.register()

    def calendar(self) -> Calendar:
        """Return when the instrument trades; raises `CalendarNotFound`."""
        return self.instruments.calendar(self.instrument)

    def actions(self) -> list[CorporateAction]:
        """Return the corporate actions that the sources had told by this state."""
        listed = self.vault.ledger.actions.list(instrument=self.instrument, known_at=self.state.known_at)
        sources = {series.source for series in self.series}
        return [action for action in listed if action.source in sources]

    @property
    def reach(self) -> Interval:
        """Return where there can be bars: what a snapshot pins, else everything."""
        if not self.pins:
            return Interval(BEGINNING, END_OF_TIME)
        start, end = max(pin.interval.start for pin in self.pins), min(pin.interval.end for pin in self.pins)
        return Interval(start, max(start, end))

    # --- reading -------------------------------------------------------------------------------

    def read(
        self, interval: Interval, *, firm_from: int | None = None, looked: Mapping[Series, SeriesState] = NOTHING_KNOWN
    ) -> Stretch:
        """Return what lies in the interval; raises `RevisionExpired` where retention deleted some of it.

        Of what lies before ``firm_from`` there is what retention has left; without one, that is so for an interval
        without a start. ``looked`` is what the ledger told of series just now.
        """
        if self.pins:
            snapshot = self.state.snapshot
            seen = [read_pin(self.vault, snapshot, pin, interval) for pin in self.pins] if snapshot else []
            parts = [Part(series=one.series, rows=one.rows, revision=one.revision) for one in seen]
            return self.joined(parts, seen[0].interval)
        firm = firm_from if firm_from is not None else (END_OF_TIME if interval.start == BEGINNING else BEGINNING)
        return self.joined([self._read(series, interval, firm, looked.get(series)) for series in self.series], interval)

    def asked(self, interval: Interval, states: Mapping[Series, SeriesState]) -> list[Asked]:
        """Return what to read for a plain question about many views; see `services.cache.cut`.

        An interval without a start needs the states of the series, to leave out what retention has deleted.
        """
        snapshot = self.state.snapshot
        if snapshot is not None:
            return [
                Asked(
                    series=pin.series,
                    intervals=[within_pin(snapshot, pin, interval)],
                    revision=pin.revision,
                    snapshot=snapshot,
                    pin=pin,
                )
                for pin in self.pins
            ]
        return [
            Asked(
                series=series,
                intervals=left(states[series], interval, self.state.at[series]) if series in states else [interval],
                revision=self.state.at[series],
            )
            for series in self.series
        ]

    def joined(self, parts: Sequence[Part], interval: Interval) -> Stretch:
        """Let later parts close the stretches that earlier ones lack."""
        used: Sequence[Rows] = [part.rows for part in parts]
        rows = used[0]
        if len(parts) > 1:
            rows, used = fill(used, self.timeframe)
        return Stretch(parts=parts, used=used, rows=rows, interval=interval)

    def _read(self, series: Series, interval: Interval, firm: int, looked: SeriesState | None) -> Part:
        revision = self.state.at.get(series)
        wanted = self._left(series, interval, firm, revision)
        if self.known_within is not None:
            known = read_known(self.vault, series, wanted, deadlines=self._deadlines, revision=revision)
            return Part(series=series, rows=known.rows, revision=known.revision, late=known.late)
        if self.state.version.kind == "first":
            first = read_first(self.vault, series, wanted, revision=revision)
            return Part(series=series, rows=first.rows.standing(), revision=first.revision)
        reading = read(self.vault, series, wanted, revision=revision, looked=looked)
        return Part(series=series, rows=reading.rows.standing(), revision=reading.revision)

    def _left(self, series: Series, interval: Interval, firm: int, revision: int | None) -> list[Interval]:
        if firm <= interval.start:
            return [interval]
        loose = Interval(interval.start, min(firm, interval.end))
        kept = left(self.vault.ledger.revisions.state(series), loose, revision)
        return union([*kept, Interval(max(interval.start, loose.end), interval.end)])

    def _deadlines(self, times: Ints) -> Ints:
        return self.calendar().closes(self.timeframe, times) + (self.known_within or 0)

    # --- answering -----------------------------------------------------------------------------

    def bars(
        self,
        stretch: Stretch,
        request: ReadRequest,
        notes: Mapping[str, Any] | None = None,
        *,
        adjustment: str | None = None,
        events: Sequence[CorporateAction] | None = None,
        adjusted: Bars | None = None,
    ) -> Bars:
        """Return a stretch as bars: as they came, or adjusted for ``events``, or with ``adjusted`` ones beside."""
        pairs = [
            (part, mine)
            for part, mine in zip(stretch.parts, stretch.used, strict=True)
            if len(mine) or part is stretch.parts[0]
        ]
        marks, told = self._observed(stretch)
        return Bars(
            rows=stretch.rows,
            series=tuple(part.series for part, _ in pairs),
            interval=stretch.interval,
            version=self.state.snapshot.id if self.state.snapshot else request.label,
            revisions={part.series: part.revision for part, _ in pairs},
            sources=tuple(_span(part.series, mine) for part, mine in pairs if len(mine)),
            adjustment=adjustment or self.made_for([part.series for part, _ in pairs]),
            is_view=adjustment is not None,
            calendar=self.calendar,
            actions=self.actions if events is None else lambda: events,
            adjusted=adjusted,
            columns=request.columns,
            marks=marks,
            notes={**(notes or {}), **told},
        )

    def made_for(self, series: Sequence[Series]) -> str:
        """Say what the bars of these series were adjusted for when they were written."""
        if series[0].is_adjusted:
            original = replace(series[0], is_adjusted=False)
            kept = self.vault.ledger.actions.kept(instrument=self.instrument)
            return next((one.adjust for one in kept if one.series == original), "by the source")
        return adjustment_of(series, self.register)

    def _observed(self, stretch: Stretch) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.known_within is None:
            return {}, {}
        observed = stretch.observed
        count = int(observed.sum())
        seconds = self.known_within / SECOND
        told = {"seconds": seconds, "observed": count, "not_observed": len(observed) - count}
        return {OBSERVED: observed}, {"known_within": told}


def adjustment_of(series: Sequence[Series], register: Register) -> str:
    """Say what raw series were adjusted for when they came; where they differ, of each source."""
    states = {one.source: spoken(register.adjusted(one)) for one in series}
    if len(set(states.values())) == 1:
        return states[series[0].source]
    return "; ".join(f"{source}: {state}" for source, state in states.items())


def _span(series: Series, rows: Rows) -> SourceSpan:
    interval = Interval(int(rows.time[0]), int(series.timeframe.close_of(rows.time[-1:])[0]))
    return SourceSpan(source=series.source, interval=interval, rows=len(rows))


def told_window(request: ReadRequest, stretch: Stretch) -> dict[str, Any]:
    """Return what a lookback came to, for the provenance."""
    if not request.lookback:
        return {}
    found = int(np.searchsorted(stretch.rows.time, request.interval.start))
    return {"lookback": {"asked": request.lookback, "found": found, "start": format_time(request.interval.start)}}
