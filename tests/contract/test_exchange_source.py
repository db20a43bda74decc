"""The real ccxt passes the suite that all sources pass, against servers that speak as Binance and Kraken do."""

from collections.abc import Iterator

import numpy as np
import pytest

from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.sources.contract import FetchRequest, Source
from barledger.sources.registry import make_source
from barledger.testing.source import SourceContract
from exchanges import FakeBinance, FakeKraken

NOW = int(np.datetime64("2024-03-05T12:00:30", "ns").astype(np.int64))


class TestBinance(SourceContract):
    @pytest.fixture
    def source(self, fake_binance: FakeBinance) -> Iterator[Source]:
        fake_binance.clock = lambda: NOW
        source = make_source("binance", {**fake_binance.options, "page": "40"})
        yield source
        source.close()

    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        interval = Interval.of("2024-03-05T09:00:00Z", "2024-03-05T12:00:00Z")
        return FetchRequest(instrument="BTCUSDT", timeframe=Timeframe.of("1m"), interval=interval)


class TestBinanceWithAPauseInIt(TestBinance):
    @pytest.fixture
    def request_for_bars(self, fake_binance: FakeBinance) -> FetchRequest:
        pause = Interval.of("2024-03-05T10:00:00Z", "2024-03-05T11:10:00Z")
        fake_binance.listings["ETHUSDT"].pauses.append((pause.start, pause.end))
        interval = Interval.of("2024-03-05T09:00:00Z", "2024-03-05T12:00:00Z")
        return FetchRequest(instrument="ETHUSDT", timeframe=Timeframe.of("1m"), interval=interval)


@pytest.mark.slow
class TestContractsOfBinance(TestBinance):
    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        interval = Interval.of("2024-01-05", "2024-03-01")
        return FetchRequest(instrument="BTC/USD:BTC", timeframe=Timeframe.of("1d"), interval=interval)


class TestKraken(SourceContract):
    @pytest.fixture
    def source(self, fake_kraken: FakeKraken) -> Iterator[Source]:
        fake_kraken.clock = lambda: NOW
        source = make_source("kraken", fake_kraken.options)
        yield source
        source.close()

    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        interval = Interval.of("2024-03-05T09:00:00Z", "2024-03-05T12:00:00Z")
        return FetchRequest(instrument="BTCUSD", timeframe=Timeframe.of("1m"), interval=interval)
