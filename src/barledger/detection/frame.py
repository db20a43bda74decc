"""Frames: other people's tables of bars, read for detection and written back changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.detection.table import COLUMNS, EVENTS, PRICES, Edit, Table, applied
from barledger.domain.rows import Floats, Ints
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import DuplicateColumns, InfiniteValue, MissingColumns, WrongType

_TIMES: Final = ("time", "timestamp", "datetime", "date", "open_time")
_NAMES: Final = {
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "adj close": "adj_close",
    "adj_close": "adj_close",
    "adjclose": "adj_close",
    "adjusted close": "adj_close",
    "adjusted_close": "adj_close",
    "volume": "volume",
    "dividends": "dividends",
    "dividend": "dividends",
    "stock splits": "stock_splits",
    "stock_splits": "stock_splits",
    "splits": "stock_splits",
    "split": "stock_splits",
    "capital gains": "capital_gains",
    "capital_gains": "capital_gains",
}
_STEPS: Final = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Frame:
    """A caller's table, and where its rows and columns stand in the table that is judged.

    ``order`` are the caller's rows by time, ``kept`` those of them that the table holds: of rows with one time the
    first.
    """

    given: Any
    pandas: pd.DataFrame
    stamps: Sequence[pd.Timestamp] | pd.DatetimeIndex
    names: Mapping[str, Any]
    order: Ints
    kept: Ints
    table: Table

    @staticmethod
    def of(data: Any, timeframe: Timeframe | None) -> "Frame":
        """Read a table of pandas, polars or Arrow, or a list of mappings; raises the kin of `InvalidBars`."""
        frame = as_pandas(data)
        names, time = _named(frame)
        stamps = _stamps(frame, time)
        times = _times(stamps, frame)
        columns = {name: _numbers(frame, column) for name, column in names.items()}
        order = np.argsort(times, kind="stable")
        first = np.ones(len(order), np.bool_)
        first[1:] = np.diff(times[order]) != 0
        kept = order[first]
        table = _table(times[kept], {name: values[kept] for name, values in columns.items()}, timeframe)
        return Frame(given=data, pandas=frame, stamps=stamps, names=names, order=order, kept=kept, table=table)

    def corrected(self, edits: Iterable[Edit], dropped: Ints) -> Any:
        """Return the caller's kind of table after the changes, its rows in their order, without those dropped."""
        frame = self.pandas.copy()
        moved = [
            Edit(column=edit.column, rows=self.kept[edit.rows], factor=edit.factor, value=edit.value) for edit in edits
        ]
        changed = {edit.column for edit in moved if edit.column in self.names}
        before = {name: _numbers(self.pandas, self.names[name]) for name in changed}
        for name, values in applied(before, moved).items():
            column = self.names[name]
            frame[column] = _like(frame[column], values, rounds=name == "volume")
        if len(dropped):
            frame = frame[~np.isin(np.arange(len(frame)), dropped)]
        return _as_given(frame, self.given)


def as_pandas(data: Any) -> pd.DataFrame:
    """Return the data as a pandas frame."""
    if isinstance(data, pd.DataFrame):
        return _one_ticker(data)
    if hasattr(data, "collect") and hasattr(data, "lazy"):
        data = data.collect()
    if hasattr(data, "__arrow_c_stream__"):
        import pyarrow as pa  # noqa: PLC0415 - frames of pandas need none

        try:
            return pd.DataFrame(pa.table(data).to_pandas(date_as_object=True))
        except (TypeError, pa.ArrowInvalid) as error:
            raise WrongType(count=0, column="(all)", found=f"{type(data).__name__}, which is no table") from error
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if not all(isinstance(bar, Mapping) for bar in data):
            raise WrongType(count=len(data), column="(every bar)", found="not a mapping of names to values")
        return pd.DataFrame(list(data))
    raise WrongType(count=0, column="(all)", found=f"{type(data).__name__}, which holds no bars")


def _one_ticker(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with plain columns; yfinance's downloads have a level of tickers, of which one can be judged."""
    if not isinstance(frame.columns, pd.MultiIndex):
        return frame
    for level in range(frame.columns.nlevels):
        values = frame.columns.get_level_values(level)
        if {str(value).lower() for value in values} >= {"close"}:
            plain = frame.copy()
            plain.columns = values
            return plain
    raise MissingColumns(count=len(frame), columns=("close",), found=tuple(map(str, frame.columns)))


def _named(frame: pd.DataFrame) -> tuple[dict[str, Any], Any]:
    """Return their names by ours, and the column of times (None: the index)."""
    names: dict[str, Any] = {}
    time: Any = None
    for column in frame.columns:
        lower = str(column).strip().lower()
        ours = _NAMES.get(lower)
        if ours is not None:
            if ours in names:
                raise DuplicateColumns(count=len(frame), column=ours, name=str(column))
            names[ours] = column
        elif lower in _TIMES and time is None:
            time = column
    if "close" not in names:
        raise MissingColumns(count=len(frame), columns=("close",), found=tuple(map(str, frame.columns)))
    return names, time


def _stamps(frame: pd.DataFrame, time: Any) -> Any:
    """Return the times of the rows, each in its own zone."""
    if isinstance(frame.index, pd.DatetimeIndex):
        return frame.index
    source = frame[time] if time is not None else frame.index.to_series()
    if isinstance(source.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(source.dtype):
        return pd.DatetimeIndex(source)
    if pd.api.types.is_numeric_dtype(source.dtype) and len(source):
        found = "numbers" if time is not None else "missing: there is neither such a column nor an index of times"
        raise WrongType(count=len(source), column="time", found=found)
    return _parsed(source.tolist())


def _parsed(values: list[Any]) -> Any:
    try:
        stamps = [pd.Timestamp(value) for value in values]
    except (ValueError, TypeError, OverflowError) as error:
        raise WrongType(count=len(values), column="time", found=f"what is no time ({error})") from error
    if any(pd.isna(stamp) for stamp in stamps):
        raise WrongType(count=len(values), column="time", found="missing in some rows")
    if len({stamp.tz is None for stamp in stamps}) > 1:
        raise WrongType(count=len(values), column="time", found="partly with and partly without a zone")
    return stamps


def _times(stamps: Any, frame: pd.DataFrame) -> Ints:
    """Return ns since the epoch; times without a zone are taken for UTC."""
    try:
        index = (
            pd.DatetimeIndex(pd.to_datetime(pd.Series(list(stamps), dtype=object), utc=True))
            if isinstance(stamps, list)
            else stamps
        )
        if index.hasnans:
            raise WrongType(count=int(np.sum(index.isna())), column="time", found="missing in some rows")
        return np.asarray(index.as_unit("ns").asi8) if len(frame) else np.empty(0, np.int64)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise WrongType(count=len(frame), column="time", found="beyond what nanoseconds can count") from error


def _numbers(frame: pd.DataFrame, column: Any) -> Floats:
    """Return a column as doubles of its own."""
    values = frame[column]
    if isinstance(values, pd.DataFrame):
        raise DuplicateColumns(count=len(frame), column=str(column), name=str(column))
    text = values.dtype == object and any(isinstance(one, str | bytes | bool) for one in values)
    kinds = pd.api.types
    if (
        text
        or not (values.dtype == object or kinds.is_numeric_dtype(values.dtype))
        or kinds.is_bool_dtype(values.dtype)
    ):
        raise WrongType(count=len(values), column=str(column), found="text or truth values")
    if kinds.is_complex_dtype(values.dtype):
        raise WrongType(count=len(values), column=str(column), found="complex numbers")
    try:
        numbers = values.to_numpy(np.float64, na_value=np.nan, copy=True)
    except (ValueError, TypeError, OverflowError) as error:
        raise WrongType(count=len(values), column=str(column), found=str(values.dtype)) from error
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise InfiniteValue(count=infinite, examples=f", in {column}")
    return np.asarray(numbers)


def _table(times: Ints, columns: dict[str, Floats], timeframe: Timeframe | None) -> Table:
    missing = np.full(len(times), np.nan)
    prices = {name: columns.get(name, missing) for name in PRICES}
    others = {name: columns.get(name) for name in COLUMNS if name not in PRICES}
    for name in EVENTS:
        values = others[name]
        if values is not None:
            others[name] = np.nan_to_num(values)
    splits = others["stock_splits"]
    if splits is not None:
        others["stock_splits"] = np.where(splits == 1.0, 0.0, splits)
    step = timeframe.duration if timeframe is not None else usual_step(times)
    return Table(time=times, **prices, **others, bar=step, at=np.arange(len(times), dtype=np.int64))  # type: ignore[arg-type]


def usual_step(times: Ints) -> int:
    """Return how long bars last, by the distance that is most usual between them."""
    if len(times) < 2:
        return DAY
    middle = float(np.median(np.diff(times)))
    return min((Timeframe.of(name).duration for name in _STEPS), key=lambda step: abs(np.log(step / middle)))


def _like(column: pd.Series, values: Floats, *, rounds: bool) -> pd.Series:
    """Return values in the column's own type, where they fit it; volume is rounded to it."""
    if pd.api.types.is_integer_dtype(column.dtype):
        whole = np.rint(values)
        near = np.isfinite(values).all() and (
            rounds or bool((np.abs(values - whole) < 1e-6 * np.abs(values) + 1e-9).all())
        )
        if not near:
            return pd.Series(values, index=column.index, name=column.name)
        values = whole
    return pd.Series(values, index=column.index, name=column.name).astype(column.dtype)


def _as_given(frame: pd.DataFrame, given: Any) -> Any:
    """Return a pandas frame as the kind of table that the caller gave."""
    kind = type(given)
    if isinstance(given, pd.DataFrame):
        if isinstance(given.columns, pd.MultiIndex):
            frame.columns = given.columns
        return frame
    if kind.__module__.startswith("polars"):
        return _as_polars(frame, given)
    if kind.__module__.startswith("pyarrow"):
        import pyarrow as pa  # noqa: PLC0415 - only for tables of Arrow

        return pa.Table.from_pandas(frame, preserve_index=False)
    return frame


def _as_polars(frame: pd.DataFrame, given: Any) -> Any:
    """Return the caller's polars frame with the columns that changed; no row's order differs."""
    import polars as pl  # noqa: PLC0415 - the caller has it

    table = given.collect() if isinstance(given, pl.LazyFrame) else given
    table = table[frame.index.to_list()] if len(frame) != len(table) else table
    changed = []
    for name in table.columns:
        column = table[name]
        if column.dtype.is_numeric():
            values = pl.Series(name, frame[name].to_numpy(copy=True))
            changed.append(values.cast(column.dtype) if not column.dtype.is_integer() else _whole(values, column.dtype))
    return table.with_columns(changed)


def _whole(values: Any, dtype: Any) -> Any:
    return values.cast(dtype) if not values.dtype.is_float() else values
