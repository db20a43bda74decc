"""The commands on the audit log, both outputs and the exit codes; an export is verified where no library is."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import barledger
from audits import tamper, write_some
from barledger.cli.app import run
from barledger.cli.entries import about
from barledger.domain.checkpoint import entries_of
from barledger.services.audit.report import AuditVerification
from libraries import frame

Command = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library in the data folder, with no setting from outside."""
    for name in list(os.environ):
        if name.startswith("BARLEDGER_") and not name.startswith("BARLEDGER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BARLEDGER_ACTOR", "tester")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    with barledger.connect() as bl:
        write_some(bl, 5)
    return tmp_path / "home"


@pytest.fixture
def say(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command and return what it says."""
    del home

    def saying(*arguments: object, code: int = 0) -> str:
        capsys.readouterr()
        ended = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {said.out}{said.err}"
        assert "Traceback" not in said.err
        return said.out or said.err

    return saying


@pytest.fixture
def tell(say: Command) -> Command:
    """Run a command with --json and return what it tells."""
    return lambda *arguments, code=0: json.loads(say(*arguments, "--json", code=code))


def test_entries_are_listed_and_the_newest_shown(say: Command, tell: Command) -> None:
    assert [one["sequence"] for one in tell("audit")] == ["1", "2", "3", "4", "5"]
    assert [one["sequence"] for one in tell("audit", "--after", 2, "--limit", 1)] == ["3"]
    assert [one["sequence"] for one in tell("audit", "tail", 2)] == ["4", "5"]
    assert tell("audit", "tail", "--operation", "withdraw") == []
    assert "AAPL 1d from desk: 1 new" in say("audit", "tail", 1)
    assert say("audit") == say("audit", "tail")


def test_every_entry_tells_what_it_was_about(say: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    say("notify", "add", "desk", "log:barledger")
    say("schedule", "add", "nightly", "verify", "--when", "every 1h")
    say("instruments", "declare", "AAPL", "--currency", "USD")
    say("actions", "add", "AAPL", "split", "2020-08-31", "--value", "4:1")
    say("quality", "AAPL", "1d")
    say("verify", "--all")
    told = say("audit")
    for part in (
        "desk (log)",
        "desk: * about *, from info on",
        "nightly (verify), every 1h",
        "AAPL: currency USD (from declared)",
        "AAPL: split of 4.0 on 2020-08-31 (from declared)",
        "AAPL 1d from desk: 5 metrics at latest",
        "ok: ",
    ):
        assert part in told
    assert " - " not in told


def test_entries_of_discrepancies_and_comparisons_are_told() -> None:
    one = {"instrument": "A", "timeframe": "1d", "source": "desk", "is_adjusted": False}
    flag = {**one, "id": "d-1", "kind": "spike", "state": "open", "bars": "2"}
    assert about({"operation": "flag", "discrepancy": flag}) == "d-1 spike of A 1d from desk: open, 2 bars"
    compared = {"against": "yahoo", "compared": "9", "identical": "8", "discrepancies": ["d-1"]}
    told = about({"operation": "reconcile", "reason": "", "A 1d from desk": compared})
    assert told == "A 1d from desk with yahoo: 9 compared, 8 identical, 1 discrepancy"
    library = {"operation": "reconcile", "series": "3", "blocks": "7", "compared": "9", "failed": {"B": "gone"}}
    assert about(library) == "3 series: 7 blocks, 9 compared, 1 failed"
    assert about({"operation": "check"}) == "-"


def test_a_checkpoint_is_signed_and_anchored(say: Command, tell: Command, home: Path, tmp_path: Path) -> None:
    told = tell("audit", "checkpoint", "--anchor", tmp_path / "anchor")
    assert (told["size"], told["key"]) == (6, (home / "audit.pub").read_text().strip())
    assert told["checkpoint"] == (tmp_path / "anchor").read_text().removesuffix("\n")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["when"])
    assert re.fullmatch(r"\d{19}", told["signed_at"])
    assert say("audit", "checkpoint") == told["checkpoint"]
    verified = tell("audit", "verify", "--against", tmp_path / "anchor")
    assert (verified["ok"], verified["anchored"], verified["first_wrong"]) == (True, 1, None)


def test_entries_and_growth_are_proved(say: Command, tell: Command) -> None:
    told = tell("audit", "prove", 3)
    assert (told["ok"], told["sequence"], len(told["proof"])) == (True, "3", 3)
    assert json.loads(told["body"])["sequence"] == "3"
    grown = tell("audit", "prove", "--since", 2)
    assert (grown["ok"], grown["size"]) == (True, "2")
    assert "proved: entry 3 is among the first 6" in say("audit", "prove", 3)
    assert "the first 2 entries are the beginning of the first 6" in say("audit", "prove", "--since", 2)
    assert tell("audit", "prove", 9, code=3)["error"] == "entry-not-found"
    for wrong in ([], [3, "--since", 2]):
        assert tell("audit", "prove", *wrong, code=2)["error"] == "invalid-setting"


@pytest.mark.slow
def test_an_export_is_verified_where_there_is_no_library(tell: Command, home: Path, tmp_path: Path) -> None:
    told = tell("audit", "export", tmp_path / "log.jsonl")
    assert (told["entries"], told["size"]) == (6, 6)
    away = tmp_path / "away"
    away.mkdir()
    (tmp_path / "log.jsonl").rename(away / "log.jsonl")
    (home / "audit.pub").rename(away / "key.pub")
    nothing = {"BARLEDGER_HOME": str(tmp_path / "none"), "BARLEDGER_URL": "influxdb+http://127.0.0.1:1/none"}
    program = Path(sys.executable).with_name("barledger")
    command = [str(program), "audit", "verify", "log.jsonl", "--key", "key.pub"]

    def verify() -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **nothing}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=away, env=env)

    done = verify()
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified: 6 entries are what was written" in done.stdout
    assert not (tmp_path / "none").exists()
    log = (away / "log.jsonl").read_text()
    (away / "log.jsonl").write_text(log.replace("day 3", "day 9"))
    done = verify()
    assert (done.returncode, done.stderr) == (5, "")
    assert "entry 4: its text and its proof do not lead to the root that was signed" in done.stdout


def test_what_is_wrong_is_told_with_an_exit_code(say: Command, tell: Command, home: Path, tmp_path: Path) -> None:
    say("audit", "checkpoint", "--anchor", tmp_path / "anchor")
    say("audit", "export", tmp_path / "log.jsonl")
    tamper(f"sqlite:///{home / 'ledger.sqlite'}", "UPDATE audit SET body = replace(body, 'day 1', 'day 7')")
    found = tell("audit", "verify", code=5)
    assert (found["ok"], found["first_wrong"], found["wrong"][0]["sequence"]) == (False, 2, 2)
    assert "entry 2: its text is not what was written" in say("audit", "verify", code=5)
    assert tell("audit", "export", tmp_path / "other.jsonl", code=5)["error"] == "log-rewritten"
    key = ["--key", home / "audit.pub"]
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_text("".join(lines[:-2]))
    cut = tell("audit", "verify", tmp_path / "log.jsonl", *key, "--against", tmp_path / "anchor", code=5)
    assert (cut["ok"], cut["first_wrong"]) == (False, 5)
    assert "entries 5 to 6: missing" in say("audit", "verify", tmp_path / "log.jsonl", *key, code=5)


def test_what_cannot_be_verified_is_refused(tell: Command, home: Path, tmp_path: Path) -> None:
    tell("audit", "export", tmp_path / "log.jsonl")
    key = ["--key", home / "audit.pub"]
    assert "--key" in tell("audit", "verify", tmp_path / "log.jsonl", code=2)["message"]
    assert tell("audit", "verify", tmp_path / "nothing", *key, code=2)["error"] == "invalid-setting"
    assert tell("audit", "verify", tmp_path / "log.jsonl", "--key", tmp_path / "log.jsonl", code=2)
    assert tell("audit", "export", tmp_path / "log.jsonl", code=4)["error"] == "not-empty"


def test_the_key_is_changed_and_a_lost_one_replaced(say: Command, tell: Command, home: Path, tmp_path: Path) -> None:
    first = tell("audit", "checkpoint")["key"]
    (tmp_path / "old.pub").write_text(first + "\n")
    second = tell("audit", "rotate-key", "--reason", "as every year")["key"]
    assert second == (home / "audit.pub").read_text().strip() != first
    tell("audit", "export", tmp_path / "log.jsonl")
    assert tell("audit", "verify", tmp_path / "log.jsonl", "--key", tmp_path / "old.pub")["keys"] == [second]
    (home / "keys" / "audit.key").unlink()
    with barledger.connect() as bl:
        write_some(bl, 1)
    assert tell("audit", "checkpoint", code=4)["error"] == "key-missing"
    assert "the key is now" in say("audit", "rotate-key", "--lost")
    assert tell("audit", "verify")["ok"]
    if os.name == "posix":
        (home / "keys").chmod(0o755)
        refused = tell("audit", "checkpoint", code=4)
        assert refused["error"] == "key-exposed"
        assert "chmod" in refused["next_step"]


def test_an_older_key_verifies_a_newer_bundle(say: Command, tell: Command, home: Path, tmp_path: Path) -> None:
    with barledger.connect() as bl:
        bl.snapshot("AAPL", "1d", id="bt-1")
    first = tell("audit", "checkpoint")["key"]
    (tmp_path / "trusted.pub").write_text(first + "\n")
    tell("evidence", "bt-1", "--to", tmp_path / "old.zip")
    second = tell("audit", "rotate-key")["key"]
    known = tell("audit", "keys")
    assert [(one["key"], one["current"], one["vouched"]) for one in known] == [
        (first, False, False),
        (second, True, True),
    ]
    assert "signs now" in say("audit", "keys")
    told = tell("evidence", "bt-1", "--to", tmp_path / "new.zip")
    assert told["key_file"] == known[1]["file"]
    found = tell("audit", "verify", tmp_path / "new.zip", "--key", tmp_path / "trusted.pub")
    assert (found["ok"], found["keys"], found["rows"]) == (True, [first, second], 5)
    refused = say("audit", "verify", tmp_path / "old.zip", "--key", home / "audit.pub", code=5)
    assert known[0]["file"] in refused
    assert tell("audit", "verify", tmp_path / "old.zip", "--key", known[0]["file"])["ok"]
    assert tell("audit", "verify", tmp_path / "old.zip", code=2)["error"] == "invalid-setting"
    assert tell("audit", "verify", tmp_path / "old.zip", "--key", home / "audit.pub", "--against", home, code=2)


def test_the_tail_takes_a_limit(tell: Command) -> None:
    assert [one["sequence"] for one in tell("audit", "tail", "--limit", 2)] == ["4", "5"]


def test_receipts_are_left_and_shown(say: Command, tell: Command) -> None:
    shown = tell("bars", "AAPL", "1d", "--strategy", "momentum-7", "--purpose", "live")
    assert shown["receipt"]["strategy"] == "momentum-7"
    (receipt,) = tell("audit", "receipts", "momentum-7")
    assert receipt["entry"] == shown["receipt"]["entry"]
    assert receipt["shown"][0]["digest"] == shown["receipt"]["digests"]["AAPL 1d"]
    assert receipt["shown"][0]["revision"] == shown["revision"]
    assert tell("audit", "receipts", "momentum-7", "--at", receipt["when"]) == [receipt]
    assert tell("audit", "receipts", "momentum-7", "--at", "2001-01-01") == []
    assert "AAPL 1d from desk: 5 bars" in say("audit", "receipts", "momentum-7")
    assert "momentum-7: AAPL 1d" in say("audit", "tail", 1)


def test_evidence_is_written_and_verified_by_the_script(say: Command, tell: Command, home: Path) -> None:
    with barledger.connect() as bl:
        bl.write("IBM", "1d", frame(range(9)), source="desk")
        bl.snapshot(["AAPL", "IBM"], "1d", strategy="momentum-7", id="bt-1")
    told = tell("evidence", "bt-1")
    assert (Path(told["path"]).name, told["rows"], told["series"]) == ("bt-1.evidence.zip", 14, 2)
    assert "14 bars of 2 series of snapshot bt-1" in say("evidence", "strategy:momentum-7", "--to", "again.zip")
    script = Path(__file__).parents[2] / "docs" / "verify_evidence.py"
    command = [sys.executable, str(script), "again.zip", str(home / "audit.pub")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert tell("evidence", "nothing", code=3)["error"] == "version-not-found"
    assert tell("evidence", "bt-1", code=4)["error"] == "not-empty"


def test_one_entry_is_said_as_one() -> None:
    assert [entries_of(count) for count in (0, 1, 2, 1_000)] == ["0 entries", "1 entry", "2 entries", "1,000 entries"]
    none = {"checkpoints": 0, "anchored": 0, "signed": 0, "keys": (), "wrong": ()}
    made = AuditVerification(subject="a log", origin="here", size=1, root="", **none)  # type: ignore[arg-type]
    assert repr(made).startswith("<AuditVerification of 1 entry:")
