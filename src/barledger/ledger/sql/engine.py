"""The database beneath the ledger: opening it, its transactions, and where the two dialects differ."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from barledger.errors import DriverMissing, FormatTooNew, InvalidSetting, ReadOnly, StoreUnavailable
from barledger.ledger.sql import schema

Clock = Callable[[], int]


class Database:
    """A SQLAlchemy engine whose writing transactions are strictly one after the other."""

    def __init__(self, url: str, *, read_only: bool, clock: Clock | None) -> None:
        """Open the database, making or migrating its tables; raises `FormatTooNew`, `StoreUnavailable`."""
        self.read_only = read_only
        self._clock = clock
        self.url = _readable_url(url)
        self.engine = _engine(self.url, read_only=read_only)
        self.dialect = self.engine.dialect.name
        try:
            self._migrate()
        except sa.exc.DBAPIError as error:
            if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
                raise StoreUnavailable(url=self.location, detail=str(error.orig)) from error
            raise

    @property
    def location(self) -> str:
        """Return the URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that excludes every other writing one."""
        if self.read_only:
            raise ReadOnly(reason="the ledger was opened for reading")
        writing = self.engine.execution_options(barledger_writes=True)
        with writing.connect() as connection, connection.begin():
            if self.dialect == "postgresql":
                connection.execute(sa.select(schema.clock.c.id).with_for_update())
            yield connection

    def now(self, connection: Connection) -> int:
        """Return the clock: the server's on PostgreSQL, the host's on SQLite."""
        if self._clock is not None:
            return int(self._clock())
        if self.dialect == "postgresql":
            micros = sa.text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")
            return int(connection.execute(micros).scalar_one()) * 1000
        return time.time_ns()

    def tick(self, connection: Connection) -> int:
        """Return a time later than every one that this returned before; only in a writing transaction."""
        last = connection.execute(sa.select(schema.clock.c.time)).scalar_one()
        ticked: int = max(self.now(connection), last + 1)
        connection.execute(sa.update(schema.clock).values(time=ticked))
        return ticked

    def upsert(self, table: sa.Table, changed: Sequence[str]) -> Any:
        """Return an insert that replaces the columns ``changed`` where the key exists; with none, keeps the row."""
        insert: Any = (postgresql if self.dialect == "postgresql" else sqlite).insert(table)
        key = list(table.primary_key.columns)
        if not changed:
            return insert.on_conflict_do_nothing(index_elements=key)
        return insert.on_conflict_do_update(index_elements=key, set_={name: insert.excluded[name] for name in changed})

    def close(self) -> None:
        """Release all connections."""
        self.engine.dispose()

    def _migrate(self) -> None:
        found = self._found_version()
        if found == schema.SCHEMA_VERSION:
            return
        if found is not None and found > schema.SCHEMA_VERSION:
            raise FormatTooNew(where=self.location, found=int(found), known=int(schema.SCHEMA_VERSION))
        if self.read_only:
            raise ReadOnly(reason=f"{self.location} has no ledger of this version")
        from barledger.ledger.sql.migrations import upgrade  # noqa: PLC0415 - Alembic is slow to import, and rare

        upgrade(self.engine)

    def _found_version(self) -> str | None:
        with self.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)


def _readable_url(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidSetting(setting="ledger", reason="it is not a database URL") from error
    if parsed.get_backend_name() == "postgresql" and "+" not in parsed.drivername:
        return parsed.set(drivername="postgresql+pg8000")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidSetting(setting="ledger", reason="a ledger lies in SQLite or PostgreSQL")
    return parsed


def _engine(url: sa.URL, *, read_only: bool) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:
            return sa.create_engine(url, isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED")
        except ModuleNotFoundError as error:
            raise DriverMissing(package="pg8000", extra="postgres") from error
    return _sqlite_engine(url, read_only=read_only)


def _sqlite_engine(url: sa.URL, *, read_only: bool) -> Engine:
    in_memory = url.database in (None, "", ":memory:")
    if in_memory:
        engine = sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    elif read_only:
        engine = sa.create_engine("sqlite://", creator=lambda: _open_read_only(Path(str(url.database))))
    else:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(url, connect_args={"timeout": 60})
    sa.event.listen(engine, "connect", lambda dbapi, _: _prepare_sqlite(dbapi, read_only=read_only))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_read_only(path: Path) -> Any:
    import os  # noqa: PLC0415 - only for folders that cannot be written
    import sqlite3  # noqa: PLC0415 - only for ledgers that are only read

    if not path.exists():
        raise ReadOnly(reason=f"there is no ledger at {path}")
    # Without the right to write beside the file SQLite cannot join its WAL, so nobody can be writing it either.
    immutable = "" if os.access(path.parent, os.W_OK) or Path(f"{path}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"file:{path}?mode=ro{immutable}", uri=True, timeout=60, check_same_thread=False)


def _prepare_sqlite(connection: Any, *, read_only: bool) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    if not read_only:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=60000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("barledger_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
