"""The exchange itself, asked by ccxt: one pace and one list of markets for as many threads as there are."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from typing import Any, Final

from barledger.domain.interval import format_time
from barledger.domain.timeframe import HOUR, SECOND
from barledger.errors import BarledgerError, CapabilityMissing, DriverMissing, SourceError, SourceUnavailable
from barledger.sources.exchange.candles import MILLISECOND, Answer, read_answer
from barledger.sources.exchange.markets import Market, Markets
from barledger.sources.exchange.options import Options, refused
from barledger.sources.exchange.pace import Pace
from barledger.sources.exchange.refusals import brief, read_date, translate

# Clocks that differ by more say that one of them is wrong, or that an old answer was kept somewhere on the way.
_SKEW: Final = HOUR
_USUAL_PAGE: Final = 500


class Venue:
    """An exchange; threads ask it through instances of ccxt of their own, which ccxt is not made to share."""

    def __init__(self, exchange: str, options: Options, clock: Callable[[], int]) -> None:
        """Ask nothing yet."""
        self.name = exchange
        self._options = options
        self._clock = clock
        self._idle: list[Any] = []
        self._every: list[Any] = []
        self._lock = Lock()
        self._loading = Lock()
        self._loaded: Any = None
        self._markets: Markets | None = None
        self._pace = Pace(0.0)
        self._kind: Any = None

    # --- what it is ----------------------------------------------------------------------------

    @property
    def library(self) -> str:
        """Return what asks, with its version."""
        return f"ccxt {_ccxt().__version__}"

    @property
    def timeframes(self) -> tuple[str, ...]:
        """Return all timeframes that it has, in ccxt's spelling; none if it gives no bars."""
        with self._borrowed() as exchange:
            return tuple(exchange.timeframes or ()) if exchange.has.get("fetchOHLCV") is True else ()

    def page_of(self, market: Market) -> int:
        """Return how many bars it gives at once."""
        with self._borrowed() as exchange:
            told = exchange.feature_value(market.symbol, "fetchOHLCV", "limit")
        return self._options.page or int(told or _USUAL_PAGE)

    # --- what it answers -----------------------------------------------------------------------

    def markets(self) -> Markets:
        """Return its markets, which are asked for once."""
        with self._loading:
            if self._markets is None:
                with self._borrowed() as exchange:
                    told = self._call(exchange, "its markets", exchange.load_markets)
                    if not told:
                        raise SourceUnavailable(source=self.name, detail="it lists no markets")
                    self._loaded = exchange
                    self._markets = Markets(self.name, told.values())
            return self._markets

    def ask(self, market: Market, timeframe: str, since: int, limit: int | None, factor: float | None) -> Answer:
        """Return its candles from ``since`` (ns) on, no more than ``limit``."""
        milliseconds = -(-since // MILLISECOND)
        what = f"{market.symbol} {timeframe} from {format_time(since)}"
        with self._borrowed() as exchange:
            began = self._clock()
            given = self._call(
                exchange, what, lambda: exchange.fetch_ohlcv(market.symbol, timeframe, milliseconds, limit)
            )
            if not given and not _has_a_list(exchange.last_json_response):
                told = brief(str(exchange.last_json_response))
                raise SourceUnavailable(source=self.name, detail=f"its answer to {what} is no list of candles: {told}")
            now, asked = self._moment(began, exchange), str(exchange.last_request_url or what)
            answer: Answer = self._call(exchange, what, lambda: read_answer(given, now=now, asked=asked, factor=factor))
            return answer

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for exchange in self._every:
                exchange.close()
            self._every, self._idle = [], []

    # --- how it is asked -----------------------------------------------------------------------

    def _call(self, exchange: Any, what: str, call: Callable[[], Any]) -> Any:
        """Return what a call of ccxt gives, with its errors translated.

        What ccxt did not expect, it meets with whatever Python raises.
        """
        try:
            return call()
        except BarledgerError:
            raise
        except Exception as error:
            now = self._clock()
            raise translate(error, source=self.name, what=what, exchange=exchange, now=now) from error

    def _moment(self, began: int, exchange: Any) -> int:
        """Return the latest moment of which an answer speaks: the server's clock decides as well as ours."""
        told = read_date((exchange.last_response_headers or {}).get("Date"))
        if told is None:
            return began
        if abs(told - self._clock()) > _SKEW:
            ours, theirs = format_time(self._clock() // SECOND * SECOND), format_time(told)
            detail = f"its answer is of {theirs}, and this machine's clock says {ours}: one of them is wrong"
            raise SourceError(source=self.name, detail=detail)
        return min(began, told)

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        """Give an instance of ccxt that no other thread uses meanwhile."""
        with self._lock:
            exchange = self._idle.pop() if self._idle else self._made()
        if exchange.markets is None and self._loaded is not None:
            exchange.set_markets_from_exchange(self._loaded)
        try:
            yield exchange
        finally:
            with self._lock:
                self._idle.append(exchange)

    def _made(self) -> Any:
        if self._kind is None:
            self._kind = _watched(_known(self.name), self._turn)
        options = dict(self._options.extra)
        if self._options.market_type is not None:
            options.setdefault("defaultType", self._options.market_type)
        exchange = self._kind({"timeout": int(self._options.timeout * 1000), "options": options})
        exchange.enableLastJsonResponse = True
        if self._options.sandbox:
            if not exchange.urls.get("test"):
                raise CapabilityMissing(who=f"source {self.name}", capability="a sandbox")
            self._call(exchange, "its sandbox", lambda: exchange.set_sandbox_mode(True))
        _redirect(exchange, self._options)
        if not self._every:
            interval = self._options.interval
            self._pace = Pace(exchange.rateLimit / 1000 if interval is None else interval)
        self._every.append(exchange)
        return exchange

    def _turn(self, cost: float) -> None:
        self._pace.keep(cost)


def _ccxt() -> Any:
    try:
        return import_module("ccxt")
    except ModuleNotFoundError as error:
        raise DriverMissing(package="ccxt", extra="exchange") from error


def _known(exchange: str) -> Any:
    kind = getattr(_ccxt(), exchange, None)
    if not isinstance(kind, type):
        raise CapabilityMissing(who="ccxt", capability=f"an exchange called {exchange!r}")
    return kind


def _watched(kind: Any, turn: Callable[[float], None]) -> Any:
    """Return ccxt's class of an exchange, with a pace that threads share, which takes no answer for another one's."""
    unavailable, wrong = _ccxt().ExchangeNotAvailable, _ccxt().BadResponse

    class Watched(kind):  # type: ignore[misc]
        status: int | None = None

        def throttle(self, cost: float | None = None) -> None:
            turn(1.0 if cost is None else cost)

        def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            self.status = self.last_response_headers = self.last_json_response = None
            answer = super().fetch(url, method, headers, body)
            if isinstance(answer, str | bytes):
                # ccxt would read a page of HTML, or half an answer, as one without any candles.
                message = f"{url} answers with something that is not JSON: {brief(str(answer))[:80]!r}"
                raise unavailable(message)
            return answer

        def parse_ohlcv(self, ohlcv: Any, market: Any = None) -> Any:
            candle = super().parse_ohlcv(ohlcv, market)
            if not candle or candle[0] is None:
                # ccxt would leave it out without a word.
                message = f"a candle without a time cannot be read: {brief(str(ohlcv))}"
                raise wrong(message)
            return candle

        def on_rest_response(self, code: int, *rest: Any) -> Any:
            self.status = code
            return super().on_rest_response(code, *rest)

    return Watched


def _redirect(exchange: Any, options: Options) -> None:
    """Let an exchange be asked elsewhere, or through a proxy."""
    api = exchange.urls["api"]
    if isinstance(options.url, str):
        exchange.urls["api"] = _moved(api, options.url)
    elif options.url is not None:
        sections = api if isinstance(api, dict) else {}
        unknown = [name for name in options.url if name not in sections]
        if unknown:
            raise refused("url", f"{exchange.id} has no section {unknown[0]!r}; it has {', '.join(sections) or 'none'}")
        exchange.urls["api"] = {**sections, **options.url}
    if options.proxy is not None:
        if options.proxy.startswith("socks"):
            exchange.socksProxy = options.proxy
        elif str(exchange.urls["api"]).count("http://"):
            exchange.httpProxy = options.proxy
        else:
            exchange.httpsProxy = options.proxy


def _moved(api: Any, base: str) -> Any:
    """Return all addresses at another host; their paths stay."""
    if isinstance(api, Mapping):
        return {name: _moved(part, base) for name, part in api.items()}
    if not isinstance(api, str):
        return api
    _, _, rest = api.partition("://")
    _, slash, path = rest.partition("/")
    return f"{base}{slash}{path}"


def _has_a_list(answer: Any) -> bool:
    """Whether an answer could be one without candles."""
    if isinstance(answer, Mapping):
        return any(map(_has_a_list, answer.values()))
    return isinstance(answer, list)
