"""A library on every kind of store, with a ledger's clock that tests can turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from barledger import BarLedger
from barledger.stores.contract import Store
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from conftest import INFLUX_SERVERS, influx_server_called
from libraries import TurnableClock, library

_KINDS = [
    pytest.param("memory", id="memory"),
    pytest.param("embedded", id="embedded"),
    *(pytest.param(name, id=name, marks=pytest.mark.influx) for name in INFLUX_SERVERS),
]


@pytest.fixture
def clock() -> TurnableClock:
    """The ledger's clock of `anywhere`."""
    return TurnableClock()


@pytest.fixture(params=_KINDS)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[BarLedger]:
    """An empty library on each kind of store."""
    if request.param in INFLUX_SERVERS:
        server = influx_server_called(request.param, request)
        with server.bucket() as bucket, _opened(server.store(bucket), tmp_path, clock) as bl:
            yield bl
        return
    store: Store = MemoryStore() if request.param == "memory" else EmbeddedStore(tmp_path / "library")
    with _opened(store, tmp_path, clock) as bl:
        yield bl


@pytest.fixture
def in_memory(tmp_path: Path, clock: TurnableClock) -> Iterator[BarLedger]:
    """An empty library in memory."""
    folder = tmp_path / "memory"
    folder.mkdir()
    with _opened(MemoryStore(), folder, clock) as bl:
        yield bl


def _opened(store: Store, folder: Path, clock: TurnableClock) -> BarLedger:
    return library(store, f"sqlite:///{folder / 'ledger.sqlite'}", clock=clock)
