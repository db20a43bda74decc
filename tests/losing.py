"""Libraries whose store is lost under them, in every way that a store can be."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import LedgerMismatch, StoreDamaged, StoreDiverged, StoreError
from barledger.influxdb.connection import Connection
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from conftest import INFLUX_SERVERS, influx_server_called
from libraries import frame, library
from servers import InfluxServer

REFUSALS: Final = (StoreError, StoreDiverged, StoreDamaged, LedgerMismatch)
"""What a read of a lost store may raise."""

DAYS: Final = 1_200
"""So many daily bars each instrument has, in four blocks, the last of which is not whole."""

NAMES: Final = ("AAPL", "MSFT")


class Losable(MemoryStore):
    """A memory store whose rows can be dropped behind its back."""

    def lose(self) -> None:
        self._layers = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A library with some history, how its store is lost, and how it comes back, if it can."""

    bl: BarLedger
    lose: Callable[[], object]
    restore: Callable[[], object] | None = None
    status: int = 503

    @property
    def first_revision(self) -> int:
        return self.bl.cache.versions("AAPL", "1d")[0].revisions[0].revision


WAYS: Final = [
    pytest.param("memory"),
    pytest.param("memory-postgres", marks=pytest.mark.postgres),
    pytest.param("folder-moved"),
    pytest.param("folder-replaced"),
    pytest.param("folder-emptied"),
    pytest.param("segments-deleted"),
    *(
        pytest.param(f"{name}:{way}", marks=pytest.mark.influx)
        for name in INFLUX_SERVERS
        for way in ("database-dropped", "database-new", "measurement-dropped")
    ),
]


@contextmanager
def lost(way: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Lost]:
    """Give a library with a history, whose store can be lost in this way."""
    if way.startswith("memory"):
        store = Losable()
        url = request.getfixturevalue("postgres_url") if way.endswith("postgres") else "sqlite://"
        with _filled(library(store, url)) as bl:
            yield Lost(bl=bl, lose=store.lose)
        return
    server, _, how = way.partition(":")
    if how:
        found = influx_server_called(server, request)
        with found.bucket() as bucket, _filled(library(found.store(bucket))) as bl:
            yield Lost(bl=bl, lose=lambda: _lose_on(found, bucket, how))
        return
    ledger = f"sqlite:///{folder / 'ledger.sqlite'}"
    with _filled(library(EmbeddedStore(folder / "lib"), ledger)) as bl:
        yield _in_folder(bl, way, folder / "lib" / "store")


def _in_folder(bl: BarLedger, way: str, home: Path) -> Lost:
    away = home.with_name("away")

    def lose() -> None:
        if way == "segments-deleted":
            for path in (home / "segments").iterdir():
                path.unlink()
            return
        home.rename(away)
        if way == "folder-emptied":
            home.mkdir()
        if way == "folder-replaced":
            EmbeddedStore(home.parent).close()

    def restore() -> None:
        if home.exists():
            shutil.rmtree(home)
        away.rename(home)

    if way == "segments-deleted":
        bl.vault.store.tidy()
        return Lost(bl=bl, lose=lose, status=500)
    return Lost(bl=bl, lose=lose, restore=restore)


def _lose_on(server: InfluxServer, bucket: str, how: str) -> None:
    if how == "measurement-dropped":
        _execute(server, "DROP MEASUREMENT market_data", bucket)
        return
    server.buckets().drop(bucket)
    if how == "database-new":
        server.buckets().make(bucket)


def _execute(server: InfluxServer, statement: str, bucket: str) -> None:
    connection: Connection = server.connection()
    connection.execute(statement, database=bucket)
    connection.close()


@contextmanager
def _filled(bl: BarLedger) -> Iterator[BarLedger]:
    """Write a history: two revisions, a snapshot before the second, a part of one, and a copy."""
    with bl:
        for name in NAMES:
            bl.write(name, "1d", frame(range(DAYS)), source="desk")
        bl.snapshot(list(NAMES), "1d", id="snap-before")
        bl.snapshot(list(NAMES), "1d", id="snap-copy", purpose="approval")
        bl.snapshot(["AAPL"], "1d", start=30 * DAY, end=1_000 * DAY, id="snap-part")
        bl.write("AAPL", "1d", frame(range(100, 110), 200.0), source="desk", reason="typo")
        yield bl
