"""InfluxDB 2.x: barledger against the official client; the server is one that BARLEDGER_TEST_INFLUX_URLS names."""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from influxdb_client import InfluxDBClient, WriteOptions
from influxdb_client.client.write_api import PointSettings

import barledger
from barledger import BarLedger, BarledgerError
from barledger.influxdb.server import detect
from benchmarks.data import VALUES, Sizes, minute_bars
from benchmarks.influx import SOURCE, compared
from benchmarks.measure import Prepare, alternate
from benchmarks.row import Aim, Outcome, Row

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import InfluxServer, named_servers

BATCH: Final = 50_000
_TIMEOUT: Final = 300_000


class Stage:
    """A bucket on a named server, a library in it, and the peer's client."""

    def __init__(self, folder: Path, sizes: Sizes, stack: ExitStack) -> None:
        """Connect to nothing yet."""
        self.sizes = sizes
        self._folder = folder
        self._stack = stack

    @cached_property
    def server(self) -> InfluxServer | None:
        """Return the first 2.x among the named servers."""
        return next((one for one in named_servers() if detect(one.connection()).generation == 2), None)

    @property
    def missing(self) -> str:
        """Return why there is no such server, if there is none."""
        try:
            found = self.server
        except BarledgerError as error:
            return f"a server that BARLEDGER_TEST_INFLUX_URLS names does not answer ({type(error).__name__})"
        return "" if found else "BARLEDGER_TEST_INFLUX_URLS names no InfluxDB 2.x"

    @cached_property
    def bucket(self) -> str:
        """Return a bucket that is dropped in the end."""
        assert self.server is not None
        return self._stack.enter_context(self.server.bucket())

    @cached_property
    def library(self) -> BarLedger:
        """Return the library."""
        server = self.server
        assert server is not None
        return self._stack.enter_context(
            barledger.connect(
                f"influxdb+{server.url}/{self.bucket}",
                token=server.token,
                org=server.org,
                ledger=f"sqlite:///{self._folder / 'ledger.sqlite'}",
            )
        )

    @cached_property
    def client(self) -> InfluxDBClient:
        """Return the peer."""
        server = self.server
        assert server is not None
        return self._stack.enter_context(
            InfluxDBClient(server.url, token=server.token, org=server.org, timeout=_TIMEOUT, enable_gzip=False)
        )

    def frame(self, count: int) -> pd.DataFrame:
        """Return a series."""
        return minute_bars(count)


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    with ExitStack() as stack:
        yield Stage(folder, sizes, stack)


# --- the rows --------------------------------------------------------------------------------------


def write(on: Stage) -> Outcome:
    """Write a new series."""
    missing = on.missing
    if missing:
        return Outcome(missing=missing)
    library, frame, numbers = on.library, on.frame(on.sizes.influx_bars), itertools.count()

    def our_next() -> Callable[[], object]:
        name = f"OURS{next(numbers)}"
        return lambda: library.write(name, "1m", frame, source=SOURCE)

    def their_next() -> Callable[[], object]:
        name = f"THEIRS{next(numbers)}"
        return lambda: _write(on, name, frame)

    times = alternate({"ours": our_next, "theirs": their_next}, rounds=on.sizes.slow_rounds, warm_up=0)
    return compared(times["ours"], times["theirs"])


def read(on: Stage) -> Outcome:
    """Read a series into pandas."""
    missing = on.missing
    if missing:
        return Outcome(missing=missing)
    library, frame = on.library, on.frame(on.sizes.client_bars)
    library.write("READ", "1m", frame, source=SOURCE)
    _write(on, "PEER", frame)
    assert np.array_equal(library.bars("READ", "1m", source=SOURCE).df.to_numpy(), frame.to_numpy())
    assert np.array_equal(_read(on, frame)[list(VALUES)].to_numpy(), frame.to_numpy())
    contestants: dict[str, Prepare] = {
        "ours": lambda: lambda: library.bars("READ", "1m", source=SOURCE).df,
        "theirs": lambda: lambda: _read(on, frame),
    }
    times = alternate(contestants, rounds=on.sizes.slow_rounds)
    return compared(times["ours"], times["theirs"])


ROWS: Final = (
    Row(
        name="influx-client.write",
        work="write 1M bars to InfluxDB 2.x, new series",
        against="influxdb-client's DataFrame writer, in batches of 50,000 (10,000 is slower)",
        aim=Aim(value=3.0),
        run=write,
        bound="the server: it takes in our lines no faster when they are ready-made, so the ratio is only what the "
        "client loses by making its lines while the server waits",
    ),
    Row(
        name="influx-client.read",
        work="read 200k bars from InfluxDB 2.x into pandas",
        against="influxdb-client's `query_data_frame`",
        aim=Aim(value=12.0),
        run=read,
        bound="the server: to ask it for the same fields in its fastest form, MessagePack, and to throw the answer "
        "away takes as long as the read",
    ),
)


# --- the peer --------------------------------------------------------------------------------------


def _write(on: Stage, instrument: str, frame: pd.DataFrame) -> None:
    """Write with the batching writer, whose end waits for all of them; a failed batch fails the run."""
    failed: list[Exception] = []
    tags = {"instrument": instrument, "timeframe": "1m", "source": SOURCE, "version": "latest", "is_adjusted": "false"}
    with on.client.write_api(
        write_options=WriteOptions(batch_size=BATCH, flush_interval=60_000, max_retries=0),
        point_settings=PointSettings(**tags),
        error_callback=lambda _conf, _data, error: failed.append(error),
    ) as writer:
        writer.write(bucket=on.bucket, record=frame, data_frame_measurement_name="market_data")
    assert not failed, failed[0]


def _read(on: Stage, frame: pd.DataFrame) -> Any:
    """Ask in Flux, which is what `query_data_frame` speaks, for a frame with a column for each field."""
    fields: Sequence[str] = [f'r._field == "{name}"' for name in VALUES]
    return on.client.query_api().query_data_frame(
        f'from(bucket: "{on.bucket}") |> range(start: {frame.index[0]:%Y-%m-%dT%H:%M:%SZ}) '
        '|> filter(fn: (r) => r._measurement == "market_data" and r.instrument == "PEER" and r.version == "latest") '
        f"|> filter(fn: (r) => {' or '.join(fields)}) "
        '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") '
        f"|> keep(columns: {str(['_time', *VALUES]).replace(chr(39), chr(34))})"
    )
