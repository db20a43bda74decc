"""A split that is missed in adjusted bars: accepting multiplies them, and lets the event be known that they count."""

from contextlib import suppress
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barledger import detection
from barledger.barledger import BarLedger
from barledger.domain.change_policy import ChangePolicy, OnChange
from barledger.domain.timeframe import DAY
from barledger.errors import ActionConflict, ChangedSince, IllegalStep, NotCounted, ProposalStale, StillCounted
from barledger.services.discrepancies.filter import Filter
from barledger.stores.memory import MemoryStore
from integrity import heard, integrity
from missed import EX, FIRST, OWN, Desk
from scripted import NOON, SetClock, clocked


@pytest.fixture
def desk(bl: BarLedger, clock: SetClock) -> Desk:
    return Desk(bl, clock, {EX: 2.0})


def test_bars_are_multiplied_and_the_event_is_known_and_both_are_taken_back(desk: Desk) -> None:
    snapshot = desk.bl.snapshot("A", "1d", **OWN, strategy="s", purpose="approval")
    desk.bl.cache.approve(snapshot.id, strategy="s")
    notices = heard(desk.bl)
    desk.made = integrity(desk.bl, desk.clock, desk.source, findings=detection.findings)
    (one,) = desk.found("split_missed")
    desk.check({})
    shown = desk.made.discrepancy(one.id)
    assert shown.would == "would make 200 changed, and record for A: split of 2:1 on 1972-06-19"
    done = desk.made.accept(one.id, reason="confirmed")
    assert done.changed == 200
    (known,) = desk.bl.actions.list("A")
    assert (known.source, known.told["discrepancy"], known.told["reason"]) == ("declared", one.id, "confirmed")
    desk.check({EX: 2.0})
    assert [entry.operation for entry in desk.bl.audit.entries()][-4:].count("add-action") == 1
    told = {each.kind: each for each in notices}
    assert told["correction_applied"].subject.endswith("with the split of 2:1 on 1972-06-19")
    assert told["correction_applied"].details["action"] == "split"
    assert (desk.reconcile().discrepancies, desk.ingest(290).changed) == ((), 0)
    desk.check({EX: 2.0})

    desk.made.undo(one.id, reason="no")
    assert (desk.bl.actions.list("A"), desk.digest) == ([], desk.first)
    desk.check({})
    assert "without the split of 2:1" in notices[-1].subject
    assert desk.bl.audit.verify().ok


def test_what_somebody_denied_is_not_multiplied(desk: Desk) -> None:
    (one,) = desk.found("split_missed")
    with pytest.warns(NotCounted):
        desk.bl.actions.add("A", "split", pd.Timestamp(EX * DAY), value="2:1", source="desk")
    desk.bl.actions.withdraw("A", "split", pd.Timestamp(EX * DAY), reason="there was none")
    with pytest.raises(ActionConflict, match="denied"):
        desk.made.accept(one.id, reason="yes")
    desk.check({})


def test_an_event_that_the_source_tells_meanwhile_goes_with_the_bars_that_count_it(desk: Desk) -> None:
    (one,) = desk.found("split_missed")
    desk.made.accept(one.id, reason="confirmed")
    desk.tell(EX)
    (heard_of,) = desk.reconcile().events
    assert heard_of.became == "noted"
    desk.check({EX: 2.0})
    desk.made.undo(one.id, reason="no")
    assert (desk.bl.actions.list("A"), desk.digest) == ([], desk.first)
    desk.check({})
    (again,) = desk.reconcile().discrepancies
    assert again.kind == "restatement"
    desk.check({})
    desk.made.accept(again.id, reason="theirs")
    desk.check({EX: 2.0})
    desk.made.undo(again.id, reason="no")
    desk.check({})


def test_an_event_that_the_source_tells_meanwhile_comes_back_with_an_ingestion_of_its_bars(desk: Desk) -> None:
    (one,) = desk.found("split_missed")
    desk.made.accept(one.id, reason="confirmed")
    desk.tell(EX)
    assert desk.ingest(290).changed == 0
    desk.check({EX: 2.0})
    desk.made.undo(one.id, reason="no")
    desk.check({})
    desk.ingest(290)
    desk.check({EX: 2.0})


def test_undoing_is_refused_while_somebody_else_says_that_there_was_a_split(desk: Desk) -> None:
    (one,) = desk.found("split_missed")
    desk.made.accept(one.id, reason="confirmed")
    desk.bl.actions.add("A", "split", pd.Timestamp(EX * DAY), value="2:1", source="other")
    with pytest.raises(ActionConflict, match="would stay") as caught:
        desk.made.undo(one.id, reason="no")
    assert "bl.actions" in caught.value.advice
    desk.check({EX: 2.0})
    desk.bl.actions.withdraw("A", "split", pd.Timestamp(EX * DAY), reason="there was none")
    desk.made.undo(one.id, reason="no")
    desk.check({})


# --- one split, found and told ---------------------------------------------------------------------


def test_what_a_restatement_made_moot_is_superseded(desk: Desk) -> None:
    (missed,) = desk.found("split_missed")
    desk.tell(EX)
    (late,) = desk.reconcile().discrepancies
    desk.made.accept(late.id, reason="theirs")
    desk.check({EX: 2.0})
    assert desk.made.discrepancy(missed.id).discrepancy.state == "superseded"
    with pytest.raises(IllegalStep):
        desk.made.accept(missed.id, reason="yes")
    desk.made.undo(late.id, reason="no")
    desk.check({})
    assert desk.digest == desk.first


def test_a_restatement_that_a_finding_made_moot_is_superseded_and_its_event_heard_later(desk: Desk) -> None:
    (missed,) = desk.found("split_missed")
    desk.tell(EX)
    (late,) = desk.reconcile().discrepancies
    desk.made.accept(missed.id, reason="ours")
    desk.check({EX: 2.0})
    assert desk.made.discrepancy(late.id).discrepancy.state == "superseded"
    assert [one.became for one in desk.reconcile().events] == ["noted"]
    desk.check({EX: 2.0})
    desk.made.undo(missed.id, reason="no")
    desk.check({})


def test_what_would_change_nothing_is_refused_and_superseded(desk: Desk) -> None:
    (missed,) = desk.found("split_missed")
    bars = desk.bl.bars("A", "1d", **OWN, end=EX * DAY).df
    for name, factor in {**dict.fromkeys(("open", "high", "low", "close"), 0.5), "volume": 2.0}.items():
        bars[name] *= factor
    desk.bl.write("A", "1d", bars, source="scripted", reason="by hand")
    held = desk.digest
    with pytest.raises(ProposalStale):
        desk.made.accept(missed.id, reason="yes")
    assert desk.made.discrepancy(missed.id).discrepancy.state == "superseded"
    assert (desk.digest, desk.bl.actions.list("A")) == (held, [])


# --- several, in any order -------------------------------------------------------------------------


@pytest.fixture
def both(bl: BarLedger, clock: SetClock) -> Desk:
    return Desk(bl, clock, {820: 2.0, EX: 3.0})


def test_two_late_splits_are_undone_in_reverse_order(both: Desk) -> None:
    for day, known in ((820, {820: 2.0}), (EX, {820: 2.0, EX: 3.0})):
        both.tell(day)
        (one,) = both.reconcile().discrepancies
        both.made.accept(one.id, reason="theirs")
        both.check(known)
    second, first = both.made.discrepancies(state="applied")
    with pytest.raises(ChangedSince) as caught:
        both.made.undo(first.id, reason="no", partial=True)
    assert "Undo what wrote them first" in caught.value.advice
    both.check({820: 2.0, EX: 3.0})
    both.made.undo(second.id, reason="no")
    both.check({820: 2.0})
    both.made.undo(first.id, reason="no")
    both.check({})
    assert (both.digest, both.bl.actions.list("A")) == (both.first, [])


def test_a_split_of_which_some_bars_stay_in_new_shares_is_not_half_undone(desk: Desk) -> None:
    desk.tell(EX)
    (late,) = desk.reconcile().discrepancies
    before = desk.bl.bars("A", "1d", **OWN, start=800 * DAY, end=801 * DAY).df
    desk.made.accept(late.id, reason="theirs")
    after = desk.bl.bars("A", "1d", **OWN, start=800 * DAY, end=801 * DAY).df
    desk.bl.write("A", "1d", after * 1.001, source="scripted")
    for partial in (False, True):
        with pytest.raises(StillCounted, match="split of 2:1"):
            desk.made.undo(late.id, reason="no", partial=partial)
    assert len(desk.bl.actions.list("A")) == 1
    desk.bl.write("A", "1d", before, source="scripted")
    assert desk.made.undo(late.id, reason="no", partial=True).left == 1
    desk.check({})


def test_of_all_at_once_the_restatement_comes_first_and_the_finding_is_superseded(desk: Desk) -> None:
    (missed,) = desk.found("split_missed")
    desk.tell(EX)
    (late,) = desk.reconcile().discrepancies
    decided = desk.made.accept_each(Filter.of(instrument="A"), reason="the lot")
    assert [(one.discrepancy.id, one.discrepancy.state, one.ok) for one in decided] == [
        (late.id, "applied", True),
        (missed.id, "superseded", True),
    ]
    desk.check({EX: 2.0})
    assert [one.source for one in desk.bl.actions.list("A")] == ["scripted"]


def test_all_late_splits_are_undone_at_once(both: Desk) -> None:
    for day in (820, EX):
        both.tell(day)
        both.made.accept(both.reconcile().discrepancies[0].id, reason="theirs")
    assert all(one.ok for one in both.made.undo_each(Filter.of(state="applied"), reason="none"))
    both.check({})
    assert both.digest == both.first


# --- what was corrected, in bars that the source restates ------------------------------------------


@pytest.fixture
def wrong(bl: BarLedger, clock: SetClock) -> Desk:
    return Desk(bl, clock, {EX: 2.0}, (800, 820))


@pytest.mark.parametrize("order", [1, -1])
def test_a_restatement_keeps_what_was_corrected_and_the_source_still_has_wrong(wrong: Desk, order: int) -> None:
    (unit,) = wrong.found("unit_error")
    wrong.made.accept(unit.id, reason="units")
    wrong.check({})
    wrong.tell(EX)
    (late,) = wrong.reconcile().discrepancies
    assert (late.kind, late.factor, late.evidence["decided"]) == ("restatement", 0.5, {unit.id: "20"})
    assert unit.id in late.reason
    assert f"20 bars stay corrected as by {unit.id}" in wrong.made.discrepancy(late.id).would
    wrong.made.accept(late.id, reason="theirs")
    wrong.check({EX: 2.0})
    assert (wrong.reconcile().discrepancies, wrong.ingest(290).changed) == ((), 0)
    wrong.check({EX: 2.0})
    for one in (late, unit)[::order]:
        wrong.made.undo(one.id, reason="no")
        wrong.check({} if one is late or order == 1 else {EX: 2.0}, (800, 820) if order == -1 or one is unit else None)
    assert wrong.digest == wrong.first


def test_a_restatement_that_mends_what_was_corrected_is_taken_as_it_is(wrong: Desk) -> None:
    (unit,) = wrong.found("unit_error")
    wrong.made.accept(unit.id, reason="units")
    wrong.market.wrong = (0, 0)
    wrong.tell(EX)
    (late,) = wrong.reconcile().discrepancies
    assert "decided" not in late.evidence
    wrong.made.accept(late.id, reason="theirs")
    wrong.check({EX: 2.0})
    assert wrong.ingest(290).changed == 0
    with pytest.raises(ChangedSince):
        wrong.made.undo(unit.id, reason="no")
    wrong.made.undo(late.id, reason="no")
    wrong.check({})
    wrong.made.undo(unit.id, reason="no")
    assert wrong.digest == wrong.first


def test_an_ingestion_does_not_lose_what_was_corrected_when_the_source_restates(wrong: Desk) -> None:
    (unit,) = wrong.found("unit_error")
    wrong.made.accept(unit.id, reason="units")
    wrong.tell(EX)
    done = wrong.ingest(290)
    assert (done.changed, len(done.proposals)) == (0, 1)
    wrong.check({})
    wrong.made.accept(done.proposals[0], reason="theirs")
    wrong.check({EX: 2.0})
    assert wrong.ingest(290).changed == 0


@pytest.mark.parametrize("told", [[820], [EX], [820, EX]])
def test_of_two_missed_splits_one_is_accepted_and_the_source_tells(both: Desk, told: list[int]) -> None:
    (mine,) = (one for one in both.found("split_missed") if one.bars == EX - FIRST)
    both.made.accept(mine.id, reason="ours")
    both.check({EX: 3.0})
    for day in told:
        both.tell(day)
    late = [one for one in both.reconcile().discrepancies if one.state == "proposed"]
    for one in late:
        both.made.accept(one.id, reason="theirs")
    both.check({EX: 3.0} if told == [EX] else {820: 2.0, EX: 3.0})
    assert both.ingest(290).changed == 0
    both.made.undo_each(Filter.of(state="applied"), reason="none")
    both.check({})
    assert both.digest == both.first


@pytest.mark.parametrize("order", [1, -1])
def test_a_split_goes_on_in_bars_of_which_the_source_mends_the_unit(wrong: Desk, order: int) -> None:
    (missed,) = wrong.found("split_missed")
    wrong.made.accept(missed.id, reason="ours")
    wrong.market.wrong = (0, 0)
    done = wrong.ingest(290)
    assert (done.changed, len(done.proposals)) == (0, 1)
    wrong.check({EX: 2.0}, (800, 820))
    mended = wrong.made.discrepancy(done.proposals[0]).discrepancy
    assert (mended.kind, mended.evidence["decided"]) == ("correction", {missed.id: "20"})
    assert missed.id in mended.reason
    wrong.made.accept(mended.id, reason="theirs")
    wrong.check({EX: 2.0})
    assert (wrong.reconcile().discrepancies, wrong.ingest(290).changed) == ((), 0)
    for one in (mended, missed)[::order]:
        wrong.made.undo(one.id, reason="no")
        is_wrong = (800, 820) if one is mended or order == 1 else None
        wrong.check({} if one is missed or order == -1 else {EX: 2.0}, is_wrong)
    assert wrong.digest == wrong.first


@pytest.mark.parametrize(("until", "kind"), [(820, "restatement"), (880, "correction")])
def test_a_split_and_a_mended_unit_at_once_are_one_decision(
    bl: BarLedger, clock: SetClock, until: int, kind: str
) -> None:
    desk = Desk(bl, clock, {780: 2.0}, (800, until))
    bl.ingestion.set_policy("scripted", ChangePolicy(on_change="propose"))
    desk.market.wrong = (0, 0)
    desk.tell(780)
    (proposal,) = desk.ingest(290).proposals
    desk.check({}, (800, until))
    assert desk.made.discrepancy(proposal).discrepancy.kind == kind
    desk.made.accept(proposal, reason="theirs")
    desk.check({780: 2.0})
    desk.made.undo(proposal, reason="no")
    desk.check({}, (800, until))
    assert (desk.digest, bl.actions.list("A")) == (desk.first, [])


# --- what was undone by mistake --------------------------------------------------------------------


def test_what_was_undone_is_proposed_anew_when_somebody_asks(desk: Desk) -> None:
    (missed,) = desk.found("split_missed")
    desk.made.accept(missed.id, reason="ours")
    desk.made.undo(missed.id, reason="a slip")
    desk.ingest(290)
    assert desk.found("split_missed") == []
    desk.made.set_rule("splits", kind="*", confidence=0.5, reason="desk rule")
    (again,) = desk.made.inspect("A", "1d", keep=True).discrepancies
    assert (again.state, again.id != missed.id) == ("proposed", True)
    assert [one.id for one in desk.made.inspect("A", "1d", keep=True).discrepancies] == [again.id]
    desk.made.accept(again.id, reason="ours after all")
    desk.check({EX: 2.0})


def test_a_restatement_that_was_undone_is_proposed_anew_and_named_as_what_it_is(desk: Desk) -> None:
    desk.tell(EX)
    (late,) = desk.reconcile().discrepancies
    desk.made.accept(late.id, reason="theirs")
    desk.made.undo(late.id, reason="a slip")
    report = desk.reconcile()
    (again,) = report.discrepancies
    assert (again.state, again.id != late.id) == ("proposed", True)
    assert f"becomes known with {again.id}" in str(report)
    assert desk.reconcile().discrepancies == (desk.made.discrepancy(again.id).discrepancy,)
    desk.made.reject(again.id, reason="no, really")
    said = str(desk.reconcile())
    assert f"{again.id} was declined" in said
    desk.check({})


# --- whatever happens ------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_raw_splits_and_total_are_right_whatever_is_decided_and_told_in_whatever_order(data: st.DataObject) -> None:
    clock = SetClock(1_000 * DAY + NOON)
    bl = clocked(MemoryStore(), clock)
    try:
        desk = Desk(bl, clock, {820: 2.0, EX: 3.0}, (850, 870))
        policy: OnChange = data.draw(st.sampled_from(get_args(OnChange)))
        bl.ingestion.set_policy("scripted", ChangePolicy(on_change=policy))
        untold = [820, EX]
        for _ in range(data.draw(st.integers(3, 9))):
            _happen(desk, data, untold)
            _check(desk)
        for one in sorted(desk.made.discrepancies(state="applied"), key=lambda each: -each.result):
            with suppress(ChangedSince):
                desk.made.undo(one.id, reason="all of it")
            _check(desk)
        # What a source may change by itself is no decision that could be taken out.
        if policy == "propose":
            assert (desk.digest, bl.actions.list("A")) == (desk.first, [])
        assert bl.audit.verify().ok
    finally:
        bl.close()


def _happen(desk: Desk, data: st.DataObject, untold: list[int]) -> None:
    waiting = [("accept", one.id) for one in desk.made.discrepancies(state="proposed")]
    applied = [("undo", one.id) for one in desk.made.discrepancies(state="applied")]
    told = [("tell", str(day)) for day in untold]
    always = [(name, "") for name in ("reconcile", "inspect", "ingest", "accept each", "undo each", "mend")]
    step, what = data.draw(st.sampled_from([*sorted(waiting, key=lambda one: one[0]), *applied, *told, *always]))
    match step:
        case "accept":
            with suppress(ProposalStale):
                desk.made.accept(what, reason="yes")
        case "undo":
            with suppress(ChangedSince):
                desk.made.undo(what, reason="no")
        case "tell":
            untold.remove(int(what))
            desk.tell(int(what))
        case "reconcile":
            desk.reconcile()
        case "ingest":
            desk.ingest(290)
        case "accept each":
            desk.made.accept_each(Filter.of(state="proposed"), reason="the lot")
        case "undo each":
            desk.made.undo_each(Filter.of(state="applied"), reason="none of it")
        case "mend":
            desk.market.wrong = (0, 0)
        case _:
            desk.made.inspect("A", "1d", keep=True)


def _check(desk: Desk) -> None:
    """Bars are in the unit that was decided, and in the shares of what is known, each event once."""
    known = {one.day // DAY: one.value for one in desk.bl.actions.list("A")}
    at = int(np.searchsorted(desk.times, 860 * DAY))
    mended = desk.bl.bars("A", "1d", **OWN, adjust="raw").df["close"].iloc[at] / desk.traded.close[at] < 50
    desk.check(known, None if mended else (850, 870))
