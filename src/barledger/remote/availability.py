"""Availability: which bars a server's library has, and why it lacks others."""

from collections.abc import Sequence
from typing import Any

from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import BEGINNING, END_OF_TIME, Instant, Interval, parse_time
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import NotBarledger
from barledger.remote.connection import Connection
from barledger.remote.question import API, segment, told_time
from barledger.remote.unserved import Unserved, refuse
from barledger.services.availability import Availability, Cell, Missing
from barledger.services.availability.strip import strip


class RemoteAvailability(Unserved):
    """Asks a server what is there; answers are those of `DataAvailabilityService`."""

    def __init__(self, connection: Connection) -> None:
        """Ask there."""
        super().__init__(connection.url, "bl.availability")
        self._connection = connection

    def check(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        required_fields: Sequence[str] = (),
        exact: bool = False,
        is_adjusted: bool = False,
    ) -> Availability:
        """Tell which bars of [start, end) are there, and why others are missing (`DataAvailabilityService.check`)."""
        if is_adjusted:
            refuse(self._url, "availability of bars that are stored adjusted (is_adjusted)")
        name, frame, asked = normalise_instrument(instrument), Timeframe.of(timeframe), Interval.of(start, end)
        fields = [required_fields] if isinstance(required_fields, str) else list(required_fields)
        query = {
            "start_date": told_time(asked.start),
            "end_date": told_time(asked.end),
            "source": source,
            "required_fields": ",".join(fields) or None,
            "exact": exact or None,
        }
        told = self._connection.get(f"{API}/data/availability/{segment(name)}/{frame.name}", query)
        try:
            return _found(told, frame)
        except (KeyError, ValueError, TypeError) as error:
            raise NotBarledger(url=self._url, detail=f"an answer on availability lacks {error}") from None

    def check_many(self, instruments: Sequence[str], timeframe: str, **wishes: Any) -> list[Availability]:
        """Check many instruments, one after the other; see `check`."""
        return [self.check(one, timeframe, **wishes) for one in instruments]

    def strip(self, answer: Availability, *, cells: int) -> tuple[Cell, ...]:
        """Divide what was checked into cells for a picture of it (`DataAvailabilityService.strip`), asking nothing."""
        return strip(answer, calendar_called(answer.calendar), cells=cells)


def _found(told: dict[str, Any], frame: Timeframe) -> Availability:
    return Availability(
        instrument=told["instrument"],
        timeframe=frame,
        interval=span(told["interval"]),
        series=tuple(Series.of(told["instrument"], frame, source) for source in told["sources"]),
        calendar=told["calendar"],
        calendar_origin=told["calendar_origin"],
        expected=told["expected"],
        found=told["found"],
        present=tuple(span(one) for one in told["present"]),
        missing=tuple(_missing(one) for one in told["missing"]),
        fields=told["fields"],
    )


def _missing(told: dict[str, Any]) -> Missing:
    return Missing(**{**told, "interval": span(told["interval"])})


def span(told: dict[str, str | None]) -> Interval:
    """Return an interval as a server tells it: null where there is no bound."""
    start, end = told["start"], told["end"]
    return Interval(BEGINNING if start is None else parse_time(start), END_OF_TIME if end is None else parse_time(end))
