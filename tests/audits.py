"""Libraries with a signed log, and ways around the database's own refusals."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from barledger.barledger import BarLedger
from barledger.domain.notice import Notice
from barledger.ledger.sql import SqlLedger
from barledger.services.audit.report import AuditVerification
from barledger.settings import Settings
from barledger.stores.contract import Store
from barledger.stores.memory import MemoryStore
from libraries import frame

# More than the kept nodes of one level cover, so that they are looked at, too.
MANY = 40


def signed_library(
    folder: Path, url: str | None = None, *, anchor: Path | None = None, store: Store | None = None
) -> BarLedger:
    """Return a library in memory whose ledger, keys and anchor are files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = SqlLedger.open(url or f"sqlite:///{folder / 'ledger.sqlite'}")
    settings = Settings(actor="tester", home=folder, anchor=anchor)
    return BarLedger(store or MemoryStore(), ledger, settings=settings)


def write_some(bl: BarLedger, count: int, *, instrument: str = "AAPL") -> None:
    """Make so many entries."""
    for day in range(count):
        bl.write(instrument, "1d", frame([day], 100.0 + len(bl.audit)), source="desk", reason=f"day {day}")


def listening(bl: BarLedger, heard: Callable[[Notice], None]) -> None:
    """Hear what the log has to tell."""
    from dataclasses import replace  # noqa: PLC0415 - for this alone

    signer = bl.audit._signer
    bl.audit._signer = replace(signer, vault=replace(signer.vault, notify=heard))


def tamper(url: str, *statements: str) -> None:
    """Change the log behind the ledger's back, as the database's owner can: without its triggers."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all()
                for (name,) in triggers:
                    connection.exec_driver_sql(f"DROP TRIGGER {name}")
            else:
                connection.exec_driver_sql("SET session_replication_role = replica")
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def url_of(bl: BarLedger) -> str:
    """Return the database's URL, password and all."""
    return bl.vault.ledger._database.url.render_as_string(hide_password=False)


def key_file(bl: BarLedger) -> Path:
    place = bl.audit._signer.keys.place
    assert place is not None
    return place.folder / "audit.key"


def public_file(bl: BarLedger) -> Path:
    place = bl.audit._signer.keys.place
    assert place is not None
    return place.public


def said(found: AuditVerification) -> list[tuple[int, int, str]]:
    assert not found.ok
    assert not found
    return [(one.sequence, one.last, str(one)) for one in found.wrong]
