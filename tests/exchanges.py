"""Exchanges on loopback: servers that speak Binance's and Kraken's shapes, with bars that a clock drives.

Every bar is a function of its market and its time, so that two answers agree, and a bar that is still forming is not
what it will be. Faults are switched on by name, for the next requests for candles.
"""

import json
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from barledger.domain.timeframe import DAY, MINUTE, SECOND, TIMEFRAMES, Timeframe

MS = 1_000_000
YEAR = 365 * DAY
LISTED = int(np.datetime64("2017-08-17T04:00", "ns").astype(np.int64))

Row = list[Any]


@dataclass
class Listing:
    """A market: when it opened, when it paused, and what its bars were corrected to."""

    name: str
    since: int = LISTED
    pauses: list[tuple[int, int]] = field(default_factory=list)
    corrections: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)

    def correct(self, timeframe: str, at: int, **values: float) -> None:
        """Let a bar have other values from now on."""
        self.corrections[timeframe, at] = values

    def opens(self, timeframe: Timeframe, start: int, end: int) -> np.ndarray:
        """Return the opening times in [start, end) of bars in which something was traded."""
        if timeframe.name == "1M":
            months = np.array([max(start, self.since - 31 * DAY), end], "datetime64[ns]").astype("datetime64[M]")
            times = np.arange(months[0], months[1] + 1).astype("datetime64[ns]").astype(np.int64)
        else:
            first = int(timeframe.open_of(np.array([max(start, self.since)]))[0])
            times = np.arange(first, end, timeframe.duration, dtype=np.int64)
        closes = timeframe.close_of(times)
        traded = (times >= start) & (times < end) & (closes > self.since)
        for begins, ends in self.pauses:
            traded &= ~((times >= begins) & (closes <= ends))
        return np.asarray(times[traded])

    def bar(self, timeframe: Timeframe, at: int, now: int) -> dict[str, float]:
        """Return a bar; one that is not closed yet has a part of its volume, and another close."""
        number, seed = at // MINUTE, zlib.crc32(f"{self.name} {timeframe}".encode())
        begins, ends = (100 + (one * 7919 + seed) % 1000 / 100 for one in (number, number + 1))
        volume = (number * 31 + seed) % 97 / 10 + 0.1
        close = int(timeframe.close_of(np.array([at]))[0])
        if close > now:
            volume, ends = round(volume * (now - at) / (close - at) / 2, 8), begins + 0.25
        bar = {"open": begins, "high": max(begins, ends) + 0.5, "low": min(begins, ends) - 0.5, "close": ends}
        return bar | {"volume": volume} | self.corrections.get((timeframe.name, at), {})


class FakeExchange(ThreadingHTTPServer):
    """A server of candles; ``faults`` meet the next requests for them one by one, ``always`` meets all of them."""

    daemon_threads = True
    name = ""
    volume_at = 5
    markets: tuple[str, ...] = ()

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.clock = clock
        self.listings = {name: Listing(name) for name in self.markets}
        self.faults: deque[str] = deque()
        self.always = ""
        self.retry_after = "7"
        self.hang_seconds = 1.0
        self.date_ahead = 0
        self.paths: list[str] = []
        self.most_at_once = 0
        self.at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def options(self) -> dict[str, Any]:
        """What the source of this name needs to find this server."""
        return {"url": self.url, "rate_limit": "no", "clock": self.clock}

    def asked(self, path: str) -> list[str]:
        """Return the requests whose path holds a text."""
        return [one for one in self.paths if path in one]

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        raise NotImplementedError

    def rows(self, market: str, timeframe: Timeframe, start: int, end: int) -> list[Row]:
        raise NotImplementedError

    def with_fault(self, rows: list[Row], fault: str) -> list[Row]:
        return _FAULTS[fault](rows, self) if fault in _FAULTS else rows

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: broken connections are what this is for."""


class FakeBinance(FakeExchange):
    """Binance: the next candles from a time on, a thousand at most, as texts."""

    name = "binance"
    page = 1000
    markets = ("BTCUSDT", "ETHUSDT", "ETHBTC", "fapi BTCUSDT", "dapi BTCUSD_PERP")

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        api, _, what = path.rpartition("/")
        if what == "ping":
            return 200, {}
        if what == "time":
            return 200, {"serverTime": self.clock() // MS}
        if what == "exchangeInfo":
            return 200, {"timezone": "UTC", "serverTime": self.clock() // MS, "symbols": self._symbols(api)}
        if what != "klines":
            return 404, {"code": -1, "msg": "no such path"}
        return self._klines(api, query)

    def _klines(self, api: str, query: Mapping[str, str]) -> tuple[int, Any]:
        market = {"/fapi/v1": "fapi ", "/dapi/v1": "dapi "}.get(api, "") + query["symbol"]
        if market not in self.listings:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        if query["interval"] not in TIMEFRAMES:
            return 400, {"code": -1120, "msg": "Invalid interval."}
        timeframe = Timeframe.of(query["interval"])
        limit = min(int(query.get("limit", 500)), self.page)
        end = min(int(query["endTime"]) * MS + 1 if "endTime" in query else self.clock() + 1, self.clock() + 1)
        if "startTime" not in query:
            return 200, self.rows(market, timeframe, max(0, end - timeframe.duration * limit), end)[-limit:]
        # A seeker gives what comes next, however far away.
        start = max(int(query["startTime"]) * MS, self.listings[market].since - timeframe.duration)
        for far in (1, 100, 10_000, 1_000_000):
            rows = self.rows(market, timeframe, start, min(end, start + timeframe.duration * limit * far))
            if len(rows) >= limit or start + timeframe.duration * limit * far >= end:
                break
        return 200, rows[:limit]

    def rows(self, market: str, timeframe: Timeframe, start: int, end: int) -> list[Row]:
        listing, now = self.listings[market], self.clock()
        return [self._row(listing, timeframe, int(at), now) for at in listing.opens(timeframe, start, end)[: self.page]]

    @staticmethod
    def _row(listing: Listing, timeframe: Timeframe, at: int, now: int) -> Row:
        bar = listing.bar(timeframe, at, now)
        close = int(timeframe.close_of(np.array([at]))[0])
        prices = [f"{bar[name]:.8f}" for name in ("open", "high", "low", "close")]
        volume, quoted = f"{bar['volume']:.8f}", f"{bar['volume'] * bar['close']:.8f}"
        if listing.name.startswith("dapi"):  # contracts of 100 dollars, and what they were worth
            volume, quoted = f"{bar['volume'] * bar['close'] // 100:.0f}", volume
        return [at // MS, *prices, volume, close // MS - 1, quoted, 40, volume, quoted, "0"]

    def _symbols(self, api: str) -> list[dict[str, Any]]:
        if api == "/fapi/v1":
            swap = _contract("BTCUSDT", "BTC", "USDT", "USDT")
            return [swap | {"status": "TRADING", "onboardDate": 1_569_398_400_000}]
        if api == "/dapi/v1":
            swap = _contract("BTCUSD_PERP", "BTC", "USD", "BTC")
            return [swap | {"contractStatus": "TRADING", "contractSize": 100, "onboardDate": 1_596_006_000_000}]
        spot = {"status": "TRADING", "quotePrecision": 8, "baseAssetPrecision": 8, "permissions": ["SPOT"]}
        pairs = {
            "BTCUSDT": ("BTC", "USDT"),
            "ETHUSDT": ("ETH", "USDT"),
            "ETHBTC": ("ETH", "BTC"),
            "ABCUSDX": ("AB", "CUSDX"),
            "ABCUSDY": ("ABC", "USDX"),
        }
        return [
            spot | {"symbol": name, "baseAsset": base, "quoteAsset": quote, "filters": []}
            for name, (base, quote) in pairs.items()
        ]


def _contract(name: str, base: str, quote: str, margin: str) -> dict[str, Any]:
    return {
        "symbol": name,
        "pair": base + quote,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "marginAsset": margin,
        "baseAsset": base,
        "quoteAsset": quote,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "filters": [],
    }


class FakeKraken(FakeExchange):
    """Kraken: the newest 720 candles, the forming one among them, that open after a time."""

    name = "kraken"
    newest = 720
    volume_at = 6
    markets = ("XXBTZUSD", "XETHZUSD")

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:  # noqa: PLR0911 - a path a line
        what = path.rpartition("/")[2]
        if what == "Time":
            return 200, _kraken({"unixtime": self.clock() // SECOND})
        if what == "SystemStatus":
            return 200, _kraken({"status": "online"})
        if what == "Assets":
            names = {"XXBT": "XBT", "XETH": "ETH", "ZUSD": "USD"}
            shape = {"aclass": "currency", "decimals": 10, "display_decimals": 5, "status": "enabled"}
            return 200, _kraken({name: shape | {"altname": altname} for name, altname in names.items()})
        if what == "AssetPairs":
            return 200, _kraken({"XXBTZUSD": _pair("XBTUSD", "XXBT"), "XETHZUSD": _pair("ETHUSD", "XETH")})
        if what != "OHLC":
            return 404, {"error": ["EGeneral:Unknown method"]}
        if query["pair"] not in self.listings:
            return 200, {"error": ["EQuery:Unknown asset pair"]}
        return 200, self._candles(query)

    def _candles(self, query: Mapping[str, str]) -> Any:
        minutes = int(query.get("interval", 1)) * MINUTE
        timeframe = next(one for one in TIMEFRAMES.values() if one.duration == minutes)
        now = self.clock()
        rows = self.rows(query["pair"], timeframe, now - (self.newest + 1) * minutes, now + 1)[-self.newest :]
        since = int(float(query.get("since", 0)))
        last = rows[-2][0] if len(rows) > 1 else 0
        return _kraken({query["pair"]: [row for row in rows if row[0] > since], "last": last})

    def rows(self, market: str, timeframe: Timeframe, start: int, end: int) -> list[Row]:
        listing, now = self.listings[market], self.clock()
        rows = []
        for at in listing.opens(timeframe, start, end):
            bar = listing.bar(timeframe, int(at), now)
            prices = [f"{bar[name]:.5f}" for name in ("open", "high", "low", "close")]
            rows.append([int(at) // SECOND, *prices, prices[0], f"{bar['volume']:.8f}", 5])
        return rows


def _kraken(result: Any) -> Any:
    return {"error": [], "result": result}


def _pair(altname: str, base: str) -> dict[str, Any]:
    return {
        "altname": altname,
        "wsname": f"{altname[:3]}/USD",
        "base": base,
        "quote": "ZUSD",
        "pair_decimals": 5,
        "lot_decimals": 8,
        "leverage_buy": [],
        "fees": [[0, 0.26]],
        "fees_maker": [[0, 0.16]],
        "ordermin": "0.0001",
        "status": "online",
    }


# --- faults ----------------------------------------------------------------------------------------


def _set(row: Row, place: int, value: Any) -> Row:
    return [*row[:place], value, *row[place + 1 :]]


def _at(rows: list[Row], place: int, change: Callable[[Row], Row]) -> list[Row]:
    return [change(row) if number == place else row for number, row in enumerate(rows)]


def _future(rows: list[Row], server: FakeExchange) -> list[Row]:
    unit = SECOND if server.name == "kraken" else MS
    return [*rows, _set(rows[-1], 0, (server.clock() + YEAR) // unit // 60_000 * 60_000)]


_FAULTS: dict[str, Callable[[list[Row], FakeExchange], list[Row]]] = {
    "empty": lambda _, __: [],
    "half": lambda rows, _: rows[: len(rows) // 2],
    "headless": lambda rows, _: rows[len(rows) // 2 :],
    "hollow": lambda rows, _: rows[: len(rows) // 3] + rows[2 * len(rows) // 3 :],
    "repeated": lambda rows, _: [*rows[:2], *rows, *rows[-2:]],
    "backwards": lambda rows, _: rows[::-1],
    "future": _future,
    "changed": lambda rows, _: [_set(row, 4, row[1]) for row in rows],
    "disputed": lambda rows, server: [*rows, _set(rows[3], server.volume_at, "123456")],
    "no-volume": lambda rows, server: _at(rows, 3, lambda row: _set(row, server.volume_at, None)),
    "zero-price": lambda rows, _: _at(rows, 3, lambda row: [row[0], "0", "0", "0", "0", *row[5:]]),
    "no-close": lambda rows, _: _at(rows, 3, lambda row: _set(row, 4, None)),
    "words": lambda rows, _: _at(rows, 3, lambda row: _set(row, 4, "n/a")),
    "high-below-low": lambda rows, _: _at(rows, 3, lambda row: _set(row, 2, "0.01")),
    "numbers": lambda rows, _: [[row[0], *map(float, row[1:6]), *row[6:]] for row in rows],
    "no-time": lambda rows, _: _at(rows, 3, lambda row: _set(row, 0, None)),
}
_STATUSES = {"418", "429", "451", "500", "503"}
_HTML = b"<!DOCTYPE html><html><body><h1>Checking your browser</h1></body></html>"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A body that follows its headers waits for nobody to say that these arrived, which takes 40 ms.
    disable_nagle_algorithm = True
    server: FakeExchange

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        moment = (self.server.clock() + self.server.date_ahead) / SECOND
        return formatdate(moment if timestamp is None else timestamp, usegmt=True)

    def do_GET(self) -> None:
        server, split = self.server, urlsplit(self.path)
        with server.lock:
            server.paths.append(self.path)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            status, answer = server.answer(split.path, {name: one[-1] for name, one in parse_qs(split.query).items()})
            candles = "klines" in split.path or "OHLC" in split.path
            self._meet(self._fault() if candles else "", status, answer)
        finally:
            with server.lock:
                server.at_once -= 1

    def _fault(self) -> str:
        with suppress(IndexError):
            return self.server.faults.popleft()
        return self.server.always

    def _meet(self, fault: str, status: int, answer: Any) -> None:
        if fault == "drop":
            self._drop()
        elif fault in _STATUSES:
            self._send(int(fault), b'{"error": [], "msg": "not now"}', {"Retry-After": self.server.retry_after})
        elif fault == "html":
            self._send(200, _HTML, {"Content-Type": "text/html"})
        else:
            if fault == "hang":
                time.sleep(self.server.hang_seconds)
            body = json.dumps(self._spoilt(answer, fault)).encode()
            self._send(status, body[: len(body) // 2] if fault == "broken" else body, {}, cut=fault == "cut")

    def _spoilt(self, answer: Any, fault: str) -> Any:
        if fault == "shapeless":
            return {}
        if fault == "null":
            return None
        if isinstance(answer, list):
            return self.server.with_fault(answer, fault)
        result = answer.get("result", {}) if isinstance(answer, dict) else {}
        spoilt = {k: self.server.with_fault(v, fault) if isinstance(v, list) else v for k, v in result.items()}
        return answer | {"result": spoilt} if result else answer

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)


@contextmanager
def serving(server: FakeExchange) -> Iterator[FakeExchange]:
    """Let a server answer meanwhile."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def fake_binance() -> Iterator[FakeExchange]:
    """Binance on loopback, by this machine's clock; ``server.clock = …`` before the first request sets another."""
    with serving(FakeBinance()) as server:
        yield server


@pytest.fixture
def fake_kraken() -> Iterator[FakeExchange]:
    """Kraken on loopback, by this machine's clock."""
    with serving(FakeKraken()) as server:
        yield server
