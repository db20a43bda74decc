"""Broken networks and servers under stress: everything ends in the right data, once, or in an honest error."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from barledger.domain.interval import everything
from barledger.domain.rows import VALUES, Rows, constant, tombstones
from barledger.domain.series import Series
from barledger.errors import LeaseLost, StoreError, StoreTimeout, StoreUnavailable
from barledger.stores.contract import Batch, Mark
from barledger.stores.influx import InfluxStore
from proxy import FaultyProxy, faulty_proxy
from servers import Influxd, InfluxServer

pytestmark = pytest.mark.influx

AAPL = Series.of("AAPL", "1m", "desk")
ALL = [everything()]
MINUTE = 60_000_000_000
FAULTS = ["drop", "drop-after", "cut", "500", "500-after", "503", "429"]


@pytest.fixture
def proxy(influx_server: InfluxServer) -> Iterator[FaultyProxy]:
    port = urlsplit(influx_server.url).port
    assert port
    with faulty_proxy(port) as proxy:
        proxy.retry_after = "0"
        yield proxy


@pytest.fixture
def store(influx_server: InfluxServer, influx_bucket: str, proxy: FaultyProxy) -> Iterator[InfluxStore]:
    """A store that reaches the server through the proxy."""
    behind = InfluxServer(url=proxy.url, token=influx_server.token, org=influx_server.org)
    store = behind.store(influx_bucket, patience=10.0)
    yield store
    store.close()


def bars(size: int, *, first: float = 1.0, revision: int = 5) -> Rows:
    values: Any = {name: first + at + np.arange(size, dtype=np.float64) / 8 for at, name in enumerate(VALUES)}
    return Rows(time=np.arange(size) * MINUTE, revision=constant(revision, size), edition=constant(1, size), **values)


def batch(rows: Rows) -> Batch:
    return Batch(series=AAPL, layer="latest", rows=rows)


def same(left: Rows, right: Rows) -> None:
    for name in ("time", *VALUES, "revision", "edition"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_write_that_meets_a_fault_ends_in_the_right_data(store: InfluxStore, proxy: FaultyProxy, fault: str) -> None:
    store.claim(Mark(ledger_id="l", revision=0))
    rows = bars(80_000)
    proxy.faults.extend([fault, "", fault, fault])
    store.write([batch(rows)], revision=6)
    assert len(proxy.met) == 3
    same(store.read(AAPL, "latest", ALL), rows)
    assert store.mark() == Mark(ledger_id="l", revision=6)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_deletion_that_meets_a_fault_is_done(store: InfluxStore, proxy: FaultyProxy, fault: str) -> None:
    store.write([batch(bars(10))], revision=6)
    proxy.path = "/query"
    proxy.faults.extend([fault, fault])
    store.delete(AAPL, "latest", ALL, revision=7)
    assert len(proxy.met) == 2
    assert len(store.read(AAPL, "latest", ALL)) == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_withdrawal_that_meets_a_fault_ends_in_the_right_data(
    store: InfluxStore, proxy: FaultyProxy, fault: str
) -> None:
    store.write([batch(bars(3))], revision=6)
    proxy.path = "/"
    proxy.faults.extend([fault, "", fault])
    withdrawal = tombstones(np.array([MINUTE])).stamped(revision=7, edition=2, withdrawn=np.array([True]))
    store.write([batch(withdrawal)], revision=7)
    assert len(proxy.met) == 2
    rows = store.read(AAPL, "latest", ALL)
    assert rows.withdrawn is not None
    assert rows.withdrawn.tolist() == [False, True, False]
    assert np.isnan(rows.open).tolist() == [False, True, False]


@pytest.mark.parametrize("fault", [*FAULTS, "cut-answer"])
def test_a_read_that_meets_a_fault_has_all_rows(store: InfluxStore, proxy: FaultyProxy, fault: str) -> None:
    rows = bars(30_000)
    store.write([batch(rows)], revision=6)
    proxy.path = "/query"
    proxy.faults.extend([fault, fault])
    same(store.read(AAPL, "latest", ALL), rows)
    assert len(proxy.met) == 2


def test_retry_after_is_waited_for(store: InfluxStore, proxy: FaultyProxy) -> None:
    proxy.retry_after = "1"
    proxy.faults.append("503")
    started = time.monotonic()
    store.write([batch(bars(3))], revision=6)
    assert 1.0 <= time.monotonic() - started < 5.0
    assert len(store.read(AAPL, "latest", ALL)) == 3


def test_a_server_that_stays_down_is_given_up_on(
    influx_server: InfluxServer, influx_bucket: str, proxy: FaultyProxy
) -> None:
    behind = InfluxServer(url=proxy.url, token=influx_server.token, org=influx_server.org)
    store = behind.store(influx_bucket, patience=0.5)
    proxy.faults.extend(["drop"] * 100)
    with pytest.raises(StoreUnavailable) as caught:
        store.write([batch(bars(80_000))], revision=6)
    assert influx_server.token not in str(caught.value) or not influx_server.token
    assert "is wrong" in store.describe().findings[0].detail if store.describe().findings else True


def test_a_request_lasts_no_longer_than_the_guard_allows(store: InfluxStore, proxy: FaultyProxy) -> None:
    proxy.hang_seconds = 3.0
    proxy.faults.append("hang")
    asked: list[float] = []

    def guard() -> float:
        asked.append(time.monotonic())
        if len(asked) > 1:
            raise LeaseLost(what="AAPL", waited=1.0)
        return 0.6

    with pytest.raises(LeaseLost):
        store.write([batch(bars(3))], revision=6, guard=guard)
    assert asked[1] - asked[0] < 1.5


def test_a_deletion_that_takes_too_long_is_not_sent_again(store: InfluxStore, proxy: FaultyProxy) -> None:
    proxy.path = "/query"
    proxy.hang_seconds = 2.0
    proxy.faults.append("hang")
    with pytest.raises(StoreTimeout):
        store.delete(AAPL, "latest", ALL, revision=6, guard=lambda: 0.5)
    assert sum(b"DELETE" in body for _, _, body in proxy.requests) == 1


def test_no_secret_is_in_a_url_and_reads_ask_for_messages(store: InfluxStore, proxy: FaultyProxy) -> None:
    store.write([batch(bars(3))], revision=6)
    store.read(AAPL, "latest", ALL)
    assert not any("secret" in path or "u=" in path for path, _, _ in proxy.requests)


def test_a_server_that_is_killed_in_the_middle_of_a_load_and_comes_back_has_all_of_it(tmp_path: Path) -> None:
    server = Influxd(tmp_path)
    server.start()
    try:
        store = InfluxServer(url=server.url).store("load", patience=30.0)
        store.claim(Mark(ledger_id="l", revision=0))
        rows = bars(200_000)
        errors: list[StoreError] = []

        def load() -> None:
            try:
                store.write([batch(rows)], revision=6)
            except StoreError as error:
                errors.append(error)

        thread = threading.Thread(target=load)
        thread.start()
        # A server that is killed while it makes the files of a shard does not come back by itself.
        while not len(InfluxServer(url=server.url).store("load").read(AAPL, "latest", ALL)):
            time.sleep(0.01)
        assert thread.is_alive()
        server.stop(kill=True)
        time.sleep(1.5)
        server.start()
        thread.join()
        assert errors == []
        same(store.read(AAPL, "latest", ALL), rows)
        assert store.mark() == Mark(ledger_id="l", revision=6)
    finally:
        server.stop(kill=True)
