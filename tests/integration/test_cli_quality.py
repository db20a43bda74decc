"""The commands quality and verify: both outputs, exit codes, and hostile input."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from barledger.cli.app import run

JANUARY = ("--start", "2024-01-01", "--end", "2024-02-01")


class Cli:
    """Runs commands in this process, on the library that the environment names."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str | Path, code: int = 0) -> str:
        self._capsys.readouterr()
        ended = run([str(argument) for argument in arguments])
        out, self.err = self._capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{self.err}"
        assert "Traceback" not in self.err
        return out

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))

    def refused(self, *arguments: str | Path, code: int) -> str:
        """Return the code of the error that a command ends with."""
        assert self(*arguments, "--json", code=code) == ""
        return str(json.loads(self.err)["error"])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cli(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Commands on a folder, with two series of January 2024, of which one lacks a day."""
    for name in list(os.environ):
        if name.startswith("BARLEDGER_") and not name.startswith("BARLEDGER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BARLEDGER_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    given = Cli(capsys)
    for instrument, lacking in (("AAPL", 0), ("IBM", 1)):
        days = pd.date_range("2024-01-01", "2024-02-01", inclusive="left").strftime("%Y-%m-%d")
        path = tmp_path / f"{instrument}.csv"
        times = [*days[:10], *days[10 + lacking :]]
        pd.DataFrame({"time": times} | dict.fromkeys(("open", "high", "low", "close", "volume"), 1.5)).to_csv(
            path, index=False
        )
        given("ingest", instrument, "1d", "--source", "files", "--option", f"path={path}")
    return given


def flip(home: Path) -> None:
    """Flip a byte of the largest segment or log."""
    files = [path for path in (home / "store").rglob("*") if path.is_file()]
    segments = [path for path in files if "segments" in path.parts] or files
    largest = max(segments, key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 0x10
    largest.write_bytes(data)


def test_the_metrics_of_a_series_are_shown(cli: Cli) -> None:
    out = cli("quality", "IBM", "1d", *JANUARY)
    assert "IBM 1d from files, latest, [2024-01-01T00:00:00Z, 2024-02-01T00:00:00Z)" in out
    assert "0.9677" in out  # 30 of 31
    assert "31 expected, 30 present, 1 missing" in out
    assert "no other source has IBM 1d" in out
    assert "24/7 is assumed" in cli.err


def test_programs_get_numbers_as_text_where_they_are_large(cli: Cli) -> None:
    found = cli.json("quality", "IBM", "1d", *JANUARY)
    assert found["metrics"]["completeness"]["score"] == 30 / 31
    assert found["metrics"]["accuracy"]["score"] is None
    assert found["metrics"]["integrity"]["counts"]["blocks"] == 1
    assert found["interval"]["from"] == "2024-01-01T00:00:00Z"
    assert int(found["revision"]) > 10**18
    assert isinstance(found["measured_at"], str)
    assert found["recorded"]


def test_a_library_is_measured_and_summed_up(cli: Cli) -> None:
    out = cli("quality", "--all", *JANUARY)
    assert "over all series" in out
    assert "IBM 1d from files" in out
    found = cli.json("quality", "A*", "--all", *JANUARY, "--metrics", "completeness,integrity")
    assert [one["instrument"] for one in found["reports"]] == ["AAPL"]
    assert set(found["summary"]) == {"completeness", "integrity"}
    assert found["summary"]["completeness"]["mean"] == 1.0


def test_the_history_tells_what_was_measured(cli: Cli) -> None:
    assert cli.json("quality", "IBM", "1d", "--history") == []
    for _ in range(2):
        cli("quality", "IBM", "1d", *JANUARY)
    cli("quality", "IBM", "1d", *JANUARY, "--no-record")
    found = cli.json("quality", "IBM", "1d", "--history", "--metrics", "completeness")
    assert [one["scores"] for one in found] == [{"completeness": 30 / 31}] * 2
    assert "0.9677" in cli("quality", "IBM", "1d", "--history")
    assert cli.json("quality", "IBM", "1d", "--history", "--since", "2100-01-01") == []


def test_everything_is_verified_step_by_step(cli: Cli) -> None:
    assert cli.json("verify", "--all", "--budget", "1 block")["left"] == 1
    assert "1 blocks" in cli("verify", "--all", "--budget", "1 block")
    found = cli.json("verify", "--all", "--budget", "60s")
    assert (found["ok"], found["complete"], found["blocks"], found["rows"]) == (True, True, 2, 61)
    assert cli.json("verify", "IBM", "--all")["series"] == 1


def test_damage_is_named_and_ends_with_5(cli: Cli, home: Path) -> None:
    cli("snapshot", "create", "AAPL", "1d", "--id", "kept")
    cli("repair")
    flip(home)
    found = cli.json("verify", "--all", code=5)
    assert not found["ok"]
    assert found["damage"][0]["from"] == "2024-01-01T00:00:00Z"
    out = cli("verify", "--all", code=5)
    assert "damaged" in out
    name = found["damage"][0]["series"].split()[0]
    assert cli.json("quality", name, "1d", *JANUARY, code=5)["metrics"]["integrity"]["score"] == 0.0
    cli("quality", "--all", *JANUARY, code=5)


def test_a_snapshot_is_verified_by_its_name(cli: Cli) -> None:
    cli("snapshot", "create", "AAPL", "1d", "--id", "kept")
    assert cli.json("verify", "kept")["ok"]
    assert "what they were" in cli("verify", "kept")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("quality",), 2, "invalid-setting"),
        (("quality", "IBM"), 2, "invalid-setting"),
        (("quality", "IBM", "1d", "--metrics", "beauty"), 2, "invalid-setting"),
        (("quality", "IBM", "1d", "--since", "2024-01-01"), 2, "invalid-setting"),
        (("quality", "--all", "--history"), 2, "invalid-setting"),
        (("quality", "IBM", "1x"), 2, "invalid-timeframe"),
        (("quality", "IBM", "1d", "--start", "soon"), 2, "invalid-interval"),
        (("quality", "NEVER", "1d"), 3, "series-not-found"),
        (("quality", "N*", "--all"), 3, "series-not-found"),
        (("quality", "IBM", "1d", "--version", "nothing"), 3, "version-not-found"),
        (("verify",), 2, "invalid-setting"),
        (("verify", "nothing"), 3, "version-not-found"),
        (("verify", "kept", "--budget", "60s"), 2, "invalid-setting"),
        (("verify", "--all", "--budget", "soon"), 2, "invalid-setting"),
        (("verify", "--all", "--budget", "0"), 2, "invalid-setting"),
    ],
)
def test_wrong_usage_is_refused(cli: Cli, arguments: tuple[str, ...], code: int, error: str) -> None:
    assert cli.refused(*arguments, code=code) == error


def test_verifying_an_empty_library_says_that_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    for said in ("there was no library at", "holds no bars yet"):
        assert run(["verify", "--all", "--store", str(tmp_path / "none")]) == 0
        assert said in " ".join(capsys.readouterr().err.split())
