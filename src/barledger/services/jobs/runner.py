"""The runner of jobs: takes them from the queue, says that they go on, and hands over what it cannot finish."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

from barledger import faults
from barledger.domain.job import NEXT_STEP, Job, JobState
from barledger.domain.notice import Notice
from barledger.errors import BarledgerError, RunnerLost
from barledger.services.cache.lease import steady_clock
from barledger.services.cache.vault import Vault
from barledger.services.jobs import results
from barledger.services.jobs.assignment import Assignment
from barledger.services.schedule.kinds import JobKinds
from barledger.services.schedule.runner import Spawn, in_thread, runner_name

WORKERS: Final = 2
_log = logging.getLogger("barledger.jobs")
# Seconds between two looks at whether a job is to be cancelled, and how far it is.
_LOOK: Final = 1.0


class JobRunner:
    """One of many processes that work on the queue; `step` is called again and again.

    Unlike the schedule it has no one runner: a job is taken under the ledger's lock, and so by one process. It is that
    process's for as long as its lease is prolonged; by the guard, work learns that it is over.
    """

    def __init__(
        self,
        vault: Vault,
        library: Any,
        kinds: JobKinds,
        *,
        home: Path,
        kept: int,
        lease: float,
        workers: int = WORKERS,
        spawn: Spawn = in_thread,
    ) -> None:
        """Stand by; ``lease`` is in seconds, and of jobs that have ended ``kept`` are remembered."""
        self._vault, self._library, self._kinds = vault, library, kinds
        self._home, self._kept, self._lease, self._workers, self._spawn = home, kept, lease, workers, spawn
        self.name = runner_name()
        self._active: dict[str, Assignment] = {}
        self._looked: dict[str, float] = {}
        self._lock = Lock()
        self._stopping = False

    @property
    def active(self) -> dict[str, Assignment]:
        """Return what runs just now, by the id of its job."""
        with self._lock:
            return dict(self._active)

    # --- what runs -------------------------------------------------------------------------------

    def step(self) -> None:
        """Keep alive what runs, and begin what waits; errors of the ledger are told in the log and tried again."""
        try:
            self._keep()
            while not self._stopping and len(self.active) < self._workers:
                if not self._take():
                    break
        except BarledgerError as error:
            _log.warning("the jobs wait: %s", error)

    def _keep(self) -> None:
        now = steady_clock()
        for name, assignment in self.active.items():
            told = assignment.progress != assignment.job.progress
            if now - self._looked.get(name, 0.0) < (_LOOK if told else min(_LOOK, self._lease / 4)):
                continue
            try:
                self._look(assignment, now, told=told)
            except RunnerLost as error:
                if not assignment.ending:
                    _log.warning("%s", error)
                    assignment.set()

    def _look(self, assignment: Assignment, now: float, *, told: bool) -> None:
        job = assignment.job
        if told or assignment.remaining < self._lease * 3 / 4:
            found = self._vault.ledger.jobs.keep(job, assignment.progress, seconds=self._lease)
            assignment.job = found
            assignment.prolong(now + self._lease)
        else:
            # Reading takes no lock from anybody.
            found = self._vault.ledger.jobs.get(job.id)
        self._looked[job.id] = now
        if found.cancel_asked:
            assignment.set()

    def _take(self) -> bool:
        asked_at = steady_clock()
        known = [kind.name for kind in self._kinds.all()]
        job = self._vault.ledger.jobs.claim(self.name, kinds=known, seconds=self._lease)
        if job is None:
            return False
        faults.reach("queue.claimed")
        folder = results.jobs_folder(self._home) / job.id
        jobs = self._vault.ledger.jobs
        assignment = Assignment(
            job,
            folder,
            steady_clock,
            until=asked_at + self._lease,
            cancelled=lambda: jobs.get(job.id).cancel_asked,
        )
        with self._lock:
            self._active[job.id] = assignment
            self._looked[job.id] = asked_at
        self._spawn(lambda: self._do(assignment), job.kind)
        return True

    # --- one job ---------------------------------------------------------------------------------

    def _do(self, assignment: Assignment) -> None:
        job = assignment.job
        try:
            _log.info("job %s (%s) begins", job.id, job.kind)
            ended = self._end(assignment, *self._attempt(assignment))
            _log.info("job %s is %s", job.id, ended.state)
            self._forget()
        except BarledgerError as error:
            _log.warning("the end of job %s could not be noted: %s", job.id, error)
        finally:
            with self._lock:
                self._active.pop(job.id, None)
                self._looked.pop(job.id, None)

    def _attempt(self, assignment: Assignment) -> tuple[Mapping[str, Any], str, str]:
        job = assignment.job
        try:
            library = self._library.acting_as(job.made_by)
            return self._kinds.get(job.kind).run(library, job.options, assignment) or {}, "", ""
        except RunnerLost:
            return {"unfinished": True}, "", ""
        except BarledgerError as error:
            return {NEXT_STEP: error.advice}, str(error), error.code
        except Exception as error:  # noqa: BLE001 - a job may raise anything, and the queue goes on
            # Its text may tell what belongs to nobody who asks; the log has it.
            _log.exception("job %s failed", job.id)
            return {}, f"something went wrong in the server: {type(error).__name__}", "internal"

    def _end(self, assignment: Assignment, result: Mapping[str, Any], error: str, code: str) -> Job:
        unfinished = bool(result.get("unfinished"))
        state: JobState = "failed" if error else "interrupted" if unfinished else "done"
        told = {name: value for name, value in result.items() if name != "unfinished"}
        faults.reach("queue.ending")
        assignment.ending = True
        ended = self._vault.ledger.jobs.end(self._told(assignment), state=state, result=told, error=error, code=code)
        if error:
            self._vault.notify(_failure(ended))
        return ended

    @staticmethod
    def _told(assignment: Assignment) -> Job:
        return replace(assignment.job, progress=assignment.progress)

    def _forget(self) -> None:
        results.remove(self._home, self._vault.ledger.jobs.forget(kept=self._kept))

    # --- the end ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Begin nothing more, and let what runs come to where another process can go on."""
        self._stopping = True
        for assignment in self.active.values():
            assignment.set()

    def leave(self) -> list[Job]:
        """Hand over what has not come to its end, so that another process takes it at once."""
        left = []
        for assignment in self.active.values():
            try:
                left.append(self._vault.ledger.jobs.end(self._told(assignment), state="interrupted", result={}))
            except BarledgerError as error:
                _log.warning("job %s could not be handed over: %s", assignment.job.id, error)
        return left


def _failure(job: Job) -> Notice:
    about = ", ".join(job.instruments[:3]) or "the library"
    return Notice(
        kind="job_failed",
        severity="warning",
        subject=f"job {job.kind} on {about} failed",
        about=job.id,
        body=job.error,
        details={"job": job.id, "kind": job.kind, "state": job.state, "error": job.error, "code": job.code},
    )
