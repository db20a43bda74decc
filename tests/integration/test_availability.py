"""Availability: what is there, what is missing and why, on every store."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barledger.barledger import BarLedger
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Facts
from barledger.domain.interval import Instant, Interval, format_time, parse_time
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, HOUR, MINUTE, TIMEFRAMES
from barledger.errors import (
    AmbiguousSource,
    CalendarNotFound,
    InvalidInterval,
    InvalidName,
    InvalidSetting,
    InvalidTimeframe,
    SeriesNotFound,
)
from barledger.ledger.contract import Cover, QuarantinedBar, Who
from barledger.ledger.sql import SqlLedger
from barledger.services.availability import EXCUSED, FETCHABLE, Availability
from barledger.stores.contract import Store
from barledger.stores.memory import MemoryStore
from conftest import INFLUX_SERVERS, influx_server_called
from libraries import library

WHO = Who(actor="tester", operation="ingest")
NOW = "2024-07-01T12:00:00Z"
INFLUX = [pytest.param(name, marks=pytest.mark.influx) for name in INFLUX_SERVERS]


class Clock:
    """A clock that stands until it is set; a ledger never goes back behind what it was given once."""

    def __init__(self, now: str = "2000-01-01") -> None:
        self.time = parse_time(now)

    def __call__(self) -> int:
        return self.time

    def set(self, now: str) -> None:
        self.time = parse_time(now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "embedded", *INFLUX])
def bl(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[BarLedger]:
    """A library whose clock stands in the middle of 2024, in which ``X`` trades as New York does."""
    if request.param in INFLUX_SERVERS:
        server = influx_server_called(request.param, request)
        with server.bucket() as bucket, _opened(server.store(bucket), tmp_path, clock) as opened:
            yield opened
        return
    if request.param == "embedded":
        from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only here

        store: Store = EmbeddedStore(tmp_path / "library")
    else:
        store = MemoryStore()
    with _opened(store, tmp_path, clock) as opened:
        yield opened


def _opened(store: Store, folder: Path, clock: Clock) -> BarLedger:
    bl = library(store, f"sqlite:///{folder / 'ledger.sqlite'}", clock=clock)
    bl.instruments.declare("X", calendar="XNYS")
    clock.set(NOW)
    return bl


def bars(times: Sequence[int]) -> pd.DataFrame:
    """Return bars at these times."""
    index = pd.DatetimeIndex(np.array(times, "datetime64[ns]"), tz="UTC")
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=index)


def labels(start: Instant, end: Instant, *, calendar: str = "XNYS", timeframe: str = "1d") -> list[int]:
    interval = Interval(parse_time(start), parse_time(end))
    return calendar_called(calendar).expected(TIMEFRAMES[timeframe], interval).tolist()


def write(bl: BarLedger, times: Sequence[int], *, timeframe: str = "1d", source: str = "desk", name: str = "X") -> None:
    bl.write(name, timeframe, bars(times), source=source)


def cover(
    bl: BarLedger, start: str, end: str, outcome: str, detail: str = "", source: str = "desk", timeframe: str = "1d"
) -> None:
    """Note what came of a question, as ingestion does."""
    interval = Interval(parse_time(start), parse_time(end))
    series = Series.of("X", timeframe, source)
    bl.vault.ledger.catalog.cover([Cover(series=series, interval=interval, outcome=outcome, detail=detail)], WHO)


def told(answer: Availability) -> list[tuple[str, str, str, int]]:
    """Return the missing stretches as (first date, end, reason, bars)."""
    return [
        (format_time(one.interval.start)[:10], format_time(one.interval.end)[:10], one.reason, one.bars)
        for one in answer.missing
    ]


def check(bl: BarLedger, start: str | None = "2024-01-01", end: str | None = "2024-02-01", **more: Any) -> Availability:
    return bl.availability.check("X", more.pop("timeframe", "1d"), start=start, end=end, **more)


# --- what is there -------------------------------------------------------------------------------


def test_a_whole_record_is_complete_though_the_market_closes(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-02-01"))
    answer = check(bl)
    assert (answer.complete, answer.ratio, answer.expected, answer.found) == (True, 1.0, 21, 21)
    assert answer.missing == ()
    assert [str(one) for one in answer.present] == ["[2024-01-02T00:00:00Z, 2024-02-01T00:00:00Z)"]
    assert (answer.calendar, answer.calendar_origin, answer.assumed) == ("XNYS", "declared", False)
    assert [str(series) for series in answer.series] == ["X 1d from desk"]


def test_the_days_on_which_new_york_was_shut_are_not_missing(bl: BarLedger) -> None:
    write(bl, labels("2001-09-01", "2001-10-01"))
    assert check(bl, "2001-09-01", "2001-10-01").complete
    write(bl, labels("2012-10-01", "2012-11-05"))
    assert check(bl, "2012-10-01", "2012-11-05").complete


def test_a_closed_market_expects_nothing(bl: BarLedger) -> None:
    answer = check(bl, "2024-01-06", "2024-01-08")
    assert (answer.complete, answer.ratio, answer.expected, answer.present, answer.missing) == (True, 1.0, 0, (), ())


def test_holes_are_found_between_bars(bl: BarLedger) -> None:
    days = labels("2024-01-01", "2024-02-01")
    write(bl, [day for day in days if format_time(day)[:10] not in {"2024-01-05", "2024-01-08", "2024-01-24"}])
    answer = check(bl)
    assert told(answer) == [
        # A weekend lies between the two.
        ("2024-01-05", "2024-01-09", "never_requested", 2),
        ("2024-01-24", "2024-01-25", "never_requested", 1),
    ]
    assert (answer.found, answer.expected, answer.complete) == (18, 21, False)
    assert answer.ratio == 18 / 21
    assert answer.largest == answer.missing[0]
    assert [format_time(one.start)[:10] for one in answer.present] == ["2024-01-02", "2024-01-09", "2024-01-25"]


@pytest.mark.parametrize("timeframe", sorted(TIMEFRAMES))
def test_every_timeframe_has_its_bars(bl: BarLedger, timeframe: str) -> None:
    frame = TIMEFRAMES[timeframe]
    start, end = "2024-01-01", "2024-01-05" if frame.duration < HOUR else "2024-05-01"
    listed = labels(start, end, timeframe=timeframe)
    kept = listed[:2] + listed[3:]
    write(bl, kept, timeframe=timeframe)
    answer = check(bl, start, end, timeframe=timeframe)
    assert (answer.found, answer.expected) == (len(kept), len(listed))
    (missing,) = answer.missing
    assert (missing.interval.start, missing.bars) == (listed[2], 1)
    assert missing.interval.end <= listed[3]
    write(bl, listed, timeframe=timeframe)
    assert check(bl, start, end, timeframe=timeframe).complete


def test_short_last_bars_of_half_days_are_expected(bl: BarLedger) -> None:
    # 2023-11-24 ended at 13:00: 3.5 hours.
    whole = labels("2023-11-24", "2023-11-25", timeframe="1h")
    assert len(whole) == 4
    write(bl, whole[:-1], timeframe="1h")
    answer = check(bl, "2023-11-24", "2023-11-25", timeframe="1h")
    assert [str(one.interval) for one in answer.missing] == ["[2023-11-24T17:30:00Z, 2023-11-24T18:00:00Z)"]


# --- what has not happened yet -----------------------------------------------------------------------


def test_the_forming_bar_and_the_future_are_not_expected(bl: BarLedger, clock: Clock) -> None:
    clock.set("2024-01-09")
    write(bl, labels("2024-01-01", "2024-01-09"))
    for now, days in [
        ("2024-01-09T14:00:00Z", 5),
        ("2024-01-09T20:59:59Z", 5),
        ("2024-01-09T21:00:00Z", 6),
        ("2024-01-10T20:59:59Z", 6),
        ("2024-01-13T00:00:00Z", 9),
    ]:
        clock.set(now)
        for end in ("2024-03-01", None):
            answer = check(bl, "2024-01-01", end)
            assert (answer.expected, answer.found) == (days, 5)
            assert answer.complete is (days == 5)
    assert check(bl, "2030-01-01", None).expected == 0


def test_the_forming_minute_is_not_expected_either(bl: BarLedger, clock: Clock) -> None:
    clock.set("2024-01-09T15:00:59Z")
    write(bl, labels("2024-01-09T14:30:00Z", "2024-01-09T15:00:00Z", timeframe="1m"), timeframe="1m")
    assert check(bl, "2024-01-09", None, timeframe="1m").complete
    clock.set("2024-01-09T15:01:00Z")
    answer = check(bl, "2024-01-09", None, timeframe="1m")
    assert (answer.behind, answer.missing[0].bars) == (1, 1)


def test_a_week_is_expected_when_its_last_session_is_over(bl: BarLedger, clock: Clock) -> None:
    # Good Friday: the week ended on Thursday.
    clock.set("2024-03-28T19:59:59Z")
    assert check(bl, "2024-03-25", None, timeframe="1w").expected == 0
    clock.set("2024-03-28T20:00:00Z")
    assert check(bl, "2024-03-25", None, timeframe="1w").expected == 1


# --- why it is missing -------------------------------------------------------------------------------


def test_each_answer_of_a_source_is_a_reason(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-01-08"), source="feed")
    cover(bl, "2024-01-01", "2024-01-10", "fetched", source="feed")
    cover(bl, "2024-01-10", "2024-01-15", "source_empty", source="feed")
    cover(bl, "2024-01-15", "2024-01-20", "unconfirmed", source="feed")
    cover(bl, "2024-01-22", "2024-01-26", "fetch_failed", "source feed does not answer: time-out", source="feed")
    answer = check(bl)
    assert told(answer) == [
        ("2024-01-08", "2024-01-10", "lacking", 2),
        ("2024-01-10", "2024-01-13", "source_empty", 3),
        ("2024-01-16", "2024-01-20", "unconfirmed", 4),
        ("2024-01-22", "2024-01-26", "fetch_failed", 4),
        ("2024-01-26", "2024-02-01", "never_requested", 4),
    ]
    assert answer.missing[3].detail == "source feed does not answer: time-out"
    assert {one.source for one in answer.missing} == {"feed"}
    assert [one.reason for one in answer.fetchable] == ["unconfirmed", "fetch_failed", "never_requested"]
    assert answer.reasons["lacking"] == 2
    assert answer.behind == 4


def test_a_later_answer_takes_the_place_of_an_earlier_one(bl: BarLedger) -> None:
    cover(bl, "2024-01-01", "2024-01-13", "fetch_failed", "time-out")
    cover(bl, "2024-01-03", "2024-01-05", "source_empty")
    assert [(reason, count) for _, _, reason, count in told(check(bl, "2024-01-01", "2024-01-13"))] == [
        ("fetch_failed", 1),
        ("source_empty", 2),
        ("fetch_failed", 6),
    ]


def test_withdrawn_bars_are_said_to_be_withdrawn(bl: BarLedger) -> None:
    days = labels("2023-12-01", "2024-02-01")
    write(bl, days)
    cover(bl, "2023-12-01", "2024-02-01", "fetched")
    bl.withdraw("X", "1d", ["2024-01-05", "2024-01-08"], source="desk", reason="wrong venue")
    assert told(check(bl)) == [("2024-01-05", "2024-01-09", "withdrawn", 2)]
    # A block that has no bar left is known to no count.
    bl.withdraw("X", "1d", [day for day in days if day >= parse_time("2024-01-01")], source="desk", reason="all of it")
    assert told(check(bl, "2023-12-27")) == [("2024-01-02", "2024-02-01", "withdrawn", 21)]
    write(bl, labels("2024-01-01", "2024-01-03"))
    assert told(check(bl, "2023-12-27")) == [("2024-01-03", "2024-02-01", "withdrawn", 20)]


def test_what_retention_deleted_has_expired_until_it_comes_back(bl: BarLedger, clock: Clock) -> None:
    clock.set("2024-02-10")
    write(bl, labels("2024-01-01", "2024-02-01"))
    bl.cache.retain([{"keep_current": "30d"}])
    assert told(check(bl)) == [("2024-01-02", "2024-01-11", "expired", 7)]
    cover(bl, "2024-01-01", "2024-01-05", "fetch_failed", "no route to host")
    assert told(check(bl))[0] == ("2024-01-02", "2024-01-11", "expired", 7)
    write(bl, labels("2024-01-04", "2024-01-09"))
    assert told(check(bl)) == [("2024-01-02", "2024-01-04", "expired", 2), ("2024-01-09", "2024-01-11", "expired", 2)]


def test_bars_that_were_put_aside_are_quarantined(bl: BarLedger) -> None:
    given = bars(labels("2024-01-01", "2024-01-13"))
    given.iloc[2, given.columns.get_loc("high")] = 0.5
    given.iloc[3, given.columns.get_loc("volume")] = -1.0
    bl.write("X", "1d", given, source="desk", on_invalid="quarantine")
    answer = check(bl, "2024-01-01", "2024-01-13")
    assert [(one.reason, one.detail, one.bars) for one in answer.missing] == [
        ("quarantined", "high-below-low", 1),
        ("quarantined", "negative-volume", 1),
    ]


def test_a_halt_excuses_the_bars_that_lie_wholly_in_it(bl: BarLedger) -> None:
    days = labels("2024-01-01", "2024-01-20")
    write(bl, [*days[:3], *days[6:]])
    # By the hours of trading, from the opening on the fifth to the close on the ninth.
    bl.instruments.halt("X", "2024-01-05T14:30:00Z", "2024-01-09T21:00:00Z", reason="news pending")
    answer = check(bl, "2024-01-01", "2024-01-20")
    assert told(answer) == [("2024-01-05", "2024-01-10", "halted", 3)]
    assert (answer.missing[0].detail, answer.missing[0].excused) == ("news pending", True)
    assert (answer.expected, answer.found, answer.complete, answer.ratio) == (10, 10, True, 1.0)
    bl.instruments.resume("X", "2024-01-05T14:30:00Z")
    bl.instruments.halt("X", "2024-01-05T15:00:00Z", "2024-01-09T21:00:00Z", reason="later")
    answer = check(bl, "2024-01-01", "2024-01-20")
    assert told(answer) == [
        ("2024-01-05", "2024-01-06", "never_requested", 1),
        ("2024-01-08", "2024-01-10", "halted", 2),
    ]
    assert not answer.complete


def test_a_bar_in_a_halt_is_there_all_the_same(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-01-20"))
    bl.instruments.halt("X", "2024-01-05", None, reason="until further notice")
    assert (check(bl, "2024-01-01", "2024-01-20").found, check(bl).missing[0].reason) == (13, "halted")


def test_before_the_listing_and_after_the_delisting_nothing_is_expected(bl: BarLedger) -> None:
    bl.instruments.declare("X", first_trade="2024-01-10T14:30:00Z", last_trade="2024-01-24T21:00:00Z")
    cover(bl, "2024-01-01", "2024-02-01", "source_empty")
    write(bl, labels("2024-01-10", "2024-01-25"))
    answer = check(bl)
    assert told(answer) == [
        ("2024-01-02", "2024-01-10", "not_listed", 6),
        ("2024-01-25", "2024-02-01", "not_listed", 5),
    ]
    assert (answer.complete, answer.expected) == (True, 10)
    # Without a start the record begins with the listing, though that is in the middle of a day's session.
    bl.instruments.declare("X", first_trade="2024-01-10T15:00:00Z")
    assert format_time(check(bl, None).interval.start) == "2024-01-10T00:00:00Z"
    assert told(check(bl, None)) == [("2024-01-25", "2024-02-01", "not_listed", 5)]


def tell(bl: BarLedger, source: str, *, first: str | None = None, last: str | None = None) -> None:
    """Note what a source says of the listing, as ingestion does."""
    first_trade, last_trade = (None if at is None else parse_time(at) for at in (first, last))
    facts = Facts(pattern="X", origin=source, calendar="XNYS", first_trade=first_trade, last_trade=last_trade)
    bl.vault.ledger.instruments.tell([facts], WHO)


def test_a_sources_listing_says_nothing_of_another_sources_series(bl: BarLedger) -> None:
    days = labels("2024-01-03", "2024-02-01")
    write(bl, [*days[:3], *days[5:]])
    tell(bl, "feed", first="2024-01-20", last="2024-01-25")
    answer = check(bl, source="desk")
    assert (answer.found, answer.expected) == (18, 21)
    assert told(answer) == [
        ("2024-01-02", "2024-01-03", "never_requested", 1),
        ("2024-01-08", "2024-01-10", "never_requested", 2),
    ]
    whole = check(bl, None, "2024-02-01", source="desk")
    assert (format_time(whole.interval.start)[:10], whole.found) == ("2024-01-03", 18)
    assert check(bl, source="feed").reasons == {"not_listed": 18, "never_requested": 3}
    assert bl.availability.gaps(end="2024-02-01").rows == (whole,)


def test_a_sources_listing_says_nothing_where_nobody_was_asked(bl: BarLedger) -> None:
    tell(bl, "feed", first="2024-01-20")
    assert check(bl).reasons == {"never_requested": 21}
    with pytest.raises(SeriesNotFound):
        check(bl, None)
    bl.instruments.declare("X", first_trade="2024-01-30")
    assert told(check(bl, None, "2024-02-01")) == [("2024-01-30", "2024-02-01", "never_requested", 2)]


def test_a_sources_listing_counts_for_its_own_series_though_another_speaks_louder(bl: BarLedger) -> None:
    write(bl, labels("2024-01-10", "2024-01-25"), source="quotes")
    bl.vault.ledger.instruments.tell([Facts(pattern="X*", origin="quotes", first_trade=parse_time("2024-01-10"))], WHO)
    tell(bl, "feed", first="2024-01-03")
    tell(bl, "another", first="2024-01-16", last="2024-01-20")
    assert told(check(bl, source="quotes")) == [
        ("2024-01-02", "2024-01-10", "not_listed", 6),
        ("2024-01-25", "2024-02-01", "never_requested", 5),
    ]
    assert format_time(check(bl, None, source="quotes").interval.start)[:10] == "2024-01-10"
    # What a person declares wins over it.
    bl.instruments.declare("X", first_trade="2024-01-05")
    assert told(check(bl, source="quotes"))[:2] == [
        ("2024-01-02", "2024-01-05", "not_listed", 3),
        ("2024-01-05", "2024-01-10", "never_requested", 3),
    ]


@pytest.mark.parametrize("origin", ["declared", "desk"])
def test_between_bars_that_are_there_an_instrument_was_listed(bl: BarLedger, origin: str) -> None:
    tell(bl, origin, first="2024-01-20", last="2024-01-24")
    days = labels("2024-01-01", "2024-02-01")
    # Bars lie before the listing and behind it, and each has a hole.
    write(bl, [*days[2:4], *days[6:18], days[19]])
    assert told(check(bl)) == [
        ("2024-01-02", "2024-01-04", "not_listed", 2),
        ("2024-01-08", "2024-01-10", "never_requested", 2),
        ("2024-01-29", "2024-01-30", "never_requested", 1),
        ("2024-01-31", "2024-02-01", "not_listed", 1),
    ]
    # The bars around a hole need not be among those that were asked for.
    assert told(check(bl, "2024-01-08", "2024-01-10")) == [("2024-01-08", "2024-01-10", "never_requested", 2)]
    assert told(check(bl, "2024-01-29", "2024-01-30")) == [("2024-01-29", "2024-01-30", "never_requested", 1)]
    # The record begins with the first bar, since that is before the listing.
    assert format_time(check(bl, None).interval.start)[:10] == "2024-01-04"
    write(bl, labels("2022-12-01", "2022-12-08"))
    assert told(check(bl, "2023-01-01", "2023-02-01")) == [("2023-01-03", "2023-02-01", "never_requested", 20)]


def test_what_was_withdrawn_does_not_stretch_a_listing(bl: BarLedger) -> None:
    days = labels("2024-01-01", "2024-02-01")
    write(bl, days)
    bl.withdraw("X", "1d", days[:6], source="desk", reason="of another company")
    bl.instruments.declare("X", first_trade="2024-01-10")
    assert told(check(bl)) == [("2024-01-02", "2024-01-10", "not_listed", 6)]
    assert format_time(check(bl, None).interval.start)[:10] == "2024-01-10"


def test_sources_that_fill_each_other_have_a_listing_each(bl: BarLedger) -> None:
    days = labels("2024-01-01", "2024-02-01")
    write(bl, [*days[2:4], *days[6:12]], source="one")
    write(bl, days[12:], source="two")
    bl.cache.prioritise("X", ["two", "one"], mode="fill")
    for source in ("one", "two"):
        cover(bl, "2024-01-01", "2024-02-01", "fetched", source=source)
    tell(bl, "two", first="2024-01-19")
    assert [(one.reason, one.source, one.bars) for one in check(bl).missing] == [
        ("not_listed", "two", 2),
        ("lacking", "two", 2),
    ]
    cover(bl, "2024-01-01", "2024-01-03", "unconfirmed", source="one")
    assert check(bl).missing[0].reason == "unconfirmed"
    assert format_time(check(bl, None).interval.start)[:10] == "2024-01-01"


def test_what_is_further_down_the_list_of_reasons_counts(bl: BarLedger) -> None:
    days = labels("2024-01-01", "2024-02-01")
    write(bl, days)
    bl.withdraw("X", "1d", days, source="desk", reason="all")
    series = Series.of("X", "1d", "desk")
    aside = [QuarantinedBar(series=series, time=day, code="off-grid", values={}, actor="me") for day in days]
    bl.vault.ledger.quarantine.add(aside, WHO)
    cover(bl, "2024-01-01", "2024-02-01", "fetch_failed", "x")
    bl.instruments.halt("X", "2024-01-03", "2024-01-05", reason="news")
    bl.instruments.halt("X", "2024-01-31", "2024-02-03", reason="bankruptcy")
    bl.instruments.declare("X", last_trade="2024-01-30")
    assert [(reason, count) for _, _, reason, count in told(check(bl))] == [
        ("withdrawn", 1),
        ("halted", 2),
        ("withdrawn", 16),
        ("not_listed", 2),
    ]


# --- whose bars --------------------------------------------------------------------------------------


def test_an_instrument_that_nobody_knows_was_never_requested(bl: BarLedger) -> None:
    answer = check(bl)
    assert (answer.complete, answer.found, answer.expected, answer.series) == (False, 0, 21, ())
    assert [(one.reason, one.source, one.bars) for one in answer.missing] == [("never_requested", "", 21)]
    assert [str(one) for one in check(bl, source="feed").series] == ["X 1d from feed"]
    with pytest.raises(SeriesNotFound, match="no bars of X 1d"):
        check(bl, None)


def test_a_source_that_only_failed_is_remembered(bl: BarLedger) -> None:
    cover(bl, "2024-01-01", "2024-02-01", "fetch_failed", "rate limited", source="feed")
    answer = check(bl, None)
    assert [(one.reason, one.source, one.detail) for one in answer.missing] == [
        ("fetch_failed", "feed", "rate limited")
    ]


def test_sources_are_chosen_as_reading_chooses_them(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-01-16"), source="one")
    write(bl, labels("2024-01-10", "2024-02-01"), source="two")
    with pytest.raises(AmbiguousSource):
        check(bl)
    assert check(bl, source="one").found == 9
    bl.cache.prioritise("X", ["two", "one"])
    assert [series.source for series in check(bl).series] == ["two"]
    assert check(bl).found == 15
    bl.cache.prioritise("X", ["two", "one"], mode="fill")
    answer = check(bl)
    assert ([series.source for series in answer.series], answer.found, answer.complete) == (["two", "one"], 21, True)
    # They fill each other within a block as well, and only what both lack is missing.
    write(bl, labels("2023-12-01", "2023-12-15"), source="one")
    write(bl, labels("2023-12-18", "2024-01-01"), source="two")
    answer = check(bl, "2023-12-01")
    assert told(answer) == [("2023-12-15", "2023-12-16", "never_requested", 1)]
    assert len(answer.present) == 2


def test_of_several_sources_reasons_the_one_that_can_be_helped_is_given(bl: BarLedger) -> None:
    for source in ("one", "two"):
        write(bl, labels("2024-01-01", "2024-01-03"), source=source)
    bl.cache.prioritise("X", ["one", "two"], mode="fill")
    cover(bl, "2024-01-01", "2024-02-01", "source_empty", source="one")
    assert [(one.reason, one.source) for one in check(bl).missing] == [("never_requested", "two")]
    cover(bl, "2024-01-01", "2024-02-01", "fetched", source="two")
    assert [(one.reason, one.source) for one in check(bl).missing] == [("source_empty", "one")]
    cover(bl, "2024-01-20", "2024-02-01", "fetch_failed", "x", source="two")
    assert [(one.reason, one.source) for one in check(bl).missing] == [("source_empty", "one"), ("fetch_failed", "two")]


def test_many_are_checked_as_each(bl: BarLedger) -> None:
    bl.instruments.declare("XN*", calendar="XNYS")
    names = [f"XN{number}" for number in range(12)]
    days = labels("2023-11-01", "2024-02-01")
    for at, name in enumerate(names):
        write(bl, days[at:-3] if at % 3 else days, name=name)
    asked: dict[str, Any] = {"start": "2023-12-01", "end": "2024-02-01"}
    together = bl.availability.check_many([*names, "NEW"], "1d", **asked)
    assert together == [bl.availability.check(name, "1d", **asked) for name in [*names, "NEW"]]
    assert {one.complete for one in together} == {True, False}
    assert bl.availability.check_many([], "1d") == []


# --- what nobody told ----------------------------------------------------------------------------------


def test_a_calendar_that_nobody_named_is_said_to_be_assumed(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-02-01"), name="Y")
    answer = bl.availability.check("Y", "1d", start="2024-01-01", end="2024-02-01")
    assert (answer.calendar, answer.calendar_origin, answer.assumed) == ("24/7", "default", True)
    assert (answer.found, answer.expected) == (21, 31)
    bl.instruments.declare("Y", calendar="NYSE")
    assert bl.availability.check("Y", "1d", start="2024-01-01", end="2024-02-01").complete
    bl.vault.ledger.instruments.tell([Facts(pattern="Y2", origin="feed", calendar="XLON")], WHO)
    assert bl.availability.check("Y2", "1d", start="2024-01-01", end="2024-02-01").calendar_origin == "feed"


def test_a_calendar_that_cannot_be_had_is_an_error(bl: BarLedger) -> None:
    bl.vault.ledger.instruments.tell([Facts(pattern="Z", origin="feed", calendar="XNOWHERE")], WHO)
    with pytest.raises(CalendarNotFound, match="XNOWHERE"):
        bl.availability.check("Z", "1d", start="2024-01-01")
    bl.instruments.declare("T", calendar="XTKS")
    with pytest.raises(CalendarNotFound, match="it reaches over"):
        bl.availability.check("T", "1d", start="1990-01-01", end="1991-01-01")


# --- fields, and exact answers -----------------------------------------------------------------------


def test_a_field_that_stored_bars_lack_is_told(bl: BarLedger) -> None:
    given = bars(labels("2024-01-01", "2024-02-01"))
    given.iloc[3:5, given.columns.get_loc("volume")] = np.nan
    bl.write("X", "1d", given, source="desk")
    assert check(bl).complete
    answer = check(bl, required_fields=("close", "volume", "adjustment_factor", "source_id"))
    assert answer.fields == {"close": 0, "volume": 2, "adjustment_factor": 21, "source_id": 21}
    assert (answer.complete, answer.ratio, answer.missing) == (False, 1.0, ())
    assert check(bl, required_fields=["close"]).complete
    assert check(bl, "2024-01-15", required_fields="volume").complete
    assert check(bl, "2023-01-01", "2023-02-01", required_fields=["close"]).fields == {"close": 0}
    with pytest.raises(InvalidSetting, match="no field 'vwap'"):
        check(bl, required_fields=["vwap", "close"])


def test_an_exact_answer_is_not_taken_in_by_a_bar_of_a_saturday(bl: BarLedger) -> None:
    days = labels("2024-01-01", NOW[:10])
    write(bl, [*days[:10], *days[11:]])
    write(bl, [parse_time("2024-01-20")])
    missing = check(bl, "2024-01-01", None, exact=True).missing
    assert [(one.interval.start, one.bars) for one in missing] == [(days[10], 1)]


# --- bounds and bad input ------------------------------------------------------------------------------


def test_without_a_start_the_record_begins_with_its_first_bar(bl: BarLedger) -> None:
    write(bl, labels("2024-01-10", "2024-02-01"))
    assert format_time(check(bl, None).interval.start) == "2024-01-10T00:00:00Z"
    assert check(bl, None).complete
    cover(bl, "2024-01-03", "2024-02-01", "fetched")
    assert told(check(bl, None)) == [("2024-01-03", "2024-01-10", "lacking", 5)]


def test_the_beginning_is_found_after_many_revisions_too(bl: BarLedger) -> None:
    for day in labels("2023-12-01", "2024-04-01"):
        write(bl, [day])
    assert format_time(check(bl, None).interval.start) == "2023-12-01T00:00:00Z"
    assert check(bl, None, "2024-04-01").complete


def test_without_an_end_the_record_goes_on_until_now(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-06-20"))
    answer = check(bl, end=None)
    assert told(answer) == [("2024-06-20", "2024-06-29", "never_requested", 7)]
    assert answer.behind == 7
    assert format_time(answer.interval.end) == NOW


def test_the_whole_of_time_may_be_asked_for(bl: BarLedger) -> None:
    bl.write("ALWAYS", "1m", bars([parse_time("2024-01-01")]), source="desk")
    answer = bl.availability.check("ALWAYS", "1m", start="1678-01-01", end="9999-01-01", source="desk")
    assert (answer.found, len(answer.missing)) == (1, 2)
    assert answer.expected > 10**8


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"start": "2024-02-01", "end": "2024-01-01"}, InvalidInterval),
        ({"start": "soon"}, InvalidInterval),
        ({"timeframe": "7m"}, InvalidTimeframe),
        ({"source": "a\nb"}, InvalidName),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(bl: BarLedger, more: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        check(bl, **more)


def test_a_lookback_is_counted_in_the_markets_bars(bl: BarLedger) -> None:
    required = bl.availability.required_interval("X", "1d", "2024-01-08", "2024-02-01", lookback=5)
    assert str(required) == "[2023-12-29T00:00:00Z, 2024-02-01T00:00:00Z)"
    same = bl.availability.required_interval("X", "1d", "2024-01-08", "2024-02-01", lookback=0)
    assert str(same) == "[2024-01-08T00:00:00Z, 2024-02-01T00:00:00Z)"
    always = bl.availability.required_interval("BTC/USDT", "1h", "2024-01-08", "2024-02-01", lookback=30)
    assert str(always.plain) == "[2024-01-06T18:00:00Z, 2024-02-01T00:00:00Z)"
    minutes = bl.availability.required_interval("X", "1m", "2024-01-08", "2024-02-01", lookback=391)
    assert format_time(minutes.start) == "2024-01-04T20:59:00Z"
    with pytest.raises(InvalidSetting):
        bl.availability.required_interval("X", "1d", "2024-01-08", "2024-02-01", lookback=-1)


# --- whole libraries -----------------------------------------------------------------------------------


def test_the_gaps_of_a_library_begin_with_the_worst(bl: BarLedger, clock: Clock) -> None:
    clock.set("2024-02-01")
    bl.instruments.declare("X*", calendar="XNYS")
    days = labels("2024-01-01", "2024-02-01")
    write(bl, days, name="XWHOLE")
    write(bl, [*days[:5], *days[7:]], name="XHOLE")
    write(bl, days[:-8], name="XLATE")
    write(bl, labels("2024-01-02", "2024-01-03", timeframe="1h"), timeframe="1h", name="XHOURS")
    cover(bl, "2024-01-01", "2024-02-01", "fetch_failed", "no such host", source="feed")
    bl.vault.ledger.instruments.tell([Facts(pattern="Z", origin="feed", calendar="XNOWHERE")], WHO)
    write(bl, days, name="Z")
    gaps = bl.availability.gaps()
    assert [(one.instrument, one.timeframe.name) for one in gaps] == [
        ("X", "1d"),
        ("XHOLE", "1d"),
        ("XHOURS", "1h"),
        ("XLATE", "1d"),
    ]
    assert [one.inner for one in gaps][1:] == [2, 0, 0]
    assert (len(gaps), gaps.checked) == (4, 6)
    assert [(one.instrument, "XNOWHERE" in one.reason) for one in gaps.undecided] == [("Z", True)]
    table = gaps.df
    assert table["behind"].tolist() == [0, 0, 140, 8]
    assert table.loc[1, ["source", "expected", "found", "never_requested", "fetch_failed"]].tolist() == [
        "desk",
        21,
        19,
        2,
        0,
    ]
    assert [one.instrument for one in bl.availability.gaps(instrument="XH*")] == ["XHOLE", "XHOURS"]
    assert [one.instrument for one in bl.availability.gaps(timeframe="1d", source="desk")] == ["XHOLE", "XLATE"]
    assert [one.found for one in bl.availability.gaps(instrument="XHOLE", end="2024-01-10")] == [5]


def test_where_nobody_chooses_each_source_has_its_gaps(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-01-16"), source="one")
    write(bl, labels("2024-01-10", "2024-02-01"), source="two")
    asked: dict[str, Any] = {"start": "2024-01-01", "end": "2024-02-01"}
    assert sorted(str(one.series[0]) for one in bl.availability.gaps(**asked)) == ["X 1d from one", "X 1d from two"]
    bl.cache.prioritise("X", ["two", "one"], mode="fill")
    assert len(bl.availability.gaps(**asked)) == 0


def test_an_empty_library_has_no_gaps(bl: BarLedger) -> None:
    gaps = bl.availability.gaps()
    assert (len(gaps), gaps.checked, gaps.undecided) == (0, 0, ())
    assert gaps.df.empty


# --- how little is read --------------------------------------------------------------------------------


class Counting(MemoryStore):
    """A store in memory that notes what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Interval] = []

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        self.asked += intervals
        return super().read(series, layer, intervals)


def test_only_blocks_that_lack_bars_are_read(clock: Clock, tmp_path: Path) -> None:
    store = Counting()
    bl = _opened(store, tmp_path, clock)
    days = labels("2015-03-04", NOW[:10])
    write(bl, [day for day in days if format_time(day)[:10] != "2019-06-03"])
    minutes = labels("2024-01-01", "2024-02-01", timeframe="1m")
    write(bl, minutes, timeframe="1m")
    store.asked.clear()
    # The first and the last year are not whole, and the ledger knows where the bars begin and end.
    assert check(bl, "2020-01-01", None).complete
    assert check(bl, "2015-01-01", "2019-01-01").missing[0].bars == 41
    assert check(bl, None, None, timeframe="1m").found == len(minutes)
    assert check(bl, "2024-01-05T15:00:00Z", "2024-01-05T16:00:00Z", timeframe="1m").found == 60
    assert store.asked == []
    assert not check(bl, "2015-01-01", None).complete
    assert {format_time(asked.start)[:4] for asked in store.asked} == {"2019"}
    # Nor is the first year read to see that a listing is as the bars have it.
    bl.instruments.declare("X", first_trade="2015-03-04T14:30:00Z")
    store.asked.clear()
    assert check(bl, "2015-01-01", "2019-01-01").reasons == {"not_listed": 41}
    assert format_time(check(bl, None, "2019-01-01").interval.start)[:10] == "2015-03-04"
    assert store.asked == []


# --- against a reference that looks at one bar after the other -------------------------------------------

CASES = [("XNYS", "1d", "2023-12-11", "2024-01-20"), ("24/7", "1h", "2023-12-30", "2024-01-02")]
CASES += [("XNYS", "30m", "2024-01-03", "2024-01-09"), ("24/7", "1d", "2023-12-20", "2024-01-15")]
SPAN = 40
places = st.tuples(st.integers(0, SPAN), st.integers(0, 20))
OUTCOMES = ("fetched", "source_empty", "fetch_failed", "unconfirmed")
steps = st.lists(
    st.tuples(st.sampled_from(["write", "write", "withdraw", "put_aside", "halt", *OUTCOMES]), places), max_size=8
)


class Model:
    """A library, and beside it the reason of each bar, kept one by one."""

    def __init__(self, case: tuple[str, str, str, str], ledger: str) -> None:
        calendar, timeframe, start, end = case
        self.market, self.frame, self.clock = calendar_called(calendar), TIMEFRAMES[timeframe], Clock()
        self.every = labels(start, end, calendar=calendar, timeframe=timeframe)
        self.closes = self.market.closes(self.frame, np.array(self.every)).tolist()
        self.bl = library(MemoryStore(), ledger, clock=self.clock)
        self.bl.instruments.declare("X", calendar=calendar)
        self.series = Series.of("X", timeframe, "desk")
        self.there: set[int] = set()
        self.answers: dict[int, str] = {}
        self.expired: set[int] = set()
        self.put_aside: set[int] = set()
        self.withdrawn: set[int] = set()
        self.halted: set[int] = set()
        self.unlisted: set[int] = set()

    def take(self, step: str, place: int, length: int) -> None:
        some = self.every[place : place + length + 1] or self.every[-1:]
        if step == "write":
            write(self.bl, some, timeframe=self.frame.name)
            self.there |= set(some)
            self.withdrawn -= set(some)
        elif step == "withdraw":
            gone = set(some) & self.there
            self.bl.withdraw("X", self.frame.name, sorted(gone), source="desk", reason="a test")
            self.there -= gone
            self.withdrawn |= gone
        elif step == "put_aside":
            bar = QuarantinedBar(series=self.series, time=some[0], code="empty-bar", values={}, actor="me")
            self.bl.vault.ledger.quarantine.add([bar], WHO)
            self.put_aside.add(some[0])
        else:
            self.ask(step, Interval(some[0], self.closes[self.every.index(some[-1])]))

    def ask(self, step: str, stretch: Interval) -> None:
        if step != "halt":
            cover = Cover(series=self.series, interval=stretch, outcome=step)
            self.bl.vault.ledger.catalog.cover([cover], WHO)
            reason = "lacking" if step == "fetched" else step
            self.answers |= {at: reason for at in self.every if at in stretch}
            return
        self.bl.instruments.halt("X", stretch.start, stretch.end, reason="news")
        spans = ((at, self.opening(at), close) for at, close in zip(self.every, self.closes, strict=True))
        self.halted |= {at for at, opens, close in spans if opens >= stretch.start and close <= stretch.end}

    def opening(self, label: int) -> int:
        if self.frame.duration < DAY:
            return label
        minutes = Interval(label, label + DAY)
        return int(self.market.expected(TIMEFRAMES["1m"], minutes)[0])

    def retain(self, at: int) -> None:
        """Delete what is older than a bar, if there is something."""
        old = {label for label in self.every if label < self.every[at]}
        if old & (self.there | self.withdrawn):
            self.clock.time = self.every[at] + 365 * DAY
            self.bl.cache.retain([{"keep_current": "365d"}])
            self.there -= old
            self.withdrawn -= old
            self.expired |= old

    def list(self, who: str, listed: int, delisted: int) -> None:
        """Have somebody say from when on and until when there was trading; no bar that is there lies outside."""
        first, last = self.every[listed], self.every[delisted]
        self.bl.vault.ledger.instruments.tell(
            [
                Facts(pattern="X", origin="feed", first_trade=self.every[3], last_trade=self.every[-3]),
                Facts(pattern="X*", origin=who, first_trade=first, last_trade=last),
            ],
            WHO,
        )
        if who in {"declared", "desk"}:
            begin, end = min([first, *self.there]), max([last, *(at + 1 for at in self.there)])
            self.unlisted = {at for at in self.every if not begin <= at < end}

    def why(self, label: int) -> str:
        layers = {
            "present": self.there,
            "not_listed": self.unlisted,
            "halted": self.halted,
            "withdrawn": self.withdrawn,
            "quarantined": self.put_aside,
            "expired": self.expired,
        }
        found = (reason for reason, marked in layers.items() if label in marked)
        return next(found, self.answers.get(label, "never_requested"))

    def wanted(self, asked: Interval) -> dict[int, str]:
        closed = (at for at, close in zip(self.every, self.closes, strict=True) if close <= self.clock.time)
        return {at: self.why(at) for at in closed if at in asked}

    def moment(self, at: int, off: int) -> int:
        """Return a time at a bar, or a little before or after it."""
        return self.every[min(at, len(self.every) - 1)] + off


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without anything in it: copying it is quicker than making one."""
    path = tmp_path_factory.mktemp("empty") / "ledger.sqlite"
    SqlLedger.open(f"sqlite:///{path}").close()
    return path


moments = st.tuples(st.integers(0, SPAN + 60), st.sampled_from([-DAY, -MINUTE, 0, 1, MINUTE, HOUR]))


@pytest.mark.slow
@given(
    st.sampled_from(CASES),
    steps,
    st.tuples(moments, moments, moments),
    st.integers(-SPAN, SPAN),
    st.one_of(st.none(), st.tuples(st.sampled_from(["declared", "desk", "feed"]), *[st.integers(0, SPAN)] * 2)),
)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_a_look_at_one_bar_after_the_other_finds(
    empty_ledger: Path,
    tmp_path: Path,
    case: tuple[str, str, str, str],
    taken: list[tuple[str, tuple[int, int]]],
    bounds: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    kept: int,
    listing: tuple[str, int, int] | None,
) -> None:
    url = f"sqlite:///{shutil.copy(empty_ledger, tmp_path / 'ledger.sqlite')}"
    model = Model(case, url)
    try:
        for step, place in taken:
            model.take(step, *place)
        if kept > 0:
            model.retain(min(kept, len(model.every) - 1))
        if listing is not None:
            who, *dates = listing
            model.list(who, *sorted(min(date, len(model.every) - 1) for date in dates))
        one, other, now = (model.moment(*bound) for bound in bounds)
        model.clock.time = max(model.clock.time, now)
        known = Interval(model.every[0], model.every[-1] + 1)
        same_as(model, Interval(*sorted(min(max(at, known.start), known.end) for at in (one, other))))
    finally:
        model.bl.close()


def same_as(model: Model, asked: Interval) -> None:
    """Compare both answers, counted and exact, with the model's."""
    wanted = model.wanted(asked)
    more: dict[str, Any] = {"start": asked.start, "end": asked.end, "source": "desk"}
    answer = model.bl.availability.check("X", model.frame.name, **more)
    found = dict.fromkeys(_inside(wanted, answer.present), "present")
    for one in answer.missing:
        bars_of_it = _inside(wanted, [one.interval])
        assert len(bars_of_it) == one.bars
        assert (one.excused, one.fetchable) == (one.reason in EXCUSED, one.reason in FETCHABLE)
        found |= dict.fromkeys(bars_of_it, one.reason)
    assert found == wanted
    assert answer.found == sum(reason == "present" for reason in wanted.values())
    assert answer.expected == sum(reason not in EXCUSED for reason in wanted.values())
    assert answer.complete is (answer.found == answer.expected)
    assert model.bl.availability.check("X", model.frame.name, exact=True, **more) == answer
    segments = sorted([*answer.present, *(one.interval for one in answer.missing)])
    assert all(one.end <= other.start for one, other in pairwise(segments))


def _inside(times: Iterable[int], intervals: Sequence[Interval]) -> list[int]:
    return [at for at in times if any(at in interval for interval in intervals)]
