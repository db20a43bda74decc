"""Files that frames of yfinance, freqtrade, zipline and backtesting.py become."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, concat
from barledger.domain.timeframe import DAY, MINUTE
from barledger.errors import NaiveTimes, SourceError, WrongType
from layouts import NEW_YORK, Write, chunks, events, mapper_of, read, rows, stamps, yahoo_days, yahoo_frame


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
    assert "taken as adjusted for splits and dividends" in chunk.asked
    (chunk,) = chunks(write(yahoo_frame(yahoo_days()).to_csv()))
    assert "may be adjusted" not in chunk.asked
    assert "left out 'Adj Close'" in chunk.asked


def test_a_header_of_three_lines_is_yfinances(write: Write) -> None:
    header = "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,"
    assert mapper_of(write(f"{header}\n2024-01-02,1.5,2,0.5,1,100\n")) == "yfinance"


# --- freqtrade -----------------------------------------------------------------------------------

DAYS = [1_704_067_200_000 + at * 86_400_000 for at in range(5)]


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
