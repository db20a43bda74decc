"""What cannot be read any more is told by a status, after the first byte by a cut; and by one line in the log."""

import logging
from collections.abc import Iterator, Sequence

import httpx
import pandas as pd
import pytest

from barledger import BarLedger
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.errors import StoreUnavailable
from barledger.stores.memory import MemoryStore
from libraries import library
from serving import Served, bearer, server_for

LONG = "/api/v1/data/ohlcv/LONG/1m"
BARS = 200_000
FORMATS = ("json", "ndjson", "csv", "arrow", "parquet")


class Leaving(MemoryStore):
    """A store that answers so many reads, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1_000_000

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable(url="memory:", detail="it has left")
        return super().read(series, layer, intervals)


@pytest.fixture
def store() -> Leaving:
    return Leaving()


@pytest.fixture
def bl(store: Leaving) -> Iterator[BarLedger]:
    index = pd.date_range("2020-01-01", periods=BARS, freq="min", tz="UTC")
    bars = pd.DataFrame({"open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5, "volume": range(BARS)}, index=index)
    with library(store) as made:
        made.write("LONG", "1m", bars, source="desk")
        yield made


@pytest.fixture
def served(bl: BarLedger) -> Iterator[Served]:
    with server_for(bl) as (url, _):
        yield Served(url=url, key=bl.keys.create("served", scopes="admin").text, bl=bl)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_store_that_leaves_is_told_by_a_status_or_by_a_cut(
    served: Served, store: Leaving, form: str, coding: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    headers = bearer(served.key) | {"Accept-Encoding": coding}
    ended: list[str] = []
    for reads in range(10):
        store.left = reads
        caplog.clear()
        try:
            answer = httpx.get(f"{served.url}{LONG}?format={form}", headers=headers, timeout=60)
        except httpx.RemoteProtocolError:
            ended.append("cut")
            assert any("cut off: store-unavailable" in line for line in caplog.messages)
        else:
            ended.append(str(answer.status_code))
            if answer.status_code == 503:
                assert answer.json()["code"] == "store-unavailable"
                assert int(answer.headers["retry-after"]) >= 1
        assert "Traceback" not in caplog.text
    assert set(ended) == {"503", "cut", "200"}
    assert ended == sorted(ended, key=["503", "cut", "200"].index)


def test_the_first_portion_is_read_once_to_be_told_and_once_to_be_sent(served: Served, store: Leaving) -> None:
    with httpx.stream("GET", f"{served.url}{LONG}?format=arrow", headers=bearer(served.key)) as answer:
        answer.read()
    reads = 1_000_000 - store.left
    assert reads <= len(range(0, BARS, 65_536)) + 2
