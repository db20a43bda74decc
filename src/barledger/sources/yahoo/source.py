"""YahooSource: bars and corporate actions of Yahoo Finance."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from barledger.domain.comparison import Tolerance
from barledger.domain.instrument import Facts
from barledger.domain.intake import intake
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import VALUES, empty_rows
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import CapabilityMissing, DataNotFound
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration
from barledger.sources.options import OptionReader
from barledger.sources.yahoo import answer as answers
from barledger.sources.yahoo.answer import actions_of, bars_of
from barledger.sources.yahoo.desk import Answer, Desk, library
from barledger.sources.yahoo.refusals import NAME
from barledger.sources.yahoo.spans import (
    HISTORY,
    INTERVALS,
    LAG,
    a_few_days,
    asked_for,
    oldest,
    reachable,
    settled,
    windows,
)
from barledger.sources.yahoo.symbols import facts_of, is_symbol, symbol_of

_AT_QUARTERS: Final = (".NS", ".BO")


class YahooSource(Source):
    """Yahoo Finance through yfinance: split-adjusted prices and volume, and the events, never adjusted for dividends.

    Labels of a day and longer are midnight in UTC of the venue's date. What Yahoo appends for the running session is
    left out, and the stretch of the last chunk ends where Yahoo's answer is not final yet.

    >>> sorted(YahooSource().declaration.timeframes)
    ['15m', '1M', '1d', '1h', '1m', '1w', '30m', '5m']
    """

    def __init__(self, *, url: str = "", timeout: float | str = 30.0, clock: Callable[[], int] = time.time_ns) -> None:
        """Ask nobody yet.

        ``url`` is a server that speaks as Yahoo does, in Yahoo's place; ``timeout`` the seconds for one request. Raises
        `InvalidSetting`.
        """
        options = OptionReader("source yahoo")
        if url and not url.startswith(("http://", "https://")):
            raise options.refused("url", f"{url!r} is no http(s):// address")
        self._desk = Desk(url=url, timeout=options.seconds("timeout", timeout, below=3600))
        self._clock = clock
        self._told: dict[str, Answer] = {}

    @property
    def declaration(self) -> SourceDeclaration:
        """Return what Yahoo has; its prices change in the seventh digit, its volume by half a percent."""
        return SourceDeclaration(
            name=NAME,
            timeframes=frozenset(INTERVALS),
            adjustment=dict.fromkeys(VALUES, "splits"),
            gives_events=True,
            tolerance=Tolerance(price=2e-6, volume=5e-3),
            history=HISTORY,
            concurrency=4,
            library=library(),
        )

    def facts(self, request: FetchRequest) -> Facts | None:
        """Return what Yahoo says of the symbol, asking unless it came with bars, and what the spelling tells.

        Raises what `fetch` raises: the spelling alone would be taken for all that Yahoo knows.
        """
        symbol = _symbol(request)
        if not is_symbol(symbol):
            return None
        told = self._told.get(symbol) or self._ask(symbol, "1d", *a_few_days(self._clock()))
        first = answers.first_trade(told) if told.meta else None
        return facts_of(request.instrument, symbol, told.meta, first)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give the bars and the events of the interval, a request a chunk.

        What lies further back than Yahoo reaches is a chunk without bars that says so, and is not complete.
        """
        self.check(request)
        symbol = _symbol(request)
        if not is_symbol(symbol):
            raise DataNotFound(what=f"source {NAME} has no {symbol}, which is no symbol of Yahoo's")
        if request.timeframe.name == "30m" and symbol.endswith(_AT_QUARTERS):
            # yfinance puts 15m bars together by the half hours of UTC, and these venues open at a quarter.
            raise CapabilityMissing(who=f"source {NAME}", capability=f"timeframe 30m of {symbol}, which opens at :15")
        now = self._clock()
        within = reachable(request.timeframe, request.interval, now)
        if request.interval.start < oldest(request.timeframe, now):
            end = request.interval.end if within is None else within.start
            yield _beyond(request, Interval(request.interval.start, end))
        if within is not None:
            yield from self._within(request, symbol, within, now)

    def close(self) -> None:
        """Close the connection."""
        self._desk.close()

    def _within(self, request: FetchRequest, symbol: str, within: Interval, now: int) -> Iterator[Fetched]:
        for window in windows(request.timeframe, within):
            start, end = asked_for(request.timeframe, window, now)
            interval = INTERVALS[request.timeframe.name]
            answer = self._ask(symbol, interval, start, end)
            asked = f"chart {symbol} interval={interval} period1={start} period2={end}"
            chunk = _chunk(answer, request, window, now, asked)
            if chunk is not None:
                yield chunk

    def _ask(self, symbol: str, interval: str, start: int, end: int) -> Answer:
        answer = self._desk.ask(symbol, interval, start, end)
        if answer.meta:
            self._told[symbol] = answer
        return answer


def _chunk(answer: Answer, request: FetchRequest, window: Interval, now: int, asked: str) -> Fetched | None:
    """Return what is final in a window, or None if nothing is yet; what lies outside of it is not judged."""
    bars = bars_of(answer, request.timeframe)
    labels = bars["time"].array.asi8
    closed = labels[
        (labels >= window.start) & (labels + _age(request.timeframe) <= answers.known_until(answer, now, LAG))
    ]
    end = min(window.end, _settled(answer, request.timeframe, now, int(closed.max()) if len(closed) else None))
    if end <= window.start:
        return None
    stretch = Interval(window.start, end)
    inside = bars[(labels >= stretch.start) & (labels < stretch.end)]
    validated = intake(inside, request.timeframe, on_invalid=request.on_invalid)
    return Fetched(
        rows=validated.rows,
        interval=stretch,
        rejected=validated.rejected,
        actions=actions_of(answer, request.instrument, stretch),
        asked=asked,
    )


def _settled(answer: Answer, timeframe: Timeframe, now: int, newest: int | None) -> int:
    if not answer.meta:
        return settled(timeframe, now, today=now - now % DAY, over=False, newest=newest)
    today = answers.date_label(answer, now / 1e9)
    over = answers.session_over(answer, today, now, LAG)
    return settled(timeframe, now, today=today, over=over, newest=newest)


def _age(timeframe: Timeframe) -> int:
    """Return how old a label is when its bar has closed; days and longer are judged by their sessions."""
    return timeframe.duration if timeframe.duration < DAY else 0


def _beyond(request: FetchRequest, interval: Interval) -> Fetched:
    days = HISTORY[request.timeframe.name] // DAY
    said = f"nothing before {format_time(interval.end)}: Yahoo keeps bars of {request.timeframe} for {days} days"
    return Fetched(rows=empty_rows(), interval=interval, complete=False, asked=said)


def _symbol(request: FetchRequest) -> str:
    return request.native if request.native is not None else symbol_of(request.instrument)
