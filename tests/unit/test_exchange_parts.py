"""The parts of the exchange source: options, pace, markets, candles, and ccxt's errors."""

import math
import subprocess
import sys
from threading import Thread
from types import SimpleNamespace
from typing import Any

import ccxt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.instrument import Facts
from barledger.domain.timeframe import MINUTE, SECOND, TIMEFRAMES, Timeframe
from barledger.errors import (
    BarledgerError,
    CapabilityMissing,
    DataNotFound,
    InfiniteValue,
    InvalidSetting,
    RateLimited,
    SourceError,
    SourceUnavailable,
    ZeroPrice,
)
from barledger.sources.exchange.candles import bars_of, read_answer
from barledger.sources.exchange.dialogue import duration_of
from barledger.sources.exchange.manners import MANNERS, Manners, manners_of
from barledger.sources.exchange.markets import Market, Markets
from barledger.sources.exchange.names import exchange_ids
from barledger.sources.exchange.pace import Pace
from barledger.sources.exchange.refusals import brief, retry_after, translate
from barledger.sources.exchange.source import ExchangeSource

NOON = int(np.datetime64("2024-03-05T12:00", "ns").astype(np.int64))


# --- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"market_type": "margin"},
        {"symbols": "ABCUSD"},
        {"symbols": "=AB/CUSD"},
        {"url": "localhost"},
        {"url": "public=localhost"},
        {"url": {}},
        {"proxy": "localhost:3128"},
        {"timeout": "soon"},
        {"timeout": "0"},
        {"timeout": "inf"},
        {"rate_limit": "-1"},
        {"rate_limit": "never"},
        {"page": "0"},
        {"page": "many"},
        {"confirm": "perhaps"},
        {"volume": "quote"},
        {"sandbox": "2"},
        {"options": "{"},
        {"options": "[1]"},
        {"clock": "noon"},
        {"exchange": "nyse"},
    ],
)
def test_an_option_that_cannot_be_used_is_refused_when_it_is_given(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        ExchangeSource(**{"exchange": "kraken", **options})


def test_every_option_may_be_text() -> None:
    source = ExchangeSource(
        exchange="binance",
        market_type="swap",
        symbols="ABCUSD=AB/CUSD, XYZUSD = XY/ZUSD",
        url="http://localhost:8080/",
        proxy="socks5h://localhost:1080",
        timeout="2.5",
        rate_limit="no",
        page="100",
        confirm="no",
        volume="contracts",
        sandbox="no",
        options='{"fetchMarkets": {"types": ["spot"]}}',
    )
    read = source._options
    assert read.symbols == {"ABCUSD": "AB/CUSD", "XYZUSD": "XY/ZUSD"}
    assert (read.url, read.timeout, read.interval, read.page) == ("http://localhost:8080", 2.5, 0.0, 100)
    assert not read.confirm


def test_without_ccxt_the_next_step_is_to_install_it() -> None:
    code = """
import sys
sys.modules["ccxt"] = None
from barledger.errors import DriverMissing, SourceNotFound
from barledger.sources.registry import exchange_names, make_source
assert exchange_names() == ()
for name, options, kind in [("binance", {}, SourceNotFound), ("exchange", {"exchange": "binance"}, DriverMissing)]:
    try:
        make_source(name, options)
    except kind as error:
        assert "exchange" in str(error) + error.advice
    else:
        sys.exit(1)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_ids_are_ccxts_own() -> None:
    assert list(exchange_ids()) == sorted(ccxt.exchanges)
    assert set(MANNERS) <= {*ccxt.exchanges, "kucoinfutures"}
    assert manners_of("nobody") == Manners()


# --- pace ------------------------------------------------------------------------------------------


class Hourglass:
    """A clock that sleeping turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def test_requests_begin_no_faster_than_the_pace() -> None:
    glass = Hourglass()
    pace = Pace(0.5, clock=glass, sleep=glass.sleep)
    for cost in (1.0, 2.0, 1.0, 1.0):
        pace.keep(cost)
    assert glass.slept == [0.5, 1.0, 0.5]
    glass.now += 10
    pace.keep(1.0)
    assert glass.slept == [0.5, 1.0, 0.5]


def test_threads_keep_the_pace_together() -> None:
    waits: list[float] = []
    pace = Pace(0.5, clock=lambda: 0.0, sleep=waits.append)
    threads = [Thread(target=pace.keep, args=(1.0,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.5 * number for number in range(1, 8)]


# --- markets ---------------------------------------------------------------------------------------


def market(symbol: str = "BTC/USDT", **told: Any) -> dict[str, Any]:
    base, _, quote = symbol.partition("/")
    shape = {"id": symbol.replace("/", ""), "type": "spot", "base": base, "quote": quote.partition(":")[0]}
    return {"symbol": symbol, **shape, **told}


LINEAR = {"contract": True, "linear": True, "type": "swap"}
INVERSE = {"contract": True, "inverse": True, "type": "swap", "contractSize": 100.0}


@pytest.mark.parametrize(
    ("told", "known", "chosen", "factor"),
    [
        ({}, None, None, 1.0),
        ({}, "contracts", None, 1.0),
        ({}, None, "missing", None),
        (LINEAR | {"contractSize": 0.001}, "contracts", None, 0.001),
        (LINEAR | {"contractSize": 0.001}, "base", None, 1.0),
        (LINEAR | {"contractSize": 0.001}, None, "contracts", 0.001),
        (LINEAR | {"contractSize": 0.001}, None, "base", 1.0),
        (LINEAR | {"contractSize": 1.0}, None, None, 1.0),
        (INVERSE, "base", None, 1.0),
        (INVERSE, "contracts", "missing", None),
    ],
)
def test_a_unit_of_volume_is_so_many_of_the_base(told: Any, known: Any, chosen: Any, factor: float | None) -> None:
    assert Market(market(**told)).volume_factor("x", Manners(contracts=known), chosen) == factor


@pytest.mark.parametrize(
    ("told", "known"),
    [(LINEAR | {"contractSize": 0.001}, None), (LINEAR, "contracts"), (INVERSE, "contracts"), (INVERSE, None)],
)
def test_a_volume_whose_unit_nobody_can_tell_is_refused(told: Any, known: Any) -> None:
    with pytest.raises(CapabilityMissing, match="see the option volume"):
        Market(market(**told)).volume_factor("x", Manners(contracts=known), None)


def test_facts_are_what_the_exchange_and_its_bars_tell() -> None:
    future = market("BTC/USDT:USDT-240628", type="future", created=1_000, expiry=2_000)
    facts = Market(future).facts("BTC/USDT:USDT-240628", "x")
    assert facts == Facts(
        pattern="BTC/USDT:USDT-240628",
        origin="x",
        kind="future",
        calendar="24/7",
        currency="USDT",
        first_trade=SECOND,
        last_trade=2 * SECOND,
    )
    assert Market(future).facts("F", "x", first=5).first_trade == 5
    assert Market(market()).facts("BTCUSDT", "x").first_trade is None


@given(st.sampled_from(["BTC/USDT", "BTC/USDT:USDT", "aEUR/USD", "BTC/EU", "1000X/USDT"]))
def test_a_market_is_found_by_its_own_name(symbol: str) -> None:
    markets = Markets("x", [market(one) for one in ("BTC/USDT", "BTC/USDT:USDT", "aEUR/USD", "BTC/EU", "1000X/USDT")])
    assert markets.find(symbol, native=None, symbols={}, kind=None).symbol == symbol


def test_an_id_is_no_name_of_an_instrument() -> None:
    markets = Markets("x", [market("BTC/USDT:USDT", id="BTCUSDT")])
    with pytest.raises(DataNotFound, match="near are BTC/USDT:USDT"):
        markets.find("BTCUSDT", native=None, symbols={}, kind=None)
    assert markets.find("BTCUSDT", native="BTCUSDT", symbols={}, kind=None).symbol == "BTC/USDT:USDT"


# --- candles ---------------------------------------------------------------------------------------


def row(minute: int, *values: Any) -> list[Any]:
    return [(NOON + minute * MINUTE) // 1_000_000, *(values or (1.0, 2.0, 0.5, 1.5, 10.0))]


def test_candles_are_sorted_equal_ones_are_one_and_disputed_ones_are_kept() -> None:
    other = row(0, 1.0, 2.0, 0.5, 1.5, 11.0)
    answer = read_answer([row(1), row(0), row(1), other], now=NOON)
    assert [candle[0] for candle in answer.candles] == [NOON, NOON + MINUTE]
    assert {time: len(candles) for time, candles in answer.disputed.items()} == {NOON: 2}


def test_texts_are_numbers_and_what_is_missing_is_missing() -> None:
    (candle,) = read_answer([row(0, "1", "2", "0.5", "1.5", None)], now=NOON).candles
    assert candle == (NOON, 1.0, 2.0, 0.5, 1.5, None)
    bars = bars_of([candle], Timeframe.of("1m"), "raise").rows
    assert math.isnan(bars.volume[0])
    assert bars.close.tolist() == [1.5]


def test_a_candle_without_any_price_is_a_bar_without_trades() -> None:
    assert (
        read_answer([row(0, None, None, None, None, 0.0), row(1)], now=NOON).candles
        == read_answer([row(1)], now=NOON).candles
    )


@pytest.mark.parametrize("factor", [None, 0.001, 1.0])
def test_volumes_are_turned_into_the_base(factor: float | None) -> None:
    (candle,) = read_answer([row(0)], now=NOON, factor=factor).candles
    assert candle[5] == (None if factor is None else 10.0 * factor)


@pytest.mark.parametrize(
    "given_row",
    ["text", [1], row(0, "1", "2", "0.5", "x", 1), [None, *row(0)[1:]], [1e300, *row(0)[1:]], [True, *row(0)[1:]]],
)
def test_what_is_no_candle_is_refused(given_row: Any) -> None:
    with pytest.raises(ValueError, match=r"candle|could not convert"):
        read_answer([given_row], now=NOON)


def test_rules_of_bars_hold_for_candles() -> None:
    candles = read_answer([row(0, 0, 0, 0, 0, 0), row(1, 1, math.inf, 1, 1, 1), row(2)], now=NOON).candles
    with pytest.raises(ZeroPrice):
        bars_of(candles, Timeframe.of("1m"), "raise")
    with pytest.raises(InfiniteValue):
        bars_of(candles[1:], Timeframe.of("1m"), "raise")
    put_aside = bars_of(candles, Timeframe.of("1m"), "quarantine")
    assert [bar.code for bar in put_aside.rejected] == ["zero-price", "infinite-value"]
    assert put_aside.rejected[0].values["close"] == "0.0"
    assert put_aside.rows.time.tolist() == [NOON + 2 * MINUTE]


def test_no_candles_are_no_bars() -> None:
    assert not len(bars_of([], Timeframe.of("1m"), "raise").rows)


def test_the_duration_of_a_timeframe_is_ours() -> None:
    assert all(duration_of(name) == timeframe.duration for name, timeframe in TIMEFRAMES.items())


# --- errors ----------------------------------------------------------------------------------------


def told(error: Exception, status: int | None = None, **headers: str) -> BarledgerError:
    exchange = SimpleNamespace(last_response_headers=headers or None, status=status)
    return translate(error, source="x", what="BTC/USDT 1m", exchange=exchange, now=NOON)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ccxt.BadSymbol("?"), DataNotFound),
        (ccxt.ExchangeError("EQuery:Unknown asset pair"), DataNotFound),
        (ccxt.RateLimitExceeded("slow down"), RateLimited),
        (ccxt.DDoSProtection("slow down"), RateLimited),
        (ccxt.NetworkError("gone"), SourceUnavailable),
        (ccxt.RequestTimeout("gone"), SourceUnavailable),
        (ccxt.ExchangeNotAvailable("gone"), SourceUnavailable),
        (ccxt.OnMaintenance("gone"), SourceUnavailable),
        (ccxt.NotSupported("no bars"), CapabilityMissing),
        (ccxt.InvalidProxySettings("two"), InvalidSetting),
        (ccxt.BadResponse("?"), SourceError),
        (ccxt.NullResponse("?"), SourceError),
        (ccxt.BadRequest("?"), SourceError),
        (ccxt.AuthenticationError("key"), SourceError),
        (ccxt.ExchangeError("?"), SourceError),
        (KeyError("result"), SourceError),
        (TypeError("?"), SourceError),
    ],
)
def test_ccxts_errors_are_ours(raised: Exception, kind: type[BarledgerError]) -> None:
    assert type(told(raised)) is kind


def test_what_a_server_says_for_good_is_not_asked_again() -> None:
    assert type(told(ccxt.ExchangeNotAvailable("shut out"), status=451)) is SourceError
    assert type(told(ccxt.ExchangeNotAvailable("down"), status=503)) is SourceUnavailable


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Tue, 05 Mar 2024 12:01:30 GMT", 90.0),
        ("Tue, 05 Mar 2024 11:00:00 GMT", 0.0),
        ("tomorrow", 0.0),
        ("", 0.0),
        ("-5", 0.0),
    ],
)
def test_how_long_to_wait_is_a_number_or_a_date(header: str, seconds: float) -> None:
    assert retry_after({"Retry-After": header}, NOON) == seconds
    limited = told(ccxt.RateLimitExceeded("slow down"), **{"Retry-After": header})
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == seconds


def test_no_headers_are_no_wait() -> None:
    assert retry_after(None, NOON) == 0.0


def test_a_page_of_html_is_told_in_a_line() -> None:
    assert brief("<html>\n  <body>" + "x" * 1000).startswith("<html> <body>xxx")
    assert len(brief("x" * 1000)) == 301
