"""Calculating: from a question to its answer, by what is known of it and what has to be read and computed."""

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.interval import BEGINNING, END_OF_TIME
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe
from barledger.errors import GapsUnseen, InputUnsuitable
from barledger.indicators.binding import Request
from barledger.indicators.calculation import Calculation
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.registry import REGISTRY
from barledger.indicators.relying import Rows
from barledger.services.indicators.absences import Absences, Judged
from barledger.services.indicators.answering import Telling
from barledger.services.indicators.cache import Answer, IndicatorCache
from barledger.services.indicators.explanation import Explanation
from barledger.services.indicators.held import Held
from barledger.services.indicators.places import Place, Places
from barledger.services.indicators.preparing import Prepared
from barledger.services.indicators.question import Inquiry, Question
from barledger.services.indicators.reading import Reading
from barledger.services.indicators.tables import Tables
from barledger.services.retrieval.view import Part


class Asked(NamedTuple):
    """A question in the caller's words, and what the ledger and the registry had noted before it is looked into.

    What is looked up first may be older than what is read after it, and never newer.
    """

    key: Hashable
    mark: int
    generation: int


class Calculator:
    """Answers questions."""

    def __init__(self, reading: Reading, places: Places, absences: Absences, cache: IndicatorCache) -> None:
        """Read by this reading, keep in this cache."""
        self._reading, self._places, self._absences, self._cache = reading, places, absences, cache
        self.tables = Tables(absences)

    def asked(self, key: Hashable) -> Asked:
        """Return a question that may have been asked before, as of now."""
        return Asked(key, self._places.mark, REGISTRY.generation)

    def known(self, asked: Asked) -> Calculation | None:
        """Return the answer to a question as it was asked before, if nothing was written since."""
        return self._cache.answer(*asked)

    def inquiry(self, asked: Asked) -> Inquiry | None:
        """Return what a question means that was asked before."""
        return self._cache.inquiry(asked.key, asked.generation)

    def calculated(
        self, inquiry: Inquiry, asked: Asked | None, explanation: Explanation | None, *, keeps: bool
    ) -> Calculation:
        """Return the answer to a question, and remember it for when it is asked again."""
        generation = REGISTRY.generation if asked is None else asked.generation
        request, question, need = inquiry
        place = self._places.find(question, need) if keeps and question.fetching is None else None
        held = self._held(inquiry, place, explanation)
        overlooked = _said(held.judged, request)
        with held.lock:
            held.forget(generation)
            if explanation is not None and len(held.table.breaks):
                count, calendar = len(held.table.breaks), held.judged.calendar
                explanation.add("gaps", question.instrument, f"{count:,} of missing bars, by the calendar {calendar}")
            rows = _rows(held, question)
            anchor = 0 if question.anchor is None else int(np.searchsorted(held.table.time, question.anchor))
            columns, hits = held.columns(request, rows, anchor, explanation)
            telling = Telling(held, request, rows, anchor)
            made = Calculation(
                time=held.table.time[rows.first : rows.stop],
                columns=columns,
                told=lambda: telling,
                explanation=explanation,
            )
            size = held.nbytes
        self._cache.count(held, size, hits, len(columns) - hits)
        # What is said once is said again when it is asked again.
        if asked is not None and place is not None and not overlooked:
            self._cache.remember(asked.key, Answer(made, held, inquiry, asked.mark, generation))
        return made

    def in_hand(
        self,
        request: Request,
        bars: Bars,
        timeframe: str | None,
        others: Sequence[Bars],
        explanation: Explanation | None,
    ) -> Calculation:
        """Return indicators of bars in hand, without reading anything of the library but the calendar they carry."""
        if timeframe is not None or len(others):
            _check_timeframes(bars, timeframe, others)
        beside = {one.instrument: one for one in others}
        table = self.tables.of(bars, request, beside)
        if request.refuses_gaps:
            _said(self.tables.judged(bars), request)
        if explanation is None:
            # All rows are answered, and nothing is kept: then there is no more to it than computing them.
            columns = Evaluation(table=table).columns(request)
        else:
            prepared = Prepared.in_hand(bars, table, beside, self.tables.judged(bars))
            columns, _ = prepared.held.columns(request, prepared.rows, 0, explanation)
        return Calculation(
            time=table.time,
            columns=columns,
            told=lambda: Prepared.in_hand(bars, table, beside, self.tables.judged(bars)).telling(request),
            explanation=explanation,
        )

    # --- tables --------------------------------------------------------------------------------

    def _held(self, inquiry: Inquiry, place: Place | None, explanation: Explanation | None) -> Held:
        request, question, need = inquiry
        if place is not None:
            found = self._cache.find(place.key, lambda one: self._places.fits(one, need, request))
            if found is not None and self._brought_up(found, question, place, explanation):
                return found
        if explanation is None:
            made = self._reading.held(question, need, request)
        else:
            with explanation.timed("read", question.instrument) as how:
                made = self._reading.held(question, need, request)
                how.append(f"{len(made.bars):,} bars, at most {need.back:,} of them to settle")
        if place is not None:
            made.state, made.due = place.state, self._places.due(question, place)
            self._cache.keep(place.key, made)
        return made

    def _brought_up(self, held: Held, question: Question, place: Place, explanation: Explanation | None) -> bool:
        """Bring a table up to a place, and tell whether that could be done; one that is not right is forgotten."""
        with held.lock:
            if self._places.appended(held, place):
                if self._grown(held, question, place, explanation):
                    return True
            elif self._places.current(held, place):
                if place.revisions:
                    held.revisions, held.state = place.revisions, place.state
                if self._same_breaks(held):
                    return True
        if place.newest:
            self._cache.drop(place.key, held)
        return False

    def _grown(self, held: Held, question: Question, place: Place, explanation: Explanation | None) -> bool:
        added = self._places.added(held, place)
        held.state = place.state
        # Somebody may have corrected older bars since: then what was read does not go with what is here.
        revisions = {added.series: added.revision}
        if revisions != dict(place.revisions) and not self._places.appended(held, place):
            return False
        if not self._same_breaks(held):
            return False
        if len(added.rows):
            held.grow(added.rows, self._breaks_behind(held, place, added))
        held.revisions = revisions
        if explanation is not None:
            explanation.add("read", question.instrument, f"{len(added.rows):,} bars that were added since")
        return True

    def _breaks_behind(self, held: Held, place: Place, added: Part) -> Ints:
        """Return all breaks of a table with bars added at its end."""
        if held.judged.calendar is None:
            # A place is one of what is said of instruments, so nobody has named a calendar since.
            return held.table.breaks
        size = len(held.table)
        time = np.concatenate([held.table.time[-1:], added.rows.time])
        new = self._absences.breaks(time, [added.series], register=place.view.register)
        if not new.settled:
            held.judged = replace(held.judged, settled=False)
        return np.concatenate([held.table.breaks, new.rows + (size - 1)]) if len(new.rows) else held.table.breaks

    def _same_breaks(self, held: Held) -> bool:
        """Tell whether gaps are still gaps: somebody may have said since that there never were such bars, or were."""
        if held.judged.settled:
            return True
        found = self._absences.breaks(held.table.time, held.bars.series)
        return np.array_equal(found.rows, held.table.breaks)


def _said(judged: Judged, request: Request) -> bool:
    """Warn of missing bars that nobody sees, where gaps are to be refused; return whether there was reason to."""
    overlooked = judged.overlooked(request)
    if overlooked:
        warnings.warn(overlooked, GapsUnseen, stacklevel=4)
    return bool(overlooked)


def _rows(held: Held, question: Question) -> Rows:
    time, interval = held.table.time, question.interval
    first = 0 if interval.start == BEGINNING else int(time.searchsorted(interval.start))
    end = len(time) if interval.end == END_OF_TIME else int(time.searchsorted(interval.end))
    if question.last is not None:
        first = max(first, end - question.last)
    known = held.known_from(question.anchor)
    return Rows(first=first, stop=max(first, end), begins=held.begins, known=known)


def _check_timeframes(bars: Bars, timeframe: str | None, others: Sequence[Bars]) -> None:
    """Raise `InputUnsuitable` unless all bars in hand are of the timeframe that is asked for."""
    for other in others:
        if not isinstance(other, Bars):
            reason = f"a {type(other).__name__} is given for bars of another instrument"
            raise InputUnsuitable(reason=reason, remedy="Give bars in a list: others=[bl.bars(...)].")
    asked = [] if timeframe is None else [Timeframe.of(timeframe)]
    for one in (*asked, *(other.timeframe for other in others)):
        if one != bars.timeframe:
            reason = f"they are of {bars.timeframe}, and {one} is asked for beside them"
            remedy = f"Resample the finer ones: bars.resample({max(one, bars.timeframe).name!r})."
            if one in asked and one < bars.timeframe:
                remedy = f"Coarse bars have no finer ones in them: read those, bl.bars(..., {one.name!r})."
            raise InputUnsuitable(reason=reason, remedy=remedy)
