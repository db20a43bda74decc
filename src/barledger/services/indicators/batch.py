"""Computing batches: many instruments by many indicators."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from barledger.domain.arena import Arena
from barledger.domain.bars import Bars
from barledger.domain.interval import Instant
from barledger.domain.rows import Floats
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, GapsUnseen, Incomplete, InvalidSetting
from barledger.indicators.binding import Request
from barledger.indicators.calculation import Calculation
from barledger.indicators.definition import Policy
from barledger.services.cache.vault import Vault
from barledger.services.indicators.batched import Batch, Batches, Failed, Part, told_failures
from barledger.services.indicators.costs import Choice
from barledger.services.indicators.given import Given, in_hand
from barledger.services.indicators.guarding import check_guarded
from barledger.services.indicators.jobs import Job, Ready, jobs_of
from barledger.services.indicators.plain import Plain
from barledger.services.indicators.plan import Explanation, Plan
from barledger.services.indicators.preparing import Prepared, Preparer, Step, computed
from barledger.services.indicators.processes import Team
from barledger.services.indicators.progress import Listener
from barledger.services.indicators.question import Question, refuse_reading
from barledger.services.indicators.reading import Reading
from barledger.services.indicators.requests import Requests
from barledger.services.indicators.sheet import Leaf, Sheet
from barledger.services.indicators.tables import Tables
from barledger.services.indicators.tally import Tally
from barledger.services.indicators.threads import each
from barledger.services.retrieval import DataRetrievalService
from barledger.services.symbols import instruments_named

_PORTION: Final = 600_000
_LAZY: Final = 100_000
_KEPT: Final = 512 << 20
"""A batch of bars in hand that took at most so many bytes leaves them to the next one."""
_HANDS: Final = 8
_NOT_FETCHED: Final[dict[str, Any]] = {"fetch_missing": False, "options": None}


class BatchCalculator:
    """Computes indicators of many instruments: bars a portion at a time, shared parts once for each series."""

    def __init__(
        self,
        retrieval: DataRetrievalService,
        vault: Vault,
        reading: Reading,
        tables: Tables,
        requests: Requests,
    ) -> None:
        """Read bars by the one service, and make tables of them by this reading; those in hand have these tables."""
        self._retrieval, self._vault, self._reading = retrieval, vault, reading
        self._tables, self._requests = tables, requests
        self._arena = Arena(kept=1, limit=_KEPT)

    def batch(  # noqa: PLR0913 - what calculate can be asked, of many
        self,
        instruments: Given,
        timeframe: str | None = None,
        specs: str | Sequence[str] = (),
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        nan_policy: Policy | None = None,
        threads: int | None = None,
        processes: int = 0,
        progress: Listener | None = None,
        explain: bool = False,
    ) -> Batch:
        """Return indicators of many instruments as one frame, each right from its first row as `calculate` gives it.

        Instruments are names, or patterns such as ``BTC*`` for those that are stored with this timeframe; one text may
        have several with commas between them. All bars are of one consistent cut. What fails stops nothing
        else: instruments are in ``failures``, single columns of one in ``column_failures``, and both are said by the
        warning `Incomplete`. Without ``threads`` as many are used as are worth it by the cost table, and never more
        than there are cores. ``processes`` is for functions of Python that keep the interpreter to themselves: so many
        are started, and get columns in shared memory; what cannot be imported there, or is another function there, is
        computed here, and said by the warning `NotParallel`. ``progress`` is told of each instrument. Raises what is
        wrong with the specs or the question.
        """
        wishes: dict[str, Any] = {"end": end, "source": source, "version": version, "adjust": adjust}
        plan = self._plan(instruments, timeframe, specs, start, nan_policy, wishes, threads, processes, progress)
        tally = Tally(total=plan.total, progress=progress, absent=plan.absent)
        sheet, parts, notes, overlooked = Sheet(len(plan.request.picks)), list[Part](), list[str](), list[str]()
        choice: Choice | None = None
        with Team(plan.request, plan.processes, notes.append) as team:
            for portion in plan.portions(_PORTION):
                choice = choice or plan.choice(portion)
                overlooked += plan.overlooked(portion)
                parts += _filled(plan, portion, choice.threads, team, sheet, tally, at=_end(parts))
        if overlooked:
            _say(overlooked)
        if tally.failures or tally.column_failures:
            told = told_failures(tally.failures, tally.column_failures).removeprefix(", ")
            where = "failures" if tally.failures else "column_failures"
            warnings.warn(f"of {plan.total} instruments {told}; see .{where}", Incomplete, stacklevel=2)
        explanation = None
        if explain:
            chosen = choice or plan.choice([])
            explanation = Explanation(choice=chosen, processes=team.size, computed=plan.computed, notes=tuple(notes))
        return Batch(
            request=plan.request,
            parts=parts,
            leaf=sheet.joined(),
            failures=tally.failures,
            column_failures=tally.column_failures,
            explanation=explanation,
        )

    def batches(  # noqa: PLR0913 - as above
        self,
        instruments: Given,
        timeframe: str | None = None,
        specs: str | Sequence[str] = (),
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        nan_policy: Policy | None = None,
        threads: int | None = None,
        progress: Listener | None = None,
    ) -> Batches:
        """Give the indicators of one instrument after the other, in the order that is asked for.

        Bars are read, and indicators computed, a few instruments ahead of the caller, whatever their number. What fails
        is left out, and in ``failures`` and ``column_failures``. Raises what is wrong with the specs or the question.
        """
        wishes: dict[str, Any] = {"end": end, "source": source, "version": version, "adjust": adjust}
        plan = self._plan(instruments, timeframe, specs, start, nan_policy, wishes, threads, 0, progress)
        tally = Tally(total=plan.total, progress=progress, absent=plan.absent)
        return Batches(_one_by_one(plan, tally), tally.failures, tally.column_failures)

    def _plan(
        self,
        instruments: Given,
        timeframe: str | None,
        specs: str | Sequence[str],
        start: Instant | None,
        nan_policy: Policy | None,
        wishes: Mapping[str, Any],
        threads: int | None,
        processes: int,
        progress: object,
    ) -> Plan:
        _check_count("threads", threads, least=1)
        _check_count("processes", processes, least=0)
        if progress is not None and not callable(progress):
            raise InvalidSetting(setting="progress", reason=f"a {type(progress).__name__} cannot be called")
        if processes:
            check_guarded()
        if isinstance(instruments, Iterator):
            instruments = list(instruments)
        request = self._requests.bound(specs, nan_policy)
        preparer = Preparer(reading=self._reading, tables=self._tables, request=request)
        hand = in_hand(instruments, timeframe)
        if hand is not None:
            told = {name: value for name, value in wishes.items() if name != "version"}
            refuse_reading({**told, "start": start}, version=wishes["version"])
            ready: list[Ready] = [(name, _or_error(preparer.in_hand, bars)) for name, bars in hand.items()]

            def at_once(_rows: int) -> Iterable[list[Ready]]:
                return [list(ready)]

            return Plan(
                request=request,
                total=len(hand),
                portions=at_once,
                arena=self._arena,
                threads=threads,
                processes=processes,
            )
        if not timeframe:
            raise InvalidSetting(setting="timeframe", reason="name one, e.g. 1d")
        names = self.names(instruments, timeframe, wishes["source"])
        ask = partial(Question.of, timeframe=timeframe, start=start, last=None, anchor=None, **wishes, **_NOT_FETCHED)
        need = ask(instrument=names[0] if names else "-").needs(request)
        window: dict[str, Any] = {"start": need.start, "lookback": 0 if need.whole else need.back}
        walk = partial(self._retrieval.walk, names, timeframe, **wishes, **window)
        # What is wrong with the question is told before anything is computed.
        first = walk(rows=_PORTION)
        others, absent = self._others(request, timeframe, wishes)

        def stored(bars: Bars) -> Prepared:
            question = ask(instrument=bars.instrument)
            return preparer.stored(bars, question, question.needs(request), others, absent.keys())

        def read(rows: int) -> Iterator[list[Ready]]:
            for portion in first if rows == _PORTION else walk(rows=rows):
                yield [
                    (name, bars if isinstance(bars, BarledgerError) else _or_error(stored, bars))
                    for name, bars in portion
                ]

        return Plan(
            request=request,
            total=len(names),
            portions=read,
            arena=None,
            threads=threads,
            processes=processes,
            absent=absent,
        )

    def names(self, given: Any, timeframe: str, source: str | None) -> list[str]:
        """Return the instruments that are meant; raises `SeriesNotFound` for a pattern that none matches."""

        def known() -> list[str]:
            series = self._vault.ledger.catalog.series(timeframe=Timeframe.of(timeframe).name)
            return [one.instrument for one in series if source in (None, one.source)]

        where = f" {timeframe}" if source is None else f" {timeframe} from {source}"
        return instruments_named(given, known, where=where)

    def _others(
        self, request: Request, timeframe: str, wishes: Mapping[str, Any]
    ) -> tuple[Mapping[str, Bars], Mapping[str, BarledgerError]]:
        """Read all bars of the instruments that specs name; also return which columns cannot be read, and why."""
        columns = {one.key: normalise_instrument(one.instrument) for one in request.columns if one.instrument}
        names = sorted(set(columns.values()))
        if not names:
            return {}, {}
        met = dict(chain.from_iterable(self._retrieval.walk(names, timeframe, **wishes)))
        others = {name: one for name, one in met.items() if isinstance(one, Bars)}
        unread = {name: one for name, one in met.items() if isinstance(one, BarledgerError)}
        return others, {key: unread[name] for key, name in columns.items() if name in unread}


# --- computing -------------------------------------------------------------------------------------


def _filled(
    plan: Plan, portion: Sequence[Ready], threads: int, team: Team, sheet: Sheet, tally: Tally, *, at: int
) -> list[Part]:
    """Compute a portion into a leaf of its own, and return its parts, whose rows begin at ``at``."""
    rows = sum(len(one) for _, one in portion if isinstance(one, Prepared))
    width = len(plan.request.picks)
    leaf = Leaf.of(rows, width) if plan.arena is None else Leaf.lent(rows, width, plan.arena)
    jobs = jobs_of(portion, leaf, kept=plan.arena is not None)
    results = iter(_results(plan.request, jobs, threads, team))
    parts = list[Part]()
    for name, prepared in portion:
        found = prepared if isinstance(prepared, BarledgerError) else next(results)
        if isinstance(found, BarledgerError):
            tally.note(name, 0, found)
        elif isinstance(found, Part):
            tally.note_part(found)
            parts.append(found.beginning(at))
            at = parts[-1].rows.stop
        else:
            tally.note_failed(name, found)
    sheet.add(leaf.without([job.rows for job in jobs if job.instrument in tally.failures]))
    return parts


def _results(request: Request, jobs: Sequence[Job], threads: int, team: Team) -> Iterator[Part | Failed]:
    """Fill the rows of each job, and give what they are, or why no column could be."""
    if team.size:
        for job, failed in zip(jobs, team.fill(jobs), strict=True):
            yield job.filled(request, failed)
        return
    # Several series are handed over at once, since each hand-over costs as much as a short one.
    size = max(1, len(jobs) // (_HANDS * threads))
    handed = [jobs[at : at + size] for at in range(0, len(jobs), size)]
    steps, plain = Step.of(request), Plain.of(request)
    for done in each(lambda some: [job.run(steps, plain, request) for job in some], handed, threads=threads):
        yield from done


def _one_by_one(plan: Plan, tally: Tally) -> Iterator[tuple[str, Calculation]]:
    def compute(ready: Ready) -> tuple[str, BarledgerError | tuple[Calculation | None, Failed]]:
        name, prepared = ready
        return name, prepared if isinstance(prepared, BarledgerError) else _calculation(plan.request, prepared)

    portions = iter(plan.portions(_LAZY))
    first = next(portions, [])
    threads = plan.choice(first).threads
    ready = (one for portion in _saying(plan, chain([first], portions)) for one in portion)
    for name, found in each(compute, ready, threads=threads):
        if isinstance(found, BarledgerError):
            tally.note(name, 0, found)
            continue
        calculation, failed = found
        if calculation is None:
            tally.note_failed(name, failed)
            continue
        tally.note_columns(name, failed)
        tally.note(name, len(calculation), None)
        yield name, calculation


def _calculation(request: Request, prepared: Prepared) -> tuple[Calculation | None, Failed]:
    """Return the columns that can be computed, None if none can, and why others cannot."""
    columns, failed, rows = dict[str, Floats](), dict[str, BarledgerError](), prepared.rows
    for name, values in zip(request.picks, computed(Step.of(request), prepared.table, rows), strict=True):
        if isinstance(values, BarledgerError):
            failed[name] = values
        else:
            columns[name] = values
    if not columns:
        return None, failed
    time, rest = prepared.table.time[rows.first : rows.stop], request.without(failed)
    return Calculation(time=time, columns=columns, told=lambda: prepared.telling(rest)), failed


def _or_error(make: Callable[[Bars], Prepared], bars: Bars) -> Prepared | BarledgerError:
    try:
        return make(bars)
    except BarledgerError as error:
        return error


def _say(overlooked: Sequence[str]) -> None:
    """Warn of missing bars that nobody sees."""
    more = f"; and so it is of {len(overlooked) - 1:,} more" if overlooked[1:] else ""
    warnings.warn(f"{overlooked[0]}{more}", GapsUnseen, stacklevel=3)


def _saying(plan: Plan, portions: Iterable[list[Ready]]) -> Iterator[list[Ready]]:
    """Give portions, and warn of missing bars that nobody sees in them."""
    for portion in portions:
        if overlooked := plan.overlooked(portion):
            _say(overlooked)
        yield portion


def _check_count(setting: str, value: int | None, *, least: int) -> None:
    given: object = value
    if value is not None and (isinstance(given, bool) or not isinstance(given, int) or value < least):
        raise InvalidSetting(setting=setting, reason=f"{value!r} is not a whole number from {least}")


def _end(parts: Sequence[Part]) -> int:
    return parts[-1].rows.stop if parts else 0
