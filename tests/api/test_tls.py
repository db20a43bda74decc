"""TLS by the server itself, and behind a proxy that has it."""

import asyncio
import datetime as dt
import ipaddress
import json
import logging
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import barledger
from barledger import BarLedger
from barledger.api.app import build
from barledger.api.options import Options
from barledger.errors import TlsFailed
from commands import Cli
from serving import DAYS, Served, bearer, server_for

AAPL = "/api/v1/data/ohlcv/AAPL/1d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate of this machine that signs itself, and its private key."""

    file: Path
    key: Path


LOOPBACK = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


def certified(
    folder: Path, name: str = "server", password: bytes = b"", names: tuple[x509.GeneralName, ...] = LOOPBACK
) -> Certificate:
    """Make a certificate for loopback, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "barledger")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    file, private = folder / f"{name}.crt", folder / f"{name}.key"
    file.write_bytes(made.public_bytes(pem))
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, sealed))
    return Certificate(file=file, key=private)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """The server's."""
    return certified(tmp_path)


@pytest.fixture
def secured(bl: BarLedger, certificate: Certificate) -> Iterator[Served]:
    """A real server that speaks TLS."""
    with server_for(bl, tls_certificate=certificate.file, tls_key=certificate.key) as (url, _):
        yield Served(url=url, key=bl.keys.create("served", scopes="admin").text, bl=bl)


# --- by itself -------------------------------------------------------------------------------------


def test_curl_reads_over_tls_and_browsers_are_told_to_insist_on_it(secured: Served, certificate: Certificate) -> None:
    assert secured.url.startswith("https://")
    asked = ["curl", "-sS", "--max-time", "30", "--noproxy", "*", "--cacert", str(certificate.file), "-i"]
    done = subprocess.run(
        [*asked, "-H", f"Authorization: Bearer {secured.key}", f"{secured.url}{AAPL}"], check=True, capture_output=True
    ).stdout
    head, _, body = done.partition(b"\r\n\r\n")
    assert b"strict-transport-security: max-age=" in head
    assert json.loads(body)["meta"]["rows"] == DAYS


def test_the_remote_client_reads_from_who_is_certified_and_from_nobody_else(
    secured: Served, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TlsFailed):
        barledger.connect(secured.url, key=secured.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    with barledger.connect(secured.url, key=secured.key) as remote:
        assert remote.bars("AAPL", "1d").digest == secured.bl.bars("AAPL", "1d").digest


def test_a_certificate_of_another_name_is_none(bl: BarLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = certified(tmp_path, names=(x509.DNSName("elsewhere.example"),))
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    with server_for(bl, tls_certificate=other.file, tls_key=other.key) as (url, _), pytest.raises(TlsFailed):
        barledger.connect(url, key=bl.keys.create("served", scopes="read").text)


def test_who_speaks_no_tls_is_told_nothing_and_harms_nobody(secured: Served, certificate: Certificate) -> None:
    port = int(secured.url.rpartition(":")[2])
    trusting = ssl.create_default_context(cafile=str(certificate.file))
    for said in (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 400):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(said)
            assert b"200" not in plain.recv(1_000)
    assert httpx.get(f"{secured.url}/health", verify=trusting).json() == {"status": "ok"}


def test_a_certificate_that_cannot_be_shown_is_refused_before_anything_is_opened(
    cli: Cli, home: Path, tmp_path: Path, certificate: Certificate
) -> None:
    other, sealed = certified(tmp_path, "other"), certified(tmp_path, "sealed", b"hunter2")
    (tmp_path / "empty").touch()
    for file, key in (
        (tmp_path / "nowhere", certificate.key),
        (certificate.file, tmp_path / "nowhere"),
        (certificate.file, other.key),
        (sealed.file, sealed.key),
        (tmp_path / "empty", certificate.key),
        (certificate.key, certificate.file),
    ):
        told = cli.refused("serve", "--port", "8399", "--tls-certificate", file, "--tls-key", key, code=2)
        assert (told["error"], "PEM" in told["next_step"]) == ("invalid-setting", True)
    assert not home.exists()


# --- behind a proxy --------------------------------------------------------------------------------


@pytest.mark.parametrize(("proxy", "told"), [("", "127.0.0.1"), ("10.0.0.1", "127.0.0.1"), ("127.0.0.1", "192.0.2.7")])
def test_only_the_proxy_that_is_named_says_who_asks(
    bl: BarLedger, caplog: pytest.LogCaptureFixture, proxy: str, told: str
) -> None:
    key = bl.keys.create("served", scopes="read").text
    with server_for(bl, proxy=proxy) as (url, _), caplog.at_level(logging.INFO, "barledger.access"):
        headers = {**bearer(key), "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        assert httpx.get(f"{url}{AAPL}", headers=headers).status_code == 200
    assert [getattr(one, "client", "") for one in caplog.records if one.name == "barledger.access"] == [told]


@pytest.mark.parametrize(
    ("client", "scheme", "path", "status"),
    [
        ("192.0.2.7", "http", AAPL, 403),
        ("192.0.2.7", "https", AAPL, 200),
        ("127.0.0.1", "http", AAPL, 200),
        ("192.0.2.7", "http", "/health", 200),
    ],
)
def test_whoever_comes_past_the_proxy_is_refused(
    bl: BarLedger, client: str, scheme: str, path: str, status: int
) -> None:
    app = build(bl, Options(proxied=True))
    shown = bearer(bl.keys.create("served", scopes="read").text)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://localhost", headers=shown) as asking:
            return await asking.get(path)

    answer = asyncio.run(ask())
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "not-encrypted"
