"""A scripted source: bars from a model of a market, and faults by a script."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

import numpy as np

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.change_policy import ChangePolicy
from barledger.domain.comparison import EXACT, Tolerance
from barledger.domain.instrument import Facts
from barledger.domain.interval import EARLIEST, Interval
from barledger.domain.rows import Ints, Rows, constant, empty_rows
from barledger.domain.timeframe import DAY, SECOND, Timeframe
from barledger.domain.validation import validate
from barledger.errors import DataNotFound, SourceNotFound
from barledger.ledger.sql import SqlLedger
from barledger.services.ingestion import DataIngestionService
from barledger.services.ingestion.retries import Retries
from barledger.services.ingestion.timing import Timing
from barledger.settings import Settings
from barledger.sources.contract import Adjustment, Fetched, FetchRequest, Source, SourceDeclaration
from barledger.stores.contract import Store
from libraries import GRACE

NOON = DAY // 2
RAW: Mapping[str, Adjustment] = dict.fromkeys(("open", "high", "low", "close", "volume"), "raw")
SPLITS: Mapping[str, Adjustment] = dict.fromkeys(("open", "high", "low", "close", "volume"), "splits")


@dataclass(slots=True)
class SetClock:
    """A clock of ns that stands still unless it is turned; whoever sleeps turns it."""

    now: int
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float, stop: Event) -> None:
        if not stop.is_set():
            self.slept.append(seconds)
            self.now += int(max(seconds, 0) * SECOND)

    def steady(self) -> float:
        return self.now / SECOND

    @property
    def timing(self) -> Timing:
        return Timing(sleep=self.sleep, steady=self.steady, jitter=lambda: 1.0)


@dataclass(slots=True)
class Market:
    """What a source would say if it never failed: one bar for each label from ``listed`` on.

    ``splits`` are (first label after, new shares per old one): the bars before are divided by it, their volume
    multiplied. ``corrected`` adds to the close's cents, ``gone`` are bars that are not given.
    """

    timeframe: Timeframe = field(default_factory=lambda: Timeframe.of("1d"))
    listed: int = 0
    splits: list[tuple[int, float]] = field(default_factory=list)
    corrected: dict[int, float] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    volume_adjusted: bool = True
    decimals: int | None = None
    jitter: float = 0.0
    actions: list[CorporateAction] = field(default_factory=list)

    def labels(self, start: int, end: int) -> Ints:
        first, step = max(start, self.listed), self.timeframe.duration
        first += -(first - self.listed) % step
        labels = np.arange(first, max(end, first), step, dtype=np.int64)
        return labels[~np.isin(labels, list(self.gone))] if self.gone else labels

    def rows(self, labels: Ints) -> Rows:
        number = (labels // self.timeframe.duration).astype(np.int64)
        cents = 10_000.0 + (number * 7919 % 2_000)
        low, high, volume = cents - 120 - number % 37, cents + 130 + number % 41, 1_000.0 + number * 31 % 977
        factor = np.ones(len(labels))
        for ex, ratio in self.splits:
            factor[labels < ex] /= ratio
        shaken = factor * (1 + self.jitter * np.sin(number))
        close = cents + np.array([self.corrected.get(int(at), 0.0) for at in labels])
        prices = [column / 100 * shaken for column in (cents - 30, high, low, close)]
        if self.decimals is not None:
            prices = [np.round(column, self.decimals) for column in prices]
        volume = volume / factor if self.volume_adjusted else volume
        return Rows(
            time=labels,
            open=prices[0],
            high=prices[1],
            low=prices[2],
            close=prices[3],
            volume=volume,
            revision=constant(0, len(labels)),
            edition=constant(0, len(labels)),
        )


Fault = Exception | Callable[["ScriptedSource", FetchRequest], None] | None


class ScriptedSource(Source):
    """Gives a market's bars page by page. Each request takes the next fault of the script, if there is one left.

    ``requests`` are the (instrument, start, end) that it saw; with a ``log`` they are appended to that file too.
    """

    def __init__(
        self,
        markets: Mapping[str, Market],
        clock: Callable[[], int],
        *,
        name: str = "scripted",
        page: int = 10,
        script: Sequence[Fault] = (),
        log: Path | None = None,
        facts: Facts | None = None,
        complete: bool = True,
        on_change: ChangePolicy | None = None,
        **declared: Any,
    ) -> None:
        self.markets, self.clock, self.page, self.log, self.complete = dict(markets), clock, page, log, complete
        self.script = list(script)
        self.requests: list[tuple[str, int, int]] = []
        self.closed = False
        self.busiest = self._busy = 0
        self._facts, self._lock = facts, Lock()
        told = {"tolerance": EXACT, "adjustment": RAW, "library": "scripted 1.0", **declared}
        self._declaration = SourceDeclaration(name=name, on_change=on_change or ChangePolicy(), **told)

    @property
    def declaration(self) -> SourceDeclaration:
        return self._declaration

    def facts(self, request: FetchRequest) -> Facts | None:  # noqa: ARG002 - the same of all
        return self._facts

    def close(self) -> None:
        self.closed = True

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        self.check(request)
        market = self.markets.get(request.symbol)
        if market is None:
            what = f"there is no {request.symbol}"
            raise DataNotFound(what=what)
        start = request.interval.start
        while True:
            page, end = self._page(market, request, start)
            yield page
            if end >= request.interval.end:
                return
            start = end

    def _page(self, market: Market, request: FetchRequest, start: int) -> tuple[Fetched, int]:
        self._see(request, start)
        # The bar that is forming is given too, as exchanges do.
        labels = market.labels(max(start, EARLIEST), min(request.interval.end, self.clock() + 1))[: self.page]
        end = int(labels[-1]) + 1 if len(labels) == self.page else request.interval.end
        validated = validate(market.rows(labels), request.timeframe, on_invalid=request.on_invalid)
        interval = Interval(start, end)
        return Fetched(
            rows=validated.rows if len(labels) else empty_rows(),
            interval=interval,
            rejected=validated.rejected,
            complete=self.complete,
            actions=tuple(action for action in market.actions if action.ex_date in interval),
            asked=f"page of {self.page} from {start}",
        ), end

    def _see(self, request: FetchRequest, start: int) -> None:
        with self._lock:
            self.requests.append((request.instrument, start, request.interval.end))
            fault = self.script.pop(0) if self.script else None
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"{request.instrument} {start}\n")
                log.flush()
                os.fsync(log.fileno())
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            fault(self, request)


def clocked(store: Store, clock: Callable[[], int], ledger_url: str = "sqlite://") -> BarLedger:
    """Plug a store together with a ledger that goes by this clock."""
    ledger = SqlLedger.open(ledger_url, clock=clock, grace=GRACE)
    return BarLedger(store, ledger, settings=Settings(actor="tester", wait=20.0))


def service(bl: BarLedger, clock: SetClock, *sources: Source, retries: Retries | None = None) -> DataIngestionService:
    """Return an ingestion that knows these sources, and waits by the clock."""
    named = {source.declaration.name: source for source in sources}

    def make(name: str, options: Mapping[str, Any]) -> Source:  # noqa: ARG001 - they take none
        if name not in named:
            raise SourceNotFound(source=name, known=tuple(named))
        return named[name]

    return DataIngestionService(
        bl.vault,
        bl.cache,
        make,
        bl.instruments,
        timing=clock.timing,
        retries=retries or Retries(),
    )


def tolerant() -> Tolerance:
    """Return what a vendor such as Yahoo declares."""
    return Tolerance(price=2e-6, volume=5e-3)
