"""Which mapper is taken, and what it says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from barledger.domain.action import CorporateAction
from barledger.errors import InvalidSetting, MissingColumns
from barledger.sources.files import FilesSource
from barledger.sources.files.mappers import MAPPERS
from barledger.sources.registry import make_source
from layouts import Write, chunks, events, klines, mapper_of, read, request, stamps, yahoo_days, yahoo_frame

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


# --- actions in a library ------------------------------------------------------------------------


def test_actions_of_files_are_news_from_files(write: Write) -> None:
    frame = yahoo_frame(yahoo_days())
    frame.iloc[1, frame.columns.get_loc("Dividends")] = 0.82
    (chunk,) = chunks(write(frame.to_csv()))
    ex_date = int(pd.Timestamp("2024-03-09", tz="UTC").value)
    assert chunk.actions == (
        CorporateAction(instrument="AAPL", ex_date=ex_date, kind="cash_dividend", source="files", value=0.82),
    )
