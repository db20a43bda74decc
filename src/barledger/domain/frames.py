"""Frames: other people's tables, read as pandas has them: their times, and their columns as doubles."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.rows import Floats, Ints
from barledger.errors import DuplicateColumns, InfiniteValue, WrongType

TIMES: Final = ("time", "timestamp", "datetime", "date", "open_time")
"""What a column of times may be called, in lower case."""
_SIZES: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
"""How many nanoseconds are in the units of pandas."""
_FURTHEST: Final = np.iinfo(np.int64).max


def as_pandas(data: Any) -> pd.DataFrame:
    """Return a table of pandas, polars or Arrow, or a list of mappings, as a pandas frame; raises `WrongType`."""
    if isinstance(data, pd.DataFrame):
        return data
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


def fields_level(columns: pd.MultiIndex) -> int | None:
    """Return the level of a frame's columns that has the close, as yfinance's downloads have one beside the tickers."""
    for level in range(columns.nlevels):
        if {str(value).lower() for value in columns.get_level_values(level)} >= {"close"}:
            return level
    return None


def stamps_of(frame: pd.DataFrame, time: Any) -> Any:
    """Return the times of the rows, each in its own zone, of a column or (None) of the index; raises `WrongType`."""
    if isinstance(frame.index, pd.DatetimeIndex):
        return frame.index
    source = frame[time] if time is not None else frame.index.to_series()
    if isinstance(source.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(source.dtype):
        return pd.DatetimeIndex(source)
    if pd.api.types.is_numeric_dtype(source.dtype) and len(source):
        found = "numbers" if time is not None else "missing: there is neither such a column nor an index of times"
        raise WrongType(count=len(source), column="time", found=found)
    return _parsed(source.tolist())


def nanoseconds(stamps: Any) -> Ints:
    """Return what `stamps_of` gave as ns since the epoch; times without a zone are taken for UTC."""
    count = len(stamps)
    try:
        index = (
            pd.DatetimeIndex(pd.to_datetime(pd.Series(list(stamps), dtype=object), utc=True))
            if isinstance(stamps, list)
            else stamps
        )
        if index.hasnans:
            raise WrongType(count=int(np.sum(index.isna())), column="time", found="missing in some rows")
        if not count:
            return np.empty(0, np.int64)
        return _in_nanoseconds(index)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise WrongType(count=count, column="time", found="beyond what nanoseconds can count") from error


def _in_nanoseconds(index: pd.DatetimeIndex) -> Ints:
    """Return times in ns; raises `OverflowError`. What ``as_unit`` does takes many times as long."""
    times, size = np.asarray(index.asi8), _SIZES[index.unit]
    if size == 1:
        return times
    furthest = max(abs(int(times.min())), abs(int(times.max())))
    if furthest * size > _FURTHEST:
        raise OverflowError(furthest)
    return times * size


def numbers(frame: pd.DataFrame, column: Any, *, copy: bool = True, finite: bool = True) -> Floats:
    """Return a column as doubles, of its own if ``copy``; raises `WrongType`, `DuplicateColumns`.

    Raises `InfiniteValue` too, unless it may be that (``finite=False``).
    """
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
        made = values.to_numpy(np.float64, copy=copy) if _plain(values) else _converted(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise WrongType(count=len(values), column=str(column), found=str(values.dtype)) from error
    if finite:
        refuse_infinite(made, column)
    return np.asarray(made)


def refuse_infinite(values: Floats, column: Any) -> None:
    """Raise `InfiniteValue` if some values are."""
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise InfiniteValue(count=infinite, examples=f", in {column}")


def _plain(values: pd.Series) -> bool:
    return isinstance(values.dtype, np.dtype) and values.dtype.kind == "f"


def _converted(values: pd.Series) -> Any:
    return values.to_numpy(np.float64, na_value=np.nan, copy=True)


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
