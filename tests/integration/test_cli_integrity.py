"""The commands that compare with sources, and decide about what differs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger.cli.app import run


class Cli:
    """Runs commands in this process, on a library of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys, self.err = folder, capsys, ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self.capsys.readouterr()
        ended = run([*arguments, "--store", str(self.folder / "library")])
        out, self.err = self.capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{self.err}"
        return out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))

    def file(self, factor: float = 1.0, **closes: float) -> str:
        """Write a file of daily bars, and return the option that names it."""
        days = pd.date_range("2024-01-01", periods=60, tz="UTC")
        base = (np.arange(60) * 7919 % 200 + 100.0) * np.where(np.arange(60) < 40, factor, 1.0)
        frame = pd.DataFrame(
            {"open": base, "high": base * 1.05, "low": base * 0.95, "close": base, "volume": 1000.0}, days
        )
        for day, close in closes.items():
            frame.loc[pd.Timestamp(f"2024-01-{day[1:]}", tz="UTC"), "close"] += close
        frame.to_csv(self.folder / "A.csv", index_label="time")
        return f"path={self.folder / 'A.csv'}"


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    made = Cli(tmp_path, capsys)
    made("ingest", "A", "1d", "--source", "files", "--option", made.file())
    return made


def test_a_difference_is_found_shown_accepted_and_undone(cli: Cli) -> None:
    same = cli.json("reconcile", "A", "1d", "--option", cli.file())
    assert (same["ok"], same["compared"], same["identical"]) == (True, 60, 60)
    told = cli.json("reconcile", "A", "1d", "--option", cli.file(d05=1.0, d20=-1.0), code=5)
    (found,) = told["comparisons"][0]["discrepancies"]
    assert (found["kind"], found["state"], found["bars"], found["fields"]) == ("correction", "proposed", 2, ["close"])
    assert found["revision"].isdecimal()
    assert found["made_at"].isdecimal()
    assert [one["id"] for one in cli.json("discrepancies", "list")] == [found["id"]]
    assert found["id"] in cli("discrepancies", "list", "--kind", "corr*", "--instrument", "A")
    assert cli.json("discrepancies", "list", "--confidence", "0.99") == []
    shown = cli.json("discrepancies", "show", found["id"], "--limit", "1")
    assert (shown["bars_in_all"], len(shown["bars"]), shown["bars"][0]["change"]) == (2, 1, "changed")
    assert "→" in cli("discrepancies", "show", found["id"])
    assert "proposed by" in cli.err
    (accepted,) = cli.json("discrepancies", "accept", found["id"], "--reason", "checked")
    assert (accepted["written"]["changed"], accepted["discrepancy"]["state"]) == (2, "applied")
    assert cli.json("discrepancies", "list") == []
    cli("discrepancies", "undo", found["id"], code=2)
    (undone,) = cli.json("discrepancies", "undo", found["id"], "--reason", "a mistake")
    assert undone["discrepancy"]["undone_by"] == undone["written"]["revision"]
    cli("discrepancies", "undo", found["id"], "--reason", "again", code=4)
    cli("discrepancies", "accept", "disc-0", "--reason", "yes", code=3)


def test_a_split_is_told_with_its_factor(cli: Cli) -> None:
    text = cli("reconcile", "A", "1d", "--option", cli.file(factor=0.5), code=5)
    assert "restatement" in text
    assert "0.5" in text
    assert "60 bars compared, 20 identical" in text


def test_many_are_decided_at_once(cli: Cli) -> None:
    cli("reconcile", "A", "1d", "--option", cli.file(d05=1.0), code=5)
    for wrong in (
        ("accept",),
        ("accept", "disc-1", "--each"),
        ("accept", "disc-1"),
        ("reject", "disc-1", "--kind", "x"),
    ):
        cli("discrepancies", *wrong, code=2)
    assert cli.json("discrepancies", "reject", "--each", "--kind", "shift", "--reason", "no") == []
    (rejected,) = cli.json("discrepancies", "reject", "--each", "--kind", "correction", "--reason", "no")
    assert (rejected["ok"], rejected["discrepancy"]["state"]) == (True, "rejected")
    assert cli.json("reconcile", "A", "1d", "--option", cli.file(d05=1.0))["ok"]
    cli("discrepancies", "accept", rejected["discrepancy"]["id"], "disc-0", "--reason", "yes", code=3)
    same = rejected["discrepancy"]["id"]
    refused = cli.json("discrepancies", "accept", same, same, "--reason", "yes", code=4)
    assert [one["error"]["error"] for one in refused] == ["illegal-step"] * 2


def test_rules_are_set_listed_and_removed(cli: Cli) -> None:
    cli("discrepancies", "rules", "small", "--kind", "correction", "--confidence", "0.5", "--most-bars", "3", code=2)
    why = ("--reason", "desk rule")
    for wrong in (("--kind", "restatment"), ("--source", "fils*")):
        cli("discrepancies", "rules", "small", *wrong, *why, code=2)
    cli("discrepancies", "rules", "small", "--source", "fils", *why, code=3)
    cli("discrepancies", "rules", "small", *why)
    assert "replaced" not in cli.err
    few = ("--kind", "correction", "--confidence", "0.5", "--most-bars", "3")
    cli("discrepancies", "rules", "small", *few, *why)
    assert "replaced: small: accept * from *, confidence 0.95 or more" in cli.err
    (rule,) = cli.json("discrepancies", "rules")
    assert (rule["name"], rule["action"], rule["confidence"], rule["most_bars"]) == ("small", "accept", 0.5, 3)
    told = cli.json("reconcile", "A", "1d", "--option", cli.file(d05=1.0))
    assert told["comparisons"][0]["discrepancies"][0]["state"] == "applied"
    assert told["comparisons"][0]["revisions"][0].isdecimal()
    assert cli.json("discrepancies", "rules", "small", "--remove") == []
    cli("discrepancies", "rules", "small", "--remove", code=3)
    cli("discrepancies", "rules", "small", "--action", "guess", code=2)


def test_what_matches_nothing_is_said(cli: Cli) -> None:
    cli("reconcile", "--all", "Z*", code=3)
    assert "series-not-found" in cli.err
    assert "nothing is due: 1 blocks of 1 series, the next at 20" in cli("reconcile", "--all")
    cli("reconcile", "--all", "--option", "path=x", code=2)
    assert "--option: with --all it needs --source" in cli.err
    cli("discrepancies", "list", "--kind", "spilt", code=2)
    assert "restatement" in cli.err
    for decide in ("accept", "reject", "undo"):
        assert cli("discrepancies", decide, "--each", "--reason", "all of them") == "none matches\n"


@pytest.mark.parametrize("width", [80, 100, 120, 140])
def test_an_id_is_never_folded(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    told = cli.json("reconcile", "A", "1d", "--option", cli.file(d05=1.0, d20=-1.0), code=5)
    one = told["comparisons"][0]["discrepancies"][0]["id"]
    monkeypatch.setenv("COLUMNS", str(width))
    for asked in (("discrepancies", "list"), ("proposals", "list")):
        text = cli(*asked)
        assert one in text
        assert max(map(len, text.splitlines())) <= width
    assert one in cli("discrepancies", "reject", one, "--reason", "no")


def test_to_compare_with_a_source_that_nobody_knows_is_refused(cli: Cli) -> None:
    cli("reconcile", "A", "1d", "--against", "nope", code=3)
    assert "source-not-found" in cli.err
    assert "files" in cli.err


def test_a_pass_over_the_library_says_what_cannot_be_asked(cli: Cli) -> None:
    told = cli.json("reconcile", "--all")
    assert (told["ok"], told["comparisons"]) == (True, [])
    cli("reconcile", "--all", "--against", "yahoo", code=2)
    cli("reconcile", "A", code=2)
    cli("reconcile", "NEVER", "1d", code=3)
    assert "series-not-found" in cli.err


def test_a_list_that_is_wider_than_the_screen_is_told_in_lines(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("reconcile", "A", "1d", "--option", cli.file(d05=1.0, d20=-1.0), code=5)
    (found,) = cli.json("discrepancies", "list")
    monkeypatch.setenv("COLUMNS", "80")
    said = cli("discrepancies", "list").splitlines()
    assert all(len(line) <= 80 for line in said)
    assert said[0].startswith(f"{found['id']}  proposed, correction of close, confidence ")
    assert said[1].startswith("  A 1d from files, 2 bars in [2024-01-05, 2024-01-21), ")
    monkeypatch.setenv("COLUMNS", "300")
    assert found["id"] in cli("discrepancies", "list").splitlines()[3]


def test_a_tolerance_is_set_with_a_reason(cli: Cli) -> None:
    cli("tolerance", "files", "--price", "0.01", code=2)
    assert "reason" in cli.err
    cli("tolerance", "files", "--reset", code=2)
    cli("tolerance", "files", "--price", "0.01", "--reason", "thin opens")
    assert cli.json("tolerance", "files")[0]["price"] == 0.01
