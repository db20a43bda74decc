"""How far a source may change the past by itself, and what becomes of the rest."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.change_policy import ChangePolicy
from barledger.domain.timeframe import DAY
from barledger.errors import (
    DiscrepancyNotFound,
    IllegalStep,
    InvalidSetting,
    ProposalStale,
    ReadOnly,
    RevisionConflict,
    SoAlready,
)
from barledger.ledger.contract import Intent
from barledger.services.discrepancies.payload import decode, encode
from barledger.stores.memory import MemoryStore
from barledger.testing.bars import assert_same, days, rows
from places import ON_SQLITE, place_called
from scripted import NOON, SPLITS, Market, ScriptedSource, SetClock, clocked, service

MEMORY = pytest.param(None, id="memory")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_000 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def close_of(bl: BarLedger, day: int) -> float:
    bars = bl.bars("A", "1d", source="scripted", start=day * DAY, end=(day + 1) * DAY)
    return float(bars.rows.close[0])


def loaded(bl: BarLedger, clock: SetClock, **policy: object) -> tuple[Market, ScriptedSource]:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=30)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    if policy:
        ingestion.set_policy("scripted", **policy)  # type: ignore[arg-type]
    return market, source


# --- policies ------------------------------------------------------------------------------------


def test_a_policy_is_what_was_set_else_what_the_source_declares(bl: BarLedger, clock: SetClock) -> None:
    declared = ChangePolicy(on_change="propose", most_bars=7)
    source = ScriptedSource({}, clock, on_change=declared)
    ingestion = service(bl, clock, source)
    assert ingestion.policy("scripted") == declared
    assert ingestion.policy("somebody else") == ChangePolicy()
    made = ingestion.set_policy("scripted", most_change=0.1, most_age="90d", reason="a desk's rule")
    assert made == ingestion.policy("scripted") == ChangePolicy(most_change=0.1, most_age=90 * DAY)
    assert ingestion.policies() == {"scripted": made}
    assert bl.audit.entries(operation="set-policy")[0].data["reason"] == "a desk's rule"
    assert ingestion.set_policy("scripted") == declared
    assert ingestion.set_policy("scripted", ChangePolicy(most_bars=1)).most_bars == 1


@pytest.mark.parametrize(
    "given",
    [{"on_change": "ask"}, {"most_bars": -1}, {"most_change": -0.1}, {"most_age": "soon"}, {"most_age": -1}],
)
def test_a_policy_that_cannot_be_is_refused(bl: BarLedger, clock: SetClock, given: dict[str, object]) -> None:
    ingestion = service(bl, clock, ScriptedSource({}, clock))
    with pytest.raises(InvalidSetting):
        ingestion.set_policy("scripted", **given)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting):
        ingestion.set_policy("scripted", ChangePolicy(), most_bars=1)
    assert ingestion.policies() == {}


# --- corrections -----------------------------------------------------------------------------------


@pytest.mark.parametrize("param", [MEMORY, *ON_SQLITE])
def test_what_may_not_be_changed_waits_while_new_bars_are_written(
    param: tuple[str, str] | None, clock: SetClock, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if param is None:
        _tell_the_story(clocked(MemoryStore(), clock), clock)
        return
    with place_called(param, request, tmp_path) as place:
        _tell_the_story(clocked(place.open_store(), clock, place.ledger), clock)


def _tell_the_story(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    before = close_of(bl, 950)
    market.corrected = {950 * DAY: 50, 995 * DAY: 20}
    clock.now += 2 * DAY
    done = ingestion.ingest("A", "1d", source="scripted", refresh=60)
    assert (done.new, done.changed, done.proposed, done.held) == (2, 0, 2, 0)
    assert (done.ok, done.instruments[0].state) == (False, "proposed")
    assert close_of(bl, 950) == before
    (proposal,) = ingestion.proposals(instrument="A", timeframe="1d", source="scripted")
    assert (proposal.kind, proposal.bars, proposal.id) == ("correction", 2, done.proposals[0])
    shown = ingestion.proposal(proposal.id)
    assert shown.bars["close"].tolist() == pytest.approx([before + 0.5, close_of(bl, 995) + 0.2])
    assert shown.diff["change"].tolist() == ["changed", "changed"]
    assert shown.diff["old_close"].tolist() == [before, close_of(bl, 995)]
    assert ingestion.ingest("A", "1d", source="scripted", refresh=60).proposals == done.proposals
    accepted = ingestion.accept(proposal.id, reason="the exchange said so")
    assert (accepted.changed, accepted.new) == (2, 0)
    assert close_of(bl, 950) == before + 0.5
    decided = ingestion.proposal(proposal.id).proposal
    assert (decided.state, decided.result, decided.decision) == ("accepted", accepted.revision, "the exchange said so")
    assert ingestion.ingest("A", "1d", source="scripted", refresh=60).ok
    with pytest.raises(IllegalStep):
        ingestion.accept(proposal.id, reason="checked")
    with pytest.raises(IllegalStep):
        ingestion.reject(proposal.id, reason="checked")
    bl.close()


@pytest.mark.parametrize(
    ("policy", "applied"),
    [
        ({}, True),
        ({"most_bars": 2}, True),
        ({"most_bars": 1}, False),
        ({"most_change": 0.01}, True),
        ({"most_change": 0.001}, False),
        ({"most_age": "60d"}, True),
        ({"most_age": "30d"}, False),
        ({"on_change": "propose"}, False),
        ({"on_change": "propose", "most_bars": 100}, False),
    ],
)
def test_limits_are_on_bars_on_size_and_on_age(
    bl: BarLedger, clock: SetClock, policy: dict[str, object], *, applied: bool
) -> None:
    market, source = loaded(bl, clock, **policy)
    market.corrected = {950 * DAY: 50, 995 * DAY: 20}
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=60)
    assert (done.changed, done.proposed) == ((2, 0) if applied else (0, 2))


def test_changes_of_all_chunks_are_judged_together(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock, most_bars=3)
    market.corrected = {day * DAY: 5 for day in range(900, 1_000, 25)}
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=100)
    assert (done.changed, done.proposed, len(done.proposals)) == (0, 4, 1)


def test_a_policy_given_with_the_call_counts_for_it_alone(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock)
    ingestion = service(bl, clock, source)
    market.corrected = {990 * DAY: 5}
    assert ingestion.ingest("A", "1d", source="scripted", refresh=20, on_change="propose").proposed == 1
    limit = ChangePolicy(most_change=1e-9)
    assert ingestion.ingest("A", "1d", source="scripted", refresh=20, on_change=limit).proposed == 1
    assert ingestion.ingest("A", "1d", source="scripted", refresh=20).changed == 1
    assert ingestion.policies() == {}


def test_what_a_caller_writes_is_never_judged(bl: BarLedger, clock: SetClock) -> None:
    _, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    bars = bl.bars("A", "1d", source="scripted").df.iloc[-3:] * 2
    assert ingestion.write("A", "1d", bars, source="scripted").changed == 3
    assert ingestion.proposals() == []


def test_a_rejected_change_is_not_proposed_again_and_another_one_is(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    market.corrected = {990 * DAY: 5}
    (proposal,) = ingestion.ingest("A", "1d", source="scripted", refresh=20).proposals
    decided = ingestion.reject(proposal, reason="a typing error")
    assert (decided.state, decided.decision, decided.decided_by) == ("rejected", "a typing error", "tester")
    again = ingestion.ingest("A", "1d", source="scripted", refresh=20)
    assert (again.ok, again.proposed, again.declined) == (True, 0, 1)
    market.corrected |= {990 * DAY: 6, 991 * DAY: 1}
    assert ingestion.ingest("A", "1d", source="scripted", refresh=20).proposed == 2


def test_a_bar_that_changed_since_is_not_overwritten(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    market.corrected = {950 * DAY: 5, 990 * DAY: 5}
    (proposal,) = ingestion.ingest("A", "1d", source="scripted", refresh=60).proposals
    between = bl.bars("A", "1d", source="scripted", start=970 * DAY, end=971 * DAY).df
    bl.write("A", "1d", between * 1.5, source="scripted", reason="not one of the proposal's")
    touched = bl.bars("A", "1d", source="scripted", start=990 * DAY, end=991 * DAY).df
    assert ingestion.proposal(proposal).diff["change"].tolist() == ["changed"] * 2
    bl.write("A", "1d", touched * 1.5, source="scripted")
    with pytest.raises(RevisionConflict):
        ingestion.accept(proposal, reason="checked")
    assert ingestion.proposal(proposal).proposal.state == "open"
    bl.write("A", "1d", ingestion.proposal(proposal).bars, source="scripted", reason="by hand")
    with pytest.raises(SoAlready):
        ingestion.accept(proposal, reason="checked")
    assert ingestion.proposal(proposal).proposal.state == "rejected"


def test_a_proposal_that_was_overtaken_is_made_anew_and_can_be_accepted(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    market.corrected = {950 * DAY: 5, 990 * DAY: 5}
    (stale,) = ingestion.ingest("A", "1d", source="scripted", refresh=60).proposals
    touched = bl.bars("A", "1d", source="scripted", start=990 * DAY, end=991 * DAY).df
    bl.write("A", "1d", touched * 1.5, source="scripted")
    with pytest.raises(ProposalStale) as caught:
        ingestion.accept(stale, reason="checked")
    assert "then decide on the new proposal" in caught.value.advice
    again = ingestion.ingest("A", "1d", source="scripted", refresh=60)
    assert again.proposed == 2
    (fresh,) = again.proposals
    assert fresh != stale
    assert [one.id for one in ingestion.proposals()] == [fresh]
    clock.now += 2 * DAY
    assert ingestion.ingest("A", "1d", source="scripted", refresh=60).new == 2
    assert ingestion.ingest("A", "1d", source="scripted", refresh=60).proposals == (fresh,)
    assert ingestion.accept(fresh, reason="checked").changed == 2


def test_bars_beside_those_of_a_proposal_may_change(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    market.corrected = {950 * DAY: 5, 990 * DAY: 5}
    (proposal,) = ingestion.ingest("A", "1d", source="scripted", refresh=60).proposals
    between = bl.bars("A", "1d", source="scripted", start=970 * DAY, end=971 * DAY).df
    bl.write("A", "1d", between * 1.5, source="scripted")
    assert ingestion.accept(proposal, reason="checked").changed == 2


def test_new_bars_in_the_middle_are_no_conflict(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY, gone={970 * DAY})
    source = ScriptedSource({"A": market}, clock, page=30)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    ingestion.set_policy("scripted", on_change="propose")
    market.corrected = {950 * DAY: 5, 990 * DAY: 5}
    market.gone.clear()
    done = ingestion.ingest("A", "1d", source="scripted", refresh=60)
    assert (done.new, done.proposed) == (1, 2)
    assert ingestion.accept(done.proposals[0], reason="checked").changed == 2


def test_a_withdrawn_bar_that_comes_back_is_a_change(bl: BarLedger, clock: SetClock) -> None:
    _, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    bl.withdraw("A", "1d", 980 * DAY, source="scripted", reason="a holiday")
    done = ingestion.ingest("A", "1d", source="scripted", refresh=50)
    assert (done.new, done.changed, done.proposed) == (0, 0, 1)


def test_ids_and_states_that_are_not_there_are_said(bl: BarLedger, clock: SetClock) -> None:
    ingestion = service(bl, clock, ScriptedSource({}, clock))
    with pytest.raises(DiscrepancyNotFound):
        ingestion.proposal("prop-nowhere")
    for ask in (ingestion.accept, ingestion.reject):
        with pytest.raises(DiscrepancyNotFound):
            ask("prop-nowhere", reason="checked")
    with pytest.raises(InvalidSetting):
        ingestion.proposals(state="forgotten")


def test_another_writer_in_between_is_seen(bl: BarLedger, clock: SetClock) -> None:
    """New bars that somebody else wrote first are changes, which the policy does not let through."""
    market, source = loaded(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    clock.now += 2 * DAY
    theirs = bl.bars("A", "1d", source="scripted").df.iloc[-1:] * 2
    theirs.index = theirs.index + np.timedelta64(1, "D")
    begin = bl.vault.ledger.revisions.begin
    raced: list[int] = []

    def race(intents: list[Intent], *args: object, **more: object) -> object:
        if not raced:
            raced.append(1)
            bl.write("A", "1d", theirs, source="scripted", reason="first")
        return begin(intents, *args, **more)  # type: ignore[arg-type]

    bl.vault.ledger.revisions.begin = race  # type: ignore[method-assign, assignment]
    done = ingestion.ingest("A", "1d", source="scripted")
    assert raced
    assert (done.new, done.changed, done.proposed) == (1, 0, 1)
    assert market.listed == 900 * DAY


def test_a_session_that_cannot_write_decides_nothing(bl: BarLedger, clock: SetClock) -> None:
    from dataclasses import replace  # noqa: PLC0415 - only here

    market, source = loaded(bl, clock, on_change="propose")
    market.corrected = {990 * DAY: 5}
    (proposal,) = service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=20).proposals
    bl.vault = replace(bl.vault, read_only=True)
    reader = service(bl, clock, source)
    for ask in (reader.accept, reader.reject):
        with pytest.raises(ReadOnly):
            ask(proposal, reason="checked")
    with pytest.raises(ReadOnly):
        reader.set_policy("scripted", on_change="apply")
    assert len(reader.proposal(proposal).bars) == 1


# --- absences ----------------------------------------------------------------------------------------


def test_a_bar_is_withdrawn_when_two_complete_answers_lack_it(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock)
    ingestion = service(bl, clock, source)
    market.gone = {980 * DAY, 981 * DAY}
    first = ingestion.ingest("A", "1d", source="scripted", refresh=50)
    assert (first.withdrawn, len(bl.bars("A", "1d", source="scripted"))) == (0, 100)
    second = ingestion.ingest("A", "1d", source="scripted", refresh=50)
    assert (second.withdrawn, len(bl.bars("A", "1d", source="scripted"))) == (2, 98)
    (versions,) = bl.cache.versions("A", "1d")
    last = versions.revisions[-1]
    assert (last.operation, last.trigger) == ("withdraw", "absence")
    assert "two complete answers in a row" in last.reason


def test_a_bar_that_is_back_in_between_is_not_withdrawn(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock)
    ingestion = service(bl, clock, source)
    for gone in ({980 * DAY}, set(), {980 * DAY}):
        market.gone = gone
        assert ingestion.ingest("A", "1d", source="scripted", refresh=50).withdrawn == 0
    assert ingestion.ingest("A", "1d", source="scripted", refresh=50).withdrawn == 1


def test_an_answer_that_may_lack_bars_withdraws_none(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock)
    source.complete = False
    market.gone = {980 * DAY}
    for _ in range(3):
        assert service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=50).withdrawn == 0


def test_a_bar_without_a_neighbour_in_the_answer_is_not_withdrawn(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock)
    market.gone = {day * DAY for day in [*range(950, 955), 998, 999]}
    for _ in range(3):
        done = service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=(950 * DAY, 1_000 * DAY))
        assert done.withdrawn == 0
    assert service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=60).withdrawn == 0
    assert service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=60).withdrawn == 5


@pytest.mark.parametrize("page", [5, 7, 10])
def test_a_bar_at_the_border_of_two_chunks_has_a_neighbour_in_each(bl: BarLedger, clock: SetClock, page: int) -> None:
    market, source = loaded(bl, clock)
    source.page = page
    market.gone = {day * DAY for day in range(905, 1_000, 5)} - {995 * DAY}
    ingestion = service(bl, clock, source)
    assert ingestion.ingest("A", "1d", source="scripted", refresh=100).withdrawn == 0
    assert ingestion.ingest("A", "1d", source="scripted", refresh=100).withdrawn == 18


def test_what_one_task_asks_for_twice_is_one_answer(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=30, adjustment=SPLITS, gives_events=True)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.gone = {910 * DAY}
    split = CorporateAction(instrument="A", ex_date=990 * DAY, kind="split", source="scripted", value=2.0)
    market.actions = [split]
    source.requests.clear()
    done = ingestion.ingest("A", "1d", source="scripted", refresh=100)
    assert [start for _, start, _ in source.requests].count(900 * DAY) == 2
    assert done.withdrawn == 0
    assert ingestion.ingest("A", "1d", source="scripted", refresh=100).withdrawn == 1


def test_a_broken_bar_is_not_absent(bl: BarLedger, clock: SetClock) -> None:
    market, source = loaded(bl, clock)
    market.corrected = {980 * DAY: 1_000_000.0}
    for _ in range(3):
        done = service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=50, on_invalid="quarantine")
        assert done.withdrawn == 0
    market.listed = 900 * DAY


@pytest.mark.parametrize("policy", [{"on_change": "propose"}, {"most_bars": 1}, {"most_change": 0.5}])
def test_a_withdrawal_is_judged_too(bl: BarLedger, clock: SetClock, policy: dict[str, object]) -> None:
    market, source = loaded(bl, clock, **policy)
    ingestion = service(bl, clock, source)
    market.gone = {980 * DAY, 990 * DAY}
    ingestion.ingest("A", "1d", source="scripted", refresh=50)
    done = ingestion.ingest("A", "1d", source="scripted", refresh=50)
    assert (done.withdrawn, done.proposed) == (0, 2)
    (proposal,) = ingestion.proposals()
    assert proposal.kind == "withdrawn"
    shown = ingestion.proposal(proposal.id)
    assert shown.diff["change"].tolist() == ["withdrawn"] * 2
    assert shown.bars["close"].isna().all()
    accepted = ingestion.accept(proposal.id, reason="checked")
    assert (accepted.withdrawn, len(bl.bars("A", "1d", source="scripted"))) == (2, 98)


# --- payloads ----------------------------------------------------------------------------------------


def test_payloads_keep_bars_bit_for_bit() -> None:
    plain = rows(days(0, 20))
    open_ = np.where(np.arange(20) % 3 == 0, np.nan, plain.open)
    factor = np.where(np.arange(20) < 5, np.nan, 0.5)
    texts = np.array([None, "a"] * 10, np.object_)
    bars = rows(days(0, 20), revision=0, edition=0, open=open_, adjustment_factor=factor, source_id=texts)
    assert_same(decode(encode(bars)), bars)
    assert encode(bars) == encode(rows(days(0, 20), open=open_, adjustment_factor=factor, source_id=texts))
    assert_same(decode(encode(rows(days(0, 3), revision=0, edition=0))), rows(days(0, 3), revision=0, edition=0))
