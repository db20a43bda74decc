"""Sessions: when a market opened and closed on each of its dates, and the bars that follow from it.

Bars shorter than a day are counted from the opening of their session, and after a break from its end; the last one
before a break or the close may be short. Where the market does not open on the timeframe's grid (at 09:32), they are
counted from the grid's mark before. A bar of a day and longer opens with its first session and closes with its last.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import DAY, Timeframe
from barledger.domain.timetable import Listed, Spells, Timetable


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """The sessions of a stretch of time (``reach``), in ascending order; all times are ns.

    ``dates`` are midnights in UTC of the exchange's own dates. Each spell of trading, of which a session with a break
    has two, is given by its start and its end. ``zone`` is the exchange's time zone.
    """

    reach: Interval
    zone: str
    dates: Ints
    opens: Ints
    closes: Ints
    spell_starts: Ints
    spell_ends: Ints

    def timetable(self, timeframe: Timeframe) -> Timetable:
        """Return the numbered bars of these sessions."""
        known = self._timetables.get(timeframe.name)
        if known is None:
            known = self.spells(timeframe) if timeframe.duration < DAY else self._cells(timeframe)
            self._timetables[timeframe.name] = known
        return known

    def spells(self, timeframe: Timeframe) -> Spells:
        """Return the numbered bars of a timeframe shorter than a day."""
        starts, ends = self.spell_starts, self.spell_ends
        anchors = starts - starts % timeframe.grid
        # Counted from before the end of the last spell, bars would overlap.
        overlapping = np.concatenate([[False], anchors[1:] < ends[:-1]])
        anchors[overlapping] = -(-starts[overlapping] // timeframe.grid) * timeframe.grid
        return Spells(anchors, ends, timeframe.duration)

    def dates_of(self, timeframe: Timeframe, labels: Ints) -> Ints:
        """Return the date (midnight in UTC) that each bar shorter than a day belongs to.

        One that lies in no session belongs to the exchange's date at that time.
        """
        opens = self.opens - self.opens % timeframe.grid
        at = np.searchsorted(opens, labels, "right") - 1
        inside = (at >= 0) & (labels < self.closes[np.maximum(at, 0)])
        dates = np.where(inside, self.dates[np.maximum(at, 0)], 0)
        dates[~inside] = self._local_dates(labels[~inside])
        return np.asarray(dates)

    def ends_of(self, timeframe: Timeframe, labels: Ints) -> Ints:
        """Return where the trading ends in which each bar shorter than a day lies: at a break, or at the close.

        A bar that is not counted from the opening may go on after the break; one that lies in no session has no end.
        """
        _, counted, ends = self.spells(timeframe).around(labels)
        others = labels[~counted]
        at = np.searchsorted(self.opens, others, "right") - 1
        closes = self.closes[np.maximum(at, 0)]
        ends[~counted] = np.where((at >= 0) & (others < closes), closes, np.iinfo(np.int64).max)
        return ends

    def _cells(self, timeframe: Timeframe) -> Listed:
        cells = timeframe.open_of(self.dates)
        first = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
        last = np.append(first[1:], len(cells)) - 1
        return Listed(cells[first], self.opens[first], self.closes[last])

    def _local_dates(self, times: Ints) -> Ints:
        local = pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC").tz_convert(self.zone)
        return np.asarray(local.tz_localize(None).normalize().to_numpy("datetime64[ns]").astype(np.int64))

    @cached_property
    def _timetables(self) -> dict[str, Timetable]:
        return {}
