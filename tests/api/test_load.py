"""Load: everything at once on several workers, while the store is killed and started again under them."""

import io
import json
import os
import random
import socket
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import polars as pl
import pytest

from barledger.remote.opening import open_remote
from barledger.services.access.owner import kept_key
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore
from libraries import library
from servers import Influxd
from serving import answers, bearer, children, commanded, until

TICKERS: Final = ("AAPL", "GOOG", "IBM", "MSFT")
FORMS: Final = ("json", "csv", "ndjson", "arrow", "parquet")
MONTHS: Final = [f"{year}-{month:02d}-01" for year in range(2004, 2013) for month in range(1, 13)]
LONG: Final = 600
"""Seconds after which memory has to be flat; before, caches and pools still fill."""
PINNED: Final = "2004-01-01"
WARM: Final = 0.3
FLAT: Final = 100_000_000
"""Bytes by which the workers may grow, together, once they are warm."""
LATER: Final = frozenset({409, 429, 503})


@dataclass(slots=True)
class Load:
    """Asks for everything, and keeps what was wrong; ``truth`` has the close of each bar of each instrument."""

    url: str
    key: str
    truth: dict[str, dict[Any, float]]
    home: Path
    stop: threading.Event = field(default_factory=threading.Event)
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def threads(self) -> list[threading.Thread]:
        work = (self.read, self.read, self.reread, self.reread, self.ingest, self.pin, self.leave)
        return [threading.Thread(target=self._again, args=(one, number)) for number, one in enumerate(work)]

    def _again(self, work: Callable[[random.Random, httpx.Client], None], seed: int) -> None:
        chance = random.Random(seed)
        with httpx.Client(headers=bearer(self.key), base_url=self.url, timeout=120) as client:
            while not self.stop.is_set():
                try:
                    work(chance, client)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
                    self.wrong.append(f"{work.__name__}: {error!r}")

    def judged(self, what: str, answer: httpx.Response, *wanted: int) -> bool:
        """Count an answer, and say whether it is what was wanted; what is to be asked again is told in full."""
        self.said[f"{what} {answer.status_code}"] += 1
        if answer.status_code in wanted:
            return True
        told = answer.text[:500]
        if answer.status_code not in LATER or "next_step" not in told:
            self.wrong.append(f"{what}: {answer.status_code} {told}")
        if answer.status_code == 503 and not answer.headers.get("retry-after"):
            self.wrong.append(f"{what}: 503 that does not say when to come again")
        time.sleep(0.05)
        return False

    def read(self, chance: random.Random, client: httpx.Client) -> None:
        """Whatever is there has the values of the source, in every form."""
        ticker, form = chance.choice(TICKERS), chance.choice(FORMS)
        try:
            answer = client.get(f"/api/v1/data/ohlcv/{ticker}/1d?format={form}")
        except httpx.RemoteProtocolError:
            # An answer that had begun when the store went away can only be broken off.
            self.said["broken off"] += 1
            return
        if self.judged("read", answer, 200):
            for at, close in closes(form, answer.content):
                if self.truth[ticker][at] != close:
                    self.wrong.append(f"{ticker} {at} is {close} as {form}")

    def reread(self, chance: random.Random, _: httpx.Client) -> None:
        """What is pinned is the same for ever; the client computes its digest, and asks until it has it."""
        settings = Settings(home=self.home, remote_cache=0, remote_timeout=90.0)
        with open_remote(self.url, key=self.key, settings=settings) as remote:
            for _ in range(20):
                (snapshot, ticker), digest = chance.choice(list(self.known.items()))
                found = remote.bars(ticker, "1d", version=snapshot).digest
                self.said["reread"] += 1
                if found != digest:
                    self.wrong.append(f"{snapshot} of {ticker} is {found}, not {digest}")

    def ingest(self, chance: random.Random, client: httpx.Client) -> None:
        """Months come in any order, and some of them again and again."""
        at = chance.randrange(len(MONTHS) - 1)
        wish = {"start_date": MONTHS[at], "end_date": MONTHS[at + 1]}
        answer = client.post(f"/api/v1/data/ingest/sample/{chance.choice(TICKERS)}/1d", json=wish)
        self.judged("ingest", answer, 202)
        time.sleep(0.5)

    def pin(self, chance: random.Random, client: httpx.Client) -> None:
        """A snapshot is taken once, though it is asked for twice."""
        ticker = chance.choice(TICKERS)
        wish = {"instruments": [ticker], "timeframes": ["1d"], "purpose": "load"}
        once = {"Idempotency-Key": str(uuid.uuid4())}
        first, again = (client.post("/api/v1/data/snapshot", json=wish, headers=once) for _ in range(2))
        if self.judged("pin", first, 201) and self.judged("pin again", again, 201) and first.content != again.content:
            self.wrong.append(f"{first.json()['id']} and {again.json()['id']} are of one request")
        time.sleep(0.5)

    def leave(self, chance: random.Random, _: httpx.Client) -> None:
        """Clients go away in the middle of everything."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        head = f"HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.key}\r\nContent-Length: 2\r\n\r\n{{}}"
        asked = chance.choice(
            [
                f"GET /api/v1/data/ohlcv/{chance.choice(TICKERS)}/1d?format={chance.choice(FORMS)}",
                "GET /api/v1/events",
                "GET /api/v1/indicators/calculate/sma?instrument=AAPL&timeframe=1d",
                "POST /api/v1/data/snapshot",
            ]
        )
        with socket.create_connection((host, int(port)), timeout=60) as going:
            going.sendall(f"{asked} {head}".encode()[: chance.choice((30, 10_000))])
            if chance.random() < 0.5:
                going.settimeout(chance.random() / 10)
                with suppress(TimeoutError, ConnectionResetError):
                    going.recv(chance.choice((1, 10_000)))
        self.said["left"] += 1
        time.sleep(0.02)


def closes(form: str, body: bytes) -> list[tuple[Any, float]]:
    """Return times and closes of an answer."""
    match form:
        case "json":
            found = pl.DataFrame(json.loads(body)["data"], infer_schema_length=None)
        case "csv":
            found = pl.read_csv(body)
        case "ndjson":
            found = pl.read_ndjson(io.BytesIO(body), infer_schema_length=None)
        case "arrow":
            found = pl.read_ipc_stream(io.BytesIO(body))
        case _:
            found = pl.read_parquet(io.BytesIO(body))
    if found["time"].dtype == pl.String:
        found = found.with_columns(pl.col("time").str.to_datetime(time_zone="UTC", time_unit="ns"))
    times = found["time"].cast(pl.Datetime("ns", "UTC")).dt.epoch("ns").to_list()
    return list(zip(times, (float(one) for one in found["close"].to_list()), strict=True))


def source_says() -> dict[str, dict[Any, float]]:
    """Return the close of each bar, as the source has it."""
    with library(MemoryStore()) as bl:
        for ticker in TICKERS:
            bl.ingest(ticker, "1d", source="sample", start=MONTHS[0], end=MONTHS[-1])
        found = {ticker: bl.bars(ticker, "1d") for ticker in TICKERS}
        return {
            ticker: dict(zip(map(int, bars.time), bars.df["close"].tolist(), strict=True))
            for ticker, bars in found.items()
        }


def held(pids: list[int]) -> int:
    """Return how many bytes processes hold in memory, together."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in pids)


@pytest.fixture
def port() -> int:
    """A port that nobody uses just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.influx
@pytest.mark.slow
@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("seconds", [15, pytest.param(LONG, marks=pytest.mark.torture)])
def test_nothing_is_wrong_while_the_store_is_restarted_under_load(
    home: Path, port: int, tmp_path: Path, seconds: int
) -> None:
    truth = source_says()
    folder = tmp_path / "influxd"
    folder.mkdir()
    store = Influxd(folder)
    store.start()
    place = f"influxdb+http://127.0.0.1:{store.http}/load"
    try:
        with commanded(port, "--store", place, "--workers", "2", log=tmp_path / "log") as process:
            load = Load(url=f"http://127.0.0.1:{port}", key=kept_key(home, port), truth=truth, home=home)
            prepare(load)
            workers = children(process)
            threads = load.threads()
            began = time.monotonic()
            for one in threads:
                one.start()
            sizes: list[tuple[float, int]] = []
            kills = [seconds / 3, 2 * seconds / 3]
            try:
                while (passed := time.monotonic() - began) < seconds:
                    sizes.append((passed / seconds, held(workers)))
                    if kills and passed > kills[0]:
                        store.stop(kill=len(kills) == 2)
                        time.sleep(min(30, seconds / 10))
                        store.start()
                        kills.pop(0)
                    time.sleep(0.5)
            finally:
                load.stop.set()
                for one in threads:
                    one.join(150)
            assert not load.wrong, f"{len(load.wrong)} wrong: {load.wrong[:10]}; {load.said}"
            assert children(process) == workers, "a worker died"
            afterwards(load)
            assert not load.wrong, f"{len(load.wrong)} wrong: {load.wrong[:10]}; {load.said}"
            assert answers(port)
    finally:
        store.stop(kill=True)
    assert load.said["read 200"] > 10, load.said
    assert load.said["reread"] > 10, load.said
    warm = [size for at, size in sizes if WARM < at < WARM + 0.2]
    last = [size for at, size in sizes if at > 0.9]
    grown = statistics.median(last) - statistics.median(warm)
    print(f"{load.said}; {grown / 1e6:+.0f} MB since it was warm")  # noqa: T201 - figures of the run
    if seconds >= LONG:
        assert grown < FLAT, f"the workers grew by {grown / 1e6:.0f} MB: {load.said}"


def prepare(load: Load) -> None:
    """Fetch a year of each, and pin it."""
    with httpx.Client(headers=bearer(load.key), base_url=load.url, timeout=120) as client:
        for ticker in TICKERS:
            settled(client, f"/api/v1/data/ingest/sample/{ticker}/1d", {"start_date": PINNED, "end_date": "2005-01-01"})
        wish = {"instruments": list(TICKERS), "timeframes": ["1d"], "purpose": "load"}
        snapshot = client.post("/api/v1/data/snapshot", json=wish)
        assert snapshot.status_code == 201, snapshot.text
        name = snapshot.json()["id"]
        for ticker in TICKERS:
            answer = client.get(f"/api/v1/data/ohlcv/{ticker}/1d?version={name}")
            load.known[name, ticker] = answer.headers["barledger-digest"]


def afterwards(load: Load) -> None:
    """Fetch what lacks; then everything is there, is what it is said to be, and has the values of the source."""
    with httpx.Client(headers=bearer(load.key), base_url=load.url, timeout=120) as client:
        waiting = ("queued", "running", "interrupted")
        until(lambda: not any(client.get(f"/api/v1/jobs?state={state}").json()["data"] for state in waiting))
        for ticker in TICKERS:
            wish = {"start_date": MONTHS[0], "end_date": MONTHS[-1]}
            settled(client, f"/api/v1/data/ingest/sample/{ticker}/1d", wish)
            found = dict(closes("arrow", client.get(f"/api/v1/data/ohlcv/{ticker}/1d?format=arrow").content))
            if found != load.truth[ticker]:
                load.wrong.append(f"{ticker} has {len(found)} bars, the source {len(load.truth[ticker])}")
        settled(client, "/api/v1/jobs/verify", {})


def settled(client: httpx.Client, path: str, wish: dict[str, Any]) -> None:
    """Ask for a job, and wait until it is done."""
    answer = client.post(path, json=wish)
    assert answer.status_code == 202, answer.text
    url = answer.json()["url"]
    until(lambda: client.get(url).json()["state"] in ("done", "failed"))
    assert client.get(url).json()["state"] == "done", client.get(url).text
