"""Several real processes run one schedule: one of them works, whatever becomes of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from barledger import BarLedger, connect
from barledger.cli.notify import until_signalled
from barledger.services.schedule import JobKind
from barledger.stores.embedded import EmbeddedStore
from libraries import library
from processes import Process, stop_here
from receivers import wait_for

pytestmark = pytest.mark.slow

LEASE = 2.0
JOB = "probe"
LEDGERS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgres", id="postgres", marks=pytest.mark.postgres),
]
Work = Callable[["Desk", Event], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the processes of a test meet: a library, and a file in which each notes what it does."""

    folder: Path
    ledger: str

    @property
    def notes(self) -> list[tuple[str, int]]:
        lines = (self.folder / "notes").read_text().split("\n")[:-1]
        return [(word, int(pid)) for word, pid in (line.split() for line in lines)]

    def note(self, word: str) -> None:
        with (self.folder / "notes").open("a") as file:
            file.write(f"{word} {os.getpid()}\n")

    def open(self, work: Work) -> BarLedger:
        bl = library(EmbeddedStore(self.folder / "library"), self.ledger)
        kind = JobKind(name=JOB, about="what a test wants", run=lambda _bl, _options, stop: work(self, stop))
        bl.schedule.kinds.register(kind)
        return bl

    def process(self, work: Work, *, grace: float = 10.0) -> Process:
        """Run the schedule in a process of its own, until somebody signals it."""

        def act() -> str:
            with until_signalled() as stop, self.open(work) as bl:
                return str(bl.schedule.run(stop, lease=LEASE, grace=grace, deliver=False))

        return Process(act)


@pytest.fixture(params=LEDGERS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    if request.param == "postgres":
        ledger = request.getfixturevalue("postgres_url")
    made = Desk(folder=tmp_path, ledger=ledger)
    (tmp_path / "notes").write_text("")
    with made.open(quick) as bl:
        bl.schedule.add("often", JOB, when="every 1s")
    return made


def quick(desk: Desk, _: Event) -> Mapping[str, Any]:
    desk.note("ran")
    return {}


def ended(*processes: Process) -> list[Any]:
    for process in processes:
        os.kill(process.pid, signal.SIGTERM)
    return [process.result() for process in processes]


def worker(desk: Desk, *, after: int = 0) -> int:
    """Wait for the note after so many, and return whose it is."""
    wait_for(lambda: len(desk.notes) > after)
    return desk.notes[after][1]


def test_of_three_processes_one_works_and_each_run_is_in_the_ledger(desk: Desk) -> None:
    processes = [desk.process(quick) for _ in range(3)]
    wait_for(lambda: len(desk.notes) >= 4)
    results = ended(*processes)
    assert all("runs" in result for result in results)
    pids = [pid for _, pid in desk.notes]
    with desk.open(quick) as bl:
        runs = list(reversed(bl.schedule.history()))
        assert bl.schedule.leader() is None
    runs = [run for run in runs if run.state != "skipped"]
    assert [run.state for run in runs] == ["done"] * len(pids)
    assert [run.runner.split("/")[1] for run in runs] == [str(pid) for pid in pids]
    # Who resigns makes room, so another may have had the last word.
    assert len(set(pids[:4])) == 1


def test_when_the_active_one_is_killed_another_takes_over_and_makes_up_for_its_run(desk: Desk) -> None:
    def slow(desk: Desk, stop: Event) -> Mapping[str, Any]:
        desk.note("begun")
        stop.wait(60)
        return {"unfinished": True}

    first = desk.process(slow)
    victim = worker(desk)
    assert victim == first.pid
    second = desk.process(quick)
    os.kill(victim, signal.SIGKILL)
    assert worker(desk, after=1) == second.pid
    assert first.result() is None
    ended(second)
    with desk.open(quick) as bl:
        # What fell due while the run was under way was skipped.
        lost, again = [run for run in reversed(bl.schedule.history()) if run.state != "skipped"][:2]
        (noticed,) = bl.notifications.notices()
    assert (lost.state, again.state, again.trigger) == ("interrupted", "done", "resumed")
    assert (noticed.notice.kind, noticed.notice.about) == ("job_failed", "often")


def test_a_stopped_runner_that_wakes_up_does_nothing_any_more(desk: Desk) -> None:
    def sleepy(desk: Desk, stop: Event) -> Mapping[str, Any]:
        desk.note("begun")
        stop_here()
        # The signal stops the other threads first, and this one a moment later.
        time.sleep(1)
        if stop.is_set():
            desk.note("noticed")
            return {"unfinished": True}
        desk.note("went-on")
        return {}

    sleeper = desk.process(sleepy)
    sleeper.wait_until_stopped()
    heir = desk.process(quick)
    assert worker(desk, after=1) == heir.pid
    sleeper.wake()
    wait_for(lambda: ("noticed", sleeper.pid) in desk.notes)
    seen = len(desk.notes)
    wait_for(lambda: len(desk.notes) >= seen + 3)
    told = [(word, pid) for word, pid in desk.notes if pid == sleeper.pid]
    assert told == [("begun", sleeper.pid), ("noticed", sleeper.pid)]
    ended(sleeper, heir)
    with desk.open(quick) as bl:
        runs = [run for run in reversed(bl.schedule.history()) if run.state != "skipped"]
    assert [run.state for run in runs] == ["interrupted"] + ["done"] * (len(runs) - 1)


def test_sigterm_lets_a_job_finish(desk: Desk) -> None:
    def last(desk: Desk, stop: Event) -> Mapping[str, Any]:
        desk.note("begun")
        while not stop.is_set():
            time.sleep(0.01)
        time.sleep(0.2)
        desk.note("finished")
        return {"new": 1}

    process = desk.process(last)
    worker(desk)
    (told,) = ended(process)
    assert told == "1 runs"
    assert [word for word, _ in desk.notes] == ["begun", "finished"]
    with desk.open(quick) as bl:
        (run,) = bl.schedule.history()
        assert (run.state, run.result, bl.schedule.leader()) == ("done", {"new": 1}, None)


def test_what_does_not_finish_in_time_is_left_for_the_next(desk: Desk) -> None:
    def deaf(desk: Desk, _: Event) -> Mapping[str, Any]:
        desk.note("begun")
        time.sleep(600)
        return {}

    process = desk.process(deaf, grace=0.2)
    worker(desk)
    (told,) = ended(process)
    assert told == "1 runs, left for the next: often"
    heir = desk.process(quick)
    assert worker(desk, after=1) == heir.pid
    ended(heir)
    with desk.open(quick) as bl:
        first, second = list(reversed(bl.schedule.history()))[:2]
    assert (first.state, second.state, second.trigger) == ("interrupted", "done", "resumed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_until_it_is_signalled(tmp_path: Path, number: int) -> None:
    environment = {**os.environ, "BARLEDGER_HOME": str(tmp_path), "BARLEDGER_CONFIG": os.devnull, "HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from barledger.cli import main; main()"]

    with connect(tmp_path, ledger=f"sqlite:///{tmp_path / 'ledger.sqlite'}") as bl:
        bl.schedule.add("tidy", "repair", when="every 1s")
        bl.schedule.add("broken", "ingest", when="every 1s", options={"pattern": "NOTHING"})
        bl.notifications.add_channel("file", f"file:{tmp_path}/notices.jsonl")
        with (tmp_path / "out").open("wb") as to_out, (tmp_path / "err").open("wb") as to_err:
            running = subprocess.Popen([*command, "schedule", "run"], env=environment, stdout=to_out, stderr=to_err)
        wait_for((tmp_path / "notices.jsonl").exists)
        wait_for(lambda: any(run.state == "done" for run in bl.schedule.history("tidy")))
    running.send_signal(number)
    assert running.wait(60) == 0
    out, err = (tmp_path / "out").read_text(), (tmp_path / "err").read_text()
    assert "Traceback" not in err
    assert " runs" in out
    assert "runs the schedule from now on" in err
    assert "job tidy begins (schedule)" in err
    assert "job tidy is done after" in err
    assert "job broken ended as failed after" in err
    assert "job broken failed" in (tmp_path / "notices.jsonl").read_text()
