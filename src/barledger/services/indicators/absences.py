"""Absences: which missing bars are gaps, by what is known of when the instrument trades."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from barledger.domain.calendar import Calendar
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import DEFAULT
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe
from barledger.errors import NotFound
from barledger.indicators.breaks import breaks
from barledger.indicators.gaps import NO_BREAKS
from barledger.services.instruments import InstrumentService

_NEVER_WERE: Final = frozenset({"halted", "not_listed", "source_empty"})
"""Reasons of availability that say that there never were such bars: so neighbours are the bars around them."""


class Missing(Protocol):
    """A stretch that is not there, and why."""

    @property
    def interval(self) -> Interval:
        """Return where."""

    @property
    def reason(self) -> str:
        """Return why."""


class Availability(Protocol):
    """What is missing of a series."""

    @property
    def missing(self) -> Sequence[Missing]:
        """Return the stretches that are missing."""


class AvailabilityService(Protocol):
    """Tells why bars are missing; `DataAvailabilityService` is one."""

    def check(
        self, instrument: str, timeframe: str, *, start: int | None, end: int | None, source: str | None
    ) -> Availability:
        """Return what is there of [start, end)."""


class Absences:
    """Finds the breaks of bars by the calendar that somebody named for their instrument.

    Where nobody did, no bar is known to be missing: 24/7, which is assumed then, would make a gap of each weekend.
    """

    def __init__(self, instruments: InstrumentService, availability: AvailabilityService | None) -> None:
        """Know instruments by the one service, and why bars are missing by the other."""
        self._instruments, self._availability = instruments, availability

    def calendar(self, instrument: str) -> Calendar | None:
        """Return the calendar that somebody named; raises `CalendarNotFound`."""
        known = self._instruments.describe(instrument)
        return None if known.origins["calendar"] == DEFAULT else calendar_called(known.calendar)

    def breaks(self, time: Ints, instrument: str, timeframe: Timeframe, *, source: str | None) -> Ints:
        """Return the rows before which bars are missing that should be there; raises `CalendarNotFound`."""
        calendar = self.calendar(instrument)
        if calendar is None:
            return NO_BREAKS
        found = breaks(time, timeframe, calendar)
        if not len(found):
            return found
        hull = Interval(int(time[found[0] - 1]), int(time[found[-1]]) + 1)
        never = self._never(instrument, timeframe, hull, source)
        return breaks(time, timeframe, calendar, excused=never) if never else found

    def told(self, instrument: str) -> dict[str, Any]:
        """Return by which calendar gaps are told, for the provenance."""
        calendar = self.calendar(instrument)
        return {"calendar": None if calendar is None else calendar.name}

    def _never(self, instrument: str, timeframe: Timeframe, hull: Interval, source: str | None) -> list[Interval]:
        if self._availability is None:
            return []
        try:
            found = self._availability.check(instrument, timeframe.name, start=hull.start, end=hull.end, source=source)
        except NotFound:
            return []
        return [one.interval for one in found.missing if one.reason in _NEVER_WERE]
