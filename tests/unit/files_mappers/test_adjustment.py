"""What the bars of files are declared to be adjusted for."""

from pathlib import Path

import pytest

from barledger import BarLedger
from barledger.errors import AdjustmentChanged, InvalidSetting, SourceError
from barledger.sources.files import FilesSource
from barledger.sources.registry import make_source
from layouts import Write, chunks, klines, request, yahoo_days, yahoo_frame

STOOQ = "Date,Open,High,Low,Close,Volume\n2020-01-02,1,2,0.5,1.5,10\n"
ZIPLINE = "date,open,high,low,close,volume,dividend,split\n2020-01-02,1,2,0.5,1.5,10,0,1\n"
BACKTESTING = ",Open,High,Low,Close,Volume\n2020-01-02,1,2,0.5,1.5,10\n"


def states(path: Path | str, timeframe: str = "1d", **options: str) -> set[str]:
    """Return what all columns are adjusted for, which is one thing."""
    (chunk,) = chunks(path, timeframe, instrument="AAPL", **options)
    assert chunk.adjustment is not None
    assert len(chunk.adjustment) == 5
    return set(chunk.adjustment.values())


def note(path: Path | str, **options: str) -> str:
    return FilesSource(path=path, **options).preview(request("1d", "AAPL")).mapped.note


def test_yahoos_prices_are_adjusted_for_splits_and_where_adj_close_is_lacking_for_dividends(write: Write) -> None:
    beside = write(yahoo_frame(yahoo_days()).to_csv(), "beside.csv")
    assert states(beside) == {"splits"}
    assert "taken as" not in note(beside)
    without = write(yahoo_frame(yahoo_days()).drop(columns="Adj Close").to_csv(), "without.csv")
    assert states(without, mapper="yfinance") == {"total"}
    assert "taken as adjusted for splits and dividends: there is no Adj Close" in note(without, mapper="yfinance")
    mapped = "open=Adj Close,high=Adj Close,low=Adj Close,close=Adj Close"
    assert states(beside, columns=mapped) == {"total"}


def test_other_programs_have_their_own_custom(write: Write) -> None:
    assert states(write(ZIPLINE, "zipline.csv")) == {"raw"}
    assert states(write(klines(1000), "klines.csv"), "1m") == {"raw"}
    stooq, backtesting = write(STOOQ, "stooq.csv"), write(BACKTESTING, "backtesting.csv")
    assert states(stooq) == {"raw"}
    assert states(stooq, mapper="stooq") == {"total"}
    assert "unless it was told to skip that (adjustment=raw, splits or total says otherwise)" in note(
        stooq, mapper="stooq"
    )
    assert "taken as traded: nothing in the file says" in note(stooq)
    assert "(adjustment=raw, splits or total says otherwise)" in note(stooq)
    assert states(backtesting) == {"raw"}
    assert "taken as traded: nothing in the file says" in note(backtesting)


@pytest.mark.parametrize("state", ["raw", "splits", "total"])
def test_the_caller_knows_better(write: Write, state: str) -> None:
    path = write(yahoo_frame(yahoo_days()).to_csv())
    assert states(path, adjustment=state) == {state}
    assert set(FilesSource(path=path, adjustment=state).declaration.adjustment.values()) == {state}
    assert "taken as" not in note(path, adjustment=state)


def test_another_state_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="adjustment of source files: 'dividends' is none of raw, splits, total"):
        make_source("files", {"path": "x.csv", "adjustment": "dividends"})


def test_files_of_one_series_that_are_adjusted_for_different_things_are_refused(write: Write, tmp_path: Path) -> None:
    write(yahoo_frame(yahoo_days()).to_csv(), "A-1.csv")
    write("Date,Open,High,Low,Close,Volume\n2030-01-02,1,2,0.5,1.5,10\n", "A-2.csv")
    with pytest.raises(
        SourceError, match=r"A-2.csv: its bars look adjusted for raw, those before for splits: give adj"
    ):
        chunks(tmp_path / "A-*.csv")
    assert states(tmp_path / "A-*.csv", adjustment="splits") == {"splits"}


def test_bars_that_are_read_say_it(in_memory: BarLedger, write: Write) -> None:
    path = write(yahoo_frame(yahoo_days()).to_csv())
    in_memory.ingest("AAPL", "1d", source="files", options={"path": str(path)})
    assert in_memory.bars("AAPL", "1d").adjustment == "splits"
    for instrument, adjustment in (("MSFT", "total"), ("IBM", "raw")):
        in_memory.ingest(instrument, "1d", source="files", options={"path": str(path), "adjustment": adjustment})
        assert in_memory.bars(instrument, "1d").adjustment == adjustment
    with pytest.raises(AdjustmentChanged):
        in_memory.ingest("AAPL", "1d", source="files", options={"path": str(path), "adjustment": "raw"})
    assert in_memory.bars("AAPL", "1d").adjustment == "splits"
