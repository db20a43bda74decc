"""Heartbeats: what is to be done again and again while a commit lasts, at hardly any cost to those that do not last.

Most commits are over long before their first beat is due. So one thread of the process watches all of them, and only
for one that is still there when it is due a thread of its own is started, which may wait for a slow ledger.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import Final

_IDLE: Final = 5.0
"""Seconds after which the thread ends if there is nothing to watch."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Watched:
    beat: Callable[[], bool]
    every: float
    due: float
    stop: Event = field(default_factory=Event)
    thread: Thread | None = None

    def run(self) -> None:
        while not self.stop.is_set() and self.beat() and not self.stop.wait(self.every):
            pass


class Heartbeats:
    """Beats for whoever is watched; threads may share it."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._pid = os.getpid()
        self._watched: set[_Watched] = set()
        self._news = Condition()
        self._wakes = 0.0
        self._thread: Thread | None = None

    def begin(self, beat: Callable[[], bool], *, every: float) -> Callable[[], None]:
        """Call ``beat`` every so many seconds until it returns False, or until what this returns is called."""
        one = _Watched(beat=beat, every=every, due=time.monotonic() + every)
        with self._news:
            self._watched.add(one)
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._watch, name="barledger-heartbeats", daemon=True)
                self._wakes = one.due
                self._thread.start()
            elif one.due < self._wakes:
                self._news.notify()
        return lambda: self._end(one)

    def _end(self, one: _Watched) -> None:
        with self._news:
            self._watched.discard(one)
            one.stop.set()
        if one.thread is not None:
            one.thread.join()

    def _watch(self) -> None:
        with self._news:
            while True:
                now = time.monotonic()
                waiting = [one for one in self._watched if one.thread is None]
                for one in (each for each in waiting if each.due <= now):
                    one.thread = Thread(target=one.run, name="barledger-heartbeat", daemon=True)
                    one.thread.start()
                self._wakes = min((one.due for one in waiting if one.thread is None), default=now + _IDLE)
                if not self._news.wait(max(self._wakes - now, 0.0)) and not self._watched:
                    self._thread = None
                    return

    @property
    def of_this_process(self) -> bool:
        """Whether it was made here, and not before a fork."""
        return self._pid == os.getpid()


_KEPT: Final[list[Heartbeats]] = []


def heartbeats() -> Heartbeats:
    """Return those of this process."""
    if not _KEPT or not _KEPT[0].of_this_process:
        _KEPT[:] = [Heartbeats()]
    return _KEPT[0]
