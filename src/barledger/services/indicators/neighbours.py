"""Neighbours: which bars follow each other, and where some are missing between them."""

from typing import Final

import numpy as np

from barledger.domain.instrument import DEFAULT
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import Timeframe
from barledger.errors import CalendarNotFound
from barledger.indicators.gaps import NO_BREAKS
from barledger.services.instruments import InstrumentService

_FEWEST: Final = 2


class CalendarGaps:
    """Finds missing bars by the calendar that somebody named for an instrument; without one, none is missing."""

    def __init__(self, instruments: InstrumentService) -> None:
        """Know instruments by this service."""
        self._instruments = instruments

    def breaks(self, time: Ints, instrument: str, timeframe: Timeframe, *, source: str | None) -> Ints:  # noqa: ARG002
        """Return the rows before which bars are missing that the calendar expects."""
        if len(time) < _FEWEST or self._instruments.describe(instrument).origins["calendar"] == DEFAULT:
            return NO_BREAKS
        try:
            calendar = self._instruments.calendar(instrument)
            expected = calendar.expected(timeframe, Interval(int(time[0]), int(time[-1]) + 1))
        except CalendarNotFound:
            return NO_BREAKS
        missing = expected[~np.isin(expected, time)]
        return np.unique(np.searchsorted(time, missing)).astype(np.int64)
