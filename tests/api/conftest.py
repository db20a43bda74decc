"""A library behind the HTTP face: in this process, and behind a real server on loopback."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.domain.access import Scope
from barledger.stores.memory import MemoryStore
from libraries import frame, library
from serving import DAYS, OPTIONS, KeyOf, Served, bearer, server_for


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    """A library with daily bars of two instruments, one of them with a slash."""
    with library(MemoryStore()) as made:
        made.write("AAPL", "1d", frame(range(DAYS)), source="desk")
        made.write("BTC/USDT", "1d", frame(range(DAYS), 20_000.0), source="venue")
        yield made


@pytest.fixture
def app(bl: BarLedger) -> FastAPI:
    """The app over the library."""
    return build(bl, OPTIONS)


@pytest.fixture
def key_of(bl: BarLedger) -> KeyOf:
    """A function that makes a key with these scopes, and returns its text."""
    made = 0

    def making(*scopes: Scope, instruments: tuple[str, ...] = (), expires: str | None = None) -> str:
        nonlocal made
        made += 1
        return bl.keys.create(f"key-{made}", scopes=scopes, instruments=instruments, expires=expires).text

    return making


@pytest.fixture
def nobody(app: FastAPI) -> AppClient:
    """A client without a key."""
    return AppClient(app)


@pytest.fixture
def client(app: FastAPI, key_of: KeyOf) -> AppClient:
    """A client whose key may read and take snapshots."""
    return AppClient(app, headers=bearer(key_of("read", "snapshot")))


@pytest.fixture
def served(bl: BarLedger) -> Iterator[Served]:
    """A real server on a free port of loopback, for as long as the test."""
    with server_for(bl) as (url, _):
        yield Served(url=url, key=bl.keys.create("served", scopes="admin").text, bl=bl)
