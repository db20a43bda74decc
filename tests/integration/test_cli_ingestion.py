"""The commands that bring bars in, and decide about what sources change."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barledger.barledger import open_barledger
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.settings import Settings
from commands import Cli
from exchanges import FakeExchange
from libraries import frame


class FilesCli(Cli):
    """Runs commands, and brings bars in from files of a folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        super().__init__(capsys)
        self.folder = folder

    def file(self, name: str, closes: list[float]) -> None:
        lines = [f"2024-01-{day:02},{c},{c + 1},{c - 1},{c},100" for day, c in enumerate(closes, 1)]
        text = "\n".join(["time,open,high,low,close,volume", *lines, ""])
        (self.folder / f"{name}.csv").write_text(text)

    def ingest(self, *arguments: str, code: int = 0) -> Any:
        path = f"path={self.folder}/{{instrument}}.csv"
        return self.json("ingest", *arguments, "--source", "files", "--option", path, code=code)


@pytest.fixture
def cli(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> FilesCli:
    assert not home.exists()
    made = FilesCli(capsys, tmp_path)
    for name in ("AAPL", "IBM", "MSFT"):
        made.file(name, [10.0, 11.0, 12.0, 13.0, 14.0])
    return made


def names(told: Any) -> list[str]:
    return [one["series"]["instrument"] for one in told["instruments"]]


def test_lists_files_of_symbols_and_patterns_name_instruments(cli: FilesCli) -> None:
    symbols = cli.folder / "symbols.txt"
    symbols.write_text("# tech\nMSFT, AAPL  # two in a line\n\nIBM\n")
    told = cli.ingest("AAPL,IBM", "1d")
    assert (names(told), told["new"]) == (["AAPL", "IBM"], 10)
    told = cli.ingest(f"@{symbols},AAPL", "1d")
    assert (names(told), told["new"]) == (["MSFT", "AAPL", "IBM"], 5)
    assert names(cli.ingest("*M*", "1d")) == ["IBM", "MSFT"]
    assert json.loads(_failed(cli, "X*", "1d", code=3))["error"] == "series-not-found"
    assert json.loads(_failed(cli, f"@{cli.folder}/nowhere.txt", "1d", code=2))["error"] == "invalid-setting"
    assert json.loads(_failed(cli, " , ", "1d", code=2))["error"] == "invalid-setting"


def _failed(cli: FilesCli, *arguments: str, code: int) -> str:
    cli("ingest", *arguments, "--source", "files", "--option", "path=x.csv", "--json", code=code)
    return cli.err


def test_all_results_are_shown_when_one_failed_and_the_exit_code_tells(cli: FilesCli) -> None:
    told = cli.ingest("AAPL,NONE,IBM", "1d", code=3)
    assert [one["state"] for one in told["instruments"]] == ["done", "failed", "done"]
    assert told["instruments"][1]["error"]["error"] == "data-not-found"
    path = f"path={cli.folder}/{{instrument}}.csv"
    text = cli("ingest", "AAPL,NONE,IBM", "1d", "--source", "files", "--option", path, code=3)
    assert "failed" in text
    assert "data-not-found" in text
    assert "0 new" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("AAPL", "1d"),
        ("--source", "files"),
        ("AAPL", "--source", "files"),
        ("AAPL", "1d", "--source", "files", "--refresh", "many"),
        ("AAPL", "1d", "--source", "files", "--refresh", "0"),
        ("AAPL", "1d", "--source", "files", "--budget-calls", "-1"),
        ("AAPL", "1d", "--source", "files", "--on-change", "ask"),
        ("--fill-gaps", "--start", "2024-01-01"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: FilesCli, arguments: tuple[str, ...]) -> None:
    cli("ingest", *arguments, "--option", f"path={cli.folder}/AAPL.csv", code=2)


def test_a_refresh_is_a_number_of_bars_or_an_interval(cli: FilesCli) -> None:
    cli.ingest("AAPL", "1d")
    cli.file("AAPL", [10.5, 11.0, 12.0, 13.5, 14.0])
    assert cli.ingest("AAPL", "1d", "--refresh", "2024-01-04..2024-01-06")["changed"] == 1
    assert cli.ingest("AAPL", "1d", "--refresh", "5")["changed"] == 1


def test_a_budget_tells_what_is_left(cli: FilesCli) -> None:
    told = cli.ingest("AAPL,IBM", "1d", "--budget-calls", "1")
    assert sorted(one["state"] for one in told["instruments"]) == ["done", "not_done"]
    told = cli.ingest("AAPL,IBM", "1d", "--budget-seconds", "0")
    assert told["calls"] == 0


@pytest.mark.parametrize("instruments", ["AAPL", "AAPL,IBM"])
def test_people_read_too_what_the_budget_left_undone(cli: FilesCli, instruments: str) -> None:
    path = f"path={cli.folder}/{{instrument}}.csv"
    asked = ("ingest", instruments, "1d", "--source", "files", "--option", path, "--start", "2024-01-01")
    text = cli(*asked, "--end", "2024-01-06", "--budget-calls", "0")
    assert "not done" in text
    assert "left [2024-01-01T00:00:00Z, 2024-01-06T00:00:00Z)" in text


def test_proposals_are_listed_shown_and_decided(cli: FilesCli) -> None:
    cli.ingest("AAPL", "1d")
    cli.file("AAPL", [10.0, 11.5, 12.0, 13.0, 14.0, 15.0])
    told = cli.ingest("AAPL", "1d", "--on-change", "propose")
    assert (told["new"], told["changed"], told["proposed"]) == (1, 0, 1)
    (proposal,) = told["proposals"]
    (listed,) = cli.json("proposals", "list")
    assert (listed["id"], listed["kind"], listed["bars"]) == (proposal, "correction", 1)
    shown = cli.json("proposals", "show", proposal)
    (bar,) = shown["bars"]
    assert (bar["change"], bar["old"]["close"], bar["new"]["close"]) == ("changed", 11.0, 11.5)
    text = cli("proposals", "show", proposal)
    assert "11 → 11.5" in text
    assert proposal in cli("proposals", "list", "--state", "all", "--source", "files")
    accepted = cli.json("proposals", "accept", proposal, "--reason", "checked")
    assert accepted["changed"] == 1
    assert cli.json("proposals", "list") == []
    cli("proposals", "reject", proposal, code=2)
    cli("proposals", "reject", proposal, "--reason", "no", code=4)
    cli("proposals", "show", "prop-nowhere", code=3)
    cli.file("AAPL", [10.0, 11.9, 12.0, 13.0, 14.0, 15.0])
    (other,) = cli.ingest("AAPL", "1d", "--on-change", "propose")["proposals"]
    assert cli.json("proposals", "reject", other, "--reason", "no")["state"] == "rejected"
    told = cli.ingest("AAPL", "1d", "--on-change", "propose")
    assert (told["declined"], told["proposals"]) == (1, [])


def test_policies_are_set_and_shown(cli: FilesCli) -> None:
    (told,) = cli.json("policy", "files", "--on-change", "propose", "--most-change", "0.1", "--most-age", "90d")
    assert (told["on_change"], told["most_change"]) == ("propose", 0.1)
    assert "propose" in cli("policy")
    assert "90d" in cli("policy", "files")
    (told,) = cli.json("policy", "files", "--reset")
    assert told["on_change"] == "apply"
    cli("policy", "files", "--reset", "--most-bars", "3", code=2)
    cli("policy", "--reset", code=2)


def test_a_restatement_is_said(cli: FilesCli) -> None:
    cli.ingest("AAPL", "1d")
    cli.file("AAPL", [5.0, 5.5, 6.0, 6.5, 14.0])
    path = f"path={cli.folder}/AAPL.csv"
    closes = [(5.0, 5.5, 4.5), (5.5, 6.0, 5.0), (6.0, 6.5, 5.5), (6.5, 7.0, 6.0)]
    lines = [f"2024-01-{day:02},{c},{high},{low},{c},200" for day, (c, high, low) in enumerate(closes, 1)]
    text = "\n".join(["time,open,high,low,close,volume", *lines, "2024-01-05,14,15,13,14,100", ""])
    (cli.folder / "AAPL.csv").write_text(text)
    said = cli("ingest", "AAPL", "1d", "--source", "files", "--option", path)
    assert "4 changed" in said
    assert "times 0.5" in cli.err


def test_bars_are_followed(cli: FilesCli) -> None:
    path = f"path={cli.folder}/{{instrument}}.csv"
    given = ["AAPL,IBM", "1d", "--source", "files", "--option", path, "--start", "2024-01-02", "--until", "2024-01-05"]
    lines = [json.loads(line) for line in cli("follow", *given, "--json").splitlines()]
    assert [(one["instrument"], one["close"]) for one in lines] == [
        (name, close) for close in (11.0, 12.0, 13.0) for name in ("AAPL", "IBM")
    ]
    assert lines[0]["time"] == "1704153600000000000"
    text = cli("follow", *given, "--count", "1")
    assert text.splitlines() == ["2024-01-02T00:00:00Z AAPL 11 12 10 11 100"]


def test_a_follower_says_where_it_goes_on_with_an_old_series(cli: FilesCli) -> None:
    cli.ingest("AAPL", "1d")
    cli.file("AAPL", [10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    path = f"path={cli.folder}/AAPL.csv"
    text = cli("follow", "AAPL", "1d", "--source", "files", "--option", path, "--count", "1")
    assert text.startswith("2024-01-06T00:00:00Z AAPL 15 ")
    assert "AAPL 1d from files: begins at 2024-01-06T00:00:00Z, where the series ends" in cli.err


def test_a_source_that_never_has_a_new_bar_is_not_followed(cli: FilesCli) -> None:
    told = cli.refused("follow", "AAPL", "1d", "--source", "sample", code=4)
    assert told["error"] == "capability-missing"
    assert told["next_step"] == "Use a source that declares the capability."


@pytest.mark.usefixtures("interruptible")
def test_a_follower_says_what_it_waits_for_and_that_it_was_interrupted(
    cli: FilesCli, fake_binance: FakeExchange
) -> None:
    interrupted: list[int] = []

    def interrupt() -> int:
        if not interrupted:
            interrupted.append(os.getpid())
            os.kill(os.getpid(), signal.SIGINT)
        return time.time_ns()

    fake_binance.clock = interrupt
    options = ["--option", f"url={fake_binance.url}", "--option", "rate_limit=no"]
    cli("follow", "BTCUSDT,ETHUSDT", "1d", "--source", "binance", *options, "--start", days_ago(1), code=130)
    told = r"(\w+) 1d from binance \(and 1 more\): waits for the bar of (.*)T00:00:00Z, which closes at (.*)T00:00:00Z"
    found = re.match(told, cli.err)
    assert found is not None, cli.err
    assert found[1] == "BTCUSDT"
    assert np.datetime64(found[3]) - np.datetime64(found[2]) == np.timedelta64(1, "D")
    assert "interrupted; every bar that was given is stored, run it again to go on" in cli.err


# --- gaps ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Missing:
    interval: Interval
    reason: str


@dataclass(frozen=True, slots=True)
class Availability:
    series: Series
    missing: tuple[Missing, ...]


def test_gaps_are_filled_as_far_as_their_sources_are_there(cli: FilesCli) -> None:
    cli.ingest("AAPL", "1d", "--start", "2024-01-04")
    whole = Interval.of("2024-01-01", "2024-01-06")
    gaps = [
        Availability(
            Series.of("AAPL", "1d", "files"), (Missing(Interval.of("2024-01-02", "2024-01-04"), "never_requested"),)
        ),
        Availability(Series.of("IBM", "1d", "files"), (Missing(whole, "halted"), Missing(whole, "source_empty"))),
        Availability(Series.of("IBM", "1d", "desk"), (Missing(whole, "fetch_failed"),)),
    ]
    with open_barledger(cli.folder / "home", settings=Settings()) as bl:
        done = bl.ingestion.fill_gaps(gaps, options={"path": f"{cli.folder}/{{instrument}}.csv"})
        states = {str(one.series): one.state for one in done.instruments}
        assert states == {"AAPL 1d from files": "done", "IBM 1d from desk": "failed"}
        assert done.new == 2
        assert done.failed[0].error is not None
        assert done.failed[0].error.code == "source-not-found"
        assert len(bl.bars("AAPL", "1d")) == 4


def test_what_is_assumed_of_the_prices_of_files_is_said_when_they_are_imported(cli: FilesCli) -> None:
    assumed = "taken as traded: nothing in the file says what they are adjusted for"
    path = f"{cli.folder}/{{instrument}}.csv"
    cli("ingest", "AAPL", "1d", "--source", "files", "--option", f"path={path}")
    assert cli.err.startswith(assumed)
    cli("import", path, "--timeframe", "1d")
    assert f"IBM 1d, MSFT 1d: {assumed}" in cli.err
    told = cli.json("import", path, "--timeframe", "1d", "--store", f"{cli.folder}/other")
    assert cli.err == ""
    assert [one["notes"][0].startswith(assumed) for one in told] == [True] * 3
    cli("import", path, "--timeframe", "1d", "--option", "adjustment=raw", "--store", f"{cli.folder}/third")
    assert "taken as" not in cli.err


def test_series_that_callers_wrote_have_nobody_to_ask_for_their_gaps(cli: FilesCli) -> None:
    with open_barledger(cli.folder / "home", settings=Settings()) as bl:
        bl.write("HOLE", "1d", frame([19000, 19001, 19005]), source="desk")
    said = cli("ingest", "--fill-gaps")
    assert "HOLE 1d from desk: skipped: callers wrote these bars, and there is nobody to ask" in said
    (one,) = cli.json("ingest", "--fill-gaps")["instruments"]
    assert (one["state"], one["error"]) == ("skipped", None)
    with open_barledger(cli.folder / "home", settings=Settings()) as bl:
        bl.write("GAPS", "1d", frame([19000, 19005]), source="desk")
    table = cli("ingest", "--fill-gaps")
    assert table.count("skipped") == table.count("nobody to ask") == 2


def test_the_only_series_that_fails_says_why(cli: FilesCli) -> None:
    cli.ingest("AAPL", "1d", "--start", "2024-01-01", "--end", "2024-01-03")
    cli("ingest", "--fill-gaps", "--option", f"path={cli.folder}/nothing.csv", code=6)
    assert "error [source-error] source files: there is no file" in cli.err
    assert "next: " in cli.err


# --- what did not come -----------------------------------------------------------------------------


@pytest.fixture
def kraken(fake_kraken: FakeExchange) -> list[str]:
    """The options for a Kraken whose clock is this machine's: it serves its newest 720 bars."""
    return ["--source", "kraken", "--option", f"url={fake_kraken.url}", "--option", "rate_limit=no"]


def days_ago(days: int) -> str:
    return str(np.datetime64("now", "D") - days)


def test_what_is_too_old_for_the_source_is_told(cli: FilesCli, kraken: list[str]) -> None:
    start = days_ago(60)
    said = cli("ingest", "BTC/USD", "1h", *kraken, "--start", start)
    assert "719 new" in said
    assert f"out of reach: [{start}T00:00:00Z, " in cli.err
    assert "kraken serves no bars that old" in cli.err
    cli("ingest", "BTC/USD", "1h", *kraken, "--start", start)
    assert "out of reach" in cli.err
    said = cli("ingest", "BTC/USD,ETH/USD", "1h", *kraken, "--start", start)
    assert said.count("out of reach: [") == 2
    told = cli.json("ingest", "BTC/USD", "1h", *kraken, "--start", start)
    assert "kraken serves no bars that old" in told["instruments"][0]["notes"][0]


def test_a_range_that_is_wholly_too_old_is_refused(cli: FilesCli, kraken: list[str]) -> None:
    old = ["--start", days_ago(90), "--end", days_ago(60)]
    cli("ingest", "BTC/USD", "1h", *kraken, *old, code=4)
    assert "out-of-reach" in cli.err
    assert "source kraken cannot do this: 1h bars of [" in cli.err
    told = cli.json("ingest", "BTC/USD,ETH/USD", "1h", *kraken, *old, code=4)
    assert [one["state"] for one in told["instruments"]] == ["failed"] * 2
    assert {one["error"]["error"] for one in told["instruments"]} == {"out-of-reach"}


def test_filling_gaps_says_which_are_too_old_for_the_source(cli: FilesCli, kraken: list[str]) -> None:
    cli("ingest", "BTC/USD", "1h", *kraken)
    with open_barledger(cli.folder / "home", settings=Settings()) as bl:
        series = Series.of("BTC/USD", "1h", "kraken")
        gap = Availability(series, (Missing(Interval.of(days_ago(90), days_ago(60)), "never_requested"),))
        options = dict(one.split("=") for one in kraken[3::2])
        done = bl.ingestion.fill_gaps([gap], options=options)
    (report,) = done.instruments
    assert (report.state, report.error, done.calls) == ("current", None, 0)
    assert "out of reach" in report.notes[0]


@pytest.mark.slow
def test_a_follower_says_once_that_its_source_is_gone_and_once_that_it_is_back(
    cli: FilesCli, fake_binance: FakeExchange
) -> None:
    fake_binance.faults += ["drop", "drop"]
    options = ["--option", f"url={fake_binance.url}", "--option", "rate_limit=no"]
    start = str(np.datetime64("now", "m") - 3)
    follow = ["follow", "BTCUSDT", "1m", "--source", "binance", *options, "--start", start]
    assert len(cli(*follow, "--count", "1").splitlines()) == 1
    waits, gone, back = cli.err.splitlines()
    assert waits.startswith("BTCUSDT 1m from binance: waits for the bar of ")
    assert gone.startswith("BTCUSDT 1m from binance: does not answer: ")
    assert gone.endswith("; trying again")
    assert back == "BTCUSDT 1m from binance: answers again"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Interrupts as at a terminal: what is started in the background ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_who_interrupts_is_told_what_was_kept(cli: FilesCli, fake_binance: FakeExchange) -> None:
    def interrupt() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return time.time_ns()

    fake_binance.clock = interrupt
    options = ["--option", f"url={fake_binance.url}", "--option", "rate_limit=no"]
    cli("ingest", "BTCUSDT", "1m", "--source", "binance", *options, "--start", days_ago(1), code=130)
    assert "interrupted; what was stored is kept, run it again to go on" in cli.err


def test_it_is_said_why_nothing_came(cli: FilesCli) -> None:
    path = f"path={cli.folder}/{{instrument}}.csv"
    ask = ["AAPL", "1d", "--source", "files", "--option", path, "--option", "adjustment=raw"]
    cli("ingest", *ask, "--start", "2001-01-01", "--end", "2001-02-01")
    assert "the source gave no bars in [2001-01-01T00:00:00Z, 2001-02-01T00:00:00Z)" in cli.err
    cli("ingest", *ask)
    assert cli.err == ""
    (cli.folder / "NONE.csv").write_text("time,open,high,low,close,volume\n")
    cli("ingest", "NONE", *ask[1:])
    assert "the source gave no bars" in cli.err
