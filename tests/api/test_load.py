"""Under load: many clients at once, a store that goes away twice, and never a wrong byte.

A short round runs with the other tests; `make torture` goes on for ten minutes (``BARLEDGER_LOAD_SECONDS`` for others).
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import httpx
import pandas as pd
import pytest

from barledger import connect
from commanded import Commanded, Held, commanded, until
from editions import Truth
from loading import CLIENTS, Asking, Load, checked, ingested
from servers import Influxd, free_ports, influxd

LONG_RUN = "BARLEDGER_TORTURE" in os.environ
SECONDS = float(os.environ.get("BARLEDGER_LOAD_SECONDS", "600" if LONG_RUN else "25"))
NAMES = ("AAA", "BBB", "CC/DD", "EEE")
MINUTES = 300_000
WORKERS = 2

# Of a round that takes less, a quarter is over before everything that is kept for good is there.
_SETTLED = 300.0
# So much more may be held: two workers share the clients as it happens, and answers are remembered up to a bound.
_GROWN = 1.15


@pytest.fixture
def store() -> Iterator[Influxd]:
    """A store of the test's own, which it may stop."""
    with influxd() as server:
        yield server


@pytest.fixture
def served(home: Path, store: Influxd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commanded]:
    """The command with two workers over the store and an SQLite ledger; a long series is there already."""
    monkeypatch.setenv("BARLEDGER_URL", f"influxdb+{store.url}/load")
    with connect() as bl:
        index = pd.date_range("2020-01-01", periods=MINUTES, freq="min", tz="UTC")
        values = {"open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5, "volume": range(MINUTES)}
        bl.write("LONG", "1m", pd.DataFrame(values, index=index), source="desk")
    with commanded(home, free_ports(1)[0], "--workers", str(WORKERS), workers=WORKERS) as server:
        yield server


@pytest.fixture
def load(served: Commanded, tmp_path: Path) -> Load:
    """Four instruments whose first editions are there."""
    truths = [Truth(name, tmp_path / f"{name.replace('/', '')}.csv") for name in NAMES]
    made = Load(served.url, served.headers, truths, "LONG", SECONDS)
    with httpx.Client(base_url=served.url, headers=served.headers, timeout=60) as client:
        for truth in truths:
            ingested(Asking(made, client), truth, 0)
    return made


class Watch:
    """What the workers hold, over time."""

    def __init__(self, served: Commanded) -> None:
        self._served, self._began = served, time.monotonic()
        self.pids = served.workers
        self.seen: list[tuple[float, list[Held]]] = []

    def look(self) -> None:
        """Look now; fails if a worker is another one than at first."""
        assert self._served.workers == self.pids, "a worker has died"
        self.seen.append((time.monotonic() - self._began, [Held.by(pid) for pid in self.pids]))

    def megabytes(self, start: float, end: float) -> list[float]:
        """What each worker held between these times, in the middle."""
        seen = [held for at, held in self.seen if start <= at <= end]
        return [median(one[at].megabytes for one in seen) for at in range(len(self.pids))]


def wait(load: Load, watch: Watch, until_then: float) -> None:
    """Look at the workers until a time after the beginning, or until something is wrong."""
    while time.monotonic() < until_then and not load.stop.is_set():
        watch.look()
        load.stop.wait(0.5)


@pytest.mark.influx
@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_under_load_with_a_store_that_restarts_every_answer_is_right(
    served: Commanded, store: Influxd, load: Load
) -> None:
    watch, began = Watch(served), time.monotonic()
    threads = [load.begin(client, number) for number, client in enumerate(CLIENTS)]
    try:
        # A store that is back before anybody's patience ends is only waited for; of the other outage clients hear.
        for share, away in ((0.4, SECONDS / 15), (0.65, 45.0 if LONG_RUN else SECONDS / 10)):
            wait(load, watch, began + share * SECONDS)
            with load.outage():
                store.stop()
                wait(load, watch, time.monotonic() + away)
                store.start()
        wait(load, watch, began + SECONDS)
    finally:
        load.stop.set()
        for one in threads:
            one.join(120)
    if load.faults:
        raise load.faults[0]
    told(load, watch)
    check_what_is_left(served, load)
    check_what_is_held(watch, load)
    assert served.stop() == 0
    log = served.err.read_text()
    assert "Traceback" not in log
    assert '"status": 500' not in log


def check_what_is_left(served: Commanded, load: Load) -> None:
    """What was acknowledged is there, and every revision and snapshot that an answer named, to the byte."""
    with httpx.Client(base_url=served.url, headers=served.headers, timeout=60) as client:
        asking = Asking(load, client)
        for truth in load.truths:
            answer = asking.surely("GET", truth.path, params={"format": "arrow"})
            assert checked(load, truth, "arrow", answer) == {truth.acknowledged}
            for revision, editions in truth.revisions().items():
                query = {"format": "arrow", "version": f"revision:{revision}"}
                assert checked(load, truth, "arrow", asking.surely("GET", truth.path, params=query)) <= editions
        for made in load.snapshots:
            assert asking.surely("POST", f"/api/v1/snapshots/{made['id']}/verify").json()["ok"]
        jobs = asking.surely("GET", "/api/v1/jobs?limit=200").json()["items"]
    assert {job["state"] for job in jobs} <= {"done", "failed"}
    with connect() as bl:
        assert all(one.deaths == 0 for one in bl.jobs.list())
        assert all(bl.cache.verify_series(one.series).ok for one in bl.cache.series())


def check_what_is_held(watch: Watch, load: Load) -> None:
    """Memory is flat, and nobody who is gone is remembered."""
    until(lambda: all(one.sockets < 30 and one.threads < 60 for one in map(Held.by, watch.pids)), seconds=60)
    if load.seconds >= _SETTLED:
        quarter = sum(watch.megabytes(0.2 * SECONDS, 0.3 * SECONDS))
        end = sum(watch.megabytes(0.9 * SECONDS, SECONDS))
        assert end <= _GROWN * quarter, (quarter, end)


def told(load: Load, watch: Watch) -> None:
    """Say what happened; the report is what it is for."""
    memory = [watch.megabytes(SECONDS * at, SECONDS * (at + 0.1)) for at in (0.2, 0.5, 0.9)]
    most = [max(held[at].megabytes for _, held in watch.seen) for at in range(WORKERS)]
    held = [Held.by(pid) for pid in watch.pids]
    editions = {truth.instrument: truth.acknowledged for truth in load.truths}
    print(f"\n{dict(sorted(load.counts.items()))}\neditions {editions}, {len(load.snapshots)} snapshots")  # noqa: T201
    print(f"MB of the workers at 0.2, 0.5 and 0.9: {memory}, at most {most}; at the end {held}")  # noqa: T201
