"""Cron: times of day by minute, hour, day of month, month and day of week, in a named zone.

The five fields are those of POSIX crontab: numbers, names of months and days, ``*``, ranges, lists, and steps as
``*/5``; 0 and 7 are Sunday. If both the day of the month and the day of the week are restricted, either is enough.
Where clocks are put forward, what would fall into the hour that there is not is due when it ends; where they are put
back, what falls into the hour that comes twice is due the first time.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from barledger.domain.timeframe import SECOND
from barledger.errors import InvalidSetting

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_PART: Final = re.compile(r"(\*|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:/([0-9]{1,4}))?")
# The 29th of February comes after eight years at the latest; what does not come within them never comes.
_HORIZON: Final = 8 * 366 + 1


def check_zone(zone: str) -> str:
    """Return the name of a time zone; raises `InvalidSetting`."""
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise InvalidSetting(setting="zone", reason=f"{zone!r} is no zone such as America/New_York") from None
    return zone


@dataclass(frozen=True)
class Cron:
    """A set of local times; ``text`` is what was written, ``zone`` a name of the IANA database."""

    text: str
    zone: str

    @staticmethod
    def of(text: str, zone: str) -> "Cron":
        """Read five fields; raises `InvalidSetting`, also for times that never come."""
        made = Cron(" ".join(text.split()), zone)
        _ = made._sets
        check_zone(zone)
        if made.after(0) is None:
            raise InvalidSetting(setting="when", reason=f"{text!r} never comes")
        return made

    def after(self, time: int) -> int | None:
        """Return the first instant (ns) after ``time``, or None if it never comes."""
        zone = ZoneInfo(self.zone)
        moment = datetime.fromtimestamp(time // SECOND, UTC)
        # A day earlier, because an instant of the day before may be due today where clocks are put forward.
        first = moment.astimezone(zone).date() - timedelta(days=1)
        for offset in range(_HORIZON):
            try:
                day = first + timedelta(days=offset)
            except OverflowError:
                return None
            if self._on(day):
                found = self._first(day, zone, time // SECOND)
                if found is not None:
                    return found * SECOND
        return None

    def _first(self, day: date, zone: ZoneInfo, after: int) -> int | None:
        """Return the first due second of a day after another; later local times are never earlier instants."""

        def instant(number: int) -> int:
            hour, minute = self._times[number]
            return _instant(datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone))

        number = bisect_right(range(len(self._times)), after, key=instant)
        return instant(number) if number < len(self._times) else None

    def _on(self, day: date) -> bool:
        _, _, days, months, weekdays = self._sets
        if day.month not in months:
            return False
        in_month, in_week = day.day in days, day.isoweekday() % 7 in weekdays
        day_field, week_field = self.text.split()[2], self.text.split()[4]
        if day_field.startswith("*") or week_field.startswith("*"):
            return in_month and in_week
        return in_month or in_week

    @cached_property
    def _times(self) -> list[tuple[int, int]]:
        minutes, hours = self._sets[:2]
        return [(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]

    @cached_property
    def _sets(self) -> tuple[frozenset[int], ...]:
        fields = self.text.lower().split()
        if len(fields) != len(_FIELDS):
            reason = f"{self.text!r} has {len(fields)} fields: minute, hour, day of month, month, day of week are five"
            raise InvalidSetting(setting="when", reason=reason)
        sets = [_values(text, *field) for text, field in zip(fields, _FIELDS, strict=True)]
        return (*sets[:4], frozenset(value % 7 for value in sets[4]))


def _instant(local: datetime) -> int:
    """Return the first time at which clocks show this, or at which they jump over it."""
    at = int(local.timestamp())
    shown = datetime.fromtimestamp(at, local.tzinfo)
    if shown.replace(tzinfo=None) == local.replace(tzinfo=None):
        return at
    # The zone's offset before the jump was used, so the instant lies as far behind the jump as the time in the gap.
    before, after = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    assert before is not None  # noqa: S101 - a zone always tells
    assert after is not None  # noqa: S101 - as above
    low, high = at - int(abs(before - after).total_seconds()), at
    while high - low > 1:
        middle = (low + high) // 2
        early = datetime.fromtimestamp(middle, local.tzinfo).replace(tzinfo=None) < local.replace(tzinfo=None)
        low, high = (middle, high) if early else (low, middle)
    return high


def _values(text: str, name: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        read = _PART.fullmatch(part)
        if read is None:
            raise _wrong(name, part)
        whole, first, last, step = read.groups()
        start = least if whole == "*" else _number(first, name, least, most, names)
        end = most if whole == "*" or (step and not last) else start
        end = _number(last, name, least, most, names) if last else end
        if step == "0" or (step and not int(step)) or end < start:
            raise _wrong(name, part)
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str, least: int, most: int, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isascii() and text.isdecimal() else -1)
    if not least <= value <= most:
        raise _wrong(name, text)
    return value


def _wrong(name: str, text: str) -> InvalidSetting:
    return InvalidSetting(setting="when", reason=f"{text!r} cannot be the {name}")
