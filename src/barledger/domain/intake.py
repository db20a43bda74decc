"""Intake: from anything with bars in it to validated rows."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from barledger.domain.frames import TIMES
from barledger.domain.rows import VALUES, Floats, Ints, Rows, Texts, constant
from barledger.domain.timeframe import DAY, Timeframe
from barledger.domain.validation import OnInvalid, Validated, validate
from barledger.errors import DuplicateColumns, InvalidBars, InvalidSetting, MissingColumns, NaiveTimes, WrongType

__all__ = ["Validated", "intake"]

_REQUIRED: Final = ("time", *VALUES)
_OURS: Final = (*_REQUIRED, "adjustment_factor", "source_id")
# Up to so many bars, taking columns apart one by one costs more than looking at all of them at once.
_A_FEW: Final = 256
_USABLE_TEXT: Final = re.compile(r"[^\n\r\x00\ud800-\udfff]+")
_NAN: Final = np.float64(np.nan)
_TOLD: Final = 40


def intake(
    data: Any,
    timeframe: Timeframe,
    *,
    on_invalid: OnInvalid = "raise",
    columns: Mapping[str, str] | None = None,
) -> Validated:
    """Read bars and check them.

    ``data`` is a pandas or polars frame, an Arrow table, anything with ``__arrow_c_stream__``, a list of mappings, or
    `Bars`. Names are matched without regard to case; ``columns`` maps ours to theirs. Times need a zone, except plain
    dates for timeframes of a day and longer, which are midnight in UTC. Other columns are ignored.

    The rows may be views of ``data``: they are meant to be written before the caller changes it. Raises
    `MissingColumns`, `DuplicateColumns`, `WrongType`, `NaiveTimes`, and what `validate` raises.
    """
    frame = _frame(data)
    names = tuple(frame.columns.tolist())
    named = _match(names, len(frame), indexed=_indexed(frame), columns=columns or {})
    time = _index_times(frame.index, timeframe) if "time" not in named else _times(frame[named["time"]], timeframe)
    values: dict[str, Any] = _few(frame, names, named) or {name: _floats(name, frame[named[name]]) for name in VALUES}
    rows = Rows(
        time=time,
        **values,
        adjustment_factor=_optional_floats(frame, named),
        source_id=_optional_texts(frame, named),
        revision=constant(0, len(frame)),
        edition=constant(0, len(frame)),
    )
    return validate(rows, timeframe, on_invalid=on_invalid)


def _frame(data: Any) -> pd.DataFrame:
    """Return the data as a pandas frame, whose columns are views wherever that is possible."""
    if isinstance(data, pd.DataFrame):
        return data
    if hasattr(data, "collect") and hasattr(data, "lazy"):  # a polars LazyFrame
        data = data.collect()
    if hasattr(data, "__arrow_c_stream__"):
        import pyarrow as pa  # noqa: PLC0415 - frames of pandas need none

        try:
            return _from_arrow(pa.table(data))
        except (TypeError, pa.ArrowInvalid) as error:  # a stream of one column, for example
            raise WrongType(count=0, column="(all)", found=f"{type(data).__name__}, which is no table") from error
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if not all(isinstance(bar, Mapping) for bar in data):
            raise WrongType(count=len(data), column="(every bar)", found="not a mapping of names to values")
        return pd.DataFrame(list(data), columns=None if data else list(_REQUIRED))
    raise WrongType(
        count=0, column="(all)", found=f"{type(data).__name__}, which holds no bars that barledger can read"
    )


def _from_arrow(table: Any) -> pd.DataFrame:
    return pd.DataFrame(table.to_pandas(split_blocks=True, integer_object_nulls=False, date_as_object=True))


def _match(names: tuple[Any, ...], count: int, *, indexed: bool, columns: Mapping[str, str]) -> dict[str, Any]:
    """Find our columns among theirs; an explicit mapping wins."""
    for ours, name in columns.items():
        if ours not in _OURS:
            raise InvalidSetting(setting="columns", reason=f"{ours!r} is none of {', '.join(_OURS)}")
        if name not in names:
            raise MissingColumns(count=count, columns=(name,), found=tuple(map(str, names)))
    try:
        named, again = _matched(names, tuple(columns.items()), indexed=indexed)
    except TypeError as error:  # a name that cannot be hashed
        raise WrongType(count=count, column="(names)", found="a name that is no text") from error
    if again:
        raise DuplicateColumns(count=count, column=again, name=str(named[again]))
    missing = tuple(name for name in _REQUIRED if name not in named and not (indexed and name == "time"))
    if missing:
        raise MissingColumns(count=count, columns=missing, found=tuple(map(str, names)))
    return named


@lru_cache(maxsize=64)
def _matched(
    names: tuple[Any, ...],
    columns: tuple[tuple[str, str], ...],
    *,
    indexed: bool,
) -> tuple[dict[str, Any], str]:
    """Return theirs by ours, and the first of ours for which another of theirs could be meant as well."""
    theirs = {str(name).lower(): name for name in reversed(names)}
    named: dict[str, Any] = {ours: theirs[ours] for ours in _OURS[1:] if ours in theirs}
    time = next((theirs[name] for name in TIMES if name in theirs), None)
    if time is not None and not indexed:
        named["time"] = time
    named |= dict(columns)
    exact, folded = list(names), [str(name).lower() for name in names]
    for ours, name in named.items():
        alike = exact.count(name) if ours in dict(columns) else folded.count(str(name).lower())
        if alike > 1:
            return named, ours
    return named, ""


def _few(frame: pd.DataFrame, names: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Floats]:
    """Return the values of a few bars that are numbers throughout, at once; of others nothing."""
    if len(frame) > _A_FEW:
        return {}
    cells = frame.to_numpy()
    if cells.dtype != np.float64:
        return {}
    columns = canonical(cells.T)
    return {name: columns[names.index(named[name])] for name in VALUES}


def _indexed(frame: pd.DataFrame) -> bool:
    """Whether the index holds the times."""
    return isinstance(frame.index, pd.DatetimeIndex)


def _index_times(index: Any, timeframe: Timeframe) -> Ints:
    """Return ns since the epoch, as a view of the index wherever that is possible."""
    if index.tz is None:
        if not len(index):
            return np.empty(0, np.int64)
        raise NaiveTimes(count=len(index), daily=timeframe.duration >= DAY)
    if index.hasnans:
        raise WrongType(count=int(index.isna().sum()), column="time", found="missing in some rows")
    try:
        return np.asarray((index if index.unit == "ns" else index.as_unit("ns")).asi8)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise WrongType(count=len(index), column="time", found="beyond what nanoseconds can count") from error


def _times(values: pd.Series, timeframe: Timeframe) -> Ints:
    """Return ns since the epoch."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _checked_times(values.dt.tz_convert("UTC").dt.tz_localize(None))
    if pd.api.types.is_datetime64_dtype(values.dtype):
        if not len(values):
            return np.empty(0, np.int64)
        raise NaiveTimes(count=len(values), daily=timeframe.duration >= DAY)
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        raise WrongType(
            count=len(values), column="time", found=f"{values.dtype}, whose unit is unknown (see pd.to_datetime)"
        )
    return _parsed_times(values, timeframe)


def _parsed_times(values: pd.Series, timeframe: Timeframe) -> Ints:
    """Read texts, dates and timestamps that came as objects."""
    import datetime as dt  # noqa: PLC0415 - only for columns of objects

    objects = values.tolist()
    dates = [type(one) is dt.date or (isinstance(one, str) and len(one) == len("2005-02-28")) for one in objects]
    if objects and all(dates) and timeframe.duration >= DAY:
        naive = pd.to_datetime(pd.Series(objects), errors="coerce", format="ISO8601")
        return _checked_times(naive)
    stamps = [_stamp(one) for one in objects]
    naive_count = sum(stamp.tz is None for stamp in stamps)
    if naive_count:
        raise NaiveTimes(count=naive_count, daily=timeframe.duration >= DAY)
    return np.array([_counted(stamp) for stamp in stamps], np.int64)


def _counted(stamp: pd.Timestamp) -> int:
    try:
        return int(stamp.as_unit("ns").value)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise WrongType(count=1, column="time", found="beyond what nanoseconds can count") from error


def _stamp(value: Any) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise WrongType(count=1, column="time", found=f"{value!r}, which is not a time") from error
    if not isinstance(stamp, pd.Timestamp):
        raise WrongType(count=1, column="time", found="a missing time")
    return stamp


def _checked_times(values: pd.Series) -> Ints:
    if values.isna().any():
        raise WrongType(count=int(values.isna().sum()), column="time", found="missing in some rows")
    try:
        return np.asarray(values.dt.as_unit("ns").to_numpy()).view(np.int64)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise WrongType(count=len(values), column="time", found="beyond what nanoseconds can count") from error


def _floats(name: str, values: pd.Series) -> Floats:
    """Return canonical doubles: one quiet NaN, no -0.0."""
    if values.dtype == np.float64:
        return canonical(values.to_numpy())
    if values.dtype != object and not _real(values.dtype):
        raise _no_numbers(name, values, np.ones(len(values), np.bool_), str(values.dtype))
    if values.dtype == object:
        wrong = np.array([isinstance(one, bool | np.bool_ | str | bytes) for one in values], np.bool_)
        if wrong.any():
            raise _no_numbers(name, values, wrong, "text or truth values")
    try:
        return canonical(values.to_numpy(np.float64, na_value=np.nan))
    except (ValueError, TypeError, OverflowError) as error:
        raise _no_numbers(name, values, np.ones(len(values), np.bool_), str(values.dtype)) from error


def _no_numbers(name: str, values: pd.Series, wrong: npt.NDArray[np.bool_], found: str) -> WrongType:
    """Return the error that names the column, by the caller's name as well, and the first value that is no number."""
    theirs = "" if str(values.name).lower() in (name, "none") else f" ({values.name!r} of the data)"
    at = int(np.argmax(wrong)) if len(wrong) else 0
    first = f": {str(values.iloc[at])[:_TOLD]!r} in row {at + 1} of {len(values)}" if len(values) else ""
    hint = (
        "pd.to_numeric(..., errors='coerce') makes text numbers or missing values; on_invalid='quarantine' is for "
        "bars that break a rule, and cannot tell what text means. "
    )
    return WrongType(count=int(wrong.sum()), column=name, found=found, examples=f"{theirs}{first}", hint=hint)


def _real(dtype: Any) -> bool:
    """Whether values of this type are real numbers; pandas would read texts, spans and complex numbers as such too."""
    types = pd.api.types
    return types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) and not types.is_complex_dtype(dtype)


def canonical(values: npt.NDArray[np.float64]) -> Floats:
    """Return the values with one NaN and without -0.0; the same array if it is so already."""
    values = np.ascontiguousarray(values)
    bits = values.view(np.uint64)
    if len(values) and bool((bits == np.uint64(1 << 63)).any()):
        values = values + 0.0
    missing = np.isnan(values)
    if bool(missing.any()) and bool((values.view(np.uint64)[missing] != _NAN.view(np.uint64)).any()):
        values = values.copy()
        values[missing] = np.nan
    return values


def _optional_floats(frame: pd.DataFrame, named: Mapping[str, str]) -> Floats | None:
    if "adjustment_factor" not in named:
        return None
    values = _floats("adjustment_factor", frame[named["adjustment_factor"]])
    return None if bool(np.isnan(values).all()) else values


def _optional_texts(frame: pd.DataFrame, named: Mapping[str, str]) -> Texts | None:
    if "source_id" not in named:
        return None
    values = frame[named["source_id"]]
    texts = values.astype(object).where(values.notna(), None).to_numpy(object)
    if all(text is None for text in texts):
        return None
    wrong = [text for text in texts if text is not None and not isinstance(text, str)]
    if wrong:
        raise WrongType(count=len(wrong), column="source_id", found=type(wrong[0]).__name__)
    unusable = sum(text is not None and not _USABLE_TEXT.fullmatch(text) for text in texts)
    if unusable:
        raise InvalidBars(count=unusable, examples=": a source_id is empty, has a line break, or is not valid Unicode")
    return texts
