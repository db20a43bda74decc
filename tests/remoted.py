"""The same tests over HTTP: a library is written to here, and read through a real server and its client.

A module that defines ``bl`` by ``faced`` runs every test twice. What the server does not offer is in `REFUSED`: a test
that needs it is left out, and anything else that is refused fails the test.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from barledger import BarLedger
from barledger.api.security.callers import Sessions
from barledger.errors import NotServed
from barledger.remote.library import RemoteBarLedger
from barledger.remote.opening import open_remote
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore
from libraries import library
from serving import server_for

Faced = Callable[[BarLedger], BarLedger]
"""Gives a library as it is, or as it is seen from another machine."""

REFUSED: Final = (
    "to fetch what is missing while it reads (fetch_missing)",
    "receipts of what a strategy was shown (strategy, purpose)",
    "availability of bars that are stored adjusted (is_adjusted)",
)
_READ: Final = {
    "retrieval": ("bars", "bars_of", "panel", "verify_export"),
    "availability": ("check", "check_many", "strip"),
    "cache": ("snapshot", "snapshot_of", "snapshots", "find", "verify", "history", "versions", "series"),
    "indicators": ("calculate", "batch", "batches", "describe", "list", "warmup"),
}


class _Service:
    """A service whose reading half is another machine's."""

    def __init__(self, local: Any, remote: Any, read: tuple[str, ...]) -> None:
        self._local, self._remote, self._read = local, remote, read

    def __getattr__(self, name: str) -> Any:
        if name not in self._read:
            return getattr(self._local, name)
        return _refusable(getattr(self._remote, name))


class Faced_(BarLedger):  # noqa: N801 - never named by anybody else
    """A library that is written to here, and read from another machine."""

    def __init__(self, local: BarLedger, remote: RemoteBarLedger) -> None:
        self.local, self.remote = local, remote
        for name, read in _READ.items():
            setattr(self, name, _Service(getattr(local, name), getattr(remote, name), read))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.local, name)


def _refusable(method: Callable[..., Any]) -> Callable[..., Any]:
    def asked(*given: Any, **named: Any) -> Any:
        try:
            return method(*given, **named)
        except NotServed as refused:
            if refused.capability in REFUSED:
                pytest.skip(f"not served: {refused.capability}")
            raise

    return asked


@pytest.fixture(scope="session")
def one_server() -> Iterator[tuple[str, Any]]:
    """One server for all tests; whose library it serves is changed from test to test."""
    with library(MemoryStore()) as nothing, server_for(nothing) as (url, server):
        yield url, server.config.app  # type: ignore[attr-defined]


@pytest.fixture(params=["here", "over-http"])
def faced(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Faced]:
    """A function that gives a library as it is, or as it is seen from another machine."""
    if request.param == "here":
        yield lambda bl: bl
        return
    url, app = request.getfixturevalue("one_server")
    with ExitStack() as opened:

        def facing(bl: BarLedger) -> BarLedger:
            app.state.sessions = Sessions(bl)
            key = bl.keys.create("tester", scopes="admin").text
            settings = Settings(remote_cache_dir=tmp_path / "answers", remote_timeout=20.0)
            return Faced_(bl, opened.enter_context(open_remote(url, key=key, settings=settings)))  # type: ignore[arg-type]

        yield facing
