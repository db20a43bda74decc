"""Of several runners one works, and another takes over from it."""

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import pytest

from barledger import BarLedger
from schedules import Desk, HandClock, states


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


@pytest.mark.usefixtures("desk")
def test_what_was_skipped_meanwhile_does_not_hide_that_a_run_was_interrupted(bl: BarLedger, clock: HandClock) -> None:
    dead = bl.schedule.runner(spawn=lambda _call, _name: None)
    bl.schedule.add("often", "desk", when="every 10s")
    for _ in range(2):
        clock.turn(0.2)
        dead.step()
    assert states(bl) == ["skipped", "running"]
    clock.turn(1)
    bl.schedule.runner(spawn=lambda call, _: call()).step()
    assert bl.schedule.history()[0].trigger == "resumed"
    assert states(bl) == ["done", "skipped", "interrupted"]


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
