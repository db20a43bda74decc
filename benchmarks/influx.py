"""InfluxDB 1.x: barledger against the server's own limits, with neither encoding nor decoding."""

import http.client
import itertools
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import numpy as np
import pandas as pd

import barledger
from barledger import BarLedger, Series
from barledger.domain.rows import Rows, constant
from barledger.stores.contract import Batch
from barledger.stores.influx.line_protocol import bodies
from benchmarks.data import VALUES, Sizes, minute_bars
from benchmarks.measure import Prepare, Times, alternate
from benchmarks.row import Aim, Outcome, Row

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import Influxd, influxd

SOURCE: Final = "bench"
BUCKET: Final = "market_data"
CONNECTIONS: Final = (1, 2, 3)
_QUIET_SHARE: Final = 0.05
_LONGEST_WAIT: Final = 5.0


class Stage:
    """A server of our own, and a library on it."""

    def __init__(self, folder: Path, sizes: Sizes, stack: ExitStack) -> None:
        """Start nothing yet; what is started ends with the stack."""
        self.sizes = sizes
        self._folder = folder
        self._stack = stack

    @cached_property
    def server(self) -> Influxd:
        """Return the server."""
        return self._stack.enter_context(influxd())

    @cached_property
    def library(self) -> BarLedger:
        """Return the library."""
        target = f"influxdb+{self.server.url}/{BUCKET}"
        return self._stack.enter_context(
            barledger.connect(target, ledger=f"sqlite:///{self._folder / 'ledger.sqlite'}")
        )

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Return the series."""
        return minute_bars(self.sizes.influx_bars)

    def settle(self) -> None:
        """Wait until the server has done what it does after writes, so that nobody pays for another's."""
        assert self.server.process is not None
        deadline = time.monotonic() + _LONGEST_WAIT
        busy = 1.0
        while busy > _QUIET_SHARE and time.monotonic() < deadline:
            before = _processor_seconds(self.server.process.pid)
            time.sleep(0.5)
            busy = (_processor_seconds(self.server.process.pid) - before) / 0.5


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    with ExitStack() as stack:
        yield Stage(folder, sizes, stack)


# --- the rows --------------------------------------------------------------------------------------


def write(on: Stage) -> Outcome:
    """Write a new series."""
    if shutil.which("influxd") is None:
        return Outcome(missing="it needs influxd on the PATH")
    library, numbers = on.library, itertools.count()

    def our_next() -> Callable[[], object]:
        name = f"OURS{next(numbers)}"
        on.settle()
        return lambda: library.write(name, "1m", on.frame, source=SOURCE)

    def their_next(connections: int) -> Prepare:
        def prepare() -> Callable[[], object]:
            ready = list(lines_of(on.frame, f"READY{next(numbers)}"))
            on.settle()
            return lambda: post(on.server.http, ready, connections)

        return prepare

    contestants = {"ours": our_next} | {str(count): their_next(count) for count in CONNECTIONS}
    times = alternate(contestants, rounds=on.sizes.slow_rounds, warm_up=0)
    best = min(map(str, CONNECTIONS), key=lambda name: times[name].median)
    return compared(times["ours"], times[best], note=f" ({best} connection{'s' if best != '1' else ''})")


def read(on: Stage) -> Outcome:
    """Read a series into pandas."""
    if shutil.which("influxd") is None or shutil.which("curl") is None:
        return Outcome(missing="it needs influxd and curl on the PATH")
    library = on.library
    library.write("READ", "1m", on.frame, source=SOURCE)
    assert np.array_equal(library.bars("READ", "1m", source=SOURCE).df.to_numpy(), on.frame.to_numpy())

    def our_next() -> Callable[[], object]:
        on.settle()
        return lambda: library.bars("READ", "1m", source=SOURCE).df

    def their_next(*, chunked: bool) -> Prepare:
        command = curl(on.server.url, chunked=chunked)

        def prepare() -> Callable[[], object]:
            on.settle()
            return lambda: subprocess.run(command, check=True)

        return prepare

    contestants = {
        "ours": our_next,
        "chunked": their_next(chunked=True),
        "in one piece": their_next(chunked=False),
    }
    times = alternate(contestants, rounds=on.sizes.rounds)
    best = min(("chunked", "in one piece"), key=lambda name: times[name].median)
    return compared(times["ours"], times[best], note=f" ({best})")


ROWS: Final = (
    Row(
        name="influx.write",
        work="write 1M bars to InfluxDB 1.x, new series",
        against="posting ready-made bodies of the same lines, the best number of connections (1 to 3)",
        aim=Aim(value=0.85),
        run=write,
        bound="the server is busy all the time, and shares the processor with our making of lines, two thirds of which "
        "is turning doubles into text; checking and digesting the bars before the first body leaves is a few per cent",
    ),
    Row(
        name="influx.read",
        work="read 1M bars from InfluxDB 1.x into pandas",
        against="curl of the CSV of open, high, low, close, volume with `epoch=ns`, to /dev/null",
        aim=Aim(value=0.8),
        run=read,
        bound="the server makes the answer at the pace at which it makes curl's; what we add is taking the answer's "
        "many small HTTP chunks apart in Python, decoding, and the digests of the blocks that were read, which tell "
        "damage on a store that has no checksums",
    ),
)


# --- parts of rows ---------------------------------------------------------------------------------


def compared(ours: Times, theirs: Times, note: str = "") -> Outcome:
    """Return how many times as fast we are."""
    return Outcome(value=theirs.median / ours.median, ours=str(ours), theirs=f"{theirs}{note}")


def lines_of(frame: pd.DataFrame, instrument: str) -> Iterator[bytes]:
    """Give the bodies that barledger would post for a new series."""
    count = len(frame)
    rows = Rows(
        time=frame.index.asi8,
        **{name: frame[name].to_numpy() for name in VALUES},
        revision=constant(time.time_ns(), count),
        edition=constant(1, count),
    )
    return bodies([Batch(series=Series.of(instrument, "1m", SOURCE), layer="latest", rows=rows)])


def post(port: int, ready: Sequence[bytes], connections: int) -> None:
    """Post bodies, as many at a time as there are connections."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in ready:
        waiting.put(body)

    def work(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            try:
                body = waiting.get_nowait()
            except queue.Empty:
                connection.close()
                return
            connection.request("POST", f"/write?db={BUCKET}&precision=ns", body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204, answer.status

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, range(connections)))


def curl(url: str, *, chunked: bool) -> list[str]:
    """Return the command that reads the series and throws it away."""
    statement = (
        f"SELECT {', '.join(VALUES)} FROM market_data "  # noqa: S608 - no name of a caller
        "WHERE instrument='READ' AND timeframe='1m' AND source='bench' AND version='latest' AND is_adjusted='false'"
    )
    query = urlencode({"db": BUCKET, "epoch": "ns", "q": statement} | ({"chunked": "true"} if chunked else {}))
    return ["curl", "-sfo", "/dev/null", "-H", "Accept: application/csv", f"{url}/query?{query}"]


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
