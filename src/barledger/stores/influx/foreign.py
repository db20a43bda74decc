"""Points that something else wrote into the measurement: what their tags mean, and moving them.

A condition on one tag also meets points that have more tags, and an empty value stands for a tag that is absent. So
the conditions here name every tag that any point of the measurement has: they choose one set of tags and no other.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Flags, Ints, Rows, empty_rows
from barledger.domain.series import Series
from barledger.domain.version import LATEST
from barledger.errors import InvalidInput
from barledger.influxdb import names
from barledger.influxdb.connection import Connection
from barledger.influxdb.msgpack import Table
from barledger.stores.contract import Foreign, ForeignBars, unguarded
from barledger.stores.influx import influxql
from barledger.stores.influx.layout import EVERY, FLOATS, MEASUREMENT, STAMPS, TAGS, foreign_rows
from barledger.stores.influx.line_protocol import LINES
from barledger.stores.influx.reader import Reader, columns_of

ASIDE: Final = ":taking-over"
"""Ends ``is_adjusted`` of bars that are set aside: no reader of barledger's own layers meets them."""

_TYPES: Final = dict.fromkeys(FLOATS, "float") | {"source_id": "string"}
_STATEMENTS: Final = 200


class ForeignPoints:
    """Finds, copies and deletes points of something else in one bucket."""

    def __init__(self, connection: Connection, bucket: str, reader: Reader) -> None:
        """Work in this bucket through this connection."""
        self._connection = connection
        self._bucket = bucket
        self._reader = reader

    def found(self) -> list[Foreign]:
        """Return every set of tags; what was set aside comes first, then barledger's own, then all others."""
        return sorted(map(meant, self._reader.tag_sets()), key=_order)

    def bars(self, found: Foreign) -> ForeignBars:
        """Return what something else wrote with just these tags."""
        types = self._reader.field_types()
        further = sorted({name for name, _ in types} - {*EVERY, *TAGS})
        table = self._table(found, further)
        strange = _lacking(table, STAMPS)
        obstacle = _obstacle(types)
        if obstacle or not bool(strange.any()):
            return ForeignBars(rows=empty_rows(), others=int(strange.sum()), obstacle=obstacle)
        rows = foreign_rows(columns_of([table], ("time", *EVERY)))
        return ForeignBars(
            rows=rows.pick(np.argsort(rows.time, kind="stable")),
            others=int((strange & _lacking(table, VALUES)).sum()),
            fields=[name for name in further if not bool(_lacking(table, [name]).all())],
        )

    def set_aside(self, series: Series, layer: str, rows: Rows) -> Foreign:
        """Copy bars under tags that differ from barledger's own; returns when they are durable."""
        tags = own_tags(series, layer)
        tags["is_adjusted"] += ASIDE
        key = ",".join([MEASUREMENT, *(f"{name}={names.tag(value)}" for name, value in sorted(tags.items()))])
        for start in range(0, len(rows), LINES):
            lines = "".join(_lines(key, rows.pick(slice(start, start + LINES))))
            self._connection.post_lines(self._bucket, lines.encode(), unguarded)
        return meant(tags)

    def delete(self, found: Foreign, times: Ints) -> None:
        """Delete the points with just these tags at these sorted times; returns when the server has done it."""
        if found.own:
            raise ValueError("these points are barledger's own")
        further = sorted({name for name, _ in self._reader.field_types()} - {*EVERY, *TAGS})
        there = np.unique(columns_of([self._table(found, further)], ("time",))["time"].values)
        where = self._where(found)
        statements = [influxql.delete(where, run) for run in _runs(there, np.isin(there, times))]
        for start in range(0, len(statements), _STATEMENTS):
            asked = ";".join(statements[start : start + _STATEMENTS])
            self._connection.execute(asked, database=self._bucket, after_timeout=False)

    def _table(self, found: Foreign, further: Sequence[str]) -> Table:
        return self._reader.table([*EVERY, *further], self._where(found))

    def _where(self, found: Foreign) -> str:
        """Return the condition that chooses points with just these tags; all others of the measurement are absent."""
        known = {*TAGS, *found.tags, *self._reader.tag_names()}
        pairs = ((names.identifier(name), names.literal(found.tags.get(name, ""))) for name in sorted(known))
        return " AND ".join(f"{name}::tag = {value}" for name, value in pairs)


def own_tags(series: Series, layer: str) -> dict[str, str]:
    """Return the tags that barledger gives a layer's points."""
    return {
        "instrument": series.instrument,
        "timeframe": series.timeframe.name,
        "source": series.source,
        "version": layer,
        "is_adjusted": "true" if series.is_adjusted else "false",
    }


def meant(tags: Mapping[str, str]) -> Foreign:
    """Return what tags mean: without ``is_adjusted`` bars are not adjusted, without ``version`` they are the latest.

    >>> meant({"instrument": "AAPL", "timeframe": "1d", "source": "x", "is_adjusted": "False"}).series
    <AAPL 1d from x>
    >>> meant({"instrument": "AAPL", "timeframe": "1d"}).unclear
    'it has no tag source'
    """
    layer = tags.get("version", LATEST)
    unclear = _unclear(tags)
    if unclear:
        return Foreign(tags=tags, series=None, layer=layer, unclear=unclear)
    try:
        series = Series.of(tags["instrument"], tags["timeframe"], tags["source"], is_adjusted=_flag(tags) == "true")
    except InvalidInput as error:
        return Foreign(tags=tags, series=None, layer=layer, unclear=str(error))
    return Foreign(tags=tags, series=series, layer=layer, own=own_tags(series, layer) == tags)


def _unclear(tags: Mapping[str, str]) -> str:
    absent = [name for name in ("instrument", "timeframe", "source") if not tags.get(name)]
    if absent:
        return f"it has no tag {' and no tag '.join(absent)}"
    further = sorted({*tags} - {*TAGS})
    if further:
        return f"barledger cannot keep its further tags: {', '.join(further)}"
    if _flag(tags) not in {"true", "false"}:
        return f"is_adjusted is {tags['is_adjusted']!r}, neither true nor false"
    return ""


def _flag(tags: Mapping[str, str]) -> str:
    return tags.get("is_adjusted", "false").removesuffix(ASIDE).lower()


def _order(found: Foreign) -> tuple[bool, bool]:
    return not found.tags.get("is_adjusted", "").endswith(ASIDE), not found.own


def _obstacle(types: Sequence[tuple[str, str]]) -> str:
    """Say why InfluxDB could not take barledger's rows in this bucket, or could not find them."""
    for name, kind in types:
        if name in TAGS:
            return f"{name} is also the name of a field in this bucket; copy the bars into another one"
        if kind != _TYPES.get(name, kind):
            return f"{name} is of type {kind} in this bucket, not {_TYPES[name]}; copy the bars into another one"
    return ""


def _lacking(table: Table, fields: Sequence[str]) -> Flags:
    """Tell which points have none of the fields, whatever their types are."""
    places = [table.columns.index(name) for name in fields] if table.parts else []
    lacking = [np.logical_and.reduce([part[at].gaps for at in places]) for part in table.parts]
    return np.concatenate(lacking) if lacking else np.zeros(0, np.bool_)


def _lines(key: str, rows: Rows) -> Iterator[str]:
    floats = {name: column.tolist() for name in FLOATS if (column := getattr(rows, name)) is not None}
    for at, time in enumerate(rows.time.tolist()):
        fields = [f"{name}={column[at]!r}" for name, column in floats.items() if column[at] == column[at]]
        if rows.source_id is not None and rows.source_id[at] is not None:
            fields.append(f"source_id={names.text(rows.source_id[at])}")
        yield f"{key} {','.join(fields)} {time}\n"


def _runs(times: Ints, doomed: Flags) -> Iterator[Interval]:
    """Give the fewest ranges that cover just the doomed among these times."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], doomed, [False]]).astype(np.int8)))
    for first, beyond in edges.reshape(-1, 2).tolist():
        yield Interval(int(times[first]), int(times[beyond - 1]) + 1)
