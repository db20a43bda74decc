"""YahooSource: what it makes of Yahoo's answers, through yfinance's own connection to a server on loopback."""

import copy
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
import yfinance

from barledger.domain.action import CorporateAction
from barledger.domain.comparison import compare
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval, parse_time
from barledger.domain.rows import VALUES, Rows, concat
from barledger.domain.timeframe import DAY, MINUTE, Timeframe
from barledger.domain.validation import OnInvalid
from barledger.errors import (
    BarledgerError,
    CapabilityMissing,
    DataNotFound,
    DriverMissing,
    HighBelowLow,
    InvalidSetting,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from barledger.sources.contract import Fetched, FetchRequest
from barledger.sources.registry import make_source
from barledger.sources.yahoo import YahooSource
from barledger.sources.yahoo.answer import StrangeEvent, bars_of
from barledger.sources.yahoo.desk import Answer
from barledger.sources.yahoo.symbols import _BY_SUFFIX, _BY_ZONE, facts_of, symbol_of, venue_of
from barledger.stores.memory import MemoryStore
from libraries import library
from yahoo import Listing, Yahoo, serving, values

SATURDAY = dt.datetime(2024, 3, 9, 12, 0, 7, tzinfo=dt.UTC)
LISTINGS = (
    Listing(symbol="IBM", dividends={dt.date(2024, 2, 9): 1.66}, splits={dt.date(2024, 1, 16): (4, 1)}),
    Listing(
        symbol="VTI",
        kind="ETF",
        dividends={dt.date(2024, 2, 9): 0.5},
        gains={dt.date(2024, 2, 12): 0.25},
        splits={dt.date(2024, 1, 16): (1, 8)},
    ),
    Listing(
        symbol="VOD.L",
        zone="Europe/London",
        currency="GBp",
        opens=dt.time(8),
        closes=dt.time(16, 30),
        dividends={dt.date(2024, 2, 9): 4.5},
    ),
    Listing(
        symbol="BHP.AX",
        zone="Australia/Sydney",
        currency="AUD",
        opens=dt.time(10),
        closes=dt.time(16),
        dividends={dt.date(2024, 2, 9): 1.1},
        dividend_currency="USD",
    ),
    Listing(symbol="BTC-USD", kind="CRYPTOCURRENCY", zone="UTC", every_day=True),
    Listing(symbol="EURUSD=X", kind="CURRENCY", zone="Europe/London", every_day=True),
    Listing(symbol="META"),
)


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with serving(Yahoo(*copy.deepcopy(LISTINGS), now=SATURDAY.timestamp())) as server:
        yield server


@pytest.fixture
def source(yahoo: Yahoo) -> Iterator[YahooSource]:
    made = YahooSource(url=yahoo.url, clock=lambda: int(yahoo.now * 1e9))
    yield made
    made.close()


def request(
    instrument: str = "IBM",
    timeframe: str = "1d",
    start: Any = "2024-01-02",
    end: Any = None,
    *,
    native: str | None = None,
    on_invalid: OnInvalid = "raise",
) -> FetchRequest:
    return FetchRequest(
        instrument=instrument,
        timeframe=Timeframe.of(timeframe),
        interval=Interval.of(start, end),
        native=native,
        on_invalid=on_invalid,
    )


def chunks(source: YahooSource, *given: Any, **named: Any) -> list[Fetched]:
    return list(source.fetch(request(*given, **named)))


def bars(source: YahooSource, *given: Any, **named: Any) -> Rows:
    return concat(chunk.rows for chunk in chunks(source, *given, **named))


def stamps(rows: Rows) -> list[str]:
    return [f"{pd.Timestamp(time):%Y-%m-%d %H:%M}" for time in rows.time.tolist()]


def moment(text: str) -> float:
    return parse_time(text) / 1e9


# --- what it declares ----------------------------------------------------------------------------


def test_it_declares_what_yahoo_gives(source: YahooSource) -> None:
    told = source.declaration
    assert set(told.adjustment.values()) == {"splits"}
    assert (told.tolerance.price, told.tolerance.volume) == (2e-6, 5e-3)
    assert told.gives_events
    assert not told.empty_is_proof
    assert {name: reach // DAY for name, reach in told.history.items()} == {
        "1m": 30,
        "5m": 60,
        "15m": 60,
        "30m": 60,
        "1h": 730,
    }
    assert told.library == f"yfinance {yfinance.__version__}"


def test_it_is_registered_and_takes_its_options_as_text() -> None:
    assert make_source("yahoo", {"url": "http://127.0.0.1:9", "timeout": "5"}).declaration.name == "yahoo"


@pytest.mark.parametrize("options", [{"url": "ftp://x"}, {"timeout": "soon"}, {"timeout": 0}], ids=str)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match=next(iter(options))):
        make_source("yahoo", options)


# --- bars ----------------------------------------------------------------------------------------


def test_prices_are_not_adjusted_for_dividends(source: YahooSource) -> None:
    found = bars(source, end="2024-01-05")
    assert stamps(found) == ["2024-01-02 00:00", "2024-01-03 00:00", "2024-01-04 00:00"]
    expected = [values(dt.date(2024, 1, day).toordinal()) for day in (2, 3, 4)]
    for name in VALUES:
        assert getattr(found, name).tolist() == [bar[name] for bar in expected]
    assert found.adjustment_factor is None


@pytest.mark.parametrize(
    ("symbol", "opens"),
    [("VOD.L", "08:00Z of the day"), ("BHP.AX", "23:00Z of the day before"), ("BTC-USD", "midnight")],
    ids=str,
)
def test_a_daily_bar_is_labelled_with_the_date_of_its_venue(source: YahooSource, symbol: str, opens: str) -> None:
    del opens
    found = bars(source, symbol, end="2024-01-05")
    assert stamps(found) == ["2024-01-02 00:00", "2024-01-03 00:00", "2024-01-04 00:00"]
    assert found.close.tolist() == [values(dt.date(2024, 1, day).toordinal())["close"] for day in (2, 3, 4)]


def test_weeks_open_on_monday_wherever_the_interval_starts(source: YahooSource) -> None:
    found = bars(source, timeframe="1w", start="2024-01-10", end="2024-02-01")
    assert stamps(found) == ["2024-01-15 00:00", "2024-01-22 00:00", "2024-01-29 00:00"]
    days = [values(dt.date(2024, 1, day).toordinal()) for day in (22, 23, 24, 25, 26)]
    assert found.open[1] == days[0]["open"]
    assert found.volume[1] == sum(day["volume"] for day in days)


def test_months_open_on_the_first(source: YahooSource) -> None:
    assert stamps(bars(source, timeframe="1M", start="2023-11-15", end=None)) == [
        "2023-12-01 00:00",
        "2024-01-01 00:00",
        "2024-02-01 00:00",
    ]


def test_half_hours_are_whole_at_the_edges_of_an_interval(source: YahooSource) -> None:
    quarters = bars(source, timeframe="15m", start="2024-03-04", end="2024-03-06")
    found = bars(source, timeframe="30m", start="2024-03-04T15:10Z", end="2024-03-04T17:15Z")
    assert stamps(found) == [f"2024-03-04 {time}" for time in ("15:30", "16:00", "16:30", "17:00")]
    for at, time in enumerate(found.time.tolist()):
        parts = np.flatnonzero((quarters.time == time) | (quarters.time == time + 15 * MINUTE))
        assert found.high[at] == quarters.high[parts].max()
        assert found.close[at] == quarters.close[parts[-1]]
        assert found.volume[at] == quarters.volume[parts].sum()


def test_half_hours_of_a_venue_that_opens_at_a_quarter_are_refused(source: YahooSource) -> None:
    with pytest.raises(CapabilityMissing, match=r"30m of INFY\.NS"):
        chunks(source, "INFY.NS", "30m")


def test_rows_without_a_price_are_no_bars_and_nought_is_no_price(yahoo: Yahoo, source: YahooSource) -> None:
    yahoo.listings["IBM"].spoiled = {
        dt.date(2024, 1, 3): None,
        dt.date(2024, 1, 4): {"volume": None},
        dt.date(2024, 1, 5): {"open": 0.0},
        dt.date(2024, 1, 8): dict.fromkeys(VALUES, 0.0),
        dt.date(2024, 1, 9): {"volume": 0},
    }
    found = bars(source, end="2024-01-10")
    assert [stamp[8:10] for stamp in stamps(found)] == ["02", "04", "05", "09"]
    assert np.isnan(found.volume).tolist() == [False, True, False, False]
    assert np.isnan(found.open).tolist() == [False, False, True, False]
    assert found.volume[3] == 0


def test_a_frame_as_yfinance_gives_it_is_enough() -> None:
    index = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], tz="America/New_York", name="Date")
    frame = pd.DataFrame(
        {
            "Open": [1.0, np.nan],
            "High": [2.0, np.nan],
            "Low": [0.5, np.nan],
            "Close": [1.5, np.nan],
            "Adj Close": [1.4, np.nan],
            "Volume": np.array([0, 0]),
            "Dividends": [0.0, 0.5],
            "Stock Splits": [0.0, 0.0],
        },
        index=index,
    )
    found = bars_of(Answer(frame=frame), Timeframe.of("1d"))
    assert found["time"].tolist() == [pd.Timestamp("2024-01-02", tz="UTC")]
    assert found["Volume"].tolist() == [0.0]
    assert "Adj Close" not in found
    with pytest.raises(SourceError, match="has no Close; it has Open"):
        bars_of(Answer(frame=frame.drop(columns="Close")), Timeframe.of("1d"))


def test_a_bar_that_breaks_a_rule_is_refused_or_put_aside_and_others_are_not_judged(
    yahoo: Yahoo, source: YahooSource
) -> None:
    yahoo.listings["IBM"].spoiled = {dt.date(2024, 1, 4): {"high": 1.0}}
    with pytest.raises(HighBelowLow):
        chunks(source, end="2024-01-10")
    (chunk,) = chunks(source, end="2024-01-10", on_invalid="quarantine")
    assert [bar.code for bar in chunk.rejected] == ["high-below-low"]
    assert len(chunk.rows) == 5
    # Yahoo is asked for some days around what is wanted.
    assert len(bars(source, start="2024-01-05", end="2024-01-10")) == 3


# --- what is not final ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "last", "end"),
    [
        ("2024-03-06T13:00Z", "2024-03-05", "2024-03-06"),  # before the opening
        ("2024-03-06T18:00:07Z", "2024-03-05", "2024-03-06"),  # while it trades
        ("2024-03-06T21:10Z", "2024-03-05", "2024-03-06"),  # closed just now
        ("2024-03-06T21:31Z", "2024-03-06", "2024-03-06T21:31Z"),  # closed for sure
        ("2024-03-07T00:30Z", "2024-03-06", "2024-03-07"),  # a new date in UTC only
        ("2024-03-09T12:00Z", "2024-03-08", "2024-03-09"),  # a Saturday
    ],
)
def test_the_running_session_is_left_out_and_not_answered_for(
    yahoo: Yahoo, source: YahooSource, now: str, last: str, end: str
) -> None:
    yahoo.now = moment(now)
    (chunk,) = chunks(source, start="2024-03-01")
    assert stamps(chunk.rows)[-1][:10] == last
    assert chunk.interval.end == parse_time(end)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "30m", "1h"])
def test_the_running_bar_and_the_quote_that_yahoo_appends_are_left_out(
    yahoo: Yahoo, source: YahooSource, timeframe: str
) -> None:
    yahoo.now = moment("2024-03-06T18:02:17Z")
    (chunk,) = chunks(source, "IBM", timeframe, "2024-03-06")
    duration = Timeframe.of(timeframe).duration
    assert int(chunk.rows.time[-1]) + duration <= int(yahoo.now * 1e9)
    assert int(chunk.rows.time[-1]) + 2 * duration > int(yahoo.now * 1e9)
    assert int(chunk.rows.time[-1]) < chunk.interval.end <= int(chunk.rows.time[-1]) + duration
    assert (chunk.rows.volume > 0).all()


def test_minutes_that_come_late_are_neither_taken_for_missing_nor_for_whole(yahoo: Yahoo) -> None:
    now = moment("2024-03-06T18:00:07Z")
    yahoo.now = now - 900  # quotes of the venue come a quarter of an hour late
    late = YahooSource(url=yahoo.url, clock=lambda: int(now * 1e9))
    (chunk,) = chunks(late, "IBM", "1m", "2024-03-06T15:00Z")
    assert stamps(chunk.rows)[-1] == "2024-03-06 17:44"
    assert chunk.interval.end == int(chunk.rows.time[-1]) + 1
    late.close()


def test_what_is_yet_to_come_gives_nothing(source: YahooSource) -> None:
    assert chunks(source, start="2024-03-10", end="2024-04-01") == []
    assert chunks(source, start="2024-03-09", end="2024-03-10") == []


# --- how far back --------------------------------------------------------------------------------


def test_minutes_are_asked_for_a_week_at_a_time(yahoo: Yahoo, source: YahooSource) -> None:
    found = chunks(source, "IBM", "1m", "2024-02-12", "2024-03-04")
    assert [int(one["period2"]) - int(one["period1"]) <= 8 * 86_400 for one in yahoo.asked] == [True] * 3
    assert sum(len(chunk.rows) for chunk in found) == 15 * 390


@pytest.mark.parametrize(("timeframe", "days"), [("1m", 30), ("15m", 60), ("30m", 60), ("1h", 730)])
def test_what_yahoo_no_longer_keeps_is_declared_and_not_asked_for(
    yahoo: Yahoo, source: YahooSource, timeframe: str, days: int
) -> None:
    beyond, *others = chunks(source, "IBM", timeframe, "2020-01-01")
    assert (len(beyond.rows), beyond.complete) == (0, False)
    assert f"keeps bars of {timeframe} for {days} days" in beyond.asked
    assert 0 < beyond.interval.end - int(yahoo.now * 1e9 - days * DAY) <= DAY // 24
    assert others[0].interval.start == beyond.interval.end
    (first, *_) = chunks(source, "IBM", timeframe, int(yahoo.now * 1e9) - days * DAY)
    assert first.complete
    asked = len(yahoo.asked)
    (only,) = chunks(source, "IBM", timeframe, "2020-01-01", "2020-02-01")
    assert (only.interval, only.complete) == (Interval.of("2020-01-01", "2020-02-01"), False)
    assert len(yahoo.asked) == asked


def test_a_range_before_the_listing_is_empty_and_an_answer(source: YahooSource) -> None:
    (chunk,) = chunks(source, start="1990-01-01", end="2000-01-01")
    assert (len(chunk.rows), chunk.complete) == (0, True)
    assert chunk.interval == Interval.of("1990-01-01", "2000-01-01")


def test_days_without_a_session_are_empty_and_an_answer(source: YahooSource) -> None:
    (chunk,) = chunks(source, start="2024-01-06", end="2024-01-08")
    assert (len(chunk.rows), chunk.complete) == (0, True)


def test_without_a_start_it_begins_with_the_first_session(source: YahooSource) -> None:
    assert stamps(bars(source, start=None))[0] == "2023-01-03 00:00"


# --- events --------------------------------------------------------------------------------------


def told(action: CorporateAction) -> tuple[str, str, float, str]:
    return str(pd.Timestamp(action.ex_date)), action.kind, action.value, action.currency


@pytest.mark.parametrize("timeframe", ["1d", "1w", "1M", "1h"])
def test_events_are_dated_with_their_session_whatever_the_bars(source: YahooSource, timeframe: str) -> None:
    found = [action for chunk in chunks(source, "VTI", timeframe, "2023-10-02") for action in chunk.actions]
    assert [told(action) for action in found] == [
        ("2024-01-16 00:00:00", "split", 0.125, ""),
        ("2024-02-09 00:00:00", "cash_dividend", 0.5, "USD"),
        ("2024-02-12 00:00:00", "capital_gain", 0.25, "USD"),
    ]


def test_an_event_has_the_date_of_the_venue_and_its_own_currency(source: YahooSource) -> None:
    (chunk,) = chunks(source, "BHP.AX")
    assert [told(action) for action in chunk.actions] == [("2024-02-09 00:00:00", "cash_dividend", 1.1, "USD")]


def test_pence_stay_pence(source: YahooSource) -> None:
    (chunk,) = chunks(source, "VOD.L")
    assert [told(action) for action in chunk.actions] == [("2024-02-09 00:00:00", "cash_dividend", 4.5, "GBp")]
    facts = source.facts(request("VOD.L"))
    assert facts is not None
    assert facts.currency == "GBp"


def test_an_event_that_cannot_have_been_is_left_out_and_said(yahoo: Yahoo, source: YahooSource) -> None:
    yahoo.listings["IBM"].splits = {dt.date(2024, 1, 16): (0, 1), dt.date(2024, 1, 17): (1, 0)}
    with pytest.warns(StrangeEvent, match="split of IBM is left out"):
        (chunk,) = chunks(source)
    assert [action.kind for action in chunk.actions] == ["cash_dividend"]


# --- names and facts -----------------------------------------------------------------------------


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


# --- what goes wrong -----------------------------------------------------------------------------

TOO_MANY = (429, b"Too Many Requests", {"Retry-After": "17"})
FAULTS: dict[str, tuple[tuple[int, bytes, dict[str, str]], type[BarledgerError], str]] = {
    "too many": (TOO_MANY, RateLimited, "Too Many Requests"),
    "down": ((503, b"<html>oops</html>", {}), SourceUnavailable, "status 503"),
    "down in JSON": ((502, b'{"chart": {"error": {"description": "upstream"}}}', {}), SourceUnavailable, "upstream"),
    "down with 200": ((200, b"<h1>Will be right back</h1>", {}), SourceUnavailable, "Will be right back"),
    "cut off": ((0, b"", {}), SourceUnavailable, "curl"),
    "HTML": ((200, b"<!DOCTYPE html><p>consent</p>", {}), SourceError, "something else than a chart.*DOCTYPE"),
    "a list": ((200, b"[]", {}), SourceError, "something else than a chart"),
    "half": ((200, b'{"chart": {"result": [{"meta"', {}), SourceError, "something else than a chart"),
    "no result": ((200, b'{"chart": {"result": null, "error": null}}', {}), SourceError, "has no result"),
    "no quotes": (
        (200, b'{"chart": {"result": [{"meta": {}, "timestamp": [1704205800]}], "error": null}}', {}),
        SourceError,
        "yfinance .* cannot use Yahoo's answer",
    ),
    "refused": ((401, b'{"chart": {"error": {"code": "Unauthorized"}}}', {}), SourceError, "Unauthorized"),
    "forbidden": ((403, b"no", {}), SourceError, "status 403"),
    "unknown": ((404, b'{"chart": {"error": {"code": "Not Found"}}}', {}), DataNotFound, "has no IBM"),
}


@pytest.fixture(params=[True, False], ids=["hidden errors", "shown errors"])
def _hidden(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the process wants of yfinance's own errors must not matter here."""
    before = yfinance.config.debug.hide_exceptions
    yfinance.config.debug.hide_exceptions = request.param
    yield
    yfinance.config.debug.hide_exceptions = before


@pytest.mark.usefixtures("_hidden")
@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_is_told_apart(
    yahoo: Yahoo, source: YahooSource, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    fault, error, said = FAULTS[name]
    yahoo.faults = [fault] * 4
    with pytest.raises(error, match=said) as caught:
        chunks(source, end="2024-01-12")
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    yahoo.faults = []
    assert len(bars(source, end="2024-01-12")) == 8


@pytest.mark.usefixtures("_hidden")
def test_an_empty_answer_is_no_error_whatever_the_process_wants(source: YahooSource) -> None:
    assert [len(chunk.rows) for chunk in chunks(source, start="2024-01-06", end="2024-01-08")] == [0]
    assert [len(chunk.rows) for chunk in chunks(source, start="1990-01-01", end="1991-01-01")] == [0]


def test_when_to_come_back_is_told(yahoo: Yahoo, source: YahooSource) -> None:
    yahoo.faults = [TOO_MANY] * 4
    with pytest.raises(RateLimited) as caught:
        chunks(source)
    assert caught.value.retry_after == 17.0


def test_nobody_there_is_unavailable() -> None:
    source = YahooSource(url="http://127.0.0.1:9", timeout=5)
    with pytest.raises(SourceUnavailable):
        chunks(source)
    source.close()


def test_what_came_before_the_fault_is_kept(yahoo: Yahoo, source: YahooSource) -> None:
    found = source.fetch(request("IBM", "1m", "2024-02-12", "2024-03-04"))
    assert len(next(found).rows)
    yahoo.faults = [(503, b"", {})] * 4
    with pytest.raises(SourceUnavailable):
        next(found)


def test_without_the_package_the_error_says_how_to_get_it(source: YahooSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance.data", None)
    with pytest.raises(DriverMissing, match="yfinance") as caught:
        chunks(source)
    assert caught.value.advice == "pip install 'barledger[yahoo]'"


# --- what it leaves behind -----------------------------------------------------------------------


def test_an_answer_is_never_remembered(yahoo: Yahoo, source: YahooSource) -> None:
    first = bars(source, end="2024-01-12")
    yahoo.listings["IBM"].spoiled = {dt.date(2024, 1, 4): {"close": float(first.close[2]) + 0.5}}
    again = bars(source, end="2024-01-12")
    assert (again.close - first.close).tolist() == [0, 0, 0.5, 0, 0, 0, 0, 0]


def test_a_cookie_is_asked_for_once(yahoo: Yahoo, source: YahooSource) -> None:
    for _ in range(3):
        bars(source, end="2024-01-12")
    assert yahoo.paths.count("/") == 1
    assert yahoo.paths.count("/v1/test/getcrumb") == 1


SCRIPT = """
import sys
import yfinance
from yfinance.data import YfData
from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.errors import DataNotFound
from barledger.sources.contract import FetchRequest
from barledger.sources.yahoo import YahooSource
source = YahooSource(url=sys.argv[1], clock=lambda: 1709985607000000000)
span = Interval.of("2024-01-02", "2024-01-12")
ask = lambda name: list(source.fetch(FetchRequest(instrument=name, timeframe=Timeframe.of("1d"), interval=span)))
print(len(ask("IBM")[0].rows))
try:
    ask("NOBODY")
except DataNotFound:
    print("unknown")
assert yfinance.config.debug.hide_exceptions
assert YfData not in type(YfData)._instances
"""


def test_it_writes_no_files_says_nothing_and_changes_nothing_for_others(yahoo: Yahoo, tmp_path: Path) -> None:
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, yahoo.url],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | places,
    )
    assert (done.stdout.split(), done.stderr) == (["8", "unknown"], "")
    assert list(tmp_path.iterdir()) == []


# --- in a library --------------------------------------------------------------------------------


def test_bars_are_ingested(yahoo: Yahoo) -> None:
    options = {"url": yahoo.url, "clock": lambda: int(yahoo.now * 1e9)}
    with library(MemoryStore()) as opened:
        done = opened.ingest("BTC-USD", "1d", source="yahoo", start="2024-01-02", end="2024-01-12", options=options)
        assert (done.new, done.changed) == (10, 0)
        assert len(opened.bars("BTC/USD", "1d", source="yahoo")) == 10


def test_what_trembles_is_jitter(yahoo: Yahoo, source: YahooSource) -> None:
    first = bars(source, end="2024-01-12")
    yahoo.listings["IBM"].spoiled = {
        dt.date(2024, 1, 4): {"close": float(first.close[2]) * (1 + 1e-6)},
        dt.date(2024, 1, 5): {"volume": float(first.volume[3]) * 1.004},
        dt.date(2024, 1, 8): {"close": float(first.close[4]) * (1 + 3e-6)},
    }
    found = compare(first, bars(source, end="2024-01-12"), source.declaration.tolerance)
    assert (found.same.tolist(), found.jitter.tolist(), found.changed.tolist()) == ([0, 1, 5, 6, 7], [2, 3], [4])
