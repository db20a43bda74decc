"""What is expected and not there, on every store."""

import pytest

from barledger.barledger import BarLedger
from barledger.domain.interval import format_time
from barledger.domain.timeframe import HOUR, TIMEFRAMES
from records import Clock, check, labels, told, write

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
