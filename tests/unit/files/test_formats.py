"""The formats and columns of files."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY
from barledger.errors import MissingColumns, SourceError
from files import HEADER, WRITERS, Write, days, line, read, stamps, table, text


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_bars(tmp_path: Path, name: str) -> None:
    WRITERS[name](table(), tmp_path / name)
    found = read(tmp_path / name)
    assert stamps(found)[0] == "2020-01-01 00:00:00"
    assert (np.diff(found.time) == DAY).all()
    assert np.array_equal(found.close, np.arange(50) + 100.0)
    assert np.array_equal(found.high, np.arange(50) + 101.0)


@pytest.mark.parametrize("name", WRITERS)
def test_optional_columns_and_missing_values_come_along(tmp_path: Path, name: str) -> None:
    references = ["a", None, *["b"] * 48]
    factors = pa.array([0.5, None, *[1.0] * 48])
    missing = table(adjustment_factor=factors, source_id=references).set_column(5, "volume", pa.nulls(50, pa.float64()))
    WRITERS[name](missing, tmp_path / name)
    found = read(tmp_path / name)
    assert found.source_id is not None
    assert found.adjustment_factor is not None
    assert found.source_id.tolist()[:3] == ["a", None, "b"]
    assert np.array_equal(found.adjustment_factor[:3], [0.5, np.nan, 1.0], equal_nan=True)
    assert np.isnan(found.volume).all()


def test_a_name_that_does_not_tell_the_format_needs_a_kind(write: Write) -> None:
    path = write(text([line(day) for day in days(3)]), "bars.txt")
    with pytest.raises(SourceError, match=r"bars\.txt does not tell its format; give kind="):
        read(path)
    assert len(read(path, kind="csv")) == 3


def test_a_delimiter_and_a_decimal_comma(write: Write) -> None:
    path = write(text([line(day).replace(",", ";").replace(".", ",") for day in days(3)], HEADER.replace(",", ";")))
    assert read(path, delimiter=";", decimal=",").close.tolist() == [1.5] * 3


@pytest.mark.parametrize(
    "columns", ["close=Adj Close,time=Day", {"close": "Adj Close", "time": "Day"}], ids=["text", "mapping"]
)
def test_columns_map_our_names_to_theirs(write: Write, columns: Any) -> None:
    path = write(text([f"{line(day)},1.25" for day in days(3)], "Day,Open,High,Low,Close,Volume,Adj Close"))
    assert read(path, columns=columns).close.tolist() == [1.25] * 3


@pytest.mark.parametrize(
    "header",
    ["Date,Open,High,Low,Close,Volume", "date,open,high,low,close,volume", "Open time,Open,High,Low,Close,Volume"],
)
def test_names_of_common_exports_are_known(write: Write, header: str) -> None:
    assert len(read(write(text([line(day) for day in days(3)], header)))) == 3


def test_a_header_of_three_lines_from_yfinance(write: Write) -> None:
    header = "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,"
    path = write(text(["2024-01-02,1.5,2,0.5,1,100", "2024-01-03,1.75,2,0.5,1,100"], header))
    found = read(path)
    assert stamps(found) == ["2024-01-02 00:00:00", "2024-01-03 00:00:00"]
    assert found.close.tolist() == [1.5, 1.75]


def test_a_header_of_several_tickers_gives_the_one_that_is_wanted(write: Write) -> None:
    header = "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker" + ",AAPL,MSFT" * 5
    path = write(text(["2024-01-02,1.5,7,2,9,0.5,5,1,6,100,200"], header + "\nDate" + "," * 10))
    assert read(path, instrument="MSFT").close.tolist() == [7.0]
    assert read(path, instrument="AAPL").close.tolist() == [1.5]
    with pytest.raises(MissingColumns):
        read(path, instrument="IBM")


KLINE = "1704067200000,1,2,0.5,1.5,10,1704067259999,15,3,5,7.5,0"


@pytest.mark.parametrize(
    "options",
    [
        {"header": "binance"},
        {"header": "no", "columns": "time=0,open=1,high=2,low=3,close=4,volume=5"},
        {"header": "time,open,high,low,close,volume,a,b,c,d,e,f"},
        {"header": ["time", *VALUES, "a", "b", "c", "d", "e", "f"]},
    ],
    ids=["binance", "by number", "by name", "list"],
)
def test_klines_without_a_header(write: Write, options: dict[str, Any]) -> None:
    found = read(write(KLINE + "\n"), "1m", time_unit="ms", **options)
    assert stamps(found) == ["2024-01-01 00:00:00"]
    assert found.close.tolist() == [1.5]


def test_missing_columns_are_named_with_the_file(write: Write) -> None:
    path = write("date,close\n2020-01-01,1\n")
    with pytest.raises(MissingColumns, match=r"open, high, low, volume; it has date, close.*bars\.csv"):
        read(path)
    with pytest.raises(MissingColumns, match="Adjusted"):
        read(path, columns="close=Adjusted")


def test_two_columns_that_could_be_meant_are_refused(write: Write) -> None:
    path = write(text([f"{line(day)},9" for day in days(3)], f"{HEADER},Close"))
    with pytest.raises(SourceError, match="several columns that could be close: 'close', 'Close'"):
        read(path)
    assert read(path, columns="close=close").close.tolist() == [1.5] * 3
