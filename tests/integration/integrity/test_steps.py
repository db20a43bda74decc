"""Steps of a discrepancy: which are allowed, and what is proposed again."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from barledger import connect
from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import DiscrepancyNotFound, IllegalStep, InvalidSetting, ProposalStale, ReadOnly
from barledger.services.discrepancies.filter import Filter
from discrepancies import corrected, loaded
from integrity import integrity
from scripted import SetClock, service


def test_a_step_that_the_state_does_not_allow_is_refused(bl: BarLedger, clock: SetClock) -> None:
    made, source, proposal = corrected(bl, clock)
    with pytest.raises(IllegalStep):
        made.undo(proposal, reason="too early")
    made.accept(proposal, reason="checked")
    for step in (lambda one: made.accept(one, reason="again"), lambda one: made.reject(one, reason="again")):
        with pytest.raises(IllegalStep):
            step(proposal)
    for reason in ("", " "):
        for decide in (made.accept, made.reject, made.undo):
            with pytest.raises(InvalidSetting, match="reason"):
                decide(proposal, reason=reason)
        for decide_each in (made.accept_each, made.reject_each, made.undo_each):
            with pytest.raises(InvalidSetting, match="reason"):
                decide_each(Filter.of(), reason=reason)
    made.undo(proposal, reason="a mistake")
    for decide in (made.accept, made.reject, made.undo):
        with pytest.raises(IllegalStep):
            decide(proposal, reason="again")
    source.markets["A"].gone = {960 * DAY}
    (waits,) = (one for one in made.reconcile("A", "1d").discrepancies if one.kind == "withdrawn")
    with pytest.raises(IllegalStep):
        made.accept(waits.id, reason="checked")
    assert made.reject(waits.id, reason="a gap at the source").state == "rejected"
    with pytest.raises(DiscrepancyNotFound):
        made.discrepancy("disc-nowhere")
    for decide in (made.accept, made.reject, made.undo):
        with pytest.raises(DiscrepancyNotFound):
            decide("disc-nowhere", reason="yes")


@pytest.mark.parametrize("decide", ["reject", "undo"])
def test_what_was_declined_is_neither_proposed_nor_written_again(bl: BarLedger, clock: SetClock, decide: str) -> None:
    made, source, proposal = corrected(bl, clock)
    if decide == "undo":
        made.accept(proposal, reason="checked")
        made.undo(proposal, reason="not ours")
    else:
        made.reject(proposal, reason="not ours")
    # Whoever asks finds what was undone anew (test_asked_again); a rejection is for good.
    again = made.reconcile("A", "1d") if decide == "reject" else made.reconcile_all("A")
    assert [(one.id, one.waits) for one in again.discrepancies] in ([(proposal, False)], [])
    assert again.ok
    ingested = service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=60)
    assert (ingested.changed, ingested.declined, ingested.proposed) == (0, 2, 0)
    source.markets["A"].corrected[990 * DAY] = 21
    (fresh,) = (one for one in made.reconcile("A", "1d").discrepancies if one.waits)
    assert (fresh.bars, fresh.state) == (1 if decide == "reject" else 2, "proposed")


@pytest.mark.parametrize("decide", ["reject", "undo"])
def test_of_two_declined_in_one_stretch_each_is_named(decide: str) -> None:
    old = {"vintage": "2025.0"}
    with connect("memory:") as bl:
        bl.ingest(["AAPL"], "1d", source="sample", start="2005-01-01", end="2007-01-01")
        found = bl.integrity.reconcile("AAPL", "1d", options=old).discrepancies
        assert [one.kind for one in found] == ["correction", "volume_only"]
        for one in found:
            if decide == "undo":
                bl.integrity.accept(one.id, reason="let us see")
                bl.integrity.undo(one.id, reason="not our vintage")
            else:
                bl.integrity.reject(one.id, reason="not our vintage")
        again = bl.integrity.reconcile("AAPL", "1d", options=old)
        if decide == "undo":
            assert [(one.kind, one.bars) for one in again.discrepancies] == [(one.kind, one.bars) for one in found]
            found = again.discrepancies
            for one in found:
                bl.integrity.reject(one.id, reason="not our vintage, really")
            again = bl.integrity.reconcile("AAPL", "1d", options=old)
        assert [(one.id, one.waits) for one in again.discrepancies] == [(one.id, False) for one in found]
        assert again.ok
        start = found[0].interval.start
        part = bl.integrity.reconcile("AAPL", "1d", start=start, end=start + 60 * DAY, options=old).discrepancies
        assert {one.id for one in part} <= {one.id for one in found}
        assert len({one.id for one in part}) == len(part) > 0


def test_a_restatement_that_was_rejected_stays_so_when_bars_are_added(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 2.0))
    made = integrity(bl, clock, source)
    (one,) = made.reconcile("A", "1d").discrepancies
    made.reject(one.id, reason="no")
    clock.now += 2 * DAY
    service(bl, clock, source).ingest("A", "1d", source="scripted")
    assert [each.id for each in made.reconcile("A", "1d").discrepancies] == [one.id]
    assert len(made.discrepancies(state="all")) == 1


def test_a_proposal_of_ingestion_is_one_of_the_register_too(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].corrected = {950 * DAY: 50}
    ingestion = service(bl, clock, source)
    (proposal,) = ingestion.ingest("A", "1d", source="scripted", refresh=60, on_change="propose").proposals
    made = integrity(bl, clock, source)
    (found,) = made.reconcile("A", "1d").discrepancies
    assert (found.id, found.kind, found.fields) == (proposal, "correction", ("close",))
    made.accept(proposal, reason="of course")
    decided = ingestion.proposal(proposal).proposal
    assert (decided.state, decided.decision) == ("accepted", "of course")
    assert ingestion.proposals(state="accepted") == [decided]


def test_what_the_source_does_not_say_any_more_is_superseded(bl: BarLedger, clock: SetClock) -> None:
    made, source, proposal = corrected(bl, clock)
    source.markets["A"].gone = {960 * DAY}
    made.reconcile("A", "1d", start=970 * DAY)
    assert made.discrepancy(proposal).discrepancy.state == "proposed"
    made.reconcile("A", "1d")
    assert {one.kind for one in made.discrepancies()} == {"correction", "withdrawn"}
    source.markets["A"].corrected.clear()
    source.markets["A"].gone.clear()
    assert made.reconcile("A", "1d").ok
    assert made.discrepancies() == []
    assert made.discrepancy(proposal).steps[-1].reason == "the source does not say so any more"


def test_a_restatement_that_ingestion_proposed_is_not_proposed_twice(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 2.0))
    clock.now += DAY
    ingestion = service(bl, clock, source)
    (proposal,) = ingestion.ingest("A", "1d", source="scripted", refresh=90, on_change="propose").proposals
    made = integrity(bl, clock, source)
    assert [one.id for one in made.reconcile("A", "1d").discrepancies] == [proposal]
    assert [one.id for one in made.discrepancies()] == [proposal]


def test_bars_that_were_written_since_make_a_proposal_stale(bl: BarLedger, clock: SetClock) -> None:
    made, _, proposal = corrected(bl, clock)
    touched = bl.bars("A", "1d", source="scripted", start=990 * DAY, end=991 * DAY).df
    bl.write("A", "1d", touched * 1.5, source="scripted")
    with pytest.raises(ProposalStale):
        made.accept(proposal, reason="checked")
    (fresh,) = made.reconcile("A", "1d").discrepancies
    assert (fresh.id != proposal, fresh.bars) == (True, 2)
    assert made.discrepancy(proposal).discrepancy.state == "superseded"
    assert made.accept(fresh.id, reason="checked").changed == 2


def test_a_session_that_cannot_write_decides_nothing(bl: BarLedger, clock: SetClock) -> None:
    made, source, proposal = corrected(bl, clock)
    bl.vault = replace(bl.vault, read_only=True)
    reader = integrity(bl, clock, source)
    refused: tuple[Callable[[], object], ...] = (
        lambda: reader.accept(proposal, reason="checked"),
        lambda: reader.reject(proposal, reason="checked"),
        lambda: reader.undo(proposal, reason="r"),
        lambda: reader.set_rule("r", reason="desk rule"),
        lambda: reader.remove_rule("r"),
        lambda: reader.set_tolerance("a", "b", price=0.1),
        reader.reconcile_all,
    )
    for ask in refused:
        with pytest.raises(ReadOnly):
            ask()
    assert len(reader.discrepancy(proposal).rows) == 2
    assert made.discrepancies() == reader.discrepancies()
