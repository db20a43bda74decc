"""Writing rows: what goes out in which order, and what has to be deleted first."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Flags, Ints
from barledger.domain.series import Series
from barledger.influxdb.connection import Connection
from barledger.stores.contract import Batch, Guard, Record
from barledger.stores.influx import influxql
from barledger.stores.influx.eraser import Eraser
from barledger.stores.influx.layout import BITS, PRICES, WITHDRAWN, masks
from barledger.stores.influx.line_protocol import bodies, record_line, revision_line
from barledger.stores.influx.reader import Reader

_IN_FLIGHT: Final = 2
"""Bodies on their way at once: a server parses one while it syncs the other, and gains nothing from a third."""

_READY: Final = 1
"""Bodies encoded ahead, so that a connection never waits for one."""


class Writer:
    """Writes the rows of one bucket."""

    def __init__(self, connection: Connection, bucket: str, reader: Reader, eraser: Eraser) -> None:
        """Write to this bucket through this connection."""
        self._connection = connection
        self._bucket = bucket
        self._reader = reader
        self._eraser = eraser

    def write(self, batches: Sequence[Batch], mark: int, guard: Guard) -> None:
        """Upsert the batches in order, and lift the mark to this revision with the last of them."""
        filled = [batch for batch in batches if len(batch.rows)]
        waves = list(_waves(filled))
        for wave in waves[:-1]:
            self._write_wave(wave, b"", guard)
        self._write_wave(waves[-1] if waves else [], revision_line(mark), guard)

    def mirror(self, records: Sequence[Record], guard: Guard) -> None:
        """Write records, all in one body."""
        self._connection.post_lines(self._bucket, b"".join(map(record_line, records)), guard)

    def _write_wave(self, batches: Sequence[Batch], last: bytes, guard: Guard) -> None:
        self._clear(batches, guard)
        self._post(_with_last(bodies(batches), last), guard)

    def _post(self, lines: Iterator[bytes], guard: Guard) -> None:
        first = next(lines, b"")
        second = next(lines, b"")
        if not second:
            if first:
                self._connection.post_lines(self._bucket, first, guard)
            return
        with ThreadPoolExecutor(_IN_FLIGHT, "barledger-write") as pool:
            waiting: deque[Future[None]] = deque()
            try:
                for body in _chain(first, second, lines):
                    waiting.append(pool.submit(self._connection.post_lines, self._bucket, body, guard))
                    while len(waiting) > _IN_FLIGHT + _READY - 1:
                        waiting.popleft().result()
                while waiting:
                    waiting.popleft().result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _clear(self, batches: Sequence[Batch], guard: Guard) -> None:
        """Delete the points that the new rows would not cover: their old values would stay visible to other tools."""
        lacking = [(batch, nulls) for batch in batches if bool(((nulls := masks(batch.rows)) & PRICES).any())]
        partial = [(batch, nulls) for batch, nulls in lacking if bool(_partial(nulls).any())]
        stale = dict(zip([id(batch) for batch, _ in partial], self._stale(partial), strict=True))
        for batch, nulls in lacking:
            gone = batch.rows.time[nulls & WITHDRAWN != 0]
            times = np.union1d(gone, stale.get(id(batch), gone[:0]))
            if len(times):
                self._eraser.erase_points(batch.series, batch.layer, times, guard)

    def _stale(self, batches: "Sequence[tuple[Batch, Ints]]") -> Iterator[Ints]:
        """Give for each batch the times of points that have a price or volume which the new row lacks."""
        statements = [
            influxql.select(_lacked(nulls), influxql.layer_of(batch.series, batch.layer), _hull(batch), limit=1)
            for batch, nulls in batches
        ]
        for (batch, nulls), found in zip(batches, self._reader.answered(statements), strict=True):
            yield self._stale_times(batch, nulls) if found else batch.rows.time[:0]

    def _stale_times(self, batch: Batch, nulls: Ints) -> Ints:
        where = influxql.layer_of(batch.series, batch.layer)
        columns = self._reader.columns([where], [_hull(batch)], VALUES)
        stored = columns["time"].values
        if not len(stored):
            return stored
        at = np.minimum(np.searchsorted(stored, batch.rows.time), len(stored) - 1)
        shown = np.zeros(len(batch.rows), np.bool_)
        for name in VALUES:
            shown |= (nulls & BITS[name] != 0) & ~columns[name].gaps[at]
        times: Ints = batch.rows.time[shown & (stored[at] == batch.rows.time)]
        return times


def _waves(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Divide the batches so that none is under way together with an earlier one of the same layer."""
    wave: list[Batch] = []
    seen: set[tuple[Series, str]] = set()
    for batch in batches:
        key = (batch.series, batch.layer)
        if key in seen:
            yield wave
            wave, seen = [], set()
        wave.append(batch)
        seen.add(key)
    if wave:
        yield wave


def _with_last(lines: Iterator[bytes], last: bytes) -> Iterator[bytes]:
    """Append ``last`` to the last body."""
    held = b""
    for body in lines:
        if held:
            yield held
        held = body
    if held or last:
        yield held + last


def _chain(first: bytes, second: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from lines


def _partial(nulls: Ints) -> Flags:
    """Tell which rows stand, and lack a price or the volume."""
    partial: Flags = (nulls & PRICES != 0) & (nulls & WITHDRAWN == 0)
    return partial


def _lacked(nulls: Ints) -> list[str]:
    lacked = int(np.bitwise_or.reduce(nulls))
    return [name for name in VALUES if lacked & BITS[name]]


def _hull(batch: Batch) -> Interval:
    return Interval(int(batch.rows.time[0]), int(batch.rows.time[-1]) + 1)
