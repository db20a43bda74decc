"""Workers: several processes on one socket, watched by one that serves nothing itself."""

import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from barledger.api.server import Serving, serve
from barledger.barledger import open_barledger
from barledger.errors import InvalidSetting

# What prometheus-client looks for; named here too, since importing it must wait until the folder is there.
_COUNTED_IN: Final = "PROMETHEUS_MULTIPROC_DIR"
_LOOK: Final = 0.2
# A worker that dies at once, again and again, is started anew ever more slowly.
_LONGEST_WAIT: Final = 30.0
_LONG_ENOUGH: Final = 60.0
_SPARE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Where each worker opens the library: they share nothing but the store and the ledger."""

    store: str
    ledger: str


class Workers:
    """Keeps as many workers as are wanted, starts those anew that die, and stops all of them."""

    def __init__(self, library: Library, serving: Serving, listening: socket.socket) -> None:
        """Serve on this socket; raises `InvalidSetting` for a library that other processes cannot open."""
        if library.store == "memory:":
            raise InvalidSetting(setting="--workers", reason="a library in memory is that of one process")
        self._made = (library, serving, listening)
        self._serving = serving
        # Spawned, not forked: what a process has open (databases, threads) is none of another's business.
        self._processes = multiprocessing.get_context("spawn")
        self._running: list[Worker] = []
        self._stopping = False

    def run(self) -> None:
        """Run until SIGINT or SIGTERM; then let every worker end as a server alone does."""
        with ExitStack() as opened:
            counted = tempfile.mkdtemp(prefix="barledger-metrics-")
            opened.callback(shutil.rmtree, counted, ignore_errors=True)
            os.environ[_COUNTED_IN] = counted
            opened.callback(os.environ.pop, _COUNTED_IN, None)
            for one in (signal.SIGINT, signal.SIGTERM):
                opened.callback(signal.signal, one, signal.signal(one, self._told))
            self._running = [self._begun(wait=0.0) for _ in range(self._serving.workers)]
            try:
                while not self._stopping:
                    time.sleep(_LOOK)
                    self._running = [one if one.well else self._again(one) for one in self._running]
            finally:
                self._end()

    def _told(self, _: int, __: FrameType | None) -> None:
        self._stopping = True

    def _begun(self, *, wait: float) -> "Worker":
        process = self._processes.Process(target=_serve, args=self._made, name="barledger-worker")
        return Worker(process=process, wait=wait)

    def _again(self, dead: "Worker") -> "Worker":
        wait = min(max(dead.wait * 2, 0.5), _LONGEST_WAIT) if dead.lasted < _LONG_ENOUGH else 0.0
        return self._begun(wait=wait)

    def _end(self) -> None:
        for one in self._running:
            one.terminate()
        until = time.monotonic() + 2 * self._serving.grace + _SPARE
        for one in self._running:
            one.join(max(until - time.monotonic(), 0.1))


class Worker:
    """One process, begun after a wait (seconds)."""

    def __init__(self, *, process: Any, wait: float) -> None:
        """Begin now, or at the first look after the wait."""
        self.wait = wait
        self._process = process
        self._begins = time.monotonic() + wait
        self._begun = False
        self._start()

    @property
    def well(self) -> bool:
        """Whether it lives, or is still to begin."""
        self._start()
        return not self._begun or self._process.is_alive()

    @property
    def lasted(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self._begins

    def _start(self) -> None:
        if not self._begun and time.monotonic() >= self._begins:
            self._begun = True
            self._process.start()

    def terminate(self) -> None:
        """Tell it to end, if it has begun."""
        if self._begun:
            self._process.terminate()

    def join(self, seconds: float) -> None:
        """Wait for its end, and kill it after so long."""
        if not self._begun:
            return
        self._process.join(seconds)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(library: Library, serving: Serving, listening: socket.socket) -> None:
    """Serve in a process of its own."""
    # Between the start and uvicorn's own handlers a signal must not leave a traceback.
    stopped: Callable[[int, FrameType | None], None] = _leave
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, stopped)
    with open_barledger(library.store or None, ledger=library.ledger or None) as bl:
        serve(bl, serving, listening)


def _leave(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)
