"""Real servers for tests: an influxd of our own, and those that BARLEDGER_TEST_INFLUX_URLS names."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from barledger.influxdb.connection import Connection
from barledger.influxdb.server import credentials, detect
from barledger.stores.influx.buckets import Buckets, buckets_of
from barledger.stores.influx.store import InfluxStore

_CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
  logging-enabled = false
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
  auth-enabled = {auth}
[continuous_queries]
  enabled = false
[logging]
  level = "error"
  suppress-logo = true
"""

MISSING = (
    "these tests need a real InfluxDB: install influxd (Debian: apt-get install influxdb), so that it is on the PATH"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxServer:
    """A server under test; ``token`` and ``org`` are what `InfluxStore` takes."""

    url: str
    token: str = ""
    org: str = ""

    def store(self, bucket: str, **options: Any) -> InfluxStore:
        """Open a store on this server; give up on it soon."""
        return InfluxStore(
            self.url, **{"bucket": bucket, "token": self.token, "org": self.org, "patience": 5.0} | options
        )

    def connection(self) -> Connection:
        """Return an authenticated connection, for looking behind a store's back."""
        connection = Connection(self.url, timeout=30.0, patience=5.0)
        basic, token = credentials(detect(connection).generation, self.token)
        connection.authenticate(basic=basic, token=token)
        return connection

    def buckets(self) -> Buckets:
        """Return the administration of the server's buckets."""
        connection = self.connection()
        return buckets_of(detect(connection), connection, self.org)

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """Give a new name for a bucket, and drop the bucket afterwards."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        try:
            yield name
        finally:
            self.buckets().drop(name)


class Influxd:
    """An influxd 1.x of our own, in a folder of its own; it can be killed and started again."""

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        """Choose ports and write the configuration; nothing runs yet."""
        self.folder = folder
        self.http, self._rpc = free_ports(2)
        self.process: subprocess.Popen[bytes] | None = None
        self._configuration = folder / "influxdb.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(folder=folder, http=self.http, rpc=self._rpc, auth=str(auth).lower())
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        binary = shutil.which("influxd")
        if binary is None:
            raise RuntimeError(MISSING)
        with (self.folder / "influxd.log").open("ab") as log:
            self.process = subprocess.Popen([binary, "-config", str(self._configuration)], stdout=log, stderr=log)
        wait_for(f"{self.url}/ping", self.process)

    def stop(self, *, kill: bool = False) -> None:
        """Stop the server, gently or with SIGKILL."""
        if self.process is None:
            return
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@contextmanager
def influxd(*, auth: bool = False) -> Iterator[Influxd]:
    """Give a running influxd, and remove it with all its data afterwards."""
    with tempfile.TemporaryDirectory(prefix="barledger-influxd-", ignore_cleanup_errors=True) as folder:
        server = Influxd(Path(folder), auth=auth)
        try:
            server.start()
            yield server
        finally:
            server.stop(kill=True)


def named_servers() -> list[InfluxServer]:
    """Return the servers that BARLEDGER_TEST_INFLUX_URLS names: ``http://user:secret@host:port/?org=o``, by commas."""
    servers = []
    for url in filter(None, os.environ.get("BARLEDGER_TEST_INFLUX_URLS", "").split(",")):
        parts = urlsplit(url.strip())
        server = InfluxServer(
            url=f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path.rstrip('/')}",
            token=unquote(parts.password or ""),
            org=parse_qs(parts.query).get("org", [""])[0],
        )
        if detect(Connection(server.url, timeout=10.0, patience=0.0)).generation == 1 and parts.username:
            server = InfluxServer(url=server.url, token=f"{unquote(parts.username)}:{server.token}")
        servers.append(server)
    return servers


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_for(url: str, process: "subprocess.Popen[bytes]", *, seconds: float = 30.0) -> None:
    """Wait until a server answers; raises `RuntimeError` if it ends instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1.0):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError(f"{url} does not answer")
