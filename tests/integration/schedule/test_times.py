"""Jobs run by the clock, and every run is in the ledger."""

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import pytest

from barledger import BarLedger
from barledger.domain.interval import parse_time
from barledger.errors import JobNotFound, JobRunning, SourceNotFound
from barledger.services.schedule.runner import Runner
from schedules import Desk, HandClock, states


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
