"""Who is let in, and what is kept out."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.api.options import Options
from serving import KeyOf, bearer

AAPL = "/api/v1/data/ohlcv/AAPL/1d"
SNAPSHOT = "/api/v1/data/snapshot"
WISH = {"instruments": ["AAPL"], "timeframes": ["1d"]}


def test_nothing_answers_without_a_key_but_health_and_readiness(app: FastAPI, nobody: AppClient) -> None:
    found = {}
    for path, operations in app.openapi()["paths"].items():
        url = path.replace("{instrument}", "AAPL").replace("{timeframe}", "1d").replace("{job_id}", "job-" + "0" * 16)
        for method in operations:
            found[method, path] = nobody.request(method, url, json={} if method == "post" else None).status_code
    found |= {("get", path): nobody.get(path).status_code for path in ("/docs", "/openapi.json")}
    assert {one for one, status in found.items() if status == 200} == {("get", "/health"), ("get", "/ready")}
    assert {status for status in found.values() if status != 200} == {401}


def test_every_operation_says_which_scope_it_needs(app: FastAPI, nobody: AppClient, key_of: KeyOf) -> None:
    others = {"read": "ingest", "ingest": "read", "snapshot": "read", "decide": "read", "admin": "read"}
    keys = {scope: bearer(key_of(scope)) for scope in ("read", "ingest")}
    found = set()
    for path, operations in app.openapi()["paths"].items():
        url = path.replace("{instrument}", "AAPL").replace("{timeframe}", "1d").replace("{job_id}", "job-" + "0" * 16)
        for method, told in operations.items():
            for scope in [name for one in told.get("security", ()) for name in one.get("key", ())]:
                json = {} if method == "post" else None
                answer = nobody.request(method, url, json=json, headers=keys[others[scope]])
                assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing"), (method, path)
                found.add(scope)
    assert found == set(others)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Bearer bl_000000000000_" + "0" * 64, "Basic eDp5", "Bearer " + "b" * 5_000],
)
def test_what_is_no_key_opens_nothing(nobody: AppClient, header: str) -> None:
    answer = nobody.get(AAPL, headers={"authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "key-refused")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_wrong_secret_is_told_as_an_unknown_key_is(nobody: AppClient, key_of: KeyOf) -> None:
    wrong = key_of("read")[:-1] + "x"
    almost = key_of("read")
    changed = almost[:-1] + ("0" if almost[-1] != "0" else "1")
    unknown = "bl_000000000000_" + "0" * 64
    told = [nobody.get(AAPL, headers=bearer(one)).json()["detail"] for one in (changed, unknown)]
    assert told[0] == told[1]
    assert nobody.get(AAPL, headers=bearer(wrong)).status_code == 401


def test_a_revoked_key_and_a_rotated_secret_are_refused_at_once(
    nobody: AppClient, key_of: KeyOf, bl: BarLedger
) -> None:
    first, second = key_of("read"), key_of("read")
    assert nobody.get(AAPL, headers=bearer(first)).status_code == 200
    bl.keys.revoke("key-1")
    turned = bl.keys.rotate("key-2").text
    for gone in (first, second):
        assert nobody.get(AAPL, headers=bearer(gone)).status_code == 401
    assert nobody.get(AAPL, headers=bearer(turned)).status_code == 200
    assert "revoked" in nobody.get(AAPL, headers=bearer(first)).json()["detail"]


def test_a_key_needs_the_scope_of_what_it_is_used_for(nobody: AppClient, key_of: KeyOf) -> None:
    reader, taker, admin = (bearer(key_of(scope)) for scope in ("read", "snapshot", "admin"))
    assert [nobody.get(AAPL, headers=one).status_code for one in (reader, taker, admin)] == [200, 403, 200]
    found = [nobody.post(SNAPSHOT, json=WISH, headers=one) for one in (reader, taker, admin)]
    assert [one.status_code for one in found] == [403, 201, 201]
    assert (found[0].json()["code"], found[0].json()["fields"]["scope"]) == ("scope-missing", "snapshot")


def test_a_key_is_for_the_instruments_of_its_patterns(nobody: AppClient, key_of: KeyOf) -> None:
    key = bearer(key_of("read", "snapshot", instruments=("BTC*",)))
    assert nobody.get("/api/v1/data/ohlcv/BTC/USDT/1d", headers=key).status_code == 200
    for answer in (
        nobody.get(AAPL, headers=key),
        nobody.get("/api/v1/data/availability/AAPL/1d", headers=key),
        nobody.post(SNAPSHOT, json=WISH | {"instruments": ["BTC/USDT", "AAPL"]}, headers=key),
        nobody.post(SNAPSHOT, json={"ranges": [WISH]}, headers=key),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "instrument-denied")


def test_what_is_done_with_a_key_is_signed_by_it(client: AppClient, bl: BarLedger) -> None:
    made = client.post(SNAPSHOT, json=WISH)
    assert made.json()["created_by"] == "key:key-1"
    assert bl.audit.entries()[-1].actor == "key:key-1"


# --- around the routes ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1", "[::1]:80"])
def test_requests_for_other_hosts_are_refused(client: AppClient, host: str) -> None:
    answer = client.get("/health", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "host-refused")


def test_ports_of_a_host_do_not_matter(client: AppClient) -> None:
    assert client.get("/health", headers={"host": "LOCALHOST:9999"}).status_code == 200


def test_every_answer_has_headers_that_protect(client: AppClient) -> None:
    for answer in (client.get(AAPL), client.get("/nothing"), client.get("/health", headers={"host": "x"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


def test_other_origins_are_closed_out_unless_they_are_named(bl: BarLedger, key_of: KeyOf) -> None:
    ask = {"origin": "https://desk.example", **bearer(key_of("read"))}
    closed = AppClient(build(bl, Options(hosts=("localhost",))))
    opened = AppClient(build(bl, Options(hosts=("localhost",), origins=("https://desk.example",))))
    assert "access-control-allow-origin" not in closed.get(AAPL, headers=ask).headers
    assert opened.get(AAPL, headers=ask).headers["access-control-allow-origin"] == "https://desk.example"
    stranger = ask | {"origin": "https://evil.example"}
    assert "access-control-allow-origin" not in opened.get(AAPL, headers=stranger).headers


def test_too_much_is_refused_before_it_is_read(client: AppClient) -> None:
    large = client.post(SNAPSHOT, content=b" " * 2_000_000)
    assert (large.status_code, large.json()["code"]) == (413, "body-too-large")
    long = client.get(AAPL, params={"source": "x" * 9_000})
    assert (long.status_code, long.json()["code"]) == (414, "address-too-long")


def test_a_body_that_grows_beyond_what_was_announced_is_refused(client: AppClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"[" * 100_000

    answer = client.post(SNAPSHOT, content=body())
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b"\xff", b"null", b"[]", b'"x"', b""])
def test_bodies_that_are_none_are_told_so(client: AppClient, body: bytes) -> None:
    answer = client.post(SNAPSHOT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_problem_repeats_what_was_sent(client: AppClient) -> None:
    answer = client.post(SNAPSHOT, json=WISH | {"password": "hunter2", "instruments": [{"secret": "hunter2"}]})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


def test_what_nobody_foresaw_is_told_without_details(
    client: AppClient, bl: BarLedger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr(bl.vault.ledger, "now", broken)
    answer = client.get("/ready", headers={"x-request-id": "my-id"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hunter2" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "my-id"
    assert [getattr(one, "request_id", "") for one in caplog.records] == ["my-id"]


@pytest.mark.parametrize("given", ["a b", "x" * 65, "é"])
def test_an_id_that_is_unfit_for_a_log_is_replaced(client: AppClient, given: str) -> None:
    answer = client.get("/health", headers={"x-request-id": given.encode()})
    assert len(answer.headers["x-request-id"]) == 32


def test_the_documentation_takes_a_key_as_a_password(nobody: AppClient, key_of: KeyOf, bl: BarLedger) -> None:
    key = key_of("read")
    assert nobody.get("/docs").headers["www-authenticate"].startswith("Basic")
    assert nobody.get("/docs", auth=("me", key)).status_code == 200
    assert nobody.get("/openapi.json", headers=bearer(key)).json()["openapi"] == "3.1.0"
    opened = AppClient(build(bl, Options(hosts=("localhost",), open_docs=True)))
    assert opened.get("/docs").status_code == 200
