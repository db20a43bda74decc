"""Progress: what a running task tells of itself, as values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from barledger.domain.calendar import Calendar
from barledger.domain.interval import BEGINNING, Interval
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.errors import BarledgerError
from barledger.services.ingestion import closing
from barledger.services.ingestion.report import InstrumentReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened to the task of one series."""

    series: Series

    @property
    def instrument(self) -> str:
        """Return the instrument."""
        return self.series.instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """A series' turn has come: these stretches are asked for.

    ``total`` is how many bars a full record of them has, None where nobody knows where the source begins.
    """

    asked: tuple[Interval, ...]
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced(Event):
    """A chunk is stored: ``bars`` came so far, ``done`` of ``total`` of a full record are answered for.

    ``rate`` is in bars per second, ``remaining`` in seconds, None where it cannot be told.
    """

    bars: int
    done: int
    total: int | None
    rate: float
    remaining: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(Event):
    """The source did not answer; it is asked again after ``wait`` seconds."""

    error: BarledgerError
    attempt: int
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refetching(Event):
    """Bars look as if the source had multiplied its history, so all of the stretch is asked for once more."""

    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Resumed(Readable, Event):
    """A series is followed from where it ends (ns): what was missed since comes first."""

    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """Series are followed from now on: the next bar is that of ``opens``, which closes at ``closes`` (both ns).

    Of several it is the one whose bar closes first, and there are so many ``others``.
    """

    opens: int
    closes: int
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """A series is done with, well or not."""

    report: InstrumentReport


Listener = Callable[[Event], None]


class Progress:
    """Hands events to a listener, one at a time, whichever thread they come from."""

    def __init__(self, listener: Listener | None, steady: Callable[[], float]) -> None:
        """Tell this listener, if there is one."""
        self._listener = listener
        self._lock = Lock()
        self.steady = steady

    def tell(self, event: Event) -> None:
        """Hand over an event."""
        if self._listener is not None:
            with self._lock:
                self._listener(event)


class Meter:
    """How far the task of one series has come."""

    def __init__(self, progress: Progress, series: Series, calendar: Calendar) -> None:
        """Begin now."""
        self._progress = progress
        self._series = series
        self._calendar = calendar
        self._began = progress.steady()
        self._total: int | None = None
        self._bars = 0
        self._done = 0

    def start(self, asked: Sequence[Interval], until: int) -> None:
        """Say what is asked for; nothing is expected from ``until`` on."""
        bounded = [part for one in asked if (part := one.intersection(Interval(BEGINNING, until)))]
        unknown = any(one.start == BEGINNING for one in bounded)
        self._total = None if unknown else sum(self._count(one) for one in bounded)
        self._progress.tell(Started(series=self._series, asked=tuple(asked), total=self._total))

    def advance(self, answered: Interval, bars: int) -> None:
        """Say that a stretch is stored, with so many bars."""
        self._bars += bars
        self._done += bars if self._total is None else self._count(answered)
        spent = max(self._progress.steady() - self._began, _INSTANT)
        remaining = None
        if self._total is not None and self._done:
            remaining = spent * max(self._total - self._done, 0) / self._done
        self._progress.tell(
            Advanced(
                series=self._series,
                bars=self._bars,
                done=self._done,
                total=self._total,
                rate=self._bars / spent,
                remaining=remaining,
            )
        )

    def _count(self, interval: Interval) -> int:
        return closing.count(self._series.timeframe, self._calendar, interval)


_INSTANT: Final = 1e-6
