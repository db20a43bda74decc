"""A server in the background: started, waited for until it answers, and stopped by whoever comes later.

The process holds a lock on the file that names it, for as long as it lives, so that nobody ever stops another process
that has its number by now.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from barledger.errors import Busy, StoreTimeout, StoreUnavailable
from barledger.services.access.owner import key_file
from barledger.stores.embedded.lock import try_lock

_HOST: Final = "127.0.0.1"
_COMMAND: Final = "import sys; sys.argv[0] = 'barledger'; from barledger.cli import main; main()"
_LOOK: Final = 0.1
_PATIENCE: Final = 60.0
_SHOWN: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A server that runs behind everything else: its address, its process, and where its log and its key are."""

    url: str
    pid: int
    log: str
    key_file: str


def start(file: Path, *, home: Path, store: str, ledger: str, port: int) -> Background:
    """Start a server for a library, and return once it answers; ``file`` names it from then on.

    It listens on loopback, on ``port`` or, if that is taken, on any other. Raises `StoreUnavailable` where it ends,
    with what it said, `StoreTimeout` where it says nothing, and `Busy` where the one that the file names still runs.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = _free_port(port)
    log = file.with_suffix(".log")
    options = ["serve", "--host", _HOST, "--port", str(port), "--store", store]
    options += ["--ledger", ledger] if ledger else []
    with file.open("a+") as naming, log.open("wb") as said:
        if not try_lock(naming.fileno()):
            raise Busy(what=str(file), waited=0.0)
        process = subprocess.Popen(  # noqa: S603 - this interpreter, and words of our own
            [sys.executable, "-c", _COMMAND, *options],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=os.environ | {"BARLEDGER_HOME": str(home)},
            pass_fds=[naming.fileno()],
            start_new_session=True,
        )
        made = Background(
            url=f"http://{_HOST}:{port}", pid=process.pid, log=str(log), key_file=str(key_file(home, port))
        )
        try:
            _await(process, made)
        except BaseException:
            process.kill()
            process.wait()
            raise
        # It is on purpose that nobody here waits for its end.
        process.returncode = 0
        naming.truncate(0)
        naming.write(json.dumps(asdict(made)))
    return made


def stop(file: Path) -> Background | None:
    """Stop the server that a file names, and return once it is gone; None if there is none.

    Raises `StoreTimeout` if it does not end.
    """
    try:
        naming = file.open("r+")
    except FileNotFoundError:
        return None
    with naming:
        if try_lock(naming.fileno()):
            file.unlink()
            return None
        found = Background(**json.loads(naming.read()))
        os.kill(found.pid, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE
        while not try_lock(naming.fileno()):
            if time.monotonic() > until:
                raise StoreTimeout(url=found.url, detail=f"process {found.pid} does not end")
            time.sleep(_LOOK)
        file.unlink()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a server answered: its status, its headers by their names in small letters, and how many bytes it sent."""

    status: int
    headers: dict[str, str]
    size: int


def answer_of(url: str, key_file: str = "", *, tag: str = "") -> Answered:
    """Ask a server on this machine, with the key that a file holds; ``tag`` is that of an answer that one has."""
    headers = {"If-None-Match": tag} if tag else {}
    if key_file:
        headers["Authorization"] = f"Bearer {Path(key_file).read_text().strip()}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = opener.open(urllib.request.Request(url, headers=headers), timeout=_PATIENCE)  # noqa: S310 - loopback
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(status=answer.status, headers=told, size=len(answer.read()))


def _free_port(wanted: int) -> int:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((_HOST, wanted))
        except OSError:
            tried.bind((_HOST, 0))
        return int(tried.getsockname()[1])


def _await(process: "subprocess.Popen[bytes]", made: Background) -> None:
    until = time.monotonic() + _PATIENCE
    while not _answers(made.url):
        if process.poll() is not None:
            said = Path(made.log).read_text(errors="replace").strip()[-_SHOWN:]
            raise StoreUnavailable(url=made.url, detail=f"the server ended at once: {said}")
        if time.monotonic() > until:
            raise StoreTimeout(url=made.url, detail=f"the server does not answer; see {made.log}")
        time.sleep(_LOOK)


def _answers(url: str) -> bool:
    try:
        return answer_of(f"{url}/health").status == 200
    except OSError:
        return False
