"""Importing files by the command: which series they hold, how they would be read, and what becomes of them."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import barledger
from barledger.cli import main
from barledger.errors import InvalidSetting, SourceError
from barledger.sources.files.discovery import Discovered, discover, instrument_of

HEADER = "date,open,high,low,close,volume\n"
BARS = "2020-01-01,1,2,0.5,1.5,10\n2020-01-02,1,2,0.5,1.5,10\n"
Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with no setting from outside."""
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command; gives its exit code, what it says in JSON, and what goes to stderr."""
    del folder

    def running(*arguments: str) -> tuple[int, Any, str]:
        monkeypatch.setattr(sys, "argv", ["barledger", *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(said.out) if said.out else None, said.err

    with warnings.catch_warnings():
        yield running


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + BARS)


# --- which series --------------------------------------------------------------------------------


def test_placeholders_tell_instruments_and_timeframes(folder: Path) -> None:
    touch(folder, "AAPL-1d.csv", "BTC-USD-1d.csv", "BTC-USD-1M.csv", "notes.md", "AAPL-7d.csv")
    assert discover("{instrument}-{timeframe}.csv") == [
        Discovered(path="AAPL-1d.csv", symbol="AAPL", timeframe="1d"),
        Discovered(path="BTC-USD-1M.csv", symbol="BTC-USD", timeframe="1M"),
        Discovered(path="BTC-USD-1d.csv", symbol="BTC-USD", timeframe="1d"),
    ]


def test_files_of_one_series_are_together(folder: Path) -> None:
    names = [f"BTCUSDT/BTCUSDT-1m-2024-{month:02}.zip" for month in (1, 2)]
    touch(folder, *names, "ETHUSDT/ETHUSDT-1m-2024-01.zip", "ETHUSDT/BTCUSDT-1m-2024-01.zip")
    assert discover("{symbol}/{symbol}-{timeframe}-*.zip") == [
        Discovered(path="BTCUSDT/BTCUSDT-1m-*.zip", symbol="BTCUSDT", timeframe="1m"),
        Discovered(path="ETHUSDT/ETHUSDT-1m-*.zip", symbol="ETHUSDT", timeframe="1m"),
    ]


def test_words_of_other_programs_are_timeframes(folder: Path) -> None:
    touch(folder, "daily/AAPL.csv", "minute/AAPL.csv", "yearly/AAPL.csv")
    found = discover(f"{folder}/{{timeframe}}/{{instrument}}.csv")
    assert [(one.path, one.timeframe) for one in found] == [
        (f"{folder}/daily/AAPL.csv", "1d"),
        (f"{folder}/minute/AAPL.csv", "1m"),
    ]


def test_folders_below_are_searched(folder: Path) -> None:
    touch(folder, "us/a/aapl.us.txt", "us/b/ibm.us.txt", "aapl.us.txt")
    assert [one.path for one in discover("**/{instrument}.txt")] == [
        "**/aapl.us.txt",
        "**/ibm.us.txt",
    ]


def test_signs_in_names_are_no_patterns(folder: Path) -> None:
    touch(folder, "A[B]-1d.csv")
    (found,) = discover("{instrument}-1d.csv")
    assert (found.symbol, found.path) == ("A[B]", "A[[]B]-1d.csv")


def test_a_pattern_that_no_file_matches_is_refused(folder: Path) -> None:
    touch(folder, "AAPL.csv")
    with pytest.raises(SourceError, match="there is no file"):
        discover("{instrument}.parquet")
    with pytest.raises(InvalidSetting, match=r"\{year\}"):
        discover("{year}.csv")


@pytest.mark.parametrize(
    ("symbol", "instrument"),
    [
        ("BTC_USDT", "BTC/USDT"),
        ("BTC_USDT_USDT", "BTC/USDT:USDT"),
        ("aapl.us", "AAPL"),
        ("eurusd", "EURUSD"),
        ("BRK-B", "BRK-B"),
        ("VOD.L", "VOD.L"),
        ("A_b", "A_b"),
    ],
)
def test_a_file_is_named_after_an_instrument(symbol: str, instrument: str) -> None:
    assert instrument_of(symbol) == instrument


# --- the command ---------------------------------------------------------------------------------


def test_a_dry_run_shows_mapper_columns_and_first_bars_and_writes_nothing(folder: Path, run: Run) -> None:
    touch(folder, "AAPL-1d.csv")
    (folder / "BTC_USDT-1d.json").write_text("[[1577836800000,1,2,0.5,1.5,10]]")
    code, (aapl, bitcoin), _ = run("import", "{instrument}-{timeframe}.*", "--dry-run")
    assert code == 0
    assert (aapl["instrument"], aapl["timeframe"], aapl["mapper"]) == ("AAPL", "1d", "plain")
    assert aapl["columns"]["time"] == "date"
    assert aapl["bars"][0] == {
        "time": "2020-01-01T00:00:00Z",
        "open": 1,
        "high": 2,
        "low": 0.5,
        "close": 1.5,
        "volume": 10,
    }
    assert (bitcoin["instrument"], bitcoin["mapper"]) == ("BTCUSDT", "freqtrade")
    assert not (folder.parent / "home").exists()


def test_a_dry_run_says_what_cannot_be_read_and_shows_the_others(folder: Path, run: Run) -> None:
    touch(folder, "AAPL.csv")
    (folder / "IBM.csv").write_text("a,b\n1,2\n")
    code, shown, said = run("import", "{instrument}.csv", "--timeframe", "1d", "--dry-run")
    assert code == 2
    assert [one["error"] for one in shown] == [None, "missing-columns"]
    assert json.loads(said)["error"] == "missing-columns"


def test_files_are_imported_each_by_itself(folder: Path, run: Run) -> None:
    touch(folder, "AAPL-1d.csv", "MSFT-1d.csv")
    (folder / "IBM-1d.csv").write_text("a,b\n1,2\n")
    store = str(folder.parent / "library")
    code, done, said = run("import", "{instrument}-{timeframe}.csv", "--store", store, "--reason", "moving in")
    assert code == 2
    assert [(one["instrument"], one["new"], one["error"]) for one in done] == [
        ("AAPL", 2, None),
        ("IBM", None, "missing-columns"),
        ("MSFT", 2, None),
    ]
    assert "there are the mappers" in json.loads(said)["message"]
    again, done, _ = run("import", "AAPL-1d.csv", "--instrument", "AAPL", "--timeframe", "1d", "--store", store)
    assert (again, done[0]["new"], done[0]["same"]) == (0, 0, 2)
    with barledger.connect(store) as library:
        assert len(library.bars("MSFT", "1d")) == 2


def test_a_mapper_and_options_can_be_named(folder: Path, run: Run) -> None:
    (folder / "x.csv").write_text("Date;Open;High;Low;Close\n2020-01-01;1;2;0,5;1,5\n")
    options = ["--option", "delimiter=;", "--option", "decimal=,", "--mapper", "stooq"]
    code, shown, _ = run("import", "x.csv", "--instrument", "DAX", "--timeframe", "1d", *options, "--dry-run")
    assert code == 0
    assert shown[0]["bars"][0]["close"] == 1.5
    assert run("import", "x.csv", "--instrument", "DAX", "--timeframe", "1d", "--mapper", "none", "--dry-run")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["AAPL.csv", "--timeframe", "1d"], "give --instrument"),
        (["AAPL.csv", "--instrument", "AAPL"], "give --timeframe"),
        (["{instrument}.csv", "--timeframe", "7d"], "not a timeframe"),
        (["{instrument}.csv", "--timeframe", "1d", "--option", "delimiter"], "is not name=value"),
        (["{instrument}.csv", "--timeframe", "1d", "--option", "nothing=1"], "nothing"),
        (["none.csv", "--instrument", "AAPL", "--timeframe", "1d"], "there is no file"),
    ],
)
def test_what_is_not_told_or_not_so_is_refused(folder: Path, run: Run, arguments: list[str], said: str) -> None:
    touch(folder, "AAPL.csv")
    for more in (["--dry-run"], ["--store", "memory:"]):
        code, _, error = run("import", *arguments, *more)
        assert code in {2, 6}
        assert said in error


# --- the sources that there are ------------------------------------------------------------------


def test_every_source_is_listed_with_what_it_declares(run: Run) -> None:
    code, listed, _ = run("sources")
    assert code == 0
    known = {one["source"]: one for one in listed}
    assert {"files", "influx_table", "sample", "yahoo"} <= set(known)
    assert known["yahoo"]["package"] == "yfinance"
    assert known["yahoo"]["installed"]
    assert known["yahoo"]["declares"]["history_days"]["1m"] == 30
    assert known["yahoo"]["declares"]["adjustment"]["close"] == "splits"
    # Clocks are for tests.
    assert set(known["yahoo"]["options"]) == {"url", "timeout"}
    assert known["files"]["options"]["path"] is None
    assert known["files"]["package"] == ""
    assert len(known["files"]["declares"]["timeframes"]) == 15
    assert known["influx_table"]["declares"]["timeframes"] == ["1m", "1h", "1d", "1w"]


def test_one_source_is_shown_with_its_options(run: Run) -> None:
    code, shown, _ = run("sources", "files")
    assert (code, shown["source"]) == (0, "files")
    code, _, said = run("sources", "nothing")
    assert code == 3
    assert "yahoo" in json.loads(said)["message"]
