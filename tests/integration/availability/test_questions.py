"""Whose bars are looked at, what is assumed, and what cannot be answered."""

from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.instrument import Facts
from barledger.domain.interval import format_time, parse_time
from barledger.errors import (
    AmbiguousSource,
    CalendarNotFound,
    InvalidInterval,
    InvalidName,
    InvalidSetting,
    InvalidTimeframe,
    SeriesNotFound,
)
from records import NOW, WHO, bars, check, cover, labels, told, write

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
