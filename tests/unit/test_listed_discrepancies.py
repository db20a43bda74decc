"""The table of discrepancies has room for what tells them apart; `show` has the rest."""

from barledger.cli.discrepancies import _days, _short
from barledger.domain.interval import Interval
from barledger.domain.timeframe import DAY, HOUR


def test_a_long_reason_is_cut_between_words() -> None:
    long = "200 bars before 2026-07-07T00:00:00Z are times 0.5, and volume is times 2, as after a split"
    assert _short(long) == "200 bars before 2026-07-07 are times…"
    assert _short("21 bars have another volume") == "21 bars have another volume"


def test_an_interval_of_days_is_shown_by_its_dates() -> None:
    assert _days(Interval(0, 5 * DAY)) == "[1970-01-01, 1970-01-06)"
    assert _days(Interval(HOUR, DAY)) == str(Interval(HOUR, DAY))
