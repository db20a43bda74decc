"""A library behind a real server, with something between it and its client."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from barledger import BarLedger
from barledger.remote.library import RemoteBarLedger
from barledger.remote.opening import open_remote
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore
from libraries import frame, library
from serving import Served, server_for
from tampering import Between, between


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    """A library with two instruments."""
    with library(MemoryStore()) as made:
        made.write("AAPL", "1d", frame(range(300)), source="desk")
        made.write("IBM", "1d", frame(range(300), 50.0), source="desk")
        yield made


@pytest.fixture
def served(bl: BarLedger) -> Iterator[Served]:
    """A real server for it."""
    with server_for(bl) as (url, _):
        yield Served(url=url, key=bl.keys.create("served", scopes="admin").text, bl=bl)


@pytest.fixture
def way(served: Served) -> Iterator[Between]:
    """What stands between the client and the server."""
    with between(served.url) as made:
        yield made


@pytest.fixture
def opened(way: Between, served: Served, tmp_path: Path) -> Iterator[Callable[..., RemoteBarLedger]]:
    """A function that connects through what stands between."""
    with ExitStack() as stack:

        def opening(*, key: str = served.key, read_only: bool = False, **settings: Any) -> RemoteBarLedger:
            given = {"remote_cache_dir": tmp_path / "answers", "remote_timeout": 60.0, **settings}
            made = open_remote(way.url, key=key, settings=Settings(**given), read_only=read_only)
            return stack.enter_context(made)  # type: ignore[return-value]

        yield opening


@pytest.fixture
def remote(opened: Callable[..., RemoteBarLedger]) -> RemoteBarLedger:
    """The library as it is seen from another machine."""
    return opened()
