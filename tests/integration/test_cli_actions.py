"""Corporate actions and adjusted bars on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from barledger.cli.app import run

Command = Callable[..., int]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BARLEDGER_URL", str(tmp_path / "library"))
    monkeypatch.setenv("BARLEDGER_ACTOR", "tester")
    monkeypatch.chdir(tmp_path)
    bars = "time,open,high,low,close,volume\n" + "".join(
        f"2020-01-{day:02d}T00:00:00Z,{day},{day},{day},{day},100\n" for day in range(10, 20)
    )
    Path("A.csv").write_text(bars)
    assert run(["ingest", "A", "1d", "--source", "files", "--option", "path=A.csv"]) == 0
    return lambda *words: run([str(word) for word in words])


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_actions_are_added_listed_corrected_and_withdrawn(cli: Command, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys)
    assert cli("actions", "add", "A", "split", "2020-01-15", "--value", "2:1", "--reason", "r") == 0
    assert told(capsys) == "A: split of 2:1 on 2020-01-15 (from declared)\n"
    assert cli("actions", "correct", "A", "split", "2020-01-15", "--value", "4", "--reason", "better") == 0
    told(capsys)
    assert cli("actions", "list", "A", "--json") == 0
    (one,) = json.loads(told(capsys))
    assert (one["value"], one["ex_date"], one["source"]) == (4.0, "2020-01-15T00:00:00Z", "declared")
    assert one["evidence"]["was"] == "split of 2:1 on 2020-01-15"
    assert isinstance(one["known_at"], str)
    assert cli("actions", "withdraw", "A", "split", "2020-01-15", "--reason", "none") == 0
    told(capsys)
    assert cli("actions", "list", "A", "--history") == 0
    shown = told(capsys)
    assert "denied" in shown
    assert "stands until" in shown
    assert cli("actions", "undeclare", "A", "split", "2020-01-15", "--reason", "x") == 0
    assert cli("actions", "undeclare", "A", "split", "2020-01-15", "--reason", "x") == 3
    assert cli("actions", "list", "--history") == 2


def test_where_there_are_none_it_is_said_why(cli: Command, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli("actions", "list", "A") == 0
    assert "no such corporate action is known of A" in capsys.readouterr().err
    assert cli("actions", "list", "A", "--json") == 0
    assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize("more", [(), ("--history",), ("--kind", "split")])
def test_an_instrument_that_nobody_knows_is_an_error(
    cli: Command, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    capsys.readouterr()
    assert cli("actions", "list", "UNKNOWN", *more) == 3
    assert "error [instrument-not-found] nobody knows UNKNOWN" in capsys.readouterr().err
    assert cli("actions", "list", "UNKNOWN", *more, "--json") == 3
    said = capsys.readouterr()
    assert (said.out, json.loads(said.err)["error"]) == ("", "instrument-not-found")


def test_bars_are_adjusted(cli: Command, capsys: pytest.CaptureFixture[str]) -> None:
    cli("actions", "add", "A", "split", "2020-01-15", "--value", "2")
    told(capsys)
    assert cli("bars", "A", "1d", "--adjust", "splits", "--json") == 0
    answer = json.loads(told(capsys))
    assert answer["adjustment"] == "splits"
    assert [bar["close"] for bar in answer["bars"]][4:6] == [7.0, 15.0]
    assert cli("bars", "A", "1d", "--include-adjusted", "--json") == 0
    bar = json.loads(told(capsys))["bars"][0]
    assert (bar["close"], bar["adj_close"], bar["adj_volume"], bar["adjustment_factor"]) == (10.0, 5.0, 200.0, 0.5)
    assert cli("bars", "A", "1d", "--adjust", "all") == 2
    assert cli("bars", "A", "1d", "--adjust", "total", "--out", "a.csv") == 0
    assert "5" in Path("a.csv").read_text()


def test_a_file_of_actions_is_imported_or_refused_by_its_lines(
    cli: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("good.csv").write_text("instrument,kind,ex_date,value\nA,split,2020-01-15,2\n")
    Path("bad.csv").write_text("instrument,kind,ex_date,value\nA,split,2020-01-16,2\nA,split,2020-01-17,-2\n")
    told(capsys)
    assert cli("actions", "import", "bad.csv") == 2
    assert "line 3" in capsys.readouterr().err
    assert cli("actions", "import", "good.csv", "--json") == 0
    assert json.loads(told(capsys))["new"] == 1
    assert cli("actions", "import", "none.csv") == 2


def test_an_adjusted_series_is_ended_before_another_mode(cli: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("actions", "materialise", "A", "1d") == 0
    capsys.readouterr()
    assert cli("actions", "materialise", "A", "1d", "--adjust", "raw") == 2
    assert "barledger actions unmaterialise A 1d" in " ".join(capsys.readouterr().err.split())
    assert cli("actions", "unmaterialise", "A", "1d", "--reason", "raw is wanted") == 0
    assert told(capsys).startswith("ended: A 1d from files (adjusted) (total): 0 new, 0 changed, 10 withdrawn")


def test_what_cannot_be_adjusted_is_told_with_the_next_step(cli: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("instruments", "declare", "A", "--currency", "EUR") == 0
    assert cli("actions", "add", "A", "cash_dividend", "2020-01-15", "--value", "50", "--currency", "USD") == 0
    told(capsys)
    assert cli("bars", "A", "1d", "--adjust", "total") == 4
    said = capsys.readouterr().err
    assert "cash_dividend of 50 USD on 2020-01-15" in said
    assert "next:" in said


def test_adjusted_series_are_written_and_locks_hold_adjusted_bars(
    cli: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys)
    assert cli("actions", "materialise", "A", "1d", "--adjust", "splits") == 0
    assert "10 new" in told(capsys)
    cli("actions", "add", "A", "split", "2020-01-15", "--value", "2")
    told(capsys)
    assert cli("bars", "A", "1d", "--adjusted", "--json") == 0
    answer = json.loads(told(capsys))
    assert (answer["adjustment"], answer["bars"][0]["close"]) == ("splits", 5.0)
    assert cli("actions", "refresh", "--json") == 0
    assert json.loads(told(capsys))[0]["same"] == 10
    assert cli("lock", "A", "1d", "--adjust", "splits") == 0
    assert cli("check") == 0
    assert cli("export", "A", "1d", "out", "--adjust", "total", "--format", "csv") == 0
    assert cli("export", "--verify", "out") == 0
