"""Commands on indicators: lists, descriptions and values, in every format, and how they fail."""

import json
import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import barledger
from commands import Cli
from libraries import frame

SPEC = "sma(close, 5)"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library with a hundred days of three instruments."""
    folder = tmp_path_factory.mktemp("written") / "home"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BARLEDGER_HOME", str(folder))
        environment.delenv("BARLEDGER_URL", raising=False)
        with barledger.connect() as bl:
            for value, name in ((100.0, "AAPL"), (200.0, "MSFT"), (50.0, "KO")):
                bl.write(name, "1d", frame(range(100), value), source="x")
    return folder


@pytest.fixture
def cli(cli: Cli, home: Path, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    shutil.copytree(written, home)
    monkeypatch.chdir(tmp_path)
    return cli


# --- what there is -----------------------------------------------------------------------------------


def test_indicators_are_listed_by_kind(cli: Cli) -> None:
    found = {one["name"]: one for one in cli.json("indicators", "list")}
    assert {"rsi", "macd", "zscore"} <= set(found)
    assert found["zscore"]["kind"] == "statistic"
    some = cli.json("indicators", "list", "--kind", "statistic")
    assert "zscore" in {one["name"] for one in some}
    assert {one["kind"] for one in some} == {"statistic"}
    shown = cli("indicators", "list")
    assert "zscore(20, 0)" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "indicators describe NAME" in cli.err


def test_a_kind_that_there_is_not_is_refused(cli: Cli) -> None:
    told = cli.refused("indicators", "list", "--kind", "astrology", code=2)
    assert "momentum" in told["message"]


def test_an_indicator_is_described(cli: Cli) -> None:
    found = cli.json("indicators", "describe", "zscore(5)")
    assert found["formula"].startswith("(close - mean")
    assert found["parameters"][0]["allowed"] == "a whole number from 2 to 100000"
    given = cli.json("indicators", "describe", "sma(zscore(5), timeperiod=9)")
    assert given["spec"] == "sma(zscore(close, period=5, ddof=0), timeperiod=9)"
    assert [(one["value"], one["default"]) for one in given["parameters"]] == [(9, 30)]
    shown = cli("indicators", "describe", "ZSCORE")
    assert "formula" in shown
    assert "convention" in shown


def test_an_unknown_name_has_the_nearest_ones(cli: Cli) -> None:
    told = cli.refused("indicators", "describe", "zscor", code=3)
    assert "zscore" in told["message"]


@pytest.mark.parametrize("several", ["AAPL,IBM", "A*", "@desk.txt"])
def test_several_instruments_are_for_another_command(cli: Cli, several: str) -> None:
    told = cli.refused("indicators", "calculate", several, "1d", "sma(5)", code=2)
    assert "barledger indicators batch" in told["message"]
    told = cli.refused("indicators", "calculate", "AAPLE", "1d", "sma(5)", code=3)
    assert "there are no bars of AAPLE" in told["message"]


# --- values ------------------------------------------------------------------------------------------


def test_values_come_with_what_they_resolved_to(cli: Cli) -> None:
    found = cli.json("indicators", "calculate", "AAPL", "1d", SPEC, "--start", "1970-03-01", "--end", "1970-03-04")
    assert [one["time"] for one in found["rows"]] == [f"1970-03-0{day}T00:00:00Z" for day in (1, 2, 3)]
    assert [one[SPEC] for one in found["rows"]] == pytest.approx([100.57, 100.58, 100.59])
    assert found["columns"][SPEC]["complete"]
    assert found["indicators"][SPEC].startswith("sma(close, ")
    assert len(found["digest"]) == 64
    assert isinstance(found["revision"], str)


def test_a_table_shows_the_newest_rows(cli: Cli) -> None:
    shown = cli("indicators", "calculate", "AAPL", "1d", SPEC, "zscore(5)", "--last", "2")
    assert "1970-04-10T00:00:00Z" in shown
    assert shown.count("1970-") == 2
    assert "digest" in cli.err


def test_an_incomplete_warm_up_is_said(cli: Cli) -> None:
    cli("indicators", "calculate", "AAPL", "1d", SPEC, "--start", "1970-01-03")
    assert f"{SPEC}: warm-up incomplete: 2 of " in cli.err
    cli("indicators", "calculate", "AAPL", "1d", SPEC, "--start", "1970-03-01")
    assert "incomplete" not in cli.err


def test_what_counts_from_an_anchor_says_from_which(cli: Cli) -> None:
    found = cli.json("indicators", "calculate", "AAPL", "1d", "obv", "--last", "1")["columns"]["obv"]
    if found["memory"] == "path":
        assert found["anchor_utc"] == "1970-01-01T00:00:00Z"
        assert found["anchor"] == "0"


def test_a_missing_value_is_empty_or_null(cli: Cli) -> None:
    text = cli("indicators", "calculate", "AAPL", "1d", SPEC, "--end", "1970-01-07", "--format", "csv")
    assert text.splitlines()[:2] == ['"time","sma(close, 5)"', '"1970-01-01T00:00:00Z",']
    read = pd.read_csv(StringIO(text))
    assert read[SPEC].isna().tolist() == [True] * 4 + [False] * 2
    found = cli.json("indicators", "calculate", "AAPL", "1d", SPEC, "--end", "1970-01-07")
    assert [one[SPEC] for one in found["rows"]][:4] == [None] * 4
    same = json.loads(cli("indicators", "calculate", "AAPL", "1d", SPEC, "--end", "1970-01-07", "--format", "json"))
    assert same == found


@pytest.mark.parametrize(("command", "code"), [(("calculate", "AAPL"), 0), (("batch", "AAPL,MSFT,NOPE"), 3)])
@pytest.mark.parametrize("name", ["out.parquet", "out.arrow"])
def test_a_file_of_a_table_tells_all_that_json_does(
    cli: Cli, tmp_path: Path, command: tuple[str, str], code: int, name: str
) -> None:
    asked = ("indicators", *command, "1d", SPEC, "macd")
    told = cli.json(*asked, code=code)
    cli(*asked, "--output", tmp_path / name, code=code)
    read = parquet.read_table(tmp_path / name) if name.endswith("parquet") else feather.read_table(tmp_path / name)
    found = {key.decode(): json.loads(value) for key, value in read.schema.metadata.items() if key[:9] == b"barledger"}
    del told["rows"]
    assert told["digest"]
    assert {f"barledger.{key}": value for key, value in told.items()}.items() <= found.items()


@pytest.mark.parametrize("name", ["out.parquet", "out.arrow", "out.csv", "out.json"])
def test_values_are_written_to_a_file(cli: Cli, tmp_path: Path, name: str) -> None:
    assert cli("indicators", "calculate", "AAPL", "1d", SPEC, "macd", "--output", tmp_path / name) == ""
    assert "100 rows written" in cli.err
    path = tmp_path / name
    if path.suffix == ".json":
        rows = json.loads(path.read_text())["rows"]
        columns, values = list(rows[0]), [row[SPEC] for row in rows]
    elif path.suffix == ".csv":
        table = pd.read_csv(path)
        columns, values = list(table.columns), table[SPEC].tolist()
    else:
        arrow: pa.Table = parquet.read_table(path) if path.suffix == ".parquet" else feather.read_table(path)
        columns, values = arrow.column_names, arrow[SPEC].to_pylist()
    assert columns[:2] == ["time", SPEC]
    assert len(columns) == 5
    assert values[-1] == pytest.approx(100.97)
    assert np.isnan(values[0]) if path.suffix == ".csv" else values[0] is None


def test_an_ending_that_is_no_format_has_all_that_are(cli: Cli) -> None:
    said = cli.failing("indicators", "calculate", "AAPL", "1d", SPEC, "--output", "out.xlsx", code=2)
    assert ".xlsx is not .csv, .json, .parquet or .arrow" in said


def test_an_explanation_is_given(cli: Cli) -> None:
    cli("indicators", "calculate", "AAPL", "1d", SPEC, "--last", "1", "--explain")
    assert "sma(close, " in cli.err


# --- many --------------------------------------------------------------------------------------------


def test_many_instruments_are_one_answer(cli: Cli) -> None:
    found = cli.json("indicators", "batch", "AAPL,MSFT", "1d", SPEC, "--start", "1970-04-09")
    assert [(one["instrument"], one["time"][:10]) for one in found["rows"]] == [
        ("AAPL", "1970-04-09"),
        ("AAPL", "1970-04-10"),
        ("MSFT", "1970-04-09"),
        ("MSFT", "1970-04-10"),
    ]
    assert set(found["instruments"]) == {"AAPL", "MSFT"}
    everything = cli("indicators", "batch", "*", "1d", SPEC, "--format", "csv", "--explain")
    assert everything.count("\n") == 301
    assert "1 thread" in cli.err


def test_one_that_fails_is_said_after_the_others(cli: Cli) -> None:
    shown = cli("indicators", "batch", "AAPL,NOPE", "1d", SPEC, "--start", "1970-04-10", code=3)
    assert "AAPL" in shown
    assert "NOPE: [series-not-found]" in cli.err
    assert "warning: of 2 instruments 1 failed; what failed and why is above" in cli.err
    assert "see .failures" not in cli.err
    assert "  next: " in cli.err
    told = cli.json("indicators", "batch", "AAPL,NOPE", "1d", SPEC, "--start", "1970-04-10", code=3)
    assert told["failures"]["NOPE"]["error"] == "series-not-found"


def test_a_column_that_fails_is_said_by_instrument_and_spec(cli: Cli) -> None:
    with barledger.connect() as bl:
        holed = frame(range(100), 60.0)
        holed.loc[holed.index[50], "volume"] = np.nan
        bl.write("HOLED", "1d", holed, source="x")
    wish = ("indicators", "batch", "AAPL,HOLED", "1d", SPEC, "obv", "--nan-policy", "raise")
    shown = cli(*wish, "--format", "csv", code=2)
    assert shown.count("HOLED") == 100
    assert "HOLED obv: [values-missing]" in cli.err
    assert "warning: of 2 instruments 1 failed in part, where values are missing" in cli.err
    told = cli.json(*wish, code=2)
    assert told["failures"] == {}
    assert told["column_failures"]["HOLED"]["obv"]["error"] == "values-missing"
    assert told["column_failures"].keys() == {"HOLED"}


# --- what is wrong -------------------------------------------------------------------------------------


def test_an_error_points_at_the_character(cli: Cli) -> None:
    said = cli.failing("indicators", "calculate", "AAPL", "1d", "sma(close,, 5)", code=2)
    assert "  sma(close,, 5)\n            ^\n" in said
    cli.refused("indicators", "calculate", "AAPL", "1d", "sma(close,, 5)", code=2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("NOPE", "1d", SPEC), 3),
        (("AAPL", "1d", "nothing(3)"), 3),
        (("AAPL", "1d", "zscore(1)"), 2),
        ((SPEC, "AAPL", "1d"), 2),
        (("AAPL", "1d", SPEC, "--format", "xml"), 2),
        (("AAPL", "1d", SPEC, "--format", "csv", "--json"), 2),
        (("AAPL", "1d", SPEC, "--nan-policy", "guess"), 2),
        (("AAPL", "1d", SPEC, "--output", "out.xlsx"), 2),
        (("AAPL", "1d", SPEC, "--output", "no/such/folder/out.csv"), 2),
        (("AAPL", "1d", SPEC, "--output", "out.csv", "--format", "table"), 2),
        (("AAPL", "1d", SPEC, "--output", "out.csv", "--format", "parquet"), 2),
        (("AAPL", "1d", SPEC, "--output", "out.csv", "--json"), 2),
    ],
)
def test_what_is_wrong_ends_with_its_code(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    said = cli.failing("indicators", "calculate", *arguments, code=code)
    assert "next" in said
