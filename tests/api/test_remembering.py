"""Remembered answers: the same bytes without a look at the store, until anything was noted; and to nobody else."""

from typing import Any

import pytest
from fastapi import FastAPI

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.api.options import Options
from barledger.api.remembering import Answer, Memory
from libraries import frame
from serving import KeyOf, bearer

AAPL = "/api/v1/data/ohlcv/AAPL/1d"


def untouched(bl: BarLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("it was looked up again")

    monkeypatch.setattr(bl.vault.store, "read", refuse)
    monkeypatch.setattr(bl.vault.ledger.revisions, "states", refuse)
    monkeypatch.setattr(bl.vault.ledger.catalog, "states", refuse)


@pytest.mark.parametrize("query", ["", "?last=5&format=csv", "?limit=7", "?format=arrow", "?version=first"])
def test_a_small_answer_is_sent_again_to_the_byte(
    client: AppClient, bl: BarLedger, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(AAPL + query)
    untouched(bl, monkeypatch)
    again = client.get(AAPL + query)
    assert (again.status_code, again.content) == (200, first.content)
    own = "x-request-id"
    assert {k: v for k, v in again.headers.items() if k != own} == {k: v for k, v in first.headers.items() if k != own}
    known = client.get(AAPL + query, headers={"if-none-match": first.headers["etag"]})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", first.headers["etag"])


def test_a_tag_that_was_right_once_is_right_until_something_is_noted(
    client: AppClient, app: FastAPI, bl: BarLedger, key_of: KeyOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = client.get(AAPL).headers["etag"]
    other = AppClient(app, headers=bearer(key_of("read")))
    assert other.get(AAPL, headers={"if-none-match": tag}).status_code == 304
    assert other.get(AAPL, headers={"if-none-match": '"another"'}).status_code == 200
    untouched(bl, monkeypatch)
    assert other.get(AAPL, headers={"if-none-match": tag}).status_code == 304


CHANGES: dict[str, Any] = {
    "bars": lambda bl: bl.write("AAPL", "1d", frame([3], 555.0), source="desk"),
    "a withdrawal": lambda bl: bl.withdraw("AAPL", "1d", "1970-01-03", source="desk", reason="wrong"),
    "another source": lambda bl: (
        bl.write("AAPL", "1d", frame([3], 9.0), source="vendor"),
        bl.cache.prioritise("AAPL", ["vendor", "desk"]),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_seen_at_once(client: AppClient, bl: BarLedger, change: str) -> None:
    before = [client.get(AAPL) for _ in range(2)][-1]
    CHANGES[change](bl)
    after = client.get(AAPL, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["barledger-digest"] == bl.bars("AAPL", "1d").digest != before.headers["barledger-digest"]


def test_a_strategys_snapshot_is_the_newest_one(client: AppClient, bl: BarLedger) -> None:
    bl.snapshot("AAPL", "1d", strategy="m7", id="one")
    asked = {"version": "strategy:m7"}
    assert [client.get(AAPL, params=asked).json()["meta"]["version"] for _ in range(2)] == ["one", "one"]
    bl.snapshot("AAPL", "1d", strategy="m7", id="two")
    assert client.get(AAPL, params=asked).json()["meta"]["version"] == "two"


def test_a_revoked_key_has_nothing_more(client: AppClient, app: FastAPI, bl: BarLedger) -> None:
    made = bl.keys.create("short", scopes="read")
    short = AppClient(app, headers=bearer(made.text))
    assert [short.get(AAPL).status_code for _ in range(2)] == [200, 200]
    bl.keys.revoke("short")
    assert short.get(AAPL).status_code == 401
    assert client.get(AAPL).status_code == 200


def test_a_key_for_other_instruments_has_nothing_of_what_others_asked(
    client: AppClient, app: FastAPI, key_of: KeyOf
) -> None:
    assert client.get(AAPL).status_code == 200
    other = AppClient(app, headers=bearer(key_of("read", instruments=("BTC*",))))
    assert [other.get(AAPL).status_code for _ in range(2)] == [403, 403]
    nothing = AppClient(app, headers=bearer(key_of("ingest")))
    assert [nothing.get(AAPL).status_code for _ in range(2)] == [403, 403]


@pytest.mark.parametrize("query", ["?adjust=total", "?include_adjusted=true"])
def test_what_changes_with_the_time_is_asked_for_anew(
    client: AppClient, bl: BarLedger, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(AAPL + query)
    looked: list[object] = []
    states = bl.vault.ledger.catalog.states
    monkeypatch.setattr(bl.vault.ledger.catalog, "states", lambda *given: looked.append(given) or states(*given))
    client.get(AAPL + query)
    assert looked


def test_nothing_is_remembered_where_nothing_may_be(bl: BarLedger, key_of: KeyOf) -> None:
    app = build(bl, Options(hosts=("localhost",), remembered_bytes=0))
    client = AppClient(app, headers=bearer(key_of("read")))
    assert client.get(AAPL).content == client.get(AAPL).content


def test_what_is_sent_in_parts_is_remembered_too(
    client: AppClient, bl: BarLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    bl.write("LONG", "1d", frame(range(9_000), 5.0), source="made")
    asked = "/api/v1/data/ohlcv/LONG/1d?format=arrow"
    first = client.get(asked)
    untouched(bl, monkeypatch)
    again = client.get(asked)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])


def test_what_has_more_than_a_megabyte_is_read_anew(
    client: AppClient, bl: BarLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    bl.write("LONG", "1d", frame(range(20_000), 5.0), source="made")
    asked = "/api/v1/data/ohlcv/LONG/1d?format=arrow"
    first = client.get(asked)
    looked: list[object] = []
    states = bl.vault.ledger.catalog.states
    monkeypatch.setattr(bl.vault.ledger.catalog, "states", lambda *given: looked.append(given) or states(*given))
    assert client.get(asked).content == first.content
    assert looked


def test_the_oldest_go_first() -> None:
    memory = Memory(10_000)
    for at in range(40):
        answer = Answer(mark=1, tag=str(at), route=None, headers=[], body=b"x" * 1_000)
        memory.keep(("key", str(at).encode(), b"", b""), answer)
    there = [at for at in range(40) if memory.find(("key", str(at).encode(), b"", b""), 1)]
    assert there == list(range(34, 40))
    assert memory.find(("key", b"39", b"", b""), 2) is None
