"""Processes of their own: forks that do one thing and tell the result."""

import os
import pickle
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Process:
    """A fork that runs an action; it must open what it uses by itself, and nothing may be open here when it begins."""

    action: Callable[[], Any]
    pid: int = field(init=False)
    _read: int = field(init=False)

    def __post_init__(self) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            try:
                told: Any = self.action()
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent wants to know it
                told = error
            with os.fdopen(write, "wb") as pipe:
                pickle.dump(told, pipe)
            os._exit(0)
        os.close(write)

    def result(self) -> Any:
        """Wait for the end and return what the action returned, or raised; None if it was killed."""
        with os.fdopen(self._read, "rb") as pipe:
            data = pipe.read()
        os.waitpid(self.pid, 0)
        return pickle.loads(data) if data else None  # noqa: S301 - our own child

    def wait_until_stopped(self) -> None:
        """Wait until it has stopped itself."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it ended instead of stopping: {status}"

    def wake(self) -> None:
        """Let a stopped process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill_after(self, seconds: float) -> bool:
        """Kill it unless it ends before; tells whether it was killed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return False
            time.sleep(0.0005)
        os.kill(self.pid, signal.SIGKILL)
        return True


def stop_here() -> None:
    """Stop this process until somebody wakes it."""
    os.kill(os.getpid(), signal.SIGSTOP)
