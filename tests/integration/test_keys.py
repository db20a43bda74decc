"""Access keys: made, recognised, turned, revoked; by the service and by the command."""

import re
import stat
from pathlib import Path

import pytest

from barledger import BarLedger, connect
from barledger.domain.access import SCOPES
from barledger.domain.timeframe import DAY, MINUTE
from barledger.errors import (
    AccessKeyNotFound,
    AccessKeyRevoked,
    AccessKeyTaken,
    Closed,
    InvalidInterval,
    InvalidName,
    InvalidSetting,
    KeyRefused,
)
from barledger.services.access.owner import kept_key, key_file, owner_key
from barledger.stores.memory import MemoryStore
from commands import Cli
from libraries import TurnableClock, library

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused


@pytest.fixture
def bl(clock: TurnableClock) -> BarLedger:
    """An empty library with a clock that tests turn."""
    return library(MemoryStore(), clock=clock)


def test_a_key_is_recognised_by_all_of_its_text(bl: BarLedger) -> None:
    made = bl.keys.create("desk", scopes=["snapshot", "read"])
    assert re.fullmatch(r"bl_[0-9a-f]{12}_[0-9a-f]{64}", made.text)
    assert bl.keys.authenticate(made.text).name == "desk"
    for wrong in ("", "bl_", made.text[:-1], made.text + "0", made.text.upper(), made.text.replace("bl_", "bk_")):
        with pytest.raises(KeyRefused):
            bl.keys.authenticate(wrong)
    for at in range(3, len(made.text)):
        if made.text[at] != "_":
            changed = made.text[:at] + ("0" if made.text[at] != "0" else "1") + made.text[at + 1 :]
            with pytest.raises(KeyRefused):
                bl.keys.authenticate(changed)


def test_nothing_shows_a_secret(bl: BarLedger) -> None:
    made = bl.keys.create("desk", scopes="read")
    secret = made.text.rpartition("_")[2]
    told = repr(made) + str(made) + repr(bl.keys.list()) + "".join(entry.body for entry in bl.audit.entries())
    assert secret not in told
    assert made.key.hash.hex() not in told


def test_an_expired_key_is_refused_and_only_its_owner_is_told_why(bl: BarLedger, clock: TurnableClock) -> None:
    made = bl.keys.create("desk", scopes="read", expires="2d")
    clock.turn(1.9)
    assert bl.keys.authenticate(made.text)
    clock.turn(0.2)
    with pytest.raises(KeyRefused, match="expired"):
        bl.keys.authenticate(made.text)
    with pytest.raises(KeyRefused, match="wrong"):
        bl.keys.authenticate(made.text[:-1] + ("0" if made.text[-1] != "0" else "1"))
    assert bl.keys.state(bl.keys.get("desk")) == "expired"


def test_a_turned_key_has_another_secret_and_a_revoked_one_none(bl: BarLedger) -> None:
    made = bl.keys.create("desk", scopes="read", instruments=["BTC*"])
    turned = bl.keys.rotate("desk")
    assert (turned.key.id, turned.key.instruments) == (made.key.id, ("BTC*",))
    with pytest.raises(KeyRefused):
        bl.keys.authenticate(made.text)
    assert bl.keys.authenticate(turned.text).id == made.key.id
    bl.keys.revoke(made.key.id)
    with pytest.raises(KeyRefused, match="revoked"):
        bl.keys.authenticate(turned.text)
    with pytest.raises(AccessKeyRevoked):
        bl.keys.rotate("desk")


def test_the_last_use_is_written_down_at_most_once_a_minute(bl: BarLedger, clock: TurnableClock) -> None:
    made = bl.keys.create("desk", scopes="read")
    used = []
    for _ in range(3):
        bl.keys.authenticate(made.text)
        used.append(bl.keys.get("desk").used_at)
    assert used[0] == used[1] == used[2] > 0
    clock.turn(MINUTE / DAY * 1.1)
    bl.keys.authenticate(made.text)
    assert bl.keys.get("desk").used_at > used[0] + MINUTE


def test_the_log_tells_who_made_turned_and_revoked_a_key(bl: BarLedger) -> None:
    with bl.acting_as("alice") as alice:
        alice.keys.create("desk", scopes="read", reason="for the desk")
        alice.keys.rotate("desk")
        alice.keys.revoke("desk")
    entries = bl.audit.entries()
    assert [(one.actor, one.operation) for one in entries] == [
        ("alice", operation) for operation in ("create-key", "rotate-key", "revoke-key")
    ]
    assert "for the desk" in entries[0].body


@pytest.mark.parametrize("scope", SCOPES)
def test_only_an_admin_may_do_what_others_may(bl: BarLedger, scope: str) -> None:
    key = bl.keys.create("desk", scopes=scope).key
    assert [one for one in SCOPES if key.permits(one)] == (list(SCOPES) if scope == "admin" else [scope])


@pytest.mark.parametrize(
    ("patterns", "covered", "others"),
    [
        ((), ("AAPL", "BTC/USDT"), ()),
        (("BTC/USDT",), ("BTC/USDT", "BTCUSDT", "BTC-USDT"), ("BTC/USD", "AAPL")),
        (("BTC*", "AAPL"), ("BTCUSDT", "BTC/EUR", "AAPL"), ("aapl", "MSFT", "XBTC")),
    ],
)
def test_patterns_are_of_the_librarys_spelling(
    bl: BarLedger, patterns: tuple[str, ...], covered: tuple[str, ...], others: tuple[str, ...]
) -> None:
    key = bl.keys.create("desk", scopes="read", instruments=patterns).key
    assert all(key.covers(one) for one in covered)
    assert not any(key.covers(one) for one in others)


def test_what_makes_no_key_is_refused(bl: BarLedger) -> None:
    bl.keys.create("desk", scopes="read")
    with pytest.raises(AccessKeyTaken):
        bl.keys.create("desk", scopes="read")
    for wrong in ((), "write", ["read", "Read"]):
        with pytest.raises(InvalidSetting):
            bl.keys.create("x", scopes=wrong)
    for expires in ("2001-01-01", "0d"):
        with pytest.raises(InvalidSetting):
            bl.keys.create("x", scopes="read", expires=expires)
    with pytest.raises(InvalidInterval):
        bl.keys.create("x", scopes="read", expires="soon")
    with pytest.raises(InvalidName):
        bl.keys.create("a\nb", scopes="read")
    with pytest.raises(AccessKeyNotFound):
        bl.keys.revoke("nobody")
    assert len(bl.keys.list()) == 1
    bl.close()
    with pytest.raises(Closed):
        bl.keys.list()


# --- the owner's -----------------------------------------------------------------------------------


def test_the_owners_key_is_made_once_and_kept_for_its_owner_alone(bl: BarLedger, tmp_path: Path) -> None:
    file, made = owner_key(bl.keys, tmp_path, 8321)
    assert (file, made) == (key_file(tmp_path, 8321), True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    text = kept_key(tmp_path, 8321)
    assert bl.keys.authenticate(text).scopes == ("admin",)
    assert owner_key(bl.keys, tmp_path, 8321) == (file, False)
    assert kept_key(tmp_path, 8321) == text


def test_a_kept_key_that_opens_nothing_is_replaced(bl: BarLedger, tmp_path: Path) -> None:
    owner_key(bl.keys, tmp_path, 8321)
    bl.keys.revoke("owner-8321")
    _, made = owner_key(bl.keys, tmp_path, 8321)
    assert made
    assert bl.keys.authenticate(kept_key(tmp_path, 8321)).name == "owner-8321-2"
    assert kept_key(tmp_path, 1) == ""


def test_libraries_that_take_turns_on_a_port_have_one_key_each(bl: BarLedger, tmp_path: Path) -> None:
    with connect("memory:") as other:
        of = {one: (owner_key(one.keys, tmp_path, 8321), kept_key(tmp_path, 8321))[1] for one in (bl, other)}
        for one in (bl, other, bl):
            file, made = owner_key(one.keys, tmp_path, 8321)
            assert (kept_key(tmp_path, 8321), made) == (of[one], False)
        assert {len(one.keys.list()) for one in of} == {1}
    assert {stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()} == {0o600}


# --- the command -----------------------------------------------------------------------------------


def test_the_command_makes_lists_turns_and_revokes(cli: Cli) -> None:
    made = cli.json("keys", "create", "desk", "--scope", "read", "--scope", "ingest", "--instruments", "BTC/USDT")
    assert made["key"].startswith(f"bl_{made['id']}_")
    (listed,) = cli.json("keys", "list")
    assert (listed["name"], listed["scopes"], listed["instruments"]) == ("desk", ["read", "ingest"], ["BTCUSDT"])
    assert (listed["state"], listed["used_at_utc"]) == ("active", None)
    assert "hash" not in listed
    turned = cli.json("keys", "rotate", "desk")
    assert turned["key"] != made["key"]
    assert "revoked" in cli("keys", "revoke", made["id"])
    assert cli.json("keys", "list")[0]["state"] == "revoked"
    assert "create-key" in cli("audit", "tail")


def test_the_command_says_what_is_wrong(cli: Cli) -> None:
    cli("keys", "create", "desk", "--scope", "read")
    assert cli.refused("keys", "create", "desk", "--scope", "read", code=4)["error"] == "access-key-taken"
    assert cli.refused("keys", "create", "x", "--scope", "write", code=2)["error"] == "invalid-setting"
    assert cli.refused("keys", "rotate", "nobody", code=3)["error"] == "access-key-not-found"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", EVERYWHERE), "unencrypted"),
        (("--host", "::"), "unencrypted"),
        (("--host", "192.0.2.1"), "unencrypted"),
        (("--host", EVERYWHERE, "--proxy", "10.0.0.1"), "nobody has a key"),
        (("--tls-key", "key.pem"), "together"),
    ],
)
def test_serving_others_without_keys_or_encryption_is_refused(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    told = cli.refused("serve", *arguments, code=2)
    assert said in told["message"]
