"""The scribe: writes the answers about one series, as far as its source may change it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.calendar import Calendar
from barledger.domain.comparison import changed_fields, compare
from barledger.domain.declared import Adjusted
from barledger.domain.discrepancy import CORRECTION, WITHDRAWN
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Ints, Rows, concat, merge, tombstones
from barledger.domain.series import Series
from barledger.domain.validation import Rejected
from barledger.errors import RevisionConflict
from barledger.ledger.contract import Cover, QuarantinedBar, Who
from barledger.services.cache import DataCacheService
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written
from barledger.services.cache.reader import Reading
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies import Workflow
from barledger.services.discrepancies.decisions import DECIDED, heed
from barledger.services.discrepancies.events import EVENTS, event_key, noted, withheld
from barledger.services.discrepancies.payments import in_held_shares
from barledger.services.ingestion import answers
from barledger.services.ingestion.absences import Absences
from barledger.services.ingestion.answers import Answer
from barledger.services.ingestion.counted import lacks, shown
from barledger.services.ingestion.hearing import Hearing
from barledger.services.ingestion.held import current
from barledger.services.ingestion.judgement import (
    BAR_BY_BAR,
    Finding,
    Judge,
    declined,
    move,
    newest_revision,
    paired,
    undecided,
)
from barledger.services.ingestion.report import add
from barledger.services.ingestion.restatement import Restatement
from barledger.services.ingestion.screening import CONTEXT, Flag
from barledger.services.ingestion.task import Task

OPERATION: Final = "ingest"
# Another writer of the same series may come in between; so often in a row it is no coincidence.
_ATTEMPTS: Final = 10
_ABSENT: Final = "two complete answers in a row had both of its neighbours and not the bar"


class Scribe:
    """Writes answers as they come; changes that have to be judged are kept until all are known.

    Where the source may change all, a chunk is one commit. Otherwise its new bars are, and what it changes waits for
    `settle`, together with the coverage of the chunk: a task that is killed before asks for it again.
    """

    def __init__(
        self, vault: Vault, cache: DataCacheService, task: Task, series: Series, calendar: Calendar, symbol: str
    ) -> None:
        """Write to this series, for a source that calls it ``symbol``."""
        self.vault, self.cache, self.task, self.series = vault, cache, task, series
        self.judge = Judge(policy=task.policy, ledger=vault.ledger)
        self.absences = Absences(vault.ledger, series)
        self._workflow = Workflow(vault, cache)
        self.written = Written(series=(series,), revision=vault.ledger.revisions.state(series).revision, fields={})
        self.proposals: list[str] = []
        self.flagged: list[str] = []
        self.heard: list[str] = []
        self.decided: dict[str, int] = {}
        self.overruled: dict[str, int] = {}
        self.restated: dict[str, int] = {}
        self.proposed = self.held = self.declined = self.corrected = 0
        self.restatement: Restatement | None = None
        self.uncounted: list[CorporateAction] = []
        self._calendar, self._symbol = calendar, symbol
        self._changes: list[Rows] = []
        self._covers: list[Cover] = []
        self._gone: list[int] = []
        self._flags: list[Flag] = []
        self._context: tuple[int, Rows] | None = None

    # --- answers as they come --------------------------------------------------------------------

    def heed(self, answer: Answer) -> Answer:
        """Leave bars that somebody corrected as they are, where the source goes on giving what was corrected.

        So an ingestion neither writes it back nor proposes it anew. What the source gives in a third way is news of it,
        and judged like any other change.
        """
        found = heed(self.vault, self.series, answer.rows)
        for name, count in found.decided.items():
            self.decided[name] = self.decided.get(name, 0) + count
        for name, count in found.overruled.items():
            self.overruled[name] = self.overruled.get(name, 0) + count
        self.corrected += found.bars
        self.restated |= found.restated
        told = in_held_shares(self.vault, self.series, answer.rows, found.rows, answer.received.chunk.actions)
        return replace(answer.telling(told), rows=found.rows, corrected=found.bars, decided=found.decided)

    def screen(self, answer: Answer, adjusted: Adjusted) -> Answer:
        """Look at the bars of an answer before they are written: what looks wrong is flagged, or put aside.

        ``adjusted`` is what they are adjusted for, which the ledger is told with the first of them only.
        """
        look, rows = self.task.screen, answer.rows
        if answer.received.chunk.note:
            self.heard.append(answer.received.chunk.note)
        if look is None or not len(rows):
            return answer
        known = self._context
        before = None if known is None or known[0] != answer.interval.start else known[1]
        screened = look(
            self.series,
            rows,
            before=before,
            actions=answer.received.chunk.actions,
            complete=answer.interval if answer.complete and self.task.declaration.gives_events else None,
            adjusted=adjusted,
        )
        self._context = answer.interval.end, rows.pick(slice(-CONTEXT, None))
        for flag in self._news(screened.flags, rows):
            made, _ = self._workflow.keep(flag.discrepancy, None, self.who("flag", trigger=flag.discrepancy.kind))
            if made.waits:
                self.flagged.append(made.id)
                self._flags.append(flag)
        return replace(answer, rows=screened.rows, rejected=(*answer.rejected, *screened.rejected))

    def hear(self, received: Sequence[Answer], stored: Rows, kinds: Collection[str], *, whole: bool = False) -> None:
        """Note the events that came with answers; ``stored`` are the bars that are held where these lie.

        ``kinds`` are those that the source counts in its bars. Of answers about the ``whole`` of a series, those that
        these bars do not count become known with those that do (``uncounted``). What waits with bars, or was declined
        with them, is left to that, unless the bars show that it is counted.
        """
        told = [action for one in received for action in one.received.chunk.actions]
        gives = self.task.declaration.gives_events
        if not told and not (whole and gives):
            return
        waits = withheld(self.vault.ledger, self.series)
        old, new = paired(stored, joined(received))
        hearing = Hearing(
            known=self.vault.ledger.actions.list(instrument=self.series.instrument, source=self.series.source),
            told=told,
            kinds=kinds,
            complete=[one.interval for one in received if one.complete] if gives else (),
            old=old,
            new=new,
        )
        self.uncounted = hearing.lacking if whole else []
        self.note(
            [
                one
                for one in hearing.noted
                if (event_key(one), one.value) not in waits
                or (one.kind in kinds and shown(old, one) and lacks(old, new, one) is False)
            ]
        )

    def note(self, actions: Sequence[CorporateAction]) -> None:
        """Note events as known from now on."""
        if actions:
            record_actions(self.vault, actions, self.who("record"))

    def _news(self, flags: Sequence[Flag], rows: Rows) -> Sequence[Flag]:
        """Return the flags that bars show which will be written; those of bars that stay as they are were told then."""
        if not flags:
            return flags
        compared = compare(self.reading(rows).rows, rows, self.task.declaration.tolerance)
        written = np.asarray(rows.time[compared.written])
        return [one for one in flags if one.among(written)]

    def propose_flagged(self) -> None:
        """Propose what puts flagged bars right, now that they are there to be compared with."""
        flags, self._flags = self._flags, []
        # What a rule accepts makes a revision, and the others were reckoned from the bars before it.
        revision = self.written.revision
        for flag in flags:
            if flag.remedy is not None:
                found = replace(flag.discrepancy, revision=revision)
                _, done = self._workflow.keep(found, flag.remedy, self.who("flag", trigger=found.kind))
                self.written = self.written if done is None else add(self.written, done)

    def take(self, answer: Answer, stored: Rows) -> None:
        """Write what an answer brings; ``stored`` are the bars of its stretch, as far as there may be any."""
        self.note_absent(answer, stored)
        covers = self.covers(answer)
        if not len(answer.rows):
            self._cover(covers, answer)
        elif self._free and not self.restated:
            self.note(self.uncounted)
            self.commit(answer.rows, covers, [answer])
        else:
            self._write_new(answer, covers)
        self.propose_flagged()

    @cached_property
    def _free(self) -> bool:
        """Whether nothing has to be judged: the source may change all, and nobody ever declined a change of its."""
        return self.judge.free and not declined(self.vault.ledger, self.series, BAR_BY_BAR)

    def note_absent(self, answer: Answer, stored: Rows) -> None:
        """Remember which of the stored bars the answer lacks; what a caller chose to be read lacks nothing."""
        if not self.task.declaration.incremental:
            return
        self._gone += self.absences.see(answer, stored.within(answer.interval).time)

    def covers(self, answer: Answer) -> list[Cover]:
        """Return what an answer says of its stretch."""
        return answers.covers(answer, self.series, self.task.declaration, self._calendar)

    def put_aside(self, bars: Sequence[Rejected]) -> None:
        """Put bars that broke a rule into quarantine."""
        if bars:
            put_aside(self.vault, self.series, bars)
            self.written = replace(self.written, quarantined=self.written.quarantined + len(bars))

    def commit(
        self,
        rows: Rows,
        covers: Sequence[Cover],
        received: Sequence[Answer],
        *,
        operation: str = OPERATION,
        reason: str = "",
        trigger: str = "",
        expected_revision: int | None = None,
        more: dict[str, Any] | None = None,
    ) -> Written:
        """Make a commit of bars, with what was asked and where they come from."""
        draft = Draft(
            series=self.series,
            rows=rows,
            tolerance=self.task.declaration.tolerance,
            expected_revision=expected_revision,
        )
        done = self.cache.write(
            [draft],
            operation=operation,
            reason=reason or self.task.reason,
            trigger=trigger,
            coverage=covers,
            details={self.series: {**self._provenance(received), **(more or {})}},
        )
        self.written = add(self.written, done)
        return done

    def who(self, operation: str, *, reason: str = "", trigger: str = "") -> Who:
        """Sign an operation."""
        return self.vault.who(operation, reason=reason or self.task.reason, trigger=trigger)

    def _cover(self, covers: Sequence[Cover], answer: Answer) -> None:
        if covers:
            details = {str(self.series): self._provenance([answer])}
            self.vault.ledger.catalog.cover(covers, self.who(OPERATION), details=details)

    def _provenance(self, received: Sequence[Answer]) -> dict[str, Any]:
        told = [answers.provenance(one, self.task.declaration, self._symbol) for one in received]
        return {"provenance": told[0] if len(told) == 1 else told} if told else {}

    def _write_new(self, answer: Answer, covers: list[Cover]) -> None:
        """Write the bars that change nothing, and keep the others."""
        for last in attempts():
            stored = self.reading(answer.rows)
            compared = compare(stored.rows, answer.rows, self.task.declaration.tolerance)
            changed = answer.rows.pick(compared.changed)
            harmless = answer.rows.pick(np.setdiff1d(np.arange(len(answer.rows)), compared.changed))
            try:
                if len(harmless):
                    self.commit(harmless, () if len(changed) else covers, [answer], expected_revision=stored.revision)
            except RevisionConflict:
                if last:
                    raise
                continue
            if len(changed):
                self._changes.append(changed)
                self._covers += covers
            return

    def reading(self, rows: Rows) -> Reading:
        """Read the bars that lie where these do."""
        return current(self.vault, self.series, Interval(int(rows.time[0]), int(rows.time[-1]) + 1))

    # --- what has to be judged -------------------------------------------------------------------

    def settle(self) -> None:
        """Apply or propose the changes and withdrawals of all answers so far."""
        changes, covers, gone = merge(self._changes), self._covers, sorted(set(self._gone))
        self._changes, self._covers, self._gone = [], [], []
        if len(changes):
            self._change(changes, covers)
        self.withdraw(np.array(gone, np.int64))
        self.propose_flagged()

    def forget(self) -> None:
        """Drop what was kept to be judged, since all of it is asked for again."""
        self.decided, self.overruled, self.corrected = {}, {}, 0
        self._changes, self._covers, self._gone = [], [], []

    def withdraw(self, times: Ints) -> Ints:
        """Withdraw bars that two answers in a row lacked, or propose it; returns the times of those that stay."""
        if not len(times):
            return times
        stored = current(self.vault, self.series, Interval(int(times[0]), int(times[-1]) + 1))
        rows = undecided(self.vault.ledger, self.series, tombstones(times))
        self.declined += len(times) - len(rows)
        reason = self.judge.against(rows, change=1.0)
        if reason:
            found = _finding(WITHDRAWN, rows, stored, reason, {"answers": "2", "why": _ABSENT})
            return times if self.propose(found) else np.setdiff1d(times, rows.time)
        if len(rows):
            self.commit(rows, (), (), operation="withdraw", reason=_ABSENT, trigger="absence")
        return np.setdiff1d(times, rows.time)

    def propose(self, finding: Finding) -> bool:
        """Keep changes until somebody decides, unless a rule does; tells whether they wait."""
        told = {"source": self.task.declaration.name, "symbol": self._symbol, **finding.evidence}
        who = self.who("propose", reason=finding.reason, trigger=finding.kind)
        made, done = self._workflow.keep(replace(finding, evidence=told).of(self.series), finding.rows, who)
        if done is not None:
            self.written = add(self.written, done)
            return False
        self.proposals.append(made.id)
        self.proposed += finding.bars
        return True

    @property
    def goes_on(self) -> str:
        """Return why a person has to see changes of bars that were corrected, and are as wrong as they were."""
        return f"what was corrected goes on, and stays so ({', '.join(self.restated)})" if self.restated else ""

    @property
    def kept_on(self) -> dict[str, Any]:
        """Return the evidence of corrections that go on in what the source changed."""
        return {DECIDED: {name: str(count) for name, count in self.restated.items()}} if self.restated else {}

    def _change(self, changes: Rows, covers: Sequence[Cover]) -> None:
        for last in attempts():
            stored, rows, declined = self._differing(changes)
            largest = move(*paired(stored.rows, rows))
            reason = self.judge.against(rows, change=largest) or (self.goes_on if len(rows) else "")
            if reason or not len(rows):
                break
            self.note(self.uncounted)
            try:
                self.commit(rows, covers, (), trigger=CORRECTION, expected_revision=stored.revision)
            except RevisionConflict:
                if last:
                    raise
                continue
            self.declined += declined
            return
        self.declined += declined
        if reason:
            evidence = {"largest_move": f"{largest:.6g}", "first": format_time(int(rows.time[0])), **self.kept_on}
            evidence |= {EVENTS: noted(self.uncounted)} if self.uncounted else {}
            self.propose(replace(_finding(CORRECTION, rows, stored, reason, evidence), fields=_moved(stored, rows)))
        if covers:
            self.vault.ledger.catalog.cover(covers, self.who(OPERATION))

    def _differing(self, changes: Rows) -> tuple[Reading, Rows, int]:
        """Return what is there now, what of the changes still differs, and how many of them were rejected before."""
        stored = self.reading(changes)
        compared = compare(stored.rows, changes, self.task.declaration.tolerance)
        rows = undecided(self.vault.ledger, self.series, changes.pick(compared.changed))
        return stored, rows, len(compared.changed) - len(rows)


def _finding(kind: str, rows: Rows, stored: Reading, reason: str, evidence: dict[str, Any]) -> Finding:
    revision = newest_revision(stored.rows, rows)
    return Finding(kind=kind, rows=rows, bars=len(rows), revision=revision, reason=reason, evidence=evidence)


def _moved(stored: Reading, rows: Rows) -> tuple[str, ...]:
    """Return the columns in which some bar is another."""
    return tuple(name for name, flags in changed_fields(*paired(stored.rows, rows)).items() if flags.any())


def put_aside(vault: Vault, series: Series, rejected: Sequence[Rejected]) -> int:
    """Put bars that broke a rule into quarantine, and return how many they are."""
    bars = [
        QuarantinedBar(series=series, time=bar.time, code=bar.code, values=bar.values, actor=vault.actor)
        for bar in rejected
    ]
    if bars:
        vault.check_writable()
        vault.ledger.quarantine.add(bars, vault.who("quarantine"))
    return len(bars)


def attempts() -> Iterator[bool]:
    """Give as many attempts as it is worth to be faster than other writers of the series; True is the last."""
    yield from (left == 0 for left in reversed(range(_ATTEMPTS)))


def joined(received: Sequence[Answer]) -> Rows:
    """Return the bars of answers that follow each other."""
    return concat(one.rows for one in received)
