"""Availability as plain as its contract: what the calendar expects and no bar is there for, each with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from barledger import BarLedger
from barledger.domain.interval import Interval
from barledger.domain.rows import found_in
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.services.cache.reader import read


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainMissing:
    """A stretch without bars."""

    interval: Interval
    reason: str
    bars: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAvailability:
    """What is missing."""

    missing: Sequence[PlainMissing]

    @property
    def complete(self) -> bool:
        """Whether nothing is."""
        return not self.missing


class PlainAvailabilityService:
    """Looks at every bar."""

    def __init__(self, bl: BarLedger) -> None:
        self._bl = bl
        self.checks = 0

    def check(
        self, instrument: str, timeframe: str, *, start: int | None, end: int | None, source: str | None
    ) -> PlainAvailability:
        """Return what is missing, the last question's outcome as the reason."""
        assert start is not None
        assert end is not None
        self.checks += 1
        frame = Timeframe.of(timeframe)
        labels = self._bl.instruments.calendar(instrument).expected(frame, Interval(start, end))
        series = Series.of(instrument, frame, source or "desk")
        there = read(self._bl.vault, series, [Interval(start, end)]).rows.standing().time
        lacking = labels[~found_in(labels, there)]
        covers = self._bl.vault.ledger.catalog.coverage(series)
        missing = []
        for run in np.split(lacking, np.flatnonzero(np.diff(lacking) != frame.duration) + 1):
            if len(run):
                interval = Interval(int(run[0]), int(run[-1]) + frame.duration)
                outcomes = [cover for cover in covers if cover.interval.intersects(interval)]
                reason = "source_empty" if outcomes else "never_requested"
                missing.append(PlainMissing(interval=interval, reason=reason, bars=len(run)))
        return PlainAvailability(missing=missing)

    def required_interval(self, instrument: str, timeframe: str, start: int, end: int, *, lookback: int) -> Interval:
        """Return the interval with so many bars before it."""
        calendar = self._bl.instruments.calendar(instrument)
        return Interval(calendar.earlier(Timeframe.of(timeframe), start, lookback), end)
