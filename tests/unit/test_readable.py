"""What people see of records that hold times in ns."""

import dataclasses
import importlib
import pkgutil
import re

import pytest

import barledger
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import BEGINNING, Interval, everything
from barledger.domain.readable import is_time, readable_time
from barledger.domain.series import Series
from barledger.services.availability import Missing
from barledger.services.cache.commit import Written
from barledger.services.ingestion.report import InstrumentReport, summed

DAY = 86_400_000_000_000
SERIES = Series.of("AAPL", "1d", "x")
NANOSECONDS = re.compile(r"\d{14,}")

# What a program hands on without showing it, and what says its times in a repr of its own.
_INNER = {"Interval", "Parcel", "Received", "Record", "RequiredInterval", "Span"}


def test_an_interval_shows_both_ends_as_rfc_3339() -> None:
    interval = Interval(0, DAY)
    assert repr(interval) == str(interval) == "[1970-01-01T00:00:00Z, 1970-01-02T00:00:00Z)"
    assert repr(everything()) == "[the beginning, the end of time)"
    assert repr(Interval(BEGINNING, DAY)) == "[the beginning, 1970-01-02T00:00:00Z)"


def test_a_record_shows_its_times_and_leaves_out_what_is_empty() -> None:
    found = Discrepancy(
        id="d1", series=SERIES, interval=Interval(0, DAY), kind="correction", bars=1, revision=3, reason="", made_at=DAY
    )
    assert repr(found) == (
        "Discrepancy(id='d1', series=<AAPL 1d from x>, interval=[1970-01-01T00:00:00Z, 1970-01-02T00:00:00Z), "
        "kind='correction', reason='', confidence=1.0, bars=1, revision=3, state='open', "
        "made_at=1970-01-02T00:00:00Z)"
    )


def test_a_time_of_zero_is_a_time_and_a_stamp_of_zero_is_none() -> None:
    assert readable_time("time", 0) == "1970-01-01T00:00:00Z"
    assert readable_time("decided_at", 0) is None


def test_missing_stretches_and_what_was_written_are_said_in_words() -> None:
    missing = Missing(interval=Interval(0, DAY), reason="never_requested", bars=1)
    assert repr(missing) == (
        "Missing(interval=[1970-01-01T00:00:00Z, 1970-01-02T00:00:00Z), reason='never_requested', bars=1)"
    )
    assert str(missing) == "1 bars in [1970-01-01T00:00:00Z, 1970-01-02T00:00:00Z), never_requested"
    written = Written(series=(SERIES,), revision=7, new=2, fields={})
    assert repr(written) == "Written(series=(<AAPL 1d from x>,), revision=7, new=2, fields={})"
    assert str(written) == "2 new, 0 changed, 0 the same, 0 jitter, 0 quarantined; revision 7"


def test_a_report_of_an_ingestion_prints_a_line_for_each_series() -> None:
    written = Written(series=(SERIES,), revision=7, new=2, fields={})
    one = InstrumentReport(series=SERIES, state="not_done", written=written, asked=(Interval(0, DAY),))
    report = summed([one], seconds=0.0)
    assert str(report).splitlines() == [
        "2 new, 0 changed, 0 the same, 0 jitter, 0 quarantined; revision 7",
        (
            "  AAPL 1d from x: not done, 2 new, 0 changed, 0 the same, 0 jitter, 0 quarantined; "
            "asked for [1970-01-01T00:00:00Z, 1970-01-02T00:00:00Z)"
        ),
    ]
    assert not NANOSECONDS.search(repr(report))


def _dataclasses() -> list[type]:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(barledger.__path__, "barledger.")
        # Detection computes with rows by their numbers; what it answers is a `Finding`.
        if not any(room in found.name for room in (".testing", ".migrations", ".detection"))
    ]
    return [
        one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and dataclasses.is_dataclass(one) and one.__module__ == module.__name__
    ]


@pytest.mark.parametrize("one", _dataclasses(), ids=lambda one: one.__name__)
def test_every_record_with_a_time_is_readable(one: type) -> None:
    times = [field.name for field in dataclasses.fields(one) if is_time(field.name) and field.type in (int, int | None)]  # type: ignore[arg-type]
    if one.__name__ not in _INNER:
        assert not times or not hasattr(one.__repr__, "__wrapped__"), f"{one.__name__} shows {times} as ns"
