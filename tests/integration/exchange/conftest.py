"""Exchanges on loopback at a time that stands, and sources of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from barledger.sources.contract import Source
from barledger.sources.registry import make_source
from exchanges import FakeBinance, FakeExchange, FakeKraken
from venues import NOW, SERVERS, Maker


@pytest.fixture
def make() -> Iterator[Maker]:
    """Make sources that are closed after the test."""
    made: list[Source] = []

    def make(server: FakeExchange, **options: Any) -> Source:
        made.append(make_source(server.name, {**server.options, **options}))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def binance(fake_binance: FakeBinance) -> FakeBinance:
    fake_binance.clock = lambda: NOW
    return fake_binance


@pytest.fixture
def kraken(fake_kraken: FakeKraken) -> FakeKraken:
    fake_kraken.clock = lambda: NOW
    return fake_kraken


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> FakeExchange:
    """Each exchange in turn."""
    served: FakeExchange = request.getfixturevalue(request.param)
    return served
