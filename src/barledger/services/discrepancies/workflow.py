"""The workflow: from a discrepancy to a revision, and back.

What a decision carries out is a *remedy*: bars to write, or a corporate action to record.

A decision and the revision that it makes are two steps, since bars and ledger are two halves. What dies between them
leaves the discrepancy *accepted*; to accept it again finishes it, and finds a revision that was made already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from barledger import faults
from barledger.domain.action import CorporateAction
from barledger.domain.comparison import changed_fields
from barledger.domain.decision_rule import DecisionRule, deciding
from barledger.domain.discrepancy import BARS_BEFORE, IDS, WHOLE, WITHDRAWN, Discrepancy, check_kinds, check_reason
from barledger.domain.interval import Interval
from barledger.domain.rows import Flags, Ints, Rows, empty_rows, found_in, merge
from barledger.domain.series import Series
from barledger.errors import (
    ActionConflict,
    BarledgerError,
    IllegalStep,
    ProposalStale,
    Refused,
    RevisionConflict,
    RuleNotFound,
    SoAlready,
)
from barledger.ledger.contract import Cover, Who
from barledger.services.cache import DataCacheService
from barledger.services.cache.afterwards import Superseded
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written
from barledger.services.cache.reader import Reading, read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.discrepancies import notices
from barledger.services.discrepancies.decisions import Decisions, composed
from barledger.services.discrepancies.events import Telling, events_of
from barledger.services.discrepancies.filter import Filter
from barledger.services.discrepancies.multiplying import is_own
from barledger.services.discrepancies.outcomes import Accepted, Recorded, Undone
from barledger.services.discrepancies.payments import Payments
from barledger.services.discrepancies.preview import Preview
from barledger.services.discrepancies.recording import Recording
from barledger.services.discrepancies.remedy import Remedy, bars_now, pack, remedy_of
from barledger.services.discrepancies.restoring import UNDO, Restoring, as_undone
from barledger.services.discrepancies.siblings import Siblings
from barledger.services.discrepancies.superseding import Superseding
from barledger.services.discrepancies.touching import Touched, touched, touched_by_action, touched_by_both


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of one of many decisions: what was written (nothing by a rejection), or why it could not be.

    ``written`` is a `Recorded` where a corporate action was recorded and no bar written.
    """

    discrepancy: Discrepancy
    written: Written | None = None
    error: BarledgerError | None = None

    @property
    def ok(self) -> bool:
        """Whether it was carried out."""
        return self.error is None

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.discrepancy.id}: {self.discrepancy.state if self.error is None else self.error}"


class Workflow:
    """Keeps discrepancies and carries decisions out."""

    def __init__(self, vault: Vault, cache: DataCacheService) -> None:
        """Work on this store and ledger."""
        self._vault = vault
        self._cache = cache
        self._recording = Recording(vault=vault)
        self._telling = Telling(vault=vault)
        self._superseding = Superseding(vault=vault)
        self._payments = Payments(vault=vault)
        self._siblings = Siblings(vault=vault, telling=self._telling)
        self._restoring = Restoring(
            vault=vault, cache=cache, telling=self._telling, payments=self._payments, siblings=self._siblings
        )

    # --- finding ---------------------------------------------------------------------------------

    def keep(
        self, found: Discrepancy, remedy: Remedy | None, who: Who, *, anew: bool = False
    ) -> tuple[Discrepancy, Written | None]:
        """Keep what was found, with the bars or the corporate action that it proposes; tells who wants to hear of it.

        What a rule accepts is applied at once: then what was written is returned too. ``anew`` is for what somebody
        asked for: what was undone is found again, as another one, which waits for a person whatever the rules say.
        """
        made, news = self._vault.ledger.discrepancies.add(
            found, None if remedy is None else pack(remedy), who, anew=anew
        )
        rule = None if anew and self._was_undone(made) else self.rule_for(made)
        if made.state == "proposed" and rule is not None and rule.action == "accept":
            try:
                done = self.accept(made.id, reason=f"rule {rule}", trigger=f"rule:{rule.name}")
            except (RevisionConflict, ActionConflict):
                pass  # somebody decides about the same, and the next look finds what is left of the difference
            else:
                return self.get(made.id), done
        # One that was told when it was open is no other one now that it proposes bars.
        if news and len(self._vault.ledger.discrepancies.steps(made.id)) == 1:
            self._vault.notify(notices.found(made, after=self._applied_before(made)))
        return made, None

    def _was_undone(self, made: Discrepancy) -> bool:
        """Whether it is what somebody undid, or has a bar of what somebody undid of the source's single bars."""
        listed = self._vault.ledger.discrepancies.list(series=made.series, states={"undone"})
        mine = [one for one in listed if one.against == made.against]
        if made.against and made.kind not in WHOLE:
            return any(one.kind not in WHOLE and one.interval.intersects(made.interval) for one in mine)
        return any((one.kind, one.interval) == (made.kind, made.interval) for one in mine)

    def _applied_before(self, made: Discrepancy) -> str:
        """Return the newest one of the same stretch and kind that was applied: what comes after it is no repeat."""
        listed = self._vault.ledger.discrepancies.list(series=made.series, states={"applied"})
        same = [one for one in listed if one.kind == made.kind and one.interval.intersects(made.interval)]
        return same[0].id if same else ""

    def rule_for(self, one: Discrepancy) -> DecisionRule | None:
        """Return the rule that decides about a discrepancy like this, if there is one."""
        rules = self._vault.ledger.policies.rules()
        source, confidence = one.series.source, one.confidence
        # An event is about two bars, and moves the adjusted values of all before it.
        bars = max(one.bars, int(one.evidence.get(BARS_BEFORE, 0)))
        return deciding(rules, kind=one.kind, source=source, confidence=confidence, bars=bars)

    # --- looking ---------------------------------------------------------------------------------

    def list(self, wanted: Filter, *, series: Series | None = None) -> list[Discrepancy]:
        """Return the discrepancies that a filter is about, the newest first."""
        found = self._vault.ledger.discrepancies.list(series=series, states=wanted.states)
        return [one for one in found if wanted.matches(one)]

    def get(self, discrepancy_id: str) -> Discrepancy:
        """Return a discrepancy; raises `DiscrepancyNotFound`."""
        return self._vault.ledger.discrepancies.get(discrepancy_id)

    def show(self, discrepancy_id: str) -> Preview:
        """Return a discrepancy with its bars and whom they concern; raises `DiscrepancyNotFound`."""
        found = self.get(discrepancy_id)
        remedy = remedy_of(self._vault, found)
        rows, action = (empty_rows(), remedy) if isinstance(remedy, CorporateAction) else (remedy, None)
        now = bars_now(self._vault, found.series, rows) if len(rows) else None
        return Preview(
            discrepancy=found,
            rows=rows if now is None else self._as_of_now(found, rows, now),
            now=rows if now is None else now.rows.standing(),
            touched=self._touched(found, remedy),
            steps=tuple(self._vault.ledger.discrepancies.steps(discrepancy_id)),
            action=action,
            payments=tuple(self._payments.planned(found)) if found.waits else (),
            lacking=self._siblings.lacking(found, _events(found, action)) if found.waits else (),
            counting=self._siblings.counting(found, _events(found, action)) if found.state == "applied" else (),
        )

    # --- deciding --------------------------------------------------------------------------------

    def accept(self, discrepancy_id: str, *, reason: str, trigger: str = "") -> Written:
        """Write what is proposed as a new revision, or record the action, after comparing it again with what is there.

        One that was accepted by a process that died is finished. Raises `DiscrepancyNotFound`, `IllegalStep`,
        `InvalidSetting` without a reason, and `ProposalStale` if one of its bars was written since it was compared: the
        next look makes a new proposal. What would change nothing is superseded (`SoAlready`). Of an action that is
        known by now, or denied, `ActionConflict`.
        """
        self._vault.check_writable()
        check_reason(reason)
        found = self.get(discrepancy_id)
        if found.state not in ("proposed", "accepted"):
            raise IllegalStep(discrepancy=discrepancy_id, state=found.state, step="accepted")
        remedy = remedy_of(self._vault, found)
        carry_out = self._prepared(found, remedy)
        if found.state == "proposed":
            who = self._vault.who("accept", reason=reason, trigger=trigger)
            found = self._vault.ledger.discrepancies.step(discrepancy_id, "accepted", who)
        faults.reach("discrepancy.accepted")
        old = (
            empty_rows()
            if isinstance(remedy, CorporateAction)
            else bars_now(self._vault, found.series, remedy).rows.standing()
        )
        done = carry_out(found)
        faults.reach("discrepancy.written")
        who = self._vault.who("apply", reason=found.decision, trigger=trigger)
        found = self._vault.ledger.discrepancies.step(discrepancy_id, "applied", who, revision=done.revision)
        if len(old):
            self._superseding.close(found, old)
        others = self._siblings.lacking(found, _events(found, remedy))
        done = Accepted.of(done, lacking=others) if others and not isinstance(done, Recorded) else done
        self._tell(notices.applied(found, done, self._touched(found, remedy), lacking=others))
        return done

    def reject(self, discrepancy_id: str, *, reason: str) -> Discrepancy:
        """Keep the bars as they are; the same difference is not proposed again.

        Raises `DiscrepancyNotFound`, `IllegalStep`, and `InvalidSetting` without a reason.
        """
        self._vault.check_writable()
        check_reason(reason)
        who = self._vault.who("reject", reason=reason)
        return self._vault.ledger.discrepancies.step(discrepancy_id, "rejected", who)

    def undo(self, discrepancy_id: str, *, reason: str, partial: bool = False) -> Undone:
        """Restore by another revision what stood before; only who asks for it finds the same difference anew.

        Bars that were written since are in the way: `ChangedSince`, unless ``partial`` leaves them as they are. An
        action that was recorded is withdrawn; `ActionConflict` if somebody said otherwise since. Raises `IllegalStep`
        for what was not applied, `InvalidSetting` without a reason, and `RevisionExpired` where retention has deleted
        what stood before.
        """
        self._vault.check_writable()
        check_reason(reason)
        found = self.get(discrepancy_id)
        if found.state != "applied":
            raise IllegalStep(discrepancy=discrepancy_id, state=found.state, step="undone")
        remedy = remedy_of(self._vault, found)
        if isinstance(remedy, CorporateAction):
            kept = self._siblings.kept(found, [remedy])
            done: Written = self._recording.take_back(found, remedy, reason=reason)
            self._siblings.keep(kept, self._vault.who("record", reason=reason, trigger=found.id))
        else:
            done = self._made(found, UNDO) or self._restoring.restore(found, remedy, reason, partial=partial)
        faults.reach("discrepancy.restored")
        who = self._vault.who(UNDO, reason=reason, trigger=found.id)
        found = self._vault.ledger.discrepancies.step(discrepancy_id, "undone", who, revision=done.revision)
        self._tell(notices.undone(found, done, self._touched(found, remedy)))
        return done if isinstance(done, Undone) else as_undone(done)

    def each(
        self, wanted: Filter, decide: Callable[[Discrepancy], Written | Discrepancy], *, backwards: bool = False
    ) -> tuple[Decided, ...]:
        """Decide about all that a filter is about, the oldest first; one that fails stops none of the others.

        What a source says of a whole stretch comes before what was found within it: it brings its events along, and
        what it makes moot is superseded, and decided by that. ``backwards`` is the reverse order of their decisions.
        """
        decided: list[Decided] = []
        with self._vault.afterwards.gathering():
            listed = self.list(wanted)
            if backwards:
                listed.sort(key=lambda one: -one.result)
            else:
                listed.sort(key=lambda one: (not (one.against and one.kind in WHOLE), one.made_at))
            for one in listed:
                fresh = self.get(one.id)
                if fresh.state == "superseded":
                    decided.append(Decided(discrepancy=fresh))
                    continue
                try:
                    done = decide(one)
                except (Refused, RevisionConflict) as error:
                    decided.append(Decided(discrepancy=one, error=error))
                    continue
                written = done if isinstance(done, Written) else None
                decided.append(Decided(discrepancy=self.get(one.id), written=written))
        return tuple(decided)

    # --- what others write -----------------------------------------------------------------------

    def heed(self, one: Superseded) -> None:
        """Tell strategies that bars of their approved snapshots are others now, where no decision of here made them."""
        if one.trigger.startswith(IDS) or not self._vault.ledger.snapshots.approvals():
            return
        self._tell(notices.rewritten(one, touched(self._vault, one.series, one.times)))

    # --- rules -----------------------------------------------------------------------------------

    def set_rule(self, rule: DecisionRule, *, reason: str) -> DecisionRule:
        """Set a rule in the place of one of the same name; raises `InvalidSetting` without a reason."""
        self._vault.check_writable()
        check_reason(reason)
        check_kinds(rule.kind)
        self._vault.ledger.policies.set_rule(rule.name, rule, self._vault.who("set-rule", reason=reason))
        return rule

    def remove_rule(self, name: str, *, reason: str = "") -> None:
        """Remove a rule; raises `RuleNotFound`."""
        self._vault.check_writable()
        if name not in {rule.name for rule in self.rules()}:
            raise RuleNotFound(rule=name)
        self._vault.ledger.policies.set_rule(name, None, self._vault.who("set-rule", reason=reason))

    def rules(self) -> Sequence[DecisionRule]:
        """Return the rules, the most specific first."""
        return self._vault.ledger.policies.rules()

    # --- writing ---------------------------------------------------------------------------------

    def _prepared(self, found: Discrepancy, remedy: Remedy) -> Callable[[Discrepancy], Written]:
        """Return what carries a remedy out, after looking whether it still fits what is there."""
        if isinstance(remedy, CorporateAction):
            self._recording.check(found, remedy)
            return lambda accepted: self._recording.record(accepted, remedy)
        self._telling.check(found)
        now = bars_now(self._vault, found.series, remedy)
        rows, made = remedy, self._made(found, "") if found.state == "accepted" else None
        if made is not None:
            return lambda _: made
        if is_own(found):
            rows = self._composed(found, remedy, now)
            if _written(now.rows, rows):
                raise self._moot(found, now)
        elif _written(now.rows, remedy):
            raise self._moot(found, now)
        else:
            _check_unchanged(found, now.rows)
        return lambda accepted: self._write(accepted, rows, now)

    def _moot(self, found: Discrepancy, now: Reading) -> SoAlready:
        """Close what would change nothing, and return what is to be raised."""
        why = "its bars are so already"
        self._vault.ledger.discrepancies.step(found.id, "superseded", self._vault.who("supersede", reason=why))
        newest = int(now.rows.revision.max())
        return SoAlready(proposal=found.id, series=str(found.series), expected=found.revision, found=newest)

    def _as_of_now(self, found: Discrepancy, rows: Rows, now: Reading) -> Rows:
        """Return what acceptance would make of bars by now; as they were proposed, if it would be refused."""
        if not is_own(found) or found.state != "proposed":
            return rows
        try:
            return self._composed(found, rows, now)
        except ProposalStale:
            return rows

    def _composed(self, found: Discrepancy, rows: Rows, now: Reading) -> Rows:
        """Return what a factor makes of bars that other decisions may have changed since it was proposed."""
        held = now.rows.standing()
        if not bool(found_in(now.rows.time, held.time).all()):
            raise _stale(found, int(now.rows.revision.max()))
        decisions = Decisions.of(self._vault.ledger, found.series)
        both = found_in(rows.time, held.time)
        made, can = composed(decisions, found, held, rows.pick(both))
        if not can.all():
            raise _stale(found, int(held.revision[~can].max()))
        return merge([rows.pick(~both), made]) if not both.all() else made

    def _write(self, found: Discrepancy, rows: Rows, now: Reading) -> Written:
        if _written(now.rows, rows):
            self._tell_with(found)
            return replace(_nothing(found.series), revision=now.revision, same=len(rows))
        draft = Draft(series=found.series, rows=rows, expected_revision=now.revision)
        told: dict[str, Any] = {"proposal": found.id, "evidence": dict(found.evidence)}
        # Whoever reads the revision finds the events that are counted in its bars.
        self._tell_with(found)
        try:
            return self._cache.write(
                [draft],
                operation="withdraw" if found.kind == WITHDRAWN else "correct",
                reason=found.decision or found.reason,
                trigger=found.id,
                coverage=_covers(found),
                details={found.series: told},
            )
        except RevisionConflict as error:
            self._telling.take_back(found, reason=str(error))
            self._payments.convert_back(found, reason=str(error))
            raise _stale(found, error.found) from error

    def _tell_with(self, found: Discrepancy) -> None:
        """Let be known what goes with the bars: events, and payments in the shares in which they will be."""
        reason = found.decision or found.reason
        self._telling.record(found, reason=reason)
        self._payments.convert(found, reason=reason)

    def _made(self, found: Discrepancy, operation: str) -> Written | None:
        """Return what a process that died had written for this discrepancy, if it had."""
        records = self._vault.ledger.revisions.records(found.series, interval=found.interval)
        mine = [one for one in records if one.trigger == found.id and (one.operation == UNDO) == (operation == UNDO)]
        if not mine:
            return None
        last = mine[-1]
        counts = {"new": last.new, "changed": last.changed, "withdrawn": last.withdrawn, "jitter": last.jitter}
        return Written(series=(found.series,), revision=last.revision, fields={}, **counts)

    def _touched(self, found: Discrepancy, remedy: Remedy) -> tuple[Touched, ...]:
        if isinstance(remedy, CorporateAction):
            return touched_by_action(self._vault, remedy)
        times = remedy.time if len(remedy) else self._times(found)
        return touched_by_both(self._vault, found.series, times, events_of(found.evidence))

    def _times(self, found: Discrepancy) -> Ints:
        kept = left(self._vault.ledger.revisions.state(found.series), found.interval)
        return read(self._vault, found.series, kept).rows.standing().time

    def _tell(self, told: Any) -> None:
        for notice in told:
            self._vault.notify(notice)


def _events(found: Discrepancy, remedy: Remedy | None) -> list[CorporateAction]:
    """Return the events that become known with a decision."""
    return [remedy] if isinstance(remedy, CorporateAction) else events_of(found.evidence)


def _check_unchanged(found: Discrepancy, now: Rows) -> None:
    """Raise `ProposalStale` if one of the bars was written after the proposal was compared with it."""
    later = now.revision[now.revision > found.revision]
    if len(later):
        raise _stale(found, int(later.max()))


def _stale(found: Discrepancy, revision: int) -> ProposalStale:
    return ProposalStale(proposal=found.id, series=str(found.series), expected=found.revision, found=revision)


def _written(now: Rows, rows: Rows) -> bool:
    """Whether the bars are what they would become already."""
    standing, wanted = now.standing(), rows.standing()
    if len(standing) != len(wanted) or bool(found_in(standing.time, rows.time[_gone(rows)]).any()):
        return False
    if not bool(np.array_equal(standing.time, wanted.time)):
        return False
    return not any(bool(flags.any()) for flags in changed_fields(standing, wanted).values())


def _gone(rows: Rows) -> Flags:
    return np.zeros(len(rows), np.bool_) if rows.withdrawn is None else rows.withdrawn


def _covers(found: Discrepancy) -> list[Cover]:
    listed: Any = found.evidence.get("covered", [])
    return [
        Cover(series=found.series, interval=Interval(int(start), int(end)), outcome=outcome)
        for start, end, outcome in listed
    ]


def _nothing(series: Series) -> Written:
    return Written(series=(series,), revision=0, fields={})
