"""The database beneath the ledger: opening it, its tables, and its transactions."""

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from barledger.errors import (
    BarledgerError,
    Busy,
    DriverMissing,
    FormatTooNew,
    InvalidSetting,
    ReadOnly,
    StoreDamaged,
    StoreUnavailable,
)
from barledger.ledger.sql import schema
from barledger.ledger.sql.dialects import Dialect, Postgres, Sqlite
from barledger.ledger.sql.transaction import Clock, Transaction, Writing

_PATIENCE: Final = 60
# A process that is stopped inside a transaction must not keep every other writer waiting for ever.
_POSTGRES_OPTIONS: Final = f"-c lock_timeout={_PATIENCE}s -c idle_in_transaction_session_timeout={_PATIENCE}s"


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
        self._errors: Any = self._engine.dialect.loaded_dbapi.Error
        self.dialect: Dialect = Postgres() if self._engine.dialect.name == "postgresql" else Sqlite()
        self._lookers: deque[Any] = deque()
        with self._translating():
            self._migrate()

    @property
    def location(self) -> str:
        """Return the URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that sees one state."""
        with self._turn, self._translating(), self._begun(self._engine) as connection:
            yield Transaction(connection, self.dialect, self._clock)

    @contextmanager
    def write(self) -> Iterator[Writing]:
        """Open a transaction that excludes every other writing one."""
        if self.read_only:
            raise ReadOnly(reason="the ledger was opened for reading")
        with self._turn, self._translating(), self._begun(self._writing) as connection:
            writing = Writing(connection, self.dialect, self._clock)
            yield writing
            writing.settle()
        for remember in writing.after_commit:
            remember()

    def look(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first row of a query, or None: the quickest view of one state, being one statement."""
        try:
            with self._turn:
                return self._look(self.dialect.text(statement), parameters)
        except self._errors as error:
            raise self._translated(error, error) from error

    def close(self) -> None:
        """Release all connections."""
        while self._lookers:
            self._lookers.pop().close()
        self._engine.dispose()

    def _look(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Look through a connection that is kept aside, since the engine's pool takes longer than the query."""
        while True:
            kept = bool(self._lookers)
            looker = self._lookers.pop() if kept else self._engine.raw_connection()
            try:
                cursor = looker.cursor()
                cursor.execute(statement, parameters)
                found = cursor.fetchall()
            except BaseException as error:
                looker.invalidate()
                if not (kept and isinstance(error, self._errors) and self._lost(error)):
                    raise
            else:
                self._lookers.append(looker)
                return found[0] if found else None

    def _lost(self, error: Any) -> bool:
        """Tell whether the server has closed the connection."""
        return bool(self._engine.dialect.is_disconnect(error, None, None))

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        with self._connected(engine) as connection:
            try:
                yield connection
            except BaseException:
                _roll_back(connection)
                raise
            connection.commit()

    def _connected(self, engine: Engine) -> Connection:
        """Return a connection in a transaction; those that the server has closed meanwhile are replaced, once."""
        connection = engine.connect()
        try:
            connection.begin()
        except self._errors as error:
            connection.invalidate()
            connection.close()
            if not self._lost(error):
                raise
            self._engine.dispose()
            connection = engine.connect()
            connection.begin()
        return connection

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except BarledgerError:
            raise
        except sa.exc.DBAPIError as error:
            raise self._translated(error.orig or error, error) from error
        except self._errors as error:
            raise self._translated(error, error) from error

    def _translated(self, cause: BaseException, error: Exception) -> Exception:
        """Return the error that says what a driver's error means to a caller; most are returned as they are."""
        dbapi = self._engine.dialect.loaded_dbapi
        text = str(cause)
        if "database is locked" in text or "55P03" in text:
            return Busy(what=self.location, waited=float(_PATIENCE))
        if "readonly database" in text:
            return ReadOnly(reason=f"{self.location} cannot be written")
        if "malformed" in text or "not a database" in text:
            return StoreDamaged(where=self.location, detail=text)
        if isinstance(cause, dbapi.OperationalError | dbapi.InterfaceError):
            return StoreUnavailable(url=self.location, detail=text)
        return error

    def _migrate(self) -> None:
        found = self._found_version()
        if found == schema.SCHEMA_VERSION:
            return
        if found is not None and found > schema.SCHEMA_VERSION:
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


def _roll_back(connection: Connection) -> None:
    try:
        connection.rollback()
    except Exception:  # noqa: BLE001 - the first error matters, and a database that is gone has rolled back itself
        connection.invalidate()


def _readable_url(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidSetting(setting="ledger", reason="it is not a database URL") from error
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+pg8000")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+pg8000"):
        raise InvalidSetting(setting="ledger", reason="a ledger lies in SQLite or PostgreSQL (sqlite:, postgresql:)")
    return parsed


def _engine(url: sa.URL, *, read_only: bool) -> Engine:
    engine = _sqlite_engine(url, read_only=read_only) if url.get_backend_name() == "sqlite" else _postgres_engine(url)
    dialect = Sqlite if engine.dialect.name == "sqlite" else Postgres

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("barledger_writes", False)
        connection.connection.cursor().execute(dialect.begin_writing if writes else dialect.begin_reading)

    sa.event.listen(engine, "begin", begin)
    return engine


def _postgres_engine(url: sa.URL) -> Engine:
    options = {"startup_params": {"options": _POSTGRES_OPTIONS}, "application_name": "barledger"}
    try:
        engine = sa.create_engine(url, connect_args=options, max_overflow=-1)
    except ModuleNotFoundError as error:
        raise DriverMissing(package="pg8000", extra="postgres") from error
    sa.event.listen(engine, "connect", lambda dbapi, _: setattr(dbapi, "autocommit", True))
    return engine


def _sqlite_engine(url: sa.URL, *, read_only: bool) -> Engine:
    if url.database in (None, "", ":memory:"):
        engine = sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    elif read_only:
        engine = sa.create_engine("sqlite://", creator=lambda: _open_read_only(Path(str(url.database))))
    else:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(url, connect_args={"timeout": _PATIENCE}, max_overflow=-1)
    sa.event.listen(engine, "connect", lambda dbapi, _: _prepare_sqlite(dbapi, read_only=read_only))
    return engine


def _open_read_only(path: Path) -> Any:
    import sqlite3  # noqa: PLC0415 - only for ledgers that are only read

    if not path.exists():
        raise ReadOnly(reason=f"there is no ledger at {path}")
    # Without the right to write beside the file SQLite cannot join its WAL, so nobody can be writing it either.
    immutable = "" if os.access(path.parent, os.W_OK) or Path(f"{path}-wal").exists() else "&immutable=1"
    place = f"{path.absolute().as_uri()}?mode=ro{immutable}"
    return sqlite3.connect(place, uri=True, timeout=_PATIENCE, check_same_thread=False)


def _prepare_sqlite(connection: Any, *, read_only: bool) -> None:
    connection.isolation_level = None  # transactions are begun by the engine's event, not by the driver
    cursor = connection.cursor()
    if not read_only:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_PATIENCE * 1000}")
    cursor.close()


def hidden(url: str) -> str:
    """Return a database URL without its password."""
    return _readable_url(url).render_as_string(hide_password=True)
