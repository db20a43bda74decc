"""Rules that bars keep, each with an error of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal, get_args

import numpy as np

from barledger.domain.interval import EARLIEST, LATEST, format_time
from barledger.domain.readable import Readable
from barledger.domain.rows import VALUES, Flags, Rows
from barledger.domain.timeframe import Timeframe
from barledger.errors import (
    BeyondRange,
    DuplicateTimes,
    EmptyBar,
    HighBelowLow,
    InfiniteValue,
    InvalidBars,
    InvalidSetting,
    NegativePrice,
    NegativeVolume,
    NotEnclosing,
    OffGrid,
    UnsortedTimes,
)

OnInvalid = Literal["raise", "quarantine"]

_PRICES: Final = ("open", "high", "low", "close")
_TOLD: Final = 5
# A stretch whose columns fit the processor's cache together.
_CHUNK: Final = 32_768
_A_FEW: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rejected(Readable):
    """A bar that breaks a rule: the code of the error that names the rule, and the values as given."""

    time: int
    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """Bars that keep all rules, in ascending order, and those that were put aside."""

    rows: Rows
    rejected: tuple[Rejected, ...] = ()


def validate(rows: Rows, timeframe: Timeframe, *, on_invalid: OnInvalid = "raise") -> Validated:
    """Check bars; raises the error of the first broken rule, or puts the offenders aside.

    With ``quarantine`` bars out of order are sorted, since that loses none of them. Of bars with the same time one is
    kept if all are equal; if they differ nobody can say which is meant, and all are put aside.
    """
    if on_invalid not in get_args(OnInvalid):
        raise InvalidSetting(setting="on_invalid", reason=f"{on_invalid!r} is neither raise nor quarantine")
    if on_invalid == "raise":
        _check_order(rows)
        for error, offenders in _broken(rows, timeframe):
            raise _error(error, rows, offenders)
        return Validated(rows=rows)
    ordered = _sorted(rows)
    kept, rejected = _without_duplicates(ordered)
    for error, _ in _broken(kept, timeframe):
        offenders = _offenders(kept, timeframe, error)
        rejected += _put_aside(kept, offenders, error)
        kept = kept.pick(~offenders)
    return Validated(rows=kept, rejected=tuple(rejected))


def _broken(rows: Rows, timeframe: Timeframe) -> list[tuple[type[InvalidBars], Flags]]:
    """Return the rules that are broken with their offenders; in good data no array as long as the bars is made."""
    if not _suspicious(rows, timeframe):
        return []
    flags = ((error, _offenders(rows, timeframe, error)) for error in _RULES)
    return [(error, offenders) for error, offenders in flags if offenders.any()]


def _suspicious(rows: Rows, timeframe: Timeframe) -> bool:
    if 0 < len(rows) <= _A_FEW:
        return _few_are_suspicious(rows, timeframe)
    if 0 < len(rows) <= _CHUNK:
        return _chunk_is_suspicious(rows, timeframe)
    return any(
        _chunk_is_suspicious(rows.pick(slice(first, first + _CHUNK)), timeframe)
        for first in range(0, len(rows), _CHUNK)
    )


def _chunk_is_suspicious(rows: Rows, timeframe: Timeframe) -> bool:
    """Look at a chunk in few passes; a missing value makes it suspicious, and the exact rules decide."""
    low, high = rows.low, rows.high
    good = (low <= rows.open) & (low <= rows.close) & (rows.open <= high) & (rows.close <= high)
    return not (
        bool(good.all())
        and bool(low.min() >= 0)
        and bool(high.max() < np.inf)
        and bool(rows.volume.min() >= 0)
        and bool(rows.volume.max() < np.inf)
        and EARLIEST <= int(rows.time[0]) <= int(rows.time[-1]) < LATEST
        and bool(timeframe.on_grid(rows.time).all())
        and rows.adjustment_factor is None
    )


def _few_are_suspicious(rows: Rows, timeframe: Timeframe) -> bool:
    """Look at a few bars one by one, which is cheaper than setting up a pass over them."""
    columns = (rows.open, rows.high, rows.low, rows.close, rows.volume)
    good = all(
        0 <= low <= opened <= high < inf and low <= close <= high and 0 <= volume < inf
        for opened, high, low, close, volume in zip(*(column.tolist() for column in columns), strict=True)
    )
    return not (
        good
        and EARLIEST <= rows.time.item(0) <= rows.time.item(-1) < LATEST
        and bool(timeframe.on_grid(rows.time).all())
        and rows.adjustment_factor is None
    )


def _offenders(  # noqa: PLR0911 - a rule a line
    rows: Rows, timeframe: Timeframe, error: type[InvalidBars]
) -> Flags:
    """Tell which bars break a rule; comparisons with a missing value hold."""
    with np.errstate(invalid="ignore"):
        if error is BeyondRange:
            return np.asarray((rows.time < EARLIEST) | (rows.time >= LATEST))
        if error is OffGrid:
            return np.asarray(~timeframe.on_grid(rows.time))
        if error is EmptyBar:
            return np.asarray(np.logical_and.reduce([np.isnan(getattr(rows, name)) for name in VALUES]))
        if error is InfiniteValue:
            columns = [getattr(rows, name) for name in VALUES]
            columns += [] if rows.adjustment_factor is None else [rows.adjustment_factor]
            return np.asarray(np.logical_or.reduce([np.isinf(column) for column in columns]))
        if error is NegativePrice:
            return np.asarray(np.logical_or.reduce([getattr(rows, name) < 0 for name in _PRICES]))
        if error is NegativeVolume:
            return np.asarray(rows.volume < 0)
        if error is HighBelowLow:
            return np.asarray(rows.high < rows.low)
        outside = (rows.open > rows.high) | (rows.open < rows.low) | (rows.close > rows.high) | (rows.close < rows.low)
        return np.asarray(outside)


_RULES: Final[tuple[type[InvalidBars], ...]] = (
    BeyondRange,
    OffGrid,
    EmptyBar,
    InfiniteValue,
    NegativePrice,
    NegativeVolume,
    HighBelowLow,
    NotEnclosing,
)


def _check_order(rows: Rows) -> None:
    if len(rows) < 2:
        return
    steps = np.diff(rows.time)
    if not len(steps) or int(steps.min()) > 0:
        return
    # A time that comes again is a duplicate wherever it stands; only what is left is out of order.
    times, counts = np.unique(rows.time, return_counts=True)
    if len(times) < len(rows):
        raise _error(DuplicateTimes, rows, np.isin(rows.time, times[counts > 1]))
    raise _error(UnsortedTimes, rows, np.append(False, steps < 0))


def _sorted(rows: Rows) -> Rows:
    if len(rows) < 2 or bool((np.diff(rows.time) > 0).all()):
        return rows
    return rows.pick(np.argsort(rows.time, kind="stable"))


def _without_duplicates(rows: Rows) -> tuple[Rows, list[Rejected]]:
    again = np.append(False, rows.time[1:] == rows.time[:-1])
    if not len(rows) or not again.any():
        return rows, []
    before = rows.pick(np.maximum(np.arange(len(rows)) - 1, 0))
    repeats = again & _equal(rows, before)
    disputed = np.unique(rows.time[again & ~repeats])
    refused = repeats | np.isin(rows.time, disputed)
    return rows.pick(~refused), _put_aside(rows, refused, DuplicateTimes)


def _equal(left: Rows, right: Rows) -> Flags:
    pairs = [(getattr(left, name), getattr(right, name)) for name in VALUES]
    same = np.logical_and.reduce([(a == b) | (np.isnan(a) & np.isnan(b)) for a, b in pairs])
    if left.adjustment_factor is not None and right.adjustment_factor is not None:
        a, b = left.adjustment_factor, right.adjustment_factor
        same &= (a == b) | (np.isnan(a) & np.isnan(b))
    if left.source_id is not None and right.source_id is not None:
        same &= np.asarray(left.source_id == right.source_id, np.bool_)
    return np.asarray(same)


def _put_aside(rows: Rows, offenders: Flags, error: type[InvalidBars]) -> list[Rejected]:
    return [
        Rejected(time=int(rows.time[at]), code=error.code, values=_values(rows, at))
        for at in np.flatnonzero(offenders).tolist()
    ]


def _values(rows: Rows, at: int) -> dict[str, Any]:
    """Return a bar's values as text, which keeps infinities and every digit."""
    values = {name: repr(float(getattr(rows, name)[at])) for name in VALUES}
    if rows.adjustment_factor is not None and not np.isnan(rows.adjustment_factor[at]):
        values["adjustment_factor"] = repr(float(rows.adjustment_factor[at]))
    if rows.source_id is not None and rows.source_id[at] is not None:
        values["source_id"] = rows.source_id[at]
    return values


def _error(error: type[InvalidBars], rows: Rows, offenders: Flags) -> InvalidBars:
    at: Sequence[int] = np.flatnonzero(offenders).tolist()
    times = tuple(int(rows.time[one]) for one in at[:_TOLD])
    more = ", …" if len(at) > _TOLD else ""
    return error(count=len(at), times=times, examples=f" ({', '.join(map(format_time, times))}{more})")
