"""ScheduleService: rules of what is run when, by one process among many."""

import builtins
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Final

from barledger.domain.series import check_name
from barledger.domain.when import Upon, When, when_of
from barledger.errors import InvalidSetting, JobNotFound, JobRunning
from barledger.ledger.contract import JobRecord, Run, RunDraft, Term
from barledger.services.cache.lease import steady_clock
from barledger.services.cache.vault import Vault
from barledger.services.schedule import work as works
from barledger.services.schedule.events import EventWatch
from barledger.services.schedule.guard import Guard
from barledger.services.schedule.jobs import built_in
from barledger.services.schedule.kinds import JobKinds
from barledger.services.schedule.runner import Runner, Spawn, in_thread, runner_name
from barledger.services.schedule.views import JobView, RunView, moment
from barledger.services.schedule.work import Work
from barledger.timers.contract import Timers

LEASE: Final = 30.0
GRACE: Final = 30.0

# Seconds between two looks at what is due, and at what is to be delivered.
_LOOK: Final = 1.0
_POST: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How running the schedule ended: ``interrupted`` runs are made up for by the next one that runs it."""

    runs: int
    interrupted: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a line."""
        left = f", left for the next: {', '.join(self.interrupted)}" if self.interrupted else ""
        return f"{self.runs:,} runs{left}"


class ScheduleService:
    """Declares jobs, runs them, and tells what became of them."""

    def __init__(
        self,
        vault: Vault,
        library: Any,
        *,
        make_timers: Callable[[], Timers],
        lease: float = LEASE,
        steady: Callable[[], float] = steady_clock,
    ) -> None:
        """Work on this library; ``lease`` is in seconds."""
        self._vault = vault
        self._library = library
        self._make_timers = make_timers
        self._lease = lease
        self._steady = steady
        self.kinds: JobKinds = built_in()

    # --- declaring -------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        kind: str,
        *,
        when: str,
        zone: str = "UTC",
        options: Mapping[str, Any] | None = None,
        enabled: bool = True,
        reason: str = "",
    ) -> JobView:
        """Declare a job: a kind (`kinds`) with its options, and when it is due (`domain.when`).

        Raises `JobTaken`, `JobKindMissing`, `InvalidSetting`, `CalendarNotFound`, and what the kind's own check
        raises; so what could never run is refused here.
        """
        self._vault.check_writable()
        chosen = self.kinds.checked(kind, self._library, options or {})
        due = when_of(when, zone=zone)
        record = JobRecord(
            name=check_name("job", name),
            kind=chosen.name,
            when=str(due),
            zone=zone,
            options=dict(options or {}),
            enabled=enabled,
            **self._start(due),
        )
        return JobView.of(self._vault.ledger.schedule.add(record, self._vault.who("add-job", reason=reason)))

    def list(self) -> builtins.list[JobView]:
        """Return the jobs by name."""
        return [JobView.of(job) for job in self._vault.ledger.schedule.jobs()]

    def get(self, name: str) -> JobView:
        """Return a job; raises `JobNotFound`."""
        return JobView.of(self._called(name))

    def remove(self, name: str, *, reason: str = "") -> JobView:
        """Forget a job; its history stays; raises `JobNotFound`."""
        self._vault.check_writable()
        return JobView.of(self._vault.ledger.schedule.remove(name, self._vault.who("remove-job", reason=reason)))

    def enable(self, name: str, *, enabled: bool = True, reason: str = "") -> JobView:
        """Switch a job on or off; what falls due while it is off is not made up for. Raises `JobNotFound`."""
        self._vault.check_writable()
        job = self._called(name)
        who = self._vault.who("enable-job" if enabled else "disable-job", reason=reason)
        start = self._start(when_of(job.when, zone=job.zone))
        return JobView.of(self._vault.ledger.schedule.enable(name, who, enabled=enabled, **start))

    def _start(self, when: When) -> dict[str, Any]:
        """Return when it is due first, or from where its events count."""
        if isinstance(when, Upon):
            return {"due_at": 0, "cursor": self._watch().beginning(when)}
        return {"due_at": when.after(self._vault.ledger.now()) or 0, "cursor": {}}

    # --- running ---------------------------------------------------------------------------------

    def run_now(self, name: str, *, stop: Event | None = None) -> RunView:
        """Run a job here and now, whoever runs the schedule; a job that fails is told in the answer.

        Raises `JobNotFound`, `JobRunning`, `JobKindMissing`.
        """
        self._vault.check_writable()
        job = self._called(name)
        self.kinds.get(job.kind)
        run = self._run_here(job, trigger="by hand", more={}, stop=stop)
        if run.state == "skipped":
            running = next(one for one in self._vault.ledger.schedule.runs(job=name) if one.state == "running")
            raise JobRunning(job=name, since=moment(running.started_at))
        return RunView.of(run)

    def before_backtest(self, *, strategy: str = "", series: Any = ()) -> builtins.list[RunView]:
        """Run the jobs that are due ``on backtest``, here and now; `dataset` calls it before it pins anything.

        ``series`` are what the backtest is about, as (instrument, timeframe). A job that fails makes a notice, and does
        not keep the backtest from its data.
        """
        named = [[instrument, timeframe, ""] for instrument, timeframe in series]
        event = {"kind": "backtest", "strategy": strategy, "series": named}
        done = []
        for job in self._vault.ledger.schedule.jobs():
            when = when_of(job.when, zone=job.zone)
            if job.enabled and isinstance(when, Upon) and when.event == "backtest":
                done.append(self._run_here(job, trigger="on backtest", more={"events": [event]}, stop=None))
        return [RunView.of(run) for run in done]

    def _run_here(self, job: JobRecord, *, trigger: str, more: Mapping[str, Any], stop: Event | None) -> Run:
        runner, asked_at = runner_name(), self._steady()
        draft = RunDraft(job=job.name, trigger=trigger, runner=runner, scheduled_for=self._vault.ledger.now())
        run = self._vault.ledger.schedule.begin(draft, term=None, seconds=self._lease)
        if run.state != "running":
            return run
        guard, ended = Guard(self._steady, until=asked_at + self._lease), Event()
        beat = Thread(target=self._keep, args=(runner, guard, ended, stop), name="barledger-run", daemon=True)
        beat.start()
        try:
            key = run.id.removeprefix("run-")
            work = Work(job=job, run=run, guard=guard, more={"key": key, **more})
            return works.do(self._vault, self._library, self.kinds, work)
        finally:
            ended.set()
            beat.join()

    def _keep(self, runner: str, guard: Guard, ended: Event, stop: Event | None) -> None:
        """Keep a run alive, and hand on the wish to stop it."""
        last = self._steady()
        while not ended.wait(min(0.1, self._lease / 4)):
            if stop is not None and stop.is_set():
                guard.set()
            if self._steady() - last < self._lease / 4 or (guard.is_set() and not guard.stopped):
                continue
            last = self._steady()
            try:
                self._vault.ledger.schedule.keep(runner, seconds=self._lease)
            except Exception:  # noqa: BLE001, S112 - the run itself finds out when its lease is over
                continue
            guard.prolong(last + self._lease)

    def runner(self, *, spawn: Spawn = in_thread, lease: float | None = None) -> Runner:
        """Return a runner that somebody else drives, by calling its `step`: a server, or a test."""
        self._vault.check_writable()
        return Runner(
            self._vault,
            self._library,
            self.kinds,
            self._watch(),
            lease=self._lease if lease is None else lease,
            steady=self._steady,
            spawn=spawn,
        )

    def run(self, stop: Event, *, lease: float | None = None, grace: float = GRACE, deliver: bool = True) -> Ended:
        """Run the schedule until ``stop`` is set, or stand by while another process does.

        If that process dies or is stopped, this one takes over once its lease (in seconds) is over. Notices are
        delivered meanwhile, unless ``deliver`` is False. At the end what runs may go on for ``grace`` seconds; what has
        not ended then is noted as interrupted, and run again by whoever comes next. Raises `DriverMissing`.
        """
        held = self._lease if lease is None else lease
        if not held > 0 or not grace >= 0:
            raise InvalidSetting(setting="lease", reason="it has to be above 0, and grace not below")
        timers, runner, posting = self._make_timers(), self.runner(lease=held), Event()
        began = self._vault.ledger.now()
        timers.every(held / 4, runner.beat, name="beat")
        timers.every(min(_LOOK, held / 4), runner.step, name="step")
        post = Thread(target=self._post, args=(posting,), name="barledger-post", daemon=True)
        timers.start()
        if deliver:
            post.start()
        try:
            stop.wait()
        finally:
            runner.stop()
            deadline = time.monotonic() + grace
            while runner.active and time.monotonic() < deadline:
                time.sleep(0.02)
            timers.stop()
            left = runner.leave()
            posting.set()
        mine = [one for one in self._vault.ledger.schedule.runs(limit=1000) if one.started_at >= began]
        mine = [one for one in mine if one.runner == runner.name and one.state != "skipped"]
        interrupted = {one.job for one in mine if one.state == "interrupted"} | {one.job for one in left}
        return Ended(runs=len(mine), interrupted=tuple(sorted(interrupted)))

    def _post(self, ended: Event) -> None:
        while not ended.is_set():
            try:
                self._library.notifications.deliver(once=False, every=_POST, stop=ended)
            except Exception:  # noqa: BLE001 - a ledger that does not answer now may do so later
                ended.wait(_POST)

    # --- looking back ----------------------------------------------------------------------------

    def history(self, name: str | None = None, *, limit: int | None = 50) -> builtins.list[RunView]:
        """Return runs, the newest first; those of jobs that were removed too."""
        return [RunView.of(run) for run in self._vault.ledger.schedule.runs(job=name, limit=limit)]

    def leader(self) -> Term | None:
        """Return who runs the schedule now, and until when unless it says so again; None if nobody does."""
        return self._vault.ledger.schedule.leader()

    def _watch(self) -> EventWatch:
        return EventWatch(self._vault, self._library.retrieval.bars)

    def _called(self, name: str) -> JobRecord:
        found = next((job for job in self._vault.ledger.schedule.jobs() if job.name == name), None)
        if found is None:
            raise JobNotFound(job=name)
        return found
