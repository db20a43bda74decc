"""Libraries behind the HTTP face: what the tests of it share."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from barledger import BarLedger
from barledger.api.address import Address
from barledger.api.options import Options
from barledger.api.server import Serving, server_of

DAYS: Final = 300
"""So many daily bars each instrument has."""

PATIENCE: Final = 120
"""Seconds that other processes have to do what is waited for."""

OPTIONS: Final = Options(hosts=("localhost",))
KeyOf = Callable[..., str]
"""Makes a key with some scopes, and returns its text."""


def bearer(key: str) -> dict[str, str]:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A real server: its address, a key for everything, and the library behind it."""

    url: str
    key: str
    bl: BarLedger


# --- the server in this process --------------------------------------------------------------------


@contextmanager
def server_for(
    bl: BarLedger, *, protocol: type | None = None, app: Any = None, **options: Any
) -> Iterator[tuple[str, object]]:
    """Run a real server on a free port of loopback; gives its address and uvicorn's server.

    ``options`` are those of `Serving`; ``protocol`` and ``app`` stand for its own.
    """
    with Address(host="127.0.0.1", port=0).bind() as listening:
        encrypted = "tls_certificate" in options
        address = Address(host="127.0.0.1", port=listening.getsockname()[1], encrypted=encrypted)
        server = server_of(bl, Serving(address=address, **options))
        if protocol is not None:
            server.config.http = protocol
        if app is not None:
            server.config.app = app
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield address.url, server
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the server did not stop"


# --- the command -----------------------------------------------------------------------------------


@contextmanager
def commanded(port: int, *options: str, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The command itself, serving the library in the data folder, once it answers.

    Without a file for its log, that is a pipe, which takes few lines before the server waits for a reader.
    """
    command = [sys.executable, "-c", "from barledger.cli import main; main()", "serve", "--port", str(port), *options]
    with ExitStack() as opened:
        said = subprocess.PIPE if log is None else opened.enter_context(log.open("wb"))
        process = opened.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=os.environ.copy())
        )
        try:
            until(lambda: process.poll() is not None or answers(port))
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=PATIENCE)


def until(condition: Callable[[], Any]) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether a server answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """The workers of a server: its children that have its command in theirs."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
