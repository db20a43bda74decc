"""Assignments: a job in the hands of one process, as the work itself sees it."""

from collections.abc import Callable
from pathlib import Path

from barledger.domain.job import Job, JobProgress
from barledger.services.schedule.guard import Guard


class Assignment(Guard):
    """The guard of one job: work looks at it between its steps, tells it how far it is, and asks it for a folder."""

    def __init__(
        self,
        job: Job,
        folder: Path,
        steady: Callable[[], float],
        *,
        until: float,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Hold until a reading of the clock (seconds); files go into the folder, which need not be there yet.

        ``cancelled`` asks the ledger whether somebody wants the job to end.
        """
        super().__init__(steady, until=until)
        self._cancelled = cancelled
        self.job = job
        self.folder = folder
        self.progress = job.progress
        self.ending = False
        """Whether its end is being noted: that it is nobody's then says nothing."""

    def is_over(self) -> bool:
        """Tell whether the job has to stop, by a look at the ledger itself: before what it made becomes its result."""
        if not self.is_set() and self._cancelled():
            self.set()
        return self.is_set()

    def tell(self, done: int, total: int = 0, text: str = "") -> None:
        """Say how far it is; it is written down with the next sign of life."""
        self.progress = JobProgress(done=done, total=total, text=text)
