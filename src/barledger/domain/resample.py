"""Coarser bars out of finer ones."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from barledger.domain.calendar import Calendar
from barledger.domain.interval import EARLIEST, LATEST, Interval, format_time
from barledger.domain.rows import Flags, Floats, Ints, Rows, Texts, constant, found_in
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import InvalidSetting

Partial = Literal["drop", "mark", "keep"]

# Sessions open before the midnight that labels their day, or end after it, by less than this.
_MARGIN: Final = 2 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Coarsened:
    """Coarser bars, and which of them lack a part that their calendar expects."""

    rows: Rows
    partial: Flags


def check_partial(partial: str) -> None:
    """Raise `InvalidSetting` if there is no such wish."""
    if partial not in get_args(Partial):
        raise InvalidSetting(setting="partial", reason=f"{partial!r} is none of {', '.join(get_args(Partial))}")


def check_coarser(fine: Timeframe, coarse: Timeframe) -> None:
    """Raise `InvalidSetting` unless bars of the one consist of whole bars of the other."""
    if coarse.duration <= fine.duration:
        raise InvalidSetting(setting="timeframe", reason=f"{coarse} is not coarser than {fine}")
    # A month consists of days, and its longest one tells nothing of what divides it.
    length = DAY if coarse.name == "1M" else coarse.duration
    if length % fine.duration:
        raise InvalidSetting(setting="timeframe", reason=f"bars of {coarse} do not consist of whole bars of {fine}")


def coarsen(rows: Rows, fine: Timeframe, coarse: Timeframe, calendar: Calendar) -> Coarsened:
    """Put standing bars together; see `Bars.resample` for the rules and the errors."""
    check_coarser(fine, coarse)
    if not len(rows):
        return Coarsened(rows=rows, partial=np.zeros(0, np.bool_))
    labels = calendar.coarser(fine, rows.time, coarse)
    _check_aligned(rows.time, labels, fine, coarse, calendar)
    first = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    whole = _put_together(rows, labels[first], first)
    return Coarsened(rows=whole, partial=_partial(rows.time, whole.time, fine, coarse, calendar))


def _check_aligned(times: Ints, labels: Ints, fine: Timeframe, coarse: Timeframe, calendar: Calendar) -> None:
    """Refuse finer bars that reach beyond the coarser one that they are a part of, or coarser ones that go back."""
    if fine.duration >= DAY:
        # What covers whole dates lies where its dates do, on a day without a session too.
        late = fine.close_of(times) > coarse.close_of(labels)
    else:
        late = calendar.closes(fine, times) > calendar.closes(coarse, labels)
    # Days and longer ones are labelled with a midnight at which no session needs to open.
    early = times < labels if coarse.duration < DAY else np.zeros(len(times), np.bool_)
    back = np.append(False, labels[1:] < labels[:-1])
    wrong = np.flatnonzero(late | early | back)
    if len(wrong):
        reason = f"the bar of {fine} at {format_time(int(times[wrong[0]]))} lies in no one bar of {coarse}"
        raise InvalidSetting(setting="timeframe", reason=f"{reason} ({len(wrong)} such bars)")


def _put_together(rows: Rows, labels: Ints, first: Ints) -> Rows:
    """Join runs of bars that begin at these positions; what follows from a missing value is NaN."""
    last = np.append(first[1:], len(rows)) - 1
    return Rows(
        time=labels,
        open=rows.open[first],
        high=np.maximum.reduceat(rows.high, first),
        low=np.minimum.reduceat(rows.low, first),
        close=rows.close[last],
        volume=np.add.reduceat(rows.volume, first),
        adjustment_factor=None if rows.adjustment_factor is None else _common(rows.adjustment_factor, first),
        source_id=None if rows.source_id is None else _common_text(rows.source_id, first, last),
        revision=np.maximum.reduceat(rows.revision, first),
        edition=constant(1, len(labels)),
    )


def _common(values: Floats, first: Ints) -> Floats:
    """Return the one value of each run, or NaN where its parts differ."""
    low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    return np.where(low == high, low, np.nan)


def _common_text(texts: Texts, first: Ints, last: Ints) -> Texts:
    made = np.empty(len(first), np.object_)
    for at, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        found = set(texts[begin : end + 1].tolist())
        made[at] = found.pop() if len(found) == 1 else None
    return made


def _partial(times: Ints, labels: Ints, fine: Timeframe, coarse: Timeframe, calendar: Calendar) -> Flags:
    """Tell of which coarser bars some part is missing."""
    end = min(int(calendar.closes(coarse, labels[-1:])[0]) + _MARGIN, LATEST)
    around = Interval(max(int(labels[0]) - _MARGIN, EARLIEST), end)
    expected = calendar.expected(fine, around)
    missing = expected[~found_in(expected, times)]
    lacking = np.unique(calendar.coarser(fine, missing, coarse)) if len(missing) else missing
    return found_in(labels, lacking)
