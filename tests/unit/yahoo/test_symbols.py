"""Names and facts of Yahoo."""

from typing import Any

import exchange_calendars
import pytest

from barledger.domain.instrument import Facts
from barledger.domain.interval import parse_time
from barledger.errors import DataNotFound, SourceUnavailable
from barledger.sources.yahoo import YahooSource
from barledger.sources.yahoo.symbols import _BY_SUFFIX, _BY_ZONE, facts_of, symbol_of, venue_of
from tickers import bars, chunks, request
from yahoo import Listing, Yahoo


@pytest.mark.parametrize(
    ("instrument", "symbol"),
    [
        ("BTCUSD", "BTC-USD"),
        ("SHIBUSD", "SHIB-USD"),
        ("ETHEUR", "ETH-EUR"),
        ("EURUSD", "EURUSD=X"),
        ("AAPL", "AAPL"),
        ("BRK-B", "BRK-B"),
        ("VOD.L", "VOD.L"),
        ("005930.KS", "005930.KS"),
        ("^GSPC", "^GSPC"),
        ("BTCUSDT", "BTCUSDT"),
        ("ABUSD", "ABUSD"),
    ],
)
def test_pairs_are_spelt_as_yahoo_does(instrument: str, symbol: str) -> None:
    assert symbol_of(instrument) == symbol


@pytest.mark.parametrize(("instrument", "symbol"), [("BTCUSD", "BTC-USD"), ("EURUSD", "EURUSD=X")])
def test_a_pair_is_asked_for_under_yahoos_name(yahoo: Yahoo, source: YahooSource, instrument: str, symbol: str) -> None:
    assert len(bars(source, instrument, end="2024-01-12"))
    assert {one["symbol"] for one in yahoo.asked} == {symbol}


def test_a_native_symbol_wins_over_the_instrument(yahoo: Yahoo, source: YahooSource) -> None:
    (chunk,) = chunks(source, "FB", native="META", end="2024-01-12")
    assert len(chunk.rows)
    assert [one["symbol"] for one in yahoo.asked] == ["META"]
    assert source.facts(request("FB", native="META")) == Facts(
        pattern="FB",
        origin="yahoo",
        kind="stock",
        calendar="XNYS",
        currency="USD",
        first_trade=parse_time("2023-01-03"),
    )


@pytest.mark.parametrize("name", ["A/../../v1", "IBM?x=1", "I BM", "ibm#", "..", "A%2f", "", "X" * 40])
def test_a_name_cannot_become_another_address(yahoo: Yahoo, source: YahooSource, name: str) -> None:
    with pytest.raises(DataNotFound):
        chunks(source, "IBM", native=name)
    assert yahoo.paths == []


@pytest.mark.parametrize(
    ("symbol", "calendar", "currency", "kind"),
    [
        ("AAPL", "XNYS", "USD", None),
        ("BRK-B", "XNYS", "USD", None),
        ("VOD.L", "XLON", None, None),
        ("7203.T", "XTKS", "JPY", None),
        ("0700.HK", "XHKG", "HKD", None),
        ("MC.PA", "XPAR", "EUR", None),
        ("SAP.DE", "XETR", "EUR", None),
        ("ENI.MI", "XMIL", "EUR", None),
        ("RY.TO", "XTSE", None, None),
        ("INFY.NS", "XBOM", "INR", None),
        ("PETR4.SA", "BVMF", "BRL", None),
        ("600519.SS", "XSHG", None, None),
        ("EURUSD=X", "24/5", "USD", "forex"),
        ("JPY=X", "24/5", "JPY", "forex"),
        ("BTC-USD", "24/7", "USD", "crypto"),
        ("ES=F", "CMES", None, "future"),
        ("^GSPC", None, None, "index"),
        ("X.UNKNOWN", None, None, None),
    ],
)
def test_a_spelling_tells_venue_and_money(symbol: str, calendar: str | None, currency: str | None, kind: Any) -> None:
    facts = facts_of("X", symbol, {}, None)
    assert facts == Facts(pattern="X", origin="yahoo", kind=kind, calendar=calendar, currency=currency)


def test_every_calendar_is_one_that_there_is() -> None:
    named = {venue.calendar for venue in _BY_SUFFIX.values()} | set(_BY_ZONE.values())
    named |= {venue_of(symbol).calendar for symbol in ("EURUSD=X", "BTC-USD", "ES=F", "AAPL")}
    assert named <= {*exchange_calendars.get_calendar_names(include_aliases=False)}


def test_what_yahoo_says_itself_counts_more_than_the_spelling(yahoo: Yahoo, source: YahooSource) -> None:
    yahoo.listings["^N225"] = Listing(symbol="^N225", kind="INDEX", zone="Asia/Tokyo", currency="JPY")
    facts = source.facts(request("^N225"))
    assert facts is not None
    assert (facts.kind, facts.calendar, facts.currency) == ("index", "XTKS", "JPY")


def test_facts_are_asked_for_unless_they_came_with_bars(yahoo: Yahoo, source: YahooSource) -> None:
    first = source.facts(request())
    assert first is not None
    assert (first.currency, len(yahoo.asked)) == ("USD", 1)
    assert source.facts(request()) == first
    bars(source, "VTI", end="2024-01-12")
    fund = source.facts(request("VTI"))
    assert fund is not None
    assert (fund.kind, len(yahoo.asked)) == ("etf", 2)


def test_facts_that_cannot_be_had_are_not_made_up(yahoo: Yahoo, source: YahooSource) -> None:
    with pytest.raises(DataNotFound):
        source.facts(request("NOBODY.L"))
    yahoo.faults = [(503, b"", {})] * 4
    with pytest.raises(SourceUnavailable):
        source.facts(request())
    assert source.facts(request("no/symbol")) is None
