"""Half-open intervals of time, ``[start, end)``, in ns since the epoch, and their algebra."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.errors import InvalidInterval

# The widest range that InfluxDB stores, one ns inside int64 on both sides.
BEGINNING: Final = -9_223_372_036_854_775_806
END_OF_TIME: Final = 9_223_372_036_854_775_806

# The first and the last moment of which all digest blocks, years included, lie in that range.
EARLIEST: Final = int(np.datetime64("1678-01-01", "ns").astype(np.int64))
LATEST: Final = int(np.datetime64("2262-01-01", "ns").astype(np.int64))

Instant = str | int | date | datetime | np.datetime64 | pd.Timestamp


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Interval:
    """All times from ``start`` (ns) up to, not including, ``end`` (ns).

    >>> Interval(0, 10).intersects(Interval(10, 20))
    False
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse an interval that ends before it starts."""
        if self.end < self.start:
            raise InvalidInterval(reason=f"it ends at {format_time(self.end)}, before {format_time(self.start)}")

    @staticmethod
    def of(start: Instant | None, end: Instant | None) -> "Interval":
        """Read both ends; None means no bound."""
        return Interval(
            BEGINNING if start is None else parse_time(start), END_OF_TIME if end is None else parse_time(end)
        )

    @property
    def empty(self) -> bool:
        """Whether it holds no instant."""
        return self.start == self.end

    def __contains__(self, time: int) -> bool:
        """Whether the time (ns) lies inside."""
        return self.start <= time < self.end

    def intersects(self, other: "Interval") -> bool:
        """Whether both share an instant."""
        return max(self.start, other.start) < min(self.end, other.end)

    def intersection(self, other: "Interval") -> "Interval | None":
        """Return what both share, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def __str__(self) -> str:
        """Show both ends as RFC 3339."""
        return f"[{format_time(self.start)}, {format_time(self.end)})"

    __repr__ = __str__


def everything() -> Interval:
    """Return the interval without bounds."""
    return Interval(BEGINNING, END_OF_TIME)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the fewest sorted, disjoint, non-touching intervals that cover the same instants."""
    merged: list[Interval] = []
    for interval in sorted(interval for interval in intervals if not interval.empty):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def difference(intervals: Iterable[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """Return what ``intervals`` cover and ``removed`` do not, in normal form."""
    left = union(intervals)
    for hole in union(removed):
        left = [part for interval in left for part in _without(interval, hole)]
    return left


def gaps(intervals: Sequence[Interval], within: Interval) -> list[Interval]:
    """Return the parts of ``within`` that no interval covers."""
    return difference([within], intervals)


def intersection(left: Iterable[Interval], right: Iterable[Interval]) -> list[Interval]:
    """Return what both cover, in normal form."""
    others = union(right)
    return [part for one in union(left) for other in others if (part := one.intersection(other))]


def _without(interval: Interval, hole: Interval) -> list[Interval]:
    if not interval.intersects(hole):
        return [interval]
    parts = (
        Interval(interval.start, max(interval.start, hole.start)),
        Interval(min(interval.end, hole.end), interval.end),
    )
    return [part for part in parts if not part.empty]


def lasts(value: Instant) -> bool:
    """Tell whether an instant is the same whenever it is read, as "now" and a time of the day are not."""
    return not isinstance(value, str) or value[4:5] == value[7:8] == "-"


def parse_time(value: Instant) -> int:
    """Return ns since the epoch; text, dates and times without a zone are in UTC, integers are ns already.

    What lies beyond the range that nanoseconds count, such as the year 9999, means the end or the beginning of time.

    >>> parse_time("1970-01-01T00:00:01Z")
    1000000000
    """
    if isinstance(value, bool):
        raise InvalidInterval(reason=f"{value!r} is not a time")
    if isinstance(value, int | np.integer):
        return min(max(int(value), BEGINNING), END_OF_TIME)
    return _of_date(value) if type(value) is str and lasts(value) else _parsed(value)


def _parsed(value: Any) -> int:
    try:
        stamp: Any = pd.Timestamp(value)
        if stamp is pd.NaT:
            raise InvalidInterval(reason=f"{value!r} is not a time")
        return _clamped(stamp)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInterval(reason=f"{value!r} is not a time") from error


_of_date: Final = lru_cache(maxsize=1_024)(_parsed)
"""Reads a text that begins with a date, as happens more than once on its way through the rooms."""


def _clamped(stamp: pd.Timestamp) -> int:
    seconds = stamp.timestamp()
    if abs(seconds) * 1e9 < END_OF_TIME - 2e9:
        return int(stamp.as_unit("ns").value)
    return END_OF_TIME if seconds > 0 else BEGINNING


def format_time(time: int) -> str:
    """Return the time (ns) as RFC 3339 in UTC, with as many decimals as it needs.

    >>> format_time(1_500_000_000)
    '1970-01-01T00:00:01.5Z'
    """
    if time <= BEGINNING:
        return "the beginning"
    if time >= END_OF_TIME:
        return "the end of time"
    text = np.datetime_as_string(np.datetime64(time, "ns"))
    head, _, decimals = str(text).partition(".")
    decimals = decimals.rstrip("0")
    return f"{head}.{decimals}Z" if decimals else f"{head}Z"
