"""Afterwards: what a session does once bars or corporate actions of instruments have changed, whoever changed them.

There is one place for it, behind the commit, so that nobody who writes has to remember it: an ingestion, a decision,
the undoing of one, a withdrawal. What depends on the bars, such as an adjusted series that is kept, is brought up then,
and who relies on bars that were others before is told.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np

from barledger.domain.rows import Ints
from barledger.domain.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Bars of a series that are others now, or gone: their times (ns), the newest revision, and what set it off."""

    series: Series
    times: Ints
    revision: int
    trigger: str


Follow = Callable[[Iterable[str]], None]
Heed = Callable[[Superseded], None]


def _nothing(_: object) -> None:
    """Do nothing where nothing depends on the bars."""


class Afterwards:
    """Tells what changed to whoever follows it; threads may share it.

    Within `gathering`, as while a history is fetched in a thousand commits, it is told once, at its end.
    """

    def __init__(self) -> None:
        """Tell nobody yet."""
        self._follow: Follow = _nothing
        self._heed: Heed = _nothing
        self._lock = Lock()
        self._open = 0
        self._changed: set[str] = set()
        self._superseded: dict[tuple[Series, str], list[Superseded]] = {}

    def tell(self, *, follow: Follow | None = None, heed: Heed | None = None) -> None:
        """Tell these from now on, in the thread of whoever changed something, whom what they raise reaches.

        ``follow`` is told the instruments of which anything has changed, ``heed`` the bars that are others now.
        """
        self._follow = follow or self._follow
        self._heed = heed or self._heed

    def changed(self, instruments: Iterable[str], superseded: Iterable[Superseded] = ()) -> None:
        """Say that bars or actions of these have changed, after that became true."""
        with self._lock:
            self._changed |= {*instruments}
            for one in superseded:
                self._superseded.setdefault((one.series, one.trigger), []).append(one)
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
            changed, self._changed = self._changed, set()
            superseded, self._superseded = self._superseded, {}
        for listed in superseded.values():
            self._heed(_together(listed))
        if changed:
            self._follow(sorted(changed))


def _together(listed: list[Superseded]) -> Superseded:
    times = np.unique(np.concatenate([one.times for one in listed]))
    revision = max(one.revision for one in listed)
    return Superseded(series=listed[0].series, times=times, revision=revision, trigger=listed[0].trigger)
