"""The eight endpoints on each store and ledger, with what they say when a library is not as it was."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from conftest import OWN, influx_server_called
from libraries import TurnableClock, frame, library
from servers import Influxd, InfluxServer
from serving import OPTIONS, bearer

AAPL = "/api/v1/data/ohlcv/AAPL/1d"
_INFLUX, _POSTGRES = pytest.mark.influx, pytest.mark.postgres


@pytest.fixture(
    params=[
        "embedded-sqlite",
        pytest.param("embedded-postgres", marks=_POSTGRES),
        pytest.param("influx-sqlite", marks=_INFLUX),
        pytest.param("influx-postgres", marks=[_INFLUX, _POSTGRES]),
    ]
)
def bl(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BarLedger]:
    """A library with 300 days of AAPL, which was split in the middle of them."""
    store, _, kind = request.param.partition("-")
    ledger = request.getfixturevalue("postgres_url") if kind == "postgres" else f"sqlite:///{tmp_path / 'l.sqlite'}"
    if store == "embedded":
        with library(EmbeddedStore(tmp_path / "store"), ledger) as made:
            yield filled(made)
        return
    server = influx_server_called(OWN, request)
    with server.bucket() as bucket, library(server.store(bucket), ledger) as made:
        yield filled(made)


def filled(bl: BarLedger) -> BarLedger:
    bl.write("AAPL", "1d", frame(range(300)), source="desk")
    bl.write("MSFT", "1d", frame(range(300), 50.0), source="desk")
    bl.actions.add("AAPL", "split", "1970-06-01", value=2, reason="told")
    return bl


def asking(bl: BarLedger) -> AppClient:
    return AppClient(build(bl, OPTIONS), headers=bearer(bl.keys.create("desk", scopes="admin").text))


def test_the_eight_endpoints_say_what_the_library_says(bl: BarLedger) -> None:
    client = asking(bl)
    taken = client.post(
        "/api/v1/data/snapshot",
        json={
            "instruments": ["AAPL"],
            "timeframes": ["1d"],
            "start_date": "1970-02-01",
            "end_date": "1970-09-01",
            "purpose": "backtest",
            "strategy": "m7",
        },
    )
    assert taken.status_code == 201, taken.text
    name = taken.json()["id"]
    span = {"start_date": "1970-05-28", "end_date": "1970-06-04"}
    bars = client.get(AAPL, params={**span, "version": name, "include_adjusted": "true", "format": "arrow"})
    table = pl.read_ipc_stream(io.BytesIO(bars.content))
    stored, adjusted = (
        bl.bars("AAPL", "1d", start=span["start_date"], end=span["end_date"], version=name, adjust=how)
        for how in (None, "total")
    )
    assert bars.headers["barledger-digest"] == stored.digest
    for column in ("open", "high", "low", "close", "volume"):
        assert table[column].to_list() == stored.df[column].tolist()
        assert table[f"adj_{column}"].to_list() == pytest.approx(adjusted.df[column].tolist())
    assert table["adjustment_factor"].to_list() == pytest.approx((adjusted.df["close"] / stored.df["close"]).tolist())
    assert set(table["adjustment_factor"].round(9)) == {0.5, 1.0}
    rows = client.get(AAPL, params={"source": "desk", "columns": "close", "last": 3, "adjust": "raw"}).json()
    assert [[*one] for one in rows["data"]] == [["time", "close"]] * 3

    path = "/api/v1/data/availability/AAPL/1d"
    told = client.get(path, params={**span, "required_fields": "close,volume"}).json()
    expected = bl.availability.check(
        "AAPL", "1d", start=span["start_date"], end=span["end_date"], required_fields=["close", "volume"]
    )
    assert (told["found"], told["expected"], told["complete"], told["fields"]) == (
        expected.found,
        expected.expected,
        expected.complete,
        expected.fields,
    )

    job = client.post("/api/v1/data/ingest/sample/IBM/1d", json={"start_date": "2004-01-01", "end_date": "2004-02-01"})
    assert job.status_code == 202
    bl.jobs.runner(workers=1, spawn=lambda call, _: call()).step()
    assert client.get(job.json()["url"]).json()["state"] == "done"
    assert len(bl.bars("IBM", "1d")) == 20

    versions = client.get("/api/v1/data/versions/AAPL/1d", params={"include_snapshots": "true"}).json()
    assert {one["version"] for one in versions["items"]} >= {name}
    quality = client.get("/api/v1/data/integrity/AAPL/1d", params={**span, "version": name}).json()
    assert set(quality) >= {"completeness", "consistency", "timeliness", "accuracy", "integrity"}
    measured = bl.integrity.quality("AAPL", "1d", start=span["start_date"], end=span["end_date"], version=name)
    assert quality["completeness"]["score"] == pytest.approx(measured.completeness.score)
    told = {"instrument": "AAPL", "timeframe": "1d", "parameters": json.dumps({"timeperiod": 5}), "version": name}
    one = client.get("/api/v1/indicators/calculate/sma", params=told | {"start_date": "1970-03-01"}).json()
    series = bl.indicators.calculate("sma(5)", "AAPL", "1d", version=name, start="1970-03-01")
    assert [row["sma(timeperiod=5)"] for row in one["data"]] == series.values("sma(5)").tolist()
    many = client.post(
        "/api/v1/indicators/batch",
        json={"instruments": ["AAPL", "MSFT"], "timeframe": "1d", "indicators": ["sma(5)", "rsi(14)"], **span},
    ).json()
    assert {row["instrument"] for row in many["data"]} == {"AAPL", "MSFT"}
    assert {"sma(5)", "rsi(14)"} <= set(many["data"][0])
    assert client.get(f"{AAPL}?version={name}").headers["cache-control"].endswith("immutable")
    found = client.post(f"/api/v1/snapshots/{name}/verify").json()
    assert found["ok"] is True


# --- what is not as it was -------------------------------------------------------------------------


@pytest.mark.influx
@pytest.mark.slow
def test_a_store_that_is_down_is_503_until_it_is_up_and_has_lost_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "influxd"
    folder.mkdir()
    server = Influxd(folder)
    server.start()
    try:
        store = InfluxServer(url=server.url).store("bars", patience=0.5)
        with library(store, f"sqlite:///{tmp_path / 'l.sqlite'}") as bl:
            client = asking(filled(bl))
            pinned = client.post("/api/v1/data/snapshot", json={"instruments": ["AAPL"], "timeframes": ["1d"]}).json()
            before = client.get(f"{AAPL}?version={pinned['id']}&last=7").content
            server.stop(kill=True)
            once = {"Idempotency-Key": "once"}
            asked: list[Any] = [
                ("GET", f"{AAPL}?version={pinned['id']}&limit=50", {}),
                ("GET", "/api/v1/indicators/calculate/sma?instrument=AAPL&timeframe=1d", {}),
                ("POST", f"/api/v1/snapshots/{pinned['id']}/verify", {"headers": once}),
            ]
            for method, url, given in asked:
                down = client.request(method, url, **given)
                assert (down.status_code, int(down.headers["retry-after"]) > 0) == (503, True), url
                assert down.json()["code"] == "store-unavailable"
                assert "lost" in down.json()["next_step"]
            assert client.get("/ready").status_code == 503
            assert client.get("/health").status_code == 200
            server.start()
            for method, url, given in asked:
                assert client.request(method, url, **given).status_code == 200, url
            assert client.get(f"{AAPL}?version={pinned['id']}&last=7").content == before
            assert client.get("/ready").status_code == 200
    finally:
        server.stop(kill=True)


def test_what_retention_deleted_is_gone_and_said_to_be() -> None:
    clock = TurnableClock()
    with library(MemoryStore(), clock=clock) as bl:
        for value in (1.0, 2.0, 3.0):
            bl.write("AAPL", "1d", frame(range(5), value), source="desk")
            clock.turn(days=30)
        first = bl.cache.versions("AAPL", "1d")[0].revisions[0].revision
        client = asking(bl)
        assert client.get(f"{AAPL}?version=revision:{first}").status_code == 200
        bl.cache.retain([{"keep_editions": "1d"}])
        gone = client.get(f"{AAPL}?version=revision:{first}")
        assert (gone.status_code, gone.json()["code"]) == (410, "revision-expired")
        assert {"requested", "horizon"} <= set(gone.json()["fields"])
