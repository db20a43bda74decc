"""The reconciler: asks for held bars again, tells what differs, and puts it into the register."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Event
from typing import Any, Final

import numpy as np

from barledger import faults
from barledger.domain.action import CorporateAction
from barledger.domain.comparison import Tolerance
from barledger.domain.discrepancy import DECLINED, RESTATEMENT, WAITING, WHOLE, Discrepancy, key_of
from barledger.domain.interval import Interval, difference, format_time, intersection, union
from barledger.domain.rows import VALUES, Ints, Rows, found_in
from barledger.domain.series import Series
from barledger.errors import BarledgerError
from barledger.services.cache.reader import Reading, read
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.discrepancies import Workflow
from barledger.services.discrepancies.decisions import DECIDED, heed
from barledger.services.discrepancies.events import EVENTS, event_key
from barledger.services.discrepancies.payload import encode
from barledger.services.discrepancies.payments import in_held_shares
from barledger.services.ingestion import closing
from barledger.services.ingestion.absences import Absences
from barledger.services.ingestion.answers import Answer
from barledger.services.ingestion.budget import Spending
from barledger.services.ingestion.counted import counted_kinds
from barledger.services.ingestion.hearing import Hearing
from barledger.services.ingestion.held import Held, current
from barledger.services.ingestion.judgement import BAR_BY_BAR, decisions_against, paired, undecided, waiting_about
from barledger.services.integrity.classification import Classified, classify
from barledger.services.integrity.difference import Difference, Sides
from barledger.services.integrity.hearing import Became, Heard, attached
from barledger.services.integrity.refetching import Opened, Refetched, Refetcher
from barledger.services.integrity.report import Comparison, State

OPERATION: Final = "reconcile"
_TOLD: Final = 20
_OVER: Final = "the source does not say so any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What all comparisons of one reconciliation have in common.

    With ``anew`` what somebody undid is proposed again.
    """

    spending: Spending
    stop: Event
    reason: str = ""
    anew: bool = False


class Reconciler:
    """Compares one series with one source, from a first stretch to as much as has to be known.

    Nothing is written to the series: what differs goes to the register, where a person or a rule decides.
    """

    def __init__(
        self,
        vault: Vault,
        workflow: Workflow,
        refetcher: Refetcher,
        *,
        series: Series,
        opened: Opened,
        tolerance: Tolerance,
        task: Task,
    ) -> None:
        """Compare this series with this source; nothing is asked yet."""
        self._vault, self._workflow, self._refetcher, self._task = vault, workflow, refetcher, task
        self.series, self._opened, self.tolerance = series, opened, tolerance
        self._other = replace(series, source=opened.name)
        self._told = Refetched()
        self._asked: list[Interval] = []
        self._unasked: list[Interval] = []
        self._restated: dict[str, int] = {}

    # --- asking ------------------------------------------------------------------------------------

    @cached_property
    def held(self) -> Held:
        """Return the bars of the series as they were when this began."""
        return Held(self._vault, self.series)

    @property
    def own(self) -> bool:
        """Whether the source is the series' own, which may correct it."""
        return self.series.source == self._opened.name

    @property
    def told(self) -> Refetched:
        """Return what the source has said so far."""
        return self._told

    @property
    def ended(self) -> bool:
        """Whether nothing more can be asked."""
        return self._told.ended or self._told.error is not None

    def ask(self, stretches: Sequence[Interval]) -> None:
        """Ask for what of these stretches is held, can be had, and was not asked for yet."""
        wanted = intersection(stretches, [Interval(self.held.first, self.held.end)])
        reachable = self._refetcher.within_reach(self._opened, self.series, wanted)
        self._unasked = union([*self._unasked, *difference(wanted, reachable)])
        fresh = difference(reachable, self._asked)
        if self.ended or not fresh:
            return
        found = self._refetcher.ask(
            self._opened, self._other, fresh, spending=self._task.spending, stop=self._task.stop
        )
        self._asked = union([*self._asked, *fresh])
        self._told.answers += [self._heeded(one) for one in found.answers]
        self._told.calls += found.calls
        self._told.ended, self._told.error = found.ended, found.error

    def _heeded(self, answer: Answer) -> Answer:
        """Leave bars that somebody corrected as they are: that the source gives what was corrected is no news."""
        if not self.own:
            return answer
        found = heed(self._vault, self.series, answer.rows)
        self._restated |= found.restated
        told = in_held_shares(self._vault, self.series, answer.rows, found.rows, answer.received.chunk.actions)
        return replace(answer.telling(told), rows=found.rows, corrected=found.bars, decided=found.decided)

    @property
    def _decided(self) -> dict[str, int]:
        """Return how many bars stay as each decision made them."""
        counts: Counter[str] = Counter()
        for one in self._told.answers:
            counts.update(one.decided)
        return dict(counts)

    def beside(self, interval: Interval) -> Interval:
        """Return a stretch with one more bar on both sides, so that each bar of it has its neighbours."""
        before, after = self.held.before(interval.start, 1), self.held.after(interval.end, 1)
        start = int(before[0]) if len(before) else interval.start
        end = int(after[0]) + 1 if len(after) else interval.end
        return Interval(start, end)

    # --- comparing ---------------------------------------------------------------------------------

    def compare(self) -> tuple[Classified, Reading]:
        """Tell what differs in all that was answered so far; a factor or a shift is looked for in the whole series."""
        found, stored = self._classified()
        goes_on = any(self._goes_on(one) for one in found.differences)
        if self.own and not self.ended and (goes_on or self._hidden(stored)):
            self.ask([Interval(self.held.first, self.held.end)])
            found, stored = self._classified()
        return found, stored

    def _goes_on(self, one: Difference) -> bool:
        """Whether an event reaches the end of what was compared, and bars are held beyond it."""
        if one.kind not in WHOLE:
            return False
        first, last = one.hull
        known = self._held_within(self._told.answered)
        reaches = not len(known) or first <= int(known[0]) or last >= int(known[-1])
        asked = self._told.answered
        return reaches and bool(difference([Interval(self.held.first, self.held.end)], asked))

    def _held_within(self, intervals: Sequence[Interval]) -> Ints:
        reading = self._stored(intervals)
        return reading.rows.standing().time

    def _stored(self, intervals: Sequence[Interval]) -> Reading:
        kept = intersection(intervals, [Interval(self.held.first, self.held.end)])
        kept = [part for one in kept for part in left(self._vault.ledger.revisions.state(self.series), one)]
        if not kept:
            return current(self._vault, self.series, Interval(self.held.first, self.held.first))
        return read(self._vault, self.series, kept)

    def _classified(self) -> tuple[Classified, Reading]:
        stored = self._stored(self._told.answered)
        sides = self._sides(stored.rows)
        late = self._vault.ledger.now() - closing.settling(self.series.timeframe)
        found = classify(sides, actions=self._actions(), twice=self._twice, late=late)
        return found, stored

    def _sides(self, stored: Rows) -> Sides:
        old = stored.standing()
        told = self._told.rows
        mine = told.pick(told.time < self.held.end)
        gone = stored.time[~found_in(stored.time, old.time)]
        return Sides(
            timeframe=self.series.timeframe,
            old=old if self.own else _values_only(old),
            new=mine if self.own else _values_only(mine),
            tolerance=self.tolerance,
            answered=self._told.answered,
            complete=self._told.complete,
            broken=self._told.broken,
            withdrawn=gone,
        )

    def _actions(self) -> list[Any]:
        """Return the corporate actions that are known, and those that the source told of with its bars."""
        known = self._vault.ledger.actions.list(instrument=self.series.instrument)
        fresh = [action for one in self._told.answers for action in one.received.chunk.actions]
        listed = {(one.kind, one.ex_date, one.value) for one in known}
        return [*known, *(one for one in fresh if (one.kind, one.ex_date, one.value) not in listed)]

    @cached_property
    def _absences(self) -> Absences:
        return Absences(self._vault.ledger, self.series)

    _seen_answers: int = 0

    @property
    def _twice(self) -> Ints:
        """Return the times of bars that two complete answers in a row lacked, this one and that of an earlier task.

        That of a file counts too: whoever compares a series with it takes it for all that there is between its bars.
        """
        if not self.own:
            return np.empty(0, np.int64)
        fresh = sorted(self._told.answers[self._seen_answers :], key=lambda one: one.interval)
        self._seen_answers = len(self._told.answers)
        for answer in fresh:
            self._missed += self._absences.see(answer, self._held_within([answer.interval]))
        return np.array(sorted(set(self._missed)), np.int64)

    @cached_property
    def _missed(self) -> list[int]:
        return []

    # --- the register ------------------------------------------------------------------------------

    def settle(self, notes: Sequence[str] = ()) -> Comparison:
        """Put what differs into the register, the whole of it in the audit log, and report it."""
        found, stored = self.compare()
        hearing = self._hearing(stored) if self.own else None
        lacking = hearing.lacking if hearing else []
        # Events that concern no bar are noted before any rule decides about one.
        heard = self._note(hearing, lacking) if hearing else []
        kept: list[Discrepancy] = []
        revisions: list[int] = []
        for plain in sorted(found.differences, key=lambda one: one.kind != RESTATEMENT):
            one = self._keeping(plain)
            one, mine = attached(one, hearing, lacking) if hearing else (one, [])
            named, revision = self._keep(one, stored)
            lacking = [event for event in lacking if event not in mine]
            became: Became = "declined" if named[0].state in DECLINED else "with"
            heard += [Heard(action=event, became=became, discrepancy=named[0].id) for event in mine]
            kept += [each for each in named if each.id not in {other.id for other in kept}]
            revisions += [revision] if revision else []
            faults.reach("reconcile.kept")
        self._close_what_is_over({one.id for one in kept})
        heard += [Heard(action=event, became="not told" if event.withdrawn else "waits") for event in lacking]
        report = self._report(found, kept, revisions)
        report = replace(report, notes=(*notes, *report.notes), events=tuple(heard))
        self._vault.ledger.audit.append(
            self._vault.who(OPERATION, reason=self._task.reason), {str(self.series): self._provenance(report, found)}
        )
        return report

    # --- events ------------------------------------------------------------------------------------

    @cached_property
    def _counted(self) -> frozenset[str]:
        return counted_kinds(self._refetcher.instruments.register().adjusted(self.series))

    @property
    def has_news(self) -> bool:
        """Whether the source tells of events otherwise than before."""
        hearing = self._hearing(self._stored([])) if self.own else None
        return hearing is not None and bool(hearing.news or hearing.silent)

    def _hearing(self, stored: Reading) -> Hearing:
        old, new = paired(stored.rows.standing(), self._told.rows)
        return Hearing(
            known=self._vault.ledger.actions.list(instrument=self.series.instrument, source=self.series.source),
            told=[action for one in self._told.answers for action in one.received.chunk.actions],
            kinds=self._counted,
            complete=self._told.complete if self._opened.declaration.gives_events else (),
            old=old,
            new=new,
        )

    def _note(self, hearing: Hearing, lacking: Sequence[CorporateAction]) -> list[Heard]:
        """Let be known what concerns no bar, and say what is not told any more."""
        news = {event_key(one) for one in hearing.news}
        plain = [one for one in hearing.noted if one.withdrawn or event_key(one) in news]
        if plain:
            record_actions(self._vault, plain, self._vault.who("record", reason=self._task.reason, trigger=OPERATION))
        taken_back = {event_key(one) for one in [*lacking, *(gone for gone, _ in hearing.moved)]}
        silent = [one for one in hearing.silent if event_key(one) not in taken_back]
        return [
            *(Heard(action=one, became="noted") for one in plain),
            *(Heard(action=one, became="not told") for one in silent),
        ]

    def _hidden(self, stored: Reading) -> bool:
        """Whether the source tells of an event that it counts, and the bars before it were not asked for."""
        hearing = self._hearing(stored)
        edges = [one.ex_date for one in hearing.counted if one.ex_date > self.held.first]
        return any(not len(hearing.old) or int(hearing.old.time[0]) >= at for at in edges)

    def _close_what_is_over(self, found: set[str]) -> None:
        """Close what waits about bars that were compared just now, and is not found any more."""
        answered = self._told.complete
        for one in self._vault.ledger.discrepancies.list(series=self.series, states={"open", "proposed"}):
            mine = one.against == self._opened.name and one.id not in found
            shared = one.interval.intersection(Interval(self.held.first, self.held.end))
            if mine and shared == one.interval and not difference([one.interval], answered):
                who = self._vault.who("supersede", reason=_OVER, trigger=OPERATION)
                self._vault.ledger.discrepancies.step(one.id, "superseded", who)

    def _keep(self, one: Difference, stored: Reading) -> tuple[list[Discrepancy], int]:
        waits: list[Discrepancy] = []
        if self.own and one.kind in BAR_BY_BAR and len(one.rows):
            rows = undecided(self._vault.ledger, self.series, one.rows, anew=self._task.anew)
            # What somebody asked for anew goes on waiting, whoever looks next.
            waits = waiting_about(self._vault.ledger, self.series, one.rows) if len(rows) < len(one.rows) else []
            if not len(rows):
                alike = replace(self._discrepancy(one, stored), key=key_of(one.kind, encode(one.rows)))
                return waits or decisions_against(self._vault.ledger, self.series, alike, one.rows), 0
            one = replace(one, rows=rows, times=rows.time)
        known = self._known_event(one, stored)
        if known is not None:
            return [known], 0
        proposed = one.rows if self.own and len(one.rows) else None
        who = self._vault.who(OPERATION, reason=one.reason, trigger=one.kind)
        found = self._discrepancy(one, stored)
        made, done = self._workflow.keep(found, proposed, who, anew=self._task.anew)
        return [made, *waits], 0 if done is None else done.revision

    def _keeping(self, one: Difference) -> Difference:
        """Say of a change which bars of it stay corrected, since the source gives them as wrong as before."""
        counts = {name: str(count) for name, count in self._restated.items() if self._decided_in(name, one.rows)}
        if not counts:
            return one
        said = ", ".join(f"{count} bars as {name} corrected them" for name, count in counts.items())
        return replace(one, reason=f"{one.reason}; keeps {said}", evidence={**one.evidence, DECIDED: counts})

    def _decided_in(self, name: str, rows: Rows) -> bool:
        interval = self._workflow.get(name).interval
        return bool(((rows.time >= interval.start) & (rows.time < interval.end)).any())

    def _discrepancy(self, one: Difference, stored: Reading) -> Discrepancy:
        first, last = one.hull
        end = int(self.series.timeframe.close_of(np.array([last], np.int64))[0])
        about = one.about or ("" if self.own else encode(one.rows).hex())
        return Discrepancy(
            series=self.series,
            interval=Interval(first, end),
            kind=one.kind,
            reason=one.reason,
            fields=one.fields,
            factor=one.factor,
            confidence=round(one.confidence, 4),
            bars=len(one.times),
            revision=_newest(stored.rows, one.times),
            against=self._opened.name,
            key=one.key or (f"{one.kind}:{_short(about)}" if about else ""),
            evidence={"source": self._opened.name, **one.evidence},
        )

    def _known_event(self, one: Difference, stored: Reading) -> Discrepancy | None:
        """Return the same restatement, if somebody declined it before, or it waits with the bars as they are now.

        Its bars are no sign of it, since more of them come with each day.
        """
        if one.kind != RESTATEMENT:
            return None
        key = one.evidence.get("factor"), one.evidence.get("until")
        newest = _newest(stored.rows, one.times)
        for each in self._vault.ledger.discrepancies.list(series=self.series, states=DECLINED | WAITING):
            alike = each.kind == RESTATEMENT and each.against == self._opened.name
            if alike and (each.evidence.get("factor"), each.evidence.get("until")) == key:
                same = each.evidence.get(EVENTS) == one.evidence.get(EVENTS)
                as_it_is = same and each.state == "proposed" and each.revision >= newest and each.bars >= len(one.times)
                declined = each.state in DECLINED and not (self._task.anew and each.state == "undone")
                if declined or as_it_is:
                    return each
        return None

    def _report(self, found: Classified, kept: Sequence[Discrepancy], revisions: Sequence[int]) -> Comparison:
        told, error = self._told, self._told.error
        corrected = sum(one.corrected for one in told.answers)
        rows = told.rows
        compared = int(found_in(self._held_within(told.answered), rows.time).sum())
        # What a source that ended in peace left out at the end of a stretch has not closed.
        unanswered = difference(self._asked, told.answered) if self.ended else []
        state: State = "failed" if error is not None else "not_done" if told.ended else "done"
        return Comparison(
            series=self.series,
            against=self._opened.name,
            state=state,
            intervals=tuple(told.answered),
            left=tuple(unanswered),
            discrepancies=tuple(kept),
            compared=compared,
            identical=found.identical - corrected,
            jitter=len(found.jitter),
            decided=corrected,
            decisions=tuple(self._decided),
            ahead=int((rows.time >= self.held.end).sum()),
            broken=len(told.broken),
            calls=told.calls,
            tolerance=self.tolerance,
            revisions=tuple(revisions),
            notes=tuple(f"out of reach: {one}" for one in self._unasked if one.start < self.held.end),
            error=error,
        )

    def _provenance(self, report: Comparison, found: Classified) -> dict[str, Any]:
        """Return what the audit log keeps: what was asked and compared, and a sample of the jitter."""
        told: dict[str, Any] = {
            "against": report.against,
            "compared": report.compared,
            "identical": report.identical,
            "intervals": [_spoken(one) for one in report.intervals],
            "asked": sorted({one.received.chunk.asked for one in self._told.answers})[:_TOLD],
            "library": self._opened.declaration.library,
            "discrepancies": [one.id for one in report.discrepancies],
        }
        if report.events:
            told["events"] = [str(one) for one in report.events]
        if report.decided:
            told["decided"] = {name: str(count) for name, count in self._decided.items()}
        if report.jitter:
            told |= {"jitter": report.jitter, "jitter_bars": _sample(found.jitter)}
        if report.error is not None:
            told["error"] = str(report.error)
        return told


def failed(series: Series, against: str, error: BarledgerError) -> Comparison:
    """Return the report of a series whose source could not even be asked."""
    return Comparison(series=series, against=against, state="failed", error=error)


def _newest(stored: Rows, times: Ints) -> int:
    """Return the newest revision of the bars that were compared, 0 if none of them is there yet."""
    return int(stored.revision[found_in(stored.time, times)].max(initial=0))


def _values_only(rows: Rows) -> Rows:
    """Return another source's bars without what is its own: references mean nothing elsewhere."""
    return replace(rows, source_id=None, adjustment_factor=None)


def _spoken(interval: Interval) -> dict[str, str]:
    return {"start": format_time(interval.start), "end": format_time(interval.end)}


def _short(text: str) -> str:
    import hashlib  # noqa: PLC0415 - only what differs needs it

    return text if len(text) <= 80 else hashlib.sha256(text.encode()).hexdigest()


def _sample(rows: Rows) -> list[Mapping[str, str]]:
    """Return the first trembling bars as the source gave them now."""
    head = rows.pick(slice(0, _TOLD))
    return [
        {"time": str(int(head.time[at])), **{name: repr(float(getattr(head, name)[at])) for name in VALUES}}
        for at in range(len(head))
    ]
