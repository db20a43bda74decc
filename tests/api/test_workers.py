"""The command with several workers: one port, each job done once, and an end that hands over."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from barledger import connect
from commanded import answers, commanded, until
from commands import Cli
from libraries import frame
from servers import free_ports

pytestmark = pytest.mark.slow


@pytest.fixture
def port() -> int:
    """A port that nobody uses just now."""
    return free_ports(1)[0]


def test_workers_share_a_port_the_jobs_and_the_counts(home: Path, port: int) -> None:
    with connect(home) as bl:
        bl.write("AAPL", "1d", frame(range(300)), source="desk")
    with commanded(home, port, "--workers", "2", "--log-format", "json", workers=2) as server:
        urls = [server.ask("POST", "/api/v1/jobs/verify", json={}).json()["url"] for _ in range(8)]
        until(lambda: all(server.ask("GET", url).json()["state"] == "done" for url in urls))
        for _ in range(20):
            assert server.ask("GET", "/api/v1/data/ohlcv/AAPL/1d").status_code == 200
        told = server.ask("GET", "/metrics").text
        counted = [
            line for line in told.splitlines() if line.startswith("barledger_requests_total") and "ohlcv" in line
        ]
        assert sum(float(line.rpartition(" ")[2]) for line in counted) == 20
        with connect(home) as bl:
            ended = bl.jobs.list(states="done")
            assert len(ended) == 8
            assert all(one.deaths == 0 for one in ended)
        assert server.stop() == 0
        err = server.err.read_bytes()
        logged = [json.loads(line) for line in err.splitlines() if line.startswith(b"{")]
        assert {line["key"] for line in logged if line["logger"] == "barledger.access"} >= {f"owner-{port}"}
        assert b"Traceback" not in err


def test_a_worker_that_is_killed_is_started_anew_and_its_job_goes_on(home: Path, port: int) -> None:
    with connect(home) as bl:
        for number in range(40):
            bl.write(f"S{number}", "1d", frame(range(300)), source="desk")
    soon = {"BARLEDGER_SCHEDULE_LEASE": "2"}
    with commanded(home, port, "--workers", "2", "--jobs", "1", environment=soon, workers=2) as server:
        before = server.workers
        urls = [server.ask("POST", "/api/v1/jobs/verify", json={}).json()["url"] for _ in range(4)]
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(server.workers) == 2 and not set(server.workers) & set(before))
        until(lambda: answers(server))
        until(lambda: all(server.ask("GET", url).json()["state"] == "done" for url in urls))


def test_the_schedule_runs_inside_when_it_is_asked_for(home: Path, port: int) -> None:
    with connect(home) as bl:
        bl.write("AAPL", "1d", frame(range(300)), source="desk")
        bl.schedule.add("often", "verify", when="every 1m")
    with commanded(home, port, "--schedule") as server:
        until(lambda: "barledger_schedule_led 1.0" in server.ask("GET", "/metrics").text or time.sleep(10))
    with connect(home) as bl:
        assert bl.schedule.leader() is None, "whoever stops makes room at once"


def test_a_job_that_runs_when_the_server_stops_is_done_by_the_next(home: Path, port: int) -> None:
    with connect(home) as bl:
        for number in range(200):
            bl.write(f"S{number}", "1d", frame(range(100)), source="desk")
    with commanded(home, port) as server:
        url = server.ask("POST", "/api/v1/jobs/verify", json={}).json()["url"]
        until(lambda: server.ask("GET", url).json()["state"] != "queued")
        assert server.stop() == 0
    with connect(home) as bl:
        assert bl.jobs.get(url.rpartition("/")[2]).state in {"interrupted", "done"}
    with commanded(home, port) as server:
        until(lambda: server.ask("GET", url).json()["state"] == "done")


def test_what_cannot_be_served_is_refused(cli: Cli) -> None:
    for wrong in (("--store", "memory:", "--workers", "2"), ("--log-format", "xml"), ("--host", "0.0.0.0")):  # noqa: S104
        told = cli.refused("serve", "--port", "8399", *wrong, code=2)
        assert told["error"] == "invalid-setting"


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        (("--store", "http://127.0.0.1:9"), "--store"),
        (("--host", "no-such-host.invalid", "--proxy", "127.0.0.1"), "--host"),
        (("--host", "192.0.2.1", "--proxy", "127.0.0.1"), "--host"),
    ],
)
def test_what_is_wrong_with_an_address_is_named(cli: Cli, wrong: tuple[str, ...], setting: str) -> None:
    told = cli.refused("serve", "--port", "8399", *wrong, code=2)
    assert told["error"] == "invalid-setting"
    assert told["message"].startswith(f"{setting}: ")
