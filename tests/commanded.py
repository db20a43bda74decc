"""The command itself as a server: a process of its own with its workers, seen from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from barledger.services.access.owner import kept_key
from serving import bearer

PATIENCE = 120
"""Seconds that a busy machine may need for what other processes do."""
_SHOWN = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """A running command; ``out`` and ``err`` are the files that it writes to: pipes that nobody reads get full."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    out: Path
    err: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """The header that shows the owner's key."""
        return bearer(kept_key(self.home, self.port))

    @property
    def workers(self) -> list[int]:
        """The processes that serve: its children that have its command in theirs, or itself."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in listed if _is_worker(pid)]

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Ask with the owner's key, each time on a new connection."""
        return httpx.request(method, f"{self.url}{path}", **{"headers": self.headers, "timeout": 60, **given})

    def stop(self, told: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, and return with which code it did."""
        self.process.send_signal(told)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """Kill it with all its workers at once, as a power cut would."""
        for pid in (*self.workers, self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


@contextmanager
def commanded(
    home: Path, port: int, *options: str, environment: Mapping[str, str] | None = None, workers: int = 0
) -> Iterator[Commanded]:
    """Run ``barledger serve`` until the end of the block, once it answers; ``workers`` are waited for.

    What fails meanwhile has with it what the command said.
    """
    command = [sys.executable, "-c", "from barledger.cli import main; main()", "serve", "--port", str(port), *options]
    # Beside the data folder, which the command makes by itself.
    said = home.with_name(f"{home.name}-serve-{time.time_ns()}")
    out, err = said.with_suffix(".out"), said.with_suffix(".err")
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(command, stdout=to_out, stderr=to_err, env={**os.environ, **(environment or {})})
    server = Commanded(process=process, port=port, home=home, out=out, err=err)
    try:
        until(lambda: process.poll() is not None or (answers(server) and len(server.workers) >= workers))
        assert process.poll() is None
        yield server
    except BaseException as error:
        error.add_note(f"{err}:\n{err.read_text(errors='replace')[-_SHOWN:]}")
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def until(condition: Callable[[], Any], *, seconds: float = PATIENCE) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def answers(server: Commanded) -> bool:
    """Whether a server answers."""
    try:
        return httpx.get(f"{server.url}/health", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a process holds: memory in MB, connections, threads."""

    megabytes: float
    sockets: int
    threads: int

    @staticmethod
    def by(pid: int) -> "Held":
        """Look at a process now."""
        told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return Held(
            megabytes=int(told["VmRSS"].split()[0]) / 1024,
            sockets=sum(_is_socket(one) for one in Path(f"/proc/{pid}/fd").iterdir()),
            threads=int(told["Threads"]),
        )


def _is_worker(pid: str) -> bool:
    try:
        return b"spawn_main" in Path("/proc", pid, "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_socket(file: Path) -> bool:
    try:
        return file.readlink().name.startswith("socket:")
    except FileNotFoundError:
        return False
