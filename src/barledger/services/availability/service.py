"""DataAvailabilityService: is it there, and if not, why not."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

import numpy as np

from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Halt
from barledger.domain.interval import BEGINNING, END_OF_TIME, Instant, Interval, everything, format_time
from barledger.domain.rows import VALUES
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, InvalidSetting, SeriesNotFound
from barledger.ledger.contract import Cover
from barledger.services.availability.listing import Extent, first_bar
from barledger.services.availability.presence import Blocks, Presence, blocks_of, is_open, lacking, presence
from barledger.services.availability.question import Question, Subject
from barledger.services.availability.reasons import Evidence, explain
from barledger.services.availability.report import Availability, Gaps, RequiredInterval, Undecided
from barledger.services.availability.strip import Cell, strip
from barledger.services.availability.subjects import subjects, whole_library
from barledger.services.cache.priority import hint
from barledger.services.cache.vault import Vault
from barledger.services.instruments import InstrumentService

FIELDS: Final = (*VALUES, "adjustment_factor", "source_id")


class DataAvailabilityService:
    """Compares what is stored with what the calendar expects, by the ledger's coverage and counts.

    Bars are read only where a block has not as many as it should, and where fields are asked for.
    """

    def __init__(self, vault: Vault, instruments: InstrumentService) -> None:
        """Work on this store and ledger, with what is known of these instruments."""
        self._vault = vault
        self._instruments = instruments

    def check(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        required_fields: Sequence[str] = (),
        exact: bool = False,
        is_adjusted: bool = False,
    ) -> Availability:
        """Tell which bars of [start, end) are there, and why the others are missing (`Reason`).

        Expected is what the instrument's calendar has, as far as it has closed by now: neither a closed market nor the
        bar that is forming is missing. No start means the first trade, where it is declared or the series' own source
        told it, or the first bar if that is earlier; where it is not known, the first bar that is there or was asked
        for. No end means now. If no source is named, several are looked at in their order of
        priority, as reading does. ``required_fields`` reads the bars to see whether they have these fields.

        A block of the ledger (a day of bars shorter than 1h, a month of those shorter than 1d, else a year) that has as
        many bars as it should is taken as complete; ``exact`` reads every bar instead, which tells a missing bar from
        one that stands in for it at a time at which the market was closed.

        Raises `SeriesNotFound` if nothing tells where to start, `AmbiguousSource`, `CalendarNotFound`,
        `InvalidInterval`, `InvalidSetting`, and `StoreDamaged` or `StoreDiverged` where bars that are read are damaged.
        """
        return self.check_many(
            [instrument],
            timeframe,
            start=start,
            end=end,
            source=source,
            required_fields=required_fields,
            exact=exact,
            is_adjusted=is_adjusted,
        )[0]

    def check_many(
        self,
        instruments: Sequence[str],
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        required_fields: Sequence[str] = (),
        exact: bool = False,
        is_adjusted: bool = False,
    ) -> list[Availability]:
        """Check many instruments with few questions to the ledger; see `check`."""
        fields = _fields(required_fields)
        asked, frame = Interval.of(start, end), Timeframe.of(timeframe)
        register = self._instruments.register()
        found = subjects(self._vault, register, instruments, frame, source, is_adjusted=is_adjusted)
        return _Check(self._vault, found, asked).judge(fields, exact=exact)

    def required_interval(
        self, instrument: str, timeframe: str, start: Instant, end: Instant, *, lookback: int
    ) -> RequiredInterval:
        """Return [start, end) prolonged to the past by so many bars of the instrument's calendar, and which that is.

        Where nobody said when the instrument trades, 24/7 is assumed, as the answer says (`RequiredInterval.assumed`).

        Raises `CalendarNotFound` where the calendar does not reach, `InvalidInterval` and `InvalidSetting`.
        """
        if lookback < 0:
            raise InvalidSetting(setting="lookback", reason=f"{lookback} bars cannot lie before")
        asked = Interval.of(start, end)
        known = self._instruments.describe(instrument)
        market = calendar_called(known.calendar)
        start = market.earlier(Timeframe.of(timeframe), asked.start, lookback)
        return RequiredInterval(start, asked.end, market.name, known.origins["calendar"])

    def strip(self, answer: Availability, *, cells: int) -> tuple[Cell, ...]:
        """Divide what was checked into cells of equally many bars, at most so many, for a picture of it."""
        return strip(answer, calendar_called(answer.calendar), cells=cells)

    def gaps(
        self,
        *,
        instrument: str = "*",
        timeframe: str | None = None,
        source: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> Gaps:
        """Return all that is incomplete in the library, the worst first; ``instrument`` may be a glob.

        The worst are those with the smallest share of what they should have up to where they were last asked for.
        Behind them come those that have all of that, and only end early (`Availability.behind`). Each is judged as
        `check` does. What cannot be judged is in `Gaps.undecided`, with the reason.
        """
        frame, asked = None if timeframe is None else Timeframe.of(timeframe), Interval.of(start, end)
        found, undecided = whole_library(self._vault, self._instruments.register(), instrument, frame, source)
        rows: list[Availability] = []
        for _, alike in groupby(sorted(found, key=_timeframe), key=_timeframe):
            judged, refused = self._judge_all(list(alike), asked)
            rows += judged
            undecided += refused
        incomplete = sorted((row for row in rows if not row.complete), key=_badness)
        return Gaps(rows=tuple(incomplete), undecided=tuple(undecided), checked=len(rows) + len(undecided))

    def _judge_all(self, found: Sequence[Subject], asked: Interval) -> tuple[list[Availability], list[Undecided]]:
        """Judge all together, or one by one if some cannot be judged."""
        try:
            return _Check(self._vault, found, asked).judge((), exact=False), []
        except BarledgerError as error:
            if len(found) == 1:
                return [], [self._undecided(found[0], error)]
        each = [self._judge_all([one], asked) for one in found]
        return [row for rows, _ in each for row in rows], [one for _, refused in each for one in refused]

    def _undecided(self, subject: Subject, error: BarledgerError) -> Undecided:
        """Say why a subject cannot be judged; where questions alone are known of it, how the last one failed."""
        name, frame = subject.instrument.name, subject.timeframe
        listed = self._vault.ledger.catalog.coverage_of(list(subject.series))
        failed = [cover for covers in listed.values() for cover in covers if cover.outcome == "fetch_failed"]
        if not isinstance(error, SeriesNotFound) or not failed:
            return Undecided(instrument=name, timeframe=frame, reason=str(error))
        last = max(failed, key=lambda cover: cover.checked_at)
        reason = f"{last.detail} (asked at {format_time(last.checked_at)})"
        return Undecided(instrument=name, timeframe=frame, reason=reason, source=last.series.source, failed=True)


class _Check:
    """One look at many subjects of one timeframe.

    What adds bars is looked up before them, and what takes bars away after them: so a write meanwhile makes no bar
    appear missing for a wrong reason.
    """

    def __init__(self, vault: Vault, found: Sequence[Subject], asked: Interval) -> None:
        self._vault = vault
        self._found = found
        self._now = vault.ledger.now()
        self._asked = asked
        self._series = list(dict.fromkeys(series for subject in found for series in subject.series))
        self._coverage = vault.ledger.catalog.coverage_of(self._series)
        self._counts = vault.ledger.catalog.counts_of(self._series, self._reach())
        self._spans: dict[Series, Interval | None] = {}
        self._questions: dict[tuple[str, Interval], Question] = {}

    def judge(self, fields: tuple[str, ...], *, exact: bool) -> list[Availability]:
        """Return the answers in the order of the subjects."""
        exact = exact or bool(fields)
        if self._asked.start == BEGINNING:
            self._look_at_spans(self._series)
        questions = [self._question(subject) for subject in self._found]
        spans = self._known_spans
        blocks: Sequence[Mapping[Series, Blocks]] = [blocks_of(one, self._counts, spans) for one in questions]
        if not exact:
            blocks = self._sharpened(questions, blocks)
        seen = [presence(self._vault, *both, exact=exact) for both in zip(questions, blocks, strict=True)]
        evidence = self._evidence([one for one, have in zip(questions, seen, strict=True) if len(have.absent)])
        return [self._answer(*both, evidence, fields) for both in zip(questions, seen, strict=True)]

    def _sharpened(
        self, questions: Sequence[Question], blocks: Sequence[Mapping[Series, Blocks]]
    ) -> list[Mapping[Series, Blocks]]:
        """Compare the counts that leave something open once more, with what is known of where the bars end."""
        doubtful = [is_open(each) for each in blocks]
        new = [one for one, doubt in zip(questions, doubtful, strict=True) if doubt]
        self._look_at_spans([series for one in new for series in one.subject.series])
        spans = self._known_spans
        return [
            blocks_of(one, self._counts, spans) if doubt else each
            for one, each, doubt in zip(questions, blocks, doubtful, strict=True)
        ]

    def _answer(self, question: Question, seen: Presence, evidence: Evidence, fields: tuple[str, ...]) -> Availability:
        subject = question.subject
        missing = explain(self._vault, question, seen.absent, evidence)
        return Availability(
            instrument=subject.instrument.name,
            timeframe=subject.timeframe,
            interval=question.interval,
            series=subject.series,
            calendar=subject.market.name,
            calendar_origin=subject.instrument.origins["calendar"],
            expected=seen.count + sum(one.bars for one in missing if not one.excused),
            found=seen.count,
            present=seen.spans,
            missing=missing,
            fields=dict.fromkeys(fields, 0) if seen.rows is None else lacking(question, seen.rows, fields),
        )

    # --- what is asked ---------------------------------------------------------------------------

    def _question(self, subject: Subject) -> Question:
        """Ask about a subject; what was found out about its market for another one is used again."""
        key = subject.market.name, self._interval(subject)
        known = self._questions.get(key)
        if known is None:
            known = self._questions[key] = Question.of(subject, key[1], self._now)
        return known.about(subject)

    def _reach(self) -> Interval:
        """Return where blocks may start that hold bars of the interval."""
        if not self._found or self._asked.start == BEGINNING:
            return everything()
        first = np.array([self._asked.start], np.int64)
        return Interval(int(self._found[0].timeframe.block_of(first)[0]), END_OF_TIME)

    def _interval(self, subject: Subject) -> Interval:
        """Give an interval without bounds those that it means."""
        start = self._beginning(subject) if self._asked.start == BEGINNING else self._asked.start
        end = max(start, self._now) if self._asked.end == END_OF_TIME else self._asked.end
        return Interval(start, max(start, end) if self._asked.start == BEGINNING else end)

    def _beginning(self, subject: Subject) -> int:
        listed = [self._listed(subject, listing.first_trade) for listing in subject.listings]
        starts = [at for one, date in zip(subject.series, listed, strict=False) for at in self._starts(one, date)]
        if not subject.series:
            starts = [date for date in listed if date is not None]
        if not starts:
            name = str(subject.series[0]) if subject.series else f"{subject.instrument.name} {subject.timeframe}"
            raise SeriesNotFound(series=name, hint=hint(self._vault, subject.instrument.name, subject.timeframe))
        return min(starts)

    def _listed(self, subject: Subject, first_trade: int | None) -> int | None:
        """Return the label of the bar in which trading began."""
        if first_trade is None:
            return None
        table = subject.market.timetable(subject.timeframe, Interval(first_trade, max(first_trade, self._now)))
        number = table.closed(np.array([first_trade], np.int64))
        return int(table.labels(number)[0]) if table.has(number)[0] else first_trade

    def _starts(self, series: Series, listed: int | None) -> Iterable[int]:
        """Give when the first bar opens, and when trading began, or else when the first answer begins."""
        span = self._spans.get(series)
        if listed is not None:
            yield listed
        else:
            yield from (cover.interval.start for cover in self._coverage[series] if cover.interval.start > BEGINNING)
        if span is not None and (listed is None or span.start >= listed):
            yield span.start
        else:
            # The span holds withdrawn bars as well: before a listing only a bar that is there counts.
            first = first_bar(self._vault, series, self._counts[series])
            yield from () if first is None else (first,)

    # --- what the ledger knows ---------------------------------------------------------------------

    @property
    def _known_spans(self) -> dict[Series, Interval]:
        return {series: span for series, span in self._spans.items() if span is not None}

    def _look_at_spans(self, series: Iterable[Series]) -> None:
        new = [one for one in dict.fromkeys(series) if one not in self._spans]
        if new:
            self._spans |= dict.fromkeys(new) | dict(self._vault.ledger.revisions.spans(new))

    def _evidence(self, questions: Sequence[Question]) -> Evidence:
        series = list(dict.fromkeys(series for one in questions for series in one.subject.series))
        ledger = self._vault.ledger
        coverage: Mapping[Series, Sequence[Cover]] = {one: self._coverage[one] for one in series}
        states = ledger.revisions.states(series) if series else []
        gone = {
            state.series: [stretch.interval for stretch in state.gone if not stretch.refilled]
            for state in states
            if state.gone
        }
        return Evidence(
            coverage=coverage,
            gone=gone,
            withdrawals=ledger.revisions.withdrawals(series) if series else {},
            put_aside=ledger.quarantine.codes_of(series) if series else {},
            halts=_by_instrument(ledger.instruments.halts()) if questions else {},
            extent=self._extent([one for one in questions if one.subject.dated]),
        )

    def _extent(self, questions: Sequence[Question]) -> Extent:
        """Look up what tells where bars begin and end, also outside of what is asked."""
        series = list(dict.fromkeys(series for one in questions for series in one.subject.series))
        self._look_at_spans(series)
        counts = self._counts
        if series and self._reach() != everything():
            counts = self._vault.ledger.catalog.counts_of(series, everything())
        return Extent(counts=counts, spans=self._known_spans)


def _by_instrument(halts: Sequence[Halt]) -> Mapping[str, Sequence[Halt]]:
    return {name: list(listed) for name, listed in groupby(halts, key=lambda halt: halt.instrument)}


def _fields(names: Sequence[str]) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in listed if name not in FIELDS]
    if unknown:
        reason = f"bars have no field {', '.join(map(repr, unknown))}; they have {', '.join(FIELDS)}"
        raise InvalidSetting(setting="required_fields", reason=reason)
    return listed


def _timeframe(subject: Subject) -> Timeframe:
    return subject.timeframe


def _badness(one: Availability) -> tuple[bool, float, int, str]:
    """Order real holes before histories that only end early, as those do that nobody goes on with."""
    reached = one.expected - one.behind
    share = one.found / reached if one.inner else one.ratio
    return not one.inner, share, one.found - one.expected, str(one)
