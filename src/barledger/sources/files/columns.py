"""Columns: which of a file's columns is which of ours, and their values as numbers and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from barledger.domain.declared import Adjustment
from barledger.domain.rows import VALUES
from barledger.errors import MissingColumns, SourceError, WrongType
from barledger.sources.files.datafile import DataFile, Where
from barledger.sources.files.mappers import ACTIONS, MAPPERS, Mapper, mapper_called, plain

_TOLD: Final = 8
_STATES: Final[Mapping[Adjustment, str]] = {
    "raw": "traded",
    "splits": "adjusted for splits",
    "total": "adjusted for splits and dividends",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """How one file is read: by which mapper, and ``columns``, roles to the file's names; the others are left out.

    ``given`` is what its bars are adjusted for, where the caller says it.
    """

    mapper: Mapper
    columns: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    given: Adjustment | None = None

    @property
    def texts(self) -> frozenset[str]:
        """Return the roles whose values have to be read as they are written."""
        return frozenset({"time"}) if self.mapper.text_times else frozenset()

    @property
    def note(self) -> str:
        """Return what the reader should know, if anything."""
        names = frozenset(map(plain, (*self.columns.values(), *self.left_out)))
        return "; ".join(text for text in (self._assumption, self.mapper.note(names)) if text)

    @property
    def adjustment(self) -> Adjustment:
        """Return what its bars are adjusted for: as the caller says, else as the mapper's program does."""
        return self.given or self.mapper.adjusted(self._beside)

    @property
    def _assumption(self) -> str:
        why = "" if self.given else self.mapper.assumed(self._beside)
        return (
            f"taken as {_STATES[self.adjustment]}: {why} (adjustment=raw, splits or total says otherwise)"
            if why
            else ""
        )

    @property
    def _beside(self) -> frozenset[str]:
        return frozenset(map(plain, self.left_out))

    def __str__(self) -> str:
        """Say it in a line, for the audit log."""
        columns = " ".join(f"{role}={name!r}" for role, name in self.columns.items())
        more = f" and {len(self.left_out) - _TOLD} more" if len(self.left_out) > _TOLD else ""
        left_out = f"; left out {', '.join(map(repr, self.left_out[:_TOLD]))}{more}" if self.left_out else ""
        return f"{self.mapper.name}: {columns}{left_out}{'; ' * bool(self.note)}{self.note}"


def match(file: DataFile) -> Mapped:
    """Return how a file is read; what the caller maps wins, else the mapper's names count without regard to case.

    Raises `MissingColumns`, and `SourceError` where several columns could be meant.
    """
    layout, names, where = file.layout, file.names(), file.origin
    mapper = file.mapper() if layout.mapper is None else mapper_called(layout.mapper)
    known: dict[str, list[str]] = {}
    for name in names:
        known.setdefault(plain(name), []).append(name)
    wished = dict(layout.columns)
    if layout.instrument_column is not None:
        wished["instrument"] = layout.instrument_column
    absent = tuple(theirs for theirs in wished.values() if theirs not in names)
    if absent:
        raise MissingColumns(count=0, columns=absent, found=names, examples=f" in {where}")
    found = {ours: _only(ours, [name for name in names if name == theirs], where) for ours, theirs in wished.items()}
    for role, spellings in mapper.columns.items():
        spelling = next((one for one in spellings if one in known), None)
        ours = "instrument" if role == "ticker" else role
        if ours not in found and spelling is not None:
            found[ours] = _only(ours, known[spelling], where)
    _check(found, mapper, names, where)
    left_out = tuple(name for name in names if name not in set(found.values()))
    return Mapped(mapper=mapper, columns={"time": found["time"]} | found, left_out=left_out, given=layout.adjustment)


def _check(found: Mapping[str, str], mapper: Mapper, names: tuple[str, ...], where: object) -> None:
    missing = tuple(ours for ours in ("time", *VALUES) if ours not in found and ours not in mapper.optional)
    if missing:
        others = ", ".join(one.name for one in MAPPERS)
        told = f" in {where}, read as {mapper.name}; there are the mappers {others}"
        raise MissingColumns(count=0, columns=missing, found=names, examples=told)


def _only(ours: str, candidates: Sequence[str], where: object) -> str:
    if len(candidates) > 1:
        said = ", ".join(map(repr, candidates))
        raise SourceError(source="files", detail=f"{where} has several columns that could be {ours}: {said}")
    return candidates[0]


def values(batch: pa.RecordBatch, matched: Mapping[str, str], where: Where) -> dict[str, pa.Array]:
    """Return the columns other than the time as a batch of bars has them; raises `WrongType`."""
    found = {name: _numbers(name, batch.column(matched[name]), where) for name in VALUES if name in matched}
    for name in VALUES:
        found.setdefault(name, pa.nulls(batch.num_rows, pa.float64()))
    for name in ("adjustment_factor", *ACTIONS):
        if name in matched:
            found[name] = _numbers(name, batch.column(matched[name]), where)
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
