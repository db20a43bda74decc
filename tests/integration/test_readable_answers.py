"""What libraries print, and what commands tell in JSON: times for people, beside those for programs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from barledger.barledger import open_barledger
from barledger.cli.app import run
from libraries import frame

NANOSECONDS = re.compile(r"(?<![.\w])\d{14,}(?!\w)")
FIRST = "1970-01-02T00:00:00Z"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library with four of six days, two of which lie in a gap."""
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    frame([1, 2, 5, 6]).rename_axis("time").to_csv(tmp_path / "AAPL.csv")
    return tmp_path


def answer(library: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json", "--store", str(library / "library")]) == 0
    return json.loads(capsys.readouterr().out)


def ingest(library: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    asked = ("--start", "1970-01-02", "--end", "1970-01-08", "--option", f"path={library}/{{instrument}}.csv")
    return answer(library, capsys, "ingest", "AAPL", "1d", "--source", "files", *asked)


def test_an_ingestion_tells_its_times_twice_in_json(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ingest(library, capsys)
    (asked,) = told["instruments"][0]["asked"]
    assert asked == {
        "start": "86400000000000",
        "start_utc": FIRST,
        "end": "604800000000000",
        "end_utc": "1970-01-08T00:00:00Z",
    }


def test_an_open_end_is_null_in_json(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingest(library, capsys)
    answer(library, capsys, "instruments", "name", "AAPL", "x", "APPL", "--start", "1970-01-02")
    (name,) = answer(library, capsys, "instruments", "show", "AAPL")["names"]
    assert (name["valid"]["start_utc"], name["valid"]["end_utc"]) == (FIRST, None)


def test_lists_of_versions_history_and_the_audit_log_tell_times_twice(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(library, capsys)
    (edition,) = answer(library, capsys, "history", "AAPL", "1d", "1970-01-02")
    assert (edition["time"], edition["time_utc"]) == ("86400000000000", FIRST)
    (listed,) = answer(library, capsys, "versions", "AAPL", "1d")
    committed = listed["revisions"][0]
    assert committed["committed_at_utc"].startswith("20")
    assert committed["committed_at_utc"].endswith("Z")
    assert all(entry["time_utc"].endswith("Z") for entry in answer(library, capsys, "audit"))
    (instrument,) = answer(library, capsys, "instruments", "--match", "AAPL")
    assert "first_trade" not in instrument
    answer(library, capsys, "instruments", "declare", "AAPL", "--first-trade", "1970-01-02")
    (instrument,) = answer(library, capsys, "instruments", "--match", "AAPL")
    assert (instrument["first_trade"], instrument["first_trade_utc"]) == ("86400000000000", FIRST)


def test_what_a_library_answers_prints_no_nanoseconds(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingest(library, capsys)
    with open_barledger(library / "library") as bl:
        report = bl.ingest("AAPL", "1d", source="files", options={"path": str(library / "AAPL.csv")})
        found = bl.availability.check("AAPL", "1d", end="1970-01-08")
        snapshot = bl.snapshot("AAPL", "1d")
        revision = str(report.revision)
        shown = [report, found, found.missing, found.present, bl.availability.gaps(end="1970-01-08")]
        shown += [snapshot, bl.history("AAPL", "1d", "1970-01-02"), bl.cache.versions("AAPL", "1d")]
        for one in shown:
            for text in (repr(one), str(one)):
                known = {*re.findall(r"revision[=\s:](\d+)", text), revision}
                assert {*NANOSECONDS.findall(text)} <= known, text
        gaps = str(bl.availability.gaps(end="1970-01-08")).splitlines()
    assert gaps[0] == "1 of 1 are incomplete"
    assert gaps[2] == "    2 bars in [1970-01-04T00:00:00Z, 1970-01-06T00:00:00Z), lacking"
