"""What of bars the command shows: some columns, and the last few coarser bars."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from barledger.barledger import open_barledger
from barledger.cli.app import run
from libraries import frame


class Cli:
    """Runs commands in this process, on a library with a hundred days, and two days of minutes with a gap."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.library = folder / "library"
        self._capsys = capsys
        self.err = ""
        minutes = frame(range(2880))
        minutes.index = pd.date_range("2024-01-01", periods=2880, freq="min", tz="UTC")
        # On the second day the hour of 20 lacks a minute, and nothing comes after 23:29.
        minutes = minutes.drop(pd.Timestamp("2024-01-02T20:15Z")).iloc[:-31]
        with open_barledger(self.library) as bl:
            bl.write("AAPL", "1d", frame(range(100)), source="x")
            bl.write("AAPL", "1m", minutes, source="x")

    def __call__(self, *arguments: str | Path, code: int = 0) -> str:
        self._capsys.readouterr()
        ended = run([*map(str, arguments), "--store", str(self.library)])
        out, self.err = self._capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{self.err}"
        return out

    def bars(self, *arguments: str) -> Any:
        return json.loads(self("bars", "AAPL", *arguments, "--json"))["bars"]

    def hours(self, *arguments: str) -> list[str]:
        return [one["time"][5:13] for one in self.bars("1m", "--resample", "1h", *arguments)]


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    return Cli(tmp_path, capsys)


def test_only_the_columns_that_are_named_are_shown(cli: Cli) -> None:
    (bar,) = cli.bars("1d", "--last", "1", "--columns", "close, volume")
    assert bar == {"time": "1970-04-10T00:00:00Z", "close": 100.99, "volume": 1000.0}
    (bar,) = cli.bars("1d", "--last", "1", "--columns", "time,close_time,revision")
    assert (list(bar), bar["close_time"]) == (["time", "close_time", "revision"], "1970-04-11T00:00:00Z")
    assert "open" not in cli("bars", "AAPL", "1d", "--last", "1", "--columns", "close")


def test_columns_are_those_of_files_and_of_resampled_bars_too(cli: Cli, tmp_path: Path) -> None:
    cli("bars", "AAPL", "1d", "--columns", "close,volume", "--out", tmp_path / "out.csv")
    assert list(pd.read_csv(tmp_path / "out.csv").columns) == ["time", "close", "volume"]
    found = cli.bars("1m", "--resample", "1h", "--partial", "mark", "--columns", "close")
    assert set(found[0]) == {"time", "close", "partial"}
    found = cli.bars("1m", "--resample", "1h", "--known-within", "1d", "--columns", "close,observed")
    assert set(found[0]) == {"time", "close"}


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [("price", (), "price"), ("time", (), "at least one"), ("close", ("--style", "yfinance"), "says which columns")],
)
def test_columns_that_there_are_not_are_refused(cli: Cli, columns: str, options: tuple[str, ...], said: str) -> None:
    cli("bars", "AAPL", "1d", "--columns", columns, *options, code=2)
    assert said in cli.err


def test_a_column_that_there_is_not_is_answered_with_those_that_there_are(cli: Cli) -> None:
    cli("bars", "AAPL", "1d", "--columns", "foo", code=2)
    assert "next: Ask for columns that there are: open, high, low, close, volume, " in cli.err
    assert "mapping" not in cli.err


def test_a_revision_is_shown_as_a_name(cli: Cli) -> None:
    (bar,) = cli.bars("1d", "--last", "1", "--columns", "revision,volume")
    assert bar["revision"].isdecimal()
    shown = cli("bars", "AAPL", "1d", "--last", "1", "--columns", "revision,volume")
    assert f" {bar['revision']} " in shown.splitlines()[-2]


def test_the_last_bars_are_counted_after_they_were_put_together(cli: Cli) -> None:
    assert cli.hours("--last", "3") == ["01-02T19", "01-02T21", "01-02T22"]
    assert cli.hours("--last", "3", "--partial", "keep") == ["01-02T21", "01-02T22", "01-02T23"]
    assert cli.hours("--last", "4", "--partial", "mark", "--end", "2024-01-02T22:30")[0] == "01-02T19"
    assert len(cli.hours("--last", "500")) == 46
    assert len(cli.hours("--last", "500", "--partial", "keep")) == 48


def test_the_first_of_the_last_bars_is_whole(cli: Cli) -> None:
    (bar,) = cli.bars("1m", "--resample", "12h", "--last", "1")
    whole = cli.bars("1m", "--resample", "12h", "--start", "2024-01-02", "--end", "2024-01-02T12:00")
    assert bar == whole[0]
    kept = cli.bars("1m", "--resample", "12h", "--last", "2", "--partial", "mark")
    assert [(one["time"][5:13], one["partial"]) for one in kept] == [("01-02T00", False), ("01-02T12", True)]


def test_the_last_bars_reach_back_over_a_long_gap(cli: Cli) -> None:
    asked = ("1d", "--resample", "1w", "--last", "2")
    weeks = ["1970-03-23", "1970-03-30"]
    assert [one["time"][:10] for one in cli.bars(*asked)] == weeks
    with open_barledger(cli.library) as bl:
        bl.write("AAPL", "1d", frame(range(2000, 2020, 5)), source="x")
    assert [one["time"][:10] for one in cli.bars(*asked)] == weeks


def test_a_start_bounds_the_last_bars(cli: Cli) -> None:
    assert cli.hours("--last", "30", "--start", "2024-01-02T18:00")[0] == "01-02T18"
    assert cli.bars("1m", "--resample", "1h", "--last", "3", "--start", "2025-01-01") == []
    cli("bars", "AAPL", "1d", "--resample", "1h", "--last", "3", code=2)
    assert "1h is not coarser than 1d" in cli.err
