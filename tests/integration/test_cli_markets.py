"""Commands on instruments and on what is missing: both outputs, pipes, colours, exit codes, and hostile input."""

import re
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pandas as pd
import pytest

from barledger.cli.app import run
from commands import Cli
from servers import InfluxServer

JANUARY = ["--start", "2024-01-01", "--end", "2024-02-01"]
HOLIDAYS = ["2024-01-01", "2024-01-15"]


@pytest.fixture
def cli(place: InfluxServer | None, capsys: pytest.CaptureFixture[str]) -> Cli:  # noqa: ARG001 - the environment names it
    """Commands on each kind of store."""
    return Cli(capsys)


def bring(cli: Cli, folder: Path, instrument: str, *, without: tuple[str, ...] = (), end: str = "2024-02-01") -> None:
    """Ingest the days of New York in January 2024, but for some."""
    days = pd.bdate_range("2024-01-01", end, inclusive="left").strftime("%Y-%m-%d")
    times = [day for day in days if day not in {*HOLIDAYS, *without}]
    bars = pd.DataFrame({"time": times} | dict.fromkeys(("open", "high", "low", "close", "volume"), 1.5))
    path = folder / f"{instrument}.csv"
    bars.to_csv(path, index=False)
    cli("ingest", instrument, "1d", "--source", "files", "--option", f"path={path}")


# --- availability ----------------------------------------------------------------------------------


def test_a_strip_shows_what_is_there(cli: Cli, tmp_path: Path) -> None:
    cli("instruments", "declare", "AAPL", "--calendar", "XNYS")
    bring(cli, tmp_path, "AAPL", without=("2024-01-08", "2024-01-09"), end="2024-01-27")
    said = cli("availability", "AAPL", "1d", *JANUARY)
    lines = said.splitlines()
    assert lines[0].startswith("AAPL 1d from files: 16 of 21 bars in [2024-01-01T00:00:00Z, 2024-02-01T00:00:00Z) (76.")
    assert lines[1] == "████··████████████···"
    assert lines[2] == "2024-01-02T00:00:00Z to 2024-02-01T00:00:00Z"
    assert "\x1b" not in said
    assert "never_requested" in said
    assert "lacking" in said
    told = cli.json("availability", "AAPL", "1d", *JANUARY)
    assert (told["found"], told["expected"], told["complete"], told["calendar"]) == (16, 21, False, "XNYS")
    assert told["reasons"] == {"lacking": 2, "never_requested": 3}
    assert [(one["reason"], one["bars"], one["source"]) for one in told["missing"]] == [
        ("lacking", 2, "files"),
        ("never_requested", 3, "files"),
    ]
    assert told["missing"][0]["interval"] == {
        "start": "1704672000000000000",
        "start_utc": "2024-01-08T00:00:00Z",
        "end": "1704844800000000000",
        "end_utc": "2024-01-10T00:00:00Z",
    }
    assert len(told["present"]) == 2


def test_a_complete_record_says_so(cli: Cli, tmp_path: Path) -> None:
    cli("instruments", "declare", "AAPL", "--calendar", "XNYS", "--first-trade", "2024-01-05")
    bring(cli, tmp_path, "AAPL", without=("2024-01-02", "2024-01-03", "2024-01-04"))
    said = cli("availability", "AAPL", "1d", *JANUARY, "--fields", "close, adjustment_factor")
    assert said.splitlines()[1] == "---" + "█" * 18
    assert "not_listed" in said
    assert "close: in every bar" in said
    assert "adjustment_factor: 18 bars lack it" in said
    assert "(complete)" in cli("availability", "AAPL", "1d", *JANUARY, "--exact")
    assert cli("availability", "AAPL", "1d", "--start", "2024-01-06", "--end", "2024-01-08").count("\n") == 1


def test_a_long_record_fits_into_the_strip(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(cli, tmp_path, "AAPL")
    said = cli("availability", "AAPL", "1d", "--start", "2020-01-01", "--end", "2028-01-01").splitlines()
    assert len(said[1]) == len(said[2]) == 80
    assert set(said[1]) <= set("·░▒▓█")
    assert set(said[1]) - {"·"}
    cli("availability", "AAPL", "1d", *JANUARY, "--limit", "1")
    assert "shorter stretches are not shown" in cli.err
    monkeypatch.setenv("COLUMNS", "31")
    assert len(cli("availability", "AAPL", "1d", *JANUARY).splitlines()[1]) == 30


def test_colours_are_for_terminals_that_want_them(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(cli, tmp_path, "AAPL")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m" in cli("availability", "AAPL", "1d", *JANUARY)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in cli("availability", "AAPL", "1d", *JANUARY)


def test_a_terminal_without_blocks_gets_letters(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(cli, tmp_path, "AAPL")
    written = BytesIO()
    terminal = TextIOWrapper(written, encoding="ascii", write_through=True)
    with monkeypatch.context() as narrow:
        narrow.setattr(sys, "stdout", terminal)
        assert run(["availability", "AAPL", "1d", "--start", "2024-01-01", "--end", "2024-01-06"]) == 0
    assert written.getvalue().decode().splitlines()[1] == ".####"


def test_what_is_assumed_is_said(cli: Cli, tmp_path: Path) -> None:
    bring(cli, tmp_path, "AAPL")
    assert cli.json("availability", "AAPL", "1d", *JANUARY)["calendar_origin"] == "default"
    cli("availability", "AAPL", "1d", *JANUARY)
    assert "nobody said when AAPL trades, so that 24/7 is assumed" in cli.err
    assert "barledger instruments declare AAPL --calendar XNYS" in cli.err
    cli("instruments", "declare", "A*", "--calendar", "XNYS")
    cli("availability", "AAPL", "1d", *JANUARY)
    assert cli.err == ""


def test_questions_that_cannot_be_answered_are_refused(cli: Cli, tmp_path: Path) -> None:
    bring(cli, tmp_path, "AAPL")
    assert cli.refused("availability", "IBM", "1d", code=3)["error"] == "series-not-found"
    assert cli.refused("availability", "AAPL", "7m", code=2)["error"] == "invalid-timeframe"
    assert cli.refused("availability", "AAPL", "1d", "--start", "soon", code=2)["error"] == "invalid-interval"
    assert cli.refused("availability", "AAPL", "1d", "--fields", "vwap", code=2)["error"] == "invalid-setting"
    assert cli.json("availability", "IBM", "1d", *JANUARY)["sources"] == []
    assert "from no source: 0 of 31 bars" in cli("availability", "IBM", "1d", *JANUARY)


# --- gaps ------------------------------------------------------------------------------------------


def test_gaps_are_listed_the_worst_first(cli: Cli, tmp_path: Path) -> None:
    assert cli.json("gaps") == {"checked": 0, "gaps": [], "undecided": []}
    cli("instruments", "declare", "*", "--calendar", "XNYS")
    bring(cli, tmp_path, "WHOLE")
    bring(cli, tmp_path, "HOLED", without=("2024-01-08",))
    bring(cli, tmp_path, "LATE", end="2024-01-20")
    told = cli.json("gaps", *JANUARY)
    assert [(one["instrument"], one["behind"]) for one in told["gaps"]] == [("HOLED", 0), ("LATE", 8)]
    assert told["checked"] == 3
    table = cli("gaps", *JANUARY)
    assert table.index("HOLED") < table.index("LATE")
    assert "1 from 2024-01-08T00:00:00Z" in table
    assert "WHOLE" not in table
    assert "2 of 3 are incomplete" in cli.err
    assert [one["instrument"] for one in cli.json("gaps", "H*", *JANUARY, "--timeframe", "1d")["gaps"]] == ["HOLED"]
    assert cli.json("gaps", "--source", "nobody")["checked"] == 0
    cli("ingest", "GHOST", "1d", "--source", "files", "--option", f"path={tmp_path}/nowhere.csv", code=6)
    assert "there is no file" in cli("gaps", *JANUARY)
    cli("gaps")
    assert "GHOST 1d from files: nothing was ever obtained: " in cli.err
    assert "nowhere.csv" in cli.err
    assert "barledger gaps GHOST --forget" in cli.err
    assert cli("gaps", "H*", "--forget") == "forgotten: nothing\n"
    kept = cli.refused("gaps", "HOLED", "--forget", code=2)
    assert "HOLED 1d from files has or had bars; forgotten are failures" in kept["message"]
    nobody = cli.refused("gaps", "NOBODY", "--forget", code=3)
    assert nobody["error"] == "series-not-found"
    assert "nobody was asked for any: there is nothing to forget" in nobody["message"]
    assert cli.json("gaps", "GHOST", "--forget")["forgotten"][0]["instrument"] == "GHOST"
    assert cli.json("gaps")["undecided"] == []
    assert cli.refused("gaps", "--timeframe", "7m", code=2)["error"] == "invalid-timeframe"


def test_of_two_reasons_the_error_stands_at_its_own(cli: Cli, tmp_path: Path) -> None:
    nowhere = ["--source", "files", "--option", f"path={tmp_path}/nowhere.csv"]
    cli("ingest", "GHOST", "1d", *nowhere, "--start", "2024-01-01", "--end", "2024-01-11", code=6)
    (line,) = [line for line in cli("gaps", *JANUARY).splitlines() if "GHOST" in line]
    assert re.search(r"10 fetch_failed \(.*there is no file .*nowhere\.csv\)", line)
    assert re.search(r"21 never_requested(,| +│)", line)


def test_a_source_is_described_without_markup(cli: Cli) -> None:
    cli("sources", "yahoo")
    assert "url is a server that speaks as Yahoo does" in cli.err
    assert "`" not in cli.err


# --- instruments -----------------------------------------------------------------------------------


def test_instruments_are_listed_with_who_said_it(cli: Cli, tmp_path: Path) -> None:
    assert cli.json("instruments") == cli.json("instruments", "list") == []
    bring(cli, tmp_path, "AAPL")
    bring(cli, tmp_path, "VOD.L")
    said = cli("instruments", "declare", "*.L", "--kind", "stock", "--calendar", "LSE", "--currency", "GBp")
    assert said == "declared of *.L: kind stock, calendar XLON, currency GBp\n"
    declared = cli.json("instruments", "declare", "AAPL", "--first-trade", "1980-12-12", "--reason", "its IPO")
    told = {"first_trade": "345427200000000000", "first_trade_utc": "1980-12-12T00:00:00Z"}
    assert declared == {"pattern": "AAPL", **told}
    aapl, vodafone = cli.json("instruments")
    assert (aapl["instrument"], aapl["calendar"], aapl["origins"]["calendar"]) == ("AAPL", "24/7", "default")
    assert (vodafone["calendar"], vodafone["origins"]) == (
        "XLON",
        {"kind": "declared", "calendar": "declared", "currency": "declared"},
    )
    table = cli("instruments")
    assert "1980-12-12T00:00:00Z" in table
    assert "calendar: default" in table
    assert [one["instrument"] for one in cli.json("instruments", "--match", "*.L")] == ["VOD.L"]
    assert cli("instruments", "forget", "*.L") == "forgotten of *.L: kind, calendar, currency\n"
    assert cli("instruments", "forget", "*.L") == "forgotten of *.L: nothing, since nothing was declared\n"
    assert [one["operation"] for one in cli.json("audit") if one["operation"] in ("declare", "forget")] == [
        "declare",
        "declare",
        "forget",
    ]


def test_halts_and_names_are_kept(cli: Cli) -> None:
    halted = cli("instruments", "halt", "BTC/USDT", "2024-01-05", "2024-01-06", "--reason", "maintenance")
    assert halted == "BTCUSDT is halted over [2024-01-05T00:00:00Z, 2024-01-06T00:00:00Z)\n"
    assert cli.refused("instruments", "halt", "BTC/USDT", "2024-01-05", code=2)["error"] == "invalid-setting"
    cli("instruments", "name", "BTC/USDT", "kraken", "XBT/USDT", "--end", "2030-01-01")
    assert cli.refused("instruments", "name", "BITCOIN", "kraken", "XBT/USDT", code=4)["error"] == "symbol-taken"
    shown = cli.json("instruments", "show", "BTCUSDT")
    assert (shown["instrument"], len(shown["halts"]), shown["actions"]) == ("BTCUSDT", 1, [])
    assert shown["names"][0]["native"] == "XBT/USDT"
    table = cli("instruments", "show", "BTC/USDT")
    for word in ("maintenance", "XBT/USDT", "2030-01-01T00:00:00Z", "default"):
        assert word in table
    assert cli.json("instruments", "halt", "BTCUSDT", "2024-01-05", "--lift")["reason"] == "maintenance"
    assert cli.json("instruments", "name", "BTCUSDT", "kraken", "XBT/USDT", "--remove") == []
    shown = cli.json("instruments", "show", "BTCUSDT")
    assert (shown["halts"], shown["names"]) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        (["declare", "AAPL"], "invalid-setting", 2),
        (["declare", "AAPL", "--kind", "bond"], "invalid-setting", 2),
        (["declare", "AAPL", "--calendar", "XNYX"], "calendar-not-found", 3),
        (["declare", " ", "--kind", "stock"], "invalid-name", 2),
        (["halt", "AAPL", "2024-01-02", "2024-01-01", "--reason", "x"], "invalid-interval", 2),
        (["halt", "AAPL", "2024-01-02", "--lift"], "invalid-setting", 2),
        (["name", "AAPL", "yahoo", "AAPL", "--remove"], "invalid-setting", 2),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, arguments: list[str], error: str, code: int) -> None:
    assert cli.refused("instruments", *arguments, code=code)["error"] == error
    assert cli.json("instruments") == []


def test_the_help_is_whole(cli: Cli) -> None:
    of_instruments = (["instruments", name] for name in ("show", "declare", "forget", "halt", "name"))
    for command in (["availability"], ["gaps"], ["instruments"], *of_instruments):
        assert "Usage: " in cli(*command, "--help")
