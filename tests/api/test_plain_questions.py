"""Questions for bars that go without the framework's parameters are answered as those that go with them."""

from dataclasses import replace
from typing import Any

import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.api.routes import plain_route
from serving import OPTIONS, KeyOf, bearer

AAPL = "/api/v1/data/ohlcv/AAPL/1d"
TELLING = ("content-type", "etag", "link", "cache-control", "vary", "retry-after", "www-authenticate")
QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (AAPL, {}),
    (AAPL, {"params": {"start_date": "1970-02-01", "end_date": "1970-03-01", "format": "csv", "times": "epoch_s"}}),
    (AAPL, {"params": {"limit": 10}}),
    (AAPL, {"params": {"include_adjusted": "yes", "columns": "close,adj_close", "format": "ndjson"}}),
    (AAPL, {"params": {"last": "5", "orient": "columns"}}),
    (AAPL, {"headers": {"if-none-match": "*"}}),
    ("/api/v1/data/ohlcv/BTC/USDT/1d", {"params": {"last": 3}}),
    ("/api/v1/data/ohlcv/BTC%2FUSDT/1d", {"params": {"last": 3}}),
    ("/api/v1/data/ohlcv/NONE/1d", {}),
    ("/api/v1/data/ohlcv/AAPL/1x", {}),
    ("/api/v1/data/ohlcv/A%00/1d", {}),
    ("/api/v1/data/ohlcv/%20/1d", {}),
    (AAPL, {"params": {"start_date": ""}}),
    (AAPL, {"params": {"start_date": "soon", "last": "many"}}),
    (AAPL, {"params": {"start_date": "1970-03-01", "end_date": "1970-02-01"}}),
    (AAPL, {"params": {"nothing": "1"}}),
    (AAPL, {"params": [("last", "1"), ("last", "2")]}),
    (AAPL, {"params": {"limit": 1, "last": 1}}),
    (AAPL, {"params": {"cursor": "abc"}}),
    (AAPL, {"params": {"version": "gone"}}),
    (AAPL, {"headers": {"accept": "text/html"}}),
    (AAPL, {"headers": {"authorization": "Bearer bl_no_key"}}),
    (AAPL, {"headers": {"authorization": ""}}),
    (AAPL, {"headers": {"content-type": "application/json"}}),
)


@pytest.fixture
def client(bl: BarLedger, key_of: KeyOf) -> AppClient:
    """A client of a server that remembers nothing."""
    return AppClient(build(bl, replace(OPTIONS, remembered_bytes=0)), headers=bearer(key_of("read")))


def told(answer: Any) -> tuple[Any, ...]:
    """Return all of an answer that two requests for the same have in common."""
    shown = {name: value for name, value in answer.headers.items() if name in TELLING or name.startswith("barledger-")}
    body = answer.content
    if "problem" in shown.get("content-type", ""):
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, shown, body


def usual(_: object) -> None:
    """Take no question for a plain one."""


@pytest.mark.parametrize(("path", "given"), QUESTIONS, ids=str)
@pytest.mark.filterwarnings("ignore::barledger.errors.NoBars")
def test_a_plain_question_has_the_usual_answer(
    client: AppClient, path: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = told(client.get(path, **given))
    with monkeypatch.context() as patched:
        patched.setattr(plain_route, "_asked", usual)
        assert told(client.get(path, **given)) == plain


def test_most_questions_are_plain(client: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[object] = []
    asked = plain_route._asked
    monkeypatch.setattr(plain_route, "_asked", lambda request: taken.append(asked(request)) or taken[-1])
    for _, given in QUESTIONS[:5]:
        client.get(AAPL, **given)
    assert len(taken) == 5
    assert None not in taken


@pytest.mark.parametrize("plain", [True, False])
def test_who_may_not_is_refused_by_both(
    client: AppClient, key_of: KeyOf, monkeypatch: pytest.MonkeyPatch, *, plain: bool
) -> None:
    if not plain:
        monkeypatch.setattr(plain_route, "_asked", usual)
    lacking = bearer(key_of("ingest"))
    answer = client.get(AAPL, headers=lacking)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    other = bearer(key_of("read", instruments=("BTC*",)))
    answer = client.get(AAPL, headers=other)
    assert (answer.status_code, answer.json()["code"]) == (403, "instrument-denied")
