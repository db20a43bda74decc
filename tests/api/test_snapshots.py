"""Snapshots over HTTP, and requests that are sent twice."""

import pytest

from asgi import AppClient
from barledger import BarLedger
from libraries import frame

URL = "/api/v1/data/snapshot"
WISH = {"instruments": ["AAPL", "BTC/USDT"], "timeframes": ["1d"], "purpose": "backtest", "strategy": "momentum"}


def test_a_snapshot_pins_what_series_hold(client: AppClient, bl: BarLedger) -> None:
    answer = client.post(URL, json=WISH | {"end_date": "1970-01-11", "id": "one"})
    assert answer.status_code == 201
    told = answer.json()
    assert (told["id"], told["strategy"], told["rows"], told["state"]) == ("one", "momentum", 20, "complete")
    assert told["data_hash"] == bl.cache.find("one").data_hash
    bl.write("AAPL", "1d", frame(range(5), 1.0), source="desk")
    pinned = client.get("/api/v1/data/ohlcv/AAPL/1d?version=one").json()
    assert pinned["meta"]["digest"] == next(one["digest"] for one in told["pins"] if one["instrument"] == "AAPL")


def test_ranges_of_their_own_are_one_cut(client: AppClient) -> None:
    ranges = [
        {"instruments": ["AAPL"], "timeframes": ["1d"], "end_date": "1970-01-03"},
        {"instruments": ["BTC-USDT"], "timeframes": ["1d"], "start_date": "1970-01-09", "end_date": "1970-01-11"},
    ]
    told = client.post(URL, json={"ranges": ranges}).json()
    assert [(one["instrument"], one["rows"]) for one in told["pins"]] == [("AAPL", 2), ("BTCUSDT", 2)]


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"instruments": ["AAPL"]},
        {"instruments": [], "timeframes": ["1d"]},
        {"instruments": ["AAPL"], "timeframes": ["1D"]},
        WISH | {"ranges": [{"instruments": ["AAPL"], "timeframes": ["1d"]}]},
        WISH | {"id": "latest"},
        WISH | {"id": "one/approvals"},
        WISH | {"id": ".."},
        WISH | {"id": "one/../two"},
        WISH | {"id": "one//two"},
        WISH | {"id": "/one"},
        WISH | {"instruments": ["AAPL", "AAPL"]},
        {
            "ranges": [
                {"instruments": ["AAPL"], "timeframes": ["1d"], "end_date": "1970-01-03"},
                {"instruments": ["AAPL"], "timeframes": ["1d"], "start_date": "1970-01-05"},
            ]
        },
        WISH | {"purpose": ""},
        WISH | {"nothing": 1},
        WISH | {"start_date": "2020-01-02", "end_date": "2020-01-01"},
    ],
)
def test_a_wish_that_cannot_be_meant_is_refused(client: AppClient, bl: BarLedger, wish: dict[str, object]) -> None:
    answer = client.post(URL, json=wish)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert bl.cache.snapshots() == []


@pytest.mark.parametrize("name", ["a b", "*", "ä?#%2F", "...", "a;b=c", "a/b c", "verify", ".a/..b"])
def test_the_address_of_a_snapshot_is_where_it_is_found(client: AppClient, name: str) -> None:
    made = client.post(URL, json=WISH | {"id": name})
    assert client.get(made.headers["location"]).json()["id"] == name


def test_a_name_that_is_taken_is_a_conflict(client: AppClient) -> None:
    assert client.post(URL, json=WISH | {"id": "one"}).status_code == 201
    answer = client.post(URL, json=WISH | {"id": "one"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name-taken")


def test_series_that_there_are_not_are_not_found(client: AppClient) -> None:
    answer = client.post(URL, json=WISH | {"instruments": ["NOPE"]})
    assert (answer.status_code, answer.json()["code"]) == (404, "series-not-found")


# --- sent twice ------------------------------------------------------------------------------------


def test_the_same_request_sent_twice_is_done_once(client: AppClient, bl: BarLedger) -> None:
    headers = {"idempotency-key": "5f0c7a52"}
    first, again = (client.post(URL, json=WISH, headers=headers) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert len(bl.cache.snapshots()) == 1


def test_another_request_with_the_same_key_is_refused(client: AppClient, bl: BarLedger) -> None:
    headers = {"idempotency-key": "5f0c7a52"}
    client.post(URL, json=WISH, headers=headers)
    answer = client.post(URL, json=WISH | {"purpose": "event"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-reused")
    assert len(bl.cache.snapshots()) == 1


def test_a_request_that_failed_can_be_sent_again(client: AppClient, bl: BarLedger) -> None:
    headers = {"idempotency-key": "5f0c7a52"}
    wish = WISH | {"instruments": ["NEW"]}
    assert client.post(URL, json=wish, headers=headers).status_code == 404
    bl.write("NEW", "1d", frame(range(5)), source="desk")
    assert client.post(URL, json=wish, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 129])
def test_what_is_no_idempotency_key_is_refused(client: AppClient, key: str) -> None:
    answer = client.post(URL, json=WISH, headers={"idempotency-key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "header"
