"""InfluxDBClients to test with, and what lies in their buckets, asked of the servers with nothing of barledger."""

import base64
import hashlib
import json
import struct
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pandas as pd
import pytest

import barledger
from barledger import BarLedger, InfluxDBClient
from barledger.domain.timeframe import DAY
from servers import InfluxServer

# Three days of AAPL around its split of 2005-02-28, which the digests below are computed from by hand.
TABLE = [
    ("2005-02-25T00:00:00Z", 89.62, 89.91, 88.19, 88.99, 32_725_200.0),
    ("2005-02-28T00:00:00Z", 44.68, 45.14, 43.96, 44.86, 23_271_800.0),
    ("2005-03-01T00:00:00Z", 44.99, 45.11, 44.16, 44.5, 16_713_700.0),
]
COLUMNS = ["open", "high", "low", "close", "volume"]
TIMES = [int(datetime.fromisoformat(row[0]).timestamp()) * 1_000_000_000 for row in TABLE]
VALUES = [list(row[1:]) for row in TABLE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One bucket of a server, as a program and as other tools see it."""

    server: InfluxServer
    bucket: str

    def client(self, **options: Any) -> InfluxDBClient:
        """Connect as a program does."""
        return InfluxDBClient(self.server.url, self.server.token, self.server.org, self.bucket, **options)

    def library(self) -> BarLedger:
        """Open the same library without a client."""
        url = f"influxdb+{self.server.url}/{quote(self.bucket, safe='')}"
        return barledger.connect(url, token=self.server.token, org=self.server.org)

    def ask(self, statement: str) -> list[dict[str, Any]]:
        """Return what other tools see: a row for each point, tags and fields by name."""
        form = {"db": self.bucket, "q": statement, "epoch": "ns"}
        answer = json.loads(request(self.server, "POST", "/query", urlencode(form).encode()))
        told = [answer, *answer.get("results", [])]
        assert not [one["error"] for one in told if "error" in one]
        found = [series for one in told for series in one.get("series", [])]
        return [dict(zip(series["columns"], values, strict=True)) for series in found for values in series["values"]]

    def put(self, lines: str) -> None:
        """Write points as other tools do."""
        request(self.server, "POST", f"/write?{urlencode({'db': self.bucket, 'precision': 'ns'})}", lines.encode())


def request(server: InfluxServer, method: str, path: str, body: bytes | None = None) -> bytes:
    """Send a request with the server's token, and return the answer."""
    headers = {"Content-Type": "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"}
    if path.startswith("/api"):
        headers["Authorization"] = f"Token {server.token}"
    elif server.token:
        pair = server.token if ":" in server.token else f"any:{server.token}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    asked = urllib.request.Request(server.url + path, data=body, method=method, headers=headers)  # noqa: S310 - our own
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - our own
        return bytes(answer.read())


def api(server: InfluxServer, method: str, path: str, payload: Any = None) -> Any:
    """Call the API of 2.x."""
    answer = request(server, method, path, None if payload is None else json.dumps(payload).encode())
    return json.loads(answer) if answer else None


def closes(frame: pd.DataFrame) -> dict[int, float]:
    """Return the closes of what a client answered by day after the epoch."""
    return {time // DAY: close for time, close in zip(frame.index.asi8.tolist(), frame["close"].tolist(), strict=True)}


def table() -> pd.DataFrame:
    """Return `TABLE` as a frame."""
    index = pd.DatetimeIndex([row[0] for row in TABLE]).as_unit("ns")
    return pd.DataFrame(VALUES, columns=COLUMNS, index=index)


def shown(desk: Desk, version: str = "latest", instrument: str = "AAPL") -> dict[int, float]:
    """Return the closes by day that other tools see under a version."""
    where = f"version = '{version}' AND instrument = '{instrument}'"
    return {row["time"] // DAY: row["close"] for row in desk.ask(f"SELECT close FROM market_data WHERE {where}")}  # noqa: S608 - our own


def digest_by_hand(times: list[int], values: list[list[float]]) -> str:
    """Return the digest of bars of one year, following the words of `barledger.domain.digest` with hashlib alone."""
    count = len(times)
    block = (
        b"barledger/block/1\n" + struct.pack("<Q", count) + b"time int64 ns\n\x01" + struct.pack(f"<{count}q", *times)
    )
    for at, name in enumerate(COLUMNS):
        block += f"{name} float64\n".encode() + b"\x01" + struct.pack(f"<{count}d", *(row[at] for row in values))
    block += b"adjustment_factor float64\n\x00source_id string\n\x00"
    year = int(datetime.fromtimestamp(times[0] / 1e9, UTC).replace(month=1, day=1, hour=0).timestamp()) * 1_000_000_000
    link = hashlib.sha256(b"barledger/root/1\n").digest()
    return hashlib.sha256(link + struct.pack("<q", year) + hashlib.sha256(block).digest()).hexdigest()


@pytest.fixture
def desk(home: Path, influx_server: InfluxServer, influx_bucket: str) -> Desk:
    """A bucket that is not made yet, and whose ledger will be the first in ``home``."""
    assert not home.exists()
    return Desk(server=influx_server, bucket=influx_bucket)


@pytest.fixture
def client(desk: Desk) -> Iterator[InfluxDBClient]:
    """A client of that bucket."""
    with desk.client() as opened:
        yield opened
