"""A library on every kind of store whose clock stands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from barledger.barledger import BarLedger
from barledger.stores.contract import Store
from barledger.stores.memory import MemoryStore
from conftest import INFLUX_SERVERS, influx_server_called
from records import INFLUX, Clock, standing


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "embedded", *INFLUX])
def bl(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[BarLedger]:
    """A library whose clock stands in the middle of 2024, in which ``X`` trades as New York does."""
    if request.param in INFLUX_SERVERS:
        server = influx_server_called(request.param, request)
        with server.bucket() as bucket, standing(server.store(bucket), tmp_path, clock) as opened:
            yield opened
        return
    if request.param == "embedded":
        from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only here

        store: Store = EmbeddedStore(tmp_path / "library")
    else:
        store = MemoryStore()
    with standing(store, tmp_path, clock) as opened:
        yield opened
