"""The command with several workers: one port, each job done once, and an end that hands over."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from barledger import connect
from barledger.services.access.owner import kept_key
from commands import Cli
from libraries import frame
from serving import bearer

pytestmark = pytest.mark.slow
_PATIENCE = 120


@pytest.fixture
def port() -> int:
    """A port that nobody uses just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command itself, serving the library in the data folder, once it answers."""
    command = [sys.executable, "-c", "from barledger.cli import main; main()", "serve", "--port", str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy()) as process:
        try:
            until(lambda: process.poll() is not None or answers(port))
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=_PATIENCE)


def until(condition: Callable[[], Any]) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + _PATIENCE
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


@pytest.fixture
def asking(home: Path, port: int) -> Callable[..., httpx.Response]:
    """A function that asks the server with its owner's key, each time on a new connection."""

    def ask(method: str, path: str, **given: Any) -> httpx.Response:
        headers = bearer(kept_key(home, port))
        return httpx.request(method, f"http://127.0.0.1:{port}{path}", headers=headers, timeout=60, **given)

    return ask


def test_workers_share_a_port_the_jobs_and_the_counts(
    home: Path, port: int, asking: Callable[..., httpx.Response]
) -> None:
    with connect(home) as bl:
        bl.write("AAPL", "1d", frame(range(300)), source="desk")
    with serving(port, "--workers", "2", "--log-format", "json") as process:
        until(lambda: len(children(process)) == 2)
        urls = [asking("POST", "/api/v1/jobs/verify", json={}).json()["url"] for _ in range(8)]
        until(lambda: all(asking("GET", url).json()["state"] == "done" for url in urls))
        for _ in range(20):
            assert asking("GET", "/api/v1/data/ohlcv/AAPL/1d").status_code == 200
        told = asking("GET", "/metrics").text
        counted = [
            line for line in told.splitlines() if line.startswith("barledger_requests_total") and "ohlcv" in line
        ]
        assert sum(float(line.rpartition(" ")[2]) for line in counted) == 20
        with connect(home) as bl:
            ended = bl.jobs.list(states="done")
            assert len(ended) == 8
            assert all(one.deaths == 0 for one in ended)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=_PATIENCE)
        assert process.returncode == 0, err
        logged = [json.loads(line) for line in err.splitlines() if line.startswith(b"{")]
        assert {line["key"] for line in logged if line["logger"] == "barledger.access"} >= {f"owner-{port}"}
        assert b"Traceback" not in err


def test_a_worker_that_is_killed_is_started_anew_and_its_job_goes_on(
    home: Path, port: int, asking: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BARLEDGER_SCHEDULE_LEASE", "2")
    with connect(home) as bl:
        for number in range(40):
            bl.write(f"S{number}", "1d", frame(range(300)), source="desk")
    with serving(port, "--workers", "2", "--jobs", "1") as process:
        until(lambda: len(children(process)) == 2)
        before = children(process)
        urls = [asking("POST", "/api/v1/jobs/verify", json={}).json()["url"] for _ in range(4)]
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(children(process)) == 2 and not set(children(process)) & set(before))
        until(lambda: answers(port))
        until(lambda: all(asking("GET", url).json()["state"] == "done" for url in urls))


def test_the_schedule_runs_inside_when_it_is_asked_for(
    home: Path, port: int, asking: Callable[..., httpx.Response]
) -> None:
    with connect(home) as bl:
        bl.write("AAPL", "1d", frame(range(300)), source="desk")
        bl.schedule.add("often", "verify", when="every 1m")
    with serving(port, "--schedule"):
        until(lambda: "barledger_schedule_led 1.0" in asking("GET", "/metrics").text or time.sleep(10))
    with connect(home) as bl:
        assert bl.schedule.leader() is None, "whoever stops makes room at once"


def test_a_job_that_runs_when_the_server_stops_is_done_by_the_next(
    home: Path, port: int, asking: Callable[..., httpx.Response]
) -> None:
    with connect(home) as bl:
        for number in range(200):
            bl.write(f"S{number}", "1d", frame(range(100)), source="desk")
    with serving(port) as process:
        url = asking("POST", "/api/v1/jobs/verify", json={}).json()["url"]
        until(lambda: asking("GET", url).json()["state"] != "queued")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=_PATIENCE)
        assert process.returncode == 0, err
    with connect(home) as bl:
        assert bl.jobs.get(url.rpartition("/")[2]).state in {"interrupted", "done"}
    with serving(port):
        until(lambda: asking("GET", url).json()["state"] == "done")


def test_what_cannot_be_served_is_refused(cli: Cli) -> None:
    for wrong in (("--store", "memory:", "--workers", "2"), ("--log-format", "xml"), ("--host", "0.0.0.0")):  # noqa: S104
        told = cli.refused("serve", "--port", "8399", *wrong, code=2)
        assert told["error"] == "invalid-setting"
