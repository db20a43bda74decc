"""The command line on real libraries: commands in this process, and the data folder and stores that they use."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from barledger.cli.app import run
from conftest import INFLUX_SERVERS, influx_server_called
from servers import InfluxServer


class Cli:
    """Runs commands in this process, on the library that the environment names."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str | Path, code: int = 0) -> str:
        """Run a command, check its exit code, and return what it wrote to stdout."""
        self._capsys.readouterr()
        ended = run([str(argument) for argument in arguments])
        out, self.err = self._capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{self.err}"
        assert "Traceback" not in self.err
        return out

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """Run a command with --json and return its answer."""
        return json.loads(self(*arguments, "--json", code=code))

    def failing(self, *arguments: str | Path, code: int) -> str:
        """Run a command that fails and writes nothing to stdout, and return what it says to people."""
        assert self(*arguments, code=code) == ""
        return self.err

    def refused(self, *arguments: str | Path, code: int) -> dict[str, str]:
        """Run a command with --json that fails, and return the error; without --json it says the same to people."""
        said = "".join(
            line
            for line in self.failing(*arguments, code=code).splitlines(keepends=True)
            if not line.startswith("warning: ")
        )
        told: dict[str, str] = json.loads(self.failing(*arguments, "--json", code=code))
        assert set(told) - {"warnings"} == {"error", "message", "next_step"}
        assert said == f"error [{told['error']}] {told['message']}\n  next: {told['next_step']}\n"
        return told


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder, with no setting from outside."""
    for name in list(os.environ):
        if name.startswith("BARLEDGER_") and not name.startswith("BARLEDGER_TEST_") and name != "BARLEDGER_SAMPLE_DIR":
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BARLEDGER_ACTOR", "tester")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "home"


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Commands on the embedded library in the data folder, or on that of `place`."""
    assert not home.exists()
    return Cli(capsys)


_PLACES = [
    pytest.param("embedded", id="embedded"),
    *(pytest.param(name, id=name, marks=pytest.mark.influx) for name in INFLUX_SERVERS),
]


@pytest.fixture(params=_PLACES)
def place(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InfluxServer | None]:
    """Each kind of store, named by the environment as a user would; the server, if there is one."""
    assert not home.exists()
    if request.param == "embedded":
        yield None
        return
    server = influx_server_called(request.param, request)
    with server.bucket() as bucket:
        monkeypatch.setenv("BARLEDGER_URL", f"influxdb+{server.url}/{bucket}")
        monkeypatch.setenv("BARLEDGER_TOKEN", server.token)
        monkeypatch.setenv("BARLEDGER_ORG", server.org)
        yield server
