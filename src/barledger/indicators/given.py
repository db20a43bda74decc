"""Given: a caller's table, with its columns by name and its rows in their order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.bars import Bars
from barledger.domain.frames import TIMES, as_pandas, fields_level, nanoseconds, numbers, stamps_of
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES, Floats, Ints
from barledger.errors import DuplicateColumns, InputUnsuitable, MissingColumns
from barledger.indicators.calculation import metadata_of
from barledger.indicators.naming import plain_name

_WHO: Final = ("symbol", "ticker", "instrument", "tic", "pair")
_APART: Final = "Compute each by itself, as in frame.groupby('{name}') or frame.xs('{first}', axis=1, level={level})."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Given:
    """A table; ``names`` are its columns by the names that specs call them, ``time`` is None where it has no times.

    Times are ns since the epoch, or numbers as the table has them (``timed`` is False then).
    """

    data: Any
    frame: pd.DataFrame
    names: Mapping[str, Any]
    time: Ints | None
    timed: bool

    @staticmethod
    def of(data: Any) -> "Given":
        """Read a table of pandas, polars or Arrow, a list or dict of columns, a series, or bars.

        Names lose their case; what is no letter or digit becomes ``_`` (``Adj Close`` is ``adj_close``). Raises
        `InputUnsuitable` for rows that are not ascending in time, twice there, or of several instruments, and the kin
        of `InvalidBars` for what cannot be read.
        """
        frame = _one_instrument(_framed(data))
        names = _named(frame)
        time, timed = _times(frame, names)
        if time is not None and not _known_ascending(frame.index):
            check_ascending(time, timed=timed)
        return Given(data=data, frame=frame, names=names, time=time, timed=timed)

    def column(self, name: str) -> Floats:
        """Return a column as doubles, which may be infinite; raises `DuplicateColumns` and `WrongType`."""
        theirs = self.names[name]
        if isinstance(theirs, _Several):
            raise DuplicateColumns(count=len(self.frame), column=name, name=str(theirs[-1]))
        # Of columns with one name, pandas gives all at once.
        return numbers(self.frame, theirs, copy=False, finite=False)

    def like(self, columns: Mapping[str, Floats], told: Mapping[str, Any]) -> Any:
        """Return columns as the caller's kind of table, with the index of a pandas frame, or the caller's times."""
        module = type(self.data).__module__
        if module.startswith("polars"):
            return _polars(self.data, self._times_of(_names_of_polars(self.data)), columns)
        if module.startswith("pyarrow"):
            import pyarrow as pa  # noqa: PLC0415 - only for tables of Arrow

            label = self._times_of(getattr(getattr(self.data, "schema", None), "names", ()))
            made: dict[str, Any] = {} if label is None else {label: self.data.column(label)}
            made |= {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
            return pa.table(made).replace_schema_metadata(metadata_of(told))
        found = pd.DataFrame(_handed_over(columns), index=self.frame.index, copy=False)
        found.attrs.update(told)
        return found

    def _times_of(self, labels: Iterable[str]) -> str | None:
        """Return which of the caller's columns has the times, None if none has."""
        index = self.frame.index.name if isinstance(self.frame.index, pd.DatetimeIndex) else None
        found = index if index is not None else next((self.names[name] for name in TIMES if name in self.names), None)
        return found if isinstance(found, str) and found in labels else None


class _Several(list[Any]):
    """Columns of the caller that have the same name for us."""


def check_ascending(time: Ints, *, timed: bool = True) -> None:
    """Raise `InputUnsuitable` unless times are ascending and each is there once."""
    falling = time[1:] <= time[:-1]
    if not bool(falling.any()):
        return
    row = int(np.argmax(falling)) + 1
    at = format_time(int(time[row])) if timed else str(time[row])
    if time[row] == time[row - 1]:
        reason, remedy = f"{at} is there twice (row {row})", "Keep one row of each time, as drop_duplicates does."
    else:
        reason, remedy = f"they are not in ascending order of time: {at} (row {row})", "Sort them: frame.sort_index()."
    raise InputUnsuitable(reason=reason, remedy=remedy)


def _known_ascending(index: Any) -> bool:
    """Tell whether the index is of ascending times, which pandas looks at once and remembers."""
    return isinstance(index, pd.DatetimeIndex) and bool(index.is_monotonic_increasing and index.is_unique)


def _framed(data: Any) -> pd.DataFrame:
    if isinstance(data, Bars):
        return data.to_pandas((*VALUES, "adjustment_factor")) if data.adjusted is None else data.df
    if isinstance(data, pd.Series):
        return data.to_frame("close" if data.name is None else data.name)
    if isinstance(data, Mapping):
        if any(isinstance(one, Bars | pd.DataFrame) for one in data.values()):
            raise _mixed([str(key) for key in data], name="instrument", level=1)
        return _of_columns(data)
    frame = as_pandas(data)
    # What is in attrs would be copied whenever a column is looked at.
    return pd.DataFrame(frame, copy=False) if frame.attrs else frame


def _of_columns(data: Mapping[Any, Any]) -> pd.DataFrame:
    """Return a dict of columns as a frame; raises `InputUnsuitable` unless they are of one length."""
    try:
        return pd.DataFrame(dict(data))
    except ValueError as error:
        sizes = {str(name): len(one) if hasattr(one, "__len__") else 1 for name, one in data.items()}
        told = ", ".join(f"{name} has {size:,}" for name, size in sizes.items())
        remedy = "Give a list or an array of one value for each row, of the same length for every column."
        raise InputUnsuitable(reason=f"columns are of several lengths: {told}", remedy=remedy) from error


def _one_instrument(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with plain columns and index; raises `InputUnsuitable` for several instruments."""
    if isinstance(frame.columns, pd.MultiIndex):
        frame = _one_ticker(frame, frame.columns)
    if isinstance(frame.index, pd.MultiIndex):
        frame = _one_level(frame)
    for name in frame.columns:
        if str(name).strip().lower() in _WHO and len(frame[name].unique()) > 1:
            raise _mixed(frame[name].unique().tolist(), name=str(name), level=1)
    return frame


def _one_ticker(frame: pd.DataFrame, columns: pd.MultiIndex) -> pd.DataFrame:
    level = fields_level(columns)
    if level is None:
        raise MissingColumns(count=len(frame), columns=("close",), found=tuple(map(str, frame.columns)))
    for other in range(columns.nlevels):
        tickers = columns.get_level_values(other).unique()
        if other != level and len(tickers) > 1:
            raise _mixed(tickers.tolist(), name="ticker", level=other)
    return frame.set_axis(columns.get_level_values(level), axis=1)


def _one_level(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the levels of an index that are the same in all rows."""
    index = frame.index
    kept = [level for level in range(index.nlevels) if len(index.get_level_values(level).unique()) > 1]
    times = [n for n in range(index.nlevels) if isinstance(index.get_level_values(n), pd.DatetimeIndex)]
    if len(kept) > 1 or (kept and times and kept[0] != times[0]):
        who = next((level for level in kept if level not in times), kept[0])
        values = index.get_level_values(who)
        raise _mixed(values.unique().tolist(), name="symbol" if values.name is None else str(values.name), level=who)
    return frame.set_axis(index.get_level_values((kept or times or [0])[0]), axis=0)


def _mixed(found: list[Any], *, name: str, level: int) -> InputUnsuitable:
    listed = ", ".join(map(str, found[:5])) + (", …" if len(found) > 5 else "")
    remedy = _APART.format(name=name, first=found[0] if found else "", level=level)
    return InputUnsuitable(reason=f"they are of several instruments: {listed}", remedy=remedy)


def _named(frame: pd.DataFrame) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for column in frame.columns:
        ours = plain_name(column)
        before = names.get(ours)
        if before is None:
            names[ours] = column
        else:
            names[ours] = _Several([*(before if isinstance(before, _Several) else (before,)), column])
    return names


def _times(frame: pd.DataFrame, names: Mapping[str, Any]) -> tuple[Ints | None, bool]:
    """Return the times of the rows, and whether they are in ns; numbers can only tell the order."""
    column = next((names[name] for name in TIMES if name in names), None)
    if isinstance(frame.index, pd.DatetimeIndex):
        return nanoseconds(frame.index), True
    if column is None and (pd.api.types.is_numeric_dtype(frame.index.dtype) or not len(frame)):
        return None, False
    source = frame.index.to_series() if column is None else frame[column]
    if pd.api.types.is_numeric_dtype(source.dtype):
        return source.to_numpy(np.int64), False
    return nanoseconds(stamps_of(frame, column)), True


def _handed_over(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return columns that the caller may write to: those that nobody else has as they are, others copied."""
    made: dict[str, Floats] = {}
    for name, values in columns.items():
        alone = values.base is None and not any(values is one for one in made.values())
        if alone:
            values.setflags(write=True)
        made[name] = values if alone else np.array(values)
    return made


def _names_of_polars(given: Any) -> list[str]:
    schema = given.collect_schema() if hasattr(given, "collect_schema") else {}
    return [*schema]


def _polars(given: Any, time: str | None, columns: Mapping[str, Floats]) -> Any:
    import polars as pl  # noqa: PLC0415 - the caller has it

    lazy = isinstance(given, pl.LazyFrame)
    made = [] if time is None else [(given.select(time).collect() if lazy else given).get_column(time)]
    made += [pl.Series(name, np.array(values), nan_to_null=True) for name, values in columns.items()]
    return pl.DataFrame(made).lazy() if lazy else pl.DataFrame(made)
