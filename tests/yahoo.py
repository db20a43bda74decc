"""A server on loopback that speaks as Yahoo's chart API does, with its limits, its habits and its faults."""

import datetime as dt
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

DAY = 86_400
_STEP = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600}
_LIMIT = {"1m": 30, "5m": 60, "15m": 60, "1h": 730}
_RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]


@dataclass(kw_only=True)
class Listing:
    """An instrument as Yahoo knows it; bars of every weekday (or day) are made up from their times."""

    symbol: str
    kind: str = "EQUITY"
    zone: str = "America/New_York"
    currency: str = "USD"
    opens: dt.time = dt.time(9, 30)
    closes: dt.time = dt.time(16, 0)
    first: dt.date = dt.date(2023, 1, 3)
    every_day: bool = False
    dividends: dict[dt.date, float] = field(default_factory=dict)
    dividend_currency: str = ""
    splits: dict[dt.date, tuple[float, float]] = field(default_factory=dict)
    gains: dict[dt.date, float] = field(default_factory=dict)
    # What Yahoo gives instead at a session's date: null, or values by name.
    spoiled: dict[dt.date, Mapping[str, Any] | None] = field(default_factory=dict)

    def second(self, day: dt.date, time: dt.time) -> int:
        return int(dt.datetime.combine(day, time, ZoneInfo(self.zone)).timestamp())

    def date(self, second: float) -> dt.date:
        return dt.datetime.fromtimestamp(second, ZoneInfo(self.zone)).date()

    def session(self, day: dt.date) -> tuple[int, int]:
        """Return the seconds at which a session opens and closes."""
        if self.every_day:
            opens = self.second(day, dt.time(0))
            return opens, self.second(day + dt.timedelta(days=1), dt.time(0)) - 60
        return self.second(day, self.opens), self.second(day, self.closes)

    def sessions(self, start: float, end: float) -> list[dt.date]:
        """Return the dates whose sessions touch the seconds."""
        day, found = max(self.first, self.date(max(start, 0)) - dt.timedelta(days=1)), []
        while day <= self.date(end):
            opens, closes = self.session(day)
            if (self.every_day or day.weekday() < 5) and opens < end and closes >= start:
                found.append(day)
            day += dt.timedelta(days=1)
        return found


class Yahoo:
    """The server; ``now`` is its clock in seconds, ``faults`` what it answers instead, in order."""

    def __init__(self, *listings: Listing, now: float) -> None:
        self.listings = {one.symbol: one for one in listings}
        self.now = now
        self.faults: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.url = ""

    # --- bars ----------------------------------------------------------------------------------

    def bars(self, listing: Listing, interval: str, start: int, end: int) -> list[tuple[int, dict[str, Any]]]:
        if interval in _STEP:
            return self._intraday(listing, _STEP[interval], start, end)
        days = listing.sessions(start, min(end, self.now))
        if interval == "1d":
            rows = [(self._stamp(listing, day), self._daily(listing, day)) for day in days]
            return [row for row in rows if start <= row[0] < end or row[0] >= self.now]
        return self._grouped(listing, interval, start, end)

    def _stamp(self, listing: Listing, day: dt.date) -> int:
        """Return a daily bar's second: the opening, or of the running session the last trade."""
        opens, closes = listing.session(day)
        return int(self.now) if opens < self.now < closes else opens

    def _daily(self, listing: Listing, day: dt.date) -> dict[str, Any]:
        if day in listing.spoiled:
            spoiled = listing.spoiled[day]
            if spoiled is None:
                return dict.fromkeys(("open", "high", "low", "close", "volume"))
            return values(day.toordinal()) | dict(spoiled)
        return values(day.toordinal())

    def _grouped(self, listing: Listing, interval: str, start: int, end: int) -> list[tuple[int, dict[str, Any]]]:
        """Return weeks, counted from the first day that is asked for as Yahoo does, or months."""
        first = listing.date(start)
        groups: dict[dt.date, list[dt.date]] = {}
        for day in listing.sessions(start, min(end, self.now)):
            weekday = (day - first).days % 7
            opened = day - dt.timedelta(days=weekday) if interval == "1wk" else day.replace(day=1)
            groups.setdefault(opened, []).append(day)
        found = [(listing.second(day, dt.time(0)), joined(days)) for day, days in groups.items()]
        return [row for row in found if start - 35 * DAY <= row[0] < end]

    def _intraday(self, listing: Listing, step: int, start: int, end: int) -> list[tuple[int, dict[str, Any]]]:
        found = []
        for day in listing.sessions(start, min(end, self.now)):
            opens, closes = listing.session(day)
            times = (at for at in range(opens, closes, step) if start <= at < end and at <= self.now)
            found += [(at, values(at)) for at in times]
        running = bool(found) and found[-1][0] + step > self.now and self.now % step
        # The current quote comes as a row of its own.
        return [*found, (int(self.now), values(7) | {"volume": 0})] if running else found

    # --- answers -------------------------------------------------------------------------------

    def chart(self, symbol: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        listing = self.listings.get(symbol)
        if listing is None:
            return 404, refusal("Not Found", "No data found, symbol may be delisted")
        interval, start, end = query["interval"], int(query["period1"]), int(query["period2"])
        if interval in _LIMIT and start < self.now - _LIMIT[interval] * DAY:
            said = f"{interval} data not available for startTime={start} and endTime={end}."
            return 422, refusal(
                "Unprocessable Entity", f"{said} The requested range must be within the last {_LIMIT[interval]} days."
            )
        if interval == "1m" and end - start > 8 * DAY:
            return 422, refusal(
                "Unprocessable Entity",
                "Only 8 days worth of 1m granularity data are allowed to be fetched per request.",
            )
        opened = listing.second(listing.first, listing.opens)
        if end <= opened:
            return 400, refusal("Bad Request", f"Data doesn't exist for startDate = {start}, endDate = {end}")
        return 200, {"chart": {"result": [self.result(listing, interval, start, end)], "error": None}}

    def result(self, listing: Listing, interval: str, start: int, end: int) -> dict[str, Any]:
        rows = self.bars(listing, interval, start, end)
        result: dict[str, Any] = {"meta": self.meta(listing, interval, start, end)}
        quote = {name: [row[name] for _, row in rows] for name in ("open", "high", "low", "close", "volume")}
        if not rows:
            return result | {"indicators": {"quote": [{}]}}
        result |= {"timestamp": [at for at, _ in rows], "indicators": {"quote": [quote]}}
        if interval not in _STEP:
            closes = quote["close"]
            result["indicators"]["adjclose"] = [{"adjclose": [None if one is None else one * 0.9 for one in closes]}]
        events = self.events(listing, start, end)
        return result | {"events": events} if events else result

    def meta(self, listing: Listing, interval: str, start: int, end: int) -> dict[str, Any]:
        today = listing.date(self.now)
        while not listing.every_day and today.weekday() >= 5:
            today -= dt.timedelta(days=1)
        opens, closes = listing.session(today)
        meta = {
            "currency": listing.currency,
            "symbol": listing.symbol,
            "exchangeName": "NMS",
            "instrumentType": listing.kind,
            "firstTradeDate": listing.second(listing.first, listing.opens),
            "regularMarketTime": int(min(self.now, closes)),
            "gmtoffset": 0,
            "timezone": "X",
            "exchangeTimezoneName": listing.zone,
            "priceHint": 2,
            "currentTradingPeriod": {
                "pre": period(opens - 7200, opens),
                "regular": period(opens, closes),
                "post": period(closes, closes + 7200),
            },
            "dataGranularity": interval,
            "range": "",
            "validRanges": _RANGES,
        }
        if interval in _STEP:
            days = listing.sessions(start, min(end, self.now))
            meta["tradingPeriods"] = [[period(*listing.session(day))] for day in days]
        return meta

    def events(self, listing: Listing, start: int, end: int) -> dict[str, Any]:
        def within(dated: Mapping[dt.date, Any]) -> dict[int, Any]:
            at = {listing.session(day)[0]: value for day, value in dated.items()}
            return {second: value for second, value in at.items() if start <= second < end}

        money = {"currency": listing.dividend_currency} if listing.dividend_currency else {}
        events = {
            "dividends": {
                str(at): {"amount": amount, "date": at} | money for at, amount in within(listing.dividends).items()
            },
            "splits": {
                str(at): {"date": at, "numerator": new, "denominator": old, "splitRatio": f"{new:g}:{old:g}"}
                for at, (new, old) in within(listing.splits).items()
            },
            "capitalGains": {str(at): {"amount": amount, "date": at} for at, amount in within(listing.gains).items()},
        }
        return {name: told for name, told in events.items() if told}


def values(seed: int) -> dict[str, Any]:
    """Return the values of a bar, the same for the same seed."""
    close = 50 + seed * 7919 % 5000 / 100
    return {"open": close - 0.25, "high": close + 1, "low": close - 1, "close": close, "volume": 1000 + seed * 31 % 977}


def joined(days: list[dt.date]) -> dict[str, Any]:
    rows = [values(day.toordinal()) for day in days]
    return {
        "open": rows[0]["open"],
        "high": max(row["high"] for row in rows),
        "low": min(row["low"] for row in rows),
        "close": rows[-1]["close"],
        "volume": sum(row["volume"] for row in rows),
    }


def period(start: int, end: int) -> dict[str, Any]:
    return {"timezone": "X", "start": int(start), "end": int(end), "gmtoffset": 0}


def refusal(code: str, description: str) -> dict[str, Any]:
    return {"chart": {"result": None, "error": {"code": code, "description": description}}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A body that follows its headers waits for nobody to say that these arrived, which takes 40 ms.
    disable_nagle_algorithm = True
    yahoo: Yahoo

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.yahoo.paths.append(parts.path)
        if parts.path.startswith("/v8/finance/chart/"):
            query = {name: given[0] for name, given in parse_qs(parts.query).items()}
            self._chart(unquote(parts.path.rsplit("/", 1)[1]), query)
        elif parts.path.endswith("getcrumb"):
            self._send(200, b"crumb", {"Content-Type": "text/plain"})
        else:
            self._send(404, b"<html></html>", {"Set-Cookie": "A3=cookie; Path=/", "Content-Type": "text/html"})

    def do_POST(self) -> None:
        self.do_GET()

    def _chart(self, symbol: str, query: dict[str, str]) -> None:
        self.yahoo.asked.append({"symbol": symbol, **query})
        if not self.yahoo.faults:
            status, answer = self.yahoo.chart(symbol, query)
            return self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        status, body, headers = self.yahoo.faults.pop(0)
        if status:
            return self._send(status, body, headers)
        self.close_connection = True  # it breaks off
        return None

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(yahoo: Yahoo) -> Iterator[Yahoo]:
    """Let it answer on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"yahoo": yahoo}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yahoo.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield yahoo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
