"""Timeframes: how long a bar lasts, which times can open one, and which block it lies in.

Names are ccxt's, case-sensitive: ``1m`` is a minute, ``1M`` a month.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from barledger.errors import InvalidTimeframe

Times = npt.NDArray[np.int64]

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_EPOCH_TO_MONDAY: Final = 4 * DAY  # 1970-01-05 is the first Monday

_ALIASES: Final = {"60m": "1h", "1wk": "1w", "1mo": "1M"}

# A session may open at :15 or :30 past the hour in UTC (Mumbai, New York), so long bars start on a quarter.
_GRID_OF_LONG_BARS: Final = 15 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True, order=True, repr=False)
class Timeframe:
    """The length of a bar; ``duration`` is in ns, and for a month (``1M``) the longest one."""

    duration: int
    name: str
    grid: int
    block: Literal["day", "month", "year"]

    @staticmethod
    def of(value: "str | Timeframe") -> "Timeframe":
        """Return the timeframe called ``value``; raises `InvalidTimeframe`.

        >>> Timeframe.of("60m").name
        '1h'
        """
        if isinstance(value, Timeframe):
            return value
        try:
            return TIMEFRAMES[_ALIASES.get(value, value)]
        except (KeyError, TypeError):
            raise InvalidTimeframe(value=str(value)) from None

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def __repr__(self) -> str:
        """Return the call that gives it."""
        return f"Timeframe.of({self.name!r})"

    def on_grid(self, times: Times) -> npt.NDArray[np.bool_]:
        """Tell for each time (ns) whether a bar of this timeframe can open then."""
        if self.name == "1M":
            return np.asarray(self.open_of(times) == times)
        if self.name == "1w":
            return np.asarray((times - _EPOCH_TO_MONDAY) % (7 * DAY) == 0)
        return np.asarray(times % self.grid == 0)

    def open_of(self, times: Times) -> Times:
        """Return the opening time (ns) of the bar that would hold each time, counted from the epoch."""
        if self.name == "1M":
            return _floor(times, "M")
        if self.name == "1w":
            return times - (times - _EPOCH_TO_MONDAY) % (7 * DAY)
        return times - times % self.duration

    def close_of(self, opens: Times) -> Times:
        """Return the time (ns) at which each bar is complete, the first instant after it."""
        if self.name == "1M":
            return _ns(opens.astype("datetime64[ns]").astype("datetime64[M]") + 1)
        return np.asarray(opens + self.duration)

    def block_of(self, times: Times) -> Times:
        """Return the start (ns) of each time's digest block: a UTC day, month or year."""
        if self.block == "day":
            return times - times % DAY
        return _floor(times, "M" if self.block == "month" else "Y")

    def block_start(self, time: int) -> int:
        """Return the start (ns) of the digest block of one time."""
        if self.block == "day":
            return time - time % DAY
        return _start(time, "M" if self.block == "month" else "Y")

    def block_end(self, start: int) -> int:
        """Return the end (ns, exclusive) of the block that starts at ``start``."""
        if self.block == "day":
            return start + DAY
        return _end(start, "M" if self.block == "month" else "Y")


def _ns(values: npt.NDArray[np.datetime64]) -> Times:
    return values.astype("datetime64[ns]").astype(np.int64)


# Of many series, most are written at the same time.
@lru_cache(maxsize=1024)
def _start(time: int, unit: Literal["M", "Y"]) -> int:
    return int(_floor(np.array([time], np.int64), unit)[0])


@lru_cache(maxsize=1024)
def _end(start: int, unit: Literal["M", "Y"]) -> int:
    return int(_ns(np.array([start], "datetime64[ns]").astype(f"datetime64[{unit}]") + 1)[0])


def _floor(times: Times, unit: Literal["M", "Y"]) -> Times:
    return _ns(times.astype("datetime64[ns]").astype(f"datetime64[{unit}]"))


def _timeframe(name: str, duration: int) -> Timeframe:
    grid = duration if duration <= 15 * MINUTE else DAY if duration >= DAY else _GRID_OF_LONG_BARS
    block: Literal["day", "month", "year"] = "day" if duration < HOUR else "month" if duration < DAY else "year"
    return Timeframe(name=name, duration=duration, grid=grid, block=block)


TIMEFRAMES: Final[dict[str, Timeframe]] = {
    name: _timeframe(name, duration)
    for name, duration in {
        "1m": MINUTE,
        "3m": 3 * MINUTE,
        "5m": 5 * MINUTE,
        "15m": 15 * MINUTE,
        "30m": 30 * MINUTE,
        "1h": HOUR,
        "2h": 2 * HOUR,
        "4h": 4 * HOUR,
        "6h": 6 * HOUR,
        "8h": 8 * HOUR,
        "12h": 12 * HOUR,
        "1d": DAY,
        "3d": 3 * DAY,
        "1w": 7 * DAY,
        "1M": 31 * DAY,
    }.items()
}
