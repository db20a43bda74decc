"""ExchangeSource: bars of any exchange that ccxt knows."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final

from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval
from barledger.domain.timeframe import TIMEFRAMES
from barledger.errors import CapabilityMissing, DriverMissing, InvalidBars, InvalidSetting
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration
from barledger.sources.exchange import options as read
from barledger.sources.exchange.candles import Answer, bars_of
from barledger.sources.exchange.dialogue import Habits
from barledger.sources.exchange.manners import manners_of
from barledger.sources.exchange.markets import Market
from barledger.sources.exchange.names import exchange_ids
from barledger.sources.exchange.options import Options
from barledger.sources.exchange.pages import Page, Pages
from barledger.sources.exchange.venue import Venue

_THREADS: Final = 4


class ExchangeSource(Source):
    """Bars of one exchange, by ccxt, without API keys: ``source="binance"``, ``"kraken"`` and a hundred more.

    >>> ExchangeSource(exchange="kraken").declaration.name
    'kraken'
    """

    example: ClassVar[Mapping[str, str]] = {"exchange": "binance"}

    def __init__(  # noqa: PLR0913 - a source's options are its parameters
        self,
        *,
        exchange: str,
        market_type: str | None = None,
        symbols: Mapping[str, str] | str | None = None,
        url: Mapping[str, str] | str | None = None,
        proxy: str | None = None,
        timeout: float | str = 10.0,
        rate_limit: float | str | None = None,
        page: int | str | None = None,
        confirm: bool | str = True,
        volume: str | None = None,
        sandbox: bool | str = False,
        options: Mapping[str, Any] | str | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Ask nothing yet; every option may be text, as a command line gives it.

        Raises `InvalidSetting`, and `DriverMissing` without ccxt.

        ``exchange`` is its id in ccxt. ``symbols`` names the markets of instruments that could be several
        (``ABCUSD=AB/CUSD``); names are ccxt's or the exchange's own, and ``market_type`` (spot, swap, future, option)
        decides between markets that share one of the latter.

        ``url`` is another address for its API (a mirror, a gateway), or one for each section of it
        (``public=https://…``); ``proxy`` is one of HTTP or SOCKS. ``timeout`` is in seconds; ``rate_limit`` the seconds
        between requests, ``no`` for none, by default what ccxt knows; ``page`` the bars asked for at once.
        ``confirm=no`` does not ask again for bars that are missing, and then nothing missing is confirmed.

        ``volume`` tells the unit of volumes in contract markets, where it is not known: ``base``, ``contracts``, or
        ``missing`` to go without. ``sandbox`` asks the exchange's test system. ``options`` are ccxt's own, as JSON.
        """
        if not exchange_ids():
            raise DriverMissing(package="ccxt", extra="exchange")
        if exchange not in exchange_ids():
            raise InvalidSetting(setting="option exchange", reason=f"{exchange!r} is no exchange of ccxt")
        if not callable(clock):
            raise InvalidSetting(setting="option clock", reason="it is not a function that returns ns")
        self._options = Options(
            market_type=read.read_choice("market_type", market_type, read.MarketType),
            symbols=read.read_pairs("symbols", symbols),
            url=read.read_url(url),
            proxy=read.read_proxy(proxy),
            timeout=read.read_seconds("timeout", timeout, least=0.001),
            interval=read.read_interval(rate_limit),
            page=read.read_page(page),
            confirm=read.read_flag("confirm", confirm),
            volume=read.read_choice("volume", volume, read.VolumeUnit),
            sandbox=read.read_flag("sandbox", sandbox),
            extra=read.read_extra(options),
        )
        self._name = exchange
        self._manners = manners_of(exchange)
        self._venue = Venue(exchange, self._options, clock)
        self._first: dict[str, int] = {}

    @property
    def declaration(self) -> SourceDeclaration:
        """Return what this exchange has."""
        return self._declaration

    @cached_property
    def _declaration(self) -> SourceDeclaration:
        timeframes = frozenset(self._venue.timeframes) & frozenset(TIMEFRAMES) - self._manners.without
        newest = self._manners.newest
        return SourceDeclaration(
            name=self._name,
            timeframes=timeframes,
            empty_is_proof=self._manners.empty_is_proof and self._options.confirm,
            history={} if newest is None else {name: newest * TIMEFRAMES[name].duration for name in timeframes},
            concurrency=_THREADS,
            library=self._venue.library,
        )

    def check(self, request: FetchRequest) -> None:
        """Refuse a timeframe that the exchange lacks, and an exchange without bars."""
        if not self.declaration.timeframes:
            raise CapabilityMissing(who=f"source {self._name}", capability="bars: it has none, only trades")
        super().check(request)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give closed bars, a page at a time, up to the last bar that is closed.

        A page is complete where all that is missing in it was asked for twice. A part of the interval that the exchange
        does not serve comes as an incomplete page without bars; an interval of which it serves nothing raises
        `CapabilityMissing`. Raises `SourceUnavailable` also if its answers contradict each other.
        """
        self.check(request)
        market = self._market(request)
        factor = market.volume_factor(self._name, self._manners, self._options.volume)

        def ask(timeframe: str, since: int, limit: int | None) -> Answer:
            return self._venue.ask(market, timeframe, since, limit, factor)

        pages = Pages(ask, request.timeframe, request.interval, self._habits(market))
        for page in pages:
            if pages.first is not None:
                self._first[market.symbol] = pages.first
            yield from _fetched(page, request)

    def facts(self, request: FetchRequest) -> Facts | None:
        """Return the market's kind, currency and, if it is known, its first bar.

        That is what the exchange tells, or what an earlier `fetch` without a start has found.
        """
        market = self._market(request)
        return market.facts(request.instrument, self._name, self._first.get(market.symbol))

    def close(self) -> None:
        """Close all connections."""
        self._venue.close()

    def _market(self, request: FetchRequest) -> Market:
        options = self._options
        return self._venue.markets().find(
            request.instrument, native=request.native, symbols=options.symbols, kind=options.market_type
        )

    def _habits(self, market: Market) -> Habits:
        newest = self._manners.newest
        return Habits(
            source=self._name,
            page=newest or self._venue.page_of(market),
            newest=newest,
            confirm=self._options.confirm,
            longer=self._venue.timeframes,
        )


def _fetched(page: Page, request: FetchRequest) -> Iterator[Fetched]:
    """Give a page's bars; if one breaks a rule and that is to be an error, those before it are given first."""
    try:
        bars = bars_of(page.candles, request.timeframe, request.on_invalid)
    except InvalidBars as error:
        broken = min(error.times, default=page.interval.start)
        good = [candle for candle in page.candles if candle[0] < broken]
        if good:
            rows = bars_of(good, request.timeframe, request.on_invalid).rows
            yield Fetched(
                rows=rows, interval=Interval(page.interval.start, broken), complete=page.complete, asked=page.asked
            )
        raise
    yield Fetched(
        rows=bars.rows, interval=page.interval, rejected=bars.rejected, complete=page.complete, asked=page.asked
    )
