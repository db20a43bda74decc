"""DataIntegrityService: notices what changed, and carries out what was decided."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import Any

from barledger import detection
from barledger.domain.bars import Bars
from barledger.domain.comparison import Tolerance
from barledger.domain.decision_rule import Action, DecisionRule
from barledger.domain.discrepancy import Discrepancy, check_reason
from barledger.domain.finding import CERTAIN
from barledger.domain.interval import Instant, Interval, parse_time
from barledger.domain.sampling import Sampling
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import InvalidSetting, SourceNotFound
from barledger.services.availability import DataAvailabilityService
from barledger.services.cache import DataCacheService
from barledger.services.cache.commit import Written
from barledger.services.cache.priority import choose, hint, unknown
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import read_version
from barledger.services.discrepancies import Workflow
from barledger.services.discrepancies.filter import WAITS, Filter
from barledger.services.discrepancies.outcomes import Undone
from barledger.services.discrepancies.preview import Preview
from barledger.services.discrepancies.workflow import Decided
from barledger.services.ingestion.budget import Budget, Spending
from barledger.services.ingestion.retries import Retries
from barledger.services.ingestion.timing import Timing
from barledger.services.instruments import InstrumentService
from barledger.services.integrity.held_source import HeldSource
from barledger.services.integrity.inspection import Findings, Inspection, find
from barledger.services.integrity.known_sources import KnownSources, SourceNames
from barledger.services.integrity.library_pass import LibraryPass
from barledger.services.integrity.reconciler import Reconciler, Task
from barledger.services.integrity.refetching import Opened, Refetcher, SourceMaker
from barledger.services.integrity.remedies import Remedies
from barledger.services.integrity.report import Comparison, LibraryReport, Report
from barledger.services.integrity.screening import Screening
from barledger.services.integrity.tolerances import Tolerances
from barledger.services.quality import QualityHistory, QualityReport, QualityService
from barledger.sources.contract import Source


class DataIntegrityService:
    """Detects, proposes, and on a decision writes; nothing is ever repaired by itself unless a rule says so."""

    def __init__(
        self,
        vault: Vault,
        cache: DataCacheService,
        make_source: SourceMaker,
        instruments: InstrumentService | None = None,
        *,
        timing: Timing | None = None,
        retries: Retries | None = None,
        findings: Findings = detection.findings,
        quality: QualityService | None = None,
        source_names: SourceNames = tuple,
    ) -> None:
        """Work on this store and ledger, with sources from this maker; ``findings`` replaces the detection.

        ``source_names`` gives the names of sources that the maker is known to make.
        """
        self._vault = vault
        self._instruments = instruments or InstrumentService(vault)
        self._workflow = Workflow(vault, cache)
        vault.afterwards.tell(heed=self._workflow.heed)
        self._refetcher = Refetcher(vault, self._instruments, make_source, timing=timing, retries=retries)
        self._sources = KnownSources(vault, make_source, source_names)
        self._tolerances = Tolerances(vault, self._sources)
        self._findings = findings
        self._remedies = Remedies(vault=vault, instruments=self._instruments)
        self._quality = quality or QualityService(
            vault, self._instruments, DataAvailabilityService(vault, self._instruments)
        )
        self.screening = Screening(vault, self._workflow, self._instruments, findings)

    # --- against sources -------------------------------------------------------------------------

    def reconcile(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | Source | None = None,
        against: str | Source | Sequence[str | Source] | None = None,
        budget: Budget | None = None,
        reason: str = "",
        stop: Event | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Report:
        """Ask for the held bars of [start, end) again, and tell what differs, bar by bar and of which kind.

        By itself a series is compared with its own source, and what that says otherwise is proposed. ``against`` names
        other sources: what they say otherwise is reported, and proposes nothing; of one that cannot be asked, the bars
        that are held count. ``source`` says whose series it is, ``options`` are those of its own source. Closed bars
        alone are compared. An event over a stretch, such as a split, makes it ask for the whole series. Nothing is
        written unless a rule accepts it. Raises `SeriesNotFound`, `AmbiguousSource`, `SourceNotFound` for a name of no
        source and no series, and what the source raises.
        """
        self._vault.check_writable()
        series = self._series(instrument, timeframe, source)
        task = Task(
            spending=Spending(budget or Budget(), self._refetcher.timing.steady),
            stop=stop or Event(),
            reason=reason,
            anew=True,
        )
        own = source if isinstance(source, Source) else series.source
        others = [own] if against is None else [against] if isinstance(against, str | Source) else list(against)
        if not others:
            raise InvalidSetting(setting="against", reason="there is no source to compare with")
        for other in others:
            if isinstance(other, str) and other != series.source:
                self._sources.check(other)
        interval = Interval.of(start, end)
        with self._vault.afterwards.gathering():
            compared = [self._compare(series, interval, one, task, options if one is own else None) for one in others]
        if len(compared) == 1 and compared[0].error is not None:
            raise compared[0].error
        return Report(comparisons=tuple(compared))

    def reconcile_all(
        self,
        pattern: str = "*",
        timeframe: str | None = None,
        *,
        source: str | None = None,
        budget: Budget | None = None,
        concurrency: int = 4,
        sampling: Sampling | None = None,
        reason: str = "",
        stop: Event | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> LibraryReport:
        """Look at a few blocks of each series whose instrument matches a glob, and at more where something differs.

        Which blocks, the `Sampling` says: recent ones often, old ones seldom. What was looked at is in the ledger, so a
        pass that was ended, by its budget, by ``stop`` or by a kill, is gone on with by the next. A series that fails
        stops none of the others and is in the report; a store that fails stops all. ``options`` are those of the
        one ``source`` that is named. Raises `SeriesNotFound` if nothing matches.
        """
        self._vault.check_writable()
        if concurrency < 1:
            raise InvalidSetting(setting="concurrency", reason=f"{concurrency} is below 1")
        if options and source is None:
            raise InvalidSetting(setting="options", reason="name the source whose they are: source=…, or --source")
        task = Task(
            spending=Spending(budget or Budget(), self._refetcher.timing.steady), stop=stop or Event(), reason=reason
        )
        made = LibraryPass(
            self._vault, self._refetcher, self._reconciler, sampling=sampling or Sampling(), concurrency=concurrency
        )
        wanted = pattern if set(pattern) & set("*?[") else normalise_instrument(pattern)
        # What rules accept is followed at the end, by one revision of each series that depends on it.
        with self._vault.afterwards.gathering():
            return made.run(task, pattern=wanted, timeframe=timeframe, source=source, options=options)

    def _compare(
        self, series: Series, interval: Interval, other: str | Source, task: Task, options: Mapping[str, Any] | None
    ) -> Comparison:
        with ExitStack() as stack:
            notes: tuple[str, ...] = ()
            try:
                opened = stack.enter_context(self._refetcher.opened(other, options))
            except SourceNotFound:
                if other == series.source:
                    raise
                held = HeldSource(self._vault, str(other))
                if not held.has(series):
                    what = f"{series.instrument} {series.timeframe.name}"
                    said = f"{other} cannot be asked, and no bars of {what} are held of it"
                    return Comparison(series=series, against=str(other), state="skipped", notes=(said,))
                opened = stack.enter_context(self._refetcher.opened(held))
                notes = (f"{other} cannot be asked: the bars that are held of it were compared",)
            reconciler = self._reconciler(series, opened, task)
            if reconciler.held.empty:
                raise unknown(self._vault, str(series), hint(self._vault, series.instrument, series.timeframe))
            held_span = Interval(reconciler.held.first, reconciler.held.end)
            shared = held_span.intersection(interval)
            if shared is None:
                said = f"no bar is held in {interval}"
                return Comparison(series=series, against=opened.name, state="skipped", notes=(said,))
            reconciler.ask([reconciler.beside(shared)])
            return reconciler.settle(notes)

    def _reconciler(self, series: Series, opened: Opened, task: Task) -> Reconciler:
        return Reconciler(
            self._vault,
            self._workflow,
            self._refetcher,
            series=series,
            opened=opened,
            tolerance=self._tolerances.of(series.source, opened.name, opened.declaration),
            task=task,
        )

    def _series(self, instrument: str, timeframe: str, source: str | Source | None) -> Series:
        name = source.declaration.name if isinstance(source, Source) else source
        return choose(self._vault, normalise_instrument(instrument), Timeframe.of(timeframe), name).series[0]

    # --- within the series -----------------------------------------------------------------------

    def inspect(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        keep: bool = False,
        confidence: float = CERTAIN,
        reason: str = "",
    ) -> Inspection:
        """Tell what looks wrong in a series by itself, without its source.

        With ``keep`` the findings of at least this ``confidence`` go to the register, those of the newest state only,
        and with a proposal where a factor puts the bars right, or, in prices as traded, where a split is all that lacks
        (`services.integrity.remedies`). Raises `SeriesNotFound` and `AmbiguousSource`.
        """
        series = self._series(instrument, timeframe, source)
        wanted = Version.of(version)
        seen = read_version(self._vault, series, Interval.of(start, end), wanted)
        if not seen.revision:
            raise unknown(self._vault, str(series), hint(self._vault, series.instrument, series.timeframe))
        found = find(
            self._findings,
            seen.rows,
            timeframe=series.timeframe,
            actions=self._vault.ledger.actions.list(instrument=series.instrument),
            adjusted=self._instruments.register().adjusted(series),
        )
        kept: list[Discrepancy] = []
        if keep:
            if wanted.kind != "latest":
                raise InvalidSetting(setting="keep", reason="findings are kept of the latest version only")
            self._vault.check_writable()
            who = self._vault.who("inspect", reason=reason)
            for one in (each for each in found if each.confidence >= confidence):
                flag = self._remedies.flag(series, one, seen.rows, revision=seen.revision)
                kept.append(self._workflow.keep(flag.discrepancy, flag.remedy, who, anew=True)[0])
        return Inspection(
            series=series,
            interval=seen.interval,
            revision=seen.revision,
            rows=len(seen.rows),
            findings=tuple(found),
            discrepancies=tuple(kept),
        )

    # --- how good they are -----------------------------------------------------------------------

    def quality(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        version: str | Instant = "latest",
        source: str | None = None,
        is_adjusted: bool = False,
        metrics: Sequence[str] | str | None = None,
        tolerance: Tolerance | None = None,
        record: bool | None = None,
    ) -> QualityReport:
        """Measure completeness, consistency, timeliness, accuracy and integrity (`QualityService.measure`)."""
        return self._quality.measure(
            instrument,
            timeframe,
            start=start,
            end=end,
            version=version,
            source=source,
            is_adjusted=is_adjusted,
            metrics=metrics,
            tolerance=tolerance,
            record=record,
        )

    def quality_history(
        self,
        instrument: str,
        timeframe: str,
        *,
        metric: str | None = None,
        since: Instant | None = None,
        source: str | None = None,
        version: str | None = "latest",
        is_adjusted: bool = False,
    ) -> QualityHistory:
        """Return what was measured before, the oldest first (`QualityService.history`)."""
        return self._quality.history(
            instrument,
            timeframe,
            metric=metric,
            since=since,
            source=source,
            version=version,
            is_adjusted=is_adjusted,
        )

    # --- the register ----------------------------------------------------------------------------

    def discrepancies(
        self,
        *,
        state: str | Sequence[str] = WAITS,
        kind: str | None = None,
        instrument: str | None = None,
        timeframe: str | None = None,
        source: str | None = None,
        confidence: float = 0.0,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> list[Discrepancy]:
        """Return the discrepancies in a state (or several, ``waiting``, ``all``), the newest first.

        ``kind``, ``instrument`` and ``source`` are globs, ``confidence`` is the least that counts.
        """
        return self._workflow.list(
            Filter.of(
                state=state,
                kind=kind,
                instrument=instrument,
                timeframe=timeframe,
                source=source,
                confidence=confidence,
                start=start,
                end=end,
            )
        )

    def discrepancy(self, discrepancy_id: str) -> Preview:
        """Return a discrepancy with its ``bars`` and ``diff``, the snapshots and strategies that it touches, its steps.

        Raises `DiscrepancyNotFound`.
        """
        return self._workflow.show(discrepancy_id)

    def accept(self, discrepancy_id: str, *, reason: str) -> Written:
        """Write what is proposed as a new revision, or record the event (`Workflow.accept`)."""
        return self._workflow.accept(discrepancy_id, reason=reason)

    def reject(self, discrepancy_id: str, *, reason: str) -> Discrepancy:
        """Keep the bars as they are; the same difference is not proposed again (`Workflow.reject`)."""
        return self._workflow.reject(discrepancy_id, reason=reason)

    def undo(self, discrepancy_id: str, *, reason: str, partial: bool = False) -> Undone:
        """Restore what stood before an accepted correction, by another revision (`Workflow.undo`)."""
        return self._workflow.undo(discrepancy_id, reason=reason, partial=partial)

    def accept_each(self, wanted: Filter, *, reason: str) -> tuple[Decided, ...]:
        """Accept all proposals that a filter is about, each as a revision; one that fails stops none of the others."""
        check_reason(reason)
        return self._workflow.each(_proposed(wanted), lambda one: self._workflow.accept(one.id, reason=reason))

    def reject_each(self, wanted: Filter, *, reason: str) -> tuple[Decided, ...]:
        """Reject all that a filter is about and that waits for a decision."""
        check_reason(reason)
        return self._workflow.each(
            _only(wanted, "open", "proposed"), lambda one: self._workflow.reject(one.id, reason=reason)
        )

    def undo_each(self, wanted: Filter, *, reason: str, partial: bool = False) -> tuple[Decided, ...]:
        """Undo all that a filter is about and that was applied, the last first, each by a revision of its own."""
        check_reason(reason)
        return self._workflow.each(
            _only(wanted, "applied"),
            lambda one: self._workflow.undo(one.id, reason=reason, partial=partial),
            backwards=True,
        )

    # --- policies --------------------------------------------------------------------------------

    def rules(self) -> Sequence[DecisionRule]:
        """Return the rules by which something is decided without a person, the most specific first."""
        return self._workflow.rules()

    def set_rule(
        self,
        name: str,
        *,
        action: Action = "accept",
        kind: str = "*",
        source: str = "*",
        confidence: float = CERTAIN,
        most_bars: int | None = None,
        reason: str,
    ) -> DecisionRule:
        """Let discrepancies of a kind and source, from a confidence on, be decided by themselves (`DecisionRule`).

        It takes the place of one of the same name; the audit log has both. Raises `InvalidSetting` without a reason and
        for a kind that there is not, and `SourceNotFound` for a source that has neither that name nor series.
        """
        self._vault.check_writable()
        rule = DecisionRule(
            name=name, action=action, kind=kind, source=source, confidence=confidence, most_bars=most_bars
        )
        self._sources.check_pattern(source)
        return self._workflow.set_rule(rule, reason=reason)

    def remove_rule(self, name: str, *, reason: str = "") -> None:
        """Remove a rule, with the ``reason`` in the audit log; raises `RuleNotFound`."""
        self._workflow.remove_rule(name, reason=reason)

    def tolerance(self, source: str, against: str) -> Tolerance:
        """Return which differences between two sources mean nothing (of one and itself: what it declares)."""
        if source != against:
            return self._tolerances.of(source, against)
        with self._refetcher.opened(source) as opened:
            return self._tolerances.of(source, against, opened.declaration)

    def tolerances(self) -> Mapping[tuple[str, str], Tolerance]:
        """Return what somebody set, by pair of sources, each in alphabetical order."""
        return self._tolerances.set_by_people()

    def set_tolerance(
        self,
        source: str,
        against: str,
        *,
        price: float | None = None,
        volume: float | None = None,
        fields: Mapping[str, float] | None = None,
        reason: str = "",
    ) -> Tolerance | None:
        """Set which relative differences mean nothing between two sources, for all prices or single fields.

        A source and itself are a pair too. Without any part, what counts by itself counts again. The ``reason`` is in
        the audit log, with what was set before.
        """
        return self._tolerances.set(
            source, against, price=price, volume=volume, fields=dict(fields or {}), reason=reason
        )

    # --- what was computed from bars -------------------------------------------------------------

    def stale(self, bars: Bars) -> tuple[Series, ...]:
        """Return the series of which bars in this answer's interval were written since it was given.

        The revision of a series is its generation: what was computed from bars is as good as they are, as long as no
        later revision touched their interval. News of a corporate action makes adjusted bars
        stale, too.
        """
        if self._news_of_events(bars):
            return tuple(bars.revisions)
        return tuple(
            series
            for series, revision in bars.revisions.items()
            if self._vault.ledger.revisions.conflicting(series, bars.interval, revision)
        )

    def _news_of_events(self, bars: Bars) -> bool:
        told = (bars if bars.adjusted is None else bars.adjusted).provenance.get("adjusted")
        return told is not None and self._vault.ledger.actions.mark(bars.instrument) > parse_time(told["known_at"])


def _proposed(wanted: Filter) -> Filter:
    return _only(wanted, "proposed", "accepted")


def _only(wanted: Filter, *states: Any) -> Filter:
    """Narrow a filter to the states in which a decision is possible."""
    kept = frozenset(states) if wanted.states is None else frozenset(states) & wanted.states
    return replace(wanted, states=kept)
