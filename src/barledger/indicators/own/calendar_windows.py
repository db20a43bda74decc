"""Calendar windows: which hour, day, week, month or year of UTC a bar opens in."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from barledger.domain.rows import Ints
from barledger.indicators.definition import Floats
from barledger.indicators.parameter import Parameter

_HOUR: Final = 3_600_000_000_000
_DAY: Final = 24 * _HOUR
_LENGTHS: Final = {"hour": _HOUR, "day": _DAY, "week": 7 * _DAY}
_MONDAY: Final = 4 * _DAY
"""The epoch's first Monday; weeks are those of ISO 8601."""
_UNITS: Final = {"month": "datetime64[M]", "year": "datetime64[Y]"}
WINDOWS: Final = (*_LENGTHS, *_UNITS)

BEGINS: Final = Parameter(
    name="begins",
    sort="float",
    default=0.0,
    low=-23.75,
    high=23.75,
    note="the hour of UTC at which a day begins, and with it weeks, months and years; -2 is 22:00 of the day before",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWindow:
    """A kind of window of the calendar; ``begins`` is the hour of UTC at which its days begin."""

    unit: str
    begins: float = 0.0

    def numbers(self, time: Ints) -> Floats:
        """Return a number for each opening time (ns), the same within a window, greater in later ones."""
        local = time - self._shift
        length = _LENGTHS.get(self.unit)
        if length is None:
            return local.view("datetime64[ns]").astype(_UNITS[self.unit]).astype(np.float64)
        return ((local - self._origin) // length).astype(np.float64)

    def number(self, time: int) -> float:
        """Return the number of one opening time."""
        length = _LENGTHS.get(self.unit)
        if length is None:
            return float(np.datetime64(time - self._shift, "ns").astype(_UNITS[self.unit]).astype(np.int64))
        return float((time - self._shift - self._origin) // length)

    def begin(self, time: int, *, back: int = 0) -> int:
        """Return when (ns) the window of a time begins, or one that is so many windows before it."""
        number = int(self.number(time)) - back
        length = _LENGTHS.get(self.unit)
        if length is None:
            first = np.datetime64(0, "s").astype(_UNITS[self.unit]) + number
            return int(first.astype("datetime64[s]").astype(np.int64)) * 1_000_000_000 + self._shift
        return number * length + self._origin + self._shift

    @property
    def _shift(self) -> int:
        return int(self.begins * _HOUR)

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
