"""Clients that go away: the server goes on, and keeps nothing of them."""

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from barledger import connect
from commanded import Commanded, Held, commanded, until
from servers import free_ports

pytestmark = pytest.mark.slow

BARS = 1_000_000
PATH = "/api/v1/data/ohlcv/LONG/1m?format="
FORMATS = ("json", "ndjson", "csv", "arrow", "parquet")
MEGABYTES = 200
"""So much a worker may keep of what many streams at once need."""


@pytest.fixture
def server(home: Path) -> Iterator[Commanded]:
    """The command, over a long series."""
    with connect(home) as bl:
        index = pd.date_range("2020-01-01", periods=BARS, freq="min", tz="UTC")
        values = {"open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5, "volume": range(BARS)}
        bl.write("LONG", "1m", pd.DataFrame(values, index=index), source="desk")
    with commanded(home, free_ports(1)[0], "--open-metrics") as running:
        yield running


def begun(server: Commanded, path: str) -> socket.socket:
    """A connection on which something was asked for."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    told = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{told}\r\n".encode())
    return connection


def leave(connection: socket.socket, *, rudely: bool) -> None:
    """Close a connection, by a reset or by the usual words."""
    if rudely:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def still_open(server: Commanded) -> float:
    """How many requests are being answered, but for the one that asks."""
    told = server.ask("GET", "/metrics").text
    (line,) = (line for line in told.splitlines() if line.startswith("barledger_requests_open "))
    return float(line.split()[1]) - 1


def test_streams_that_nobody_takes_to_their_end_leave_nothing(server: Commanded) -> None:
    pid = server.process.pid
    for form in FORMATS:
        server.ask("GET", f"{PATH}{form}&limit=1000")
    before = Held.by(pid)
    for round_ in range(6):
        connections = [begun(server, PATH + form) for form in FORMATS]
        for number, one in enumerate(connections):
            if number != round_:
                assert one.recv(100_000).startswith(b"HTTP/1.1 200")
        for number, one in enumerate(connections):
            leave(one, rudely=(number + round_) % 2 == 0)
    until(lambda: still_open(server) == 0)
    until(lambda: Held.by(pid).sockets <= before.sockets)
    # Of threads as many stay as worked at the same time.
    assert Held.by(pid).threads <= before.threads + 3 * len(FORMATS)
    assert Held.by(pid).megabytes < before.megabytes + MEGABYTES
    assert server.ask("GET", f"{PATH}json&limit=1").json()["meta"]["rows"] == 1
    assert b"Traceback" not in server.err.read_bytes()


def test_followers_that_go_away_make_room_for_others(server: Commanded) -> None:
    # More than may follow at once; some are gone before their stream has begun.
    for number in range(130):
        one = begun(server, "/api/v1/events")
        if number % 2:
            assert one.recv(1_000).startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
        leave(one, rudely=number % 3 == 0)
    until(lambda: still_open(server) == 0)
    time.sleep(0.5)
    for _ in range(100):
        with begun(server, "/api/v1/events?seconds=1") as one:
            assert one.recv(1_000).startswith(b"HTTP/1.1 200")
    assert b"Traceback" not in server.err.read_bytes()
