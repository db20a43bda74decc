"""A pass over the whole library: a few blocks of each series, and as much more as turns out to be wrong.

A block whose digest is that of what the source gives now is the same to the bit, and no bar of it has to be read. One
that differs is compared bar by bar, and its neighbours are asked for, more and more of them, until one on each side is
well. When each block was looked at is in the ledger, so what was done before a pass ended, however it did, is not done
again by the next one.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

import numpy as np

from barledger import faults
from barledger.domain.digest import Block, block_digests
from barledger.domain.interval import Interval, difference, everything, union
from barledger.domain.readable import Readable
from barledger.domain.sampling import Candidate, Sampling
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, SeriesNotFound, StoreError
from barledger.ledger.contract import Cover, Look
from barledger.services.cache.vault import Vault
from barledger.services.integrity.reconciler import OPERATION, Reconciler, Task, failed
from barledger.services.integrity.refetching import Opened, Refetcher
from barledger.services.integrity.report import Comparison, LibraryReport

IDENTICAL: Final = "identical"
JITTER: Final = "jitter"
DIFFERS: Final = "differs"
_FETCHED: Final = "fetched"

ReconcilerMaker = Callable[[Series, Opened, Task], Reconciler]


@dataclass(slots=True, kw_only=True, repr=False)
class Turn(Readable):
    """A series whose turn comes: the blocks that are due, in order, and those that are looked at this time."""

    series: Series
    due: Sequence[Candidate]
    blocks: Sequence[Candidate]
    starts: Sequence[int]
    looks: Mapping[int, Look]
    next_at: int
    seen: int = 0
    same: int = field(default=0)

    def stretch(self, start: int) -> Interval:
        """Return the stretch of a block."""
        return Interval(start, self.series.timeframe.block_end(start))


class LibraryPass:
    """One pass, in parallel and within a budget."""

    def __init__(
        self, vault: Vault, refetcher: Refetcher, make: ReconcilerMaker, *, sampling: Sampling, concurrency: int
    ) -> None:
        """Compare with what this maker makes, as many series at once as ``concurrency`` says."""
        self._vault, self._refetcher, self._make = vault, refetcher, make
        self._sampling, self._concurrency = sampling, concurrency

    def run(
        self,
        task: Task,
        *,
        pattern: str,
        timeframe: str | None,
        source: str | None,
        options: Mapping[str, Any] | None = None,
    ) -> LibraryReport:
        """Look at the series that match, those that have been due for longest first; raises `SeriesNotFound`."""
        turns = self._turns(pattern, timeframe, source)
        with ExitStack() as stack:
            opened, broken = self._opened(stack, [turn.series.source for turn in turns if turn.blocks], options)
            with ThreadPoolExecutor(self._concurrency, thread_name_prefix="barledger-reconcile") as pool:
                running = [pool.submit(self._take, turn, opened, broken, task) for turn in turns]
                try:
                    done = [one.result() for one in running]
                except BaseException:
                    task.stop.set()
                    for one in running:
                        one.cancel()
                    raise
        report = LibraryReport(
            comparisons=tuple(one for one in done if one is not None),
            blocks=sum(turn.seen for turn in turns),
            due=sum(max(len(turn.due) - turn.seen, 0) for turn in turns),
            seconds=task.spending.seconds,
            series=len(turns),
            held=sum(len(turn.starts) for turn in turns),
            next_at=min((turn.next_at for turn in turns if turn.starts), default=0),
        )
        self._tell(task, report)
        return report

    # --- planning ----------------------------------------------------------------------------------

    def _turns(self, pattern: str, timeframe: str | None, source: str | None) -> list[Turn]:
        catalog, now = self._vault.ledger.catalog, self._vault.ledger.now()
        frame = None if timeframe is None else Timeframe.of(timeframe).name
        listed = [
            one
            for one in catalog.series(timeframe=frame)
            if fnmatchcase(one.instrument, pattern) and not one.is_adjusted and source in (None, one.source)
        ]
        if not listed and (pattern, timeframe, source) != ("*", None, None):
            what = " ".join([pattern, *([frame] if frame else []), *([f"from {source}"] if source else [])])
            raise SeriesNotFound(series=what)
        counts = catalog.counts_of(listed, everything())
        covers = catalog.coverage_of(listed)
        looks = self._vault.ledger.sightings.looks_of(listed)
        turns = []
        for series in listed:
            starts = counts[series][0].tolist()
            known = {look.start: look for look in looks[series]}
            candidates = _candidates(series, starts, known, covers[series], now)
            due = self._sampling.due(candidates, now)
            turns.append(
                Turn(
                    series=series,
                    due=due,
                    blocks=due[: self._sampling.blocks],
                    starts=starts,
                    looks=known,
                    next_at=min(map(self._sampling.next_at, candidates), default=0),
                )
            )
        return sorted(turns, key=lambda turn: -max((self._sampling.overdue(one, now) for one in turn.due), default=0))

    def _opened(
        self, stack: ExitStack, names: Sequence[str], options: Mapping[str, Any] | None
    ) -> tuple[dict[str, Opened], dict[str, BarledgerError]]:
        opened: dict[str, Opened] = {}
        broken: dict[str, BarledgerError] = {}
        for name in dict.fromkeys(names):
            try:
                opened[name] = stack.enter_context(self._refetcher.opened(name, options))
            except BarledgerError as error:
                broken[name] = error
        return opened, broken

    # --- one series --------------------------------------------------------------------------------

    def _take(
        self, turn: Turn, opened: Mapping[str, Opened], broken: Mapping[str, BarledgerError], task: Task
    ) -> Comparison | None:
        series = turn.series
        if not turn.blocks:
            return None
        if series.source in broken:
            return failed(series, series.source, broken[series.source])
        if task.stop.is_set() or task.spending.spent:
            return Comparison(series=series, against=series.source, state="not_done")
        try:
            return self._look(turn, self._make(series, opened[series.source], task))
        except BarledgerError as error:
            if isinstance(error, StoreError):
                task.stop.set()  # what is found in the others could not be kept either
            return failed(series, series.source, error)

    def _look(self, turn: Turn, reconciler: Reconciler) -> Comparison:
        reconciler.ask(union(turn.stretch(one.start) for one in turn.blocks))
        known = self._blocks(turn)
        outcomes = self._outcomes(turn, reconciler, known)
        if any(word == DIFFERS for word in outcomes.values()) or reconciler.has_news:
            report, touched = self._go_deep(turn, reconciler)
            outcomes = self._outcomes(turn, reconciler, known)
            outcomes = {at: _after(word, differs=at in touched) for at, word in outcomes.items()}
        else:
            report = self._all_well(turn, reconciler, known, outcomes)
        self._note(turn, reconciler, known, outcomes)
        turn.seen = sum(1 for one in turn.due if one.start in outcomes)
        faults.reach("reconcile.looked")
        return report

    def _blocks(self, turn: Turn) -> dict[int, Block]:
        found = self._vault.ledger.catalog.blocks(turn.series, everything()) or []
        return {block.start: block for block in found}

    def _outcomes(self, turn: Turn, reconciler: Reconciler, known: Mapping[int, Block]) -> dict[int, str]:
        """Return what came of each block that was answered for as a whole."""
        given = self._given(turn, reconciler)
        outcomes: dict[int, str] = {}
        for start, digest in given.items():
            block, look = known.get(start), turn.looks.get(start)
            if block is None:
                continue
            if digest == block.digest:
                outcomes[start] = IDENTICAL
            elif look and (look.outcome, look.given, look.held) == (JITTER, digest, block.digest):
                outcomes[start] = JITTER
            else:
                outcomes[start] = DIFFERS
        return outcomes

    def _given(self, turn: Turn, reconciler: Reconciler) -> dict[int, bytes]:
        """Return the digest of what the source gave of each block, cut to what is held."""
        timeframe, held = turn.series.timeframe, reconciler.held
        span = Interval(held.first, held.end)
        rows = reconciler.told.rows.within(span)
        digests = {block.start: block.digest for block in block_digests(rows, timeframe)}
        whole = {}
        for start in turn.starts:
            part = turn.stretch(start).intersection(span)
            if part is not None and not difference([part], reconciler.told.answered):
                whole[start] = digests.get(start, b"")
        return whole

    def _go_deep(self, turn: Turn, reconciler: Reconciler) -> tuple[Comparison, set[int]]:
        """Ask for more and more blocks beside those that differ, until one on each side is well.

        What a block lacks at its edge shows beside the bars of its neighbours alone.
        """
        places = {start: at for at, start in enumerate(turn.starts)}
        seen, reach = set(self._given(turn, reconciler)), 1
        while not reconciler.ended:
            touched = self._touched(turn, reconciler)
            seen |= set(self._given(turn, reconciler))
            fresh: set[int] = set()
            for at, side in ((places[start], side) for start in touched for side in (-1, 1)):
                beside = [at + side * step for step in range(1, reach + 1)]
                near = [turn.starts[place] for place in beside if 0 <= place < len(turn.starts)]
                if near and near[0] not in seen:
                    fresh |= set(near) - seen
            if not fresh:
                break
            reconciler.ask(union(turn.stretch(start) for start in fresh))
            seen |= fresh
            reach *= 2
        report = reconciler.settle()
        return report, self._touched(turn, reconciler)

    def _touched(self, turn: Turn, reconciler: Reconciler) -> set[int]:
        """Return the blocks in which something differs."""
        found, _ = reconciler.compare()
        times = [one.times for one in found.differences if len(one.times)]
        if not times:
            return set()
        starts = turn.series.timeframe.block_of(np.unique(np.concatenate(times)))
        return set(starts.tolist()) & set(turn.starts)

    def _all_well(
        self, turn: Turn, reconciler: Reconciler, known: Mapping[int, Block], outcomes: Mapping[int, str]
    ) -> Comparison:
        told = reconciler.told
        rows = dict.fromkeys((IDENTICAL, JITTER), 0)
        for start, word in outcomes.items():
            rows[word] += known[start].rows
        lacking = [one.start for one in turn.blocks if one.start not in outcomes]
        ended = told.error is None and (told.ended or not outcomes) and bool(lacking)
        return Comparison(
            series=turn.series,
            against=turn.series.source,
            state="failed" if told.error is not None else "not_done" if ended else "done",
            intervals=tuple(told.answered),
            left=tuple(union(turn.stretch(start) for start in lacking)),
            compared=sum(rows.values()),
            identical=rows[IDENTICAL],
            jitter=rows[JITTER],
            calls=told.calls,
            tolerance=reconciler.tolerance,
            error=told.error,
        )

    def _note(
        self, turn: Turn, reconciler: Reconciler, known: Mapping[int, Block], outcomes: Mapping[int, str]
    ) -> None:
        """Remember what was looked at; only now, since what was found is in the register."""
        now, given = self._vault.ledger.now(), self._given(turn, reconciler)
        looks = [
            Look(start=start, compared_at=now, outcome=word, given=given.get(start, b""), held=known[start].digest)
            for start, word in sorted(outcomes.items())
        ]
        self._vault.ledger.sightings.look(turn.series, looks)

    def _tell(self, task: Task, report: LibraryReport) -> None:
        if not report.comparisons:
            return
        told = {
            "series": len(report.comparisons),
            "blocks": report.blocks,
            "due": report.due,
            "calls": report.calls,
            "compared": report.compared,
            "identical": report.identical,
            "jitter": report.jitter,
            "discrepancies": [one.id for one in report.discrepancies],
            "failed": {str(one.series): str(one.error) for one in report.failed},
        }
        self._vault.ledger.audit.append(self._vault.who(OPERATION, reason=task.reason, trigger="library"), told)


def _candidates(
    series: Series, starts: Sequence[int], looks: Mapping[int, Look], covers: Sequence[Cover], now: int
) -> list[Candidate]:
    found = []
    fetched = sorted((one for one in covers if one.outcome == _FETCHED), key=lambda one: one.interval.start)
    for start in starts:
        block = Interval(start, series.timeframe.block_end(start))
        look = looks.get(start)
        looked = 0 if look is None else look.compared_at
        found.append(
            Candidate(start=start, end=min(block.end, now), looked_at=max(looked, _fetched_at(block, fetched, now)))
        )
    return found


def _fetched_at(block: Interval, covers: Sequence[Cover], now: int) -> int:
    """Return when all that has passed of a block had been fetched from the source, 0 if not all of it was."""
    past = Interval(block.start, max(min(block.end, now), block.start))
    mine = [one for one in covers if one.interval.intersects(past)]
    missing = difference([past], [one.interval for one in mine])
    # The newest block ends with its newest bar, and older ones begin with their first.
    ends = [one for one in missing if one.start != past.start and one.end != past.end]
    return min((one.checked_at for one in mine), default=0) if not ends else 0


def _after(word: str, *, differs: bool) -> str:
    """Return what a block is after it was compared bar by bar."""
    if differs:
        return DIFFERS
    return word if word == IDENTICAL else JITTER
