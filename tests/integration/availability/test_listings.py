"""When an instrument was listed, and what that excuses."""

import pytest

from barledger.barledger import BarLedger
from barledger.domain.instrument import Facts
from barledger.domain.interval import format_time, parse_time
from barledger.errors import SeriesNotFound
from records import WHO, check, cover, labels, told, write


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
