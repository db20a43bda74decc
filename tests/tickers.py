"""Listings at Yahoo on loopback, and what is asked about them."""

import datetime as dt
from typing import Any

import pandas as pd

from barledger.domain.action import CorporateAction
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, concat
from barledger.domain.timeframe import Timeframe
from barledger.domain.validation import OnInvalid
from barledger.sources.contract import Fetched, FetchRequest
from barledger.sources.yahoo import YahooSource
from yahoo import Listing

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


def told(action: CorporateAction) -> tuple[str, str, float, str]:
    return str(pd.Timestamp(action.ex_date)), action.kind, action.value, action.currency
