"""Following: closed bars as they close."""

import heapq
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from barledger.domain.calendar import Calendar
from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, HOUR, SECOND
from barledger.errors import Busy, ChangesWait, SourceUnavailable
from barledger.services.cache.vault import Vault
from barledger.services.ingestion import closing
from barledger.services.ingestion.held import Held, current
from barledger.services.ingestion.plan import Wanted
from barledger.services.ingestion.progress import Resumed, Retrying, Waiting
from barledger.services.ingestion.report import InstrumentReport
from barledger.services.ingestion.restatement import Restatement
from barledger.services.ingestion.task import Task
from barledger.services.instruments import InstrumentService

Work = Callable[[Task, Sequence[tuple[Series, Wanted]]], list[InstrumentReport]]

_SOON: Final = 2.0
_LATER: Final = 60.0
_LEAST_NAP: Final = 0.5
_LONGEST_BACK_OFF: Final = 60.0
# So often a bar that is late is asked for, each time after twice as long; then the next close is waited for.
_MOST_VAIN: Final = 6
_READ_AT_ONCE: Final = 10_000
# A market that does not open within so long is looked at again then.
_LOOK_AHEAD: Final = 10 * DAY


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClosedBar(Readable):
    """A bar that is final, as it is stored; times in ns, ``close_time`` is the first instant after it.

    ``restatement`` is there if the source multiplied the bars before this one since the bar that was given before it:
    what a consumer remembers of them is on another scale.
    """

    instrument: str
    timeframe: str
    source: str
    time: int
    close_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    revision: int
    restatement: Restatement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What a follower wants; without a start (``from_the_end``) it begins where each series ends."""

    interval: Interval
    from_the_end: bool
    settle: float | None
    stop: Event


@dataclass(slots=True, kw_only=True)
class _Thread:
    """One series that is followed: from where on, what was given, what is waited for, and when it is looked at."""

    series: Series
    calendar: Calendar
    begun: int
    next: int
    awaited: int | None = None
    due: int = 0
    vain: int = 0
    failures: int = 0
    over: bool = False
    restatement: Restatement | None = None
    told: set[str] = field(default_factory=set)


class Follower:
    """Looks at each series a while after its bars close, and gives what is new."""

    def __init__(
        self,
        vault: Vault,
        instruments: InstrumentService,
        task: Task,
        following: Following,
        series: Sequence[Series],
        work: Work,
    ) -> None:
        """Follow these series by doing a task again and again."""
        self._vault, self._instruments, self._task, self._following = vault, instruments, task, following
        self._work = work
        self._threads = [self._begin(one) for one in series]

    def __iter__(self) -> Iterator[ClosedBar]:
        """Give the bars."""
        self._tell_waiting()
        while not self._following.stop.is_set():
            now = self._vault.ledger.now()
            due = [one for one in self._threads if not one.over and one.due <= now]
            if due:
                yield from self._look(due)
                continue
            waiting = [one.due for one in self._threads if not one.over]
            if not waiting:
                return
            self._task.timing.sleep((min(waiting) - now) / SECOND, self._following.stop)

    def _begin(self, series: Series) -> _Thread:
        calendar = closing.calendar_of(self._instruments, series.instrument)
        wanted = self._following.interval
        begun = wanted.start
        if self._following.from_the_end:
            held = Held(self._vault, series)
            horizon = closing.horizon(series.timeframe, calendar, self._vault.ledger.now())
            begun = horizon if held.empty else min(held.end, horizon)
            if begun < horizon:
                self._task.progress.tell(Resumed(series=series, start=begun))
        return _Thread(series=series, calendar=calendar, begun=begun, next=begun)

    def _tell_waiting(self) -> None:
        """Tell what is waited for, lest silence looks like a fault."""
        now = self._vault.ledger.now()
        coming = [(found, one) for one in self._threads if (found := self._next_close(one, now)) is not None]
        if coming:
            (opens, closes), first = min(coming, key=lambda each: each[0][1])
            self._task.progress.tell(
                Waiting(series=first.series, opens=opens, closes=closes, others=len(self._threads) - 1)
            )

    def _next_close(self, one: _Thread, now: int) -> tuple[int, int] | None:
        """Return the next bar that closes and when it does, if it opens before the end and within the next days."""
        horizon = max(closing.horizon(one.series.timeframe, one.calendar, now), one.begun)
        ahead = Interval(horizon, horizon + max(_LOOK_AHEAD, 3 * one.series.timeframe.duration))
        labels = closing.expected(one.series.timeframe, one.calendar, ahead)
        if not len(labels) or int(labels[0]) >= self._following.interval.end:
            return None
        return int(labels[0]), int(closing.closes(one.series.timeframe, one.calendar, labels[:1])[0])

    # --- one look ----------------------------------------------------------------------------------

    def _look(self, due: Sequence[_Thread]) -> Iterator[ClosedBar]:
        end, looked_at = self._following.interval.end, self._vault.ledger.now()
        orders = [(one.series, Wanted(interval=Interval(min(one.begun, end), end))) for one in due]
        reports = self._work(self._task, orders)
        for one, report in zip(due, reports, strict=True):
            self._heed(one, report)
        yield from heapq.merge(*(self._news(one) for one in due), key=lambda bar: (bar.close_time, bar.instrument))
        for one, report in zip(due, reports, strict=True):
            self._schedule(one, report, looked_at)

    def _heed(self, one: _Thread, report: InstrumentReport) -> None:
        if report.error is not None and not isinstance(report.error, SourceUnavailable | Busy):
            raise report.error
        one.restatement = report.restatement if report.rescaled else one.restatement
        unheard = set(report.proposals) - one.told
        if report.held and unheard:
            text = f"new bars of {one.series} wait for a decision about {', '.join(sorted(unheard))}"
            warnings.warn(text, ChangesWait, stacklevel=2)
        one.told |= unheard

    def _news(self, one: _Thread) -> Iterator[ClosedBar]:
        """Give what is stored behind the last bar that was given."""
        timeframe = one.series.timeframe
        horizon = closing.horizon(timeframe, one.calendar, self._vault.ledger.now())
        end = min(horizon, self._following.interval.end)
        while one.next < end:
            stretch = Interval(one.next, min(one.next + _READ_AT_ONCE * timeframe.duration, end))
            rows = current(self._vault, one.series, stretch).rows.standing()
            for bar in self._bars(one, rows):
                if self._following.stop.is_set():
                    return
                one.next = bar.time + 1
                one.restatement = None
                yield bar
            if stretch.end >= end:
                return
            one.next = max(one.next, stretch.end)

    def _bars(self, one: _Thread, rows: Rows) -> Iterator[ClosedBar]:
        closes = closing.closes(one.series.timeframe, one.calendar, rows.time)
        for at in range(len(rows)):
            yield ClosedBar(
                instrument=one.series.instrument,
                timeframe=one.series.timeframe.name,
                source=one.series.source,
                time=int(rows.time[at]),
                close_time=int(closes[at]),
                open=float(rows.open[at]),
                high=float(rows.high[at]),
                low=float(rows.low[at]),
                close=float(rows.close[at]),
                volume=float(rows.volume[at]),
                revision=int(rows.revision[at]),
                restatement=one.restatement,
            )

    # --- when to look again ------------------------------------------------------------------------

    def _schedule(self, one: _Thread, report: InstrumentReport, looked_at: int) -> None:
        if report.error is not None:
            one.failures += 1
            one.due = self._vault.ledger.now() + self._back_off(one, report.error)
            return
        one.failures = 0
        coming = self._coming(one, looked_at)
        late = one.awaited is not None and one.next <= one.awaited
        if late and one.vain < _MOST_VAIN:
            again = self._vault.ledger.now() + int(max(self._settle(one), _LEAST_NAP) * 2**one.vain * SECOND)
            if coming is None or again < coming[1]:
                one.vain += 1
                one.due = again
                return
        one.vain = 0
        one.over = coming is None
        if coming is not None:
            one.awaited, one.due = coming

    def _coming(self, one: _Thread, now: int) -> tuple[int | None, int] | None:
        """Return the next bar that closes, and when to look for it; None if it is behind the end."""
        timeframe = one.series.timeframe
        horizon = closing.horizon(timeframe, one.calendar, now)
        if horizon >= self._following.interval.end:
            return None
        ahead = Interval(horizon, horizon + max(_LOOK_AHEAD, 3 * timeframe.duration))
        labels = closing.expected(timeframe, one.calendar, ahead)
        if not len(labels):
            return None if ahead.end >= self._following.interval.end else (None, ahead.end)
        if int(labels[0]) >= self._following.interval.end:
            return None
        close = int(closing.closes(timeframe, one.calendar, labels[:1])[0])
        return int(labels[0]), close + int(self._settle(one) * SECOND)

    def _settle(self, one: _Thread) -> float:
        if self._following.settle is not None:
            return self._following.settle
        return _LATER if one.series.timeframe.duration >= HOUR else _SOON

    def _back_off(self, one: _Thread, error: BaseException) -> int:
        wait = min(_SOON * 2.0 ** min(one.failures - 1, 30), _LONGEST_BACK_OFF)
        wait = max(wait * (0.5 + self._task.timing.jitter() / 2), getattr(error, "retry_after", 0.0))
        if isinstance(error, SourceUnavailable):
            event = Retrying(series=one.series, error=error, attempt=one.failures, wait=wait)
            self._task.progress.tell(event)
        return int(wait * SECOND)
