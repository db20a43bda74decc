"""Jobs and events over HTTP: asked for, followed, cancelled, fetched; and what a key may see of them."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.api.options import Options
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.notice import Notice
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.ledger.sql import SqlLedger
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore
from libraries import frame
from serving import DAYS, OPTIONS, KeyOf, Served, bearer

JOBS = "/api/v1/jobs"
INGEST = "/api/v1/data/ingest/sample/IBM/1d"


@pytest.fixture
def bl(home: Path) -> Iterator[BarLedger]:
    """A library in memory whose files go into the data folder."""
    assert not home.exists()
    with BarLedger(MemoryStore(), SqlLedger.open("sqlite://"), settings=Settings(actor="tester")) as made:
        made.write("AAPL", "1d", frame(range(DAYS)), source="desk")
        made.write("BTC/USDT", "1d", frame(range(DAYS), 20_000.0), source="venue")
        yield made


def work(bl: BarLedger) -> None:
    """Do the jobs that wait, in this thread."""
    bl.jobs.runner(workers=1, spawn=lambda call, _: call()).step()


def as_client(client: AppClient, key_of: KeyOf, *scopes: Any, **given: Any) -> AppClient:
    """A client with another key."""
    return AppClient(client.app, headers=bearer(key_of(*scopes, **given)))


# --- asking, looking, cancelling -------------------------------------------------------------------


def test_an_ingestion_is_told_of_until_its_result(bl: BarLedger, client: AppClient, key_of: KeyOf) -> None:
    asking = as_client(client, key_of, "ingest", "read")
    taken = asking.post(INGEST, json={"start_date": "2004-01-01", "end_date": "2005-01-01", "reason": "a look"})
    assert taken.status_code == 202, taken.text
    told = taken.json()
    assert (told["kind"], told["state"], told["instruments"], told["result"]) == ("ingest", "queued", ["IBM"], None)
    assert taken.headers["location"] == told["url"]
    unfinished = asking.get(f"{told['url']}/result")
    assert (unfinished.status_code, unfinished.json()["code"]) == (409, "job-unfinished")
    work(bl)
    done = asking.get(told["url"]).json()
    assert (done["state"], done["progress"]["share"]) == ("done", 1.0)
    assert asking.get(f"{told['url']}/result").json() == done["result"]
    assert done["result"]["summary"]["new"] == len(bl.bars("IBM", "1d"))
    assert done["result"]["summary"]["revision"] == str(bl.bars("IBM", "1d").revision)
    assert done["made_by"].startswith("key:")


def test_a_job_that_is_asked_for_twice_with_one_key_is_one_job(bl: BarLedger, client: AppClient, key_of: KeyOf) -> None:
    asking = as_client(client, key_of, "ingest")
    sent: dict[str, Any] = {"json": {"start_date": "2004-01-01"}, "headers": {"Idempotency-Key": "once"}}
    first, again = asking.post(INGEST, **sent), asking.post(INGEST, **sent)
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert len(bl.jobs.list()) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (INGEST, {"start_date": "2005-01-01", "end_date": "2004-01-01"}, 422),
        (INGEST, {"start_date": "yesterday"}, 422),
        (INGEST, {"on_change": "never"}, 422),
        (INGEST, {"unknown": 1}, 422),
        ("/api/v1/data/ingest/nobody/IBM/1d", {}, 404),
        ("/api/v1/data/ingest/sample/%00/1d", {}, 422),
        ("/api/v1/data/ingest/sample/IBM/1h", {}, 422),
        (f"{JOBS}/verify", {"versions": ["nothing"]}, 404),
        (f"{JOBS}/verify", {"versions": []}, 422),
        (f"{JOBS}/export", {"instruments": ["AAPL"]}, 422),
        (f"{JOBS}/export", {"instruments": ["AAPL"], "timeframes": ["1d"], "version": "nope"}, 404),
        (f"{JOBS}/export", {"instruments": ["AAPL", "NONE"], "timeframes": ["1d"]}, 404),
        (f"{JOBS}/batch-indicators", {"instruments": ["NONE"], "timeframe": "1d", "indicators": ["sma(5)"]}, 404),
        (f"{JOBS}/export", {"instruments": ["AAPL"], "timeframes": ["1d"], "format": "exe"}, 422),
        (f"{JOBS}/batch-indicators", {"instruments": ["AAPL"], "timeframe": "1d", "indicators": ["sma("]}, 422),
        (f"{JOBS}/reconcile", {"latest": "soon"}, 422),
    ],
)
def test_what_could_never_be_done_is_refused_at_once(
    bl: BarLedger, client: AppClient, key_of: KeyOf, path: str, body: Mapping[str, Any], status: int
) -> None:
    answer = as_client(client, key_of, "admin").post(path, json=body)
    assert (answer.status_code, bl.jobs.list()) == (status, []), answer.text
    assert answer.json()["next_step"]


def test_each_kind_of_job_needs_its_scope(client: AppClient, key_of: KeyOf) -> None:
    bodies: dict[str, Any] = {
        INGEST: ({}, "ingest"),
        f"{JOBS}/reconcile": ({}, "ingest"),
        f"{JOBS}/verify": ({}, "snapshot"),
        f"{JOBS}/export": ({"instruments": ["AAPL"], "timeframes": ["1d"]}, "read"),
        f"{JOBS}/batch-indicators": (
            {"instruments": ["AAPL"], "timeframe": "1d", "indicators": ["sma(5)"]},
            "read",
        ),
    }
    every = {scope: as_client(client, key_of, scope) for scope in ("read", "ingest", "snapshot", "decide")}
    for path, (body, scope) in bodies.items():
        for name, one in every.items():
            expected = 202 if name == scope else 403
            assert one.post(path, json=body).status_code == expected, (path, name)


def test_options_of_a_source_may_name_files_and_are_for_admins(client: AppClient, key_of: KeyOf) -> None:
    body = {"options": {"folder": "/etc"}}
    refused = as_client(client, key_of, "ingest").post("/api/v1/data/ingest/files/IBM/1d", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")


def test_a_key_for_some_instruments_asks_for_and_sees_those_alone(client: AppClient, key_of: KeyOf) -> None:
    admin = as_client(client, key_of, "admin")
    few = as_client(client, key_of, "read", "ingest", "snapshot", instruments=("AAPL", "IBM"))
    for path, body in (
        ("/api/v1/data/ingest/sample/MSFT/1d", {}),
        (f"{JOBS}/verify", {}),
        (f"{JOBS}/verify", {"pattern": "A*"}),
        (f"{JOBS}/export", {"instruments": ["AAPL", "BTC/USDT"], "timeframes": ["1d"]}),
        (
            f"{JOBS}/batch-indicators",
            {"instruments": ["AAPL"], "timeframe": "1d", "indicators": ["correl(close, @BTCUSDT.close, 5)"]},
        ),
    ):
        answer = few.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "instrument-denied"), path
    other = admin.post(f"{JOBS}/export", json={"instruments": ["BTC/USDT"], "timeframes": ["1d"]}).json()
    library = admin.post(f"{JOBS}/verify", json={}).json()
    mine = few.post(INGEST, json={"start_date": "2004-01-01"}).json()
    theirs = admin.post(f"{JOBS}/export", json={"instruments": ["AAPL"], "timeframes": ["1d"]}).json()
    assert [one["id"] for one in few.get(JOBS).json()["items"]] == [theirs["id"], mine["id"]]
    for hidden in (other, library):
        url = hidden["url"]
        for answer in (few.get(url), few.post(f"{url}/cancel"), few.get(f"{url}/result")):
            assert answer.status_code == 404
    assert few.post(f"{theirs['url']}/cancel").json()["code"] == "scope-missing"
    assert few.post(f"{mine['url']}/cancel").json()["state"] == "cancelled"
    assert len(admin.get(JOBS).json()["items"]) == 4


@pytest.mark.parametrize("kind", ["verify", "reconcile"])
def test_a_key_for_a_pattern_asks_for_what_matches_it(
    bl: BarLedger, client: AppClient, key_of: KeyOf, kind: str
) -> None:
    few = as_client(client, key_of, "ingest", "snapshot", instruments=("A*", "IBM"))
    taken = few.post(f"{JOBS}/{kind}", json={"pattern": "A*"})
    assert taken.status_code == 202, taken.text
    work(bl)
    done = few.get(taken.json()["url"]).json()
    assert done["state"] == "done"
    if kind == "verify":
        assert done["result"]["summary"]["bars"] == DAYS
    for wider in ({}, {"pattern": "*"}, {"pattern": "?*"}, {"pattern": "AA*"}):
        refused = few.post(f"{JOBS}/{kind}", json=wider)
        assert (refused.status_code, refused.json()["code"]) == (403, "instrument-denied"), wider


def test_jobs_are_listed_in_pages(bl: BarLedger, client: AppClient) -> None:
    made = [bl.jobs.submit("verify").id for _ in range(5)]
    bl.jobs.cancel(made[0])
    seen: list[str] = []
    url: str | None = f"{JOBS}?limit=2"
    while url:
        answer = client.get(url)
        seen += [one["id"] for one in answer.json()["items"]]
        url = answer.json()["next"]
        assert ("link" in answer.headers) == (url is not None)
    assert seen == made[::-1]
    assert [one["id"] for one in client.get(f"{JOBS}?state=cancelled").json()["items"]] == [made[0]]


def test_a_full_queue_is_a_503_that_says_when_to_try_again(home: Path) -> None:
    assert not home.exists()
    settings = Settings(actor="tester", queue=1)
    with BarLedger(MemoryStore(), SqlLedger.open("sqlite://"), settings=settings) as bl:
        key = bl.keys.create("desk", scopes="admin").text
        asking = AppClient(build(bl, OPTIONS), headers=bearer(key))
        assert asking.post(f"{JOBS}/verify", json={}).status_code == 202
        full = asking.post(f"{JOBS}/verify", json={})
        assert (full.status_code, full.json()["code"]) == (503, "queue-full")
        assert int(full.headers["retry-after"]) >= 1


def test_files_of_a_job_are_fetched_by_their_addresses(bl: BarLedger, client: AppClient) -> None:
    body = {"instruments": ["AAPL", "BTC/USDT"], "timeframe": "1d", "indicators": ["sma(5)"], "format": "csv"}
    job = client.post(f"{JOBS}/batch-indicators", json=body).json()
    work(bl)
    result = client.get(f"{job['url']}/result").json()
    (file,) = result["files"]
    answer = client.get(file["url"])
    assert (answer.status_code, len(answer.content)) == (200, file["bytes"])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-disposition"] == "attachment"
    assert len(pd.read_csv(io.BytesIO(answer.content))) == 2 * DAYS
    assert client.head(file["url"]).headers["content-length"] == str(file["bytes"])
    for wrong in ("nothing.csv", "..%2f..%2fbarledger.toml", "%2e%2e"):
        assert client.get(f"{job['url']}/files/{wrong}").status_code == 404


def test_a_failed_job_says_why_and_what_to_do(bl: BarLedger, client: AppClient, key_of: KeyOf) -> None:
    asking = as_client(client, key_of, "ingest")
    job = asking.post("/api/v1/data/ingest/sample/NOSUCH/1d").json()
    work(bl)
    failed = asking.get(job["url"]).json()
    assert (failed["state"], failed["error"]["code"], failed["result"]) == ("failed", "data-not-found", None)
    assert failed["error"]["next_step"] == bl.jobs.get(job["id"]).next_step != ""
    assert asking.get(f"{job['url']}/result").status_code == 409


# --- events ----------------------------------------------------------------------------------------


def parsed(text: str) -> list[dict[str, Any]]:
    """Return the events of a stream."""
    told = []
    for block in text.split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        event = {name: value for name, _, value in lines}
        if "data" in event:
            told.append({**event, "data": json.loads(event["data"])})
    return told


@pytest.fixture
def following(bl: BarLedger) -> Callable[..., list[dict[str, Any]]]:
    """A function that gives what a stream of events tells from an id on, in the short time that it lasts."""
    app = build(bl, Options(hosts=("localhost",), event_seconds=0.3, keep_alive=0.1))

    def follow(key: str, after: str | int = 0, **query: str) -> list[dict[str, Any]]:
        headers = {**bearer(key), "Last-Event-ID": str(after)}
        answer = AppClient(app, headers=headers).get("/api/v1/events", params=query)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        return parsed(answer.text)

    return follow


def test_what_happened_before_is_told_from_any_event_on(
    bl: BarLedger, following: Callable[..., list[dict[str, Any]]], key_of: KeyOf
) -> None:
    key = key_of("read")
    first, second = bl.jobs.submit("verify"), bl.jobs.submit("verify")
    bl.vault.notify(Notice(kind="lag", severity="info", subject="late", about="AAPL 1d"))
    told = following(key)
    assert [(one["event"], one["data"]["id"]) for one in told[:2]] == [("job", first.id), ("job", second.id)]
    assert (told[2]["event"], told[2]["data"]["subject"]) == ("notice", "late")
    assert following(key, told[0]["id"]) == told[1:]
    assert following(key, told[2]["id"]) == []
    assert [one["event"] for one in following(key, kinds="notice")] == ["notice"]
    bl.jobs.cancel(first.id)
    assert [one["data"]["state"] for one in following(key, told[2]["id"])] == ["cancelled"]


def test_a_key_for_some_instruments_hears_of_those_alone(
    bl: BarLedger, following: Callable[..., list[dict[str, Any]]], key_of: KeyOf
) -> None:
    few = key_of("read", instruments=("AAPL",))
    mine = bl.jobs.submit("export", {"instruments": ["AAPL"], "timeframes": ["1d"]})
    bl.jobs.submit("export", {"instruments": ["BTCUSDT"], "timeframes": ["1d"]})
    bl.jobs.submit("verify")
    bl.vault.notify(Notice(kind="lag", severity="info", subject="late", about="BTCUSDT 1d"))
    assert [one["data"]["id"] for one in following(few)] == [mine.id]


def test_each_step_of_a_discrepancy_is_an_event(
    bl: BarLedger, following: Callable[..., list[dict[str, Any]]], key_of: KeyOf
) -> None:
    series = Series.of("AAPL", "1d", "desk")
    found = Discrepancy(series=series, interval=Interval(0, DAY), kind="outlier", reason="far off", key="k")
    made, _ = bl.vault.ledger.discrepancies.add(found, None, bl.vault.who("inspect"))
    bl.integrity.reject(made.id, reason="it is right")
    told = [one["data"] for one in following(key_of("read"), kinds="discrepancy")]
    assert [(one["id"], one["state"]) for one in told] == [(made.id, "open"), (made.id, "rejected")]
    assert (told[1]["instrument"], told[1]["reason"], told[1]["by"]) == ("AAPL", "it is right", "tester")
    assert [one["id"] for one in told] == [made.id] * 2
    assert following(key_of("read", instruments=("MSFT",)), kinds="discrepancy") == []


def test_a_stream_tells_what_happens_while_it_is_open_and_ends_with_the_server(served: Served) -> None:
    with httpx.stream("GET", f"{served.url}/api/v1/events", headers=bearer(served.key), timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        job = served.bl.jobs.submit("verify")
        heard = list(_until(lines, "data: "))
        assert json.loads(heard[-1].removeprefix("data: "))["id"] == job.id
    # The fixture stops the server, which does not wait for this one.
    thread = threading.Thread(target=_hang, args=(served,), daemon=True)
    thread.start()
    time.sleep(0.5)


def _hang(served: Served) -> None:
    with httpx.stream("GET", f"{served.url}/api/v1/events", headers=bearer(served.key), timeout=60) as stream:
        for _ in stream.iter_lines():
            pass


def _until(lines: Iterator[str], prefix: str) -> Iterator[str]:
    for line in lines:
        yield line
        if line.startswith(prefix):
            return


def test_streams_are_bounded_in_number(bl: BarLedger, key_of: KeyOf) -> None:
    app = build(bl, Options(hosts=("localhost",), followers=0))
    answer = AppClient(app, headers=bearer(key_of("read"))).get("/api/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (503, "too-many-followers")


def test_a_stream_of_a_revoked_key_ends(bl: BarLedger) -> None:
    made = bl.keys.create("gone", scopes="read")
    app = build(bl, Options(hosts=("localhost",), event_seconds=60, keep_alive=0.1))
    timer = threading.Timer(0.5, lambda: bl.keys.revoke("gone"))
    timer.start()
    answer = AppClient(app, headers=bearer(made.text)).get("/api/v1/events")
    timer.join()
    assert answer.text.endswith(": end\n\n")
    assert ": keep-alive\n\n" in answer.text


def test_a_reason_for_the_audit_log_has_no_control_character(client: AppClient, key_of: KeyOf) -> None:
    asking = as_client(client, key_of, "ingest")
    for reason in ("a\0b", "\x1b[31mred", "a\x7f"):
        answer = asking.post(INGEST, json={"reason": reason})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reason")
