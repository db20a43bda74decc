"""The sources of barledger pass the suite that all sources pass."""

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
from barledger.testing.source import SourceContract


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


class TestParquetFilesOfSeveralInstruments(_FilesContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        parquet.write_table(_table(("MSFT", "AAPL")), tmp_path / "all.parquet", row_group_size=300)
        return FilesSource(path=tmp_path / "all.parquet", instrument_column="symbol", chunk_rows=200)


class TestArrowFilesOneAfterTheOther(_FilesContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        table = _table()
        for number in range(12):
            part = table.slice(number * 75, 75)
            feather.write_feather(part, str(tmp_path / f"AAPL-{number}.feather"), chunksize=32)
        return FilesSource(path=tmp_path / "{symbol}-*.feather", chunk_rows=200)
