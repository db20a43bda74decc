"""Operation: limits in rate, size and time; compression; logs; metrics; readiness."""

import asyncio
import io
import json
import logging
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.api.logs import JsonLines, TextLines, warnings_logged
from barledger.api.options import Options
from barledger.api.problems import HttpProblem
from barledger.api.protocol import TimedProtocol
from barledger.api.security.rates import Rates
from barledger.domain.access import AccessKey
from barledger.domain.timeframe import MINUTE
from barledger.stores.memory import MemoryStore
from libraries import library
from serving import OPTIONS, KeyOf, Served, bearer, server_for

AAPL = "/api/v1/data/ohlcv/AAPL/1d"
MANY = 50
"""More than there are threads for requests."""


# --- rates -----------------------------------------------------------------------------------------


class Steady:
    """A clock that only moves when it is turned."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_a_bucket_is_emptied_at_once_and_fills_by_itself() -> None:
    steady = Steady()
    rates = Rates(rate=2.0, burst=3, steady=steady)
    key, other = (AccessKey(id=name, name=name, scopes=("read",)) for name in ("a", "b"))
    for _ in range(3):
        rates.take(key)
    for _ in range(2):
        with pytest.raises(HttpProblem) as caught:
            rates.take(key)
        assert caught.value.status_code == 429
        assert caught.value.headers == {"retry-after": "1"}
    rates.take(other)
    steady.time += 0.5
    rates.take(key)
    with pytest.raises(HttpProblem):
        rates.take(key)
    steady.time += 1_000
    for _ in range(3):
        rates.take(key)
    with pytest.raises(HttpProblem):
        rates.take(key)


def test_a_key_that_asks_too_often_is_told_when_to_come_again(bl: BarLedger, key_of: KeyOf) -> None:
    app = build(bl, Options(hosts=("localhost",), rate=0.001, burst=2))
    one, two = (AppClient(app, headers=bearer(key_of("read"))) for _ in range(2))
    assert [one.get(AAPL).status_code for _ in range(3)] == [200, 200, 429]
    refused = one.get(AAPL)
    assert refused.json()["code"] == "too-many-requests"
    assert int(refused.headers["retry-after"]) > 100
    assert two.get(AAPL).status_code == 200
    assert AppClient(app).get("/health").status_code == 200


# --- size and time ---------------------------------------------------------------------------------


def test_headers_that_are_too_large_or_too_many_are_refused(client: AppClient) -> None:
    for headers in ({"X-A": "a" * 40_000}, {f"X-{number}": "a" for number in range(150)}):
        answer = client.get(AAPL, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (431, "headers-too-large")


def test_a_body_that_does_not_come_is_not_waited_for(bl: BarLedger, key_of: KeyOf) -> None:
    app = build(bl, Options(hosts=("localhost",), body_seconds=0.1))
    sent: list[dict[str, Any]] = []
    key = key_of("snapshot")

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(3_600)
            return {}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"10")]
        headers.append((b"authorization", f"Bearer {key}".encode()))
        path = "/api/v1/data/snapshot"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
            "state": {},
        }
        await app(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "body-too-slow"


class Impatient(TimedProtocol):
    """The same, as patient as a test."""

    header_seconds = 0.5
    stalled_seconds = 1.0


@pytest.fixture
def impatient(bl: BarLedger) -> Iterator[Served]:
    """A real server that waits for nobody."""
    app = build(bl, Options(body_seconds=1.0))
    with server_for(bl, protocol=Impatient, app=app) as (url, _):
        yield Served(url=url, key=bl.keys.create("served", scopes="admin").text, bl=bl)


def connected(served: Served) -> socket.socket:
    """A connection that nothing was said on."""
    return socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=30)


def test_a_client_that_drips_its_headers_is_cut_off(impatient: Served) -> None:
    for begun in (b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: "):
        with connected(impatient) as slow:
            slow.sendall(begun)
            with suppress(ConnectionResetError):
                assert slow.recv(1_000) == b""
    assert httpx.get(f"{impatient.url}/health").status_code == 200


def test_a_second_request_on_a_connection_may_not_drip_either(impatient: Served) -> None:
    with connected(impatient) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in slow.recv(10_000)
        slow.sendall(b"GET /health HTTP/1.1\r\n")
        with suppress(ConnectionResetError):
            assert slow.recv(1_000) == b""


def test_an_answer_may_take_longer_than_a_head(impatient: Served) -> None:
    with httpx.stream(
        "GET", f"{impatient.url}/api/v1/events?seconds=1.5", headers=bearer(impatient.key), timeout=30
    ) as stream:
        assert stream.read().endswith(b": end\n\n")


def test_a_client_that_takes_nothing_is_cut_off(impatient: Served) -> None:
    impatient.bl.write("LONG", "1m", _minutes(600_000), source="desk")
    with connected(impatient) as slow:
        head = f"Host: localhost\r\nAuthorization: Bearer {impatient.key}\r\n\r\n"
        slow.sendall(f"GET /api/v1/data/ohlcv/LONG/1m?format=ndjson HTTP/1.1\r\n{head}".encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(3)
        taken = 0
        with suppress(ConnectionResetError):
            while piece := slow.recv(1 << 20):
                taken += len(piece)
        assert taken < 60_000_000
    assert httpx.get(f"{impatient.url}/health").status_code == 200


@pytest.mark.slow
def test_clients_that_drip_their_bodies_keep_nobody_waiting_and_are_cut_off(impatient: Served) -> None:
    head = f"Host: localhost\r\nAuthorization: Bearer {impatient.key}\r\nContent-Type: application/json\r\n"
    with ExitStack() as opened:
        slow = [opened.enter_context(connected(impatient)) for _ in range(MANY)]
        for one in slow:
            one.sendall(f"POST /api/v1/data/snapshot HTTP/1.1\r\n{head}Content-Length: 500\r\n\r\n{{".encode())
        for _ in range(5):
            assert httpx.get(f"{impatient.url}{AAPL}", headers=bearer(impatient.key), timeout=60).status_code == 200
            for one in slow:
                with suppress(OSError):
                    one.sendall(b" ")
        for one in slow:
            told = b""
            with suppress(ConnectionResetError):
                while piece := one.recv(10_000):
                    told += piece
            assert told.startswith(b"HTTP/1.1 408")
            assert told.count(b"HTTP/1.1") == 1
    assert not impatient.bl.cache.snapshots()


@pytest.mark.slow
def test_clients_that_take_nothing_keep_nobody_waiting(served: Served) -> None:
    served.bl.write("LONG", "1m", _minutes(300_000), source="desk")
    request = "GET /api/v1/data/ohlcv/LONG/1m?format=arrow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
    with ExitStack() as opened:
        slow = [opened.enter_context(connected(served)) for _ in range(MANY)]
        for one in slow:
            one.sendall(f"{request}{served.key}\r\n\r\n".encode())
        for one in slow:
            assert one.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(5):
            assert httpx.get(f"{served.url}{AAPL}", headers=bearer(served.key), timeout=60).status_code == 200


def _minutes(count: int) -> Any:
    index = pd.date_range("2020-01-01", periods=count, freq="min", tz="UTC")
    return pd.DataFrame({"open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5, "volume": range(count)}, index=index)


# --- compression -----------------------------------------------------------------------------------


def raw(client: AppClient, url: str, accepted: str) -> httpx.Response:
    """Ask for a coding; httpx decodes gzip by itself."""
    return client.get(url, headers={"Accept-Encoding": accepted})


@pytest.mark.parametrize("form", ["json", "csv", "ndjson"])
def test_text_is_compressed_for_who_wants_it_and_says_the_same(client: AppClient, form: str) -> None:
    plain = raw(client, f"{AAPL}?format={form}", "identity")
    assert "content-encoding" not in plain.headers
    zipped = raw(client, f"{AAPL}?format={form}", "gzip")
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.content == plain.content
    packed = raw(client, f"{AAPL}?format={form}", "gzip, zstd")
    assert packed.headers["content-encoding"] == "zstd"
    body = packed.content
    if body != plain.content:
        body = pa.CompressedInputStream(pa.py_buffer(body), "zstd").read()
    assert body == plain.content
    assert "Accept-Encoding" in plain.headers["vary"]


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_binary_forms_are_sent_as_they_are(client: AppClient, form: str) -> None:
    assert "content-encoding" not in raw(client, f"{AAPL}?format={form}", "gzip, zstd").headers


def test_what_is_small_is_not_worth_it(client: AppClient) -> None:
    assert "content-encoding" not in raw(client, f"{AAPL}?limit=1&format=csv", "gzip").headers


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("", None), ("br", None), ("gzip;q=0", None), ("*", "zstd"), ("zstd;q=0, *", "gzip"), ("gzip;q=x", None)],
)
def test_the_wish_of_the_client_decides(client: AppClient, accepted: str, coding: str | None) -> None:
    assert raw(client, AAPL, accepted).headers.get("content-encoding") == coding


def test_a_compressed_answer_has_a_tag_of_its_own_and_is_known_by_it(client: AppClient) -> None:
    plain, zipped = raw(client, AAPL, "identity").headers["etag"], raw(client, AAPL, "gzip").headers["etag"]
    assert plain != zipped
    for tag in (plain, zipped):
        known = client.get(AAPL, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
        assert (known.status_code, known.headers["etag"], known.content) == (304, tag, b"")


def test_a_stream_is_compressed_portion_by_portion(served: Served) -> None:
    served.bl.write("LONG", "1m", _minutes(300_000), source="desk")
    url = f"{served.url}/api/v1/data/ohlcv/LONG/1m?format=csv"
    headers = bearer(served.key)
    plain = httpx.get(url, headers={**headers, "Accept-Encoding": "identity"}, timeout=60)
    zipped = httpx.get(url, headers={**headers, "Accept-Encoding": "gzip"}, timeout=60)
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["transfer-encoding"] == "chunked"
    assert zipped.content == plain.content


# --- logs ------------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the access log says."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines(("hunter2",)))
    loggers = [logging.getLogger(name) for name in ("barledger.access", "barledger.api")]
    before = [one.level for one in loggers]
    for one in loggers:
        one.addHandler(handler)
        one.setLevel(logging.INFO)
    yield written
    for one, level in zip(loggers, before, strict=True):
        one.removeHandler(handler)
        one.setLevel(level)


def test_a_request_is_one_line_of_json_that_names_the_key_and_not_its_secret(
    bl: BarLedger, app: FastAPI, lines: io.StringIO
) -> None:
    made = bl.keys.create("desk", scopes="read")
    asking = AppClient(app, headers=bearer(made.text))
    asking.get(f"{AAPL}?cursor={made.text}", headers={"X-Request-Id": "mine-1"})
    asking.get(f"/api/v1/data/ohlcv/{made.text}/1d")
    asking.get("/health")
    first, *_, last = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert first["request_id"] == "mine-1"
    assert (first["key"], first["method"], first["path"]) == ("desk", "GET", AAPL)
    assert {"time", "level", "ms", "bytes", "client"} <= set(first)
    assert last["status"] == 404
    assert made.text.rpartition("_")[2] not in lines.getvalue()


@pytest.mark.filterwarnings("default::barledger.errors.GapsUnseen")
def test_what_the_library_warns_of_is_a_line_of_json(client: AppClient, lines: io.StringIO) -> None:
    asked = {"instrument": "AAPL", "timeframe": "1d", "nan_policy": "raise"}
    with warnings_logged():
        client.get("/api/v1/indicators/calculate/sma", params=asked)
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    (warned,) = [one for one in told if one["level"] == "warning"]
    assert warned["message"].startswith("GapsUnseen: nobody named a calendar for AAPL")


def test_secrets_are_in_no_line_be_it_of_an_error() -> None:
    logger = logging.getLogger("barledger.test-of-secrets")
    try:
        int("hunter2 and bl_0123456789ab_" + "f" * 64)
    except ValueError:
        record = logger.makeRecord("x", logging.ERROR, "f", 1, "said %s", ("hunter2",), sys.exc_info())
    for formatter in (JsonLines(("hunter2", "")), TextLines(("hunter2", ""))):
        told = formatter.format(record)
        assert "hunter2" not in told
        assert "f" * 64 not in told
        assert "ValueError" in told


# --- metrics and readiness -------------------------------------------------------------------------


def values(text: str) -> dict[str, float]:
    """Return samples by name and labels."""
    return {
        f"{one.name}{sorted(one.labels.items())}": one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_metrics_tell_of_requests_and_of_the_library(bl: BarLedger, client: AppClient, app: FastAPI) -> None:
    bl.ingest("IBM", "1d", source="sample", start="2004-01-01", end="2005-01-01")
    bl.verify_library()
    bl.jobs.submit("verify")
    answer = client.get(AAPL)
    client.get(AAPL, headers={"If-None-Match": answer.headers["etag"]})
    AppClient(app).get(AAPL)
    told = values(client.get("/metrics").text)
    route = "/data/ohlcv/{instrument:path}/{timeframe}"
    for status, count in (("200", 1), ("304", 1), ("401", 1)):
        labels = [("method", "GET"), ("route", route), ("status", status)]
        assert told[f"barledger_requests_total{labels}"] == count
    assert told[f"barledger_request_seconds_count{[('route', route)]}"] == 3
    assert told["barledger_not_modified_total[]"] == 1
    assert told["barledger_series[]"] == 3
    assert (told["barledger_store_up[]"], told["barledger_ledger_up[]"]) == (1, 1)
    lag = told[f"barledger_ingestion_lag_seconds{[('source', 'sample'), ('timeframe', '1d')]}"]
    assert lag > 20 * 365 * 86_400
    assert told[f"barledger_jobs{[('state', 'queued')]}"] == 1
    assert told["barledger_verification_never[]"] == 0
    assert 0 <= told["barledger_verification_age_seconds[]"] < MINUTE / 1e9
    assert abs(told["barledger_clock_skew_seconds[]"]) < 60


def test_metrics_want_a_key_for_the_whole_library_or_a_setting(
    bl: BarLedger, app: FastAPI, key_of: KeyOf, nobody: AppClient
) -> None:
    assert nobody.get("/metrics").status_code == 401
    assert AppClient(app, headers=bearer(key_of("ingest"))).get("/metrics").status_code == 403
    few = AppClient(app, headers=bearer(key_of("read", instruments=("AAPL",))))
    assert few.get("/metrics").json()["code"] == "instrument-denied"
    opened = build(bl, Options(hosts=("localhost",), open_metrics=True))
    assert AppClient(opened).get("/metrics").status_code == 200


def test_ready_tells_why_not_to_who_has_a_key(key_of: KeyOf, bl: BarLedger, app: FastAPI, nobody: AppClient) -> None:
    assert nobody.get("/ready").json() == {"status": "ready"}
    knowing = AppClient(app, headers=bearer(key_of("read")))
    checks = knowing.get("/ready").json()["checks"]
    assert {one["name"] for one in checks} == {"store", "ledger", "clock"}
    few = AppClient(app, headers=bearer(key_of("read", instruments=("AAPL",))))
    assert few.get("/ready").json() == {"status": "ready"}
    assert bl.vault.store.mark()


def test_a_clock_that_is_off_is_not_ready() -> None:
    ahead = 3_600 * 1_000_000_000
    with library(MemoryStore(), clock=lambda: time.time_ns() + ahead) as bl:
        key = bl.keys.create("desk", scopes="read").text
        app = build(bl, OPTIONS)
        answer = AppClient(app, headers=bearer(key)).get("/ready")
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
        assert [one["name"] for one in answer.json()["checks"] if not one["ok"]] == ["clock"]
        assert AppClient(app).get("/ready").json() == {"status": "not-ready"}
