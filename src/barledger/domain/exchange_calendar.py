"""Calendars by their names."""

from functools import cache

from barledger.domain.calendar import ALWAYS, AlwaysOpen, Calendar
from barledger.errors import CalendarNotFound


@cache
def calendar_called(name: str) -> Calendar:
    """Return the calendar of this name: ``24/7``; raises `CalendarNotFound`."""
    if name == ALWAYS:
        return AlwaysOpen()
    raise CalendarNotFound(calendar=name)
