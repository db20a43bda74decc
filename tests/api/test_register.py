"""Discrepancies, decisions, rules and corporate actions over HTTP."""

import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from libraries import frame
from serving import OPTIONS, KeyOf, bearer

BASE = "/api/v1/discrepancies"
WHY = {"reason": "the exchange says so"}
SPLIT = {"instrument": "AAPL", "kind": "split", "ex_date": "1970-06-01", "value": "2:1"}


@pytest.fixture
def proposed(bl: BarLedger) -> list[str]:
    """The ids of two proposals, the newest first: a split that nobody told of, and its end."""
    odd = frame(range(300))
    odd.iloc[100:110, :4] *= 10
    bl.write("ODD", "1d", odd, source="desk")
    bl.integrity.inspect("ODD", "1d", keep=True, confidence=0.0, reason="a look")
    return [one.id for one in bl.integrity.discrepancies()]


@pytest.fixture
def decider(bl: BarLedger, key_of: KeyOf) -> AppClient:
    """A client whose key may read and decide."""
    return AppClient(build(bl, OPTIONS), headers=bearer(key_of("read", "decide")))


def test_what_waits_is_listed_the_newest_first(client: AppClient, proposed: list[str]) -> None:
    told = client.get(BASE).json()
    assert [one["id"] for one in told["items"]] == proposed
    assert {one["state"] for one in told["items"]} == {"proposed"}
    assert client.get(BASE, params={"instrument": "AAPL"}).json()["items"] == []
    assert client.get(BASE, params={"state": "applied"}).json()["items"] == []


def test_pages_of_discrepancies_are_the_whole(client: AppClient, proposed: list[str]) -> None:
    first = client.get(BASE, params={"limit": 1}).json()
    second = client.get(first["next"]).json()
    assert [one["id"] for page in (first, second) for one in page["items"]] == proposed
    assert second["next"] is None
    assert client.get(f"{first['next']}&state=all").json()["code"] == "invalid-cursor"


def test_a_preview_tells_what_accepting_would_do(client: AppClient, bl: BarLedger, proposed: list[str]) -> None:
    told = client.get(f"{BASE}/{proposed[0]}").json()
    expected = bl.integrity.discrepancy(proposed[0])
    assert told["would"] == expected.would
    assert told["bars_in_all"] == len(expected.rows)
    assert [one["state"] for one in told["steps"]] == [one.state for one in expected.steps]
    assert (told["action"] is None) == (expected.action is None)
    assert client.get(f"{BASE}/disc-none").json()["code"] == "discrepancy-not-found"


def test_accepting_and_undoing_are_steps_that_stay(decider: AppClient, bl: BarLedger, proposed: list[str]) -> None:
    done = decider.post(f"{BASE}/{proposed[0]}/accept", json=WHY)
    assert done.status_code == 200, done.text
    assert done.json()["discrepancy"]["state"] == "applied"
    assert done.json()["discrepancy"]["decided_by"].startswith("key:")
    assert done.json()["discrepancy"]["decision"] == WHY["reason"]
    again = decider.post(f"{BASE}/{proposed[0]}/accept", json=WHY)
    assert (again.status_code, again.json()["code"]) == (409, "illegal-step")
    undone = decider.post(f"{BASE}/{proposed[0]}/undo", json=WHY)
    assert undone.json()["discrepancy"]["state"] == "undone"
    assert [one.state for one in bl.integrity.discrepancy(proposed[0]).steps][-1] == "undone"


def test_rejecting_writes_nothing(decider: AppClient, bl: BarLedger, proposed: list[str]) -> None:
    revision = bl.bars("ODD", "1d").revision
    told = decider.post(f"{BASE}/{proposed[0]}/reject", json=WHY).json()
    assert (told["discrepancy"]["state"], told["revision"], told["changed"]) == ("rejected", None, 0)
    assert bl.bars("ODD", "1d").revision == revision


def test_a_decision_that_is_sent_twice_is_made_once(decider: AppClient, bl: BarLedger, proposed: list[str]) -> None:
    headers = {"idempotency-key": "once"}
    first, again = (decider.post(f"{BASE}/{proposed[0]}/accept", json=WHY, headers=headers) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert sum(one.state == "applied" for one in bl.integrity.discrepancy(proposed[0]).steps) == 1


def test_a_decision_on_what_was_seen_otherwise_is_refused(decider: AppClient, proposed: list[str]) -> None:
    url = f"{BASE}/{proposed[0]}"
    tag = decider.get(url).headers["etag"]
    assert decider.post(f"{url}/reject", json=WHY, headers={"if-match": tag}).status_code == 200
    late = decider.post(f"{url}/undo", json=WHY, headers={"if-match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition-failed")
    assert late.json()["fields"] == {"expected": tag, "found": decider.get(url).headers["etag"]}


def test_a_proposal_whose_bars_were_changed_since_is_a_conflict(
    decider: AppClient, bl: BarLedger, proposed: list[str]
) -> None:
    newest = bl.integrity.discrepancy(proposed[0]).discrepancy
    bl.write("ODD", "1d", frame(range(90, 130), 55.0), source="desk")
    told = decider.post(f"{BASE}/{proposed[0]}/accept", json=WHY).json()
    assert (told["status"], told["code"]) == (409, "proposal-stale")
    assert int(told["fields"]["expected"]) == newest.revision
    assert int(told["fields"]["found"]) == bl.bars("ODD", "1d").revision


@pytest.mark.parametrize("wish", [{}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 300}, {"reason": "a\nb"}])
def test_a_decision_has_a_reason(decider: AppClient, proposed: list[str], wish: dict[str, str]) -> None:
    answer = decider.post(f"{BASE}/{proposed[0]}/accept", json=wish)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "reason"


def test_deciding_needs_the_right_and_the_instrument(client: AppClient, key_of: KeyOf, proposed: list[str]) -> None:
    url = f"{BASE}/{proposed[0]}"
    assert client.post(f"{url}/accept", json=WHY).json()["code"] == "scope-missing"
    other = bearer(key_of("decide", "read", instruments=("AAPL",)))
    assert client.post(f"{url}/accept", json=WHY, headers=other).json()["code"] == "instrument-denied"
    assert client.get(url, headers=other).json()["code"] == "instrument-denied"
    assert client.get(BASE, headers=other).json()["items"] == []


# --- rules -----------------------------------------------------------------------------------------


def test_a_rule_is_set_read_and_removed(decider: AppClient, bl: BarLedger) -> None:
    url = "/api/v1/rules/small"
    wish = {"kind": "volume_only", "source": "desk", "confidence": 0.9, "most_bars": 3, "reason": "noise"}
    made = decider.put(url, json=wish)
    assert made.json() == decider.get(url).json()
    assert [one.name for one in bl.integrity.rules()] == ["small"]
    tag = decider.get(url).headers["etag"]
    assert decider.put(url, json=wish | {"most_bars": 4}, headers={"if-match": tag}).status_code == 200
    assert decider.put(url, json=wish, headers={"if-match": tag}).json()["code"] == "precondition-failed"
    assert decider.delete(url, headers={"if-match": tag}).status_code == 412
    assert decider.delete(url, params={"reason": "over"}).json()["most_bars"] == 4
    assert decider.get(url).json()["code"] == "rule-not-found"
    assert decider.put("/api/v1/rules/x", json=wish | {"kind": "nothing"}).json()["errors"][0]["field"] == "kind"
    assert decider.put("/api/v1/rules/x", json=wish | {"source": "nobody"}).json()["code"] == "source-not-found"


# --- corporate actions -----------------------------------------------------------------------------


def test_an_action_is_told_heeded_and_withdrawn(decider: AppClient, bl: BarLedger) -> None:
    made = decider.post("/api/v1/actions", json=SPLIT | {"reason": "the prospectus"})
    assert (made.status_code, made.json()["value"]) == (201, 2.0)
    adjusted = decider.get("/api/v1/data/ohlcv/AAPL/1d", params={"adjust": "splits", "limit": 1}).json()
    assert adjusted["data"][0]["close"] == bl.bars("AAPL", "1d", adjust="splits").df["close"].iloc[0] == 50.0
    assert [one["source"] for one in decider.get("/api/v1/actions").json()["items"]] == ["declared"]
    again = decider.post("/api/v1/actions", json=SPLIT | {"value": 3})
    assert (again.status_code, again.json()["code"]) == (409, "action-known")
    gone = {name: value for name, value in SPLIT.items() if name != "value"}
    assert decider.post("/api/v1/actions/withdraw", json=gone | WHY).status_code == 200
    assert decider.get("/api/v1/actions", params={"instrument": "AAPL"}).json()["items"] == []
    history = decider.get("/api/v1/actions/history", params={"instrument": "AAPL"}).json()["items"]
    assert [one["withdrawn"] for one in history] == [False, True]
    none = decider.post("/api/v1/actions/withdraw", json=gone | {"ex_date": "1970-07-01"} | WHY)
    assert (none.status_code, none.json()["code"]) == (404, "action-not-found")


@pytest.mark.parametrize(
    "change",
    [{"value": None}, {"value": "0:1"}, {"value": -1}, {"value": "two"}, {"kind": "merger"}, {"ex_date": "soon"}],
)
def test_an_action_that_cannot_be_is_refused(decider: AppClient, bl: BarLedger, change: dict[str, object]) -> None:
    answer = decider.post("/api/v1/actions", json=SPLIT | change)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert bl.actions.list() == []
