"""The database beneath the ledger: opening it, its tables, and its transactions."""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from barledger.errors import (
    BarledgerError,
    FormatTooNew,
    InvalidSetting,
    LedgerRejected,
    ReadOnly,
    StoreUnwritable,
)
from barledger.ledger.sql import schema
from barledger.ledger.sql.dialects import Dialect, Postgres, Sqlite
from barledger.ledger.sql.postgres import postgres_engine
from barledger.ledger.sql.refusals import PATIENCE, closed_by_server, translated
from barledger.ledger.sql.transaction import Clock, Transaction, Writing


class Database:
    """A SQLAlchemy engine whose writing transactions are strictly one after the other."""

    def __init__(self, url: str, *, read_only: bool, clock: Clock | None) -> None:
        """Open the database, making or migrating its tables; raises `FormatTooNew`, `StoreUnavailable`, `ReadOnly`."""
        self.read_only = read_only
        self.url = _readable_url(url)
        self._clock = clock
        in_memory = self.url.get_backend_name() == "sqlite" and self.url.database in (None, "", ":memory:")
        # A database in memory has one connection, which threads have to take turns with.
        self._turn: AbstractContextManager[Any] = threading.RLock() if in_memory else nullcontext()
        self._engine = _engine(self.url, read_only=read_only)
        self._writing = self._engine.execution_options(barledger_writes=True)
        # pg8000 lets some errors of the socket through.
        self._errors: Any = (sa.exc.DBAPIError, self._engine.dialect.loaded_dbapi.Error, OSError)
        self.dialect: Dialect = Postgres() if self._engine.dialect.name == "postgresql" else Sqlite()
        self._lookers: deque[Any] = deque()
        if isinstance(self.dialect, Postgres):
            # A script may end without closing its library; its sockets are closed then, and no warning says otherwise.
            weakref.finalize(self, _release, os.getpid(), self._lookers, self._engine)
        try:
            with self._translating():
                self._migrate()
        except BaseException:
            self.close()
            raise

    @property
    def location(self) -> str:
        """Return the URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that sees one state."""
        with self._turn, self._translating(), self._begun(self._engine) as connection:
            yield Transaction(connection, self.dialect, self.now)

    @contextmanager
    def write(self) -> Iterator[Writing]:
        """Open a transaction that excludes every other writing one."""
        if self.read_only:
            raise ReadOnly(reason="the ledger was opened for reading")
        with self._turn, self._translating(), self._begun(self._writing) as connection:
            writing = Writing(connection, self.dialect, self.now)
            yield writing
            writing.settle()
        for remember in writing.after_commit:
            remember()

    def now(self, server_time: int) -> int:
        """Return the time now (ns), given what the database says of it in the last column of its dialect's clock."""
        return self.dialect.now(server_time) if self._clock is None else self._clock()

    def look(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first row of a query, or None."""
        found = self.look_at_all(statement, parameters)
        return found[0] if found else None

    def look_at_all(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """Return the rows of a query: the quickest view of one state, being one statement."""
        try:
            with self._turn:
                return self._look(self.dialect.text(statement), parameters)
        except self._errors as error:
            self._refuse(error)
            raise

    def close(self) -> None:
        """Release all connections."""
        while self._lookers:
            self._lookers.pop()[0].close()
        self._engine.dispose()

    def _look(self, statement: str, parameters: Sequence[Any]) -> Sequence[Any]:
        try:
            return self._look_once(statement, parameters)
        except self._errors as error:
            if not self._lost(error):
                raise
        # The other connections are as old as the one that the server has closed.
        self.close()
        return self._look_once(statement, parameters)

    def _look_once(self, statement: str, parameters: Sequence[Any]) -> Sequence[Any]:
        """Look through a cursor that is kept aside, since the engine's pool takes longer than the query."""
        try:
            looker, cursor = self._lookers.pop()
        except IndexError:
            looker, cursor = self._engine.raw_connection(), None
        try:
            cursor = cursor or looker.cursor()
            cursor.execute(statement, parameters)
            found: Sequence[Any] = cursor.fetchall()
        except BaseException:
            if isinstance(self.dialect, Postgres):
                looker.invalidate()
            else:
                looker.close()
            raise
        self._lookers.append((looker, cursor))
        return found

    def _lost(self, error: Any) -> bool:
        """Tell whether the server has closed the connection."""
        cause = getattr(error, "orig", None) or error
        dropped = isinstance(cause, OSError) or closed_by_server(cause)
        return dropped or bool(self._engine.dialect.is_disconnect(cause, None, None))

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        with self._connected(engine) as connection:
            try:
                yield connection
            except BaseException as error:
                self._roll_back(connection, error)
                raise
            connection.commit()

    def _connected(self, engine: Engine) -> Connection:
        """Return a connection in a transaction; those that the server has closed meanwhile are replaced, once."""
        try:
            return _in_transaction(engine)
        except self._errors as error:
            if not self._lost(error):
                raise
        self.close()
        return _in_transaction(engine)

    def _roll_back(self, connection: Connection, error: BaseException) -> None:
        if self._out_of_step(error):
            connection.invalidate()
            return
        try:
            connection.rollback()
        except Exception:  # noqa: BLE001 - the first error matters, and a database that is gone has rolled back itself
            connection.invalidate()

    def _out_of_step(self, error: BaseException) -> bool:
        """Tell whether the driver may have been stopped between a request to PostgreSQL and its answer."""
        return isinstance(self.dialect, Postgres) and not isinstance(error, (BarledgerError, *self._errors))

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except BarledgerError:
            raise
        except self._errors as error:
            self._refuse(error)
            raise
        except UnicodeEncodeError as error:
            raise LedgerRejected(url=self.location, detail=error.reason) from error

    def _refuse(self, error: Any) -> None:
        """Raise the error that says what a driver's error means to a caller, if there is one."""
        cause = getattr(error, "orig", None) or error
        dbapi = self._engine.dialect.loaded_dbapi
        meant = translated(cause, self.location, refused=(dbapi.OperationalError, dbapi.InterfaceError))
        if meant is not None:
            raise meant from error

    def _migrate(self) -> None:
        found = self._found_version()
        if found == schema.SCHEMA_VERSION:
            return
        if found is not None and not (found.isascii() and found.isdigit()):
            raise InvalidSetting(setting="ledger", reason=f"{self.location} holds the tables of something else")
        if found is not None and int(found) > int(schema.SCHEMA_VERSION):
            raise FormatTooNew(where=self.location, found=int(found), known=int(schema.SCHEMA_VERSION))
        if self.read_only:
            raise ReadOnly(reason=f"{self.location} has no ledger of this version")
        with self._begun(self._writing) as connection:
            if isinstance(self.dialect, Postgres):
                # Two processes that make the same tables would stumble over each other.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('barledger'))"))
            from barledger.ledger.sql import migrations  # noqa: PLC0415 - rare

            migrations.upgrade(connection)

    def _found_version(self) -> str | None:
        with self._begun(self._engine) as connection:
            return schema.found_version(connection)


def _in_transaction(engine: Engine) -> Connection:
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.invalidate()
        connection.close()
        raise
    return connection


def _readable_url(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The cause is left out, because it may quote a part of the URL that holds the password.
        raise InvalidSetting(setting="ledger", reason="it is not a database URL") from None
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+pg8000")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+pg8000"):
        raise InvalidSetting(
            setting="ledger",
            reason="a ledger's URL begins with sqlite: or postgresql:, without a driver (it is pg8000)",
        )
    return parsed


def _engine(url: sa.URL, *, read_only: bool) -> Engine:
    engine = _sqlite_engine(url, read_only=read_only) if url.get_backend_name() == "sqlite" else postgres_engine(url)
    dialect = Sqlite if engine.dialect.name == "sqlite" else Postgres

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("barledger_writes", False)
        connection.connection.cursor().execute(dialect.begin_writing if writes else dialect.begin_reading)

    sa.event.listen(engine, "begin", begin)
    return engine


def _sqlite_engine(url: sa.URL, *, read_only: bool) -> Engine:
    if url.database in (None, "", ":memory:"):
        engine = sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    elif read_only:
        engine = sa.create_engine("sqlite://", creator=lambda: _open_read_only(Path(str(url.database))))
    else:
        _make_folder(Path(str(url.database)).parent)
        engine = sa.create_engine(url, connect_args={"timeout": PATIENCE}, max_overflow=-1)
    sa.event.listen(engine, "connect", lambda dbapi, _: _prepare_sqlite(dbapi, read_only=read_only))
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnwritable(url=str(folder), detail=error.strerror or str(error)) from error


def _open_read_only(path: Path) -> Any:
    import sqlite3  # noqa: PLC0415 - only for ledgers that are only read

    if not path.exists():
        raise ReadOnly(reason=f"there is no ledger at {path}")
    # Without the right to write beside the file SQLite cannot join its WAL, so nobody can be writing it either.
    immutable = "" if os.access(path.parent, os.W_OK) or Path(f"{path}-wal").exists() else "&immutable=1"
    place = f"{path.absolute().as_uri()}?mode=ro{immutable}"
    return sqlite3.connect(place, uri=True, timeout=PATIENCE, check_same_thread=False)


def _prepare_sqlite(connection: Any, *, read_only: bool) -> None:
    connection.isolation_level = None  # transactions are begun by the engine's event, not by the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={PATIENCE * 1000}")
    if not read_only:
        _write_ahead(cursor)
        cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Turn to the write-ahead log; of several that turn a new file at once, SQLite refuses some without waiting."""
    import sqlite3  # noqa: PLC0415 - loaded with the first connection

    until = time.monotonic() + PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def hidden(url: str) -> str:
    """Return a database URL without its password."""
    return _readable_url(url).render_as_string(hide_password=True)


def sqlite_url(file: Path) -> str:
    """Return the URL of an SQLite file, whatever signs its path has."""
    return sa.URL.create("sqlite", database=str(file)).render_as_string()


def sqlite_file(url: str) -> Path | None:
    """Return the file that a URL names, None for a database in memory or on a server."""
    parsed = _readable_url(url)
    in_memory = parsed.database in (None, "", ":memory:")
    return None if in_memory or parsed.get_backend_name() != "sqlite" else Path(str(parsed.database)).absolute()


def on_server(url: str) -> bool:
    """Tell whether a URL names a database on a server."""
    return _readable_url(url).get_backend_name() != "sqlite"


def _release(process: int, lookers: "deque[Any]", engine: Engine) -> None:
    """Release all connections of a database that nobody uses any more, unless they are those of a parent process."""
    if os.getpid() != process:
        return
    with suppress(Exception):
        while lookers:
            lookers.pop()[0].close()
        engine.dispose()
