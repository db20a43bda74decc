"""Timeliness: how far a record is behind the clock, and how long after their close its bars came."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.quality.metric import Case, Metric, worst_of
from barledger.domain.rows import Flags, Ints
from barledger.domain.timeframe import DAY, HOUR, MINUTE, SECOND, Timeframe

_WEEK: Final = 7 * DAY
_MANY_BARS: Final = 10
_SOON: Final = 5 * MINUTE
_PATIENCE: Final = 12 * HOUR
_QUANTILES: Final = {"median": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a record is behind the clock.

    ``bars`` are those that have closed since its newest one and are not there, ``overdue`` those of them that are due
    (see `due_after`), ``seconds`` since when the first of them is lacking, and ``age_seconds`` how long ago the newest
    bar closed, closed markets included (None where there is no bar). ``stretch`` is where the bars are lacking.
    """

    bars: int
    overdue: int
    seconds: float
    age_seconds: float | None
    stretch: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """When bars came: the label, the close and the first coming (ns) of each, and how many bars had closed since."""

    times: Ints
    closes: Ints
    came: Ints
    bars_late: Ints
    unknown: int = 0


def due_after(timeframe: Timeframe) -> int:
    """Return how long (ns) after its close a bar is due: as long as it lasts, and 12 hours at most."""
    return min(timeframe.duration, _PATIENCE)


def timeliness(lag: Lag, arrivals: Arrivals | None, timeframe: Timeframe) -> Metric:
    """Return ``1 / (1 + overdue)``, where overdue are the bars that are due and lacking at the end of the record.

    A bar is due as long after its close as it lasts, and 12 hours at most: a minute may be a minute late, a day half a
    day. A closed market owes no bars. The formula is our own; it is 1 for a record that is up to date, 1/2 for one
    overdue bar, and never rises while the clock runs on and no bar comes.

    Beside it, the distribution of how long after their close bars came (``ingestion``: median, 90th and 99th
    percentile by linear interpolation, and maximum, in seconds), without those that were back-filled (`live`).
    """
    notes: tuple[str, ...] = ()
    counts = {"behind": lag.bars, "overdue": lag.overdue}
    figures: dict[str, Any] = {"lag_bars": lag.bars, "lag_seconds": lag.seconds, "age_seconds": lag.age_seconds}
    cases = []
    if lag.stretch is not None and lag.bars:
        cases.append(Case(interval=lag.stretch, what=f"{lag.bars:,} bars behind", value=float(lag.bars)))
    if arrivals is not None:
        kept = live(arrivals, timeframe)
        counts |= {"live": int(kept.sum()), "backfilled": int((~kept).sum()), "unknown": arrivals.unknown}
        waits = (arrivals.came - arrivals.closes)[kept] / SECOND
        figures["ingestion"] = _distribution(waits)
        if not len(waits):
            notes = ("no bar came live, so there is no distribution of the lag at ingestion",)
        latest = np.flatnonzero(kept)[np.argsort(-waits, kind="stable")[:3]].tolist()
        cases += [_late(arrivals, timeframe, at) for at in latest if arrivals.bars_late[at] > 0]
    return Metric(
        name="timeliness",
        score=1 / (1 + lag.overdue),
        counts=counts,
        figures=figures,
        worst=worst_of(cases),
        notes=notes,
    )


def live(arrivals: Arrivals, timeframe: Timeframe) -> Flags:
    """Tell which bars came live. One was back-filled, and tells nothing of how fast bars come, if

    - it came more than a week after its close, and more than ten of its bars, or
    - it came after a bar that opens later, as what fills a gap does, or
    - it came with, or within five minutes after, bars that were back-filled for the first reason, and one of those that
      it came with was more than ten bars late: the chunks in which a history is loaded, up to the last one.

    Bars came together if they came at the same instant.
    """  # noqa: D400 - a list follows
    count = len(arrivals.times)
    if not count:
        return np.zeros(0, np.bool_)
    waits = arrivals.came - arrivals.closes
    old = (waits > max(_WEEK, _MANY_BARS * timeframe.duration)) & (arrivals.bars_late > _MANY_BARS)
    earliest_later = np.append(np.minimum.accumulate(arrivals.came[::-1])[::-1][1:], np.iinfo(np.int64).max)
    filled = earliest_later < arrivals.came
    return np.asarray(~(old | filled | _loaded(arrivals, old)))


def _loaded(arrivals: Arrivals, old: Flags) -> Flags:
    """Tell which bars came in a load of history."""
    # Neighbours mostly came together, so that there are few runs to sort.
    begins = np.flatnonzero(np.append(True, arrivals.came[1:] != arrivals.came[:-1]))
    instants, runs = np.unique(arrivals.came[begins], return_inverse=True)
    at = np.repeat(runs, np.diff(np.append(begins, len(arrivals.came))))
    holds_old = np.zeros(len(instants), np.bool_)
    holds_old[at[old]] = True
    slow = np.zeros(len(instants), np.bool_)
    slow[at[arrivals.bars_late > _MANY_BARS]] = True
    goes_on = np.append(False, np.diff(instants) <= _SOON) & slow
    positions = np.arange(len(instants))
    begun = np.maximum.accumulate(np.where(goes_on, 0, positions))
    newest_old = np.maximum.accumulate(np.where(holds_old, positions, -1))
    return np.asarray((newest_old >= begun)[at])


def _distribution(waits: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, float] | None:
    if not len(waits):
        return None
    values = np.percentile(waits, [*_QUANTILES.values()])
    return {f"{name}_seconds": round(float(value), 6) for name, value in zip(_QUANTILES, values, strict=True)}


def _late(arrivals: Arrivals, timeframe: Timeframe, at: int) -> Case:
    start = int(arrivals.times[at])
    seconds = (int(arrivals.came[at]) - int(arrivals.closes[at])) / SECOND
    end = int(timeframe.close_of(arrivals.times[at : at + 1])[0])
    bars = int(arrivals.bars_late[at])
    return Case(interval=Interval(start, end), what=f"came {seconds:,.0f} s after its close", value=float(bars))
