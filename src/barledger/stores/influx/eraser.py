"""Deleting rows."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.influxdb.connection import Connection
from barledger.stores.contract import Guard
from barledger.stores.influx import influxql
from barledger.stores.influx.layout import EVERY
from barledger.stores.influx.reader import Reader, coalesced

_STATEMENTS: Final = 200
_WORTH_A_LOOK: Final = 16
"""Deleting more intervals than this by runs pays for reading which points there are."""


class Eraser:
    """Deletes rows of one bucket."""

    def __init__(self, connection: Connection, bucket: str, reader: Reader) -> None:
        """Delete from this bucket through this connection."""
        self._connection = connection
        self._bucket = bucket
        self._reader = reader

    def erase(self, series: Series, layer: str, intervals: Sequence[Interval], guard: Guard) -> None:
        """Delete a layer's rows in the sorted, disjoint intervals; returns when the server has done it."""
        where = influxql.layer_of(series, layer)
        wanted = [interval for interval in intervals if not interval.empty]
        if len(wanted) > _WORTH_A_LOOK:
            wanted = list(self._runs(series, where, wanted))
        for start in range(0, len(wanted), _STATEMENTS):
            statements = [influxql.delete(where, interval) for interval in wanted[start : start + _STATEMENTS]]
            self._connection.execute(";".join(statements), database=self._bucket, guard=guard, after_timeout=False)

    def erase_points(self, series: Series, layer: str, times: Ints, guard: Guard) -> None:
        """Delete the rows at these sorted times."""
        self.erase(series, layer, [Interval(time, time + 1) for time in times.tolist()], guard)

    def _runs(self, series: Series, where: str, intervals: Sequence[Interval]) -> Iterator[Interval]:
        """Give the fewest ranges that cover just the points that are there and lie in the intervals."""
        spans = coalesced(intervals, 500 * series.timeframe.duration)
        times = np.unique(self._reader.columns([where], spans, EVERY)["time"].values)
        starts = np.array([interval.start for interval in intervals], np.int64)
        ends = np.array([interval.end for interval in intervals], np.int64)
        at = np.searchsorted(starts, times, side="right") - 1
        doomed = (at >= 0) & (times < ends[at])
        edges = np.flatnonzero(np.diff(np.concatenate([[False], doomed, [False]]).astype(np.int8)))
        for first, beyond in edges.reshape(-1, 2).tolist():
            yield Interval(int(times[first]), int(times[beyond - 1]) + 1)
