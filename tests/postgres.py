"""A real PostgreSQL for the tests: one server for the session, a fresh database for each test.

`BARLEDGER_TEST_POSTGRES_URL` names a server to use (its user must be allowed to create databases); without it the
installed one is started on a free port of the loopback interface, in a folder of its own.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

URL_VARIABLE = "BARLEDGER_TEST_POSTGRES_URL"
_PATIENCE = 60.0


class PostgresServer:
    """A running server that makes databases."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url).set(drivername="postgresql+pg8000")

    def create_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"barledger_{uuid.uuid4().hex}"
        self._administer(f'CREATE DATABASE "{name}"')
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        self._administer(f'DROP DATABASE IF EXISTS "{sa.make_url(url).database}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sa.text(statement))
        finally:
            engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the session; its absence fails the tests that need it."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        yield PostgresServer(url)
        return
    binaries = _installed()
    if binaries is None:
        pytest.fail(f"no PostgreSQL: install it (apt-get install postgresql) or set {URL_VARIABLE}", pytrace=False)
    with _started(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database that nobody else uses."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


def _installed() -> Path | None:
    """Return the folder of the newest server's programs."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    folders += sorted((program.parent for program in debian), key=lambda folder: float(folder.parent.name))
    return folders[-1] if folders else None


@contextmanager
def _started(binaries: Path) -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="barledger-postgres-"))
    user = _unprivileged(folder)
    try:
        data, port = folder / "data", _free_port()
        _run([binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"], user=user)
        settings = {"fsync": "off", "full_page_writes": "off", "unix_socket_directories": "", "max_connections": "100"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=folder)
        try:
            server = PostgresServer(f"postgresql://postgres@127.0.0.1:{port}/postgres")
            _wait_for(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder: Path) -> str | None:
    """Return the user to run as, and give the folder to it: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    shutil.chown(folder, user)
    return user


def _run(command: list[str | Path], *, user: str | None) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        pytest.fail(f"{command[0]} failed:\n{done.stderr}", pytrace=False)


def _wait_for(server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            server._administer("SELECT 1")
        except sa.exc.DBAPIError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start: {error}\n{log.read_text()}", pytrace=False)
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
