"""Connections to PostgreSQL, by pg8000."""

from contextlib import suppress
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from barledger.errors import DriverMissing
from barledger.ledger.sql.refusals import PATIENCE

# A process that is stopped inside a transaction must not keep every other writer waiting for ever.
_OPTIONS: Final = f"-c lock_timeout={PATIENCE}s -c idle_in_transaction_session_timeout={PATIENCE}s"
# Seconds after which a server that says nothing is given up; it is far more than any statement takes.
_SILENCE: Final = 5 * PATIENCE


def postgres_engine(url: sa.URL) -> Engine:
    """Return an engine whose connections leave transactions to whoever begins them; raises `DriverMissing`."""
    options = {"startup_params": {"options": _OPTIONS}, "application_name": "barledger", "timeout": _SILENCE}
    try:
        engine = sa.create_engine(url, connect_args=options, max_overflow=-1)
    except ModuleNotFoundError as error:
        raise DriverMissing(package="pg8000", extra="postgres") from error
    sa.event.listen(engine, "do_connect", lambda _dialect, _record, _places, given: _connect(given))
    return engine


def _connect(given: dict[str, Any]) -> Any:
    import pg8000.legacy  # noqa: PLC0415 - an optional driver

    class Connection(pg8000.legacy.Connection):  # type: ignore[misc]
        """A connection that is closed without complaint when the server has closed it already."""

        def close(self) -> None:
            with suppress(pg8000.legacy.Error, OSError):
                super().close()

    connection = Connection(**given)
    connection.autocommit = True
    return connection
