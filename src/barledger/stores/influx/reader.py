"""Reading rows back."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from barledger.domain.interval import Interval, everything
from barledger.domain.rows import Rows, empty_rows
from barledger.domain.series import Series
from barledger.domain.timeframe import TIMEFRAMES
from barledger.errors import StoreDamaged
from barledger.influxdb.connection import Connection
from barledger.influxdb.msgpack import Column, Table
from barledger.influxdb.names import identifier, tags_of
from barledger.stores.influx import influxql
from barledger.stores.influx.layout import (
    EVERY,
    FLOATS,
    MEASUREMENT,
    USUAL,
    Columns,
    foreign_rows,
    rare_fields,
    rows_of,
)

_STATEMENTS: Final = 100
"""Statements of one request: enough to hide the round trip, few enough to stay within any server's patience."""

_REACH: Final = 500
"""Intervals that are so many bars apart are read as one: that costs what another statement would."""


class Reader:
    """Reads the rows of one bucket."""

    def __init__(self, connection: Connection, bucket: str) -> None:
        """Read this bucket through this connection."""
        self._connection = connection
        self._bucket = bucket
        # Which fields beyond the usual ones the rows of a series have, learnt from what was read.
        self._rare: dict[Series, frozenset[str]] = {}

    def layer(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the whole rows of a layer; raises `StoreDamaged` if two have one time."""
        rows = self._rows(series, influxql.layer_of(series, layer), intervals, frozenset())
        if len(rows) > 1 and not bool((rows.time[1:] > rows.time[:-1]).all()):
            where = f"{series}, layer {layer}, in {self._connection.url}"
            raise StoreDamaged(where=where, detail="two rows have the same time, so a tag is not ours")
        return rows

    def copies(self, series: Series, intervals: Sequence[Interval], *, after: int) -> Rows:
        """Return the whole rows of all edition layers that were superseded after a revision."""
        where = influxql.copies_of(series, after=after)
        return self._rows(series, where, intervals, frozenset({"superseded_at"}))

    def foreign(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the rows of a layer that were not written by barledger, in ascending order of time."""
        rows = foreign_rows(self.columns([influxql.layer_of(series, layer)], intervals, EVERY))
        return rows.pick(np.argsort(rows.time, kind="stable"))

    def columns(self, wheres: Sequence[str], intervals: Sequence[Interval], fields: Sequence[str]) -> Columns:
        """Return some fields of the points that meet one of the conditions, one after the other."""
        statements = [influxql.select(fields, where, interval) for where in wheres for interval in intervals]
        return columns_of(self._tables(statements), ("time", *fields))

    def answered(self, statements: Sequence[str]) -> list[bool]:
        """Tell for each statement whether it finds anything."""
        return [bool(table.parts) for table in self._tables(statements)]

    def series(self) -> list[Series]:
        """Return every series that has a layer, sorted."""
        return sorted({series for tags in self.tag_sets() if (series := _series_of(tags))})

    def tag_sets(self) -> list[dict[str, str]]:
        """Return every set of tags that points have, sorted by the server."""
        return [tags_of(values[0]) for values in self._shown("SHOW SERIES")]

    def tag_names(self) -> list[str]:
        """Return every tag that points have."""
        return [values[0] for values in self._shown("SHOW TAG KEYS")]

    def field_types(self) -> list[tuple[str, str]]:
        """Return every field with its type; a field has several types if its shards disagree."""
        return [(values[0], values[1]) for values in self._shown("SHOW FIELD KEYS")]

    def layers(self, series: Series) -> list[str]:
        """Return the layers of a series, sorted."""
        results = self._connection.execute(
            f"SHOW TAG VALUES FROM {identifier(MEASUREMENT)} WITH KEY = version WHERE {influxql.series_of(series)}",
            database=self._bucket,
        )
        return sorted(values[1] for found in results[0].get("series", []) for values in found.get("values", []))

    def table(self, fields: Sequence[str], where: str) -> Table:
        """Return fields of any type of all points that meet a condition, as the server gives them."""
        return next(self._tables([influxql.select(fields, where, everything())]))

    def _shown(self, statement: str) -> "Iterator[list[str]]":
        results = self._connection.execute(f"{statement} FROM {identifier(MEASUREMENT)}", database=self._bucket)
        return (values for found in results[0].get("series", []) for values in found.get("values", []))

    def _rows(self, series: Series, where: str, intervals: Sequence[Interval], wanted: frozenset[str]) -> Rows:
        wanted |= self._rare.get(series, frozenset({"adjustment_factor"} if series.is_adjusted else ()))
        spans = coalesced(intervals, _REACH * series.timeframe.duration)
        while True:
            columns = self.columns([where], spans, [*USUAL, *sorted(wanted)])
            rare = frozenset(rare_fields(columns))
            if rare <= wanted:
                break
            wanted |= rare
            self._rare[series] = self._rare.get(series, frozenset()) | rare - {"superseded_at"}
        rows = rows_of(columns)
        return rows if spans == list(intervals) else _inside(rows, intervals)

    def _tables(self, statements: Sequence[str]) -> Iterator[Table]:
        for start in range(0, len(statements), _STATEMENTS):
            asked = statements[start : start + _STATEMENTS]
            decoder = self._connection.select(asked, database=self._bucket)
            yield from (decoder.tables.get(number, Table()) for number in range(len(asked)))


def coalesced(intervals: Sequence[Interval], reach: int) -> list[Interval]:
    """Join sorted intervals that are at most ``reach`` ns apart."""
    joined: list[Interval] = []
    for interval in intervals:
        if interval.empty:
            continue
        if joined and interval.start - joined[-1].end <= reach:
            joined[-1] = Interval(joined[-1].start, interval.end)
        else:
            joined.append(interval)
    return joined


def columns_of(tables: Iterable[Table], names: Sequence[str]) -> Columns:
    """Return the columns of these names, the rows of one table after the other."""
    filled = [table for table in tables if table.parts]
    if not filled:
        return {name: Column(np.empty(0, _kind(name))) for name in names}
    whole = Table(columns=filled[0].columns, parts=[part for table in filled for part in table.parts])
    return {name: whole.column(name, _kind(name)) for name in names}


def _kind(name: str) -> "npt.DTypeLike":
    if name in FLOATS:
        return np.float64
    return np.object_ if name == "source_id" else np.int64


def _inside(rows: Rows, intervals: Sequence[Interval]) -> Rows:
    """Return the rows, in any order, whose time lies in one of the sorted, disjoint intervals."""
    if not len(rows) or not intervals:
        return empty_rows()
    starts = np.array([interval.start for interval in intervals], np.int64)
    ends = np.array([interval.end for interval in intervals], np.int64)
    at = np.searchsorted(starts, rows.time, side="right") - 1
    return rows.pick((at >= 0) & (rows.time < ends[at]))


def _series_of(tags: dict[str, str]) -> Series | None:
    """Return the series that our tags name, or None for a point of another layout."""
    timeframe = TIMEFRAMES.get(tags.get("timeframe", ""))
    if timeframe is None or not tags.get("version") or tags.get("is_adjusted") not in {"true", "false"}:
        return None
    if not tags.get("instrument") or not tags.get("source"):
        return None
    return Series(
        instrument=tags["instrument"],
        timeframe=timeframe,
        source=tags["source"],
        is_adjusted=tags["is_adjusted"] == "true",
    )
