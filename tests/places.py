"""Places: a store and a ledger that can be opened again and again, in any process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from barledger.barledger import BarLedger
from barledger.stores.contract import Store
from barledger.stores.embedded import EmbeddedStore
from conftest import INFLUX_SERVERS, influx_server_called
from libraries import LONG, library

INFLUX = [pytest.param((name, "sqlite"), marks=pytest.mark.influx, id=name) for name in INFLUX_SERVERS]
ON_SQLITE = [pytest.param(("embedded", "sqlite"), id="embedded"), *INFLUX]
ON_POSTGRES = [
    pytest.param(("embedded", "postgres"), marks=pytest.mark.postgres, id="embedded-postgres"),
    *(
        pytest.param((name, "postgres"), marks=[pytest.mark.influx, pytest.mark.postgres], id=f"{name}-postgres")
        for name in INFLUX_SERVERS
    ),
]
EVERYWHERE = [*ON_SQLITE, *ON_POSTGRES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere that a library can be opened again and again; ``folder`` is the embedded store's."""

    open_store: Callable[[], Store]
    ledger: str
    folder: Path

    @contextmanager
    def opened(self, *, lease: float = LONG, ledger: str | None = None) -> Iterator[BarLedger]:
        """Open both halves, or the store with another ledger."""
        bl = library(self.open_store(), self.ledger if ledger is None else ledger, lease=lease)
        try:
            yield bl
        finally:
            bl.close()


@contextmanager
def place_called(param: tuple[str, str], request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """Give an empty place of this kind of store and ledger."""
    kind, ledger = param
    url = f"sqlite:///{folder / 'ledger.sqlite'}" if ledger == "sqlite" else request.getfixturevalue("postgres_url")
    if kind == "embedded":
        yield Place(open_store=lambda: EmbeddedStore(folder), ledger=url, folder=folder)
        return
    server = influx_server_called(kind, request)
    with server.bucket() as bucket:
        yield Place(open_store=lambda: server.store(bucket), ledger=url, folder=folder)
