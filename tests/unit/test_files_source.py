"""FilesSource: what it reads, what it refuses, and how much memory it takes."""

import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from barledger.cli import main
from barledger.domain.comparison import EXACT
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows, concat
from barledger.domain.timeframe import DAY, Timeframe
from barledger.domain.validation import OnInvalid
from barledger.errors import (
    BarledgerError,
    DataNotFound,
    DuplicateTimes,
    InvalidBars,
    InvalidSetting,
    MissingColumns,
    NaiveTimes,
    NotEnclosing,
    OffGrid,
    SourceError,
    SourceNotFound,
    UnsortedTimes,
    WrongType,
)
from barledger.sources.contract import Fetched, FetchRequest
from barledger.sources.files import FilesSource
from barledger.sources.registry import make_source
from barledger.stores.memory import MemoryStore
from libraries import library

HEADER = "time,open,high,low,close,volume"
FIRST = pd.Timestamp("2020-01-01", tz="UTC")


def line(time: object, close: object = 1.5) -> str:
    return f"{time},1,2,0.5,{close},100"


def days(count: int, first: int = 0) -> list[str]:
    return [f"{FIRST + pd.Timedelta(days=day):%Y-%m-%d}" for day in range(first, first + count)]


def text(lines: list[str], header: str = HEADER) -> str:
    return "".join(f"{one}\n" for one in ([header] if header else []) + lines)


def table(count: int = 50, step: str = "D", **columns: Any) -> pa.Table:
    close = np.arange(count) + 100.0
    bars = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": close}
    return pa.table({"time": pa.array(pd.date_range(FIRST, periods=count, freq=step)), **bars, **columns})


def chunks(
    path: Path | str,
    timeframe: str = "1d",
    *,
    instrument: str = "AAPL",
    native: str | None = None,
    span: Interval | None = None,
    on_invalid: OnInvalid = "raise",
    **options: Any,
) -> list[Fetched]:
    request = FetchRequest(
        instrument=instrument,
        timeframe=Timeframe.of(timeframe),
        interval=span or Interval.of(None, None),
        native=native,
        on_invalid=on_invalid,
    )
    return list(FilesSource(path=path, **options).fetch(request))


def read(path: Path | str, timeframe: str = "1d", **options: Any) -> Rows:
    return concat(chunk.rows for chunk in chunks(path, timeframe, **options))


def stamps(rows: Rows) -> list[str]:
    return [str(pd.Timestamp(time)) for time in rows.time.tolist()]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file and give its path."""

    def writing(content: str | bytes, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return writing


Write = Callable[..., Path]


# --- formats -------------------------------------------------------------------------------------


def _as_stream(bars: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, bars.schema) as writer:
        writer.write_table(bars, max_chunksize=7)


WRITERS: dict[str, Callable[[pa.Table, Path], object]] = {
    "bars.csv": csv.write_csv,
    "bars.tsv": lambda bars, path: csv.write_csv(bars, path, csv.WriteOptions(delimiter="\t")),
    "bars.csv.gz": lambda bars, path: path.write_bytes(gzip.compress(bars.to_pandas().to_csv(index=False).encode())),
    "bars.parquet": lambda bars, path: parquet.write_table(bars, path, row_group_size=13),
    "bars.feather": lambda bars, path: feather.write_feather(bars, str(path), chunksize=7),
    "bars.arrow": _as_stream,
}


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


# --- columns -------------------------------------------------------------------------------------


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


# --- times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("2020-01-02T14:30:00Z", {}),
        ("2020-01-02 14:30:00+00:00", {}),
        ("2020-01-02 09:30:00-05:00", {}),
        ("2020-01-02 09:30:00", {"zone": "America/New_York"}),
        ("2020-01-02T14:30", {"zone": "UTC"}),
        ("1577975400", {"time_unit": "s"}),
        ("1577975400000", {"time_unit": "ms"}),
        ("1577975400000.0", {"time_unit": "ms"}),
        ("1577975400000000000", {"time_unit": "ns"}),
    ],
)
def test_an_instant_in_any_spelling(write: Write, given: str, options: dict[str, Any]) -> None:
    assert stamps(read(write(text([line(given)])), "1m", **options)) == ["2020-01-02 14:30:00"]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(["2020-01-02 09:30-05:00"]),
        pa.array(["2020-01-02 14:30Z"]).dictionary_encode(),
        pa.array([1577975400000000], pa.timestamp("us", "Asia/Tokyo")),
        pa.array([1577975400], pa.timestamp("s", "UTC")),
    ],
    ids=str,
)
def test_an_instant_of_any_type(tmp_path: Path, times: pa.Array) -> None:
    parquet.write_table(table(1).set_column(0, "time", times), tmp_path / "bars.parquet")
    assert stamps(read(tmp_path / "bars.parquet", "1m")) == ["2020-01-02 14:30:00"]


@pytest.mark.parametrize("given", ["2020-01-02 09:30:00", "2020-01-02"])
def test_times_without_a_zone_are_refused_with_their_place(write: Write, given: str) -> None:
    with pytest.raises(NaiveTimes, match=r"bars\.csv, line 2"):
        read(write(text([line(given)])), "1m")


def test_midnight_in_the_zone_is_the_day_of_a_daily_bar(write: Write) -> None:
    path = write(text([line("2020-06-01 00:00:00-04:00"), line("2020-12-01 00:00:00-05:00")]))
    assert stamps(read(path, zone="America/New_York")) == ["2020-06-01 00:00:00", "2020-12-01 00:00:00"]
    with pytest.raises(OffGrid):
        read(path)


def test_an_hour_that_the_clock_shows_twice_is_refused(write: Write) -> None:
    path = write(text([line("2020-11-01 01:30:00")]))
    with pytest.raises(WrongType, match="ambiguous"):
        read(path, "1m", zone="America/New_York")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("1577975400", "unit is unknown; say it with time_unit"),
        ("01/02/2020", r"'01/02/2020', which is not ISO 8601"),
        ("", "none in some rows"),
    ],
)
def test_times_that_cannot_be_read_are_refused(write: Write, given: str, said: str) -> None:
    with pytest.raises(WrongType, match=said + r".*bars\.csv, line 2"):
        read(write(text([line(given)])))


@pytest.mark.parametrize("lines", [10, 100_000])
def test_a_time_unlike_the_others_is_found(write: Write, lines: int) -> None:
    path = write(text([line("2020-01-01")] * lines + [line("later")]))
    with pytest.raises((WrongType, SourceError), match=rf"'later'.*line {lines + 2}|line {lines + 2}: .*'later'"):
        read(path)


# --- which files ---------------------------------------------------------------------------------


def test_placeholders_choose_the_file(write: Write, tmp_path: Path) -> None:
    write(text([line(days(1)[0], 1.25)]), "AAPL-1d.csv")
    write(text([line(days(1)[0], 1.75)]), "aapl.us-1d.csv")
    path = tmp_path / "{symbol}-{timeframe}.csv"
    assert read(path).close.tolist() == [1.25]
    assert read(path, native="aapl.us").close.tolist() == [1.75]
    with pytest.raises(DataNotFound, match=r"AAPL-1w\.csv"):
        read(path, "1w")


@pytest.mark.parametrize("native", ["../bars", "/etc/bars", ".."])
def test_a_symbol_cannot_leave_the_folder(write: Write, tmp_path: Path, native: str) -> None:
    write(text([line(days(1)[0])]))
    (tmp_path / "inside").mkdir()
    with pytest.raises(DataNotFound):
        read(f"{tmp_path}/inside/{{symbol}}.csv", native=native)


def test_a_symbol_is_no_pattern(write: Write, tmp_path: Path) -> None:
    write(text([line(days(1)[0])]), "AAPL.csv")
    with pytest.raises(DataNotFound):
        read(tmp_path / "{symbol}.csv", native="*")


@pytest.mark.parametrize("pattern", ["", "*.csv"])
def test_a_folder_is_read_in_the_order_of_its_numbers(write: Write, tmp_path: Path, pattern: str) -> None:
    for month in (10, 2, 1):
        write(text([line(f"2020-{month:02}-01")]), f"AAPL-2020-{month}.csv")
    assert stamps(read(tmp_path / pattern)) == ["2020-01-01 00:00:00", "2020-02-01 00:00:00", "2020-10-01 00:00:00"]


def test_files_that_overlap_are_refused(write: Write, tmp_path: Path) -> None:
    write(text([line(day) for day in days(10)]), "1.csv")
    write(text([line(day) for day in days(10, 5)]), "2.csv")
    with pytest.raises(InvalidBars, match=r"2\.csv, line"):
        read(tmp_path)
    with pytest.raises(UnsortedTimes, match=r"2\.csv, line 2"):
        read(tmp_path, chunk_rows=2)


def test_rows_of_one_instrument_among_several(write: Write) -> None:
    pairs = [(f"{line(day, close)},{symbol}") for day in days(3) for symbol, close in (("BTC/USDT", 1.25), ("NA", 1.5))]
    path = write(text(pairs, f"{HEADER},symbol"))
    assert read(path, instrument="BTCUSDT", instrument_column="symbol").close.tolist() == [1.25] * 3
    assert read(path, instrument="NA", instrument_column="symbol").close.tolist() == [1.5] * 3
    with pytest.raises(DataNotFound, match="no IBM in column 'symbol'"):
        read(path, instrument="IBM", instrument_column="symbol")
    with pytest.raises(DuplicateTimes):
        read(path)


def test_an_instrument_in_two_spellings_is_refused(write: Write) -> None:
    path = write(text([f"{line('2020-01-01')},BTC/USDT", f"{line('2020-01-02')},BTC-USDT"], f"{HEADER},symbol"))
    with pytest.raises(SourceError, match=r"BTCUSDT is there as 'BTC-USDT' and as 'BTC/USDT'"):
        read(path, instrument="BTCUSDT", instrument_column="symbol")
    assert len(read(path, instrument="BTCUSDT", native="BTC/USDT", instrument_column="symbol")) == 1


# --- intervals and chunks ------------------------------------------------------------------------


def test_row_groups_outside_the_interval_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    parquet.write_table(table(), path, row_group_size=10, compression="zstd")
    whole = bytearray(path.read_bytes())
    column = parquet.ParquetFile(path).metadata.row_group(0).column(4)
    start = column.dictionary_page_offset or column.data_page_offset
    whole[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(whole)
    assert len(read(path, span=Interval.of("2020-02-01", "2020-02-05"))) == 4
    with pytest.raises(SourceError, match=r"bars\.parquet"):
        read(path)


def test_an_instrument_in_row_groups_outside_the_interval_is_known(tmp_path: Path) -> None:
    symbols = pa.array(["AAPL"] * 10 + ["MSFT"] * 40)
    parquet.write_table(table(symbol=symbols), tmp_path / "bars.parquet", row_group_size=10)
    late = Interval.of("2020-02-01", None)
    assert not len(read(tmp_path / "bars.parquet", span=late, instrument_column="symbol"))
    with pytest.raises(DataNotFound):
        read(tmp_path / "bars.parquet", span=late, instrument="IBM", instrument_column="symbol")


def test_chunks_are_small_and_join_without_a_gap(write: Write) -> None:
    found = chunks(write(text([line(day) for day in days(500)])), chunk_rows="100")
    assert max(len(chunk.rows) for chunk in found) < 200
    assert sum(len(chunk.rows) for chunk in found) == 500
    assert [chunk.interval.end for chunk in found[:-1]] == [chunk.interval.start for chunk in found[1:]]
    assert (found[0].interval.start, found[-1].interval.end) == (
        Interval.of(None, None).start,
        Interval.of(None, None).end,
    )


def test_a_file_with_a_header_only_has_no_bars(write: Write) -> None:
    assert [len(chunk.rows) for chunk in chunks(write(text([])))] == [0]


def test_what_lies_outside_the_interval_is_not_judged(write: Write) -> None:
    path = write(text([line(day) for day in days(5)] + [line("2021-01-01", 99)]))
    assert len(read(path, span=Interval.of(None, "2021-01-01"))) == 5
    with pytest.raises(NotEnclosing, match=r"bars\.csv, line 7"):
        read(path)


# --- bad files -----------------------------------------------------------------------------------

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


# --- order and quarantine ------------------------------------------------------------------------


def quarantined(path: Path, size: int) -> tuple[list[str], list[str]]:
    found = chunks(path, on_invalid="quarantine", chunk_rows=size)
    put_aside = [str(pd.Timestamp(bar.time))[:10] for chunk in found for bar in chunk.rejected]
    return [time[:10] for time in stamps(concat(chunk.rows for chunk in found))], put_aside


SIZES = (1, 2, 5, 9, 10, 11, 1000)


@pytest.mark.parametrize("size", SIZES)
def test_bars_out_of_order_are_refused_with_their_place(write: Write, size: int) -> None:
    path = write(text([line(day) for day in [*days(10), *days(1, 3), *days(5, 20)]]))
    with pytest.raises((UnsortedTimes, DuplicateTimes), match=r"bars\.csv, line 12"):
        read(path, chunk_rows=size)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_with_its_newest_bars_first_is_refused(write: Write, size: int) -> None:
    path = write(text([line(day) for day in reversed(days(10))]))
    with pytest.raises(UnsortedTimes, match=r"bars\.csv, line"):
        read(path, chunk_rows=size)


@pytest.mark.parametrize("size", SIZES)
def test_a_bar_that_comes_again_is_put_aside_once(write: Write, size: int) -> None:
    given = [*days(10), *days(1, 9), *days(5, 10)]
    assert quarantined(write(text([line(day) for day in given])), size) == (days(15), days(1, 9))


@pytest.mark.parametrize("size", SIZES)
def test_bars_that_contradict_each_other_are_all_put_aside(write: Write, size: int) -> None:
    lines = [
        *[line(day) for day in days(10)],
        *[line(days(1, 9)[0], close) for close in (1.25, 1.75)],
        line(*days(1, 10)),
    ]
    kept, put_aside = quarantined(write(text(lines)), size)
    assert kept == [*days(9), *days(1, 10)]
    assert put_aside == days(1, 9) * 3


@pytest.mark.parametrize("size", SIZES)
def test_bars_that_break_a_rule_are_put_aside_and_no_others(write: Write, size: int) -> None:
    lines = [line(day, 99 if at % 5 == 4 else 1.5) for at, day in enumerate(days(30))]
    kept, put_aside = quarantined(write(text(lines)), size)
    assert kept == [day for at, day in enumerate(days(30)) if at % 5 != 4]
    assert put_aside == [day for at, day in enumerate(days(30)) if at % 5 == 4]


def test_a_bar_that_is_late_by_little_is_sorted_and_by_much_refused(write: Write) -> None:
    path = write(text([line(day) for day in [*days(130), *days(1, 131), *days(1, 130), *days(200, 132)]]))
    assert quarantined(path, 128) == (days(332), [])
    path = write(text([line(day) for day in [*days(300, 1), *days(1)]]))
    with pytest.raises(UnsortedTimes, match="line 302"):
        quarantined(path, 128)


# --- in a library --------------------------------------------------------------------------------


def test_files_are_ingested_with_their_bad_bars_aside(write: Write) -> None:
    path = write(text([line(day, 99 if at == 7 else 1.5) for at, day in enumerate(days(30))]))
    with library(MemoryStore()) as opened:
        done = opened.ingest(
            "AAPL", "1d", source="files", options={"path": path, "chunk_rows": 10}, on_invalid="quarantine"
        )
        assert (done.new, done.quarantined) == (29, 1)
        assert len(opened.bars("AAPL", "1d", source="files")) == 29
        again = opened.ingest("AAPL", "1d", source="files", options={"path": path}, end="2020-01-05")
        assert (again.new, again.changed, again.same) == (0, 0, 4)


def test_values_of_files_count_exactly() -> None:
    assert FilesSource(path="bars.csv").declaration.tolerance == EXACT


def test_the_command_takes_options_as_text(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    path = write(text([f"{line(day)},1.25" for day in days(3)], "Day,Open,High,Low,Close,Volume,Adj Close"))
    given = ["--option", f"path={path}", "--option", "columns=close=Adj Close,time=Day", "--store", "memory:", "--json"]
    monkeypatch.setattr(sys, "argv", ["barledger", "ingest", "AAPL", "1d", "--source", "files", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["new"] == 3


# --- memory --------------------------------------------------------------------------------------

MEASURE = """
import resource, sys
from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.sources.contract import FetchRequest
from barledger.sources.files import FilesSource
request = FetchRequest(instrument="AAPL", timeframe=Timeframe.of("1m"), interval=Interval.of(None, None))
rows = sum(len(chunk.rows) for chunk in FilesSource(path=sys.argv[1], chunk_rows=65536).fetch(request))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def _as_zip(bars: pa.Table, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bars.csv", "w") as member:
        csv.write_csv(bars, member)


def _as_json(bars: pa.Table, path: Path) -> None:
    """Write piece by piece: a child's peak begins with what its parent had when it was made."""
    times = bars["time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
    table = pa.table([times, *(bars[name] for name in VALUES)], ["time", *VALUES])
    with path.open("w") as file:
        for number, batch in enumerate(table.to_batches(max_chunksize=10_000)):
            rows = json.dumps(list(zip(*(column.to_pylist() for column in batch.columns), strict=True)))
            file.write(("," if number else "[") + rows[1:-1])
        file.write("]")


def _peak(path: Path, expected: int) -> int:
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    rows, peak = map(int, done.stdout.split())
    assert rows == expected
    return peak


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs between systems")
@pytest.mark.parametrize("name", ["bars.csv", "bars.parquet", "bars.arrow", "bars.zip", "bars.json"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    """Ten times the rows, 130 MB more of bars (and as much in passing), take less than 120 MB more at the peak."""
    writers = WRITERS | {
        "bars.parquet": parquet.write_table,
        "bars.arrow": lambda bars, path: feather.write_feather(bars, str(path)),
        "bars.zip": _as_zip,
        "bars.json": _as_json,
    }
    peaks = []
    # Parsed JSON takes ten times what its bars do, so fewer tell as much.
    for count in (100_000, 1_000_000) if name == "bars.json" else (300_000, 3_000_000):
        writers[name](table(count, "min"), tmp_path / name)
        peaks.append(_peak(tmp_path / name, count))
    assert peaks[1] - peaks[0] < 120, peaks


def test_every_error_tells_its_next_step(write: Write) -> None:
    with pytest.raises(BarledgerError) as caught:
        read(write(""))
    assert caught.value.advice
