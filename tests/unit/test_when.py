"""When: cron against a look at every minute, intervals, closes, and what cannot be read."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from barledger.domain.cron import Cron
from barledger.domain.duration import format_duration, parse_duration
from barledger.domain.interval import format_time, parse_time
from barledger.domain.timeframe import MINUTE, SECOND
from barledger.domain.when import when_of
from barledger.errors import InvalidSetting

ZONES = ["UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Tokyo"]


def field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, most).map(lambda by: f"*/{by}")
    stepped = st.tuples(span, st.integers(1, 5)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    part = st.one_of(number.map(str), span, stepped)
    return st.one_of(st.just("*"), step, st.lists(part, min_size=1, max_size=3).map(",".join))


def values(text: str, least: int, most: int) -> set[int]:
    """Read a field as plainly as can be."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("*" if span == "*" else span).partition("-")
        start = least if first == "*" else int(first)
        end = most if first == "*" else int(last) if last else start
        found |= set(range(start, end + 1, int(step or 1)))
    return found


def by_looking(text: str, zone: str, after: int, minutes: int) -> int | None:
    """Look at each minute of UTC: what its clock shows, and what was jumped over just before it."""
    fields = text.split()
    sets = [
        values(one, *bounds) for one, bounds in zip(fields, [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)], strict=True)
    ]
    sets[4] = {day % 7 for day in sets[4]}

    def meant(local: datetime) -> bool:
        if local.minute not in sets[0] or local.hour not in sets[1] or local.month not in sets[3]:
            return False
        in_month, in_week = local.day in sets[2], local.isoweekday() % 7 in sets[4]
        either = not fields[2].startswith("*") and not fields[4].startswith("*")
        return (in_month or in_week) if either else (in_month and in_week)

    moment = datetime.fromtimestamp(after // SECOND, UTC).replace(second=0)
    here = ZoneInfo(zone)
    seen = {(moment - timedelta(minutes=one)).astimezone(here).replace(tzinfo=None) for one in range(180)}
    before = moment.astimezone(here).replace(tzinfo=None)
    for _ in range(minutes):
        moment += timedelta(minutes=1)
        local = moment.astimezone(here).replace(tzinfo=None)
        jumped, at = [], before + timedelta(minutes=1)
        while at < local:
            jumped.append(at)
            at += timedelta(minutes=1)
        # A time that clocks show twice is meant the first time.
        if any(meant(one) for one in jumped) or (meant(local) and local not in seen):
            return int(moment.timestamp()) * SECOND
        seen.add(local)
        before = max(before, local) if local < before else local
    return None


@given(
    fields=st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)),
    zone=st.sampled_from(ZONES),
    at=st.one_of(
        st.integers(0, 4_000_000_000),
        st.sampled_from([1710054000, 1730610000, 1711846800, 1729990800, 1712415600, 1728140400]).flatmap(
            lambda change: st.integers(change - 7200, change + 7200)
        ),
    ),
)
@example(fields=("30", "2", "*", "*", "*"), zone="America/New_York", at=1710050000)
@example(fields=("*/7", "1", "*", "*", "*"), zone="America/New_York", at=1730609000)
def test_cron_is_due_when_a_look_at_every_minute_says_so(fields: tuple[str, ...], zone: str, at: int) -> None:
    text = " ".join(fields)
    try:
        found = Cron.of(text, zone).after(at * SECOND)
    except InvalidSetting:  # it never comes
        found = None
    horizon = 2000
    wanted = by_looking(text, zone, at * SECOND, horizon)
    if wanted is None:
        assert found is None or found > (at // 60 + horizon) * MINUTE
    else:
        assert found == wanted, f"{format_time(found or 0)}, not {format_time(wanted)}"


@pytest.mark.parametrize(
    ("text", "zone", "after", "due"),
    [
        ("0 0 13 * fri", "UTC", "2024-03-02", ["2024-03-08", "2024-03-13", "2024-03-15"]),
        ("0 0 * * 7", "UTC", "2024-03-02", ["2024-03-03", "2024-03-10"]),
        ("0 0 29 feb *", "UTC", "2024-03-01", ["2028-02-29", "2032-02-29"]),
        ("0 12 * jan-mar mon-fri", "UTC", "2024-03-29T13:00", ["2025-01-01T12:00"]),
        ("30 2 * * *", "America/New_York", "2024-03-09T12:00", ["2024-03-10T07:00", "2024-03-11T06:30"]),
        ("30 1 * * *", "America/New_York", "2024-11-03T00:00", ["2024-11-03T05:30", "2024-11-04T06:30"]),
        ("every 90s", "UTC", "1970-01-01T00:01:00", ["1970-01-01T00:01:30", "1970-01-01T00:03:00"]),
        ('after_close("XNYS", "15m")', "UTC", "2024-11-28", ["2024-11-29T18:15", "2024-12-02T21:15"]),
        ('after_close("XTKS")', "UTC", "2024-11-04", ["2024-11-05T06:30", "2024-11-06T06:30"]),
        ("after_close('24/7', 1h)", "UTC", "2024-11-04T00:59", ["2024-11-04T01:00", "2024-11-05T01:00"]),
    ],
)
def test_due_times(text: str, zone: str, after: str, due: list[str]) -> None:
    when, at = when_of(text, zone=zone), parse_time(after)
    for wanted in due:
        found = when.after(at)
        assert found == parse_time(wanted), f"{format_time(found or 0)}"
        at = found


@pytest.mark.parametrize(
    "text",
    ['on move("SPX", "1d", "5%")', 'on move("BTCUSDT", "1h", "0.5%", "binance")', 'on notice("gap*")', "on backtest"],
)
def test_events_have_no_time_and_read_back_as_they_are_written(text: str) -> None:
    when = when_of(text)
    assert when.after(0) is None
    assert str(when) == text
    assert when_of(str(when)) == when


@given(st.integers(1, 999_999), st.sampled_from("smhdw"))
def test_a_duration_reads_back(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}", setting="x")
    assert parse_duration(format_duration(duration), setting="x") == duration


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "0m", "5 m", "5M", "1.5h", "٣m", None, 5])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(InvalidSetting):
        parse_duration(text, setting="x")


@given(st.text(max_size=30))
def test_what_cannot_be_read_is_refused_and_nothing_else(text: str) -> None:
    try:
        when = when_of(text)
    except InvalidSetting:
        return
    assert when_of(str(when)) == when
