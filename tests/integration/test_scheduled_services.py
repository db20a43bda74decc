"""Scheduled jobs that run the services: reconciling, measuring, verifying, signing, adjusting, mirroring."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd
import pytest

from barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.interval import Interval, parse_time
from barledger.domain.timeframe import DAY, MINUTE, SECOND
from barledger.errors import BarledgerError, InvalidSetting
from barledger.services.schedule import JobKind
from barledger.services.schedule.runner import Runner
from barledger.services.schedule.views import RunView
from barledger.stores.memory import MemoryStore
from libraries import frame
from scripted import SetClock, clocked

NOW = parse_time("2024-03-04T12:00:30Z")
TODAY = NOW // DAY
PRICES = ["open", "high", "low", "close"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def bl(tmp_path: Path, clock: SetClock) -> Iterator[BarLedger]:
    with clocked(MemoryStore(), clock, f"sqlite:///{tmp_path / 'ledger.sqlite'}") as opened:
        yield opened


@pytest.fixture
def runner(bl: BarLedger) -> Runner:
    return bl.schedule.runner(spawn=lambda call, _: call())


def a_day_later(clock: SetClock, runner: Runner) -> None:
    """Turn the clock, so that the lease is lost, taken again, and what is due is run."""
    clock.now += DAY
    runner.step()
    runner.step()


class File:
    """A source that changes its mind: a file of daily bars."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "A.csv"
        self.options = {"path": str(self.path)}

    def write(self, bars: pd.DataFrame) -> None:
        bars.to_csv(self.path, index_label="time")

    def restated(self, days: range, *, split: int) -> None:
        """Write the bars of these days as after a split of 2:1 on one of them."""
        bars = frame(days)
        bars.loc[bars.index < pd.Timestamp(split * DAY, tz="UTC"), PRICES] /= 2
        self.write(bars)


@pytest.fixture
def file(tmp_path: Path) -> File:
    made = File(tmp_path)
    made.write(frame(range(TODAY - 60, TODAY)))
    return made


def loaded(bl: BarLedger, file: File, **more: Any) -> None:
    bl.ingest("A", "1d", source="files", options=file.options, **more)


def run(bl: BarLedger, kind: str, **options: Any) -> RunView:
    """Declare a job, run it by hand, and forget it."""
    bl.schedule.add("job", kind, when="0 3 * * *", options=options)
    try:
        return bl.schedule.run_now("job")
    finally:
        bl.schedule.remove("job")


def done(bl: BarLedger, kind: str, **options: Any) -> dict[str, Any]:
    """Return the result of a job that has to succeed."""
    view = run(bl, kind, **options)
    assert (view.state, view.error) == ("done", "")
    return dict(view.result)


def kinds_noticed(bl: BarLedger) -> list[str]:
    return [one.notice.kind for one in bl.notifications.notices()]


# --- reconciliation -------------------------------------------------------------------------------


def test_reconciling_by_schedule_proposes_what_the_source_says_now(
    bl: BarLedger, runner: Runner, clock: SetClock, file: File
) -> None:
    loaded(bl, file)
    options = {"source": "files", "source_options": file.options, "share": 0.001, "blocks": 2}
    bl.schedule.add("truth", "reconcile", when="every 1d", options=options)
    a_day_later(clock, runner)
    (first,) = bl.schedule.history("truth")
    assert first.error == ""
    assert (first.result["series"], first.result["identical"], first.result["blocks"]) == (1, 60, 1)
    file.restated(range(TODAY - 60, TODAY), split=TODAY - 10)
    a_day_later(clock, runner)
    second = bl.schedule.history("truth")[0]
    (found,) = bl.integrity.discrepancies(kind="restatement")
    assert second.result["discrepancies"] == [found.id]
    assert (found.state, found.factor) == ("proposed", pytest.approx(0.5))
    assert kinds_noticed(bl) == ["discrepancy"]
    assert bl.audit.entries(operation="reconcile")[-1].data["reason"] == "scheduled"


def test_a_source_that_cannot_be_compared_with_is_noticed(bl: BarLedger, clock: SetClock, file: File) -> None:
    loaded(bl, file)
    clock.now += 400 * DAY
    gone = {"path": str(file.path.parent / "gone.csv")}
    failed = run(bl, "reconcile", source="files", source_options=gone)
    assert failed.state == "failed"
    assert failed.error
    assert kinds_noticed(bl) == ["source_failing", "job_failed"]


def test_a_reconciliation_has_a_budget_and_stops_when_it_is_told(bl: BarLedger, clock: SetClock, file: File) -> None:
    loaded(bl, file)
    clock.now += 400 * DAY
    spent = done(bl, "reconcile", source="files", source_options=file.options, budget_calls=0)
    assert (spent["calls"], spent["compared"], spent["not_done"]) == (0, 0, 1)
    assert done(bl, "reconcile", pattern="NOTHING*")["series"] == 0
    assert _stopped(bl, "reconcile", source="files", source_options=file.options)["calls"] == 0


# --- metrics and verification -----------------------------------------------------------------------


def test_a_reconciliation_says_what_is_in_scope_and_when_it_is_due(bl: BarLedger, file: File, clock: SetClock) -> None:
    bl.ingest("A", "1d", source="files", options=file.options)
    found = done(bl, "reconcile", source="files", source_options=file.options)
    assert (found["series_in_scope"], found["series"], found["calls"]) == (1, 0, 0)
    assert found["next_due"].startswith("2024-03-05T08:0")
    clock.now += DAY
    found = done(bl, "reconcile", source="files", source_options=file.options)
    assert (found["series"], found["compared"] > 0, found["next_due"][:11]) == (1, True, "2024-03-06T")


def test_what_was_ingested_just_now_is_reconciled_at_once_if_asked(
    bl: BarLedger, file: File, clock: SetClock, runner: Runner
) -> None:
    bl.ingest("A", "1d", source="files", options=file.options)
    options = {"source": "files", "source_options": file.options, "latest": "0s", "blocks": 100}
    bl.schedule.add("truth", "reconcile", when="every 1m", options=options)
    file.restated(range(TODAY - 60, TODAY), split=TODAY - 30)
    runner.step()
    clock.now += 61 * SECOND
    runner.step()
    runner.step()
    (ran,) = bl.schedule.history("truth")
    assert (ran.state, ran.result["series"], ran.result["compared"]) == ("done", 1, 60)
    assert len(ran.result["discrepancies"]) == 1


@pytest.mark.parametrize("wrong", [{"soonest": "soon"}, {"latest": 5}, {"soonest": "2h", "latest": "1h"}])
def test_a_sampling_that_cannot_be_is_refused(bl: BarLedger, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        bl.schedule.add("truth", "reconcile", when="every 1d", options=wrong)


def test_metrics_by_schedule_have_a_history(bl: BarLedger, clock: SetClock) -> None:
    for name in ("A", "B"):
        bl.write(name, "1d", frame(range(TODAY - 60, TODAY)), source="desk")
    told = done(bl, "quality", pattern="A", metrics=["consistency", "integrity"], last="30d")
    assert told == {"series": 1, "consistency": 1.0, "integrity": 1.0}
    clock.now += DAY
    assert done(bl, "quality")["series"] == 2
    (first, second) = bl.integrity.quality_history("A", "1d")
    assert first.interval.end - first.interval.start == 30 * DAY
    assert second.measured_at > first.measured_at + DAY // 2
    assert len(bl.quality_metrics.history("B", "1d")) == 1
    assert bl.integrity.quality("A", "1d", metrics="integrity", record=False).scores == {"integrity": 1.0}


def test_the_tolerance_of_a_measurement_is_an_option(bl: BarLedger) -> None:
    bl.write("A", "1d", frame(range(TODAY - 60, TODAY)), source="desk")
    bl.write("A", "1d", frame(range(TODAY - 60, TODAY), 101.0), source="other")
    strict = done(bl, "quality", metrics="accuracy")
    assert strict["accuracy"] == 0
    assert done(bl, "quality", metrics="accuracy", tolerance={"price": 0.05})["accuracy"] == 1


def test_verification_by_schedule_goes_on_where_it_ended(bl: BarLedger, clock: SetClock) -> None:
    bl.write("A", "1d", frame(range(TODAY - 1200, TODAY)), source="desk")
    first = done(bl, "verify_library", budget="2 blocks")
    assert (first["blocks"], first["left"]) == (2, 3)
    clock.now += MINUTE
    assert done(bl, "verify_library", pattern="A", budget="3 blocks")["blocks"] == 3
    assert {check.ok for check in bl.quality_metrics.checks("A", "1d")} == {True}
    assert _stopped(bl, "verify_library")["blocks"] == 0


def test_damage_that_verification_finds_is_in_the_result_and_noticed(bl: BarLedger) -> None:
    bl.write("A", "1d", frame(range(TODAY - 60, TODAY)), source="desk")
    damage(bl)
    told = done(bl, "verify_library")
    assert len(told["damaged"]) == 1
    assert kinds_noticed(bl) == ["verification_failed"]


def damage(bl: BarLedger) -> None:
    """Lose a bar behind the ledger's back."""
    (state,) = bl.cache.series()
    store: Any = bl.vault.store
    lost = Interval((TODAY - 30) * DAY, (TODAY - 29) * DAY)
    store.delete(state.series, "latest", [lost], revision=state.revision, guard=lambda: 60.0)


def _stopped(bl: BarLedger, kind: str, **options: Any) -> dict[str, Any]:
    """Return what is told by a job that is told to stop before it begins its first step."""
    stop = Event()
    stop.set()
    made = next(one for one in bl.schedule.kinds.all() if one.name == kind)
    told = dict(made.run(bl, options, stop))
    assert told["unfinished"] is True
    return told


# --- the audit log ------------------------------------------------------------------------------------


def test_checkpoints_by_schedule_are_anchored(bl: BarLedger, tmp_path: Path) -> None:
    bl.write("A", "1d", frame(range(5)), source="desk")
    anchor = tmp_path / "elsewhere"
    told = done(bl, "checkpoint", anchor=str(anchor))
    (signed,) = bl.audit.checkpoints()
    assert told == {"entries": signed.size, "root": signed.root.hex()}
    assert signed.note in anchor.read_text()
    assert bl.audit.verify(anchor=anchor).ok
    assert kinds_noticed(bl) == ["checkpoint_anchored"]


# --- adjusted series, and what is mirrored --------------------------------------------------------------


def test_an_adjusted_series_is_brought_up_when_an_ex_date_is_reached(
    bl: BarLedger, runner: Runner, clock: SetClock
) -> None:
    bl.write("A", "1d", frame(range(TODAY - 20, TODAY)), source="desk")
    bl.actions.add("A", "split", (TODAY + 2) * DAY, value=2)
    bl.actions.materialise("A", "1d")
    before = bl.bars("A", "1d", is_adjusted=True)
    assert (before.rows.close == bl.bars("A", "1d").rows.close).all()
    bl.schedule.add("ex", "adjust", when="every 1d")
    for changed in (0, 20, 0):
        a_day_later(clock, runner)
        assert bl.schedule.history("ex")[0].result["changed"] == changed
    after = bl.bars("A", "1d", is_adjusted=True)
    assert (after.rows.close * 2 == before.rows.close).all()


def test_one_series_that_cannot_be_adjusted_keeps_no_other_from_it(bl: BarLedger, clock: SetClock) -> None:
    for name in ("A", "B"):
        bl.write(name, "1d", frame(range(TODAY - 20, TODAY)), source="desk")
        bl.actions.materialise(name, "1d")
    bl.instruments.declare("A", currency="USD")
    bl.actions.add("A", "cash_dividend", (TODAY + 1) * DAY, value=1.0, currency="EUR")
    bl.actions.add("B", "split", (TODAY + 1) * DAY, value=2)
    clock.now += 2 * DAY
    failed = run(bl, "adjust")
    assert failed.state == "failed"
    assert failed.error.startswith("[cannot-adjust]")
    assert bl.bars("B", "1d", is_adjusted=True).rows.close[-1] == bl.bars("B", "1d").rows.close[-1] / 2
    assert done(bl, "adjust", instruments="B") == {"series": 1, "new": 0, "changed": 0, "withdrawn": 0, "same": 20}
    assert _stopped(bl, "adjust")["series"] == 0


def test_corporate_actions_are_mirrored_by_schedule(bl: BarLedger) -> None:
    split = CorporateAction(instrument="A", ex_date=TODAY * DAY, kind="split", source="desk", value=4.0)
    bl.vault.ledger.actions.record([split], bl.vault.who("record"))
    assert done(bl, "mirror") == {"records": 1, "waiting": 0}
    assert done(bl, "mirror") == {"records": 0, "waiting": 0}


# --- events ---------------------------------------------------------------------------------------------


class Desk:
    """A job that notes the events that set it off."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def __call__(self, _bl: Any, options: Any, _stop: Event) -> dict[str, Any]:
        self.events += options.get("events", [])
        return {}


@pytest.fixture
def desk(bl: BarLedger) -> Desk:
    made = Desk()
    bl.schedule.kinds.register(JobKind(name="desk", about="a job of a test", run=made))
    return made


def test_a_restatement_that_is_accepted_sets_off_a_job_and_so_does_its_undoing(
    bl: BarLedger, runner: Runner, file: File, desk: Desk
) -> None:
    loaded(bl, file)
    bl.schedule.add("heed", "desk", when="on restatement")
    bl.schedule.add("pin", "snapshot", when="on restatement")
    file.restated(range(TODAY - 60, TODAY), split=TODAY - 10)
    (found,) = bl.integrity.reconcile("A", "1d", options=file.options).discrepancies
    runner.step()
    assert desk.events == []
    accepted = bl.integrity.accept(found.id, reason="checked")
    runner.step()
    runner.step()
    assert [(one["kind"], one["series"], one["revision"]) for one in desk.events] == [
        ("restatement", [["A", "1d", "files"]], str(accepted.revision))
    ]
    (taken,) = bl.cache.snapshots(purpose="event")
    assert [pin.revision for pin in taken.pins] == [accepted.revision]
    undone = bl.integrity.undo(found.id, reason="not so")
    runner.step()
    assert [one["revision"] for one in desk.events[1:]] == [str(undone.revision)]


def test_a_correction_is_no_restatement(bl: BarLedger, runner: Runner, file: File, desk: Desk) -> None:
    loaded(bl, file)
    bl.schedule.add("heed", "desk", when="on restatement")
    corrected = frame(range(TODAY - 60, TODAY))
    corrected.iloc[20, 3] += 0.5
    file.write(corrected)
    (found,) = bl.integrity.reconcile("A", "1d", options=file.options).discrepancies
    bl.integrity.accept(found.id, reason="checked")
    runner.step()
    assert desk.events == []


def test_a_restatement_that_an_ingestion_applies_sets_off_a_job(
    bl: BarLedger, runner: Runner, file: File, desk: Desk
) -> None:
    loaded(bl, file)
    bl.schedule.add("heed", "desk", when="on restatement")
    file.restated(range(TODAY - 60, TODAY), split=TODAY - 10)
    loaded(bl, file, refresh=30, on_change="apply")
    assert bl.bars("A", "1d").rows.close[0] == frame([TODAY - 60])["close"].iloc[0] / 2
    runner.step()
    assert [(one["kind"], one["series"]) for one in desk.events] == [("restatement", [["A", "1d", "files"]])]


def test_an_action_sets_off_a_job_whoever_tells_of_it(
    bl: BarLedger, runner: Runner, tmp_path: Path, desk: Desk
) -> None:
    bl.schedule.add("heed", "desk", when="on action")
    bl.actions.add("B", "split", TODAY * DAY, value=2)
    runner.step()
    assert [(one["instrument"], one["action"], one["source"]) for one in desk.events] == [("B", "split", "declared")]
    bars = frame(range(TODAY - 20, TODAY)).rename(columns=str.capitalize)
    bars["Adj Close"], bars["Dividends"], bars["Stock Splits"] = bars["Close"], 0.0, 0.0
    bars.iloc[10, bars.columns.get_loc("Dividends")] = 0.25
    path = tmp_path / "yfinance.csv"
    bars.to_csv(path, index_label="Date")
    bl.ingest("A", "1d", source="files", options={"path": str(path), "mapper": "yfinance"})
    runner.step()
    assert [(one["instrument"], one["action"]) for one in desk.events[1:]] == [("A", "cash_dividend")]


# --- every kind of notice, for real -----------------------------------------------------------------------


def test_every_kind_of_notice_arrives_in_the_outbox(bl: BarLedger, clock: SetClock, file: File, tmp_path: Path) -> None:
    bl.notifications.add_channel("file", f"file:{tmp_path / 'notices.jsonl'}")
    loaded(bl, file)
    bl.instruments.declare("A", calendar="24/7")
    snap = bl.snapshot("A", "1d", strategy="m-7", purpose="approval")
    bl.cache.approve(snap.id, strategy="m-7")
    file.restated(range(TODAY - 60, TODAY), split=TODAY - 10)
    (found,) = bl.integrity.reconcile("A", "1d", options=file.options).discrepancies
    bl.integrity.accept(found.id, reason="split confirmed")
    bl.integrity.undo(found.id, reason="no split after all")
    bl.withdraw("A", "1d", (TODAY - 20) * DAY, source="files", reason="a hole")
    bl.notifications.deliver()
    clock.now += 5 * DAY
    done(bl, "watch")
    done(bl, "checkpoint")
    damage(bl)
    done(bl, "verify_library")
    file.path.unlink()
    assert run(bl, "ingest", source="files", source_options=file.options).state == "failed"
    told = {(line.notice.kind, line.notice.severity) for line in bl.notifications.notices()}
    assert told == {
        ("discrepancy", "warning"),
        ("correction_applied", "info"),
        ("correction_undone", "warning"),
        ("approved_snapshot_touched", "critical"),
        ("verification_failed", "critical"),
        ("checkpoint_anchored", "info"),
        ("source_failing", "critical"),
        ("lag", "warning"),
        ("gap", "info"),
        ("job_failed", "warning"),
    }
    clock.now += DAY // 12
    bl.notifications.deliver()
    outbox = bl.notifications.outbox()
    assert {(line.kind, line.state) for line in outbox} == {(kind, "sent") for kind, _ in told}


def test_an_approved_snapshot_is_told_of_whoever_rewrites_its_bars(bl: BarLedger, clock: SetClock, file: File) -> None:
    loaded(bl, file)
    snap = bl.snapshot("A", "1d", start=(TODAY - 60) * DAY, end=(TODAY - 30) * DAY, strategy="m-7", purpose="approval")
    bl.cache.approve(snap.id, strategy="m-7")
    bl.withdraw("A", "1d", (TODAY - 5) * DAY, source="files", reason="behind what is pinned")
    bl.write("A", "1d", frame([TODAY]), source="files")
    assert kinds_noticed(bl) == []
    file.restated(range(TODAY - 60, TODAY), split=TODAY - 10)
    loaded(bl, file, refresh=30, on_change="apply")
    (noticed,) = [one for one in bl.notifications.notices() if one.notice.kind == "approved_snapshot_touched"]
    assert noticed.notice.severity == "critical"
    told = noticed.notice.details
    assert (told["strategy"], told["snapshots"], told["bars"]) == ("m-7", [snap.id], 30)
    assert (told["trigger"], told["revision"]) == ("restatement", str(bl.bars("A", "1d").revision))
    clock.now += DAY
    bl.write("A", "1d", frame([TODAY - 40], 7.0), source="files", reason="by hand")
    listed = [one.notice for one in bl.notifications.notices() if one.notice.kind == "approved_snapshot_touched"]
    assert [one.details["bars"] for one in listed] == [30, 1]


# --- who has nobody to ask --------------------------------------------------------------------------


def test_bars_that_somebody_wrote_have_nobody_to_ask_and_are_left_out(bl: BarLedger, clock: SetClock) -> None:
    bl.write("A", "1d", frame(range(TODAY - 30, TODAY)), source="desk")
    clock.now += 400 * DAY
    found = done(bl, "reconcile")
    assert (found["series_in_scope"], found["series"]) == (1, 0)
    assert found["left_out"] == ["A 1d from desk: no source is called desk"]
    assert kinds_noticed(bl) == []
    named = run(bl, "reconcile", source="desk")
    assert named.state == "failed"
    assert "desk" in named.error


def test_of_many_that_nobody_can_be_asked_about_the_number_is_told(bl: BarLedger, clock: SetClock) -> None:
    for number in range(10, 40):
        bl.write(f"A{number}", "1d", frame(range(TODAY - 5, TODAY)), source="desk")
    clock.now += 400 * DAY
    left = done(bl, "reconcile")["left_out"]
    assert left[0] == "A10 1d from desk: no source is called desk"
    assert left[-1] == f"and {30 - len(left) + 1} more"


# --- ingesting up to a time ---------------------------------------------------------------------------


def test_an_ingestion_ends_where_it_is_told_to(bl: BarLedger, file: File) -> None:
    asked = {"instruments": "A", "timeframe": "1d", "source": "files", "source_options": file.options}
    done(bl, "ingest", **asked, end="2024-02-01")
    assert bl.bars("A", "1d").df.index[-1] == pd.Timestamp("2024-01-31", tz="UTC")
    done(bl, "ingest", **asked)
    assert bl.bars("A", "1d").df.index[-1] > pd.Timestamp("2024-01-31", tz="UTC")


def test_bars_that_break_a_rule_are_put_aside_or_refused_as_is_asked(bl: BarLedger, file: File) -> None:
    bars = frame(range(TODAY - 20, TODAY))
    bars.iloc[5, bars.columns.get_loc("high")] = 0.001
    file.write(bars)
    asked = {"instruments": "A", "timeframe": "1d", "source": "files", "source_options": file.options}
    refused = run(bl, "ingest", **asked, on_invalid="raise")
    assert (refused.state == "failed" or refused.result.get("failed", 0), bl.cache.series()) != (0, [])
    assert done(bl, "ingest", **asked)["quarantined"] == 1


@pytest.mark.parametrize(
    "wrong", [{"end": "soon"}, {"start": "2024-02-01", "end": "2024-01-01"}, {"on_invalid": "ignore"}]
)
def test_an_ingestion_that_could_never_run_is_refused(bl: BarLedger, wrong: dict[str, Any]) -> None:
    with pytest.raises(BarledgerError):
        bl.schedule.add("load", "ingest", when="every 1d", options=wrong)
