"""Afterwards: what a session does once bars or corporate actions of instruments have changed, whoever changed them.

There is one place for it, behind the commit, so that nobody who writes has to remember it: an ingestion, a decision,
the undoing of one, a withdrawal. What depends on the bars, such as an adjusted series that is kept, is brought up then.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock

Follow = Callable[[Iterable[str]], None]


def _nothing(instruments: Iterable[str]) -> None:
    """Do nothing where nothing depends on the bars."""


class Afterwards:
    """Tells the instruments that changed to whoever follows them; threads may share it.

    Within `gathering`, as while a history is fetched in a thousand commits, they are told once, at its end.
    """

    def __init__(self) -> None:
        """Tell nobody yet."""
        self._follow: Follow = _nothing
        self._lock = Lock()
        self._open = 0
        self._gathered: set[str] = set()

    def tell(self, follow: Follow) -> None:
        """Tell this one from now on; it is called in the thread of whoever changed something, and raises nothing."""
        self._follow = follow

    def changed(self, instruments: Iterable[str]) -> None:
        """Say that bars or actions of these have changed, after that became true."""
        with self._lock:
            self._gathered |= {*instruments}
            if self._open:
                return
        self._flush()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Gather what changes, in whatever thread, and tell it at the end, also of what fails half-way."""
        with self._lock:
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            gathered, self._gathered = self._gathered, set()
        if gathered:
            self._follow(sorted(gathered))
