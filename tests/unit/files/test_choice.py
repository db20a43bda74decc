"""Which files and which rows are read, and in which pieces."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from barledger.domain.interval import Interval
from barledger.errors import DataNotFound, DuplicateTimes, InvalidBars, NotEnclosing, SourceError, UnsortedTimes
from files import HEADER, Write, chunks, days, line, read, stamps, table, text

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
