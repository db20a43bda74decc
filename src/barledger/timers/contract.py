"""What timers promise: calls at intervals, each by itself, until they are stopped."""

from abc import ABC, abstractmethod
from collections.abc import Callable


class Timers(ABC):
    """Calls functions at intervals, in threads of its own; a call that has not ended is not made a second time."""

    @abstractmethod
    def every(self, seconds: float, call: Callable[[], None], *, name: str) -> None:
        """Call it at once, and again each so many seconds; what it raises is its own affair."""

    @abstractmethod
    def start(self) -> None:
        """Begin."""

    @abstractmethod
    def stop(self) -> None:
        """Make no more calls, and wait for those that were made."""
