"""Why bars are missing, on every store."""

from barledger.barledger import BarLedger
from barledger.domain.interval import parse_time
from barledger.domain.series import Series
from barledger.ledger.contract import QuarantinedBar
from records import WHO, Clock, bars, check, cover, labels, told, write


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
