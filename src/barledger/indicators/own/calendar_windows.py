"""Calendar windows: which hour, day, week, month or year of a time zone a bar opens in."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.rows import Ints
from barledger.indicators.definition import Floats, Values
from barledger.indicators.parameter import Parameter

_SECOND: Final = 1_000_000_000
_HOUR: Final = 3_600 * _SECOND
_DAY: Final = 24 * _HOUR
_LENGTHS: Final = {"hour": _HOUR, "day": _DAY, "week": 7 * _DAY}
_MONDAY: Final = 4 * _DAY
"""The epoch's first Monday; weeks are those of ISO 8601."""
_UNITS: Final = {"month": "datetime64[M]", "year": "datetime64[Y]"}
WINDOWS: Final = (*_LENGTHS, *_UNITS)
UTC: Final = "UTC"

BEGINS: Final = Parameter(
    name="begins",
    sort="clock",
    default=0.0,
    low=-23.75,
    high=23.75,
    note="when a day begins in the zone, and with it weeks, months and years; -2 and '-02:00' are 22:00 the day before",
)
ZONE: Final = Parameter(
    name="zone",
    sort="zone",
    default=UTC,
    note="whose days these are, daylight saving and all; that of the frame's index or of a calendar is not asked",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWindow:
    """A kind of window of the calendar; ``begins`` is the hour of the zone at which its days begin.

    Where the clock is put back over that hour the first of both counts, and where it is put forward over it, the
    moment when it is. Hours of a zone are as long as others, and begin at its full hours.
    """

    unit: str
    begins: float = 0.0
    zone: str = UTC

    def numbers(self, time: Ints) -> Floats:
        """Return a number for each opening time (ns, ascending), the same within a window, greater in later ones."""
        if self.zone != UTC and self.unit != "hour":
            return self._numbers_of_zone(time)
        return self._plain_numbers(time - self._shift_at(time)).astype(np.float64)

    def number(self, time: int) -> float:
        """Return the number of one opening time."""
        return float(self.numbers(np.array([time], np.int64))[0])

    def begin(self, time: int, *, back: int = 0) -> int:
        """Return when (ns) the window of a time begins, or one that is so many windows before it."""
        number = np.array([int(self.number(time)) - back])
        if self.zone != UTC and self.unit != "hour":
            return int(self._begins_of_zone(number)[0])
        return int(self._plain_begins(number)[0] + self._shift_at(np.array([time], np.int64))[0])

    # --- by the clock of the zone --------------------------------------------------------------

    def _plain_numbers(self, local: Ints) -> Ints:
        length = _LENGTHS.get(self.unit)
        if length is None:
            return local.view("datetime64[ns]").astype(_UNITS[self.unit]).astype(np.int64)
        return np.asarray((local - self._origin) // length)

    def _plain_begins(self, numbers: Ints) -> Ints:
        length = _LENGTHS.get(self.unit)
        if length is None:
            firsts = np.datetime64(0, "s").astype(_UNITS[self.unit]) + numbers
            return np.asarray(firsts.astype("datetime64[s]").astype(np.int64) * _SECOND)
        return np.asarray(numbers * length + self._origin)

    def _shift_at(self, time: Ints) -> Any:
        """Return by how much windows of UTC, or hours of the zone, begin later than those counted from the epoch."""
        if self.zone == UTC:
            return np.full(len(time), self._shift)
        return (self._shift - (_wall(time, self.zone) - time)) % _HOUR

    # --- of a zone -----------------------------------------------------------------------------

    def _numbers_of_zone(self, time: Ints) -> Floats:
        if not len(time):
            return np.zeros(0)
        ends = self._plain_numbers(_wall(time[[0, -1]], self.zone) - self._shift)
        # What is around the ends is needed too, since clocks are put back.
        numbers = np.arange(ends[0] - 2, ends[1] + 3)
        at = np.searchsorted(self._begins_of_zone(numbers), time, "right") - 1
        return np.asarray(numbers[at].astype(np.float64))

    def _begins_of_zone(self, numbers: Ints) -> Ints:
        wall = pd.DatetimeIndex((self._plain_begins(numbers) + self._shift).view("datetime64[ns]"))
        first = np.ones(len(wall), np.bool_)
        return np.asarray(wall.tz_localize(self.zone, ambiguous=first, nonexistent="shift_forward").asi8)

    @property
    def _shift(self) -> int:
        return round(self.begins * 3_600) * _SECOND

    @property
    def _origin(self) -> int:
        return _MONDAY if self.unit == "week" else 0


class WindowReader:
    """Tells the number of one time after the other, and looks at the calendar only when a window is over."""

    __slots__ = ("_last", "_window")

    def __init__(self, window: CalendarWindow) -> None:
        """Begin before any time."""
        self._window = window
        self._last = (0, 0, 0.0)

    def __call__(self, time: int) -> float:
        """Return the number of an opening time."""
        begin, end, number = self._last
        if not begin <= time < end:
            number = self._window.number(time)
            # In one step, since the copies of a handle, in whatever thread, read by the same reader.
            self._last = (self._window.begin(time), self._window.begin(time, back=-1), number)
        return number


def window_choice(name: str, default: str) -> Parameter:
    """Return a parameter that is a kind of window."""
    return Parameter(name=name, sort="choice", default=default, choices=WINDOWS)


def window_of(values: Values, unit: str) -> CalendarWindow:
    """Return the window that parameters say, its kind by the parameter ``unit``."""
    return CalendarWindow(unit=str(values[unit]), begins=float(values["begins"]), zone=str(values["zone"]))


def _wall(time: Ints, zone: str) -> Ints:
    """Return what the clocks of a zone show at some times, in ns as if it were UTC."""
    index = pd.DatetimeIndex(np.ascontiguousarray(time).view("datetime64[ns]"), tz=UTC)
    return np.asarray(index.tz_convert(zone).tz_localize(None).asi8)
