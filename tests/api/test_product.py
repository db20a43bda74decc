"""Instruments, sources, snapshots, audit, notifications, schedule, retention and keys over HTTP."""

import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.domain.merkle import consistent, includes, leaf_hash
from barledger.domain.note import PublicKey
from libraries import frame
from serving import DAYS, OPTIONS, KeyOf, bearer

WHY = {"reason": "case 7"}


@pytest.fixture
def admin(bl: BarLedger, key_of: KeyOf) -> AppClient:
    """A client whose key may do everything."""
    return AppClient(build(bl, OPTIONS), headers=bearer(key_of("admin")))


# --- instruments and sources -----------------------------------------------------------------------


def test_instruments_are_listed_and_shown(client: AppClient, bl: BarLedger) -> None:
    bl.instruments.declare("AAPL", kind="stock", calendar="XNYS", currency="USD", first_trade="1980-12-12")
    bl.instruments.name("AAPL", "yahoo", "AAPL")
    bl.instruments.halt("AAPL", "1980-12-15", "1980-12-16", reason="news")
    told = client.get("/api/v1/instruments/AAPL").json()
    assert (told["kind"], told["currency"], told["first_trade"]) == ("stock", "USD", "1980-12-12T00:00:00Z")
    assert told["origins"]["calendar"] == "declared"
    assert [one["rows"] for one in told["series"]] == [DAYS]
    assert [one["symbol"] for one in told["symbols"]] == ["AAPL"]
    assert [one["reason"] for one in told["halts"]] == ["news"]
    names = [one["name"] for one in client.get("/api/v1/instruments").json()["items"]]
    assert names == ["AAPL", "BTCUSDT"]
    assert [one["name"] for one in client.get("/api/v1/instruments?pattern=BTC*").json()["items"]] == ["BTCUSDT"]
    assert client.get("/api/v1/instruments/NOPE").json()["code"] == "instrument-not-found"
    assert client.get("/api/v1/symbols?source=yahoo").json()["items"] == told["symbols"]
    assert client.get("/api/v1/symbols?source=nobody").json()["items"] == []


@pytest.mark.parametrize("name", ["BTC/USDT", "BTC%2FUSDT", "BTC-USDT", "BTCUSDT"])
def test_an_instrument_with_a_slash_is_shown_in_every_spelling(client: AppClient, name: str) -> None:
    assert client.get(f"/api/v1/instruments/{name}").json()["name"] == "BTCUSDT"


def test_a_key_for_some_instruments_sees_these_alone(client: AppClient, bl: BarLedger, key_of: KeyOf) -> None:
    bl.snapshot("AAPL", "1d", id="apples")
    bl.snapshot("BTC/USDT", "1d", id="coins")
    bl.snapshot(["AAPL", "BTC/USDT"], "1d", id="both")
    headers = bearer(key_of("read", "snapshot", instruments=("BTC*",)))
    seen = client.get("/api/v1/instruments", headers=headers).json()["items"]
    assert [one["name"] for one in seen] == ["BTCUSDT"]
    assert client.get("/api/v1/instruments/AAPL", headers=headers).json()["code"] == "instrument-denied"
    shown = client.get("/api/v1/snapshots?limit=1", headers=headers).json()
    assert ([one["id"] for one in shown["items"]], shown["next"]) == (["coins"], None)
    for path in ("snapshots/both", "snapshots/apples", "snapshots/apples/approvals"):
        assert client.get(f"/api/v1/{path}", headers=headers).json()["code"] == "instrument-denied"
    assert client.delete("/api/v1/snapshots/both", headers=headers).json()["code"] == "instrument-denied"
    for path in ("audit/entries", "audit/entries/1", "audit/checkpoints", "audit/keys"):
        assert client.get(f"/api/v1/{path}", headers=headers).json()["code"] == "instrument-denied", path


@pytest.mark.parametrize(
    "path",
    ["keys", "notifications/channels", "notifications/rules", "notifications/outbox", "schedule/jobs", "schedule/runs"],
)
def test_what_is_for_administrators_needs_that_right_for_everything(
    client: AppClient, key_of: KeyOf, path: str
) -> None:
    assert client.get(f"/api/v1/{path}").json()["code"] == "scope-missing"
    some = bearer(key_of("admin", instruments=("AAPL",)))
    assert client.get(f"/api/v1/{path}", headers=some).json()["code"] == "instrument-denied"


def test_sources_are_listed_with_what_they_declare(client: AppClient) -> None:
    every = {one["name"]: one for one in client.get("/api/v1/sources").json()["items"]}
    assert every["sample"]["declares"]["timeframes"] == ["1d"]
    assert client.get("/api/v1/sources/sample").json() == every["sample"]
    assert client.get("/api/v1/sources/nobody").json()["code"] == "source-not-found"


# --- snapshots -------------------------------------------------------------------------------------


def test_snapshots_are_listed_newest_first_in_pages(client: AppClient, bl: BarLedger) -> None:
    for number in range(5):
        bl.snapshot("AAPL", "1d", id=f"s{number}", strategy="x" if number % 2 else "y")
    found, url = [], "/api/v1/snapshots?limit=2"
    while url:
        page = client.get(url).json()
        found += [one["id"] for one in page["items"]]
        bl.snapshot("AAPL", "1d")
        url = page["next"]
    assert found == ["s4", "s3", "s2", "s1", "s0"]
    told = client.get("/api/v1/snapshots?strategy=x").json()["items"]
    assert [one["id"] for one in told] == ["s3", "s1"]
    assert (told[0]["series"], told[0]["rows"]) == (1, DAYS)


def test_a_snapshot_is_made_somewhere_and_found_there(client: AppClient) -> None:
    wish = {"instruments": ["AAPL"], "timeframes": ["1d"], "id": "before/the split"}
    made = client.post("/api/v1/data/snapshot", json=wish)
    assert made.headers["location"] == "/api/v1/snapshots/before%2Fthe%20split"
    found = client.get(made.headers["location"])
    assert found.json() == made.json()
    assert client.get(made.headers["location"], headers={"if-none-match": found.headers["etag"]}).status_code == 304
    assert client.post(f"{made.headers['location']}/verify").json()["ok"]


def test_an_approval_holds_until_it_is_taken_back(client: AppClient, bl: BarLedger) -> None:
    bl.snapshot("AAPL", "1d", id="s")
    url = "/api/v1/snapshots/s"
    approved = client.post(f"{url}/approve", json={"strategy": "momentum"}).json()
    assert approved["held"] == "approved for momentum"
    assert client.get(f"{url}/approvals").json()["items"] == ["momentum"]
    assert client.get("/api/v1/snapshots/strategy:momentum").json()["id"] == "s"
    assert client.delete(url).json()["code"] == "held"
    gone = client.post(f"{url}/revoke", json={"strategy": "momentum", "reason": "it loses"}).json()
    assert (gone["held"], gone["approved_at"]) == ("", None)
    assert client.get("/api/v1/snapshots/strategy:momentum").json()["code"] == "version-not-found"
    again = client.post(f"{url}/revoke", json={"strategy": "momentum", "reason": "it loses"})
    assert (again.status_code, again.json()["code"]) == (404, "approval-not-found")
    assert bl.audit.entries(operation="revoke_approval")[0].data["reason"] == "it loses"


def test_a_hold_keeps_a_snapshot_until_it_is_released(client: AppClient, bl: BarLedger) -> None:
    bl.snapshot("AAPL", "1d", id="s")
    url = "/api/v1/snapshots/s"
    tag = client.get(url).headers["etag"]
    assert client.post(f"{url}/hold", json=WHY, headers={"if-match": tag}).json()["held"] == "case 7"
    late = client.post(f"{url}/release", json=WHY, headers={"if-match": tag})
    assert (late.status_code, late.json()["fields"]["expected"]) == (412, tag)
    assert client.delete(url).status_code == 409
    now = client.get(url).headers["etag"]
    assert client.post(f"{url}/release", json=WHY, headers={"if-match": now}).json()["held"] == ""
    assert client.delete(url, headers={"if-match": "*"}).json()["state"] == "deleted"
    assert client.get(url).json()["code"] == "version-not-found"


# --- audit -----------------------------------------------------------------------------------------


def test_entries_are_read_in_pages(client: AppClient, bl: BarLedger) -> None:
    found, url = [], "/api/v1/audit/entries?limit=2"
    expected = [one.body for one in bl.audit.entries()]
    while url:
        page = client.get(url).json()
        found += [one["body"] for one in page["items"]]
        url = page["next"]
    assert found[: len(expected)] == expected
    one = {"instrument": "BTC/USDT", "timeframe": "1d", "source": "venue"}
    assert [entry["operation"] for entry in client.get("/api/v1/audit/entries", params=one).json()["items"]] == [
        "write"
    ]
    half = client.get("/api/v1/audit/entries", params={"instrument": "AAPL"})
    assert (half.status_code, half.json()["errors"][0]["field"]) == (422, "instrument")
    assert client.get("/api/v1/audit/entries/9999").json()["code"] == "entry-not-found"


def test_a_proof_leads_from_the_entry_to_the_signed_root(admin: AppClient) -> None:
    before = admin.get("/api/v1/audit/entries/1/proof")
    assert (before.status_code, before.json()["code"]) == (409, "not-signed-yet")
    signed = admin.post("/api/v1/audit/checkpoints").json()
    told = admin.get("/api/v1/audit/entries/1/proof").json()
    leaf = leaf_hash(told["entry"]["body"].encode())
    assert leaf.hex() == told["leaf"]
    assert told["checkpoint"] == signed
    root, hashes = bytes.fromhex(signed["root"]), [bytes.fromhex(one) for one in told["hashes"]]
    assert includes(root, signed["size"], told["index"], leaf, hashes)
    text, _, signature = signed["note"].rpartition("\n\n")
    assert text.splitlines()[1] == str(signed["size"])
    assert signature
    keys = admin.get("/api/v1/audit/keys").json()["items"]
    assert [one["key"] for one in keys if one["current"]] == [signed["key"]]
    assert PublicKey.of(signed["key"]).id.hex() == keys[-1]["id"]


def test_that_the_log_was_only_added_to_is_proved(admin: AppClient, bl: BarLedger) -> None:
    first = admin.post("/api/v1/audit/checkpoints").json()
    bl.write("AAPL", "1d", frame(range(3), 5.0), source="desk")
    second = admin.post("/api/v1/audit/checkpoints").json()
    told = admin.get("/api/v1/audit/continuation", params={"old": first["size"]}).json()
    assert (told["old_root"], told["checkpoint"]) == (first["root"], second)
    hashes = [bytes.fromhex(one) for one in told["hashes"]]
    roots = bytes.fromhex(first["root"]), bytes.fromhex(second["root"])
    assert consistent(roots[0], first["size"], roots[1], second["size"], hashes)
    sizes = [one["size"] for one in admin.get("/api/v1/audit/checkpoints").json()["items"]]
    assert sizes == [first["size"], second["size"]]


# --- notifications, schedule, retention ------------------------------------------------------------


def test_secrets_of_channels_are_masked(admin: AppClient, bl: BarLedger) -> None:
    secret = "whsec_" + "c2VjcmV0" * 4
    wish = {"name": "desk", "url": "https://hooks.example/hunter2", "secret": secret, "kinds": "lag"}
    made = admin.post("/api/v1/notifications/channels", json=wish)
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v1/notifications/channels/desk"
    for answer in (made, admin.get("/api/v1/notifications/channels"), admin.get(made.headers["location"])):
        assert "hunter2" not in answer.text
        assert secret not in answer.text
    assert not any("hunter2" in one.body or secret in one.body for one in bl.audit.entries())
    rules = admin.get("/api/v1/notifications/rules").json()["items"]
    assert [one["kinds"] for one in rules] == ["lag"]
    more = admin.post("/api/v1/notifications/channels/desk/rules", json={"severity": "critical"}).json()
    assert admin.delete(f"/api/v1/notifications/rules/{more['id']}").json() == more
    assert admin.post("/api/v1/notifications/channels", json=wish).json()["code"] == "channel-taken"
    assert admin.delete("/api/v1/notifications/channels/desk").status_code == 200
    assert admin.get("/api/v1/notifications/channels/desk").json()["code"] == "channel-not-found"


@pytest.mark.parametrize("url", ["file:/etc/passwd", "FILE:/tmp/x", "env:HOME", "log:root", "syslog://x"])
def test_what_is_on_the_server_cannot_be_reached_by_a_key(admin: AppClient, bl: BarLedger, url: str) -> None:
    answer = admin.post("/api/v1/notifications/channels", json={"name": "desk", "url": url})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "url")
    assert bl.notifications.channels() == []


def test_a_channel_is_tried(admin: AppClient, bl: BarLedger) -> None:
    bl.notifications.add_channel("log", "log:barledger.tried")
    told = admin.post("/api/v1/notifications/channels/log/test").json()
    assert (told["channel"], told["delivered"], told["error"]) == ("log", True, None)
    bl.notifications.add_channel("closed", "http://127.0.0.1:9/hooks", secret="whsec_" + "c2VjcmV0" * 4)
    answer = admin.post("/api/v1/notifications/channels/closed/test")
    told = answer.json()
    assert (answer.status_code, told["delivered"], told["message"]) == (200, False, None)
    assert told["error"]["code"] == "delivery-failed"
    assert "did not take it" in told["error"]["detail"]
    assert told["error"]["next_step"]
    assert admin.post("/api/v1/notifications/channels/nobody/test").json()["code"] == "channel-not-found"


def test_the_schedule_and_its_runs_are_shown(admin: AppClient, bl: BarLedger) -> None:
    bl.schedule.add("proof", "checkpoint", when="every 1h")
    bl.schedule.run_now("proof")
    jobs = admin.get("/api/v1/schedule/jobs").json()
    assert [one["name"] for one in jobs["items"]] == ["proof"]
    assert admin.get("/api/v1/schedule/jobs/proof").json() == jobs["items"][0]
    runs = admin.get("/api/v1/schedule/runs?job=proof").json()["items"]
    assert [(one["job"], one["state"]) for one in runs] == [("proof", "done")]


def test_a_policy_is_tried_and_deletes_nothing(admin: AppClient, bl: BarLedger) -> None:
    url = "/api/v1/retention/dry-run"
    told = admin.post(url, json={"rules": [{"instrument": "AAPL", "keep_current": "90d"}]}).json()
    assert (told["dry_run"], told["deleted"]) == (True, DAYS)
    assert len(bl.bars("AAPL", "1d")) == DAYS
    for rule in ({}, {"keep_current": "soon"}, {"keep_nothing": "1d"}, {"timeframe": "7q", "keep_current": "1d"}):
        wrong = admin.post(url, json={"rules": [rule]})
        assert (wrong.status_code, bool(wrong.json()["errors"])) == (422, True), rule


# --- keys ------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_works_until_it_is_revoked(admin: AppClient, nobody: AppClient, bl: BarLedger) -> None:
    made = admin.post("/api/v1/keys", json={"name": "desk", "scopes": ["read"], "expires": "90d"})
    text = made.json()["key"]
    assert made.headers["location"] == f"/api/v1/keys/{made.json()['id']}"
    assert nobody.get("/api/v1/instruments", headers=bearer(text)).status_code == 200
    for answer in (admin.get("/api/v1/keys"), admin.get("/api/v1/keys/desk"), admin.get(made.headers["location"])):
        assert text not in answer.text
        assert "hash" not in answer.text
    rotated = admin.post("/api/v1/keys/desk/rotate", json={}).json()
    assert nobody.get("/api/v1/instruments", headers=bearer(text)).json()["code"] == "key-refused"
    assert nobody.get("/api/v1/instruments", headers=bearer(rotated["key"])).status_code == 200
    assert admin.post("/api/v1/keys/desk/revoke", json=WHY).json()["state"] == "revoked"
    assert nobody.get("/api/v1/instruments", headers=bearer(rotated["key"])).status_code == 401
    assert admin.post("/api/v1/keys/desk/rotate", json={}).json()["code"] == "access-key-revoked"
    assert admin.post("/api/v1/keys", json={"name": "desk", "scopes": ["read"]}).json()["code"] == "access-key-taken"
    assert not any(text in one.body for one in bl.audit.entries())


def test_a_new_key_is_never_kept_for_a_replay(admin: AppClient, bl: BarLedger) -> None:
    headers = {"idempotency-key": "once"}
    wish = {"name": "desk", "scopes": ["read"]}
    assert admin.post("/api/v1/keys", json=wish, headers=headers).status_code == 201
    assert admin.post("/api/v1/keys", json=wish, headers=headers).status_code == 409
    assert [one.name for one in bl.keys.list()].count("desk") == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes.0"),
        ({"expires": "soon"}, "expires"),
        ({"expires": "2000-01-01"}, "expires"),
        ({"expires": "552325w"}, "expires"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
    ],
)
def test_a_key_that_cannot_be_is_refused(admin: AppClient, change: dict[str, object], field: str) -> None:
    answer = admin.post("/api/v1/keys", json={"name": "desk", "scopes": ["read"]} | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
