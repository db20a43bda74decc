"""Instants: a file's times, in whatever form, as ns in UTC."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import NaiveTimes, WrongType
from barledger.sources.files.datafile import Where
from barledger.sources.files.layout import Layout
from barledger.sources.files.mappers import PLAIN, Mapper

UTC: Final = pa.timestamp("ns", "UTC")
_NAIVE: Final = pa.timestamp("ns")
_FIRST_MILLI: Final = 10**11
_LAST_NS: Final = 2**63 - 1
_MIDNIGHT: Final = r"^\d{4}-\d{2}-\d{2}([T ]00:00(:00(\.0+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$"
_WRITTEN: Final = (pa.date32(), _NAIVE, UTC)


def instants(column: pa.Array, layout: Layout, timeframe: Timeframe, where: Where, mapper: Mapper = PLAIN) -> pa.Array:
    """Return times as ``timestamp[ns, UTC]``.

    Dates are midnight in UTC, for timeframes of a day and longer; for these, midnight in ``zone`` means its date too,
    because such a bar is labelled by its day, and so do midnights without a zone, which any zone would read alike.
    Integers need a ``time_unit``, other times without a zone a ``zone``. A time that ``zone`` has twice or never is
    refused. A ``mapper`` may know better. Raises `WrongType` and `NaiveTimes`.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count:
        missing = pc.index(column.is_null(), value=True).as_py()
        raise WrongType(
            count=column.null_count, column="time", found="none in some rows", examples=f" in {where.at(missing)}"
        )
    if not len(column):
        return pa.array([], UTC)
    try:
        local = _local_dates(column) if mapper.local_dates and timeframe.duration >= DAY else None
        return _read(column, layout, timeframe, where, mapper) if local is None else _as_utc(local)
    except pa.ArrowException as error:
        raise _wrong(column, f"{column.type}: {_first_line(error)}", where) from error


def _read(column: pa.Array, layout: Layout, timeframe: Timeframe, where: Where, mapper: Mapper) -> pa.Array:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _parsed(column, where)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        by_magnitude = mapper.by_magnitude and layout.time_unit is None
        column = _by_magnitude(column, where) if by_magnitude else _counted(column, layout, where)
    if pa.types.is_date(column.type):
        if timeframe.duration < DAY:
            raise NaiveTimes(count=len(column), examples=f" in {where}")
        return _as_utc(column.cast(pa.date32()).cast(_NAIVE))
    if not pa.types.is_timestamp(column.type):
        raise _wrong(column, str(column.type), where)
    if column.type.tz is None:
        return _placed(column.cast(_NAIVE), layout, timeframe, where)
    if layout.zone is None or timeframe.duration < DAY:
        return column.cast(UTC)
    return _placed(pc.local_timestamp(column.cast(pa.timestamp("ns", layout.zone))), layout, timeframe, where)


def _parsed(texts: pa.Array, where: Where) -> pa.Array:
    """Read ISO 8601: all dates, all without a zone, or all with one."""
    for kind in _WRITTEN:
        if (read := _cast(texts, kind)) is not None:
            return read
    first = next((kind for kind in _WRITTEN if _cast(texts.slice(0, 1), kind) is not None), None)
    # Only a file that is refused pays for looking at every time.
    at = 0 if first is None else next(at for at in range(len(texts)) if _cast(texts.slice(at, 1), first) is None)
    after = f" after times such as {texts[0].as_py()}" if at else ", which is not ISO 8601"
    found = f"text ({texts[at].as_py()!r}{after})"
    raise WrongType(count=len(texts), column="time", found=found, examples=f" in {where.at(at)}")


def _cast(texts: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def _counted(column: pa.Array, layout: Layout, where: Where) -> pa.Array:
    if layout.time_unit is None:
        found = f"{column.type} ({column[0].as_py()}), whose unit is unknown; say it with time_unit=s, ms, us or ns"
        raise _wrong(column, found, where)
    return column.cast(pa.int64()).cast(pa.timestamp(layout.time_unit, "UTC"))


def _by_magnitude(column: pa.Array, where: Where) -> pa.Array:
    """Read milli- or microseconds; up to the year 5138 no instant since 1973 can be meant in both."""
    counts = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    milli, micro = ((counts >= start) & (counts < 1000 * start) for start in (_FIRST_MILLI, 1000 * _FIRST_MILLI))
    if not (milli | micro).all():
        at = int(np.argmin(milli | micro))
        found = f"{column.type} ({counts[at]}), which counts neither milli- nor microseconds; say it with time_unit"
        raise WrongType(count=len(column), column="time", found=found, examples=f" in {where.at(at)}")
    if (counts >= _LAST_NS // np.where(milli, 1_000_000, 1000)).any():
        raise _wrong(column, "a count beyond what nanoseconds can count", where)
    return pa.array(counts * np.where(milli, 1_000_000, 1000), UTC)


def _local_dates(column: pa.Array) -> pa.Array | None:
    """Return the dates of times that are all midnight where they were written, or None."""
    if pa.types.is_string(column.type):
        if not pc.all(pc.match_substring_regex(column, _MIDNIGHT)).as_py():
            return None
        return pc.utf8_slice_codeunits(column, 0, 10).cast(pa.date32()).cast(_NAIVE)
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        return None
    local = pc.local_timestamp(column).cast(_NAIVE)
    return local if pc.all(pc.equal(local, pc.floor_temporal(local, unit="day"))).as_py() else None


def joined(dates: pa.Array, clocks: pa.Array | None, timeframe: Timeframe) -> pa.Array:
    """Return dates such as 20240102 and times of day such as 93000 or 09:30 as ISO 8601, which `instants` reads."""
    days = pc.replace_substring_regex(dates, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
    if clocks is None or timeframe.duration >= DAY:
        return days
    digits = pc.utf8_lpad(pc.replace_substring(clocks, ":", ""), 6, "0")
    times = pc.replace_substring_regex(digits, r"^(\d{2})(\d{2})(\d{2})$", r"\1:\2:\3")
    return pc.binary_join_element_wise(days, times, "T")


def _placed(local: pa.Array, layout: Layout, timeframe: Timeframe, where: Where) -> pa.Array:
    """Return the instants of wall-clock times in the caller's zone, which those that stand for dates do not need."""
    midnight = pc.equal(local, pc.floor_temporal(local, unit="day"))
    if timeframe.duration >= DAY and pc.all(midnight).as_py():
        return _as_utc(local)
    if layout.zone is None:
        raise NaiveTimes(count=len(local), examples=f" in {where}", daily=timeframe.duration >= DAY)
    if timeframe.duration < DAY:
        return _as_utc(pc.assume_timezone(local, layout.zone))
    return pc.if_else(midnight, _as_utc(local), _as_utc(pc.assume_timezone(local, layout.zone)))


def _as_utc(times: pa.Array) -> pa.Array:
    return times.cast(UTC) if times.type.tz else pc.assume_timezone(times, "UTC")


def _wrong(column: pa.Array, found: str, where: Where) -> WrongType:
    return WrongType(count=len(column), column="time", found=found, examples=f" in {where}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].split("  ")[0]
