"""What commands refuse, and how."""

from pathlib import Path

import pytest

from commands import Cli
from libraries import frame
from vendors import take, written


def test_a_server_that_is_down_is_told_from_a_wrong_address(cli: Cli) -> None:
    error = cli.refused("status", "--store", "influxdb+http://127.0.0.1:1/x", code=6)
    assert error["error"] == "store-unavailable"
    assert cli.refused("status", "--store", "mysql://127.0.0.1/x", code=2)["error"] == "invalid-setting"
    assert cli.refused("status", "--store", "influxdb+http://[::1/x", code=2)["error"] == "invalid-setting"


def test_damage_is_code_5(cli: Cli, home: Path, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(5_000))))
    cli("snapshot", "create", "AAPL", "1d", "--id", "x")
    cli("repair")
    segment = next((home / "store" / "segments").glob("*.segment"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    assert cli.refused("bars", "AAPL", "1d", code=5)["error"] == "store-damaged"
    told = cli.json("snapshot", "verify", "x", code=5)
    assert told["ok"] is False
    assert told["damage"]
    assert "is damaged" in cli("snapshot", "verify", "x", code=5)


HOSTILE: list[tuple[list[str], int, str]] = [
    (["bars", "", "1d"], 2, "invalid-name"),
    (["bars", "A\\", "1d"], 2, "invalid-name"),
    (["bars", "A\nB", "1d"], 2, "invalid-name"),
    (["bars", "[/red]", "1d"], 3, "series-not-found"),
    (["bars", "[bold]A", "1d"], 3, "series-not-found"),
    (["bars", "A", "7x"], 2, "invalid-timeframe"),
    (["bars", "A", "1d", "--start", "yesterday"], 2, "invalid-interval"),
    (["bars", "A", "1d", "--start", "2020-01-02", "--end", "2020-01-01"], 2, "invalid-interval"),
    (["bars", "A", "1d", "--version", "revision:x"], 2, "invalid-version"),
    (["bars", "A", "1d", "--version", "nothing-of-this-name"], 3, "version-not-found"),
    (["bars", "A", "1d", "--version", "strategy:none"], 3, "version-not-found"),
    (["ingest", "A", "1d", "--source", "nowhere"], 3, "source-not-found"),
    (["ingest", "A", "1d", "--source", "files"], 2, "invalid-setting"),
    (["ingest", "A", "1d", "--source", "files", "--option", "path=/nowhere.csv"], 6, "source-error"),
    (["ingest", "A", "1d", "--source", "files", "--option", "path"], 2, "invalid-setting"),
    (["ingest", "AAPL", "1d", "--source", "sample", "--option", "no_such=1"], 2, "invalid-setting"),
    (["ingest", "ZZZZ", "1d", "--source", "sample"], 3, "data-not-found"),
    (["snapshot", "create", "A", "1d"], 3, "series-not-found"),
    (["snapshot", "verify", "nothing"], 3, "version-not-found"),
    (["snapshot", "delete", "nothing"], 3, "version-not-found"),
    (["history", "A", "1d", "now-ish"], 3, "series-not-found"),
]


@pytest.mark.parametrize(("command", "code", "error"), HOSTILE, ids=lambda value: str(value)[:60])
def test_what_cannot_be_done_is_refused_with_a_code(cli: Cli, command: list[str], code: int, error: str) -> None:
    assert cli.refused(*command, code=code)["error"] == error


@pytest.mark.parametrize("command", [["nonsense"], ["bars"], ["bars", "A", "1d", "--nonsense"], ["snapshot", "x"]])
def test_wrong_usage_is_code_2(cli: Cli, command: list[str]) -> None:
    cli(*command, code=2)
    assert "Usage" in cli.err


def test_a_folder_that_cannot_be_made_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    error = cli.refused("status", "--store", tmp_path / "file", code=6)
    assert error["error"] == "store-unwritable"
    assert str(tmp_path / "file") in error["message"]


def test_options_go_before_the_environment_and_that_before_the_file(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "barledger.toml"
    file.write_text('actor = "from the file"\nlease = 12.5\n')
    monkeypatch.setenv("BARLEDGER_CONFIG", str(file))
    told = cli.json("status")["settings"]
    assert told["actor"] == {"value": "tester", "from": "environment (BARLEDGER_ACTOR)"}
    assert told["lease"] == {"value": "12.5", "from": f"file ({file})"}
    assert told["wait"]["from"] == "default"
    monkeypatch.delenv("BARLEDGER_ACTOR")
    assert cli.json("status")["settings"]["actor"]["value"] == "from the file"


@pytest.mark.parametrize(
    ("text", "setting"),
    [("lease = 'long'", "lease"), ("leese = 3", "leese"), ("lease = ", "BARLEDGER_CONFIG"), ("wait = -1", "wait")],
)
def test_a_wrong_file_is_refused(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, setting: str
) -> None:
    file = tmp_path / "barledger.toml"
    file.write_text(text)
    monkeypatch.setenv("BARLEDGER_CONFIG", str(file))
    error = cli.refused("status", code=2)
    assert error["error"] == "invalid-setting"
    assert error["message"].startswith(f"{setting}: ")


def test_a_named_file_has_to_be_there(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARLEDGER_CONFIG", str(tmp_path / "none.toml"))
    assert cli.refused("status", code=2)["error"] == "invalid-setting"
