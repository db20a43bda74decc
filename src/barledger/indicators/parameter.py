"""Parameters: what an indicator can be told, and what it may be."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from barledger.errors import ParameterInvalid

Value = int | float | str
Sort = Literal["int", "float", "choice", "text", "clock", "zone"]
_CLOCK: Final = re.compile(r"([+-]?)(\d{1,2}):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A named number, word or choice, and its range (both ends may be taken).

    A ``clock`` is an hour, which may be written as a time of day, and a ``zone`` a time zone by its name. ``choices``
    of a choice may be named, or given by their place. A parameter with ``follows`` is, unless it is given, what that
    earlier parameter is.
    """

    name: str
    sort: Sort = "int"
    default: Value
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    follows: str = ""
    note: str = ""

    @property
    def allowed(self) -> str:  # noqa: PLR0911 - one for each sort
        """Return what a value may be, as a phrase."""
        if self.sort == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.sort == "text":
            return "a word, in quotes if it has signs"
        if self.sort == "zone":
            return "a time zone in quotes, such as 'America/New_York'"
        if self.sort == "clock":
            return f"an hour from {self.low:g} to {self.high:g}, or a time such as '09:30'"
        what = "a whole number" if self.sort == "int" else "a number"
        if math.isinf(self.low) and math.isinf(self.high):
            return what
        if math.isinf(self.high):
            return f"{what} from {self.low:g}"
        return f"{what} from {self.low:g} to {self.high:g}"

    def check(self, indicator: str, value: object) -> Value:
        """Return the value as it is computed with; raises `ParameterInvalid`."""
        checked = self._read(value)
        if checked is None or (not isinstance(checked, str) and not self.low <= checked <= self.high):
            raise ParameterInvalid(indicator=indicator, name=self.name, value=value, allowed=self.allowed)
        return checked

    def _read(self, value: object) -> Value | None:  # noqa: PLR0911 - as above
        if self.sort == "choice":
            return self._chosen(value)
        if self.sort == "text":
            return value if isinstance(value, str) and value else None
        if self.sort == "zone":
            return _zone(value) if isinstance(value, str) else None
        if self.sort == "clock" and isinstance(value, str):
            return _hours(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if self.sort in ("float", "clock"):
            return float(value)
        return int(value) if value == int(value) else None

    def _chosen(self, value: object) -> str | None:
        if isinstance(value, str):
            return next((name for name in self.choices if name == value.lower()), None)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self.choices):
            return self.choices[value]
        return None


def _hours(text: str) -> float | None:
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hours = int(found[2]) + int(found[3]) / 60
    return -hours if found[1] == "-" else hours


@lru_cache(maxsize=64)
def _zone(text: str) -> str | None:
    """Return the name of a time zone as the zones' database spells it; None if there is none."""
    if text.casefold() == "utc":
        return "UTC"
    try:
        return ZoneInfo(text).key
    except (LookupError, ValueError, OSError):
        return next((name for name in available_timezones() if name.casefold() == text.casefold()), None)
