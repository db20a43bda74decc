"""The demo's server: it runs behind everything else until somebody stops it, and nobody stops anything else."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from barledger import connect
from barledger.cli import background
from barledger.errors import StoreUnavailable
from commands import Cli
from libraries import frame

COMMAND = "import sys; sys.argv[0] = 'barledger'; from barledger.cli import main; main()"


def spawned(*arguments: str) -> Any:
    """Run the command in a process of its own, and return what it tells as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments, "--json"],
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def answers(url: str) -> bool:
    """Whether somebody serves there."""
    try:
        return httpx.get(f"{url}/health", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def port() -> int:
    """A port that nobody uses just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def file(home: Path) -> Iterator[Path]:
    """The file that names a server in the background; whatever it names is stopped after the test."""
    made = home / "server" / "demo.json"
    yield made
    background.stop(made)


@pytest.mark.slow
def test_the_demo_is_served_until_it_is_stopped_and_anew_when_it_is_told_anew(file: Path, port: int) -> None:
    before = spawned("demo", "--serve", "--port", str(port))["server"]
    assert before["url"] == f"http://127.0.0.1:{port}"
    assert [one["status"] for one in before["answers"]] == [200, 304]
    assert (before["answers"][0]["same_digest"], before["answers"][1]["bytes"]) == (True, 0)
    with connect(before["url"]) as remote:
        assert len(remote.bars("AAPL", "1d", source="sample", start="2005-01-01")) == 2_054
    after = spawned("demo", "--serve", "--port", str(port))["server"]
    assert (after["url"], after["pid"] == before["pid"]) == (before["url"], False)
    assert [one["status"] for one in after["answers"]] == [200, 304]
    assert spawned("demo", "--stop") == {"stopped": after["url"]}
    assert not answers(after["url"])
    assert spawned("demo", "--stop") == {"stopped": None}
    assert not file.exists()


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A library with some bars."""
    with connect(tmp_path / "library") as bl:
        bl.write("AAPL", "1d", frame(range(10)), source="desk")
    return str(tmp_path / "library")


@pytest.mark.slow
def test_a_port_that_is_taken_is_left_to_whoever_has_it(file: Path, home: Path, store: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        made = background.start(file, home=home, store=store, ledger="", port=port)
        assert made.url != f"http://127.0.0.1:{port}"
        assert answers(made.url)
    stopped = background.stop(file)
    assert stopped == made
    assert not answers(made.url)


@pytest.mark.slow
def test_a_server_that_cannot_run_tells_why(file: Path, home: Path, tmp_path: Path, port: int) -> None:
    (tmp_path / "not-a-folder").touch()
    with pytest.raises(StoreUnavailable, match="ended at once: error"):
        background.start(file, home=home, store=str(tmp_path / "not-a-folder"), ledger="", port=port)
    assert background.stop(file) is None


def test_a_process_that_only_has_the_number_is_not_stopped(file: Path, cli: Cli) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        file.parent.mkdir(parents=True)
        named = {"url": "http://127.0.0.1:1", "pid": bystander.pid, "log": "", "key_file": ""}
        file.write_text(json.dumps(named))
        assert cli.json("demo", "--stop") == {"stopped": None}
        assert bystander.poll() is None
        assert not file.exists()
