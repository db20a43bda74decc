"""Guards: how a job learns that it has to stop, even if nobody could tell it."""

from collections.abc import Callable
from threading import Event


class Guard(Event):
    """An event that is also set once the lease is over by a clock that runs while the process is stopped.

    So a runner that was stopped (SIGSTOP, a sleeping machine) and wakes up finds it set before it does anything.
    """

    def __init__(self, steady: Callable[[], float], *, until: float) -> None:
        """Hold until a reading of the clock (seconds)."""
        super().__init__()
        self._steady = steady
        self._until = until

    def prolong(self, until: float) -> None:
        """Hold for longer, unless it is over already."""
        if not self.is_set():
            self._until = until

    @property
    def remaining(self) -> float:
        """Return the seconds left, perhaps below zero."""
        return self._until - self._steady()

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for it, rather than that the lease is over."""
        return super().is_set()

    def is_set(self) -> bool:
        """Whether the job has to stop."""
        return super().is_set() or self.remaining <= 0
