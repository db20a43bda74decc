"""The runner: leads while it holds the lease, begins what is due, and hands over what it cannot finish."""

import logging
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from threading import Lock, Thread
from typing import Any, Final

from barledger import faults
from barledger.domain.when import Upon, When, when_of
from barledger.errors import BarledgerError, JobNotFound, RunnerLost
from barledger.ledger.contract import JobRecord, Run, RunDraft, Term
from barledger.services.cache.vault import Vault
from barledger.services.schedule import work as works
from barledger.services.schedule.events import EventWatch, key_of
from barledger.services.schedule.guard import Guard
from barledger.services.schedule.kinds import JobKinds
from barledger.services.schedule.work import STOPPED, Work

Spawn = Callable[[Callable[[], None], str], None]

_log = logging.getLogger("barledger.schedule")
# So many missed due times are counted one by one; more are only many.
_COUNTED: Final = 1000
_RENEWED: Final = 2 / 3
_WORKERS: Final = 4


def in_thread(call: Callable[[], None], name: str) -> None:
    """Call it in a thread that does not keep the process alive."""
    Thread(target=call, name=f"barledger-job-{name}", daemon=True).start()


def runner_name() -> str:
    """Return a name for this process that no other one has."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


class Runner:
    """One of many processes; `beat` and `step` are called again and again, from different threads."""

    def __init__(
        self,
        vault: Vault,
        library: Any,
        kinds: JobKinds,
        watch: EventWatch,
        *,
        lease: float,
        steady: Callable[[], float],
        spawn: Spawn = in_thread,
        workers: int = _WORKERS,
    ) -> None:
        """Stand by; ``lease`` is in seconds, and so is ``steady``, a clock that runs while the process is stopped."""
        self._vault, self._library, self._kinds, self._watch = vault, library, kinds, watch
        self._lease, self._steady, self._spawn, self._workers = lease, steady, spawn, workers
        self.name = runner_name()
        self._term: Term | None = None
        self._guard = Guard(steady, until=steady())
        self._active: dict[str, Work] = {}
        self._lock = Lock()
        self._leading = Lock()
        self._stopping = False

    @property
    def leads(self) -> bool:
        """Whether this runner may believe that it is the one."""
        return self._term is not None and not self._guard.is_set()

    @property
    def active(self) -> dict[str, Work]:
        """Return what runs just now, by the id of its run."""
        with self._lock:
            return dict(self._active)

    # --- the lease -------------------------------------------------------------------------------

    def beat(self) -> None:
        """Prolong the lease, and with it the life of what runs; or try to become the one."""
        with self._leading:
            try:
                if self._term is not None:
                    self._hold(self._term)
            except RunnerLost as error:
                _log.warning("%s", error)
                self._lose()
            if self._term is None and not self._stopping:
                self._begin_term()

    def _hold(self, term: Term) -> None:
        if self._guard.remaining <= 0 and not self._guard.stopped:
            raise RunnerLost(what="the schedule", waited=-self._guard.remaining)
        if self._guard.remaining <= self._lease * _RENEWED:
            asked_at = self._steady()
            self._term = self._vault.ledger.schedule.renew(term, seconds=self._lease)
            self._guard.prolong(asked_at + self._lease)

    def _begin_term(self) -> None:
        asked_at = self._steady()
        term = self._vault.ledger.schedule.lead(self.name, seconds=self._lease)
        if term is None:
            return
        self._guard = Guard(self._steady, until=asked_at + self._lease)
        self._term = term
        _log.info("%s runs the schedule from now on", self.name)

    def _lose(self) -> None:
        """Let everything that runs stop; what it has not written down is somebody else's now."""
        self._guard.set()
        self._term = None
        # Runs that are still known under the old name must not be kept alive by a term to come.
        self.name = runner_name()

    # --- what is due -----------------------------------------------------------------------------

    def step(self) -> None:
        """Begin what is due, if this is the one; errors of the ledger are told in the log and tried again."""
        try:
            self.beat()
            term = self._term
            if term is None or self._stopping or not self.leads:
                return
            self._bury(term)
            for job in self._vault.ledger.schedule.jobs():
                if job.enabled:
                    self._consider(job, term)
        except RunnerLost as error:
            _log.warning("%s", error)
            with self._leading:
                self._lose()
        except BarledgerError as error:
            _log.warning("the schedule waits: %s", error)

    def _bury(self, term: Term) -> None:
        for run in self._vault.ledger.schedule.bury(term=term):
            kind = next((job.kind for job in self._vault.ledger.schedule.jobs() if job.name == run.job), "")
            self._vault.notify(works.failure(run.job, kind, run))

    def _consider(self, job: JobRecord, term: Term) -> None:
        try:
            when = when_of(job.when, zone=job.zone)
            if isinstance(when, Upon):
                self._upon(job, when, term)
            elif 0 < job.due_at <= self._vault.ledger.now() and self._room(job):
                self._by_clock(job, when, term)
        except RunnerLost:
            raise
        except JobNotFound:
            return  # removed meanwhile
        except BarledgerError as error:
            _log.warning("job %s cannot be begun: %s", job.name, error)

    def _runs(self, job: JobRecord) -> bool:
        return any(work.job.name == job.name for work in self.active.values())

    def _room(self, job: JobRecord) -> bool:
        """Whether there is room for one more, else it stays due; to be skipped, what runs already needs none."""
        return len(self.active) < self._workers or self._runs(job)

    def _by_clock(self, job: JobRecord, when: When, term: Term) -> None:
        now = self._vault.ledger.now()
        due, missed = job.due_at, 0
        while missed < _COUNTED and (later := when.after(due)) is not None and later <= now:
            due, missed = later, missed + 1
        trigger = "catch-up" if missed else "schedule"
        last = self._vault.ledger.schedule.runs(job=job.name, limit=1, skipped=False)
        if last and last[0].state == "interrupted":
            trigger = "resumed"
        draft = RunDraft(
            job=job.name,
            trigger=trigger,
            runner=self.name,
            scheduled_for=due,
            missed=missed,
            due_at=when.after(now) or 0,
        )
        self._begin(job, draft, term, {})

    def _upon(self, job: JobRecord, when: Upon, term: Term) -> None:
        if self._runs(job) or not self._room(job):
            return  # its events are looked at later
        seen = self._watch.look(when, job.cursor)
        if not seen.events:
            if dict(seen.cursor) != dict(job.cursor):
                self._vault.ledger.schedule.look(job.name, seen.cursor, term=term)
            return
        more = {"events": list(seen.events), "key": key_of(job.name, job.cursor)}
        now = self._vault.ledger.now()
        trigger = f"{when}: {len(seen.events)} events" if len(seen.events) > 1 else str(when)
        draft = RunDraft(job=job.name, trigger=trigger, runner=self.name, scheduled_for=now, due_at=0)
        # Only afterwards are the events looked at, so that those of a run that dies are found again.
        self._begin(job, draft, term, more, after=seen.cursor)

    def _begin(
        self,
        job: JobRecord,
        draft: RunDraft,
        term: Term,
        more: Mapping[str, Any],
        *,
        after: Mapping[str, str] | None = None,
    ) -> None:
        run = self._vault.ledger.schedule.begin(draft, term=term, seconds=self._lease)
        if run.state != "running":
            return
        faults.reach("job.begun")
        work = Work(job=job, run=run, guard=self._guard, more={"key": run.id.removeprefix("run-"), **more})
        with self._lock:
            self._active[run.id] = work
        self._spawn(lambda: self._do(work, term, after), job.name)

    def _do(self, work: Work, term: Term, after: Mapping[str, str] | None) -> None:
        try:
            _log.info("job %s begins (%s)", work.job.name, work.run.trigger)
            ended = works.do(self._vault, self._library, self._kinds, work)
            works.tell(ended)
            if after is not None and ended.state != "interrupted":
                self._vault.ledger.schedule.look(work.job.name, after, term=term)
        except BarledgerError as error:
            _log.warning("the end of %s could not be noted: %s", work.job.name, error)
        finally:
            with self._lock:
                self._active.pop(work.run.id, None)

    # --- the end ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Begin nothing more, and let what runs come to its end; `beat` goes on until `leave`."""
        self._stopping = True
        self._guard.set()

    def leave(self) -> list[Run]:
        """Note what has not come to its end as interrupted, so that it is run again, and make room for another."""
        left = []
        for work in self.active.values():
            try:
                ended = self._vault.ledger.schedule.end(
                    work.run, state="interrupted", result={}, error=STOPPED, again=True
                )
                left.append(ended)
            except BarledgerError as error:
                _log.warning("the end of %s could not be noted: %s", work.job.name, error)
        with self._leading:
            if self._term is not None:
                self._vault.ledger.schedule.resign(self._term)
                self._term = None
        return left
