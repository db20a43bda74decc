"""Commands that read for strategies: windows, styles, exports, locks, and their exit codes."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from barledger.cli.app import run
from commands import Cli
from libraries import frame


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library with a hundred days of AAPL and a day of its minutes."""
    folder = tmp_path_factory.mktemp("ingested")
    frame(range(100)).rename_axis("time").to_csv(folder / "days.csv")
    minutes = frame(range(1440))
    minutes.index = pd.date_range("2024-01-01", periods=1440, freq="min", tz="UTC")
    minutes.rename_axis("time").to_csv(folder / "minutes.csv")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BARLEDGER_HOME", str(folder / "home"))
        for timeframe, name in (("1d", "days.csv"), ("1m", "minutes.csv")):
            assert run(["ingest", "AAPL", timeframe, "--source", "files", "--option", f"path={folder / name}"]) == 0
    return folder / "home"


@pytest.fixture
def cli(cli: Cli, home: Path, ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Commands on a copy of that library, in a folder of a strategy."""
    shutil.copytree(ingested, home)
    (tmp_path / "strategy").mkdir()
    monkeypatch.chdir(tmp_path / "strategy")
    return cli


def change(cli: Cli, path: Path, day: int) -> None:
    frame([day], 700.0).rename_axis("time").to_csv(path)
    cli("ingest", "AAPL", "1d", "--source", "files", "--option", f"path={path}")


def test_bars_come_with_bars_before_them(cli: Cli) -> None:
    found = cli.json("bars", "AAPL", "1d", "--start", "1970-03-01", "--end", "1970-03-03", "--lookback", "3")
    assert [one["time"][:10] for one in found["bars"]] == [
        "1970-02-26",
        "1970-02-27",
        "1970-02-28",
        "1970-03-01",
        "1970-03-02",
    ]
    assert found["lookback"]["found"] == 3
    assert len(cli.json("bars", "AAPL", "1d", "--last", "7")["bars"]) == 7


def test_bars_are_put_together(cli: Cli) -> None:
    found = cli.json("bars", "AAPL", "1m", "--resample", "1h", "--start", "2024-01-01T00:30")
    assert (len(found["bars"]), found["resampled"]["from"], found["resampled"]["partial_bars"]) == (23, "1m", 1)
    marked = cli.json("bars", "AAPL", "1m", "--resample", "1h", "--start", "2024-01-01T00:30", "--partial", "mark")
    assert [one["partial"] for one in marked["bars"]][:2] == [True, False]
    assert "partial" in cli("bars", "AAPL", "1m", "--resample", "6h", "--partial", "mark")


def test_bars_are_shown_as_they_were_known(cli: Cli) -> None:
    found = cli.json("bars", "AAPL", "1d", "--known-within", "1d", "--last", "2")
    assert [one["observed"] for one in found["bars"]] == [False, False]


@pytest.mark.parametrize(
    ("style", "label"),
    [("yfinance", "Date"), ("freqtrade", "date"), ("backtrader", "datetime"), ("backtesting", "Date")],
)
def test_bars_have_a_style_on_the_screen_and_in_a_file(cli: Cli, tmp_path: Path, style: str, label: str) -> None:
    found = cli.json("bars", "AAPL", "1d", "--last", "2", "--style", style)
    assert [next(iter(one)) for one in found["bars"]] == [label] * 2
    assert found["bars"][1][label] == "1970-04-10T00:00:00Z"
    cli("bars", "AAPL", "1d", "--style", style, "--out", tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv").columns[0] == label


CLASHES = [
    (["--lookback", "3"], "there is none"),
    (["--lookback", "3", "--last", "2", "--start", "1970-02-01"], "one of both"),
    (["--partial", "mark"], "give --resample as well"),
    (["--resample", "1h"], "1h is not coarser than 1d"),
    (["--resample", "1w", "--partial", "dorp"], "'dorp' is none of"),
    (["--style", "zipline"], "'zipline' is none of"),
    (["--known-within", "soon"], "not a delay"),
    (["--out", "x.xls"], ".xls is not .csv"),
]


@pytest.mark.parametrize(("options", "said"), CLASHES)
def test_options_that_contradict_each_other_are_refused(cli: Cli, options: list[str], said: str) -> None:
    assert said in cli.failing("bars", "AAPL", "1d", *options, code=2)


def test_an_export_is_written_and_verified(cli: Cli, tmp_path: Path) -> None:
    said = cli("export", "AAPL", "1d,1m", tmp_path / "out", "--format", "csv", "--style", "yfinance")
    assert said.startswith("1,540 bars in 2 files, and a manifest, in ")
    assert cli("export", "--verify", tmp_path / "out") == "verified: 1,540 bars in 2 files are what was written\n"
    assert cli.json("export", "--verify", tmp_path / "out" / "manifest.json")["ok"]
    path = tmp_path / "out" / "AAPL-1d.csv"
    path.write_text(path.read_text().replace("100.5,", "100.6,"))
    assert "AAPL-1d.csv" in cli("export", "--verify", tmp_path / "out", code=5)
    found = cli.json("export", "--verify", tmp_path / "out", code=5)
    assert (found["ok"], [one["file"] for one in found["damage"]]) == (False, ["AAPL-1d.csv"])
    assert "nothing in it is overwritten" in cli.failing(
        "export", "AAPL", "1d", tmp_path / "out", "--format", "csv", code=4
    )


def test_an_export_says_what_it_lacks(cli: Cli, tmp_path: Path) -> None:
    assert "name instruments, timeframes and a folder" in cli.failing("export", "AAPL", "1d", code=2)
    assert "takes no instruments" in cli.failing("export", "AAPL", "1d", tmp_path / "out", "--verify", tmp_path, code=2)
    assert "there is no file" in cli.failing("export", "--verify", tmp_path / "nowhere", code=3)
    assert "no bars of MSFT 1d" in cli.failing("export", "MSFT", "1d", tmp_path / "out", code=3)
    assert not (tmp_path / "out").exists()


def test_a_lock_is_written_and_checked(cli: Cli, tmp_path: Path) -> None:
    said = cli("lock", "AAPL", "1d", "--end", "1970-03-01", "--strategy", "momentum-7")
    assert said.startswith("59 bars of 1 series locked in barledger.lock, digest ")
    before = Path("barledger.lock").read_bytes()
    cli("lock", "AAPL", "1d", "--end", "1970-03-01", "--strategy", "momentum-7")
    assert Path("barledger.lock").read_bytes() == before
    for name in ("-o", "--out", "--file"):
        cli("lock", "AAPL", "1d", "--end", "1970-03-01", "--strategy", "momentum-7", name, f"{name}.lock")
        assert Path(f"{name}.lock").read_bytes() == before
    Path("--out.lock").write_bytes(before.replace(b'"rows": 59', b'"rows": 58'))
    assert cli.refused("check", "--file=--out.lock", code=5)["error"] == "manifest-changed"
    Path("--out.lock").write_bytes(before[:99])
    assert cli.refused("check", "--file=--out.lock", code=2)["error"] == "invalid-manifest"
    assert cli("check") == "checked: 59 bars of 1 series are those in barledger.lock\n"
    assert cli.json("check", "--latest")["moved"] == []

    change(cli, tmp_path / "new.csv", 70)
    assert cli.json("check", "--latest")["moved"] == []
    change(cli, tmp_path / "new.csv", 7)
    cli("check")
    assert "AAPL 1d from files has newer states: digest" in cli.err
    assert [one["series"] for one in cli.json("check")["moved"]] == ["AAPL 1d from files"]
    assert "error [lock-broken] barledger.lock" in cli.failing("check", "--latest", code=5)


def test_a_check_fails_where_the_data_are_others(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("lock", "AAPL", "1d")
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "other"))
    assert "this library has no bars of it" in cli.failing("check", code=5)
    change(cli, tmp_path / "new.csv", 7)
    assert "1 bars instead of 100" in cli.failing("check", code=5)
    told = json.loads(cli.failing("check", "--json", code=5))
    assert told["error"] == "lock-broken"


def test_a_check_without_a_lock_says_so(cli: Cli) -> None:
    assert "there is no file barledger.lock" in cli.failing("check", code=3)
    Path("barledger.lock").write_text("{}")
    assert "is not a manifest" in cli.failing("check", code=2)
