"""Versions, histories and metrics over HTTP."""

import pytest

from asgi import AppClient
from barledger import BarLedger
from libraries import frame
from serving import DAYS, KeyOf, bearer

VERSIONS = "/api/v1/data/versions/AAPL/1d"
INTEGRITY = "/api/v1/data/integrity/AAPL/1d"
METRICS = ("completeness", "consistency", "timeliness", "accuracy", "integrity")


@pytest.fixture
def corrected(bl: BarLedger) -> BarLedger:
    """A library whose bars were written twice, with a snapshot between."""
    bl.snapshot("AAPL", "1d", id="before", strategy="momentum")
    bl.write("AAPL", "1d", frame(range(5), 3.0), source="desk", reason="a typing error")
    return bl


def test_every_state_that_can_be_named_is_listed(client: AppClient, corrected: BarLedger) -> None:
    told = client.get(VERSIONS).json()
    assert [one["kind"] for one in told["items"]] == ["revision", "snapshot", "revision"]
    for one in told["items"]:
        found = client.get("/api/v1/data/ohlcv/AAPL/1d", params={"version": one["version"], "limit": 1}).json()
        assert found["data"][0]["close"] == corrected.bars("AAPL", "1d", version=one["version"]).df["close"].iloc[0]
    last = told["items"][-1]
    assert (last["changed"], last["reason"], last["operation"]) == (5, "a typing error", "write")


def test_snapshots_are_left_out_where_nobody_asks_for_them(client: AppClient, corrected: BarLedger) -> None:
    told = client.get(VERSIONS, params={"include_snapshots": "false"}).json()
    assert [one["revision"] for one in told["items"]] == [
        str(one.revision) for part in corrected.cache.versions("AAPL", "1d") for one in part.revisions
    ]


def test_only_what_changed_a_stretch_is_listed(client: AppClient, corrected: BarLedger) -> None:
    assert corrected
    told = client.get(VERSIONS, params={"start_date": "1970-03-01", "include_snapshots": "false"}).json()
    assert [one["new"] for one in told["items"]] == [DAYS]


def test_pages_of_versions_are_the_whole_though_others_come(client: AppClient, corrected: BarLedger) -> None:
    whole = client.get(VERSIONS).json()["items"]
    found, url = [], f"{VERSIONS}?limit=1"
    while url:
        page = client.get(url)
        found += page.json()["items"]
        if len(found) == 1:
            corrected.snapshot("AAPL", "1d", id="later")
        url = page.json()["next"]
        assert ("link" in page.headers) == bool(url)
    assert found[: len(whole)] == whole
    assert [one["version"] for one in found[len(whole) :]] == ["later"]


def test_a_cursor_of_another_list_is_refused(client: AppClient, corrected: BarLedger) -> None:
    assert corrected
    following = client.get(f"{VERSIONS}?limit=1").json()["next"]
    for url in (
        f"{following}&include_snapshots=false",
        following.replace("AAPL", "BTC/USDT"),
        f"{VERSIONS}?cursor=e30",
    ):
        answer = client.get(url)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor"), url


def test_a_series_that_there_is_not_has_no_versions(client: AppClient) -> None:
    for url in ("/api/v1/data/versions/NOPE/1d", f"{VERSIONS}?source=nobody"):
        answer = client.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "series-not-found")


def test_the_history_of_a_bar_has_every_value_that_it_had(client: AppClient, corrected: BarLedger) -> None:
    told = client.get("/api/v1/data/history/AAPL/1d", params={"time": "1970-01-02"}).json()
    assert [one["close"] for one in told["items"]] == [100.01, 3.01]
    first, second = told["items"]
    assert first["superseded_by"] == second["revision"]
    assert second["superseded_by"] is None
    assert second["reason"] == "a typing error"
    assert told["source"] == "desk"
    assert len(corrected.history("AAPL", "1d", "1970-01-02")) == 2
    nothing = client.get("/api/v1/data/history/AAPL/1d", params={"time": "2020-01-02"}).json()
    assert (nothing["source"], nothing["items"]) == (None, [])


def test_a_document_that_a_client_has_is_not_sent_again(client: AppClient, bl: BarLedger) -> None:
    first = client.get(VERSIONS)
    tag = first.headers["etag"]
    assert client.get(VERSIONS, headers={"if-none-match": tag}).status_code == 304
    bl.write("AAPL", "1d", frame(range(5), 3.0), source="desk")
    assert client.get(VERSIONS, headers={"if-none-match": tag}).status_code == 200


# --- metrics ---------------------------------------------------------------------------------------


def test_the_five_metrics_are_those_of_the_library(client: AppClient, bl: BarLedger) -> None:
    wish = {"start_date": "1970-01-01", "end_date": "1970-02-01"}
    told = client.get(INTEGRITY, params=wish).json()
    expected = bl.quality_metrics.measure("AAPL", "1d", start="1970-01-01", end="1970-02-01", record=False)
    assert {name: told[name]["score"] for name in METRICS} == expected.scores
    assert told["completeness"]["counts"] == dict(expected.completeness.counts)
    assert told["accuracy"]["reason"]
    assert not told["recorded"]


def test_asking_for_metrics_writes_nothing(client: AppClient, bl: BarLedger) -> None:
    before = len(bl.audit)
    client.get(INTEGRITY)
    assert len(bl.audit) == before
    assert client.get("/api/v1/quality/history/AAPL/1d").json()["items"] == []


def test_measuring_is_kept_once(bl: BarLedger, client: AppClient, key_of: KeyOf) -> None:
    headers = bearer(key_of("decide", "read")) | {"idempotency-key": "once"}
    url = "/api/v1/quality/measure/AAPL/1d"
    first, again = (client.post(url, json={}, headers=headers) for _ in range(2))
    assert first.status_code == 201
    assert first.json() == again.json()
    assert first.json()["recorded"]
    kept = client.get("/api/v1/quality/history/AAPL/1d").json()["items"]
    assert [one["scores"]["integrity"] for one in kept] == [1.0]
    assert all(one["ok"] and one["checked_at"] for one in client.get("/api/v1/quality/checks/AAPL/1d").json()["items"])
    assert bl.audit.tail(1)[0].actor.startswith("key:")


def test_measuring_needs_the_right_to_decide(client: AppClient) -> None:
    assert client.post("/api/v1/quality/measure/AAPL/1d", json={}).json()["code"] == "scope-missing"


@pytest.mark.parametrize(
    "path", ["data/versions", "data/integrity", "data/history", "quality/history", "quality/checks"]
)
def test_a_key_for_other_instruments_is_refused(client: AppClient, key_of: KeyOf, path: str) -> None:
    headers = bearer(key_of("read", instruments=("BTC*",)))
    answer = client.get(
        f"/api/v1/{path}/AAPL/1d", params={"time": "1970-01-02"} if "data/history" in path else {}, headers=headers
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "instrument-denied")
