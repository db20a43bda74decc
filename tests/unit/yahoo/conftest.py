"""Yahoo on loopback on a Saturday, and a source of it."""

import copy
from collections.abc import Iterator

import pytest

from barledger.sources.yahoo import YahooSource
from tickers import LISTINGS, SATURDAY
from yahoo import Yahoo, serving


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with serving(Yahoo(*copy.deepcopy(LISTINGS), now=SATURDAY.timestamp())) as server:
        yield server


@pytest.fixture
def source(yahoo: Yahoo) -> Iterator[YahooSource]:
    made = YahooSource(url=yahoo.url, clock=lambda: int(yahoo.now * 1e9))
    yield made
    made.close()
