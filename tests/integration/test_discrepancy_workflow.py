"""From a proposal to a revision and back: every step is kept, and nothing that was pinned moves."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barledger import connect
from barledger.barledger import BarLedger
from barledger.domain.change_policy import ChangePolicy
from barledger.domain.rows import VALUES
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import (
    ChangedSince,
    DiscrepancyNotFound,
    IllegalStep,
    InvalidSetting,
    ProposalStale,
    ReadOnly,
    RevisionExpired,
    RuleNotFound,
    SourceNotFound,
)
from barledger.services.discrepancies.filter import Filter
from barledger.services.integrity import DataIntegrityService
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from integrity import Rewritten, heard, integrity, multiplied
from libraries import killed_at
from places import EVERYWHERE, place_called
from scripted import NOON, Market, ScriptedSource, SetClock, clocked, service

MEMORY = pytest.param(None, id="memory")
SERIES = Series.of("A", "1d", "scripted")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_000 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def loaded(bl: BarLedger, clock: SetClock, market: Market | None = None) -> ScriptedSource:
    """Ingest a hundred days, as one revision."""
    source = ScriptedSource({"A": market or Rewritten(listed=900 * DAY)}, clock, page=200)
    service(bl, clock, source).ingest("A", "1d", source="scripted")
    return source


def corrected(bl: BarLedger, clock: SetClock) -> tuple[DataIntegrityService, ScriptedSource, str]:
    """Load bars of which the source corrects two, and return the proposal's id."""
    source = loaded(bl, clock)
    source.markets["A"].corrected = {950 * DAY: 50, 990 * DAY: 20}
    made = integrity(bl, clock, source)
    (one,) = made.reconcile("A", "1d").discrepancies
    return made, source, one.id


def close_of(bl: BarLedger, day: int, **where: Any) -> float:
    bars = bl.bars("A", "1d", source="scripted", start=day * DAY, end=(day + 1) * DAY, **where)
    return float(bars.rows.close[0])


# --- the story, everywhere -----------------------------------------------------------------------------


@pytest.mark.parametrize("param", [MEMORY, *EVERYWHERE])
def test_a_restatement_is_proposed_previewed_accepted_and_undone(
    param: tuple[str, str] | None, clock: SetClock, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if param is None:
        with closing(clocked(MemoryStore(), clock)) as bl:
            _tell_the_story(bl, clock)
        return
    with (
        place_called(param, request, tmp_path) as place,
        closing(clocked(place.open_store(), clock, place.ledger)) as bl,
    ):
        _tell_the_story(bl, clock)


def _tell_the_story(bl: BarLedger, clock: SetClock) -> None:
    told = heard(bl)
    source = loaded(bl, clock)
    live = bl.snapshot("A", "1d", start=900 * DAY, end=980 * DAY, source="scripted", strategy="momentum-7")
    bl.cache.approve(live.id, strategy="momentum-7")
    late = bl.snapshot("A", "1d", start=995 * DAY, end=1_000 * DAY, source="scripted", strategy="late")
    original = bl.bars("A", "1d", source="scripted")
    pinned = bl.bars("A", "1d", source="scripted", version=live.id).digest
    source.markets["A"].splits.append((950 * DAY, 2.0))
    made = integrity(bl, clock, source)

    (one,) = made.reconcile("A", "1d").discrepancies
    assert (one.kind, one.state, bl.bars("A", "1d", source="scripted").digest) == (
        "restatement", "proposed", original.digest
    )  # fmt: skip
    shown = made.discrepancy(one.id)
    assert shown.diff["change"].tolist() == ["changed"] * 50
    assert (shown.diff["close"] * 2 == shown.diff["old_close"]).all()
    assert (shown.snapshots, shown.strategies) == ((live.id,), ("momentum-7",))
    assert [(seen.approved, seen.bars) for seen in shown.touched] == [(True, 50)]
    assert "would make 50 changed" in str(shown)
    assert late.id not in shown.snapshots

    done = made.accept(one.id, reason="split confirmed")
    assert (done.changed, done.new) == (50, 0)
    latest = bl.bars("A", "1d", source="scripted")
    assert (latest.revision, latest.digest != original.digest) == (done.revision, True)
    assert np.allclose(latest.rows.close[:50] * 2, original.rows.close[:50])
    assert made.stale(original) == (SERIES,)
    assert made.stale(latest) == ()
    then = bl.bars("A", "1d", source="scripted", version=f"revision:{original.revision}")
    assert then.digest == original.digest
    record = _last(bl)
    assert (record.operation, record.trigger, record.reason) == ("correct", one.id, "split confirmed")
    assert [edition.revision for edition in bl.history("A", "1d", 900 * DAY, source="scripted")] == [
        original.revision, done.revision
    ]  # fmt: skip

    back = made.undo(one.id, reason="no split after all")
    assert (back.changed, back.left) == (50, 0)
    restored = bl.bars("A", "1d", source="scripted")
    assert (restored.digest, restored.revision) == (original.digest, back.revision)
    assert bl.bars("A", "1d", source="scripted", version=f"revision:{done.revision}").digest == latest.digest
    assert bl.bars("A", "1d", source="scripted", version=live.id).digest == pinned
    assert bl.verify(live.id).ok
    assert bl.cache.verify_series(SERIES).ok

    decided = made.discrepancy(one.id)
    assert [(step.state, step.reason) for step in decided.steps][1:] == [
        ("accepted", "split confirmed"), ("applied", "split confirmed"), ("undone", "no split after all")
    ]  # fmt: skip
    assert (decided.discrepancy.result, decided.discrepancy.undone_by) == (done.revision, back.revision)
    assert [notice.kind for notice in told] == [
        "discrepancy", "correction_applied", "approved_snapshot_touched", "correction_undone",
        "approved_snapshot_touched",
    ]  # fmt: skip
    assert "momentum-7" in told[2].subject
    assert (told[2].severity, told[2].details["snapshots"], told[2].details["bars"]) == ("critical", [live.id], 50)
    assert json.dumps([dict(notice.details) for notice in told])
    told_of = [entry.data for entry in bl.audit.entries() if one.id in entry.body]
    assert [each["operation"] for each in told_of] == [
        "reconcile", "reconcile", "accept", "correct", "apply", "undo", "undo"
    ]  # fmt: skip


def _last(bl: BarLedger) -> Any:
    return next(one for one in bl.cache.versions("A", "1d") if one.series == SERIES).revisions[-1]


# --- steps -----------------------------------------------------------------------------------------------


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
    again = made.reconcile("A", "1d")
    assert [(one.id, one.waits) for one in again.discrepancies] == [(proposal, False)]
    assert again.ok
    ingested = service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=60)
    assert (ingested.changed, ingested.declined, ingested.proposed) == (0, 2, 0)
    source.markets["A"].corrected[990 * DAY] = 21
    (fresh,) = (one for one in made.reconcile("A", "1d").discrepancies if one.waits)
    assert (fresh.bars, fresh.state) == (1, "proposed")


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
        assert [(one.id, one.waits) for one in again.discrepancies] == [(one.id, False) for one in found]
        assert again.ok
        start = found[0].interval.start
        part = bl.integrity.reconcile("AAPL", "1d", start=start, end=start + 60 * DAY, options=old).discrepancies
        assert {one.id for one in part} <= {one.id for one in found}
        assert len({one.id for one in part}) == len(part) > 0


@pytest.mark.parametrize("decide", ["reject", "undo"])
def test_a_restatement_that_was_declined_stays_so_when_bars_are_added(
    bl: BarLedger, clock: SetClock, decide: str
) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 2.0))
    made = integrity(bl, clock, source)
    (one,) = made.reconcile("A", "1d").discrepancies
    if decide == "undo":
        made.accept(one.id, reason="checked")
        made.undo(one.id, reason="no")
    else:
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


# --- undoing ---------------------------------------------------------------------------------------------


def test_undoing_stops_at_bars_that_were_written_since_unless_the_rest_is_wanted(
    bl: BarLedger, clock: SetClock
) -> None:
    made, _, proposal = corrected(bl, clock)
    before = close_of(bl, 950)
    made.accept(proposal, reason="checked")
    touched = bl.bars("A", "1d", source="scripted", start=990 * DAY, end=991 * DAY).df
    later = bl.write("A", "1d", touched * 1.5, source="scripted").revision
    with pytest.raises(ChangedSince) as caught:
        made.undo(proposal, reason="a mistake")
    assert (caught.value.changed, caught.value.bars, caught.value.found) == (1, 2, later)
    assert made.discrepancy(proposal).discrepancy.state == "applied"
    done = made.undo(proposal, reason="a mistake", partial=True)
    assert (done.changed, done.left) == (1, 1)
    assert close_of(bl, 950) == before
    assert close_of(bl, 990) == pytest.approx(float(touched["close"].iloc[0]) * 1.5)
    assert made.discrepancy(proposal).discrepancy.state == "undone"


def test_undoing_with_nothing_left_to_restore_is_refused(bl: BarLedger, clock: SetClock) -> None:
    made, _, proposal = corrected(bl, clock)
    made.accept(proposal, reason="checked")
    bl.write("A", "1d", bl.bars("A", "1d", source="scripted").df * 1.5, source="scripted")
    for partial in (False, True):
        with pytest.raises(ChangedSince):
            made.undo(proposal, reason="a mistake", partial=partial)


def test_undoing_withdraws_what_was_added_and_brings_back_what_was_withdrawn(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, Rewritten(listed=900 * DAY, gone={940 * DAY}))
    before = bl.bars("A", "1d", source="scripted").digest
    market = source.markets["A"]
    market.gone = {960 * DAY}
    made = integrity(bl, clock, source)
    made.reconcile("A", "1d")
    found = {one.kind: one.id for one in made.reconcile("A", "1d").discrepancies}
    assert set(found) == {"added", "withdrawn"}
    assert made.accept(found["added"], reason="checked").new == 1
    assert made.accept(found["withdrawn"], reason="checked").withdrawn == 1
    assert made.undo(found["added"], reason="no").withdrawn == 1
    back = made.undo(found["withdrawn"], reason="no")
    assert (back.changed, back.new) == (1, 0)
    assert bl.bars("A", "1d", source="scripted").digest == before
    assert bl.cache.verify_series(SERIES).ok


def test_a_shift_is_written_and_undone_as_one_revision(bl: BarLedger, clock: SetClock) -> None:
    import pandas as pd  # noqa: PLC0415 - only here

    days = pd.bdate_range("1972-01-03", "1972-06-30", tz="UTC")
    values = np.arange(len(days)) * 7919 % 200 + 100.0
    frame = pd.DataFrame({"open": values, "high": values + 2, "low": values - 2, "close": values}, days)
    frame["volume"] = 1.0

    class Weekdays(Market):
        def labels(self, start: int, end: int) -> Any:
            times = self.frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]
            return times[(times >= start) & (times < end)]

        def rows(self, labels: Any) -> Any:
            given = Market.rows(self, labels)
            mine = self.frame.reindex(pd.to_datetime(labels, utc=True))  # type: ignore[attr-defined]
            return replace(given, **{name: mine[name].to_numpy() for name in VALUES})

    market = Weekdays(listed=0)
    market.frame = frame  # type: ignore[attr-defined]
    source = loaded(bl, clock, market)
    before = bl.bars("A", "1d", source="scripted").digest
    market.frame = frame.set_axis(frame.index + pd.Timedelta(days=1))  # type: ignore[attr-defined]
    made = integrity(bl, clock, source)
    (one,) = (each for each in made.reconcile("A", "1d").discrepancies if each.kind == "relabelled")
    done = made.accept(one.id, reason="they label the close now")
    assert (done.new > 0, done.changed > 0, done.withdrawn > 0) == (True, True, True)
    held = bl.bars("A", "1d", source="scripted").df
    assert held.index[0].day_of_week == 1
    made.undo(one.id, reason="we want the open")
    assert bl.bars("A", "1d", source="scripted").digest == before
    assert bl.cache.verify_series(SERIES).ok


def test_what_retention_deleted_cannot_be_restored(bl: BarLedger, clock: SetClock) -> None:
    made, _, proposal = corrected(bl, clock)
    made.accept(proposal, reason="checked")
    clock.now += 400 * DAY
    bl.cache.retain([{"instrument": "*", "keep_editions": "30d"}])
    with pytest.raises(RevisionExpired):
        made.undo(proposal, reason="too late")
    assert made.discrepancy(proposal).discrepancy.state == "applied"


# --- dying in between --------------------------------------------------------------------------------------


def _opened(folder: Path) -> BarLedger:
    return clocked(EmbeddedStore(folder), SetClock(1_001 * DAY + NOON), f"sqlite:///{folder / 'ledger.sqlite'}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "state"),
    [
        ("discrepancy.accepted", "accepted"),
        ("commit.begun", "accepted"),
        ("commit.rows-written", "accepted"),
        ("commit.committed", "accepted"),
        ("discrepancy.written", "accepted"),
    ],
)
def test_what_died_while_it_was_accepted_is_finished_by_accepting_again(
    tmp_path: Path, clock: SetClock, point: str, state: str
) -> None:
    with closing(clocked(EmbeddedStore(tmp_path), clock, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        _, _, proposal = corrected(bl, clock)
        before = close_of(bl, 950)

    def accept() -> None:
        with closing(_opened(tmp_path)) as bl:
            integrity(bl, clock).accept(proposal, reason="the exchange said so")

    assert killed_at(point, accept)
    later = SetClock(1_002 * DAY + NOON)
    with closing(clocked(EmbeddedStore(tmp_path), later, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        made = integrity(bl, later)
        assert made.discrepancy(proposal).discrepancy.state == state
        with pytest.raises(IllegalStep):
            made.reject(proposal, reason="too late")
        done = made.accept(proposal, reason="checked")
        assert close_of(bl, 950) == before + 0.5
        decided = made.discrepancy(proposal)
        assert (decided.discrepancy.state, decided.discrepancy.result) == ("applied", done.revision)
        assert [step.reason for step in decided.steps[1:]] == ["the exchange said so"] * 2
        made_by = [one for one in _records(bl) if one.trigger == proposal]
        assert [(one.revision, one.changed) for one in made_by] == [(done.revision, 2)]
        made.undo(proposal, reason="a mistake")
        assert close_of(bl, 950) == before


@pytest.mark.slow
@pytest.mark.parametrize("point", ["commit.rows-written", "commit.committed", "discrepancy.restored"])
def test_what_died_while_it_was_undone_is_finished_by_undoing_again(
    tmp_path: Path, clock: SetClock, point: str
) -> None:
    with closing(clocked(EmbeddedStore(tmp_path), clock, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        before = None
        made, _, proposal = corrected(bl, clock)
        before = close_of(bl, 950)
        made.accept(proposal, reason="checked")

    def undo() -> None:
        with closing(_opened(tmp_path)) as bl:
            integrity(bl, clock).undo(proposal, reason="a mistake")

    assert killed_at(point, undo)
    later = SetClock(1_002 * DAY + NOON)
    with closing(clocked(EmbeddedStore(tmp_path), later, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        made = integrity(bl, later)
        done = made.undo(proposal, reason="a mistake")
        assert close_of(bl, 950) == before
        assert made.discrepancy(proposal).discrepancy.undone_by == done.revision
        assert len([one for one in _records(bl) if one.trigger == proposal]) == 2


def _records(bl: BarLedger) -> list[Any]:
    return bl.vault.ledger.revisions.records(SERIES)


# --- notices -----------------------------------------------------------------------------------------------


def test_notices_of_several_discrepancies_are_about_each_of_them(bl: BarLedger, clock: SetClock) -> None:
    told = heard(bl)
    source = loaded(bl, clock)
    source.markets["A"].corrected = {950 * DAY: 50}
    source.markets["A"].gone = {960 * DAY}
    made = integrity(bl, clock, source)
    found = made.reconcile("A", "1d").discrepancies
    made.reconcile("A", "1d")
    abouts = {notice.details["kind"]: notice.about for notice in told}
    assert len(told) == len(found) == len(set(abouts.values())) == 2
    for one in found:
        assert abouts[one.kind] == f"A 1d from scripted: {one.key}"
        assert one.key.startswith(f"{one.kind}:")


# --- rules -------------------------------------------------------------------------------------------------


def test_a_rule_accepts_by_itself_and_is_named_everywhere(bl: BarLedger, clock: SetClock) -> None:
    told = heard(bl)
    source = loaded(bl, clock)
    source.markets["A"].corrected = {950 * DAY: 50}
    made = integrity(bl, clock, source)
    made.set_rule("small", kind="correction", source="scripted", confidence=0.5, most_bars=3, reason="desk rule")
    report = made.reconcile("A", "1d")
    (one,) = report.discrepancies
    assert (one.state, report.comparisons[0].revisions) == ("applied", (one.result,))
    assert [step.trigger for step in made.discrepancy(one.id).steps[1:]] == ["rule:small"] * 2
    assert "rule small: accept correction from scripted" in _last(bl).reason
    assert [notice.kind for notice in told] == ["correction_applied"]
    assert bl.audit.entries(operation="set-rule")[0].data["reason"] == "desk rule"
    source.markets["A"].corrected = {day * DAY: 9 for day in range(910, 914)}
    (four,) = made.reconcile("A", "1d").discrepancies
    assert four.bars > 3
    assert four.state == "proposed"


def test_the_most_specific_rule_counts(bl: BarLedger, clock: SetClock) -> None:
    made, source, proposal = corrected(bl, clock)
    made.set_rule("all", confidence=0.0, reason="desk rule")
    made.set_rule("not these", action="wait", kind="correction", confidence=0.0, reason="desk rule")
    assert [rule.name for rule in made.rules()] == ["not these", "all"]
    assert made.reconcile("A", "1d").discrepancies[0].state == "proposed"
    source.markets["A"].corrected = {}
    source.markets["A"].rewrite = multiplied(0.5, 0, 995)  # type: ignore[attr-defined]
    assert made.reconcile("A", "1d").discrepancies[0].state == "applied"
    assert made.discrepancy(proposal).discrepancy.state == "superseded"
    made.remove_rule("not these", reason="not needed")
    with pytest.raises(RuleNotFound):
        made.remove_rule("not these")
    for wrong in (
        {"action": "guess"}, {"confidence": 1.5}, {"most_bars": -1}, {"kind": "restatment"}, {"kind": "x*"},
        {"source": "yaho*"}, {"reason": ""},
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            made.set_rule("wrong", **{"reason": "desk rule", **wrong})  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="did you mean restatement"):
        made.set_rule("wrong", kind="restatment", reason="desk rule")
    with pytest.raises(SourceNotFound, match="did you mean scripted"):
        made.set_rule("wrong", source="scriptd", reason="desk rule")
    assert [rule.name for rule in made.rules()] == ["all"]


def test_the_log_has_a_rule_as_it_was_and_as_it_became(bl: BarLedger, clock: SetClock) -> None:
    made = integrity(bl, clock, loaded(bl, clock))
    made.set_rule("small", kind="restatement", reason="desk rule")
    made.set_rule("small", kind="unit_*", source="script*", reason="only units")
    first, second = (one.data for one in bl.audit.entries(operation="set-rule"))
    assert "before" not in first
    assert (second["before"]["kind"], second["rule"]["kind"]) == ("restatement", "unit_*")


def test_a_rule_also_decides_about_what_ingestion_may_not_change(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    integrity(bl, clock, source).set_rule("trust", kind="*", confidence=0.0, reason="desk rule")
    source.markets["A"].corrected = {990 * DAY: 5}
    done = service(bl, clock, source).ingest(
        "A", "1d", source="scripted", refresh=20, on_change=ChangePolicy(on_change="propose")
    )
    assert (done.proposed, done.changed, done.ok) == (0, 1, True)
    source.markets["A"].splits.append((995 * DAY, 2.0))
    clock.now += DAY
    done = service(bl, clock, source).ingest(
        "A", "1d", source="scripted", refresh=20, on_change=ChangePolicy(on_change="propose")
    )
    assert (done.proposed, done.held, done.new, done.changed) == (0, 0, 1, 95)


# --- many at once ----------------------------------------------------------------------------------------


def test_many_are_decided_by_a_filter_and_one_that_fails_stops_no_other(bl: BarLedger, clock: SetClock) -> None:
    markets = {name: Rewritten(listed=900 * DAY) for name in ("A", "AB", "C")}
    source = ScriptedSource(markets, clock, page=200)
    service(bl, clock, source).ingest(list(markets), "1d", source="scripted")
    for market in markets.values():
        market.corrected = {950 * DAY: 50}
    made = integrity(bl, clock, source)
    found = {name: made.reconcile(name, "1d").discrepancies[0].id for name in markets}
    touched = bl.bars("AB", "1d", source="scripted", start=950 * DAY, end=951 * DAY).df
    bl.write("AB", "1d", touched * 1.5, source="scripted")
    decided = made.accept_each(Filter.of(instrument="A*", kind="correction"), reason="all of them")
    assert {one.discrepancy.id: (one.ok, one.discrepancy.state) for one in decided} == {
        found["A"]: (True, "applied"),
        found["AB"]: (False, "proposed"),
    }
    assert isinstance(decided[1].error, ProposalStale)
    assert [one.id for one in made.discrepancies(state="proposed", instrument="C")] == [found["C"]]
    assert made.discrepancies(confidence=0.99) == made.discrepancies(start=999 * DAY) == []
    rejected = made.reject_each(Filter.of(source="scripted"), reason="none of them")
    assert {one.discrepancy.id for one in rejected} == {found["AB"], found["C"]}
    (undone,) = made.undo_each(Filter.of(state="applied"), reason="nor that")
    assert (undone.discrepancy.state, undone.written is not None) == ("undone", True)
    assert made.discrepancies() == []
    assert len(made.discrepancies(state=["undone", "rejected"])) == 3
    with pytest.raises(InvalidSetting):
        made.discrepancies(state="lost")


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
