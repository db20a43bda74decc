"""Bad files, and options that cannot be used."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from barledger.errors import BarledgerError, InvalidSetting, SourceError, SourceNotFound, WrongType
from barledger.sources.registry import make_source
from files import WRITERS, Write, days, line, read, table, text

GOOD = [line(day) for day in days(100)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\xff", "no text in UTF-8"),
        ("time,close\n2020-01-01,1\n".encode("utf-16"), "no text in UTF-8"),
        (b"t\xff,close\n", "no text in UTF-8"),
        (text([*GOOD, "2021-01-01,1,2"]), r"line 102: .*Expected 6 columns, got 3"),
        (text([*GOOD, line("2021-01-01", "abc")]), r"line 102: .*invalid value 'abc'"),
        ("\n" + text([*GOOD, "", line("2021-01-01", "abc")]), r"line 104: .*invalid value 'abc'"),
    ],
    ids=["empty", "empty lines", "png", "utf-16", "latin", "ragged", "not a number", "after empty lines"],
)
def test_what_is_wrong_with_a_csv_is_said_with_its_place(write: Write, content: str | bytes, said: str) -> None:
    with pytest.raises(SourceError, match=r"bars\.csv.*" + said) as caught:
        read(write(content))
    assert "\n" not in str(caught.value)
    assert caught.value.code == "source-error"


@pytest.mark.parametrize("name", ["bars.parquet", "bars.arrow", "bars.feather", "bars.csv.gz"])
@pytest.mark.parametrize("content", [b"", text(GOOD).encode()], ids=["empty", "csv"])
def test_a_file_of_another_format_is_refused(write: Write, name: str, content: bytes) -> None:
    with pytest.raises(SourceError, match=name):
        read(write(content, name))


@pytest.mark.parametrize("name", ["bars.parquet", "bars.feather", "bars.arrow", "bars.csv.gz"])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    WRITERS[name](table(5000), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(SourceError, match=name):
        read(tmp_path / name)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file .*none\.csv"):
        read(tmp_path / "none.csv")
    with pytest.raises(SourceError, match="has no CSV, Parquet or Arrow file"):
        read(tmp_path)


@pytest.mark.parametrize("kind", [pa.string(), pa.bool_()], ids=str)
def test_prices_that_are_no_numbers_are_refused(tmp_path: Path, kind: pa.DataType) -> None:
    bars = table(3)
    wrong = pa.array([1, 0, 1]).cast(pa.bool_()).cast(kind)
    parquet.write_table(bars.set_column(4, "close", wrong), tmp_path / "bars.parquet")
    with pytest.raises(WrongType, match=rf"close has type {kind} in .*bars\.parquet, row 1"):
        read(tmp_path / "bars.parquet")


@pytest.mark.parametrize(
    "options",
    [
        {"path": ""},
        {"path": "{year}.csv"},
        {"columns": "price=Close"},
        {"columns": "close"},
        {"header": "maybe"},
        {"time_unit": "minutes"},
        {"zone": "Mars/Olympus"},
        {"delimiter": "::"},
        {"decimal": ""},
        {"kind": "excel"},
        {"chunk_rows": "0"},
        {"chunk_rows": "many"},
        {"colums": "close=Close"},
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, Any]) -> None:
    name = next(iter(options))
    with pytest.raises(InvalidSetting, match=name):
        make_source("files", {"path": "bars.csv", **options})


def test_a_path_is_needed() -> None:
    with pytest.raises(InvalidSetting, match="path"):
        make_source("files", {})
    with pytest.raises(SourceNotFound):
        make_source("file", {})


def test_every_error_tells_its_next_step(write: Write) -> None:
    with pytest.raises(BarledgerError) as caught:
        read(write(""))
    assert caught.value.advice
