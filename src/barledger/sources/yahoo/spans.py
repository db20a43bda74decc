"""Spans: how far back Yahoo reaches, how much it gives at once, and up to when its answer is final."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from barledger.domain.interval import BEGINNING, Interval
from barledger.domain.timeframe import DAY, HOUR, MINUTE, SECOND, Timeframe

INTERVALS: Final[Mapping[str, str]] = {
    "1m": "1m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1h",
    "1d": "1d",
    "1w": "1wk",
    "1M": "1mo",
}
"""Our timeframes that Yahoo has, by Yahoo's names."""

HISTORY: Final[Mapping[str, int]] = {
    "1m": 30 * DAY,
    "5m": 60 * DAY,
    "15m": 60 * DAY,
    "30m": 60 * DAY,
    "1h": 730 * DAY,
}
_AT_ONCE: Final[Mapping[str, int]] = {"1m": 7 * DAY}

LAG: Final = 30 * MINUTE
"""Quotes of many venues come that late, so a bar that closed just now may still be missing or moving."""

_OLDEST: Final = 99 * 366 * DAY
# Yahoo counts from its own now, a little later than ours.
_MARGIN: Final = HOUR
# A Monday at this hour is a Monday in every zone that has an exchange.
_MORNING: Final = 6 * HOUR


def oldest(timeframe: Timeframe, now: int) -> int:
    """Return the time (ns) before which Yahoo keeps no bars, as it is declared."""
    limit = HISTORY.get(timeframe.name)
    return BEGINNING if limit is None else now - limit


def a_few_days(now: int) -> tuple[int, int]:
    """Return the seconds of a question whose bars do not matter."""
    return (now - 7 * DAY) // SECOND, now // SECOND


def reachable(timeframe: Timeframe, interval: Interval, now: int) -> Interval | None:
    """Return the part of an interval that Yahoo can have bars in."""
    start = interval.start if timeframe.name not in HISTORY else max(interval.start, oldest(timeframe, now) + _MARGIN)
    end = min(interval.end, now)
    return Interval(start, end) if start < end else None


def windows(timeframe: Timeframe, interval: Interval) -> Iterator[Interval]:
    """Give the interval in parts that one request may have."""
    most = _AT_ONCE.get(timeframe.name, interval.end - interval.start)
    for start in range(interval.start, interval.end, most):
        yield Interval(start, min(start + most, interval.end))


def asked_for(timeframe: Timeframe, window: Interval, now: int) -> tuple[int, int]:
    """Return the seconds to ask for, wide enough that no bar of the window is cut, whatever the venue's zone is.

    Yahoo counts weeks from the first day that it is asked for, so that has to be a Monday, or a month's first.
    """
    start = max(window.start, now - _OLDEST)
    if timeframe.duration >= DAY:
        before = timeframe.open_of(np.array([start - timeframe.duration - DAY], np.int64))
        first, last = int(before[0]) + _MORNING, window.end + timeframe.duration + 2 * DAY
    else:
        limit = HISTORY[timeframe.name]
        first = max(start - timeframe.duration, now - limit + _MARGIN // 2)
        last = window.end + timeframe.duration
        last += -last % timeframe.duration
    return first // SECOND, -(-last // SECOND)


def settled(timeframe: Timeframe, now: int, *, today: int, over: bool, newest: int | None) -> int:
    """Return the time (ns) before which every bar's label is answered for good.

    ``today`` is the label of the venue's current date and ``over`` whether its session has ended for sure; ``newest``
    is the label of the last closed bar that came.
    """
    if timeframe.duration >= DAY:
        tomorrow = today + DAY if over else today
        return int(timeframe.open_of(np.array([tomorrow], np.int64))[0])
    known = now - LAG - timeframe.duration + 1
    return known if newest is None else max(known, newest + 1)
