"""The commands that look at series by themselves, and that say which differences mean nothing."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from barledger import connect
from barledger.cli.app import run
from libraries import frame
from splits import EX_DATE, RATIO, split_frame


class Cli:
    """Runs commands in this process, on a library of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys, self.err = folder, capsys, ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self.capsys.readouterr()
        ended = run([*arguments, "--store", str(self.folder)])
        out, self.err = self.capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{self.err}"
        return out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    with connect(tmp_path) as bl:
        bl.write("A", "1d", split_frame(), source="desk")
        bl.write("A", "1w", _weeks(), source="desk")
        bl.write("B", "1d", frame(range(90)), source="desk")
    return Cli(tmp_path, capsys)


def _weeks() -> pd.DataFrame:
    days = split_frame()
    days.loc[days.index < EX_DATE, ["open", "high", "low", "close"]] /= 4
    parts = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return days.resample("W-MON", label="left", closed="left").agg(parts)


def test_findings_are_listed_with_what_a_person_needs(cli: Cli) -> None:
    (told,) = cli.json("inspect", "A", "1d", code=5)
    (found,) = told["findings"]
    assert (found["kind"], found["factor"], told["ok"]) == ("split_missed", 0.25, False)
    assert found["interval"]["end_utc"].startswith("2024-05-18")
    assert told["revision"].isdecimal()
    assert told["discrepancies"] == []
    assert cli.json("discrepancies", "list") == []
    shown = cli("inspect", "A", "1d", code=5)
    assert "split_missed" in shown
    assert "A 1d from desk: 1 findings in 200 bars" in shown


def test_without_a_timeframe_all_that_is_held_is_looked_at(cli: Cli) -> None:
    told = cli.json("inspect", "A", code=5)
    assert {one["series"]["timeframe"]: one["ok"] for one in told} == {"1d": False, "1w": True}
    assert cli.json("inspect", "B")[0]["ok"]
    cli("inspect", "NOTHING", code=3)


def test_what_is_found_is_proposed_on_request_and_recorded_by_accepting_it(cli: Cli) -> None:
    (told,) = cli.json("inspect", "A", "1d", "--propose", "--reason", "the yearly look", code=5)
    (kept,) = told["discrepancies"]
    assert kept["state"] == "proposed"
    shown = cli("discrepancies", "show", kept["id"])
    assert "would record for A: split of 4:1 on 2024-05-20" in shown
    assert cli.json("discrepancies", "show", kept["id"])["action"]["value"] == RATIO
    assert "would record" in cli("proposals", "show", kept["id"])
    done = cli("discrepancies", "accept", kept["id"], "--reason", "their page")
    assert "split of 4:1 on 2024-05-20" in done
    assert cli.json("inspect", "A", "1d")[0]["ok"]
    (action,) = cli.json("actions", "list", "A")
    assert action["value"] == RATIO
    undone = cli("discrepancies", "undo", kept["id"], "--reason", "another company")
    assert "withdrawn" in undone
    assert cli.json("actions", "list", "A") == []


def test_a_proposal_of_an_event_is_accepted_as_proposals_are(cli: Cli) -> None:
    (told,) = cli.json("inspect", "A", "1d", "--propose", code=5)
    (kept,) = told["discrepancies"]
    assert "recorded for A: split of 4:1" in cli("proposals", "accept", kept["id"], "--reason", "their page")


def test_to_look_needs_no_reason(cli: Cli) -> None:
    cli("inspect", "A", "1d", "--reason", "why not", code=2)
    assert "--propose" in cli.err


def test_less_likely_findings_are_counted_and_shown_on_request(cli: Cli) -> None:
    (told,) = cli.json("inspect", "A", "1d", "--confidence", "0.999")
    assert (told["findings"], told["less_likely"], told["ok"]) == ([], 1, True)
    assert "1 less likely" in cli("inspect", "A", "1d", "--confidence", "0.999")


def test_tolerances_are_shown_set_and_taken_back_with_a_reason(cli: Cli) -> None:
    assert cli.json("tolerance") == []
    (told,) = cli.json("tolerance", "desk", "yahoo")
    assert (told["price"], told["origin"]) == (1e-3, "assumed of two sources")
    (told,) = cli.json("tolerance", "sample")
    assert (told["against"], told["price"], told["origin"]) == ("sample", 2e-6, "declared by the source")
    given = ("--price", "0.002", "--column", "close=0.0005", "--reason", "thin opens")
    (told,) = cli.json("tolerance", "desk", "yahoo", *given)
    assert (told["price"], told["fields"], told["origin"]) == (0.002, {"close": 0.0005}, "set")
    assert "close 0.0005" in cli("tolerance")
    cli("tolerance", "yahoo", "desk", "--reset", "--reason", "their opens are well again")
    assert cli.json("tolerance") == []
    with connect(cli.folder) as bl:
        entries = bl.audit.entries(operation="set-tolerance")
    assert [one.data["reason"] for one in entries] == ["thin opens", "their opens are well again"]


@pytest.mark.parametrize(
    "wrong",
    [("--column", "close"), ("--column", "closing=0.1"), ("--price", "2"), ("--reset", "--price", "0.1"),
     ("--reason", "why not")],
)  # fmt: skip
def test_a_tolerance_that_cannot_be_is_refused(cli: Cli, wrong: tuple[str, ...]) -> None:
    cli("tolerance", "desk", "yahoo", *wrong, code=2)


def test_a_tolerance_of_nobody_is_refused(cli: Cli) -> None:
    cli("tolerance", "--price", "0.1", code=2)
    cli("tolerance", "desk", "nobody", "--price", "0.1", code=3)


def test_a_rule_is_removed_with_a_reason(cli: Cli) -> None:
    cli("discrepancies", "rules", "splits", "--kind", "split_missed", "--reason", "desk rule")
    cli("discrepancies", "rules", "splits", "--remove", "--reason", "nobody reads them")
    with connect(cli.folder) as bl:
        last = bl.audit.entries(operation="set-rule")[-1]
    assert last.data["reason"] == "nobody reads them"
    assert "before" in last.data
