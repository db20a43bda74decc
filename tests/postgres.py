"""A real PostgreSQL for the tests: one server for the session, an empty database for each test.

`BARLEDGER_TEST_POSTGRES_URL` names a server to use (its user must be allowed to create databases); without it the
installed one is started on a free port of the loopback interface, in a folder of its own.
"""

import os
import pwd
import secrets
import shutil
import signal
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
    """A running server that makes databases, and uses them again, since making one copies thousands of pages."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url).set(drivername="postgresql+pg8000")
        self._spare: list[str] = []
        self._made: list[str] = []

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty database that nobody else uses."""
        url = self._spare.pop() if self._spare else self.create_database()
        yield url
        self._empty(url)
        self._spare.append(url)

    def create_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"barledger_{uuid.uuid4().hex}"
        self._administer([f'CREATE DATABASE "{name}"'])
        self._made.append(self.url.set(database=name).render_as_string(hide_password=False))
        return self._made[-1]

    def drop_all(self) -> None:
        """Drop every database that was made, whoever is still connected."""
        self._administer([f'DROP DATABASE IF EXISTS "{sa.make_url(url).database}" WITH (FORCE)' for url in self._made])

    def _empty(self, url: str) -> None:
        leave = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        self._administer(
            [leave, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT ALL ON SCHEMA public TO PUBLIC"],
            url=url,
        )

    def _administer(self, statements: list[str], *, url: str | None = None) -> None:
        engine = sa.create_engine(url or self.url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
        finally:
            engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the session; its absence fails the tests that need it."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        server = PostgresServer(url)
        yield server
        server.drop_all()
        return
    binaries = _installed()
    if binaries is None:
        pytest.fail(f"no PostgreSQL: install it (apt-get install postgresql) or set {URL_VARIABLE}", pytrace=False)
    with _started(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database that nobody else uses."""
    with postgres_server.database() as url:
        yield url


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
        password = _password(folder / "password", user)
        access = ["-U", "postgres", "-A", "password", f"--pwfile={folder / 'password'}"]
        _run([binaries / "initdb", "-D", data, "-E", "UTF8", "--no-sync", *access], user=user)
        settings = {"fsync": "off", "full_page_writes": "off", "unix_socket_directories": "", "max_connections": "100"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=folder)
        try:
            server = PostgresServer(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres")
            _wait_for(server, process, folder / "log")
            yield server
        finally:
            # A fast shutdown, which does not wait for those who are still connected.
            process.send_signal(signal.SIGINT)
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


def _password(path: Path, user: str | None) -> str:
    """Return a new password, and leave it in a file for the server."""
    password = secrets.token_hex(16)
    path.touch(mode=0o600)
    path.write_text(password)
    if user is not None:
        shutil.chown(path, user)
    return password


def _run(command: list[str | Path], *, user: str | None) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        pytest.fail(f"{command[0]} failed:\n{done.stderr}", pytrace=False)


def _wait_for(server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            server._administer(["SELECT 1"])
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
