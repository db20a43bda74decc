"""Connecting to a server: which key is shown, and that nobody else sees it."""

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

import barledger
from barledger.errors import (
    Closed,
    InvalidSetting,
    KeyRefused,
    NotBarledger,
    NotServed,
    StoreUnavailable,
    TlsFailed,
)
from barledger.remote.address import ServerAddress, is_server
from barledger.remote.library import RemoteBarLedger
from barledger.services.access.owner import key_file
from commands import Cli
from serving import Served
from tampering import Between, Said


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARLEDGER_REMOTE_CACHE_DIR", str(home / "answers"))


def test_a_key_may_be_given_or_be_in_the_environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with barledger.connect(served.url, key=served.key) as remote:
        assert isinstance(remote, RemoteBarLedger)
        assert len(remote.bars("AAPL", "1d")) == 300
    monkeypatch.setenv("BARLEDGER_KEY", served.key)
    monkeypatch.setenv("BARLEDGER_URL", served.url)
    with barledger.connect() as remote:
        assert len(remote.bars("AAPL", "1d")) == 300


def test_the_key_of_this_machines_own_server_is_found(served: Served, home: Path) -> None:
    address = ServerAddress.of(served.url)
    file = key_file(home, address.port)
    with pytest.raises(InvalidSetting, match="wants a key") as caught:
        barledger.connect(served.url)
    assert "BARLEDGER_KEY" in caught.value.advice
    file.parent.mkdir(parents=True)
    file.write_text(f"{served.key}\n")
    with barledger.connect(served.url) as remote:
        assert len(remote.bars("AAPL", "1d")) == 300


def test_the_command_asks_a_server_what_is_served(
    served: Served, cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = key_file(home, ServerAddress.of(served.url).port)
    file.parent.mkdir(parents=True)
    file.write_text(f"{served.key}\n")
    told = cli.json("bars", "AAPL", "1d", "--last", "2", "--store", served.url)
    bars = served.bl.bars("AAPL", "1d", last=2)
    assert (told["digest"], len(told["bars"])) == (bars.digest, 2)
    made = cli.json("snapshot", "create", "AAPL", "1d", "--store", served.url)
    assert served.bl.verify(made["id"]).ok
    refused = cli.refused("keys", "list", "--store", served.url, code=4)
    assert (refused["error"], "bl.keys.list" in refused["message"]) == ("not-served", True)
    monkeypatch.setenv("BARLEDGER_URL", served.url)
    assert [one["id"] for one in cli.json("snapshot", "list")] == [made["id"]]


@pytest.mark.parametrize(
    "url",
    ["http://bl_x_y@host:8321", "https://user:secret@host", "http://host:99999", "http://", "http://h/?key=secret"],
)
def test_an_address_that_is_none_or_has_a_secret_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        barledger.connect(url, key="x")
    assert "secret" not in str(caught.value)
    assert "bl_x" not in str(caught.value)


@pytest.mark.parametrize("key", ["bl_a\r\nX-Evil: 1", "bl_ä", "with space", "x" * 600])
def test_a_key_that_no_header_can_have_is_refused_and_not_shown(served: Served, key: str) -> None:
    with pytest.raises(InvalidSetting, match="no key has") as caught:
        barledger.connect(served.url, key=key)
    assert key not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize(
    "unfit", [{"token": "x"}, {"org": "x"}, {"ledger": "sqlite://"}, {"actor": "me"}, {"accept_expiry": True}]
)
def test_what_only_a_library_here_has_is_refused(served: Served, unfit: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match="on this machine"):
        barledger.connect(served.url, key=served.key, **unfit)


def test_a_key_is_for_servers_only(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="it is for a server"):
        barledger.connect(tmp_path / "library", key="bl_x")


def test_a_wrong_key_is_refused_as_the_library_says_it(served: Served) -> None:
    wrong = f"bl_{'0' * 12}_{'0' * 64}"
    with barledger.connect(served.url, key=wrong) as remote, pytest.raises(KeyRefused, match="the key is wrong"):
        remote.bars("AAPL", "1d")


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StoreUnavailable, match="refused"):
        barledger.connect(f"http://127.0.0.1:{port}", key="bl_x")


def test_what_is_no_server_of_barledger_is_said(way: Between) -> None:
    way.tamper = lambda _asked, _real: Said(status=200, headers={"content-type": "text/html"}, body=b"<html>")
    with pytest.raises(NotBarledger):
        barledger.connect(way.url, key="bl_x")


def test_tls_that_is_none_is_said(served: Served) -> None:
    with pytest.raises((TlsFailed, StoreUnavailable)):
        barledger.connect(served.url.replace("http:", "https:"), key=served.key)


def test_the_key_is_shown_to_the_server_alone(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BARLEDGER_KEY", served.key)
    caplog.set_level(logging.DEBUG)
    with barledger.connect(served.url) as remote:
        assert isinstance(remote, RemoteBarLedger)
        with pytest.raises(LookupError) as caught:
            remote.bars("NOBODY", "1d")
        shown = [repr(remote), str(remote), repr(remote.settings), repr(remote._connection), repr(caught.value)]
        shown += [repr(one) for one in (remote.retrieval, remote.cache, remote.indicators, remote.ingestion)]
    secret = served.key.rpartition("_")[2]
    assert secret not in " ".join(shown) + caplog.text


def test_a_closed_library_says_so(served: Served) -> None:
    remote = barledger.connect(served.url, key=served.key)
    bars = remote.retrieval
    remote.close()
    with pytest.raises(Closed):
        remote.bars("AAPL", "1d")
    with pytest.raises(Closed):
        bars.bars("AAPL", "1d")


def test_loopback_goes_through_no_proxy(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with barledger.connect(served.url, key=served.key) as remote:
        assert len(remote.bars("AAPL", "1d")) == 300


@pytest.mark.parametrize(
    ("place", "server"),
    [("http://h:1", True), ("HTTPS://h", True), ("influxdb+http://h:1/b", False), ("http", False), ("memory:", False)],
)
def test_names_of_places_are_told_from_addresses(place: str, server: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_server(place) == server


REFUSED = {
    "bl.write": lambda bl: bl.write("AAPL", "1d", None, source="x"),
    "bl.write_many": lambda bl: bl.write_many([], source="x"),
    "bl.ingest": lambda bl: bl.ingest("AAPL", "1d", source="x"),
    "bl.withdraw": lambda bl: bl.withdraw("AAPL", "1d", "2020-01-01", source="x", reason="y"),
    "bl.verify_library": lambda bl: bl.verify_library(),
    "bl.evidence": lambda bl: bl.evidence("x", "y.zip"),
    "bl.back_up": lambda bl: bl.back_up("folder"),
    "bl.reconcile": lambda bl: bl.reconcile("adopt"),
    "bl.import_bucket": lambda bl: bl.import_bucket(),
    "bl.acting_as": lambda bl: bl.acting_as("me"),
    "bl.actor": lambda bl: bl.actor,
    "bl.keys": lambda bl: bl.keys.list(),
    "bl.audit": lambda bl: bl.audit.entries(),
    "bl.actions": lambda bl: bl.actions.list(),
    "bl.instruments": lambda bl: bl.instruments.describe("AAPL"),
    "bl.schedule": lambda bl: bl.schedule.list(),
    "bl.vault": lambda bl: bl.vault.ledger,
    "bl.retrieval.dataset": lambda bl: bl.retrieval.dataset(),
    "bl.retrieval.lock": lambda bl: bl.retrieval.lock("AAPL", "1d"),
    "bl.retrieval.walk": lambda bl: bl.retrieval.walk("AAPL", "1d"),
    "bl.retrieval.export": lambda bl: bl.retrieval.export("AAPL", "1d", folder="x"),
    "bl.retrieval.scroll": lambda bl: bl.retrieval.scroll("AAPL", "1d"),
    "bl.cache.retain": lambda bl: bl.cache.retain([]),
    "bl.cache.approve": lambda bl: bl.cache.approve("x", strategy="y"),
    "bl.availability.gaps": lambda bl: bl.availability.gaps(),
    "bl.indicators.stream": lambda bl: bl.indicators.stream("sma(3)", "AAPL", "1d"),
    "bl.indicators.follow": lambda bl: bl.indicators.follow("sma(3)", "AAPL", "1d"),
    "fetch_missing": lambda bl: bl.bars("AAPL", "1d", fetch_missing=True),
    "receipts": lambda bl: bl.bars("AAPL", "1d", strategy="m7", purpose="live"),
    "explain": lambda bl: bl.indicators.calculate("sma(3)", "AAPL", "1d", explain=True),
    "is_adjusted": lambda bl: bl.availability.check("AAPL", "1d", is_adjusted=True),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_server_does_not_offer_is_refused_with_a_next_step(remote: RemoteBarLedger, what: str) -> None:
    with pytest.raises(NotServed) as caught:
        REFUSED[what](remote)
    assert remote.url in str(caught.value)
    assert "Do it where the library is" in caught.value.advice


def test_every_part_of_a_library_is_there_or_is_refused(remote: RemoteBarLedger, served: Served) -> None:
    parts = [name for name in vars(served.bl) if not name.startswith("_")]
    assert {"jobs", "events", "retrieval"} <= set(parts)
    assert [name for name in parts if not hasattr(remote, name)] == []


def test_a_route_that_an_older_server_lacks_is_refused_by_its_name(remote: RemoteBarLedger, way: Between) -> None:
    body = b'{"code":"route-not-found","detail":"Not Found","fields":{}}'
    way.tamper = lambda *_: Said(status=404, headers={"content-type": "application/problem+json"}, body=body)
    with pytest.raises(NotServed, match="GET /api/v1/data/history/AAPL/1d"):
        remote.history("AAPL", "1d", "1970-01-02")
