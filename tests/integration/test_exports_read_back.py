"""What `export` writes, `import` reads."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from barledger.barledger import open_barledger
from barledger.cli.app import run
from barledger.domain.timeframe import Timeframe
from barledger.errors import NaiveTimes
from libraries import frame

Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))

    def running(*arguments: str | Path, code: int = 0) -> str:
        capsys.readouterr()
        assert run([*map(str, arguments)]) == code, capsys.readouterr().err
        written = capsys.readouterr()
        return written.out if code == 0 else written.err

    return running


STYLES = ("yfinance", "backtesting", "backtrader", "freqtrade", "vectorbt", "barledger")
WRITTEN = [
    *(("1d", "csv", style) for style in STYLES),
    *(("1d", kind, style) for kind in ("parquet", "arrow") for style in ("yfinance", "backtesting")),
    *((timeframe, "csv", style) for timeframe in ("1w", "1h") for style in ("yfinance", "backtrader")),
]


@pytest.mark.parametrize(("timeframe", "kind", "style"), WRITTEN)
def test_an_export_reads_back_as_the_same_bars(
    command: Command, tmp_path: Path, timeframe: str, kind: str, style: str
) -> None:
    naive = style in {"backtesting", "backtrader"} and timeframe == "1h"
    bars = frame(range(4, 40))
    step = {"1d": "D", "1w": "7D", "1h": "h"}[timeframe]
    bars.index = pd.date_range("1970-01-05", periods=len(bars), freq=step, tz="UTC")
    with open_barledger(tmp_path / "one") as bl:
        bl.write("AAPL", timeframe, bars, source="x")
        digest = bl.bars("AAPL", timeframe).digest
    command(
        "export", "AAPL", timeframe, tmp_path / "out", "--format", kind, "--style", style, "--store", tmp_path / "one"
    )
    path = tmp_path / "out" / f"{{instrument}}-{Timeframe.of(timeframe)}.{kind}"
    asked = ("import", path, "--instrument", "AAPL", "--timeframe", timeframe, "--store", tmp_path / "two")
    if naive:
        assert "naive-times" in command(*asked, code=2)
        asked = (*asked, "--option", "zone=UTC")
    command(*asked)
    with open_barledger(tmp_path / "two") as bl:
        assert bl.bars("AAPL", timeframe).digest == digest


def test_what_is_read_as_dates_is_said_before_it_is_written(command: Command, tmp_path: Path) -> None:
    (tmp_path / "AAPL-1d.csv").write_text("Date,Open,High,Low,Close,Volume\n2024-01-02 00:00:00,1,2,0.5,1.5,10\n")
    (told,) = json.loads(command("import", tmp_path / "{instrument}-{timeframe}.csv", "--dry-run", "--json"))
    assert "midnights without a zone are the days' labels, midnight in UTC" in told["note"]
    assert told["bars"][0]["time"] == "2024-01-02T00:00:00Z"


@pytest.mark.parametrize("second", ["2024-01-03 16:00:00", "2024-01-03 00:00:01"])
def test_a_time_of_day_without_a_zone_is_refused_at_a_day_too(command: Command, tmp_path: Path, second: str) -> None:
    lines = [f"{time},1,2,0.5,1.5,10" for time in ("2024-01-02 00:00:00", second)]
    (tmp_path / "AAPL-1d.csv").write_text("\n".join(["Date,Open,High,Low,Close,Volume", *lines, ""]))
    assert NaiveTimes.code in command("import", tmp_path / "{instrument}-{timeframe}.csv", code=2)
