"""Columns: which of a file's columns is which of ours, and their values as numbers and texts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from barledger.domain.rows import VALUES
from barledger.errors import MissingColumns, SourceError, WrongType
from barledger.sources.files.datafile import Where
from barledger.sources.files.layout import OURS, Layout

# pandas calls an index without a name so when it writes Parquet and Arrow.
_TIME_NAMES: Final = ("time", "timestamp", "datetime", "date", "open_time", "__index_level_0__")


def match(names: Sequence[str], layout: Layout, where: object) -> dict[str, str]:
    """Return our names to theirs; what the caller maps wins, else names count without regard to case.

    Raises `MissingColumns`, and `SourceError` where several columns could be meant.
    """
    known: dict[str, list[str]] = {}
    for name in names:
        known.setdefault(_plain(name), []).append(name)
    wished = dict(layout.columns)
    if layout.instrument_column is not None:
        wished["instrument"] = layout.instrument_column
    absent = tuple(theirs for theirs in wished.values() if theirs not in names)
    if absent:
        raise MissingColumns(count=0, columns=absent, found=tuple(names), examples=f" in {where}")
    found = {ours: _only(ours, [name for name in names if name == theirs], where) for ours, theirs in wished.items()}
    for ours in OURS:
        spelling = next((one for one in (_TIME_NAMES if ours == "time" else (ours,)) if one in known), None)
        if ours not in found and spelling is not None:
            found[ours] = _only(ours, known[spelling], where)
    missing = tuple(ours for ours in layout.wanted if ours not in found)
    if missing:
        raise MissingColumns(count=0, columns=missing, found=tuple(names), examples=f" in {where}")
    return found


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _only(ours: str, candidates: Sequence[str], where: object) -> str:
    if len(candidates) > 1:
        said = ", ".join(map(repr, candidates))
        raise SourceError(source="files", detail=f"{where} has several columns that could be {ours}: {said}")
    return candidates[0]


def values(batch: pa.RecordBatch, matched: Mapping[str, str], where: Where) -> dict[str, pa.Array]:
    """Return the columns other than the time as a batch of bars has them; raises `WrongType`."""
    found = {name: _numbers(name, batch.column(matched[name]), where) for name in VALUES}
    if "adjustment_factor" in matched:
        factors = batch.column(matched["adjustment_factor"])
        found["adjustment_factor"] = _numbers("adjustment_factor", factors, where)
    if "source_id" in matched:
        found["source_id"] = _texts(batch.column(matched["source_id"]), where)
    return found


def _numbers(name: str, column: pa.Array, where: Where) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not numeric and not pa.types.is_null(kind):
        raise WrongType(count=len(column), column=name, found=str(kind), examples=f" in {where}")
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid as error:  # an integer that no double has
        raise WrongType(count=len(column), column=name, found=f"{kind}: {error}", examples=f" in {where}") from error


def _texts(column: pa.Array, where: Where) -> pa.Array:
    """Return texts; an empty one is missing, since CSV cannot tell them apart."""
    texts = as_text(column, "source_id", where)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def as_text(column: pa.Array, name: str, where: Where) -> pa.Array:
    """Return a column of names or references as text; raises `WrongType`."""
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        found: Any = column.type
        raise WrongType(count=len(column), column=name, found=str(found), examples=f" in {where}") from error
