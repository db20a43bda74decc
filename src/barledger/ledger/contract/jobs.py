"""Jobs that somebody asked for: a queue, from which each is taken by one process."""

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from barledger.domain.job import Job, JobProgress, JobState
from barledger.ledger.contract.revisions import Who


class Jobs(ABC):
    """Jobs by id. A running one whose process does not say in time that it lives is shown as interrupted."""

    @abstractmethod
    def submit(self, job: Job, who: Who, *, most: int) -> Job:
        """Put a job into the queue, with an audit entry; raises `QueueFull` if ``most`` have not ended."""

    @abstractmethod
    def get(self, job_id: str) -> Job:
        """Return a job; raises `QueuedJobNotFound`."""

    @abstractmethod
    def list(
        self, *, states: Sequence[JobState] | None = None, before: int | None = None, limit: int | None = None
    ) -> builtins.list[Job]:
        """Return jobs, the newest first: those in these states, and made before a time (ns)."""

    @abstractmethod
    def changed(self, after: int, *, limit: int) -> builtins.list[Job]:
        """Return the jobs that changed after a time (ns), by ``changed_at``, each as it is now."""

    @abstractmethod
    def claim(self, runner: str, *, kinds: Sequence[str], seconds: float) -> Job | None:
        """Take the oldest job that waits, or whose process died, for so long; None if there is none of these kinds.

        Of all who ask one gets it. A job of which too many processes died (`MOST_DEATHS`) is noted as failed instead.
        """

    @abstractmethod
    def keep(self, job: Job, progress: JobProgress, *, seconds: float) -> Job:
        """Say that a job goes on for so long, and how far it is; tells in ``cancel_asked`` whether it should not.

        Raises `RunnerLost` if it was taken for dead.
        """

    @abstractmethod
    def end(self, job: Job, *, state: JobState, result: Mapping[str, Any], error: str = "", code: str = "") -> Job:
        """Note how a job ended, or that it was interrupted and can be taken by another at once.

        One that was interrupted though it was to be cancelled is cancelled. Raises `RunnerLost` if it was taken for
        dead.
        """

    @abstractmethod
    def cancel(self, job_id: str, who: Who) -> Job:
        """Cancel what waits, and ask what runs to stop, with an audit entry; what has ended stays as it is.

        Raises `QueuedJobNotFound`.
        """

    @abstractmethod
    def forget(self, *, kept: int) -> builtins.list[str]:
        """Forget the oldest jobs that have ended, so that at most so many of them are kept; returns their ids."""


MOST_DEATHS = 3
"""A job that took so many processes with it is not tried again."""
