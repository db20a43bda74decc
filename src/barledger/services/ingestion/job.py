"""Jobs: one series from its source into the cache."""

from collections.abc import Generator, Sequence
from contextlib import closing as closing_
from dataclasses import replace
from functools import cached_property
from typing import Final

from barledger.domain.calendar import Calendar
from barledger.domain.declared import Adjusted, is_raw, spoken
from barledger.domain.instrument import Facts
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, difference, intersection, union
from barledger.domain.rows import Rows, empty_rows
from barledger.domain.series import Series
from barledger.errors import AdjustmentChanged, BarledgerError, DataNotFound, SourceError, StoreError
from barledger.ledger.contract import Cover
from barledger.services.cache import DataCacheService
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies.events import event_key, withheld
from barledger.services.ingestion import closing
from barledger.services.ingestion.answers import FAILED, UNCONFIRMED, Answer, Received, read_answer
from barledger.services.ingestion.budget import BudgetSpent
from barledger.services.ingestion.counted import counted_kinds, differing
from barledger.services.ingestion.fetching import Asking, Stopped, as_error, ask
from barledger.services.ingestion.held import Held, current
from barledger.services.ingestion.judgement import paired
from barledger.services.ingestion.notes import notes, out_of_reach
from barledger.services.ingestion.plan import Plan, Wanted
from barledger.services.ingestion.plan import plan as plan_for
from barledger.services.ingestion.progress import Finished, Meter, Refetching, Retrying
from barledger.services.ingestion.report import InstrumentReport, State
from barledger.services.ingestion.restatement import recognise, suspicious
from barledger.services.ingestion.restating import restate
from barledger.services.ingestion.retries import Vain
from barledger.services.ingestion.scribe import OPERATION, Scribe
from barledger.services.ingestion.task import Task
from barledger.services.instruments import InstrumentService
from barledger.sources.contract import FetchRequest

_NOBODY_ANSWERED: Final = "the source's answer did not reach it"


class _SourceFailed(Exception):
    """The source failed for good; what it had given is written."""

    def __init__(self, error: BarledgerError) -> None:
        super().__init__(str(error))
        self.error = error


class _Multiplied(Exception):
    """Bars look as if the source had multiplied its history."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Job:
    """One series of a task: asks for what is lacking, and writes what comes, chunk after chunk."""

    def __init__(
        self,
        vault: Vault,
        cache: DataCacheService,
        instruments: InstrumentService,
        *,
        task: Task,
        series: Series,
        wanted: Wanted,
    ) -> None:
        """Begin nothing yet."""
        self._vault, self._cache, self._instruments = vault, cache, instruments
        self._task, self._wanted = task, wanted
        self.series = series
        self._answered: list[Interval] = []
        self._newest: Interval | None = None
        self._declared: Adjusted | None = None
        self._dropped = self._future = self._calls = 0

    def run(self) -> InstrumentReport:
        """Do it all; an error that concerns this series is in the report, with what was done before it."""
        report = self._run()
        self._task.progress.tell(Finished(series=self.series, report=report))
        return report

    def _run(self) -> InstrumentReport:
        try:
            if self._task.stop.is_set() or self._task.spending.spent:
                return self._report("not_done" if self._plan.stretches else "current")
            if self._plan.hopeless and self._plan.out_of_reach is not None:
                raise out_of_reach(self.series, self._plan.out_of_reach)
            self._learn_facts()
            if not self._plan.stretches:
                return self._report("current")
            self._meter.start(self._plan.stretches, self._plan.horizon)
            self._work()
        except _SourceFailed as failed:
            return self._failed(failed.error)
        except (BudgetSpent, Stopped):
            return self._report("not_done") if self._left else self._report(self._outcome)
        except BarledgerError as error:
            if isinstance(error, StoreError):
                self._task.stop.set()  # what is fetched for the others could not be kept either
            return self._report("failed", error)
        self._note_unanswered()
        return self._report(self._outcome)

    def _failed(self, error: BarledgerError) -> InstrumentReport:
        """Note in the coverage what could not be fetched, so that it is asked for again and everybody knows why."""
        unknown = isinstance(error, DataNotFound) and not self._scribe.written.revision
        covers = [
            Cover(series=self.series, interval=left, outcome=FAILED, detail=str(error))
            for left in self._left
            # A name that means nothing to the source is no series that lacks bars.
            if not left.empty and not unknown
        ]
        try:
            if covers:
                self._vault.ledger.catalog.cover(covers, self._scribe.who(OPERATION))
        except BarledgerError as worse:
            error.add_note(f"and it could not be noted in the ledger: {worse}")
        return self._report("failed", error)

    # --- what is known before ----------------------------------------------------------------------

    @cached_property
    def _request(self) -> FetchRequest:
        wanted = self._wanted.interval
        moment = min(wanted.end - 1, self._vault.ledger.now())
        return FetchRequest(
            instrument=self.series.instrument,
            timeframe=self.series.timeframe,
            interval=wanted,
            native=self._vault.ledger.symbols.native(self.series.instrument, self.series.source, moment),
            on_invalid=self._task.on_invalid,
        )

    def _learn_facts(self) -> None:
        """Ask what the source knows of the instrument itself, unless it told, or bars are to be seen again anyway."""
        told = self._told
        if told is not None and not (self._wanted.bars or self._wanted.again):
            return
        try:
            with self._task.slots:
                learned = self._task.source.facts(self._request)
        except (SourceError, LookupError):
            return  # bars can be had without; what is wrong shows when they are asked for
        except Exception as error:
            raise _SourceFailed(as_error(error, self.series.source)) from error
        if learned is not None:
            self._tell(replace(learned, adjusted=told.adjusted if told else None))

    @property
    def _told(self) -> Facts | None:
        return self._instruments.register().told(self.series.instrument, self.series.source)

    def _tell(self, facts: Facts) -> None:
        self._vault.ledger.instruments.tell([facts], self._vault.who("tell"))

    def _declare(self, declared: Adjusted) -> None:
        """Tell the ledger what the source has adjusted its bars for, before the first of them is written.

        It stays so: what a pinned read makes of bars must not change with what is said of them later. Raises
        `AdjustmentChanged`.
        """
        if declared == self._declared:
            return
        told = self._told or Facts(pattern=self.series.instrument, origin=self.series.source)
        kept, frame = told.adjusted or {}, self.series.timeframe.name
        adjusted = {} if is_raw(declared) else dict(declared)
        if kept.get(frame, {}) != adjusted:
            if self._declared is not None or self._vault.ledger.revisions.state(self.series).revision:
                before, now = spoken(kept.get(frame, {})), spoken(adjusted)
                raise AdjustmentChanged(series=str(self.series), before=before, now=now)
            self._tell(replace(told, adjusted={**kept, frame: adjusted}))
        self._declared = declared

    @cached_property
    def _held(self) -> Held:
        return Held(self._vault, self.series)

    @cached_property
    def _plan(self) -> Plan:
        horizon = closing.horizon(self.series.timeframe, self._calendar, self._vault.ledger.now())
        return plan_for(self._vault, self._held, self._wanted, self._task.declaration, horizon=horizon)

    @cached_property
    def _calendar(self) -> Calendar:
        return closing.calendar_of(self._instruments, self.series.instrument)

    @cached_property
    def _scribe(self) -> Scribe:
        return Scribe(self._vault, self._cache, self._task, self.series, self._calendar, self._request.symbol)

    @cached_property
    def _meter(self) -> Meter:
        return Meter(self._task.progress, self.series, self._calendar)

    # --- the work ----------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with closing_(self._received(self._plan.stretches)) as chunks:
                for received in chunks:
                    self._take(self._read(received))
        except _Multiplied as found:
            self._scribe.forget()
            self._rewrite(found.answer)
        except (_SourceFailed, BudgetSpent, Stopped):
            self._scribe.settle()
            raise
        else:
            self._scribe.settle()

    def _received(self, stretches: Sequence[Interval]) -> Generator[Received]:
        task = self._task
        asking = Asking(
            source=task.source,
            retries=task.retries,
            timing=task.timing,
            spending=task.spending,
            stop=task.stop,
            now=self._vault.ledger.now,
            slot=task.slots,
            told=self._tell_retry,
            called=self._count,
        )
        try:
            with closing_(ask(asking, self._request, stretches)) as chunks:
                yield from chunks
        except (BudgetSpent, Stopped):
            raise
        except Exception as error:
            raise _SourceFailed(as_error(error, self.series.source)) from error

    def _count(self, calls: int) -> None:
        self._calls += calls

    def _tell_retry(self, vain: Vain) -> None:
        self._task.progress.tell(Retrying(series=self.series, error=vain.error, attempt=vain.attempt, wait=vain.wait))

    def _read(self, received: Received) -> Answer:
        try:
            answer = read_answer(received, self.series, self._calendar, after=self._newest)
        except SourceError as error:
            raise _SourceFailed(error) from error
        self._newest = answer.newest
        self._dropped += answer.dropped
        self._future += answer.future
        answer = self._scribe.heed(answer)
        answer = self._scribe.screen(answer, self._adjusted(answer))
        self._scribe.put_aside(answer.rejected)
        return answer

    def _take(self, answer: Answer) -> None:
        stored = self._stored(answer)
        if self._multiplied(stored, answer) or self._adjusted_for(answer):
            raise _Multiplied(answer)
        if len(answer.rows):
            self._declare(self._adjusted(answer))
        # Whoever reads the revision that brings the bars finds the events that came with them.
        self._scribe.hear([answer], stored, counted_kinds(self._adjusted(answer)))
        self._scribe.take(answer, stored)
        self._answered.append(_whole(answer))
        self._meter.advance(answer.interval, len(answer.rows))

    def _stored(self, answer: Answer) -> Rows:
        """Return the bars that are held where the answer lies."""
        shared = answer.interval.intersection(self._held.interval)
        if shared is None:
            return empty_rows()
        return current(self._vault, self.series, shared).rows.standing()

    def _adjusted(self, answer: Answer) -> Adjusted:
        """Return what the bars of an answer are adjusted for: as it says itself, else as the source declares."""
        return answer.received.chunk.adjustment or self._task.declaration.adjustment

    def _multiplied(self, stored: Rows, answer: Answer) -> bool:
        """Whether bars that are held look multiplied; of a source that adjusts, a single bar is enough to look."""
        old, new = paired(stored, answer.rows)
        tolerance = self._task.declaration.tolerance
        if not is_raw(self._adjusted(answer)):
            return suspicious(old, new, tolerance)
        return bool(len(old)) and recognise(old, new, tolerance) is not None

    def _adjusted_for(self, answer: Answer) -> bool:
        """Whether there is news of an event for which the source changes the bars before it."""
        kinds = counted_kinds(self._adjusted(answer))
        mine = [one for one in answer.received.chunk.actions if one.kind in kinds]
        if not mine or self._held.empty:
            return False
        known = self._vault.ledger.actions.list(instrument=self.series.instrument, source=self.series.source)
        waits = withheld(self._vault.ledger, self.series)
        news = [one for one in differing(mine, known) if (event_key(one), one.value) not in waits]
        return any(one.ex_date > self._held.first for one in news)

    def _rewrite(self, answer: Answer) -> None:
        """Ask for all that is held and all that is wanted at once, before anything of it is written."""
        span = self._span()
        received = [answer]
        if not _holds(answer, span):
            self._task.progress.tell(Refetching(series=self.series, interval=span))
            with closing_(self._received([span])) as chunks:
                received = [self._read(one) for one in chunks]
        if not any(len(one.rows) for one in received):
            detail = "its history seems to be multiplied, and it gives nothing when asked for all of it"
            raise _SourceFailed(SourceError(source=self.series.source, detail=detail))
        self._declare(self._adjusted(received[-1]))
        restate(self._scribe, received, span, kinds=counted_kinds(self._adjusted(received[-1])))
        for one in received:
            if not self._scribe.held:
                self._answered.append(_whole(one))
            self._meter.advance(one.interval, len(one.rows))

    def _span(self) -> Interval:
        """Return the hull of what is held and what is asked for."""
        held, asked = self._held, self._plan.stretches
        starts = [one.start for one in asked if one.start != BEGINNING]
        return Interval(min([held.first, *starts]), max([held.end, *(one.end for one in asked)]))

    # --- the end -----------------------------------------------------------------------------------

    @property
    def _left(self) -> list[Interval]:
        """Return what was asked for and not answered, closed bars only."""
        past = Interval(BEGINNING, self._plan.horizon)
        return intersection(difference(self._plan.lacking, self._answered), [past])

    def _note_unanswered(self) -> None:
        """Note the stretches of which the source's answer said nothing, so that they are asked for again."""
        if self._scribe.held:
            return
        left = [one for one in self._left if one.start != BEGINNING and self._task.declaration.incremental]
        covers = [
            Cover(series=self.series, interval=one, outcome=UNCONFIRMED, detail=_NOBODY_ANSWERED)
            for one in union([*left, *self._failed_before])
        ]
        if covers:
            self._vault.ledger.catalog.cover(covers, self._scribe.who(OPERATION))

    @property
    def _failed_before(self) -> list[Interval]:
        """Return what failed when it was asked for before, was asked for again, and was not even given an answer to."""
        covers = self._vault.ledger.catalog.coverage(self.series)
        failed = [one.interval for one in covers if one.outcome == FAILED]
        return intersection(failed, self._plan.stretches)

    @property
    def _outcome(self) -> State:
        waits = self._scribe.proposals or self._scribe.held
        return "proposed" if waits else "done"

    def _report(self, state: State, error: BarledgerError | None = None) -> InstrumentReport:
        scribe, settled = self._scribe, state in ("current", "done")
        # A series that cannot even be looked at has no plan.
        plan: Plan = self.__dict__.get("_plan", Plan(stretches=(), lacking=(), horizon=BEGINNING))
        report = InstrumentReport(
            series=self.series,
            state=state,
            written=scribe.written,
            error=error,
            asked=plan.stretches,
            left=() if settled or not plan.stretches else tuple(self._left),
            out_of_reach=plan.out_of_reach,
            dropped=self._dropped,
            future=self._future,
            proposed=scribe.proposed,
            held=scribe.held,
            declined=scribe.declined,
            decided=scribe.corrected,
            decisions=tuple(scribe.decided),
            overruled=tuple(scribe.overruled),
            proposals=tuple(dict.fromkeys(scribe.proposals)),
            flagged=tuple(dict.fromkeys(scribe.flagged)),
            heard=tuple(dict.fromkeys(scribe.heard)),
            restatement=scribe.restatement,
            calls=self._calls,
        )
        return replace(report, notes=tuple(notes(report, plan, self._wanted)))


def _whole(answer: Answer) -> Interval:
    """Return the stretch that a chunk settles, with what is not closed yet."""
    chunk = answer.received.chunk.interval
    return Interval(min(answer.interval.start, chunk.start), max(answer.interval.end, min(chunk.end, END_OF_TIME)))


def _holds(answer: Answer, span: Interval) -> bool:
    """Whether an answer is one about the whole span already."""
    stretch = answer.received.stretch
    whole = answer.received.chunk.interval
    return stretch.start <= span.start and whole.start <= span.start and whole.end >= span.end
