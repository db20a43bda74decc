"""Rows: bars as a store keeps them, column by column.

A caller's bars and a store's rows differ by bookkeeping: a row also knows the revision that wrote it, its edition,
whether it withdraws the bar, and (in a copy) which revision superseded it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from barledger.domain.interval import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
Positions = Ints | range

VALUES: Final = ("open", "high", "low", "close", "volume")
NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows in ascending order of time; all columns have the same length.

    Floats are canonical: one quiet NaN for a missing value, no -0.0, no infinity. ``None`` for a whole optional
    column means that it is missing (``adjustment_factor``, ``source_id``), False (``withdrawn``) or never
    (``superseded_at``) in every row. A column whose rows all agree may be a read-only broadcast view (`constant`).
    Writable columns belong to whoever was given the rows alone; rows that somebody keeps are `frozen`.
    """

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    adjustment_factor: Floats | None = None
    source_id: Texts | None = None
    revision: Ints
    edition: Ints
    withdrawn: Flags | None = None
    superseded_at: Ints | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.time)

    def columns(self) -> Iterator[tuple[str, npt.NDArray[Any] | None]]:
        """Give each column's name and array, in the schema's order."""
        return ((name, getattr(self, name)) for name in COLUMNS)

    def pick(self, index: "npt.NDArray[Any] | slice") -> "Rows":
        """Return the rows that a mask, positions or a slice choose; slices do not copy."""
        picked: Any = (None if column is None else column[index] for column in _columns_of(self))
        return Rows(**dict(zip(COLUMNS, picked, strict=True)))

    def take(self, positions: Positions) -> "Rows":
        """Return the rows at ascending, unique positions; an unbroken run of them is not copied."""
        count = len(positions)
        if not count:
            return self.pick(slice(0, 0)) if len(self) else self
        if int(positions[-1]) - int(positions[0]) + 1 == count:
            first = int(positions[0])
            return self if count == len(self) else self.pick(slice(first, first + count))
        return self.pick(np.asarray(positions))

    def within(self, interval: Interval) -> "Rows":
        """Return the rows whose time lies in the interval, without copying."""
        if not len(self) or (interval.start <= self.time.item(0) and self.time.item(-1) < interval.end):
            return self
        first, last = self.time.searchsorted((interval.start, interval.end)).tolist()
        return self.pick(slice(first, last))

    def within_any(self, intervals: Sequence[Interval]) -> "Rows":
        """Return the rows whose time lies in one of the sorted, disjoint intervals."""
        if len(intervals) == 1:
            found = self.within(intervals[0])
            return found if len(found) else empty_rows()
        return concat([self.within(interval) for interval in intervals])

    def stamped(
        self,
        *,
        revision: int | Ints,
        edition: int | Ints,
        withdrawn: Flags | None = None,
        superseded_at: int | None = None,
    ) -> "Rows":
        """Return the same bars with other bookkeeping."""
        n = len(self)
        return Rows(
            time=self.time,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            adjustment_factor=self.adjustment_factor,
            source_id=self.source_id,
            revision=constant(revision, n) if isinstance(revision, int) else revision,
            edition=constant(edition, n) if isinstance(edition, int) else edition,
            withdrawn=withdrawn,
            superseded_at=None if superseded_at is None else constant(superseded_at, n),
        )

    def frozen(self) -> "Rows":
        """Return the same rows after making their columns read-only."""
        for column in _columns_of(self):
            if column is not None:
                column.setflags(write=False)
        return self

    def standing(self) -> "Rows":
        """Return the rows that are bars, leaving the withdrawn ones out."""
        if self.withdrawn is None:
            return self
        left = self.pick(~self.withdrawn)
        return replace(left, withdrawn=None)


COLUMNS: Final = tuple(Rows.__dataclass_fields__)
OPTIONAL: Final[dict[str, Any]] = {
    "adjustment_factor": np.nan,
    "source_id": None,
    "withdrawn": False,
    "superseded_at": NEVER,
}


_columns_of: Final[Callable[[Rows], tuple[Any, ...]]] = attrgetter(*COLUMNS)


@lru_cache(maxsize=64)
def constant(value: int, length: int) -> Ints:
    """Return a read-only column of one value that takes no memory."""
    return np.ndarray((length,), np.int64, np.int64(value).tobytes(), strides=(0,))


def empty_rows() -> Rows:
    """Return no rows."""
    floats, ints = np.empty(0, np.float64), np.empty(0, np.int64)
    return Rows(
        time=ints, open=floats, high=floats, low=floats, close=floats, volume=floats, revision=ints, edition=ints
    )


def tombstones(times: Ints) -> Rows:
    """Return rows without values that withdraw the bars at ``times``; stamp them before they are written."""
    n = len(times)
    missing = np.full(n, np.nan)
    return Rows(
        time=times,
        open=missing,
        high=missing,
        low=missing,
        close=missing,
        volume=missing,
        revision=constant(0, n),
        edition=constant(0, n),
        withdrawn=np.ones(n, np.bool_),
    )


def concat(parts: Iterable[Rows]) -> Rows:
    """Join parts one after the other; the caller answers for the order of times."""
    pieces = [part for part in parts if len(part)]
    if not pieces:
        return empty_rows()
    if len(pieces) == 1:
        return pieces[0]
    columns = zip(*map(_columns_of, pieces), strict=True)
    return Rows(**{name: _join(list(column), pieces, name) for name, column in zip(COLUMNS, columns, strict=True)})


def copied(rows: Rows) -> Rows:
    """Return the same rows in memory of their own."""
    columns: Any = (None if column is None else column.copy() for column in _columns_of(rows))
    return Rows(**dict(zip(COLUMNS, columns, strict=True)))


def merge(parts: Iterable[Rows]) -> Rows:
    """Join parts and sort them by time; equal times keep the order of the parts."""
    joined = concat(parts)
    if len(joined) < 2 or bool(np.all(joined.time[1:] >= joined.time[:-1])):
        return joined
    return joined.pick(np.argsort(joined.time, kind="stable"))


def overlay(base: Rows, updates: Rows) -> Rows:
    """Return ``base`` with the rows of ``updates`` in the place of those with the same time, or added."""
    if not len(updates):
        return base
    if not len(base) or updates.time[0] > base.time[-1]:
        return concat([base, updates])
    at = np.searchsorted(base.time, updates.time)
    known = base.time[np.minimum(at, len(base) - 1)] == updates.time
    if not bool(known.any()):
        return _inserted(base, at, updates)
    replaced = _replaced(base, at[known], updates.take(np.flatnonzero(known)))
    return replaced if bool(known.all()) else _inserted(replaced, at[~known], updates.pick(~known))


def _replaced(base: Rows, at: Ints, updates: Rows) -> Rows:
    """Return ``base`` with other rows at these positions; a column in which they are no other is not copied."""
    columns: dict[str, Any] = {}
    for name, column, values in _paired(base, updates):
        if column is not None and not _same(column[at], values):
            columns[name] = np.array(column)
            columns[name][at] = values
        else:
            columns[name] = column
    return Rows(**columns)


def _same(old: Any, new: Any) -> bool:
    """Tell whether values are the same to the bit."""
    if old.dtype == np.float64:
        old, new = old.view(np.int64), new.view(np.int64)
    return bool((old == new).all())


def _inserted(base: Rows, at: Ints, updates: Rows) -> Rows:
    """Return ``base`` with rows put before these ascending positions."""
    columns: dict[str, Any] = {
        name: None if column is None else np.insert(column, at, values)
        for name, column, values in _paired(base, updates)
    }
    return Rows(**columns)


def _paired(base: Rows, updates: Rows) -> Iterator[tuple[str, Any, Any]]:
    """Give each column of both, filled in where only one of them has it."""
    for name in COLUMNS:
        column, values = getattr(base, name), getattr(updates, name)
        if column is None and values is not None:
            column = np.full(len(base), OPTIONAL[name], values.dtype)
        elif values is None and column is not None:
            values = np.full(len(updates), OPTIONAL[name], column.dtype)
        yield name, column, values


def found_in(times: Ints, among: Ints) -> Flags:
    """Tell for each time whether it is in the sorted ``among``."""
    if not len(among):
        return np.zeros(len(times), np.bool_)
    at = np.minimum(np.searchsorted(among, times), len(among) - 1)
    return np.asarray(among[at] == times)


def _alike(one: Ints, other: Ints) -> bool:
    """Tell whether both are known to be one value throughout, and the same."""
    return one.strides == other.strides == (0,) and bool(one[0] == other[0])


def _join(columns: list[Any], pieces: list[Rows], name: str) -> Any:
    if name in OPTIONAL:
        if not any(column is not None for column in columns):
            return None
        fill = OPTIONAL[name]
        given = next(column for column in columns if column is not None)
        columns = [
            np.full(len(piece), fill, given.dtype) if column is None else column
            for column, piece in zip(columns, pieces, strict=True)
        ]
    elif columns[0].strides == (0,) and all(_alike(column, columns[0]) for column in columns):
        return np.broadcast_to(columns[0][0], (sum(map(len, columns)),))
    return np.concatenate(columns)
