"""The sources of barledger pass the suite that all sources pass."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.settings import Settings
from barledger.sources.contract import FetchRequest, Source
from barledger.sources.files import FilesSource
from barledger.sources.sample import SampleSource
from barledger.sources.yahoo import YahooSource
from barledger.testing.source import SourceContract
from yahoo import Listing, Yahoo, serving


class TestSampleSource(SourceContract):
    @pytest.fixture
    def source(self) -> Source:
        return SampleSource(folder=Settings().sample_dir)

    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        return FetchRequest(instrument="IBM", timeframe=Timeframe.of("1d"), interval=Interval.of("2005-01-01", "2006"))


def _table(instruments: tuple[str, ...] = ("AAPL",), minutes: int = 900) -> pa.Table:
    random = np.random.default_rng(1)
    close = random.uniform(50, 150, minutes * len(instruments)).round(2)
    times = pd.date_range("2024-01-01", periods=minutes, freq="min", tz="UTC").repeat(len(instruments))
    return pa.table(
        {
            "time": pa.array(times),
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": np.floor(random.uniform(0, 1e6, len(close))),
            "symbol": list(instruments) * minutes,
        }
    )


class _FilesContract(SourceContract):
    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        interval = Interval.of("2024-01-01T00:30:00Z", "2024-01-01T14:00:00Z")
        return FetchRequest(instrument="AAPL", timeframe=Timeframe.of("1m"), interval=interval)


class TestCsvFiles(_FilesContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        csv.write_csv(_table(), tmp_path / "AAPL-1m.csv")
        return FilesSource(path=tmp_path / "{instrument}-{timeframe}.csv", chunk_rows=200)


@pytest.mark.slow
class TestParquetFilesOfSeveralInstruments(_FilesContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        parquet.write_table(_table(("MSFT", "AAPL")), tmp_path / "all.parquet", row_group_size=300)
        return FilesSource(path=tmp_path / "all.parquet", instrument_column="symbol", chunk_rows=200)


@pytest.mark.slow
class TestArrowFilesOneAfterTheOther(_FilesContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        table = _table()
        for number in range(12):
            part = table.slice(number * 75, 75)
            feather.write_feather(part, str(tmp_path / f"AAPL-{number}.feather"), chunksize=32)
        return FilesSource(path=tmp_path / "{symbol}-*.feather", chunk_rows=200)


class _YahooContract(SourceContract):
    @pytest.fixture
    def source(self) -> Iterator[Source]:
        now = dt.datetime(2024, 3, 9, 12, 0, 7, tzinfo=dt.UTC).timestamp()
        share = Listing(
            symbol="IBM",
            dividends={dt.date(2024, 2, 9): 1.66, dt.date(2023, 11, 9): 1.66},
            splits={dt.date(2024, 1, 16): (4, 1)},
        )
        with serving(Yahoo(share, now=now)) as yahoo:
            made = YahooSource(url=yahoo.url, clock=lambda: int(yahoo.now * 1e9))
            yield made
            made.close()


class TestYahooByTheDay(_YahooContract):
    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        interval = Interval.of("2023-10-01", "2024-03-01")
        return FetchRequest(instrument="IBM", timeframe=Timeframe.of("1d"), interval=interval)


@pytest.mark.slow
class TestYahooByTheMinute(_YahooContract):
    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        interval = Interval.of("2024-02-08T20:00Z", "2024-02-22T18:00Z")
        return FetchRequest(instrument="IBM", timeframe=Timeframe.of("1m"), interval=interval)


@pytest.mark.slow
class TestYahooByTheWeekUnderAnotherName(_YahooContract):
    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        interval = Interval.of("2023-10-01", "2024-03-05")
        return FetchRequest(instrument="BIGBLUE", native="IBM", timeframe=Timeframe.of("1w"), interval=interval)
