"""How a row lies in a point of InfluxDB.

InfluxDB merges the fields of points with the same tags and time, and has no NaN. So each row carries in ``nulls`` a
bit for every field that it does not have: what the server then still shows in such a field belongs to an older row.
A field that the bits promise and the server lacks means that the row is not whole yet, and it is left out.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from barledger.domain.rows import NEVER, VALUES, Flags, Floats, Ints, Rows, constant, empty_rows
from barledger.influxdb.msgpack import Column

MEASUREMENT: Final = "market_data"
META: Final = "barledger_meta"
MARKED_AT: Final = 7_258_118_400_000_000_000
"""The time of the mark, in the year 2200: a bucket that deletes old points is to keep it longer than its bars."""
TAGS: Final = ("instrument", "timeframe", "source", "version", "is_adjusted")
COPIES: Final = "edition_"

FLOATS: Final = (*VALUES, "adjustment_factor")
BITS: Final = {name: 1 << place for place, name in enumerate((*FLOATS, "source_id"))}
WITHDRAWN: Final = 1 << 7
SUPERSEDED: Final = 1 << 8
"""Set in a row that has a ``superseded_at``: without it the field is an older row's, or not expected at all."""

STAMPS: Final = ("revision", "edition", "nulls")
USUAL: Final = (*VALUES, *STAMPS)
EVERY: Final = (*FLOATS, "source_id", *STAMPS, "superseded_at")
PRICES: Final = sum(BITS[name] for name in VALUES)
_RARE: Final = {"adjustment_factor": BITS["adjustment_factor"], "source_id": BITS["source_id"]}


Columns = Mapping[str, Column]


def masks(rows: Rows) -> Ints:
    """Return each row's ``nulls``."""
    found = np.zeros(len(rows), np.int64)
    for name in FLOATS:
        column = getattr(rows, name)
        found |= BITS[name] if column is None else np.where(np.isnan(column), BITS[name], 0)
    if rows.source_id is None:
        found |= BITS["source_id"]
    else:
        found |= np.fromiter((BITS["source_id"] * (value is None) for value in rows.source_id), np.int64, len(rows))
    if rows.withdrawn is not None:
        found |= np.where(rows.withdrawn, WITHDRAWN, 0)
    if rows.superseded_at is not None:
        found |= np.where(rows.superseded_at == NEVER, 0, SUPERSEDED)
    return found


def rare_fields(columns: Columns) -> tuple[str, ...]:
    """Return the fields beyond `USUAL` that some row has, so that they must be asked for."""
    nulls = columns["nulls"]
    given = nulls.values if nulls.missing is None else nulls.values[~nulls.missing]
    if not len(given):
        return ()
    absent, present = int(np.bitwise_and.reduce(given)), int(np.bitwise_or.reduce(given))
    fields = [name for name, bit in _RARE.items() if not absent & bit]
    return (*fields, "superseded_at") if present & SUPERSEDED else tuple(fields)


def rows_of(columns: Columns) -> Rows:
    """Return the whole rows of an answer that has at least the fields `USUAL` and `rare_fields`."""
    whole = _whole(columns)
    if whole is not None:
        columns = {name: _pick(column, whole) for name, column in columns.items()}
    if not len(columns["time"].values):
        return empty_rows()
    nulls = columns["nulls"].values
    return Rows(
        time=columns["time"].values,
        revision=_collapsed(columns["revision"].values),
        edition=_collapsed(columns["edition"].values),
        adjustment_factor=_optional(columns, nulls, "adjustment_factor"),
        source_id=_optional(columns, nulls, "source_id"),
        withdrawn=_flagged(nulls),
        superseded_at=_superseded(columns, nulls),
        **_prices({name: _values(columns, nulls, name) for name in VALUES}),
    )


def foreign_rows(columns: Columns) -> Rows:
    """Return the rows of an answer that carry none of our stamps, with revision and edition 0."""
    strange = np.logical_and.reduce([columns[name].gaps for name in STAMPS])
    valued = ~np.logical_and.reduce([columns[name].gaps for name in VALUES])
    picked = {name: _pick(column, strange & valued) for name, column in columns.items()}
    size = len(picked["time"].values)
    factor, source_id = picked["adjustment_factor"], picked["source_id"]
    return Rows(
        time=picked["time"].values,
        adjustment_factor=None if bool(factor.gaps.all()) else factor.values + 0.0,
        source_id=None if bool(source_id.gaps.all()) else source_id.values,
        revision=constant(0, size),
        edition=constant(0, size),
        **_prices({name: picked[name].values + 0.0 for name in VALUES}),
    )


def _prices(values: dict[str, Floats]) -> Any:
    return values


def _whole(columns: Columns) -> Flags | None:
    """Return which rows have all that they should have, or None if all have."""
    nulls = columns["nulls"]
    lacking = [columns[name].missing for name in ("revision", "edition", "nulls")]
    for name, column in columns.items():
        if column.missing is not None and name in BITS:
            lacking.append(column.missing & (nulls.values & BITS[name] == 0))
        elif column.missing is not None and name == "superseded_at":
            lacking.append(column.missing & (nulls.values & SUPERSEDED != 0))
    broken = [mask for mask in lacking if mask is not None and bool(mask.any())]
    return ~np.logical_or.reduce(broken) if broken else None


def _pick(column: Column, chosen: Flags) -> Column:
    return Column(column.values[chosen], None if column.missing is None else column.missing[chosen])


def _values(columns: Columns, nulls: Ints, name: str) -> Floats:
    absent = nulls & BITS[name] != 0
    if not bool(absent.any()):
        return columns[name].values
    return np.where(absent, np.nan, columns[name].values)


def _optional(columns: Columns, nulls: Ints, name: str) -> Any:
    absent = nulls & BITS[name] != 0
    if bool(absent.all()):
        return None
    missing: Any = np.nan if name in FLOATS else None
    return np.where(absent, missing, columns[name].values)


def _flagged(nulls: Ints) -> Flags | None:
    withdrawn = nulls & WITHDRAWN != 0
    return withdrawn if bool(withdrawn.any()) else None


def _superseded(columns: Columns, nulls: Ints) -> Ints | None:
    told = nulls & SUPERSEDED != 0
    return np.where(told, columns["superseded_at"].values, NEVER) if bool(told.any()) else None


def _collapsed(column: Ints) -> Ints:
    """Return a column of one value as a view that takes no memory."""
    return constant(int(column[0]), len(column)) if bool((column == column[0]).all()) else column
