"""The bars of Yahoo, what of them is final, and how far back they go."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from barledger.domain.comparison import compare
from barledger.domain.interval import Interval, parse_time
from barledger.domain.rows import VALUES, Rows
from barledger.domain.timeframe import DAY, MINUTE, Timeframe
from barledger.errors import CapabilityMissing, HighBelowLow, SourceError
from barledger.sources.yahoo import YahooSource
from barledger.sources.yahoo.answer import bars_of
from barledger.sources.yahoo.desk import Answer
from barledger.stores.memory import MemoryStore
from libraries import library
from tickers import bars, chunks
from yahoo import Yahoo, values


def stamps(rows: Rows) -> list[str]:
    return [f"{pd.Timestamp(time):%Y-%m-%d %H:%M}" for time in rows.time.tolist()]


def moment(text: str) -> float:
    return parse_time(text) / 1e9


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
