"""Absences: which missing bars are gaps, by what is known of when the instrument trades."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.calendar import Calendar
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import DEFAULT, Register
from barledger.domain.interval import EARLIEST, LATEST, Instant, Interval, format_time, intersection, union
from barledger.domain.readable import Readable
from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import LedgerMismatch, NotFound, VersionNotFound
from barledger.indicators.binding import Request
from barledger.indicators.breaks import breaks
from barledger.indicators.gaps import NO_BREAKS
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import find_snapshot
from barledger.services.instruments import InstrumentService

_EMPTY: Final = "source_empty"
_NEVER_WERE: Final = frozenset({"halted", "not_listed", _EMPTY})
"""Reasons of availability that say that there never were such bars: so neighbours are the bars around them."""
_MOST_KNOWN: Final = 1_024
_UNNAMED: Final = (
    "nobody named a calendar for {0}, so its bars are taken for neighbours, and of gaps only missing values are seen; "
    "declare that of its market, or 24/7: bl.instruments.declare('{0}', calendar=...), "
    "`barledger instruments declare {0} --calendar ...`"
)


class Breaks(NamedTuple):
    """The rows before which bars are missing; ``settled`` if that is so whatever is said later of halts and sources.

    What they excuse is left out, and may be a break again.
    """

    rows: Ints
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Judged(Readable):
    """Bars as they were judged: the rows before which some are missing, by which calendar, as of when (ns).

    Without a calendar no bar is known to be missing, and ``unseen`` says why. Without ``known_at`` it was as of now,
    and unless it is ``settled`` it may be another judgement later.
    """

    breaks: Ints = field(repr=False)
    calendar: str | None
    unseen: str
    settled: bool = True
    known_at: int | None = None

    def overlooked(self, request: Request) -> str:
        """Return why a request that refuses gaps does not refuse missing bars; nothing where it does."""
        return self.unseen if request.refuses_gaps else ""

    @property
    def told(self) -> dict[str, Any]:
        """Return by what gaps are told, for the provenance."""
        when = {} if self.known_at is None else {"known_at": format_time(self.known_at)}
        return {"calendar": self.calendar, **when, **({"unseen": self.unseen} if self.unseen else {})}

    @staticmethod
    def neighbours(unseen: str) -> "Judged":
        """Return that bars are taken for neighbours, and why."""
        return Judged(breaks=NO_BREAKS, calendar=None, unseen=unseen)


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

    Bars of a version that stays are judged by what was known at its time (``known_at``): the calendar, the halts and
    the sources' answers of then. So what somebody says later makes no other values of the same bars.
    """

    def __init__(self, vault: Vault, instruments: InstrumentService, availability: AvailabilityService | None) -> None:
        """Know instruments by the one service, and why bars are missing now by the other."""
        self._vault, self._instruments, self._availability = vault, instruments, availability
        self._empty: OrderedDict[tuple[Series, int], list[Interval]] = OrderedDict()
        self._lock = Lock()

    def known_at(self, version: str | Instant) -> int | None:
        """Return until when (ns) things were known at a version, None if that is now; raises `VersionNotFound`."""
        asked = Version.of(version)
        snapshot = find_snapshot(self._vault, asked)
        if snapshot is not None:
            return snapshot.created_at
        return asked.number if asked.kind in ("time", "revision") else None

    def calendar(
        self, instrument: str, *, known_at: int | None = None, register: Register | None = None
    ) -> Calendar | None:
        """Return the calendar that somebody named, or had by a time; raises `CalendarNotFound`.

        ``register`` is what was said by then, if it was just looked up.
        """
        if register is None:
            instruments = self._instruments
            register = instruments.register() if known_at is None else instruments.register_at(known_at)
        known = register.describe(instrument)
        return None if known.origins["calendar"] == DEFAULT else calendar_called(known.calendar)

    def breaks(
        self,
        time: Ints,
        series: Sequence[Series],
        *,
        known_at: int | None = None,
        register: Register | None = None,
    ) -> Breaks:
        """Return the rows before which bars of the series are missing that should be there.

        ``series`` are those that the bars were read from. Raises `CalendarNotFound`.
        """
        calendar = self.calendar(series[0].instrument, known_at=known_at, register=register)
        return self._breaks(calendar, time, series, known_at)

    def _breaks(self, calendar: Calendar | None, time: Ints, series: Sequence[Series], known_at: int | None) -> Breaks:
        instrument, timeframe = series[0].instrument, series[0].timeframe
        if calendar is None:
            return Breaks(NO_BREAKS, settled=True)
        found = breaks(time, timeframe, calendar)
        if not len(found):
            return Breaks(found, settled=True)
        hull = Interval(int(time[found[0] - 1]), int(time[found[-1]]) + 1)
        if known_at is None:
            never = self._never(series, hull)
        else:
            never = [*self._halted(instrument, timeframe, calendar, hull, known_at), *self._empties(series, known_at)]
        # An interval that is excused twice counts once.
        left = breaks(time, timeframe, calendar, excused=union(never)) if never else found
        return Breaks(left, settled=known_at is not None)

    def judged(self, bars: Bars, version: str | Instant) -> Judged:
        """Return what is missing of bars that were read at a version; raises `CalendarNotFound`, `VersionNotFound`."""
        # A strategy may get another snapshot meanwhile: the bars say which one they are of.
        known_at = self.known_at(bars.version if Version.of(version).pinned else version)
        calendar = self.calendar(bars.instrument, known_at=known_at)
        found = self._breaks(calendar, bars.time, bars.series, known_at)
        return Judged(
            breaks=found.rows,
            settled=found.settled,
            calendar=None if calendar is None else calendar.name,
            unseen=_UNNAMED.format(bars.instrument) if calendar is None else "",
            known_at=known_at,
        )

    @property
    def generation(self) -> int:
        """Return how often this session said something of instruments: what was judged before is judged again."""
        return self._instruments.generation

    def judged_in_hand(self, bars: Bars) -> Judged:
        """Return what is missing of bars that a caller has, which may be of a version that is not known here."""
        try:
            return self.judged(bars, bars.version)
        except (VersionNotFound, LedgerMismatch):
            return Judged.neighbours(f"the bars are of version {bars.version}, which this library does not know")

    # --- bars that never were --------------------------------------------------------------------

    def _never(self, series: Sequence[Series], hull: Interval) -> list[Interval]:
        """Ask as of now; of several sources the order is that in which they were read."""
        if self._availability is None:
            return []
        name, timeframe = series[0].instrument, series[0].timeframe.name
        source = series[0].source if len(series) == 1 else None
        try:
            found = self._availability.check(name, timeframe, start=hull.start, end=hull.end, source=source)
        except NotFound:
            return []
        return [one.interval for one in found.missing if one.reason in _NEVER_WERE]

    def _halted(
        self, instrument: str, timeframe: Timeframe, calendar: Calendar, hull: Interval, known_at: int
    ) -> list[Interval]:
        """Return where the bars open that lie wholly in a halt."""
        halts = [one.interval for one in self._instruments.halts_at(instrument, known_at)]
        if not halts:
            return []
        table = calendar.timetable(timeframe, hull)
        edges = np.clip(np.array([(one.start, one.end) for one in halts], np.int64), EARLIEST, LATEST)
        ends = np.array([hull.start, hull.end], np.int64)
        least, most = table.before(ends).tolist()
        first = np.maximum(table.opened(edges[:, 0]), least)
        last = np.minimum(table.closed(edges[:, 1]), most)
        some = first < last
        starts, stops = table.labels(first[some]), table.labels(last[some] - 1) + 1
        return [Interval(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]

    def _empties(self, series: Sequence[Series], known_at: int) -> list[Interval]:
        """Return where all sources had proved that they have nothing."""
        empty = self._empty_of(series[0], known_at)
        for one in series[1:]:
            empty = intersection(empty, self._empty_of(one, known_at))
        return empty

    def _empty_of(self, series: Series, known_at: int) -> list[Interval]:
        key = (series, known_at)
        found = self._empty.get(key)
        if found is None:
            answers = self._vault.ledger.catalog.answers(series, known_at=known_at)
            found = union(one.interval for one in answers if one.outcome == _EMPTY)
            with self._lock:
                self._empty[key] = found
                while len(self._empty) > _MOST_KNOWN:
                    self._empty.popitem(last=False)
        return found
