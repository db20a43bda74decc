"""The schedule, driven by hand: time is turned, nothing sleeps, and every run is in the ledger."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.interval import parse_time
from barledger.domain.notice import Notice
from barledger.domain.timeframe import DAY, MINUTE
from barledger.errors import (
    CalendarNotFound,
    InvalidInterval,
    InvalidPolicy,
    InvalidSetting,
    InvalidTimeframe,
    JobKindMissing,
    JobNotFound,
    JobRunning,
    JobTaken,
    SourceNotFound,
)
from barledger.services.schedule import JobKind, ScheduleService
from barledger.services.schedule.runner import Runner
from barledger.stores.memory import MemoryStore
from barledger.timers.contract import Timers
from libraries import frame, library

START = parse_time("2024-03-04T12:00:30Z")


class HandClock:
    """A clock that only moves when it is turned."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> int:
        return self.time

    def turn(self, minutes: float) -> None:
        self.time += int(minutes * MINUTE)


class Desk:
    """A job that notes what it was called with, and does what a test wants of it."""

    def __init__(self) -> None:
        self.calls: list[Mapping[str, Any]] = []
        self.act: Callable[[Event], Mapping[str, Any]] = lambda _: {"new": 1}

    def __call__(self, _: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
        self.calls.append(options)
        return self.act(stop)


def _no_timers() -> Timers:
    raise AssertionError("tests drive the runner themselves")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def bl(tmp_path: Path, clock: HandClock) -> Iterator[BarLedger]:
    with library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=clock) as opened:
        opened.schedule = ScheduleService(opened.vault, opened, make_timers=_no_timers, steady=lambda: clock() / 1e9)
        yield opened


@pytest.fixture
def desk(bl: BarLedger) -> Desk:
    made = Desk()
    bl.schedule.kinds.register(JobKind(name="desk", about="a job of a test", run=made, options={"pattern": "any"}))
    return made


@pytest.fixture
def runner(bl: BarLedger) -> Runner:
    return bl.schedule.runner(spawn=lambda call, _: call())


def states(bl: BarLedger) -> list[str]:
    return [run.state for run in bl.schedule.history()]


# --- by the clock -----------------------------------------------------------------------------------


def test_a_job_runs_when_it_is_due_and_not_before(bl: BarLedger, desk: Desk, runner: Runner, clock: HandClock) -> None:
    job = bl.schedule.add("often", "desk", when="every 15m", options={"pattern": "A*"})
    assert job.due == "2024-03-04T12:15:00Z"
    runner.step()
    assert desk.calls == []
    clock.turn(15)
    runner.step()
    runner.step()
    assert [call["pattern"] for call in desk.calls] == ["A*"]
    (run,) = bl.schedule.history("often")
    assert (run.state, run.trigger, run.scheduled_for) == ("done", "schedule", "2024-03-04T12:15:00Z")
    assert run.result == {"new": 1}
    assert run.seconds is not None
    assert bl.schedule.get("often").due == "2024-03-04T12:30:00Z"


def test_missed_runs_are_caught_up_once(bl: BarLedger, desk: Desk, runner: Runner, clock: HandClock) -> None:
    bl.schedule.add("often", "desk", when="*/5 * * * *")
    clock.turn(24 * 60)
    runner.step()
    clock.turn(1)
    runner.step()
    (run,) = bl.schedule.history()
    assert (run.trigger, run.missed) == ("catch-up", 287)
    assert run.scheduled_for == "2024-03-05T12:00:00Z"
    assert len(desk.calls) == 1
    assert bl.schedule.get("often").due == "2024-03-05T12:05:00Z"


def test_after_a_close_follows_the_half_days_of_a_calendar(
    bl: BarLedger, desk: Desk, runner: Runner, clock: HandClock
) -> None:
    clock.time = parse_time("2024-11-28T00:00:00Z")
    assert bl.schedule.add("eod", "desk", when='after_close("NYSE", "15m")').when == 'after_close("XNYS", "15m")'
    due = []
    while len(due) < 3:
        clock.turn(180)
        runner.step()
        due += [run.scheduled_for for run in bl.schedule.history() if run.scheduled_for not in due]
    assert due == ["2024-11-29T18:15:00Z", "2024-12-02T21:15:00Z", "2024-12-03T21:15:00Z"]
    assert len(desk.calls) == 3


def test_a_job_that_is_off_does_nothing_and_makes_up_for_nothing(
    bl: BarLedger, desk: Desk, runner: Runner, clock: HandClock
) -> None:
    bl.schedule.add("often", "desk", when="every 15m")
    assert bl.schedule.enable("often", enabled=False).due == ""
    clock.turn(100)
    runner.step()
    assert desk.calls == []
    assert bl.schedule.enable("often").due == "2024-03-04T13:45:00Z"
    runner.step()
    assert desk.calls == []


def test_a_job_that_fails_is_noted_and_noticed(bl: BarLedger, desk: Desk, runner: Runner, clock: HandClock) -> None:
    def fail(_: Event) -> Mapping[str, Any]:
        raise SourceNotFound(source="nowhere", known=())

    bl.schedule.add("often", "desk", when="every 15m")
    desk.act = fail
    clock.turn(15)
    runner.step()
    desk.act = lambda _: {}[1]  # type: ignore[index]
    clock.turn(15)
    runner.step()
    second, first = bl.schedule.history()
    assert first.state == second.state == "failed"
    assert first.error.startswith("[source-not-found]")
    assert second.error == "KeyError: 1"
    (noticed,) = bl.notifications.notices()
    assert (noticed.notice.kind, noticed.notice.about, noticed.count) == ("job_failed", "often", 2)
    clock.turn(15)
    desk.act = lambda _: {}
    runner.step()
    assert states(bl)[0] == "done"


def test_a_run_that_overlaps_is_skipped_and_said_so(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    held: list[Callable[[], None]] = []
    runner = bl.schedule.runner(spawn=lambda call, _: held.append(call))
    other = bl.schedule.runner(spawn=lambda call, _: call())
    bl.schedule.add("often", "desk", when="every 15m")
    clock.turn(15)
    runner.step()
    for _ in range(60):
        clock.turn(0.25)
        runner.step()
        other.step()
    assert len(held) == 1
    with pytest.raises(JobRunning, match="runs since"):
        bl.schedule.run_now("often")
    assert states(bl) == ["skipped", "skipped", "running"]
    held[0]()
    assert states(bl) == ["skipped", "skipped", "done"]
    for _ in range(60):
        clock.turn(0.25)
        runner.step()
    held[1]()
    assert states(bl)[0] == "done"
    assert len(desk.calls) == 2


def test_a_job_runs_by_hand_without_any_runner(bl: BarLedger, desk: Desk) -> None:
    bl.schedule.add("often", "desk", when="every 15m", enabled=False)
    done = bl.schedule.run_now("often")
    assert (done.state, done.trigger, done.result) == ("done", "by hand", {"new": 1})
    desk.act = lambda _: {}[1]  # type: ignore[index]
    assert bl.schedule.run_now("often").error == "KeyError: 1"
    with pytest.raises(JobNotFound):
        bl.schedule.run_now("nothing")


def test_of_more_jobs_than_may_run_at_once_the_rest_stays_due(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    held: list[Callable[[], None]] = []
    runner = bl.schedule.runner(spawn=lambda call, _: held.append(call))
    for number in range(6):
        bl.schedule.add(f"job {number}", "desk", when="every 15m")
    clock.turn(15)
    runner.step()
    assert len(held) == 4
    held[0]()
    runner.step()
    assert len(held) == 5
    for call in held[1:]:
        call()
    runner.step()
    held[-1]()
    assert states(bl) == ["done"] * 6
    assert len({str(run.job) for run in bl.schedule.history()}) == 6
    assert len(desk.calls) == 6


# --- one runner ---------------------------------------------------------------------------------------


def test_of_two_runners_one_works(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    one, two = (bl.schedule.runner(spawn=lambda call, _: call()) for _ in range(2))
    bl.schedule.add("often", "desk", when="every 1m")
    for _ in range(5):
        clock.turn(0.4)
        one.step()
        two.step()
    assert (one.leads, two.leads) == (True, False)
    leader = bl.schedule.leader()
    assert leader is not None
    assert leader.owner == one.name
    assert {run.runner for run in bl.schedule.history()} == {one.name}
    assert len(desk.calls) == 2


def test_when_the_runner_dies_another_makes_up_for_its_run(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    dead = bl.schedule.runner(spawn=lambda _call, _name: None)
    bl.schedule.add("often", "desk", when="every 1h")
    clock.turn(60)
    dead.step()
    assert states(bl) == ["running"]
    heir = bl.schedule.runner(spawn=lambda call, _: call())
    heir.step()
    assert not heir.leads
    clock.turn(0.6)
    heir.step()
    assert heir.leads
    again, lost = bl.schedule.history()
    assert (lost.state, again.state, again.trigger) == ("interrupted", "done", "resumed")
    assert bl.notifications.notices()[0].notice.subject == "job often was interrupted"
    heir.step()
    assert len(desk.calls) == 1


def test_a_runner_that_slept_finds_that_it_lost_before_it_does_anything(
    bl: BarLedger, desk: Desk, clock: HandClock
) -> None:
    held: list[Callable[[], None]] = []
    sleeper = bl.schedule.runner(spawn=lambda call, _: held.append(call))
    heir = bl.schedule.runner(spawn=lambda call, _: call())
    bl.schedule.add("often", "desk", when="every 1h")
    clock.turn(60)
    sleeper.step()
    clock.turn(1)
    assert not sleeper.leads
    heir.step()
    assert states(bl) == ["done", "interrupted"]
    held[0]()
    assert len(desk.calls) == 1
    assert states(bl) == ["done", "interrupted"]
    clock.turn(59)
    heir.beat()
    sleeper.step()
    assert not sleeper.leads
    assert len(desk.calls) == 1


def test_a_lost_lease_stops_what_runs(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    runner = bl.schedule.runner(spawn=lambda call, _: call())
    seen: list[bool] = []

    def act(stop: Event) -> Mapping[str, Any]:
        seen.append(stop.is_set())
        clock.turn(1)
        seen.append(stop.is_set())
        return {"unfinished": True}

    bl.schedule.add("often", "desk", when="every 1h")
    desk.act = act
    clock.turn(60)
    runner.step()
    assert seen == [False, True]
    assert states(bl) == ["running"]
    desk.act = lambda _: {}
    runner.step()
    runner.step()
    assert states(bl) == ["done", "interrupted"]


def test_who_stops_leaves_a_state_that_resumes(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    held: list[Callable[[], None]] = []
    runner = bl.schedule.runner(spawn=lambda call, _: held.append(call))
    bl.schedule.add("done", "desk", when="every 1h")
    bl.schedule.add("left", "desk", when="every 1h")
    desk.act = lambda stop: {"new": 2, "unfinished": stop.is_set()}
    clock.turn(60)
    runner.step()
    runner.stop()
    runner.step()
    held[0]()
    assert [run.job for run in runner.leave()] == ["left"]
    held[1]()
    assert sorted((run.job, run.state) for run in bl.schedule.history()) == [
        ("done", "interrupted"),
        ("left", "interrupted"),
    ]
    assert bl.schedule.leader() is None
    heir = bl.schedule.runner(spawn=lambda call, _: call())
    heir.step()
    assert [run.trigger for run in bl.schedule.history()][:2] == ["resumed", "resumed"]
    assert states(bl)[:2] == ["done", "done"]


# --- events -------------------------------------------------------------------------------------------


def take_bars(bl: BarLedger, *, instrument: str = "AAPL", days: range = range(19_000, 19_010)) -> None:
    bl.write(instrument, "1d", frame(days), source="desk")


def test_an_approval_takes_a_snapshot_of_what_was_approved(bl: BarLedger, runner: Runner, clock: HandClock) -> None:
    take_bars(bl)
    take_bars(bl, instrument="MSFT")
    before = bl.snapshot("MSFT", "1d")
    bl.cache.approve(before.id, strategy="m-7")
    bl.schedule.add("pin", "snapshot", when="on approval")
    runner.step()
    assert bl.cache.snapshots(purpose="event") == []
    approved = bl.snapshot("AAPL", "1d", strategy="m-7")
    bl.cache.approve(approved.id, strategy="m-7")
    clock.turn(1)
    runner.step()
    runner.step()
    (taken,) = bl.cache.snapshots(purpose="event")
    assert ([str(pin.series) for pin in taken.pins], taken.strategy) == (["AAPL 1d from desk"], "m-7")
    (run,) = bl.schedule.history()
    assert run.result == {"snapshot": taken.id, "series": 1}


def test_a_corporate_action_takes_a_snapshot_of_its_instrument(bl: BarLedger, runner: Runner) -> None:
    for instrument in ("AAPL", "MSFT"):
        take_bars(bl, instrument=instrument)
    bl.schedule.add("pin", "snapshot", when="on action")
    split = CorporateAction(instrument="AAPL", ex_date=19_000 * DAY, kind="split", source="desk", value=4.0)
    bl.vault.ledger.actions.record([split], bl.vault.who("record"))
    runner.step()
    (taken,) = bl.cache.snapshots(purpose="event")
    assert [pin.series.instrument for pin in taken.pins] == ["AAPL"]


def test_an_index_that_moves_far_takes_a_snapshot_of_what_the_rule_names(bl: BarLedger, runner: Runner) -> None:
    take_bars(bl, instrument="SPX")
    take_bars(bl)
    bl.schedule.add("pin", "snapshot", when='on move("SPX", "1d", "5%")', options={"pattern": "AAPL"})
    bl.write("SPX", "1d", frame([19_010]), source="desk")
    runner.step()
    assert bl.cache.snapshots(purpose="event") == []
    bl.write("SPX", "1d", frame([19_011], value=60.0), source="desk")
    runner.step()
    runner.step()
    (taken,) = bl.cache.snapshots(purpose="event")
    assert [pin.series.instrument for pin in taken.pins] == ["AAPL"]
    bl.write("SPX", "1d", frame([19_011], value=300.0), source="desk")
    bl.write("SPX", "1d", frame([19_012], value=301.0), source="desk")
    runner.step()
    assert len(bl.cache.snapshots(purpose="event")) == 1


def test_a_history_that_comes_at_once_is_no_move(bl: BarLedger, runner: Runner) -> None:
    bl.schedule.add("pin", "snapshot", when='on move("SPX", "1d", "0.001%", "desk")')
    runner.step()
    take_bars(bl, instrument="SPX")
    runner.step()
    assert bl.schedule.history() == []
    bl.write("SPX", "1d", frame([19_010], value=130.0), source="desk")
    runner.step()
    assert [run.state for run in bl.schedule.history()] == ["done"]


def test_a_notice_can_set_off_a_job(bl: BarLedger, desk: Desk, runner: Runner, clock: HandClock) -> None:
    bl.vault.notify(Notice(kind="gap", severity="info", subject="before", about="x"))
    bl.schedule.add("look", "desk", when='on notice("correction_*")')
    for kind in ("correction_applied", "lag", "correction_undone"):
        clock.turn(1)
        bl.vault.notify(Notice(kind=kind, severity="info", subject=kind, about="AAPL"))  # type: ignore[arg-type]
    runner.step()
    runner.step()
    (call,) = desk.calls
    assert [event["notice"] for event in call["events"]] == ["correction_applied", "correction_undone"]
    assert bl.schedule.history()[0].trigger == 'on notice("correction_*"): 2 events'


def test_a_snapshot_of_an_event_is_taken_once_though_its_run_dies(bl: BarLedger, clock: HandClock) -> None:
    take_bars(bl)
    bl.schedule.add("pin", "snapshot", when="on action")
    split = CorporateAction(instrument="AAPL", ex_date=19_000 * DAY, kind="split", source="desk", value=4.0)
    bl.vault.ledger.actions.record([split], bl.vault.who("record"))

    def die(call: Callable[[], None], _: str) -> None:
        end, bl.vault.ledger.schedule.end = bl.vault.ledger.schedule.end, _dead  # type: ignore[method-assign]
        with pytest.raises(_Died):
            call()
        bl.vault.ledger.schedule.end = end  # type: ignore[method-assign]

    bl.schedule.runner(spawn=die).step()
    assert states(bl) == ["running"]
    clock.turn(1)
    bl.schedule.runner(spawn=lambda call, _: call()).step()
    assert len(bl.cache.snapshots(purpose="event")) == 1
    assert states(bl) == ["done", "interrupted"]
    assert bl.schedule.history()[0].result["again"] is True


class _Died(BaseException):
    """The process ended here."""


def _dead(*_: Any, **_named: Any) -> Any:
    raise _Died


def test_a_backtest_takes_the_snapshots_that_a_rule_wants_before_it(bl: BarLedger) -> None:
    take_bars(bl)
    take_bars(bl, instrument="SPX")
    bl.schedule.add("context", "snapshot", when="on backtest", options={"pattern": "SPX"})
    bl.schedule.add("own", "snapshot", when="on backtest")
    data = bl.retrieval.dataset(
        strategy="m-7", instruments="AAPL", timeframes="1d", start="2022-01-08", end="2022-01-17", fetch_missing=False
    )
    taken = bl.cache.snapshots(purpose="event")
    assert [[pin.series.instrument for pin in one.pins] for one in reversed(taken)] == [["SPX"], ["AAPL"]]
    assert {one.strategy for one in taken} == {"m-7"}
    assert all(one.created_at < data.snapshot.created_at for one in taken)
    assert [run.trigger for run in bl.schedule.history()] == ["on backtest"] * 2


# --- real kinds -----------------------------------------------------------------------------------------


def test_ingestion_by_schedule_goes_on_where_a_series_ends(
    bl: BarLedger, runner: Runner, clock: HandClock, tmp_path: Path
) -> None:
    file = tmp_path / "AAPL.csv"
    frame(range(19_000, 19_005)).to_csv(file, index_label="time")
    options = {"path": str(file)}
    bl.schedule.add(
        "load",
        "ingest",
        when="every 1h",
        options={"instruments": "AAPL", "timeframe": "1d", "source": "files", "source_options": options},
    )
    clock.turn(60)
    runner.step()
    frame(range(19_000, 19_008)).to_csv(file, index_label="time")
    clock.turn(60)
    runner.step()
    second, first = bl.schedule.history()
    assert (first.error, second.error) == ("", "")
    assert (first.result["new"], second.result["new"]) == (5, 3)


def test_a_source_that_fails_is_noticed(bl: BarLedger, tmp_path: Path) -> None:
    bl.write("AAPL", "1d", frame(range(19_000, 19_005)), source="files")
    gone = {"path": str(tmp_path / "gone.csv")}
    bl.schedule.add("load", "ingest", when="every 1h", options={"source": "files", "source_options": gone})
    done = bl.schedule.run_now("load")
    assert done.state == "failed"
    assert [one.notice.kind for one in bl.notifications.notices()] == ["source_failing", "job_failed"]


def test_verifying_retention_and_watching_by_schedule(bl: BarLedger) -> None:
    take_bars(bl)
    bl.instruments.declare("AAPL", calendar="24/7")
    bl.snapshot("AAPL", "1d")
    for name, kind, options in (
        ("verify", "verify", {"pattern": "A*", "snapshots": True}),
        ("retain", "retention", {"policy": [{"keep_editions": "30d"}], "dry_run": True}),
        ("watch", "watch", {}),
        ("repair", "repair", {}),
        ("mirror", "mirror", {}),
    ):
        bl.schedule.add(name, kind, when="0 3 * * *", options=options)
        done = bl.schedule.run_now(name)
        assert (done.state, done.error) == ("done", "")
    verified = bl.schedule.history("verify")[0].result
    assert verified == {"verified": 2, "bars": 20}
    assert bl.schedule.history("watch")[0].result == {"lag": 1, "gap": 0}
    assert [one.notice.kind for one in bl.notifications.notices()] == ["lag"]


def test_damage_that_a_job_finds_is_critical_news(bl: BarLedger) -> None:
    take_bars(bl)
    take_bars(bl, instrument="MSFT")
    (state, _) = bl.cache.series()
    store: Any = bl.vault.store
    store.delete(state.series, "latest", [_days(19_003, 19_004)], revision=state.revision, guard=lambda: 60.0)
    bl.schedule.add("verify", "verify", when="0 3 * * *")
    done = bl.schedule.run_now("verify")
    assert done.result["damaged"] == ["AAPL 1d from desk"]
    (noticed,) = bl.notifications.notices()
    assert (noticed.notice.kind, noticed.notice.severity) == ("verification_failed", "critical")


def _days(first: int, last: int) -> Any:
    from barledger.domain.interval import Interval  # noqa: PLC0415 - for this test

    return Interval(first * DAY, last * DAY)


# --- declaring --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"kind": "no_such_kind"}, JobKindMissing),
        ({"when": ""}, InvalidSetting),
        ({"when": "whenever"}, InvalidSetting),
        ({"when": "* * * * * *"}, InvalidSetting),
        ({"when": "0 0 30 2 *"}, InvalidSetting),
        ({"when": "0 0 * * *", "zone": "Mars/Olympus"}, InvalidSetting),
        ({"when": "every 5s", "zone": "Mars/Olympus"}, InvalidSetting),
        ({"when": "on approval", "zone": "Mars/Olympus"}, InvalidSetting),
        ({"when": 'after_close("NOWHERE")'}, CalendarNotFound),
        ({"when": 'after_close("XNYS", "2d")'}, InvalidSetting),
        ({"when": 'on move("SPX", "7d", "5%")'}, InvalidTimeframe),
        ({"when": 'on move("SPX", "1d", "much")'}, InvalidSetting),
        ({"when": 'on notice("nothing_like_it")'}, InvalidSetting),
        ({"options": {"colour": "red"}}, InvalidSetting),
        ({"options": {"events": []}}, InvalidSetting),
        ({"options": {"timeframe": "7d"}}, InvalidTimeframe),
        ({"options": {"instruments": "AAPL"}}, InvalidSetting),
        ({"options": {"instruments": "AAPL", "pattern": "A*"}}, InvalidSetting),
        ({"options": {"source": "nowhere"}}, SourceNotFound),
        ({"options": {"budget_seconds": "many"}}, InvalidSetting),
        ({"options": {"refresh": -1}}, InvalidSetting),
        ({"kind": "fill_gaps", "options": {"budget_calls": "many"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"source": "bin*"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"instruments": "AAPL"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"concurrency": 0}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"blocks": 0}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"blocks": "many"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"share": 2}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"source_options": {"path": "x"}}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"source": "nowhere", "source_options": {}}}, SourceNotFound),
        ({"kind": "quality", "options": {"metrics": "beauty"}}, InvalidSetting),
        ({"kind": "quality", "options": {"metrics": []}}, InvalidSetting),
        ({"kind": "quality", "options": {"last": "ever"}}, InvalidSetting),
        ({"kind": "quality", "options": {"last": "7d", "start": "2024-01-01"}}, InvalidSetting),
        ({"kind": "quality", "options": {"start": "2024-02-01", "end": "2024-01-01"}}, InvalidInterval),
        ({"kind": "quality", "options": {"tolerance": 0.1}}, InvalidSetting),
        ({"kind": "quality", "options": {"tolerance": {"price": 7}}}, InvalidSetting),
        ({"kind": "quality", "options": {"tolerance": {"fields": {"close": "x"}}}}, InvalidSetting),
        ({"kind": "quality", "options": {"tolerance": {"colour": 0.1}}}, InvalidSetting),
        ({"kind": "verify_library", "options": {"budget": "a while"}}, InvalidSetting),
        ({"kind": "verify_library", "options": {"source": "*"}}, InvalidSetting),
        ({"kind": "checkpoint", "options": {"anchor": ""}}, InvalidSetting),
        ({"kind": "checkpoint", "options": {"anchor": "beside/it"}}, InvalidSetting),
        ({"kind": "adjust", "options": {"instruments": 7}}, InvalidSetting),
        ({"kind": "mirror", "options": {"all": True}}, InvalidSetting),
        ({"kind": "retention"}, InvalidSetting),
        ({"kind": "retention", "options": {"policy": [{"keep_all": "1d"}]}}, InvalidPolicy),
    ],
)
def test_what_could_never_run_is_refused_when_it_is_declared(
    bl: BarLedger, given: dict[str, Any], error: type[Exception]
) -> None:
    asked = {"kind": "ingest", "when": "every 1h", **given}
    kind = asked.pop("kind")
    with pytest.raises(error):
        bl.schedule.add("job", kind, **asked)
    assert bl.schedule.list() == []


def test_a_name_is_taken_once_and_a_removed_job_leaves_its_history(bl: BarLedger, desk: Desk) -> None:
    bl.schedule.add("job", "desk", when="every 1h", reason="a test")
    with pytest.raises(JobTaken, match="there is a job"):
        bl.schedule.add("job", "desk", when="every 1h")
    with pytest.raises(JobTaken, match="there is a kind of job"):
        bl.schedule.kinds.register(JobKind(name="desk", about="again", run=desk))
    bl.schedule.run_now("job")
    bl.schedule.remove("job")
    for action in (bl.schedule.remove, bl.schedule.enable, bl.schedule.get):
        with pytest.raises(JobNotFound):
            action("job")
    assert [run.job for run in bl.schedule.history()] == ["job"]
    assert [entry.operation for entry in bl.audit.entries()] == ["add-job", "remove-job"]


def test_a_kind_that_is_not_here_any_more_fails_and_says_so(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    bl.schedule.add("job", "desk", when="every 1h")
    elsewhere = ScheduleService(bl.vault, bl, make_timers=_no_timers, steady=lambda: clock() / 1e9)
    clock.turn(60)
    elsewhere.runner(spawn=lambda call, _: call()).step()
    assert elsewhere.history()[0].error.startswith("[job-kind-missing]")
    assert desk.calls == []
