"""The layouts that other programs write, in files as they write them."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from barledger.domain.action import CorporateAction
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows, concat
from barledger.domain.timeframe import DAY, MINUTE, Timeframe
from barledger.errors import (
    BarledgerError,
    DataNotFound,
    DuplicateTimes,
    InvalidSetting,
    MissingColumns,
    NaiveTimes,
    SourceError,
    WrongType,
)
from barledger.sources.contract import Fetched, FetchRequest
from barledger.sources.files import FilesSource
from barledger.sources.files.mappers import MAPPERS
from barledger.sources.registry import make_source

Write = Callable[..., Path]
NEW_YORK = "America/New_York"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and give its path."""

    def writing(content: str | bytes, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return writing


def request(timeframe: str, instrument: str, native: str | None = None, span: Interval | None = None) -> FetchRequest:
    interval = span or Interval.of(None, None)
    return FetchRequest(instrument=instrument, timeframe=Timeframe.of(timeframe), interval=interval, native=native)


def chunks(
    path: Path | str,
    timeframe: str = "1d",
    *,
    instrument: str = "AAPL",
    native: str | None = None,
    span: Interval | None = None,
    **options: Any,
) -> list[Fetched]:
    return list(FilesSource(path=path, **options).fetch(request(timeframe, instrument, native, span)))


def read(path: Path | str, timeframe: str = "1d", **options: Any) -> Rows:
    return concat(chunk.rows for chunk in chunks(path, timeframe, **options))


def mapper_of(path: Path | str, timeframe: str = "1d", **options: Any) -> str:
    return FilesSource(path=path, **options).preview(request(timeframe, "AAPL")).mapped.mapper.name


def stamps(rows: Rows) -> list[str]:
    return [f"{pd.Timestamp(time):%Y-%m-%d %H:%M}" for time in rows.time.tolist()]


def events(path: Path | str, timeframe: str = "1d", **options: Any) -> list[tuple[str, str, float]]:
    found = [action for chunk in chunks(path, timeframe, **options) for action in chunk.actions]
    return [(f"{pd.Timestamp(one.ex_date):%Y-%m-%d %H:%M}", one.kind, one.value) for one in found]


# --- binance -------------------------------------------------------------------------------------

KLINE_NAMES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
START = int(pd.Timestamp("2025-01-01", tz="UTC").value)


def klines(count: int = 3, *, unit: int = 1_000_000, length: int = MINUTE, header: bool = False) -> str:
    """Return klines as Binance publishes them; ``unit`` is in ns."""
    times = [START + at * length for at in range(count)]
    lines = [
        f"{time // unit},4.1,4.4,3.9,4.{at % 4},10.5,{(time + length) // unit - 1},43.1,7,5.1,20.9,0"
        for at, time in enumerate(times)
    ]
    return "\n".join([KLINE_NAMES] * header + lines) + "\n"


@pytest.mark.parametrize("unit", [1_000_000, 1_000], ids=["ms", "us"])
@pytest.mark.parametrize("header", [True, False], ids=["header", "no header"])
def test_klines_are_told_with_their_unit(write: Write, unit: int, header: bool) -> None:  # noqa: FBT001 - a case
    path = write(klines(unit=unit, header=header))
    found = read(path, "1m")
    assert stamps(found) == ["2025-01-01 00:00", "2025-01-01 00:01", "2025-01-01 00:02"]
    assert found.close.tolist() == [4.0, 4.1, 4.2]
    assert found.volume.tolist() == [10.5] * 3
    assert mapper_of(path, "1m") == "binance"


def test_klines_of_both_units_follow_each_other(write: Write, tmp_path: Path) -> None:
    write(klines(1440), "BTCUSDT-1m-2025-01-01.csv")
    later = klines(1441, unit=1_000).splitlines(keepends=True)[1440:]
    write("".join(later), "BTCUSDT-1m-2025-01-02.csv")
    found = read(tmp_path / "{instrument}-{timeframe}-*.csv", "1m", instrument="BTCUSDT")
    assert len(found) == 1441
    assert (np.diff(found.time) == MINUTE).all()


@pytest.mark.parametrize("unit", [1_000_000_000, 1], ids=["s", "ns"])
def test_a_count_that_is_neither_milli_nor_microseconds_is_refused(write: Write, unit: int) -> None:
    path = write(klines(unit=unit, header=True))
    with pytest.raises(WrongType, match=r"neither milli- nor microseconds; say it with time_unit.*line 2"):
        read(path, "1m")


def test_a_unit_that_is_said_counts(write: Write) -> None:
    path = write(klines(unit=1_000_000_000, header=True).replace(",43.1", ",43"))
    assert len(read(path, "1m", time_unit="s")) == 3


def test_klines_of_another_timeframe_are_refused(write: Write) -> None:
    hours = write(klines(length=60 * MINUTE))
    with pytest.raises(SourceError, match=r"last 3,600 seconds, so they are not of 1m"):
        read(hours, "1m")
    assert len(read(hours, "1h")) == 3


def test_a_kline_that_an_outage_cut_short_is_taken(write: Write) -> None:
    lines = klines(5).splitlines()
    lines[2] = lines[2].replace("1735689779999", "1735689750000")
    assert lines[2] not in klines(5)
    assert len(read(write("\n".join(lines) + "\n"), "1m")) == 5


@pytest.mark.parametrize(
    "line",
    ["1,2,3,4,5,6,7,8,9,10,11,12", klines(1).strip().replace("1735689600000", "1735689600")],
    ids=["small", "seconds"],
)
def test_numbers_that_are_no_klines_are_no_header(write: Write, line: str) -> None:
    with pytest.raises(MissingColumns, match=r"it has .*there are the mappers stooq, binance, yfinance"):
        read(write(line + "\n"), "1m")


# --- yfinance ------------------------------------------------------------------------------------


def yahoo_frame(index: pd.DatetimeIndex, *, adjusted: bool = False) -> pd.DataFrame:
    """Return a frame as `Ticker.history` gives it."""
    count = len(index)
    close = np.arange(count) + 100.25
    columns = {"Open": close - 0.25, "High": close + 1, "Low": close - 1, "Close": close}
    columns |= {} if adjusted else {"Adj Close": close * 0.9}
    columns |= {"Volume": np.arange(count) + 1000, "Dividends": 0.0, "Stock Splits": 0.0}
    return pd.DataFrame(columns, index=index)


def yahoo_days(start: str = "2024-03-08", count: int = 4) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.date_range(start, periods=count, freq="D", tz=NEW_YORK), name="Date")


def test_a_daily_bar_of_yfinance_has_the_date_where_it_traded(write: Write) -> None:
    path = write(yahoo_frame(yahoo_days()).to_csv())
    assert "2024-03-10 00:00:00-05:00" in path.read_text()
    assert "2024-03-11 00:00:00-04:00" in path.read_text()
    found = read(path)
    assert stamps(found) == [f"2024-03-{day:02} 00:00" for day in (8, 9, 10, 11)]
    assert found.close.tolist() == [100.25, 101.25, 102.25, 103.25]
    assert mapper_of(path) == "yfinance"


@pytest.mark.parametrize("name", ["bars.parquet", "bars.feather"])
def test_frames_of_yfinance_in_other_formats(tmp_path: Path, name: str) -> None:
    frame = yahoo_frame(yahoo_days())
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.reset_index().to_feather(tmp_path / name)
    assert stamps(read(tmp_path / name)) == [f"2024-03-{day:02} 00:00" for day in (8, 9, 10, 11)]


def test_minutes_of_yfinance_are_instants(write: Write) -> None:
    index = pd.DatetimeIndex(pd.date_range("2024-03-08 09:30", periods=3, freq="min", tz=NEW_YORK), name="Datetime")
    found = read(write(yahoo_frame(index).to_csv()), "1m")
    assert stamps(found) == ["2024-03-08 14:30", "2024-03-08 14:31", "2024-03-08 14:32"]


def test_events_of_yfinance_become_actions(write: Write) -> None:
    frame = yahoo_frame(yahoo_days("2020-08-27", 5))
    frame["Capital Gains"] = 0.0
    frame.iloc[1, frame.columns.get_loc("Dividends")] = 0.82
    frame.iloc[4, frame.columns.get_loc("Stock Splits")] = 4.0
    frame.iloc[2, frame.columns.get_loc("Capital Gains")] = 0.5
    path = write(frame.to_csv())
    assert events(path) == [
        ("2020-08-28 00:00", "cash_dividend", 0.82),
        ("2020-08-29 00:00", "capital_gain", 0.5),
        ("2020-08-31 00:00", "split", 4.0),
    ]
    assert len(read(path)) == 5
    assert events(path, span=Interval.of("2020-08-29", "2020-08-31")) == [("2020-08-29 00:00", "capital_gain", 0.5)]


def test_a_row_that_is_only_an_event_is_no_bar(write: Write) -> None:
    frame = yahoo_frame(yahoo_days())
    frame.iloc[3] = [np.nan] * 5 + [0, 0.25, 0.0]
    path = write(frame.to_csv())
    assert len(read(path)) == 3
    assert events(path) == [("2024-03-11 00:00", "cash_dividend", 0.25)]


def test_an_event_that_cannot_be_is_refused_with_its_place(write: Write) -> None:
    frame = yahoo_frame(yahoo_days())
    frame.iloc[2, frame.columns.get_loc("Dividends")] = -0.25
    with pytest.raises(SourceError, match=r"bars\.csv, line 4: .*cash_dividend of -0\.25"):
        read(write(frame.to_csv()))


def test_prices_that_may_be_adjusted_are_said_to_be_so(write: Write) -> None:
    (chunk,) = chunks(write(yahoo_frame(yahoo_days(), adjusted=True).to_csv()))
    assert "may be adjusted for dividends" in chunk.asked
    (chunk,) = chunks(write(yahoo_frame(yahoo_days()).to_csv()))
    assert "may be adjusted" not in chunk.asked
    assert "left out 'Adj Close'" in chunk.asked


def test_a_header_of_three_lines_is_yfinances(write: Write) -> None:
    header = "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,"
    assert mapper_of(write(f"{header}\n2024-01-02,1.5,2,0.5,1,100\n")) == "yfinance"


# --- freqtrade -----------------------------------------------------------------------------------

DAYS = [1_704_067_200_000 + at * 86_400_000 for at in range(5)]


def rows(count: int = 5, step: int = 86_400_000) -> list[list[float | None]]:
    return [[1_704_067_200_000 + at * step, 1.0, 2.0, 0.5, 1.5, 10.25 + at] for at in range(count)]


@pytest.mark.parametrize("spaced", [None, 2], ids=["one line", "indented"])
def test_json_of_freqtrade(write: Write, spaced: int | None) -> None:
    path = write(json.dumps(rows(), indent=spaced), "BTC_USDT-1d.json")
    found = read(path)
    assert (np.diff(found.time) == DAY).all()
    assert stamps(found)[0] == "2024-01-01 00:00"
    assert found.volume.tolist() == [10.25, 11.25, 12.25, 13.25, 14.25]
    assert mapper_of(path) == "freqtrade"


@pytest.mark.slow
def test_json_of_many_rows_comes_whole(write: Write) -> None:
    many = rows(150_000, 60_000)
    many[70_000][5] = None
    path = write(gzip.compress(json.dumps(many).encode()), "bars.json.gz")
    found = chunks(path, "1m", chunk_rows=40_000)
    assert max(len(chunk.rows) for chunk in found) < 100_000
    whole = concat(chunk.rows for chunk in found)
    assert len(whole) == 150_000
    assert (np.diff(whole.time) == MINUTE).all()
    assert np.flatnonzero(np.isnan(whole.volume)).tolist() == [70_000]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON array"),
        ("{}", "no JSON array"),
        ('"x"', "no JSON array"),
        ("[[1704067200000,1,2,0.5,1.5,10]", "no JSON"),
        ("[[1704067200000,1,2,0.5,1.5,10],", "cut off"),
        ("[[1704067200000,1,2,0.5,1.5]]", "row 1 is not 6 numbers"),
        ("[[1704067200000,1,2,0.5,1.5,10],[1704153600000,1,2,0.5,1.5,10,3]]", "row 2 is not 6 numbers"),
        ('[[1704067200000,1,2,0.5,1.5,"10"]]', "row 1 is not 6 numbers"),
        ("[[null,1,2,0.5,1.5,10]]", "row 1 is not 6 numbers"),
        ("[[1704067200000,1,2,0.5,1.5,10],,[1704153600000,1,2,0.5,1.5,10]]", "no JSON"),
        ('[{"date": 1}]', "row 1 is not 6 numbers"),
        ("[1,2,3]", "row 1 is not 6 numbers"),
        ("[[1704067200000,1,2,0.5,1.5,é]]", "no JSON of numbers"),
        ("[" + "1" * 3_000_000, "does not end|cut off"),
    ],
)
def test_json_that_is_not_freqtrades_is_refused(write: Write, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=rf"bars\.json.*({said})"):
        read(write(text, "bars.json"))


def test_an_empty_array_has_no_bars(write: Write) -> None:
    assert [len(chunk.rows) for chunk in chunks(write("[]", "bars.json"))] == [0]


def test_seconds_in_json_are_refused(write: Write) -> None:
    with pytest.raises(WrongType, match="neither milli- nor microseconds"):
        read(write("[[1704067200,1,2,0.5,1.5,10]]", "bars.json"))


def test_feather_of_freqtrade(tmp_path: Path) -> None:
    date = pa.array(pd.to_datetime(DAYS, unit="ms", utc=True)).cast(pa.timestamp("ms", "UTC"))
    columns = {"date": date} | {name: [1.0, 1.0, 1.0, 1.0, 1.0] for name in VALUES}
    feather.write_feather(pa.table(columns), str(tmp_path / "bars.feather"))
    assert stamps(read(tmp_path / "bars.feather"))[-1] == "2024-01-05 00:00"
    assert mapper_of(tmp_path / "bars.feather") == "freqtrade"


# --- zipline, backtesting.py ---------------------------------------------------------------------


def test_csvdir_of_zipline(write: Write, tmp_path: Path) -> None:
    lines = [
        "date,open,high,low,close,volume,dividend,split",
        "2012-01-03,58.4,58.9,58.4,58.7,75555200.0,0.0,1.0",
        "2012-01-04,58.5,59.2,58.4,59.0,65005500.0,0.38,1.0",
        "2012-01-05,8.4,8.5,8.3,8.45,67817400.0,0.0,7.0",
    ]
    write("\n".join(lines) + "\n", "daily/AAPL.csv")
    path = tmp_path / "daily" / "{instrument}.csv"
    assert len(read(path)) == 3
    assert events(path) == [("2012-01-04 00:00", "cash_dividend", 0.38), ("2012-01-05 00:00", "split", 7.0)]
    assert mapper_of(path) == "zipline"


def test_a_frame_of_backtesting_has_an_index_without_a_name(write: Write) -> None:
    path = write(",Open,High,Low,Close,Volume\n2004-08-19,100,104.06,95.96,100.34,22351900\n")
    assert stamps(read(path)) == ["2004-08-19 00:00"]
    assert mapper_of(path) == "backtesting"
    hours = write(",Open,High,Low,Close,Volume\n2017-04-19 09:00:00,1.07,1.08,1.06,1.07,1413\n")
    with pytest.raises(NaiveTimes):
        read(hours, "1h")
    assert stamps(read(hours, "1h", zone="UTC")) == ["2017-04-19 09:00"]


def test_a_numbered_frame_has_its_times_in_a_column_with_a_name(write: Write) -> None:
    path = write(",date,open,high,low,close,volume\n0,2004-08-19,1,2,0.5,1.5,10\n1,2004-08-20,1,2,0.5,1.5,10\n")
    assert stamps(read(path)) == ["2004-08-19 00:00", "2004-08-20 00:00"]


@pytest.mark.slow
def test_real_data_of_backtesting_is_read(tmp_path: Path) -> None:
    from backtesting.test import GOOG  # noqa: PLC0415 - it warns where nobody imports it for this

    GOOG.to_csv(tmp_path / "GOOG.csv")
    found = read(tmp_path / "GOOG.csv", instrument="GOOG")
    assert len(found) == len(GOOG)
    assert np.array_equal(found.close, GOOG["Close"].to_numpy())


# --- stooq ---------------------------------------------------------------------------------------

STOOQ_NAMES = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"


def stooq(*lines: str) -> str:
    return "\r\n".join([STOOQ_NAMES, *lines]) + "\r\n"


def test_a_file_of_stooq_needs_no_other_name(write: Write) -> None:
    path = write(
        stooq("AAPL.US,D,20240102,000000,1,2,0.5,1.5,100,0", "AAPL.US,D,20240103,000000,1,2,0.5,1.5,100,0"),
        "aapl.us.txt",
    )
    assert stamps(read(path)) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    assert mapper_of(path) == "stooq"


def test_a_file_of_stooq_with_many_tickers_and_lengths_gives_what_is_asked(write: Write) -> None:
    lines = [
        f"{ticker},{period},{day},{time},1,2,0.5,{close},100,0"
        for ticker, close in (("AAPL.US", 1.25), ("IBM.US", 1.75))
        for day in ("20240102", "20240103")
        for period, time in (("D", "000000"), ("5", "153500"), ("5", "154000"))
    ]
    path = write(stooq(*lines), "all.txt")
    assert read(path, instrument="IBM").close.tolist() == [1.75] * 2
    found = read(path, "5m", instrument="AAPL", zone="Europe/Warsaw")
    assert stamps(found) == ["2024-01-02 14:35", "2024-01-02 14:40", "2024-01-03 14:35", "2024-01-03 14:40"]
    with pytest.raises(NaiveTimes):
        read(path, "5m")
    with pytest.raises(DataNotFound, match=r"has no bars of 1h, but of 5, D"):
        read(path, "1h", zone="UTC")
    with pytest.raises(DataNotFound, match="no MSFT in column '<TICKER>'"):
        read(path, instrument="MSFT")


def test_times_of_stooq_keep_their_leading_noughts(write: Write) -> None:
    path = write(stooq("EURUSD,5,20240102,000500,1,2,0.5,1.5,0,0", "EURUSD,5,20240102,093000,1,2,0.5,1.5,0,0"), "e.txt")
    assert stamps(read(path, "5m", instrument="EURUSD", zone="UTC")) == ["2024-01-02 00:05", "2024-01-02 09:30"]


def test_the_other_form_of_stooq(write: Write) -> None:
    path = write("Date,Open,High,Low,Close,Volume\r\n2024-01-02,1,2,0.5,1.5,100\r\n")
    assert len(read(path)) == len(read(path, mapper="stooq")) == 1
    index = write("Date,Open,High,Low,Close\r\n2024-01-02,1,2,0.5,1.5\r\n")
    with pytest.raises(MissingColumns, match="no column volume"):
        read(index)
    assert np.isnan(read(index, mapper="stooq").volume).all()
    polish = write("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\r\n2024-01-02,1,2,0.5,1.5,100\r\n")
    assert read(polish).close.tolist() == [1.5]


# --- which mapper --------------------------------------------------------------------------------


def test_a_mapper_that_is_named_counts(write: Write) -> None:
    path = write("date,open,high,low,close,volume,split\n2020-01-01,1,2,0.5,1.5,10,2\n")
    assert events(path) == []
    assert events(path, mapper="zipline") == [("2020-01-01 00:00", "split", 2.0)]
    assert mapper_of(path) == "plain"
    assert mapper_of(path, mapper="auto") == "plain"


def test_what_the_caller_maps_wins_over_the_mapper(write: Write) -> None:
    path = write(yahoo_frame(yahoo_days()).to_csv())
    columns = "open=Adj Close,high=Adj Close,low=Adj Close,close=Adj Close"
    assert np.allclose(read(path, columns=columns).close, np.arange(4) * 0.9 + 90.225)


def test_a_header_that_fits_nothing_is_said_with_what_there_is(write: Write) -> None:
    with pytest.raises(MissingColumns) as caught:
        read(write("when,first,top,bottom,last,size\n2020-01-01,1,2,0.5,1.5,10\n"))
    said = str(caught.value)
    assert "when, first, top, bottom, last, size" in said
    assert all(mapper.name in said for mapper in MAPPERS)


def test_a_mapper_that_does_not_fit_is_said_to_be_the_one(write: Write) -> None:
    with pytest.raises(MissingColumns, match=r"no column time; it has .*, read as binance"):
        read(write("date,open,high,low,close,volume\n2020-01-01,1,2,0.5,1.5,10\n"), mapper="binance")


def test_an_unknown_mapper_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidSetting, match=r"mapper.*'metastock' is none of auto, stooq, binance, yfinance, zipline"):
        make_source("files", {"path": "x.csv", "mapper": "metastock"})


def test_every_mapper_is_told_from_the_others() -> None:
    for mapper in MAPPERS:
        for mark in mapper.marks:
            others = [one.name for one in MAPPERS if one is not mapper and one.marked(mark, next(iter(mapper.kinds)))]
            assert others == []


def test_each_chunk_says_which_files_were_read_and_how(write: Write, tmp_path: Path) -> None:
    header = "date,open,high,low,close,volume"
    for year in (2019, 2020, 2021):
        write(f"{header}\n{year}-01-01,1,2,0.5,1.5,10\n", f"AAPL-{year}.csv")
    found = chunks(tmp_path / "AAPL-*.csv", chunk_rows=1)
    assert found[0].asked.startswith(f"{tmp_path}/AAPL-2019.csv as plain: ")
    assert "open='open'" in found[0].asked
    assert all(chunk.asked.isprintable() for chunk in found)
    (whole,) = chunks(tmp_path / "AAPL-*.csv")
    assert f"AAPL-2019.csv to {tmp_path}/AAPL-2021.csv (3 files) as plain" in whole.asked


def test_a_preview_shows_what_a_fetch_would_do(write: Write) -> None:
    path = write(klines(1000))
    shown = FilesSource(path=path).preview(request("1m", "BTCUSDT"), bars=2)
    assert shown.mapped.columns["time"] == "open_time"
    assert "quote_volume" in shown.mapped.left_out
    assert stamps(shown.rows) == ["2025-01-01 00:00", "2025-01-01 00:01"]


# --- zip -----------------------------------------------------------------------------------------


def zipped(members: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_as_binance_publishes_it(write: Write, tmp_path: Path) -> None:
    write(zipped({"BTCUSDT-1m-2025-01.csv": klines(100)}), "BTCUSDT-1m-2025-01.zip")
    found = chunks(tmp_path / "{instrument}-{timeframe}-*.zip", "1m", instrument="BTCUSDT")
    assert sum(len(chunk.rows) for chunk in found) == 100
    assert "BTCUSDT-1m-2025-01.zip/BTCUSDT-1m-2025-01.csv as binance" in found[0].asked
    assert len(read(tmp_path, "1m")) == 100


def test_members_are_read_in_the_order_of_their_numbers(write: Write) -> None:
    lines = klines(30).splitlines(keepends=True)
    parts = {
        f"part-{number}.csv": "".join(lines[number * 3 - 3 : number * 3]) for number in (10, 2, 1, 9, *range(3, 9))
    }
    path = write(zipped({**parts, "__MACOSX/._part-1.csv": b"\0", ".hidden.csv": "x"}), "bars.zip")
    assert (np.diff(read(path, "1m").time) == MINUTE).all()
    assert len(read(path, "1m")) == 30


def test_a_pattern_chooses_among_the_members(write: Write, tmp_path: Path) -> None:
    header = "date,open,high,low,close,volume"
    members = {
        f"{name}.csv": f"{header}\n2020-01-01,1,2,0.5,{close},10\n" for name, close in (("AAPL", 1.25), ("IBM", 1.75))
    }
    path = write(zipped(members), "all.zip")
    assert read(f"{path}/{{instrument}}.csv", instrument="IBM").close.tolist() == [1.75]
    with pytest.raises(DataNotFound):
        read(f"{path}/{{instrument}}.csv", instrument="MSFT")
    with pytest.raises(DuplicateTimes, match=r"all\.zip/IBM\.csv, line 2"):
        read(path)
    assert len(read(tmp_path / "*.zip" / "AAPL.csv")) == 1


def _bomb() -> bytes:
    return zipped({"bars.csv": "time,open,high,low,close,volume\n" + "0" * 50_000_000})


def _encrypted() -> bytes:
    data = bytearray(zipped({"bars.csv": klines(3)}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _damaged() -> bytes:
    data = bytearray(zipped({"bars.csv": klines(2000)}, zipfile.ZIP_STORED))
    data[1000] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a zip file"),
        (b"PK\x03\x04", "not a zip file"),
        (_damaged(), "Bad CRC-32|invalid"),
        (zipped({"bars.csv": klines(5000)})[:-3000], "not a zip file"),
        (zipped({"README.md": "hello"}), r"has no CSV file, but README\.md"),
        (zipped({}), "has no CSV file, but nothing"),
        (_bomb(), "expands more than 200-fold"),
        (_encrypted(), "is encrypted"),
        (zipped({f"{number}.csv": "" for number in range(10_001)}), "more than 10000 files"),
        (zipped({"bars.csv": ""}), "is empty"),
        (zipped({"bars.csv": b"\0\1"}), "no text in UTF-8"),
    ],
    ids=["empty", "head", "damaged", "cut", "others", "none", "bomb", "encrypted", "many", "empty member", "binary"],
)
def test_a_zip_that_cannot_be_read_is_refused(write: Write, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=rf"bars\.zip.*({said})"):
        read(write(content, "bars.zip"), "1m")


def test_a_member_that_lies_about_its_size_is_refused(write: Write) -> None:
    """The list of an archive may promise less than comes; no more than that is read."""
    data = bytearray(zipped({"bars.csv": klines(5000)}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(BarledgerError, match=r"bars\.zip"):
        read(write(bytes(data), "bars.zip"), "1m")


@pytest.mark.parametrize("name", ["zst", "gz"])
def test_klines_in_other_compressions(tmp_path: Path, name: str) -> None:
    with pa.output_stream(str(tmp_path / f"bars.csv.{name}"), compression="detect") as stream:
        stream.write(klines(50).encode())
    assert len(read(tmp_path / f"bars.csv.{name}", "1m")) == 50


# --- actions in a library ------------------------------------------------------------------------


def test_actions_of_files_are_news_from_files(write: Write) -> None:
    frame = yahoo_frame(yahoo_days())
    frame.iloc[1, frame.columns.get_loc("Dividends")] = 0.82
    (chunk,) = chunks(write(frame.to_csv()))
    ex_date = int(pd.Timestamp("2024-03-09", tz="UTC").value)
    assert chunk.actions == (
        CorporateAction(instrument="AAPL", ex_date=ex_date, kind="cash_dividend", source="files", value=0.82),
    )
