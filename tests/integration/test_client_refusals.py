"""What a client refuses or is refused: each has an error of its own, with a code and advice, and tells no secret."""
# ruff: noqa: S106 - passwords of servers that live as long as their test

import base64
import shutil
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from barledger import InfluxDBClient
from barledger.errors import (
    BarledgerError,
    BucketExpires,
    BucketNotFound,
    InvalidName,
    InvalidSetting,
    LedgerMismatch,
    Mismatch,
    NotAuthenticated,
    NotInfluxDB,
    NotPermitted,
    OrganizationNotFound,
    ReadOnly,
    StoreDiverged,
    StoreRejected,
    StoreUnavailable,
)
from clients import Desk, api, closes
from conftest import INFLUX_SERVERS, OWN, influx_server_called
from libraries import expected, frame
from proxy import faulty_proxy
from servers import InfluxServer, free_ports, influxd

pytestmark = pytest.mark.influx

WRONG = "sesame-open-the-d00r"


def refused(error: type[BarledgerError], code: str, action: Callable[[], object], *secrets: str) -> str:
    """Check that an action fails with exactly this error, and tells none of the secrets; returns what it says."""
    with pytest.raises(BarledgerError) as caught:
        action()
    assert type(caught.value) is error
    assert caught.value.code == code
    assert caught.value.advice
    told = "\n".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.advice
    told += repr(caught.value.details()) + repr(caught.value.args)
    for secret in (WRONG, *secrets):
        assert secret not in told
    return str(caught.value)


# --- what is given ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8086",
        "ftp://localhost",
        "http://",
        "http://[x",
        "http://localhost:port",
        f"http://any:{WRONG}@localhost:8086",
        f"http://localhost:8086?token={WRONG}",
        f"http://localhost:8086/#{WRONG}",
    ],
)
def test_a_url_of_another_shape_is_refused(home: Path, url: str) -> None:
    assert not home.exists()
    refused(InvalidSetting, "invalid-setting", partial(InfluxDBClient, url, WRONG, "o"))


@pytest.mark.parametrize("bucket", ["", " ", "a\\", "a/b", "_tasks", "a\nb", "a\x00"])
def test_a_bucket_that_cannot_be_named_is_refused_and_not_replaced_by_another(desk: Desk, bucket: str) -> None:
    with pytest.raises((InvalidSetting, InvalidName)) as caught:
        replace(desk, bucket=bucket).client()
    assert "bucket" in str(caught.value)
    assert caught.value.advice


def test_nobody_at_the_address(home: Path) -> None:
    assert not home.exists()
    (port,) = free_ports(1)
    told = refused(
        StoreUnavailable, "store-unavailable", partial(InfluxDBClient, f"http://127.0.0.1:{port}", f"u:{WRONG}", "o")
    )
    assert str(port) in told


def test_something_else_at_the_address(home: Path) -> None:
    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>")

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    assert not home.exists()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        refused(NotInfluxDB, "not-influxdb", partial(InfluxDBClient, url, f"u:{WRONG}", "o"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def keep(desk: Desk, expiry: str) -> None:
    """Let a bucket delete its data after a while, or never (``INF``)."""
    if not desk.server.org:
        desk.ask(f'ALTER RETENTION POLICY autogen ON "{desk.bucket}" DURATION {expiry} SHARD DURATION 4w')
        return
    seconds = 0 if expiry == "INF" else int(expiry.removesuffix("d")) * 86_400
    rule = {"type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": 28 * 86_400}
    (found,) = api(desk.server, "GET", f"/api/v2/buckets?org={desk.server.org}&name={desk.bucket}")["buckets"]
    api(desk.server, "PATCH", f"/api/v2/buckets/{found['id']}", {"retentionRules": [rule]})


def test_a_bucket_that_expires_data_is_refused_unless_accepted(desk: Desk, tmp_path: Path) -> None:
    desk.server.buckets().make(desk.bucket)
    keep(desk, "30d")
    told = refused(BucketExpires, "bucket-expires", desk.client, *filter(None, [desk.server.token]))
    assert "30 days" in told
    today = int(datetime.now(UTC).timestamp()) // 86_400
    young = range(today - 5, today)
    with desk.client(accept_expiry=True) as client:
        client.write_ohlcv("AAPL", "1d", frame(young), "desk")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1")
        refused(StoreRejected, "store-rejected", partial(client.write_ohlcv, "AAPL", "1d", frame([2]), "desk"))
    with desk.client(accept_expiry=True) as client:
        assert client.write_ohlcv("AAPL", "1d", frame(young, 200), "desk").changed == 5
        assert closes(client.query_ohlcv("AAPL", "1d", None, None, "bt-1")) == expected(young)
        assert client.verify_snapshot("bt-1").ok
    # The ledger is the bucket's own whether the bucket expires data or not.
    for expiry, value in (("INF", 300), ("30d", 400)):
        keep(desk, expiry)
        with desk.client(accept_expiry=True) as client:
            assert client.write_ohlcv("AAPL", "1d", frame(young, value), "desk").changed == 5
    with mismatched(desk, accept_expiry=True, ledger=f"sqlite:///{tmp_path / 'another.sqlite'}") as stranger:
        refused(LedgerMismatch, "ledger-mismatch", partial(stranger.write_ohlcv, "AAPL", "1d", frame(young), "desk"))


# --- who may do what -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A server with users: ``desk`` is an administrator's, ``reader`` a token that may read its bucket and no more."""

    desk: Desk
    reader: str

    @property
    def secrets(self) -> list[str]:
        """Return what no error may show."""
        return [*spelled(self.desk.server.token), *spelled(self.reader)]

    def as_reader(self, **options: Any) -> InfluxDBClient:
        """Connect as somebody who may only read."""
        return self.with_token(self.reader).client(**options)

    def with_token(self, token: str) -> Desk:
        """Return the same bucket for somebody else."""
        return replace(self.desk, server=replace(self.desk.server, token=token))


def spelled(token: str) -> list[str]:
    """Return the secret in a token, and as HTTP sends it."""
    pair = token if ":" in token else f"any:{token}"
    return [pair.partition(":")[2], base64.b64encode(pair.encode()).decode()]


def organization(server: InfluxServer) -> str:
    """Return the id of the server's organization."""
    return str(api(server, "GET", f"/api/v2/orgs?org={server.org}")["orgs"][0]["id"])


@pytest.fixture(scope="module")
def walled() -> Iterator[InfluxServer]:
    """A 1.x server of our own that asks for passwords."""
    with influxd(auth=True) as server:
        outside = Desk(server=InfluxServer(url=server.url), bucket="")
        outside.ask("CREATE USER root WITH PASSWORD 'sesame-r oot:1' WITH ALL PRIVILEGES")
        yield InfluxServer(url=server.url, token="root:sesame-r oot:1")


@pytest.fixture(params=INFLUX_SERVERS)
def guarded(request: pytest.FixtureRequest, home: Path) -> Iterator[Guarded]:
    """A bucket that one may write and another may only read, on each server with users."""
    assert not home.exists()
    own = request.param == OWN
    server = request.getfixturevalue("walled") if own else influx_server_called(request.param, request)
    if not own and not server.org:
        pytest.skip("only an own 1.x server may be given users")
    with server.bucket() as bucket:
        desk = Desk(server=server, bucket=bucket)
        server.buckets().make(bucket)
        if own:
            name = f"reader_{uuid.uuid4().hex[:8]}"
            desk.ask(f"CREATE USER {name} WITH PASSWORD 'sesame-r'")
            desk.ask(f'GRANT READ ON "{bucket}" TO {name}')
            yield Guarded(desk=desk, reader=f"{name}:sesame-r")
            return
        found = server.buckets().find(bucket)
        assert found is not None
        permission = {"action": "read", "resource": {"type": "buckets", "orgID": organization(server)}}
        made = {"orgID": organization(server), "permissions": [permission]}
        authorization = api(server, "POST", "/api/v2/authorizations", made)
        try:
            yield Guarded(desk=desk, reader=authorization["token"])
        finally:
            api(server, "DELETE", f"/api/v2/authorizations/{authorization['id']}")


def test_a_wrong_token_or_none(guarded: Guarded) -> None:
    user = guarded.desk.server.token.partition(":")[0]
    for token in (f"{user}:{WRONG}", f"nobody:{WRONG}", ""):
        action = guarded.with_token(token).client
        secrets = [*guarded.secrets, *(spelled(token) if token else [])]
        told = refused(NotAuthenticated, "not-authenticated", action, *secrets)
        assert guarded.desk.server.url in told


def test_a_token_of_another_shape(guarded: Guarded) -> None:
    shapes = [f"{WRONG}\nX-Evil: 1"] if guarded.desk.server.org else [f"{WRONG}\nX-Evil: 1", WRONG]
    for token in shapes:
        refused(InvalidSetting, "invalid-setting", guarded.with_token(token).client, *guarded.secrets)


def test_an_organization_that_is_not_there(guarded: Guarded) -> None:
    if not guarded.desk.server.org:
        pytest.skip("1.x has no organizations")
    elsewhere = replace(guarded.desk, server=replace(guarded.desk.server, org="nobody"))
    told = refused(OrganizationNotFound, "organization-not-found", elsewhere.client, *guarded.secrets)
    assert "nobody" in told


def test_the_organization_need_not_be_named_where_there_is_one(guarded: Guarded) -> None:
    with replace(guarded.desk, server=replace(guarded.desk.server, org="")).client() as client:
        assert client.write_ohlcv("AAPL", "1d", frame(range(3)), "desk").new == 3


def test_a_bucket_that_is_missing_and_may_not_be_made(guarded: Guarded) -> None:
    missing = replace(guarded.with_token(guarded.reader), bucket="test_missing")
    told = refused(BucketNotFound, "bucket-not-found", missing.client, *guarded.secrets)
    assert "test_missing" in told


def test_an_empty_bucket_cannot_be_begun_by_who_may_only_read(guarded: Guarded) -> None:
    refused(NotPermitted, "not-permitted", guarded.as_reader, *guarded.secrets)
    with guarded.desk.client() as client:
        assert client.write_ohlcv("AAPL", "1d", frame(range(3)), "desk").new == 3


def test_who_may_only_read_reads_and_changes_nothing(guarded: Guarded) -> None:
    bars = frame(range(5))
    with guarded.desk.client() as client:
        first = client.write_ohlcv("AAPL", "1d", bars, "desk")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1")
    with guarded.as_reader() as reader:
        for change in (
            partial(reader.write_ohlcv, "AAPL", "1d", frame([2], 300), "desk"),
            partial(reader.write_ohlcv, "AAPL", "1d", bars, "desk", "v1"),
            partial(reader.delete_ohlcv, "AAPL", "1d", ["1970-01-02"], "desk", reason="x"),
        ):
            refused(NotPermitted, "not-permitted", change, *guarded.secrets)
            for version in ("latest", "bt-1", f"revision:{first.revision}"):
                assert closes(reader.query_ohlcv("AAPL", "1d", None, None, version)) == expected(range(5))
        assert reader.verify_snapshot("bt-1").ok
        (listed,) = reader.get_data_versions("AAPL", "1d")
        assert [one.revision for one in listed.revisions] == [first.revision]
    versions = {row["version"] for row in guarded.desk.ask("SELECT close, version FROM market_data")}
    assert versions == {"latest"}
    # What the refused writes left in the ledger is in nobody's way.
    with guarded.desk.client() as client:
        assert client.write_ohlcv("AAPL", "1d", frame([2], 300), "desk").changed == 1
        assert closes(client.query_ohlcv("AAPL", "1d", None, None)) == expected(range(5)) | expected([2], 300)


def test_a_client_opened_for_reading_changes_nothing(desk: Desk, home: Path) -> None:
    refused(ReadOnly, "read-only", partial(desk.client, read_only=True))
    assert desk.server.buckets().find(desk.bucket) is None
    assert not list(home.rglob("*.sqlite"))
    with desk.client() as client:
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
    with desk.client(read_only=True) as reader:
        assert closes(reader.query_ohlcv("AAPL", "1d", None, None)) == expected(range(5))
        for change in (
            partial(reader.write_ohlcv, "AAPL", "1d", frame([2], 300), "desk"),
            partial(reader.create_snapshot, "AAPL", "1d", None, None, "bt-1"),
            partial(reader.apply_retention_policy, [{"keep_current": "1d"}]),
        ):
            refused(ReadOnly, "read-only", change)


def test_a_client_opened_for_reading_leaves_no_mark(desk: Desk) -> None:
    desk.client().close()
    desk.server.buckets().drop(desk.bucket)
    desk.server.buckets().make(desk.bucket)
    desk.client(read_only=True).close()
    assert desk.ask("SHOW MEASUREMENTS") == []


def test_nothing_that_a_client_shows_has_a_secret(guarded: Guarded) -> None:
    with guarded.desk.client() as client:
        told = f"{client!r} {client} {vars(client)} {client.__dict__}"
        assert guarded.desk.server.url in told
        assert guarded.desk.bucket in told
        for secret in guarded.secrets:
            assert secret not in told


# --- a server that goes ----------------------------------------------------------------------------


def test_a_server_that_is_down_is_an_honest_error_and_nothing_is_lost(home: Path) -> None:
    assert not home.exists()
    with influxd() as server:
        desk = Desk(server=InfluxServer(url=server.url), bucket="bars")
        with desk.client() as client:
            client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
            client.create_snapshot("AAPL", "1d", None, None, "bt-1")
            impatient(client)
            server.stop()
            for action in (
                partial(client.query_ohlcv, "AAPL", "1d", None, None),
                partial(client.write_ohlcv, "AAPL", "1d", frame([2], 300), "desk"),
                partial(client.create_snapshot, "AAPL", "1d", None, None, "bt-2"),
                partial(client.verify_snapshot, "bt-1"),
                desk.client,
            ):
                refused(StoreUnavailable, "store-unavailable", action)
            server.start()
            assert closes(client.query_ohlcv("AAPL", "1d", None, None)) == expected(range(5))
            assert client.write_ohlcv("AAPL", "1d", frame([2], 300), "desk").changed == 1
            client.create_snapshot("AAPL", "1d", None, None, "bt-2")
            assert client.verify_snapshot("bt-1").ok
        assert [row["snapshot_id"] for row in desk.ask("SELECT * FROM data_audit")] == ["bt-1", "bt-2"]


def impatient(client: InfluxDBClient) -> None:
    """Let a client wait for its server for half a second instead of half a minute."""
    store: Any = client._library.vault.store
    store._connection.patience = 0.5


def test_a_bucket_that_vanishes_is_not_taken_for_an_empty_one(desk: Desk) -> None:
    with desk.client() as client:
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1")
        desk.server.buckets().drop(desk.bucket)
        for action in (
            partial(client.query_ohlcv, "AAPL", "1d", None, None),
            partial(client.write_ohlcv, "AAPL", "1d", frame([2], 300), "desk"),
            partial(client.verify_snapshot, "bt-1"),
            partial(client.create_snapshot, "AAPL", "1d", None, None, "bt-2"),
        ):
            refused(BucketNotFound, "bucket-not-found", action)
    with mismatched(desk) as client:
        for change in changes(client):
            assert "the store is empty" in refused(LedgerMismatch, "ledger-mismatch", change)
        refused(StoreDiverged, "store-diverged", partial(client.query_ohlcv, "AAPL", "1d", None, None))
        assert not client.verify_snapshot("bt-1").ok


# --- two ledgers for one bucket --------------------------------------------------------------------


@contextmanager
def mismatched(desk: Desk, **options: Any) -> Iterator[InfluxDBClient]:
    """Connect with a ledger that is not the bucket's, which is said at once, to whom it concerns."""
    with pytest.warns(Mismatch, match="nothing can be written") as said:
        client = desk.client(**options)
    assert [Path(one.filename).name for one in said] == ["clients.py"]
    with client:
        yield client


def changes(client: InfluxDBClient) -> list[Callable[[], object]]:
    """Return what a client that may not write tries."""
    return [
        partial(client.write_ohlcv, "AAPL", "1d", frame([2], 300), "desk"),
        partial(client.write_ohlcv, "AAPL", "1d", frame([2], 300), "desk", "v1"),
        partial(client.delete_ohlcv, "AAPL", "1d", ["1970-01-02"], "desk", reason="x"),
        partial(client.create_snapshot, "AAPL", "1d", None, None, "bt-9", source="desk"),
        partial(client.apply_retention_policy, [{"keep_current": "1d"}]),
    ]


def test_a_second_ledger_is_noticed_and_its_ignorance_is_no_answer(desk: Desk, tmp_path: Path) -> None:
    another = f"sqlite:///{tmp_path / 'another.sqlite'}"
    with desk.client() as client, mismatched(desk, ledger=another) as stranger:
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1", "m7")
        before = desk.ask("SELECT * FROM market_data")
        for change in changes(stranger):
            assert "belongs to ledger" in refused(LedgerMismatch, "ledger-mismatch", change)
        for question in (
            partial(stranger.query_ohlcv, "AAPL", "1d", None, None),
            partial(stranger.query_ohlcv, "AAPL", "1d", None, None, source="desk"),
            partial(stranger.query_ohlcv, "AAPL", "1d", None, None, "bt-1"),
            partial(stranger.query_ohlcv, "AAPL", "1d", None, None, "strategy:m7"),
            partial(stranger.check_for_adjustments, "AAPL", "1d", "2001-01-01", source="desk"),
            partial(stranger.verify_snapshot, "bt-1"),
        ):
            told = refused(LedgerMismatch, "ledger-mismatch", question)
            assert "this ledger knows" in told
        assert desk.ask("SELECT * FROM market_data") == before
        assert client.write_ohlcv("AAPL", "1d", frame([2], 400), "desk").changed == 1


def test_another_address_of_the_server_has_another_ledger(desk: Desk, home: Path) -> None:
    port = urlsplit(desk.server.url).port
    assert port
    with desk.client() as client, faulty_proxy(port) as proxy:
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        with mismatched(replace(desk, server=replace(desk.server, url=proxy.url))) as stranger:
            for change in changes(stranger):
                refused(LedgerMismatch, "ledger-mismatch", change)
    assert len(list(home.rglob("*.sqlite"))) == 2


def test_a_ledger_that_was_set_back_reads_what_it_knows(desk: Desk, tmp_path: Path) -> None:
    ledger, earlier = tmp_path / "ledger.sqlite", tmp_path / "earlier.sqlite"
    with desk.client(ledger=f"sqlite:///{ledger}") as client:
        first = client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1")
    shutil.copy(ledger, earlier)
    with desk.client(ledger=f"sqlite:///{ledger}") as client:
        client.write_ohlcv("AAPL", "1d", frame(range(2, 7), 300), "desk")
        client.write_ohlcv("MSFT", "1d", frame(range(5)), "desk")
    with mismatched(desk, ledger=f"sqlite:///{earlier}") as client:
        for change in changes(client):
            assert "the ledger ends at" in refused(LedgerMismatch, "ledger-mismatch", change)
        for version in ("latest", "bt-1", f"revision:{first.revision}"):
            assert closes(client.query_ohlcv("AAPL", "1d", None, None, version)) == expected(range(5))
        assert client.verify_snapshot("bt-1").ok
        refused(LedgerMismatch, "ledger-mismatch", partial(client.query_ohlcv, "MSFT", "1d", None, None))


def test_bars_of_something_else_are_neither_written_over_nor_said_to_be_none(desk: Desk) -> None:
    desk.server.buckets().make(desk.bucket)
    tags = "instrument=AAPL,is_adjusted=false,source=script,timeframe=1d,version=latest"
    desk.put(f"market_data,{tags} open=1,high=2,low=1,close=2,volume=3 0\n")
    with mismatched(desk) as client:
        for action in (*changes(client), partial(client.query_ohlcv, "AAPL", "1d", None, None)):
            assert "import-bucket" in refused(LedgerMismatch, "ledger-mismatch", action)
    assert [row["close"] for row in desk.ask("SELECT close FROM market_data")] == [2]
