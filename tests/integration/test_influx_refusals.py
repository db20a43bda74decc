"""Each thing that can be wrong with a server, a token or a bucket has its own error, with the next step."""
# ruff: noqa: S106 - passwords of servers that live as long as their test

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import numpy as np
import pytest

from barledger.domain.interval import everything
from barledger.domain.rows import VALUES, Rows, constant
from barledger.domain.series import Series
from barledger.errors import (
    BucketExpires,
    BucketNotFound,
    FieldTypeConflict,
    InvalidName,
    InvalidSetting,
    NotAuthenticated,
    NotInfluxDB,
    NotPermitted,
    OrganizationNotFound,
    ServerTooOld,
    ServerUnsupported,
    ShortShards,
    StoreError,
    StoreRejected,
    StoreUnavailable,
    TlsFailed,
)
from barledger.stores.contract import Batch, Mark
from barledger.stores.influx import InfluxStore
from servers import Influxd, InfluxServer, free_ports, influxd

pytestmark = pytest.mark.influx

AAPL = Series.of("AAPL", "1d", "desk")
ALL = [everything()]
BAR = Rows(
    time=np.array([1]), revision=constant(1, 1), edition=constant(1, 1), **{name: np.array([1.0]) for name in VALUES}
)
BATCH = [Batch(series=AAPL, layer="latest", rows=BAR)]


# --- servers that are not what they should be -----------------------------------------------------


class _Pretender(BaseHTTPRequestHandler):
    """Answers everything with one status, some headers and a body."""

    status: ClassVar[int] = 204
    headers_sent: ClassVar[dict[str, str]] = {}
    body: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        if self.status != 204:
            self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815 - the name that the standard library calls

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@contextmanager
def pretender(
    *,
    status: int = 204,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    context: ssl.SSLContext | None = None,
) -> Iterator[str]:
    handler = type("Handler", (_Pretender,), {"status": status, "headers_sent": headers or {}, "body": body})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (204, {"cluster-uuid": "x", "X-Influxdb-Version": "3.1.0", "X-Influxdb-Build": "Core"}, ServerUnsupported),
        (401, {"cluster-uuid": "x"}, ServerUnsupported),
        (200, {"X-Influxdb-Version": "3.10.0"}, ServerUnsupported),
        (204, {"X-Influxdb-Version": "1.5.4"}, ServerTooOld),
        (204, {"X-Influxdb-Version": "0.13.0"}, ServerTooOld),
        (204, {"X-Influxdb-Version": "v2.3.0"}, ServerTooOld),
        (204, {"X-Influxdb-Version": "Cloud", "X-Influxdb-Build": "Cloud"}, ServerUnsupported),
        (204, {"X-Influxdb-Version": "v4.0.0"}, ServerUnsupported),
        (204, {}, NotInfluxDB),
        (200, {}, NotInfluxDB),
        (404, {}, NotInfluxDB),
        (302, {"Location": "http://127.0.0.1:1/"}, NotInfluxDB),
        (503, {}, StoreUnavailable),
    ],
)
def test_a_server_that_cannot_be_used_is_told_by_its_answers(
    status: int, headers: dict[str, str], expected: type[StoreError]
) -> None:
    with (
        pretender(status=status, headers=headers, body=b"<html>hello</html>") as url,
        pytest.raises(expected) as caught,
    ):
        InfluxStore(url, bucket="b", patience=0.2)
    assert type(caught.value) is expected
    assert caught.value.advice


def test_something_that_answers_queries_with_a_web_page_is_not_influxdb() -> None:
    headers = {"X-Influxdb-Version": "1.8.0"}
    with pretender(status=200, headers=headers, body=b"<html>") as url, pytest.raises(NotInfluxDB):
        InfluxStore(url, bucket="b", patience=0.2)


def test_nobody_at_the_address() -> None:
    (port,) = free_ports(1)
    with pytest.raises(StoreUnavailable, match="refused"):
        InfluxStore(f"http://127.0.0.1:{port}", bucket="b", patience=0.2)
    with pytest.raises(StoreUnavailable):
        InfluxStore("http://no-such-host.invalid:8086", bucket="b", patience=0.2)


@pytest.mark.parametrize(
    "url", ["", "localhost:8086", "ftp://x", "http://", "http://u:hidden@x:1", "http://x?token=hidden", "http://[x"]
)
def test_a_url_of_another_shape_is_refused_and_its_secrets_are_not_shown(url: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        InfluxStore(url, bucket="b")
    assert "hidden" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("bucket", ["", "a\\", "a/b", "_internal", "a\nb"])
def test_a_bucket_that_cannot_be_named_is_refused(bucket: str) -> None:
    with pytest.raises((InvalidSetting, InvalidName)):
        InfluxStore("http://127.0.0.1:1", bucket=bucket)


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's side of TLS with a certificate that nobody signed."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", *made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_a_certificate_that_is_not_trusted(untrusted: ssl.SSLContext) -> None:
    with pretender(context=untrusted) as url, pytest.raises(TlsFailed, match=r"(?i)certificate"):
        InfluxStore(url, bucket="b", patience=0.2)


def test_https_asked_of_a_plain_server(influx_server: InfluxServer) -> None:
    with pytest.raises(TlsFailed):
        InfluxStore(influx_server.url.replace("http://", "https://"), bucket="b", patience=0.2)


def test_http_asked_of_a_tls_server() -> None:
    answer = b"Client sent an HTTP request to an HTTPS server.\n"
    with pretender(status=400, body=answer) as url, pytest.raises(TlsFailed):
        InfluxStore(url, bucket="b", patience=0.2)


# --- a 1.x server with users ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded() -> Iterator[Influxd]:
    """A server with an administrator, a writer, and one who may only read."""
    with influxd(auth=True) as server:
        InfluxServer(url=server.url).connection().execute("CREATE USER root WITH PASSWORD 'r oot' WITH ALL PRIVILEGES")
        administration = InfluxServer(url=server.url, token="root:r oot").connection()
        for statement in (
            "CREATE DATABASE bars WITH DURATION INF SHARD DURATION 520w",
            "CREATE USER writer WITH PASSWORD 'w'",
            "CREATE USER reader WITH PASSWORD 'secret-r'",
            "GRANT ALL ON bars TO writer",
            "GRANT READ ON bars TO reader",
        ):
            administration.execute(statement)
        yield server


def test_a_wrong_password_or_none(guarded: Influxd) -> None:
    for token in ("writer:wrong-secret", "nobody:wrong-secret", ""):
        with pytest.raises(NotAuthenticated) as caught:
            InfluxStore(guarded.url, bucket="bars", token=token)
        assert "wrong-secret" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("token", ["no colon", "a:b\nX-Evil: 1"])
def test_a_token_of_another_shape_is_refused_and_not_shown(guarded: Influxd, token: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        InfluxStore(guarded.url, bucket="bars", token=token)
    assert token not in str(caught.value)


def test_a_user_with_all_rights_on_the_database_needs_no_more(guarded: Influxd) -> None:
    store = InfluxStore(guarded.url, bucket="bars", token="writer:w")
    store.claim(Mark(ledger_id="l", revision=0))
    store.write(BATCH, revision=1)
    assert len(store.read(AAPL, "latest", ALL)) == 1
    assert store.mark() == Mark(ledger_id="l", revision=1)
    assert store.series() == [AAPL]
    assert store.layers(AAPL) == ["latest"]
    store.delete(AAPL, "latest", ALL, revision=2)
    assert len(store.read(AAPL, "latest", ALL)) == 0


def test_a_user_who_may_only_read(guarded: Influxd) -> None:
    store = InfluxStore(guarded.url, bucket="bars", token="reader:secret-r")
    assert len(store.read(AAPL, "latest", ALL)) == 0
    for change in (lambda: store.write(BATCH, revision=1), lambda: store.delete(AAPL, "latest", ALL, revision=1)):
        with pytest.raises(NotPermitted) as caught:
            change()
        assert "secret-r" not in str(caught.value)
    assert not store.describe().findings


def test_a_database_that_this_user_may_not_create_or_see(guarded: Influxd) -> None:
    InfluxServer(url=guarded.url, token="root:r oot").connection().execute("CREATE DATABASE hidden")
    for bucket in ("other", "hidden"):
        with pytest.raises(BucketNotFound, match=bucket):
            InfluxStore(guarded.url, bucket=bucket, token="writer:w")


# --- buckets --------------------------------------------------------------------------------------


def test_a_bucket_that_is_missing_and_may_not_be_made(influx_server: InfluxServer, influx_bucket: str) -> None:
    with pytest.raises(BucketNotFound):
        influx_server.store(influx_bucket, create=False)
    assert influx_server.buckets().find(influx_bucket) is None


def test_a_bucket_that_vanishes(influx_server: InfluxServer, influx_bucket: str) -> None:
    store = influx_server.store(influx_bucket)
    influx_server.buckets().drop(influx_bucket)
    with pytest.raises(BucketNotFound):
        store.write(BATCH, revision=1)
    with pytest.raises(BucketNotFound):
        store.read(AAPL, "latest", ALL)
    with pytest.raises(BucketNotFound):
        store.delete(AAPL, "latest", ALL, revision=1)
    with pytest.raises(BucketNotFound):
        store.check_expiry()
    assert [finding.level for finding in store.describe().findings] == ["problem"]


def test_a_bucket_is_made_once_and_found_afterwards(influx_server: InfluxServer, influx_bucket: str) -> None:
    influx_server.store(influx_bucket).write(BATCH, revision=1)
    influx_server.buckets().make(influx_bucket)
    assert len(influx_server.store(influx_bucket, create=False).read(AAPL, "latest", ALL)) == 1


def test_a_bucket_that_expires_data_is_refused_unless_accepted(own_influxd: Influxd) -> None:
    server = InfluxServer(url=own_influxd.url)
    with server.bucket() as name:
        server.connection().execute(f'CREATE DATABASE "{name}" WITH DURATION 30d')
        with pytest.raises(BucketExpires, match="30 days"):
            server.store(name)
        with pytest.warns(ShortShards, match="1 day"):
            accepted = server.store(name, accept_expiry=True)
        accepted.check_expiry()
        findings = accepted.describe().findings
        assert [finding.level for finding in findings] == ["warning", "warning"]
        assert "30 days" in findings[0].detail
        # The server itself refuses what is older than it keeps; that is never taken for success.
        with pytest.raises(StoreRejected, match="retention policy"):
            accepted.write(BATCH, revision=1)


def test_a_bucket_that_begins_to_expire_data_is_noticed(own_influxd: Influxd) -> None:
    server = InfluxServer(url=own_influxd.url)
    with server.bucket() as name:
        store = server.store(name)
        store.check_expiry()
        server.connection().execute(f'ALTER RETENTION POLICY autogen ON "{name}" DURATION 600w')
        with pytest.raises(BucketExpires, match="600 weeks"):
            store.check_expiry()


def test_short_shards_are_a_warning_that_names_them(own_influxd: Influxd) -> None:
    server = InfluxServer(url=own_influxd.url)
    with server.bucket() as name:
        server.connection().execute(f'CREATE DATABASE "{name}"')
        with pytest.warns(ShortShards, match=f"'{name}': its shards last 1 week;"):
            store = server.store(name)
        (finding,) = store.describe().findings
        assert finding.level == "warning"
        assert "1 week;" in finding.detail


def test_a_field_of_another_type_is_a_conflict(influx_server: InfluxServer, influx_bucket: str) -> None:
    store = influx_server.store(influx_bucket)
    influx_server.connection().post_lines(influx_bucket, b"market_data,instrument=X volume=1i 1\n", lambda: 10.0)
    with pytest.raises(FieldTypeConflict, match="volume"):
        store.write(BATCH, revision=1)


# --- 2.x ------------------------------------------------------------------------------------------


def api_server(answers: dict[str, tuple[int, Any]]) -> Any:
    """Give a handler that answers as the API of a 2.x does, by the beginning of the path."""

    class Handler(_Pretender):
        headers_sent: ClassVar[dict[str, str]] = {"X-Influxdb-Version": "v2.7.12", "X-Influxdb-Build": "OSS"}

        def do_GET(self) -> None:
            found = next((answer for path, answer in answers.items() if self.path.startswith(path)), (204, None))
            type(self).status, type(self).body = found[0], b"" if found[1] is None else json.dumps(found[1]).encode()
            super().do_GET()

        do_POST = do_GET  # noqa: N815 - the name that the standard library calls

    return Handler


@contextmanager
def answering(answers: dict[str, tuple[int, Any]]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), api_server(answers))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"/api": (401, {"code": "unauthorized", "message": "unauthorized access"})}, NotAuthenticated),
        ({"/api": (404, {"code": "not found", "message": 'organization name "o" not found'})}, OrganizationNotFound),
        ({"/api/v2/buckets": (200, {"buckets": []}), "/api/v2/orgs": (200, {"orgs": []})}, BucketNotFound),
        (
            {"/api/v2/buckets": (200, {"buckets": []}), "/api/v2/orgs": (404, {"message": "organization"})},
            OrganizationNotFound,
        ),
        ({"/api": (403, {"code": "forbidden", "message": "insufficient permissions"})}, NotPermitted),
        ({"/api": (400, {"code": "invalid", "message": "no"})}, StoreRejected),
        ({"/api": (503, {"code": "unavailable", "message": "starting"})}, StoreUnavailable),
    ],
)
def test_answers_of_the_api_of_2_x_have_their_errors(
    answers: dict[str, tuple[int, Any]], expected: type[StoreError]
) -> None:
    with answering(answers) as url, pytest.raises(expected) as caught:
        InfluxStore(url, bucket="b", token="hidden", org="o", patience=0.2)
    assert type(caught.value) is expected
    assert "hidden" not in str(caught.value) + repr(caught.value)


def test_a_wrong_token_or_org_on_a_real_server(influx_server: InfluxServer, influx_bucket: str) -> None:
    if not influx_server.org:
        pytest.skip("1.x has no organizations")
    with pytest.raises(NotAuthenticated):
        InfluxStore(influx_server.url, bucket=influx_bucket, token="wrong", org=influx_server.org)
    with pytest.raises(OrganizationNotFound):
        InfluxStore(influx_server.url, bucket=influx_bucket, token=influx_server.token, org="nobody")
