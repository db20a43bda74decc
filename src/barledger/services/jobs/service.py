"""JobService: work that takes longer than a caller waits, done by one process among many."""

import builtins
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, Final

from barledger.domain.job import Job, JobState, new_job_id
from barledger.domain.series import normalise_instrument
from barledger.errors import InvalidSetting, JobUnfinished
from barledger.services.cache.vault import Vault
from barledger.services.jobs import results
from barledger.services.jobs.kinds import asked_for
from barledger.services.jobs.runner import WORKERS, JobRunner
from barledger.services.schedule.kinds import JobKinds
from barledger.services.schedule.runner import Spawn, in_thread
from barledger.services.schedule.scope import names_in

GRACE: Final = 30.0
_LOOK: Final = 0.25


class JobService:
    """Takes jobs, tells what became of them, and works on them where a process is there for it."""

    def __init__(self, vault: Vault, library: Any, *, home: Path, most: int = 200, lease: float = 30.0) -> None:
        """Work on this library; files go into the data folder, and at most so many jobs wait, and are remembered."""
        self._vault, self._library = vault, library
        self._home, self._most, self._lease = home, most, lease
        self.kinds: JobKinds = asked_for()

    # --- asking ----------------------------------------------------------------------------------

    def submit(self, kind: str, options: Mapping[str, Any] | None = None, *, reason: str = "") -> Job:
        """Put a job into the queue; what could never be done is refused here.

        Raises `JobKindMissing`, `InvalidSetting`, `QueueFull`, `ReadOnly`, and what the kind's own check raises.
        """
        self._vault.check_writable()
        given = {name: value for name, value in (options or {}).items() if value is not None}
        chosen = self.kinds.checked(kind, self._library, given)
        about = self.concerned(given)
        job = Job(id=new_job_id(), kind=chosen.name, options=given, instruments=about)
        return self._vault.ledger.jobs.submit(job, self._vault.who("submit-job", reason=reason), most=self._most)

    def concerned(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the instruments that a job with these options reads or writes; none for the whole library.

        That is with those that snapshots hold, and those that indicators are computed with beside their own.
        """
        named = [*names_in(options)]
        pattern = options.get("pattern", "*")
        if not named and not set(pattern) & set("*?["):
            named = [normalise_instrument(pattern)]
        for version in options.get("versions", ()):
            named += [pin.series.instrument for pin in self._library.cache.find(version).pins]
        if named and options.get("indicators"):
            named += self._library.indicators.instruments(options["indicators"])
        return tuple(dict.fromkeys(map(normalise_instrument, named)))

    def get(self, job_id: str) -> Job:
        """Return a job; raises `QueuedJobNotFound`."""
        return self._vault.ledger.jobs.get(job_id)

    def list(
        self,
        *,
        states: JobState | Sequence[JobState] | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> builtins.list[Job]:
        """Return jobs, the newest first: those in these states, and made before a time (ns)."""
        wanted = [states] if isinstance(states, str) else states
        return self._vault.ledger.jobs.list(states=wanted, before=before, limit=limit)

    def cancel(self, job_id: str, *, reason: str = "") -> Job:
        """Cancel what waits, and ask what runs to stop between two steps; what was stored by then stays.

        A job that has ended stays as it is. Raises `QueuedJobNotFound`.
        """
        self._vault.check_writable()
        return self._vault.ledger.jobs.cancel(job_id, self._vault.who("cancel-job", reason=reason))

    def result(self, job_id: str) -> Mapping[str, Any]:
        """Return the summary of a job that is done; raises `QueuedJobNotFound`, and `JobUnfinished` if it is not."""
        job = self.get(job_id)
        if job.state != "done":
            raise JobUnfinished(job=job_id, state=job.state)
        return job.result

    def file(self, job_id: str, name: str) -> Path:
        """Return a file that a job made; raises `QueuedJobNotFound`, `JobUnfinished` and `JobFileNotFound`."""
        return results.file_of(results.jobs_folder(self._home) / job_id, self.result(job_id), name)

    # --- working ---------------------------------------------------------------------------------

    def runner(self, *, workers: int = WORKERS, lease: float | None = None, spawn: Spawn = in_thread) -> JobRunner:
        """Return a runner that somebody else drives, by calling its `step`: a server, or a test."""
        self._vault.check_writable()
        return JobRunner(
            self._vault,
            self._library,
            self.kinds,
            home=self._home,
            kept=self._most,
            lease=self._lease if lease is None else lease,
            workers=workers,
            spawn=spawn,
        )

    def run(
        self, stop: Event, *, workers: int = WORKERS, lease: float | None = None, grace: float = GRACE
    ) -> builtins.list[Job]:
        """Work on the queue until ``stop`` is set, ``workers`` jobs at once, and return what is handed over then.

        What runs has ``grace`` seconds to come to where another process can go on. If this process dies, another takes
        its jobs once their lease (in seconds) is over.
        """
        if not (lease is None or lease > 0) or not grace >= 0 or workers < 1:
            raise InvalidSetting(setting="workers", reason="one at least works, lease is above 0, grace not below")
        runner = self.runner(workers=workers, lease=lease)
        try:
            while not stop.is_set():
                runner.step()
                stop.wait(min(_LOOK, (self._lease if lease is None else lease) / 4))
        finally:
            runner.stop()
            deadline = time.monotonic() + grace
            while runner.active and time.monotonic() < deadline:
                runner.step()
                time.sleep(0.02)
            left = runner.leave()
        return left
