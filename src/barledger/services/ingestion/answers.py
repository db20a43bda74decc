"""Answers: what a chunk says of its stretch, bar by bar and as coverage."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.calendar import Calendar
from barledger.domain.interval import (
    BEGINNING,
    EARLIEST,
    END_OF_TIME,
    Interval,
    difference,
    format_time,
    intersection,
    union,
)
from barledger.domain.rows import Ints, Rows, found_in
from barledger.domain.series import Series
from barledger.domain.validation import Rejected
from barledger.errors import SourceError
from barledger.ledger.contract import Cover
from barledger.services.ingestion import closing
from barledger.sources.contract import Fetched, SourceDeclaration

FETCHED: Final = "fetched"
EMPTY: Final = "source_empty"
UNCONFIRMED: Final = "unconfirmed"
FAILED: Final = "fetch_failed"
SETTLED: Final = frozenset({FETCHED, EMPTY})
"""The outcomes that are not asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A chunk as it came: the stretch that was asked for, and when (ns) it was asked for and received."""

    chunk: Fetched
    stretch: Interval
    asked_at: int
    received_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The closed bars of a chunk, within what was asked; ``dropped`` were not closed, ``future`` had not even opened.

    ``interval`` is the stretch that it answers for, closed bars only; it may be empty. ``newest`` is its last bar, or
    that of the chunk before it. ``corrected`` counts the bars that stay as somebody corrected
    them, ``decided`` those of each decision.
    """

    rows: Rows
    interval: Interval
    rejected: tuple[Rejected, ...]
    dropped: int
    future: int
    newest: Interval | None
    received: Received
    corrected: int = 0
    decided: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether what it lacks says something."""
        return self.received.chunk.complete

    def telling(self, actions: tuple[CorporateAction, ...]) -> Self:
        """Return it with its events told otherwise."""
        chunk = self.received.chunk
        if actions == chunk.actions:
            return self
        return replace(self, received=replace(self.received, chunk=replace(chunk, actions=actions)))

    @property
    def times(self) -> Ints:
        """Return the times of all bars that came, those that broke a rule too."""
        broken = np.array([bar.time for bar in self.rejected], np.int64)
        return np.union1d(self.rows.time, broken) if len(broken) else self.rows.time


def read_answer(received: Received, series: Series, calendar: Calendar, *, after: Interval | None = None) -> Answer:
    """Take what is final from a chunk; raises `SourceError` if its bars are not in order.

    What counts is the moment at which it was asked for: a bar that closed while the answer was under way may not be
    whole in it. ``after`` is the last bar of the chunk before: nothing opens within a bar, so wherever chunks are
    divided there, the stretch up to its close is answered for.
    """
    chunk, rows = received.chunk, received.chunk.rows
    _check_order(rows, series)
    horizon = closing.horizon(series.timeframe, calendar, received.asked_at)
    asked = chunk.interval.intersection(received.stretch) or Interval(received.stretch.start, received.stretch.start)
    inside = rows.within(asked)
    final = inside.within(Interval(BEGINNING, horizon))
    future = int((inside.time > received.received_at).sum())
    newest = _bar(final, series) or after
    return Answer(
        rows=final,
        interval=_to_the_close(Interval(asked.start, max(min(asked.end, horizon), asked.start)), after, newest),
        rejected=tuple(bar for bar in chunk.rejected if bar.time in asked and bar.time < horizon),
        dropped=len(inside) - len(final) - future,
        future=future,
        newest=newest,
        received=received,
    )


def _bar(rows: Rows, series: Series) -> Interval | None:
    """Return the span of the last bar."""
    if not len(rows):
        return None
    return Interval(int(rows.time[-1]), int(series.timeframe.close_of(rows.time[-1:])[0]))


def _to_the_close(interval: Interval, before: Interval | None, newest: Interval | None) -> Interval:
    start, end = interval.start, interval.end
    if before is not None and before.start < start < before.end:
        start = before.end
    if newest is not None and newest.start < end < newest.end:
        end = newest.end
    return Interval(start, max(start, end))


def _check_order(rows: Rows, series: Series) -> None:
    if len(rows) > 1 and int(np.diff(rows.time).min()) <= 0:
        raise SourceError(source=series.source, detail=f"its bars of {series.instrument} are not in ascending order")


def covers(answer: Answer, series: Series, declaration: SourceDeclaration, calendar: Calendar) -> list[Cover]:
    """Return what the answer says of its stretch.

    Behind its last bar, the absence of bars that closed a short while ago says nothing. Where the source may have left
    bars out, only those that came are answered for.
    """
    interval, times = _bounded(answer), answer.times
    if interval is not None and not declaration.incremental and answer.received.stretch.end == END_OF_TIME:
        # What was chosen to be read ends somewhere, and says nothing of what comes later.
        interval = _up_to_the_last(interval, times, series)
    if interval is None:
        return []
    late = answer.received.asked_at - closing.settling(series.timeframe)
    reached = int(series.timeframe.close_of(times[-1:])[0]) if len(times) else interval.start
    sure = Interval(interval.start, min(max(reached, late, interval.start), interval.end))
    proven = declaration.empty_is_proof and answer.complete
    outcome = FETCHED if len(times) else EMPTY if proven else UNCONFIRMED
    lacking = [] if answer.complete or not len(times) else _lacking(sure, times, series, calendar)
    found = [(outcome, part) for part in difference([sure], lacking)]
    found += [(UNCONFIRMED, part) for part in (*lacking, *difference([interval], [sure]))]
    return [Cover(series=series, interval=part, outcome=said) for said, part in found if not part.empty]


def _bounded(answer: Answer) -> Interval | None:
    """Return the stretch that is answered for; without a beginning, from the first bar on, or from all time."""
    interval, times = answer.interval, answer.times
    if interval.start == BEGINNING:
        interval = Interval(min(int(times[0]) if len(times) else EARLIEST, interval.end), interval.end)
    return None if interval.empty else interval


def _up_to_the_last(interval: Interval, times: Ints, series: Series) -> Interval | None:
    if not len(times):
        return None
    return Interval(interval.start, min(int(series.timeframe.close_of(times[-1:])[0]), interval.end))


def _lacking(interval: Interval, times: Ints, series: Series, calendar: Calendar) -> list[Interval]:
    labels = closing.expected(series.timeframe, calendar, interval)
    missing = labels[~found_in(labels, times)]
    ends = series.timeframe.close_of(missing)
    parts = union(Interval(start, end) for start, end in zip(missing.tolist(), ends.tolist(), strict=True))
    return intersection(parts, [interval])


def provenance(answer: Answer, declaration: SourceDeclaration, symbol: str) -> dict[str, Any]:
    """Return where the bars of a commit come from, for the audit log."""
    received = answer.received
    told = {
        "source": declaration.name,
        "symbol": symbol,
        "asked": received.chunk.asked,
        "library": declaration.library,
        "interval": spoken(answer.interval),
        "received_at": str(received.received_at),
        "bars": str(len(received.chunk.rows)),
        "rejected": str(len(answer.rejected)) if answer.rejected else "",
        "dropped": str(answer.dropped + answer.future) if answer.dropped + answer.future else "",
        "decided": {name: str(count) for name, count in answer.decided.items()},
    }
    return {name: value for name, value in told.items() if value}


def spoken(interval: Interval) -> dict[str, str]:
    """Return an interval as people read it in the audit log."""
    return {"start": format_time(interval.start), "end": format_time(interval.end)}
