"""Calendars by their names: 24/7, and those of exchange_calendars, loaded as far as they are needed."""

import threading
import warnings
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.calendar import ALWAYS, AlwaysOpen, Calendar
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Ints
from barledger.domain.sessions import Sessions
from barledger.domain.timeframe import DAY, Timeframe
from barledger.domain.timetable import Timetable
from barledger.errors import CalendarNotFound

# A month reaches so far beyond its label; with that, what the ends of a loaded stretch cut off is never asked for.
_MARGIN: Final = 40 * DAY
_DECADE: Final = 10
_LIBRARY: Final = "exchange_calendars"


@cache
def calendar_called(name: str) -> Calendar:
    """Return the calendar of this name: ``24/7``, or what exchange_calendars calls so; raises `CalendarNotFound`.

    >>> calendar_called("NYSE").name
    'XNYS'
    """
    if name == ALWAYS:
        return AlwaysOpen()
    known = _library().get_calendar_names(include_aliases=True)
    if name not in known:
        alike = [one for one in known if one.casefold() == str(name).casefold()]
        raise CalendarNotFound(calendar=str(name), detail=f"; is {alike[0]} meant?" if alike else "")
    resolved = str(_library().resolve_alias(name))
    return ExchangeCalendar(resolved) if resolved == name else calendar_called(resolved)


class ExchangeCalendar(Calendar):
    """An exchange's sessions with their half days, breaks, holidays and daylight saving."""

    def __init__(self, name: str) -> None:
        """Know the name; sessions are loaded when somebody asks."""
        self.name = name
        self._lock = threading.Lock()
        self._loaded: tuple[Interval, Sessions] | None = None

    def timetable(self, timeframe: Timeframe, interval: Interval) -> Timetable:
        """Return the numbered bars, those of the interval among them; raises `CalendarNotFound` beyond its bounds."""
        return self._sessions(interval).timetable(timeframe)

    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:
        """Return when each bar closes: its session's close at the latest, on half days too.

        A bar of a day and longer closes with its last session; one shorter than a day that is not counted from the
        session's opening closes as its timeframe says, or with its session. Where the calendar does not reach, bars
        close as their timeframe says, which is never too early.
        """
        closes = timeframe.close_of(labels)
        sessions = self._around(labels)
        if sessions is None:
            return closes
        if timeframe.duration < DAY:
            return np.minimum(closes, sessions.ends_of(timeframe, labels))
        table = sessions.timetable(timeframe)
        numbers, found = table.find(labels)
        closes[found] = table.closes(numbers[found])
        return closes

    def coarser(self, fine: Timeframe, labels: Ints, coarse: Timeframe) -> Ints:
        """Return the label of the coarser bar that each finer bar is a part of.

        A bar of no session belongs to the exchange's date, and within a day to the coarser bar counted from the epoch.
        Raises `CalendarNotFound` where sessions are needed and the calendar does not reach.
        """
        if fine.duration >= DAY or not len(labels):
            return coarse.open_of(labels)
        sessions = self._sessions(Interval(int(labels.min()), int(labels.max()) + 1))
        if coarse.duration >= DAY:
            return coarse.open_of(sessions.dates_of(fine, labels))
        lasted, _, _ = sessions.spells(coarse).around(labels)
        return np.where(lasted < 0, coarse.open_of(labels), labels - lasted)

    def earlier(self, timeframe: Timeframe, time: int, bars: int) -> int:
        """Return the label of the bar that lies so many bars before ``time``; raises `CalendarNotFound`."""
        if bars <= 0:
            return time
        bounds, span = self._reachable(), timeframe.duration * (bars + 1)
        while True:
            start = max(time - span, bounds.start)
            table = self.timetable(timeframe, Interval(min(start, time), time))
            number = int(table.before(np.array([time], np.int64))[0]) - bars
            if number >= 0:
                return int(table.labels(np.array([number], np.int64))[0])
            if start == bounds.start:
                raise self._beyond(f"{bars} bars of {timeframe} before {format_time(time)}", bounds)
            span *= 2

    def _around(self, labels: Ints) -> Sessions | None:
        """Return the sessions around these labels as far as the calendar reaches, or None if it never does."""
        reach = self._reachable()
        if not len(labels):
            return None
        wanted = Interval(int(labels.min()), int(labels.max()) + 1).intersection(reach)
        return None if wanted is None else self._sessions(wanted)

    def _reachable(self) -> Interval:
        """Return how far the library could go."""
        with self._lock:
            return self._load()[0]

    def _sessions(self, interval: Interval) -> Sessions:
        """Return sessions that cover an interval with a margin; raises `CalendarNotFound` beyond the bounds."""
        with self._lock:
            bounds, sessions = self._load()
            if interval.start < bounds.start or interval.end > bounds.end:
                raise self._beyond(str(interval), bounds)
            wanted = Interval(interval.start - _MARGIN, interval.end + _MARGIN).intersection(bounds)
            if wanted is not None and not _holds(sessions.reach, wanted):
                hull = _hull(sessions.reach, wanted).intersection(bounds) or bounds
                sessions = _read(_made(self.name, hull), hull)
                self._loaded = bounds, sessions
            return sessions

    def _load(self) -> tuple[Interval, Sessions]:
        """Return what is loaded; at first what the library makes by default, which knows the bounds."""
        if self._loaded is None:
            made = _made(self.name)
            reach = Interval(_ns(made.first_session), _ns(made.last_session) + DAY)
            self._loaded = _bounds(made), _read(made, reach)
        return self._loaded

    def _beyond(self, wanted: str, bounds: Interval) -> CalendarNotFound:
        return CalendarNotFound(calendar=self.name, detail=f" for {wanted}: it reaches over {bounds}")


def _library() -> Any:
    # It takes a tenth of a second, and only markets that close need it.
    import exchange_calendars  # type: ignore[import-untyped]  # noqa: PLC0415

    return exchange_calendars


def _made(name: str, reach: Interval | None = None) -> Any:
    """Let the library make a calendar, over its default of twenty years or over a stretch."""
    bounds = {}
    if reach is not None:
        bounds = {"start": pd.Timestamp(reach.start).normalize(), "end": pd.Timestamp(reach.end - 1).normalize()}
    try:
        with warnings.catch_warnings():
            # It uses what pandas is about to change.
            warnings.simplefilter("ignore")
            return _library().get_calendar(name, **bounds)
    except Exception as error:
        # Some of its calendars cannot be made with every pandas, and fail in ways of their own.
        reason = str(error).partition("\n")[0]
        raise CalendarNotFound(calendar=name, detail=f": {_LIBRARY} cannot make it ({reason[:200]})") from error


def _bounds(made: Any) -> Interval:
    """Return how far the library could go."""
    earliest, latest = made.bound_min(), made.bound_max()
    start = pd.Timestamp(1700, 1, 1) if earliest is None else earliest
    end = pd.Timestamp(2200, 1, 1) if latest is None else latest
    return Interval(_ns(start), _ns(end) + DAY)


def _hull(known: Interval, wanted: Interval) -> Interval:
    """Return both, and some more, so that going on in small steps does not load each time."""
    start, end = known.start, known.end
    if wanted.start < start:
        year = pd.Timestamp(wanted.start).year
        start = _ns(pd.Timestamp(max(year - year % _DECADE, 1700), 1, 1))
    if wanted.end > end:
        end = _ns(pd.Timestamp(min(pd.Timestamp(wanted.end).year + 2, 2200), 1, 1))
    return Interval(start, end)


def _holds(known: Interval, wanted: Interval) -> bool:
    return known.start <= wanted.start and wanted.end <= known.end


def _read(made: Any, reach: Interval) -> Sessions:
    schedule = made.schedule
    dates = _nanoseconds(schedule.index)
    opens, closes = _nanoseconds(schedule["open"]), _nanoseconds(schedule["close"])
    broken = schedule["break_start"].notna().to_numpy()
    pauses, resumes = (_nanoseconds(schedule[name])[broken] for name in ("break_start", "break_end"))
    ends = closes.copy()
    ends[broken] = pauses
    order = np.argsort(starts := np.concatenate([opens, resumes]), kind="stable")
    return Sessions(
        reach=reach,
        zone=str(made.tz),
        dates=dates,
        opens=opens,
        closes=closes,
        spell_starts=starts[order],
        spell_ends=np.concatenate([ends, closes[broken]])[order],
    )


def _nanoseconds(times: Any) -> Ints:
    return np.asarray(times.to_numpy("datetime64[ns]").astype(np.int64))


def _ns(time: pd.Timestamp) -> int:
    return int(time.as_unit("ns").value)
