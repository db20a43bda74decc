"""DataIngestionService: from sources and callers into the cache."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from threading import BoundedSemaphore, Event
from typing import Any, Final, Protocol

from barledger.domain.change_policy import ChangePolicy, OnChange
from barledger.domain.instrument import is_glob
from barledger.domain.interval import Instant, Interval
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.validation import OnInvalid
from barledger.errors import BarledgerError, CapabilityMissing, InvalidSetting, SeriesNotFound, SourceNotFound
from barledger.ledger.contract import QuarantinedBar
from barledger.services.cache import DataCacheService
from barledger.services.cache.commit import Written
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies import Workflow
from barledger.services.ingestion import crew
from barledger.services.ingestion.budget import Budget, Spending
from barledger.services.ingestion.follow import ClosedBar, Follower, Following
from barledger.services.ingestion.gaps import Gap, by_source, could_not, skipped
from barledger.services.ingestion.job import Job
from barledger.services.ingestion.plan import Refresh, Wanted
from barledger.services.ingestion.policies import Policies, age
from barledger.services.ingestion.progress import Listener, Progress
from barledger.services.ingestion.proposing import Proposal, Proposed, Proposing
from barledger.services.ingestion.report import IngestionReport, InstrumentReport, add, summed
from barledger.services.ingestion.retries import Retries
from barledger.services.ingestion.screening import Screen
from barledger.services.ingestion.task import Task
from barledger.services.ingestion.timing import Timing
from barledger.services.ingestion.writing import Entry, Writing
from barledger.services.instruments import InstrumentService
from barledger.sources.contract import FetchRequest, Source, SourceDeclaration

__all__ = ["Budget", "DataIngestionService", "Entry", "IngestionReport", "SourceMaker", "add"]


_KEPT: Final = "Leave it; `barledger ingest --fill-gaps` asks again for what is missing."
_NOT_ASKED: Final = ", and nobody was asked for any: there is nothing to forget"


class SourceMaker(Protocol):
    """Makes a source from its name and options."""

    def __call__(self, name: str, options: Mapping[str, Any]) -> Source:
        """Return the source; raises `SourceNotFound`."""


class DataIngestionService:
    """Brings bars in: validated, compared with what is there, and committed."""

    def __init__(
        self,
        vault: Vault,
        cache: DataCacheService,
        make_source: SourceMaker,
        instruments: InstrumentService | None = None,
        *,
        timing: Timing | None = None,
        retries: Retries | None = None,
        screen: Screen | None = None,
    ) -> None:
        """Work on this store and ledger, with sources from this maker, waiting by this clock.

        ``screen`` looks at what sources give before it is written.
        """
        self._vault = vault
        self._cache = cache
        self._make_source = make_source
        self._instruments = instruments or InstrumentService(vault)
        self._timing = timing or Timing()
        self._retries = retries or Retries()
        self._screen = screen
        self._writing = Writing(vault, cache)
        self._proposing = Proposing(Workflow(vault, cache))
        self._policies = Policies(vault, self._declared)

    # --- from sources ----------------------------------------------------------------------------

    def ingest(  # noqa: PLR0913 - each option is a question of its own
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        source: str | Source,
        start: Instant | None = None,
        end: Instant | None = None,
        refresh: Refresh | None = None,
        on_change: ChangePolicy | OnChange | None = None,
        budget: Budget | None = None,
        on_invalid: OnInvalid = "raise",
        reason: str = "",
        progress: Listener | None = None,
        stop: Event | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> IngestionReport:
        """Fetch the closed bars of [start, end) from a source, and write what is new or changed.

        Only what is not known to have been answered is asked for. Without a ``start`` that is from where the series
        ends, or from where the source begins. ``refresh`` asks once more: for the last so many bars that are held,
        beside what is new up to now, or for an interval (alone, if neither start nor end is given). Each chunk is a
        commit of its own, so what was acknowledged stays, and the next call goes on behind it. Several instruments are
        fetched at once, as far as the source allows; one that fails stops none of the others, and is in the report. Of
        a single one the error is raised.

        ``on_change`` is what counts for this call instead of the source's policy, ``progress`` is told events
        (`services.ingestion.progress`), ``stop`` ends it after the chunk that is being stored.
        """
        self._vault.check_writable()
        wanted, frame = Wanted.of(start, end, refresh), Timeframe.of(timeframe)
        names = [instruments] if isinstance(instruments, str) else list(instruments)
        with self._source(source, options) as (name, made):
            orders = [(series, wanted) for series in _series(names, frame, name)]
            task = self._task(
                name, made, on_change=on_change, budget=budget, on_invalid=on_invalid, reason=reason, stop=stop
            )
            task = replace(task, progress=Progress(progress, self._timing.steady))
            for series, _ in orders[:1]:
                made.check(FetchRequest(instrument=series.instrument, timeframe=frame, interval=wanted.interval))
            reports = self._work(task, orders)
        if len(reports) == 1 and reports[0].error is not None:
            raise reports[0].error
        return summed(reports, seconds=task.spending.seconds)

    def fill_gaps(
        self,
        gaps: Iterable[Gap],
        *,
        budget: Budget | None = None,
        on_change: ChangePolicy | OnChange | None = None,
        on_invalid: OnInvalid = "raise",
        reason: str = "",
        progress: Listener | None = None,
        stop: Event | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> IngestionReport:
        """Ask the sources of these series for what is missing in them, as far as asking can close it.

        ``gaps`` are what `DataAvailabilityService.gaps` gives: each has a ``series``, and in ``missing`` the intervals
        with their reasons. A series whose source cannot be made is in the report with the error; one that callers wrote
        has nobody to ask, and is skipped. ``stop`` ends it after the chunk that is being stored.
        """
        self._vault.check_writable()
        reports: list[InstrumentReport] = []
        spending = Spending(budget or Budget(), self._timing.steady)
        for source, orders in by_source(gaps).items():
            try:
                with self._source(source, options) as (name, made):
                    task = self._task(name, made, on_change=on_change, on_invalid=on_invalid, reason=reason, stop=stop)
                    task = replace(task, spending=spending, progress=Progress(progress, self._timing.steady))
                    reports += self._work(task, orders)
            except SourceNotFound as error:
                theirs = self._of_callers()
                reports += [
                    skipped(series, wanted) if series in theirs else could_not(series, wanted, error)
                    for series, wanted in orders
                ]
            except BarledgerError as error:
                reports += [could_not(series, wanted, error) for series, wanted in orders]
        return summed(reports, seconds=spending.seconds)

    def follow(  # noqa: PLR0913 - each option is a question of its own
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        source: str | Source,
        start: Instant | None = None,
        until: Instant | None = None,
        settle: float | None = None,
        on_change: ChangePolicy | OnChange | None = None,
        on_invalid: OnInvalid = "quarantine",
        reason: str = "",
        progress: Listener | None = None,
        stop: Event | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Generator[ClosedBar]:
        """Give bars as they close, each stored before it is given, each once, in ascending order.

        It begins at ``start``, else where a series ends, else with the next bar that closes, and fills what was missed
        meanwhile. The source is asked ``settle`` seconds after each close, again if it is late, and again and again
        while it cannot be reached: that ends nothing. A bar that comes after a later one was given is stored only.
        Ends when all bars that open before ``until`` are through, when ``stop`` is set, or when the iterator is closed.
        Raises what `ingest` raises for one instrument, except for what may pass, and `CapabilityMissing` for a source
        that never has a new bar.
        """
        self._vault.check_writable()
        frame, interval = Timeframe.of(timeframe), Interval.of(start, until)
        names = [instruments] if isinstance(instruments, str) else list(instruments)
        if not names:
            raise InvalidSetting(setting="instruments", reason="there is none to follow")
        if settle is not None and not settle >= 0:
            raise InvalidSetting(setting="settle", reason=f"{settle} is below zero")
        following = Following(interval=interval, from_the_end=start is None, settle=settle, stop=stop or Event())
        with ExitStack() as opened:
            name, made = opened.enter_context(self._source(source, options))
            series = _series(names, frame, name)
            made.check(FetchRequest(instrument=series[0].instrument, timeframe=frame, interval=interval))
            if not made.declaration.live:
                raise CapabilityMissing(who=f"source {name}", capability="bars that are still to come")
            task = self._task(
                name, made, on_change=on_change, on_invalid=on_invalid, reason=reason, stop=following.stop
            )
            # A follower waits by its own clock, between looks, so that one source's silence holds up nobody else.
            task = replace(task, retries=Retries(attempts=1), progress=Progress(progress, self._timing.steady))
            follower = Follower(self._vault, self._instruments, task, following, series, self._work)
            return _until_closed(follower, opened.pop_all())

    def _work(self, task: Task, orders: Sequence[tuple[Series, Wanted]]) -> list[InstrumentReport]:
        jobs = [
            Job(self._vault, self._cache, self._instruments, task=task, series=series, wanted=wanted)
            for series, wanted in orders
        ]
        with self._vault.afterwards.gathering():
            return crew.work(jobs, concurrency=max(task.declaration.concurrency, 1), stop=task.stop)

    def _task(
        self,
        name: str,
        source: Source,
        *,
        on_change: ChangePolicy | OnChange | None,
        on_invalid: OnInvalid,
        reason: str,
        budget: Budget | None = None,
        stop: Event | None = None,
    ) -> Task:
        declaration = source.declaration
        return Task(
            source=source,
            declaration=declaration,
            policy=self._policies.of(name, declaration, on_change),
            on_invalid=on_invalid,
            reason=reason,
            retries=self._retries,
            timing=self._timing,
            spending=Spending(budget or Budget(), self._timing.steady),
            progress=Progress(None, self._timing.steady),
            slots=BoundedSemaphore(max(declaration.concurrency, 1)),
            stop=stop or Event(),
            screen=self._screen,
        )

    @contextmanager
    def _source(self, source: str | Source, options: Mapping[str, Any] | None) -> Iterator[tuple[str, Source]]:
        """Give a source under the name of its series; one that was made here is closed again."""
        if isinstance(source, Source):
            if options:
                raise InvalidSetting(setting="options", reason="a source that is made already takes none")
            yield source.declaration.name, source
            return
        made = self._make_source(source, options or {})
        try:
            yield source, made
        finally:
            made.close()

    def _of_callers(self) -> set[Series]:
        """Return the series that have bars though nobody was ever asked for any."""
        catalog = self._vault.ledger.catalog
        return {*catalog.series()} - {*catalog.asked()}

    def _declared(self, name: str) -> SourceDeclaration:
        with self._source(name, None) as (_, made):
            return made.declaration

    def try_source(
        self, name: str, options: Mapping[str, Any] | None = None, *, request: FetchRequest | None = None
    ) -> None:
        """Raise what making this source raises: `SourceNotFound`, `InvalidSetting` or `DriverMissing`.

        With a ``request``, also `CapabilityMissing` for one that the source declares it cannot serve; none is made.
        """
        with self._source(name, options) as (_, made):
            if request is not None:
                made.check(request)

    def forget(
        self, instrument: str = "*", *, timeframe: str | None = None, source: str | None = None, reason: str = ""
    ) -> list[Series]:
        """Forget what was asked about series of which nothing was ever obtained, and return which those were.

        ``instrument`` may be a glob, which leaves alone what has or had bars. Of a name that is none, `SeriesNotFound`
        is raised if nobody was asked about it, and `InvalidSetting` if it has or had bars.
        """
        self._vault.check_writable()
        frame = None if timeframe is None else Timeframe.of(timeframe).name
        pattern = instrument if is_glob(instrument) else normalise_instrument(instrument)
        asked = self._vault.ledger.catalog.asked(timeframe=frame)
        mine = [one for one in asked if fnmatchcase(one.instrument, pattern) and source in (None, one.source)]
        gone = self._vault.ledger.catalog.forget(mine, self._vault.who("forget_asked", reason=reason)) if mine else []
        if not gone and not is_glob(instrument):
            self._refuse_forgetting(pattern, frame, source)
        return gone

    def _refuse_forgetting(self, instrument: str, timeframe: str | None, source: str | None) -> None:
        known = self._vault.ledger.catalog.series(instrument=instrument, timeframe=timeframe)
        mine = [one for one in known if source in (None, one.source)]
        if mine:
            reason = f"{mine[0]} has or had bars; forgotten are failures of series of which nothing was ever obtained"
            raise InvalidSetting(setting="forget", reason=reason, advised=_KEPT)
        whose = "" if source is None else f" from {source}"
        raise SeriesNotFound(series=f"{instrument}{f' {timeframe}' if timeframe else ''}{whose}", hint=_NOT_ASKED)

    # --- changes that wait -----------------------------------------------------------------------

    def policy(self, source: str) -> ChangePolicy:
        """Return how far a source may change the past by itself: as was set, else as the source declares."""
        return self._policies.get(source)

    def policies(self) -> dict[str, ChangePolicy]:
        """Return the policies that were set, by source."""
        return self._policies.all()

    def declared_policy(self, source: str) -> ChangePolicy | None:
        """Return the policy that a source declares itself, or None if it cannot be asked without options."""
        return self._policies.declared(source)

    def sources(self) -> list[str]:
        """Return the sources of which there are series, or which were asked for some."""
        return self._policies.sources()

    def check_source(self, source: str) -> None:
        """Raise `SourceNotFound` for a name under which there is neither a source nor a series nor a policy."""
        self._policies.check_source(source)

    def set_policy(
        self,
        source: str,
        policy: ChangePolicy | None = None,
        *,
        on_change: OnChange | None = None,
        most_bars: int | None = None,
        most_change: float | None = None,
        most_age: int | str | None = None,
        reason: str = "",
    ) -> ChangePolicy:
        """Set how far a source may change the past by itself, and return what counts now.

        Give a policy, or its parts (``most_age`` in ns or as ``"90d"``); nothing at all goes back to what the source
        declares. Raises `InvalidSetting`, and `SourceNotFound` for a name of which there is neither a source nor a
        series.
        """
        parts = {"on_change": on_change, "most_bars": most_bars, "most_change": most_change, "most_age": age(most_age)}
        given = {name: value for name, value in parts.items() if value is not None}
        if policy is not None and given:
            raise InvalidSetting(setting="policy", reason="it is given whole and in parts")
        made = policy if policy is not None or not given else ChangePolicy(**given)  # type: ignore[arg-type]
        self._policies.set(source, made, reason)
        return self.policy(source)

    def proposals(
        self,
        *,
        state: str | None = "open",
        instrument: str | None = None,
        timeframe: str | None = None,
        source: str | None = None,
    ) -> list[Proposal]:
        """Return the proposals in this state (``open``, ``accepted``, ``rejected``; None: any), the newest first."""
        return self._proposing.list(state=state, instrument=instrument, timeframe=timeframe, source=source)

    def proposal(self, proposal_id: str) -> Proposed:
        """Return a proposal with its ``bars`` and its ``diff``; raises `DiscrepancyNotFound`."""
        return self._proposing.get(proposal_id)

    def accept(self, proposal_id: str, *, reason: str) -> Written:
        """Write a proposal's bars as a new revision (`Workflow.accept`)."""
        return self._proposing.accept(proposal_id, reason=reason)

    def reject(self, proposal_id: str, *, reason: str) -> Proposal:
        """Keep the bars as they are; the same change is not proposed again."""
        return self._proposing.reject(proposal_id, reason=reason)

    # --- from callers ----------------------------------------------------------------------------

    def write(
        self,
        instrument: str,
        timeframe: str,
        data: Any,
        *,
        source: str,
        reason: str = "",
        expected_revision: int | None = None,
        on_invalid: OnInvalid = "raise",
        version: str = "latest",
        columns: Mapping[str, str] | None = None,
    ) -> Written:
        """Write a caller's bars, exactly as given; with another ``version``, as a named and immutable one."""
        return self._writing.write(
            Series.of(instrument, timeframe, source),
            data,
            reason=reason,
            expected_revision=expected_revision,
            on_invalid=on_invalid,
            version=version,
            columns=columns,
        )

    def write_many(
        self,
        entries: Iterable[Entry | tuple[str, str, Any]],
        *,
        source: str,
        reason: str = "",
        on_invalid: OnInvalid = "raise",
    ) -> Written:
        """Write the bars of several series as one revision: all of them become visible together, or none.

        An entry is an `Entry`, or its (instrument, timeframe, data). Raises what `write` raises.
        """
        return self._writing.write_many(entries, source=source, reason=reason, on_invalid=on_invalid)

    def quarantine(self, *, instrument: str | None = None) -> list[QuarantinedBar]:
        """Return the bars that were put aside, by time."""
        wanted = None if instrument is None else normalise_instrument(instrument)
        return [bar for bar in self._vault.ledger.quarantine.list() if wanted in (None, bar.series.instrument)]


def _series(names: Sequence[str], timeframe: Timeframe, source: str) -> list[Series]:
    """Return the series of these instruments, each once, in the order that was asked."""
    return list(dict.fromkeys(Series.of(name, timeframe, source) for name in names))


def _until_closed(follower: Follower, opened: ExitStack) -> Generator[ClosedBar]:
    with opened:
        yield from follower
