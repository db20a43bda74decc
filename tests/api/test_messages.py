"""What is said of a request that is wrong: which field it is, what is expected there, and what to do."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build, routed
from barledger.api.examples.answers import operations
from barledger.api.problems import status_of
from barledger.api.repeated import LISTS
from barledger.api.wording import EXPECTED, NEXT_STEPS, next_step
from barledger.errors import BarledgerError
from erring import LEAVES, sample
from serving import OPTIONS, KeyOf, bearer

AAPL = "/api/v1/data/ohlcv/AAPL/1d"
SNAPSHOT = "/api/v1/data/snapshot"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    return routed().openapi()


@pytest.fixture
def admin(bl: BarLedger, key_of: KeyOf) -> AppClient:
    return AppClient(build(bl, OPTIONS), headers=bearer(key_of("admin")))


# --- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "Content-Type is missing"),
        ({"content-type": "application/x-www-form-urlencoded"}, "Content-Type says"),
        ({"content-type": "text/plain"}, "Content-Type says"),
    ],
)
def test_a_body_that_is_not_said_to_be_json_is_told_how_to_be(
    client: AppClient, headers: dict[str, str], told: str
) -> None:
    answer = client.post(SNAPSHOT, content=b'{"instruments": ["AAPL"], "timeframes": ["1d"]}', headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (415, "body-not-json")
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in problem["detail"]
    assert "curl by -H 'Content-Type: application/json'" in problem["next_step"]


NEED_NOT_BE_SAID = {
    "ingest",
    "reconcile_job",
    "verify_job",
    "rotate_key",
    "revoke_key",
    "add_route",
    "measure_quality",
}


def test_a_body_is_required_where_something_has_to_be_said(raw: dict[str, Any]) -> None:
    bodies = {one["operationId"]: one["requestBody"] for one in operations(raw) if "requestBody" in one}
    spared = {name for name, body in bodies.items() if not body.get("required")}
    assert spared == NEED_NOT_BE_SAID


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/keys/other/rotate", 200),
        ("/api/v1/keys/other/revoke", 200),
        ("/api/v1/data/ingest/sample/IBM/1d", 202),
        ("/api/v1/jobs/reconcile", 202),
        ("/api/v1/jobs/verify", 202),
        ("/api/v1/notifications/channels/desk/rules", 201),
        ("/api/v1/quality/measure/AAPL/1d", 201),
    ],
)
def test_no_body_is_an_empty_one_where_nothing_has_to_be_said(
    bl: BarLedger, admin: AppClient, path: str, status: int
) -> None:
    bl.keys.create("other", scopes="read")
    bl.notifications.add_channel("desk", "log:tried")
    sent: list[dict[str, Any]] = [{}, {"headers": JSON}, {"json": {}}]
    for one in sent:
        answer = admin.post(path, **one)
        assert answer.status_code == status, answer.text
    refused = admin.post(path, content=b"null", headers=JSON)
    assert (refused.status_code, refused.json()["detail"]) == (422, "body: a body is an object in JSON")


def test_a_body_of_nobody_is_not_looked_at(nobody: AppClient) -> None:
    assert nobody.post(SNAPSHOT, content=b"{}").status_code == 401


def test_operations_with_a_body_tell_of_415_and_others_do_not(raw: dict[str, Any]) -> None:
    for one in operations(raw):
        assert ("requestBody" in one) == ("415" in one["responses"]), one["operationId"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"instruments": ["AAPL"],}', "the body is no JSON: "),
        (b"{", "at character 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "no UTF-8"),
        (b"[]", "an object in JSON"),
        (b"", "an object in JSON"),
    ],
)
def test_a_body_that_cannot_be_read_is_named(client: AppClient, body: bytes, told: str) -> None:
    problem = client.post(SNAPSHOT, content=body, headers=JSON).json()
    (error,) = problem["errors"]
    assert (problem["status"], error["location"], error["field"]) == (422, "body", "body")
    assert told in error["message"]
    assert told in problem["detail"]


# --- fields ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("start_date=2024-13-01", "2024-01-31T09:30:00Z"),
        ("columns=Open;Close", "open,close"),
        ("cursor=no!", "the header Link"),
        ("known_within=soon", "30m"),
        ("source=%01", "control character"),
    ],
)
def test_a_field_that_is_mistyped_is_told_what_it_may_be(client: AppClient, query: str, told: str) -> None:
    (error,) = client.get(f"{AAPL}?{query}").json()["errors"]
    assert error["field"] == query.partition("=")[0]
    assert told in error["message"]


@pytest.mark.parametrize("name", ["start_date", "end_date"])
def test_a_day_that_no_calendar_has_is_named_alone(client: AppClient, name: str) -> None:
    given = {"start_date": "2005-02-01", "end_date": "2005-03-31"} | {name: "2005-02-30"}
    (queried,) = client.get(f"{AAPL}?start_date={given['start_date']}&end_date={given['end_date']}").json()["errors"]
    body = {"ranges": [{"instruments": ["AAPL"], "timeframes": ["1d"], **given}]}
    (sent,) = client.post(SNAPSHOT, json=body).json()["errors"]
    assert (queried["location"], queried["field"]) == ("query", name)
    assert (sent["location"], sent["field"]) == ("body", f"ranges.0.{name}")
    for one in (queried, sent):
        assert "there is no such time" in one["message"]
        assert "2024-01-31" in one["message"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("times=epoch_s&format=arrow", ["times"]),
        ("start_date=2005-01-01&end_date=2004-01-01", ["start_date", "end_date"]),
        ("version=2200-01-01", ["version"]),
        ("lookback=1", ["lookback"]),
    ],
)
def test_a_rule_that_is_broken_names_the_parameters_of_the_query(
    client: AppClient, query: str, names: list[str]
) -> None:
    problem = client.get(f"{AAPL}?{query}").json()
    assert problem["status"] == 422
    assert [(one["location"], one["field"]) for one in problem["errors"]] == [("query", name) for name in names]


def test_a_rule_that_is_broken_names_the_fields_of_the_body(client: AppClient) -> None:
    body = {"instruments": ["AAPL"], "timeframes": ["1d"], "start_date": "2005-01-01", "end_date": "2004-01-01"}
    problem = client.post("/api/v1/jobs/export", json=body).json()
    assert [(one["location"], one["field"]) for one in problem["errors"]] == [
        ("body", "start_date"),
        ("body", "end_date"),
    ]
    reused = {"instruments": ["AAPL"], "timeframes": ["1d"]}
    for given in (reused, {**reused, "format": "csv"}):
        problem = client.post("/api/v1/jobs/export", json=given, headers={"Idempotency-Key": "one"}).json()
    assert [(one["location"], one["field"]) for one in problem["errors"]] == [("header", "idempotency-key")]


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [("POST", SNAPSHOT, "idempotency-key"), ("GET", "/api/v1/events?seconds=1", "last-event-id")],
)
def test_a_header_that_is_mistyped_is_told_what_it_may_be(
    client: AppClient, method: str, path: str, header: str
) -> None:
    body = {"instruments": ["AAPL"], "timeframes": ["1d"]} if method == "POST" else None
    problem = client.request(method, path, headers={header: "not one"}, json=body).json()
    (error,) = problem["errors"]
    assert (problem["status"], error["location"], error["field"].casefold()) == (422, "header", header)
    assert "such as" in error["message"]


def test_every_pattern_of_the_api_is_told_in_words(raw: dict[str, Any]) -> None:
    taken = [part for one in operations(raw) for part in (one.get("parameters", []), one.get("requestBody", {}))]
    assert {pattern for part in taken for pattern in patterns(raw, part)} == set(EXPECTED)


def patterns(raw: dict[str, Any], told: Any) -> Iterator[str]:
    """Give the patterns of a part of the description."""
    if isinstance(told, dict):
        if isinstance(told.get("pattern"), str):
            yield told["pattern"]
        if "$ref" in told:
            yield from patterns(raw, raw["components"]["schemas"][told["$ref"].rpartition("/")[2]])
        told = [value for name, value in told.items() if name not in ("example", "examples")]
    if isinstance(told, list):
        for one in told:
            yield from patterns(raw, one)


@pytest.mark.parametrize("time", ["1970-02-01t00:00:00z", "1970-02-01T00:00:00z", "1970-02-01t05:00:00%2B05:00"])
def test_times_may_be_written_in_lower_case(client: AppClient, time: str) -> None:
    assert client.get(f"{AAPL}?start_date={time}").json()["meta"]["interval"]["start"] == "1970-02-01T00:00:00Z"
    assert client.get(f"{AAPL}?version={time}").json()["meta"]["rows"] == 0


def test_a_zone_whose_plus_is_lost_is_told_how_to_be_sent(client: AppClient) -> None:
    (error,) = client.get(f"{AAPL}?start_date=2005-01-03T00:00:00+05:00").json()["errors"]
    assert error["message"].endswith("the + of a zone is written %2B")
    (error,) = client.get(f"{AAPL}?start_date=2005-01-03 or so").json()["errors"]
    assert "%2B" not in error["message"]


def test_time_may_be_named_among_the_columns(client: AppClient) -> None:
    answer = client.get(f"{AAPL}?columns=time,close&last=1").json()
    assert answer["meta"]["columns"] == ["time", "close"]
    (error,) = client.get(f"{AAPL}?columns=time").json()["errors"]
    assert (error["field"], "another column" in error["message"]) == ("columns", True)


def test_specs_in_one_parameter_are_told_to_be_several(client: AppClient) -> None:
    values = "/api/v1/indicators/values?instrument=AAPL&timeframe=1d&last=1&indicators="
    told = client.get(f"{values}sma(20),rsi(14)").json()
    assert (told["code"], "indicators=sma(20)&indicators=rsi(14)" in told["next_step"]) == ("invalid-spec", True)
    assert "Repeat" not in client.get(f"{values}sma(20)rsi(14)").json()["next_step"]


def test_a_snapshot_that_does_not_pin_a_series_tells_what_it_pins(
    bl: BarLedger, client: AppClient, key_of: KeyOf
) -> None:
    bl.snapshot("BTC/USDT", "1d", id="other")
    told = client.get(f"{AAPL}?version=other").json()
    assert (told["status"], told["code"]) == (404, "not-pinned")
    assert told["detail"] == "snapshot 'other' does not pin AAPL 1d"
    assert "BTCUSDT 1d from venue" in told["next_step"]
    headers = bearer(key_of("read", instruments=("A*",)))
    assert "BTC" not in client.get(f"{AAPL}?version=other", headers=headers).text
    wish = {"instruments": ["AAPL"], "timeframe": "1d", "indicators": ["sma(5)"], "version": "other"}
    assert "BTC" not in client.post("/api/v1/indicators/batch", json=wish, headers=headers).text


# --- what is given twice ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [f"{AAPL}?format=json&format=csv", "/api/v1/snapshots?limit=1&format=x&limit=1", f"{AAPL}?a=1&a=1"]
)
def test_a_parameter_that_is_given_twice_is_refused(client: AppClient, path: str) -> None:
    problem = client.get(path).json()
    assert problem["status"] == 422
    assert problem["errors"][0]["field"] in ("format", "limit", "a")


def test_a_parameter_that_nobody_knows_is_refused_everywhere(
    bl: BarLedger, admin: AppClient, raw: dict[str, Any]
) -> None:
    tried = 0
    for path, methods in raw["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method, told in methods.items():
            spelled = path
            for one in told.get("parameters", []):
                spelled = spelled.replace(f"{{{one['name']}}}", "1d" if one["name"] == "timeframe" else "1")
            body = None if method in ("get", "delete") else {}
            problem = admin.request(method.upper(), f"{spelled}?foo=1", json=body).json()
            named = [(one["location"], one["field"], one["code"]) for one in problem["errors"]]
            assert ("query", "foo", "extra_forbidden") in named, (method, path)
            assert problem["status"] == 422
            tried += 1
    assert tried > 60
    assert bl.jobs.list() == []
    for path in ("/health", "/ready", "/metrics"):
        assert admin.get(f"{path}?foo=1").status_code == 200


def test_a_list_is_given_as_often_as_it_has_values(client: AppClient, raw: dict[str, Any]) -> None:
    values = "/api/v1/indicators/values?instrument=AAPL&timeframe=1d&last=1&indicators=sma(5)&indicators=sma(6)"
    assert client.get(values).status_code == 200
    told = [one for operation in operations(raw) for one in operation.get("parameters", [])]
    assert {one["name"] for one in told if one["in"] == "query" and one["schema"].get("type") == "array"} == LISTS


@pytest.mark.parametrize(
    "body", ['{"reason": "a", "reason": "b"}', '{"reason": "a", "more": [{"reason": 1, "reason": 2}]}']
)
def test_a_member_that_is_given_twice_is_refused(admin: AppClient, body: str) -> None:
    problem = admin.post("/api/v1/keys/key-1/rotate", content=body.encode(), headers=JSON).json()
    assert [(one["field"], one["code"]) for one in problem["errors"]] == [("reason", "repeated")]


# --- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "jobs/job-nope", "queued-job-not-found"),
        ("GET", "jobs/job-nope/result", "queued-job-not-found"),
        ("GET", "jobs/job-nope/files/x.csv", "queued-job-not-found"),
        ("POST", "jobs/job-nope/cancel", "queued-job-not-found"),
        ("GET", "snapshots/no such one", "version-not-found"),
        ("GET", "keys/no.such:one", "access-key-not-found"),
        ("GET", "discrepancies/no.such:one", "discrepancy-not-found"),
        ("GET", "rules/no.such:one", "rule-not-found"),
        ("GET", "notifications/channels/no.such:one", "channel-not-found"),
        ("DELETE", "notifications/rules/no.such:one", "route-not-found"),
        ("GET", "schedule/jobs/no.such:one", "job-not-found"),
        ("GET", "sources/no.such:one", "source-not-found"),
        ("GET", "audit/entries/99999", "entry-not-found"),
        ("GET", "indicators/describe/nope", "indicator-not-found"),
        ("GET", "indicators/describe/sma(5)", "indicator-not-found"),
        ("GET", "indicators/calculate/sma(5)?instrument=AAPL&timeframe=1d", "indicator-not-found"),
    ],
)
def test_a_name_that_nobody_has_is_not_found_as_what_it_names(
    admin: AppClient, method: str, path: str, code: str
) -> None:
    problem = admin.request(method, f"/api/v1/{path}").json()
    assert (problem["status"], problem["code"]) == (404, code)


def test_words_under_which_jobs_are_asked_for_are_no_jobs(admin: AppClient) -> None:
    for word in ("verify", "export", "reconcile", "batch-indicators"):
        answer = admin.get(f"/api/v1/jobs/{word}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path",
    [
        "data/ohlcv/AA{}PL/1d",
        "data/ohlcv/AAPL/1d{}",
        "keys/key-1{}",
        "snapshots/a{}b",
        "jobs/job-{}",
        "audit/entries/1{}",
        "nowhere/at{}all",
        "keys{}",
    ],
)
def test_a_control_character_in_a_path_is_refused(admin: AppClient, path: str) -> None:
    for character in ("%00", "%09", "%0a", "%0d", "%1b", "%7f"):
        answer = admin.get(f"/api/v1/{path.format(character)}")
        assert answer.status_code == 422, character
        assert answer.json()["errors"][0]["location"] == "path", character


# --- next steps ------------------------------------------------------------------------------------


def test_next_steps_of_problems_can_be_followed_over_http(raw: dict[str, Any]) -> None:
    known = {path.partition("{")[0].rstrip("/") for path in raw["paths"]}
    for kind, told in NEXT_STEPS.items():
        assert "bl." not in told, kind
        assert "`barledger" not in told, kind
        for path in re.findall(r"/api/v1/[a-z/-]+", told):
            assert path.rstrip("/") in known, (kind, path)


@pytest.mark.parametrize("kind", [kind for kind in LEAVES if status_of(sample(kind)) in (404, 409, 422)])
def test_what_a_client_can_do_is_no_call_of_python(kind: type[BarledgerError]) -> None:
    step = next_step(sample(kind))
    assert re.search(r"\bbl\.(integrity|actions|cache)|barledger\.domain|pass the bars", step) is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("data/ohlcv/FB/1d", "GET /api/v1/instruments"),
        ("instruments/FB", "GET /api/v1/instruments"),
        ("data/ohlcv/AAPL/1d?version=nope", "GET /api/v1/snapshots"),
        ("rules/nope", "GET /api/v1/rules"),
        ("sources/nope", "GET /api/v1/sources"),
        ("indicators/describe/nope", "GET /api/v1/indicators"),
    ],
)
def test_what_is_not_found_is_told_where_there_is_a_list(admin: AppClient, path: str, told: str) -> None:
    problem = admin.get(f"/api/v1/{path}").json()
    assert (problem["status"], told in problem["next_step"]) == (404, True)


# --- what is told ----------------------------------------------------------------------------------


def test_a_key_for_some_instruments_is_told_that_the_whole_library_is_meant(client: AppClient, key_of: KeyOf) -> None:
    headers = bearer(key_of("read", instruments=("A*",)))
    assert client.get("/api/v1/audit/entries/1", headers=headers).json()["detail"].endswith("for the whole library")


@pytest.mark.parametrize("source", [None, "declared"])
def test_a_withdrawal_answers_what_is_so_now(admin: AppClient, source: str | None) -> None:
    split = {"instrument": "AAPL", "kind": "split", "ex_date": "1970-06-01"}
    assert admin.post("/api/v1/actions", json=split | {"value": 2}).status_code == 201
    gone = admin.post("/api/v1/actions/withdraw", json=split | {"source": source, "reason": "no"}).json()
    assert (gone["withdrawn"], gone["denied"], gone["evidence"]["reason"]) == (True, True, "no")
    assert gone == admin.get("/api/v1/actions/history?instrument=AAPL").json()["items"][-1]
