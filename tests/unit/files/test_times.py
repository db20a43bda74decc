"""Times in files."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from barledger.errors import NaiveTimes, OffGrid, SourceError, WrongType
from files import Write, line, read, stamps, table, text


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("2020-01-02T14:30:00Z", {}),
        ("2020-01-02 14:30:00+00:00", {}),
        ("2020-01-02 09:30:00-05:00", {}),
        ("2020-01-02 09:30:00", {"zone": "America/New_York"}),
        ("2020-01-02T14:30", {"zone": "UTC"}),
        ("1577975400", {"time_unit": "s"}),
        ("1577975400000", {"time_unit": "ms"}),
        ("1577975400000.0", {"time_unit": "ms"}),
        ("1577975400000000000", {"time_unit": "ns"}),
    ],
)
def test_an_instant_in_any_spelling(write: Write, given: str, options: dict[str, Any]) -> None:
    assert stamps(read(write(text([line(given)])), "1m", **options)) == ["2020-01-02 14:30:00"]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(["2020-01-02 09:30-05:00"]),
        pa.array(["2020-01-02 14:30Z"]).dictionary_encode(),
        pa.array([1577975400000000], pa.timestamp("us", "Asia/Tokyo")),
        pa.array([1577975400], pa.timestamp("s", "UTC")),
    ],
    ids=str,
)
def test_an_instant_of_any_type(tmp_path: Path, times: pa.Array) -> None:
    parquet.write_table(table(1).set_column(0, "time", times), tmp_path / "bars.parquet")
    assert stamps(read(tmp_path / "bars.parquet", "1m")) == ["2020-01-02 14:30:00"]


@pytest.mark.parametrize("given", ["2020-01-02 09:30:00", "2020-01-02"])
def test_times_without_a_zone_are_refused_with_their_place(write: Write, given: str) -> None:
    with pytest.raises(NaiveTimes, match=r"bars\.csv, line 2"):
        read(write(text([line(given)])), "1m")


def test_midnight_in_the_zone_is_the_day_of_a_daily_bar(write: Write) -> None:
    path = write(text([line("2020-06-01 00:00:00-04:00"), line("2020-12-01 00:00:00-05:00")]))
    assert stamps(read(path, zone="America/New_York")) == ["2020-06-01 00:00:00", "2020-12-01 00:00:00"]
    with pytest.raises(OffGrid):
        read(path)


def test_an_hour_that_the_clock_shows_twice_is_refused(write: Write) -> None:
    path = write(text([line("2020-11-01 01:30:00")]))
    with pytest.raises(WrongType, match="ambiguous"):
        read(path, "1m", zone="America/New_York")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("1577975400", "unit is unknown; say it with time_unit"),
        ("01/02/2020", r"'01/02/2020', which is not ISO 8601"),
        ("", "none in some rows"),
    ],
)
def test_times_that_cannot_be_read_are_refused(write: Write, given: str, said: str) -> None:
    with pytest.raises(WrongType, match=said + r".*bars\.csv, line 2"):
        read(write(text([line(given)])))


@pytest.mark.parametrize("lines", [10, 100_000])
def test_a_time_unlike_the_others_is_found(write: Write, lines: int) -> None:
    path = write(text([line("2020-01-01")] * lines + [line("later")]))
    with pytest.raises((WrongType, SourceError), match=rf"'later'.*line {lines + 2}|line {lines + 2}: .*'later'"):
        read(path)
