"""What callers meet at the edges of the library: names, versions of every type, warnings, and its end."""

import datetime as dt
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger import BarLedger, Entry
from barledger.domain.validation import OnInvalid
from barledger.errors import (
    AmbiguousSource,
    BeyondRange,
    Closed,
    InvalidInterval,
    InvalidName,
    InvalidSetting,
    InvalidVersion,
    NoBars,
    SeriesNotFound,
)
from barledger.opening import place_of
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore
from libraries import closes, expected, frame, library

DESK = {"source": "desk"}


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    """A library in memory with ten bars, five of them corrected."""
    made = library(MemoryStore())
    made.write("AAPL", "1d", frame(range(10)), **DESK)
    made.write("AAPL", "1d", frame(range(5), 200.0), **DESK)
    with made:
        yield made


AS_TIMES: list[Callable[[pd.Timestamp], object]] = [
    lambda stamp: stamp,
    lambda stamp: stamp.to_pydatetime(warn=False) + dt.timedelta(microseconds=1),
    lambda stamp: stamp.tz_convert(None).to_datetime64(),
    lambda stamp: stamp.isoformat(),
]


@pytest.mark.parametrize("form", AS_TIMES)
def test_a_version_may_be_a_time_of_any_type(bl: BarLedger, form: Callable[[pd.Timestamp], str]) -> None:
    first = bl.cache.versions("AAPL", "1d")[0].revisions[0]
    then = form(pd.Timestamp(first.committed_at, unit="ns", tz="UTC"))
    assert closes(bl.bars("AAPL", "1d", version=then)) == expected(range(10))


@pytest.mark.parametrize("number", [int, np.int64])
def test_a_version_may_be_a_revision_as_bars_tell_it(bl: BarLedger, number: type[int]) -> None:
    first = bl.cache.versions("AAPL", "1d")[0].revisions[0].revision
    found = bl.bars("AAPL", "1d", version=number(first))
    assert closes(found) == expected(range(10))
    assert found.version == f"revision:{first}"
    assert bl.bars("AAPL", "1d", version=bl.bars("AAPL", "1d").revision).digest == bl.bars("AAPL", "1d").digest


@pytest.mark.parametrize("wrong", [True, 1.5, None, b"latest", []])
def test_anything_else_is_no_version(bl: BarLedger, wrong: str) -> None:
    with pytest.raises(InvalidVersion):
        bl.bars("AAPL", "1d", version=wrong)


def test_a_source_that_has_nothing_is_said_and_has_revision_0(bl: BarLedger) -> None:
    with pytest.warns(NoBars, match="AAPL 1d from dsek; there are AAPL 1d from desk"):
        found = bl.bars("AAPL", "1d", source="dsek")
    assert (len(found), found.revision) == (0, 0)
    assert bl.write("AAPL", "1d", frame([0]), source="dsek", expected_revision=found.revision).new == 1


def test_an_instrument_that_is_not_there_may_be_another_one(bl: BarLedger) -> None:
    with pytest.raises(SeriesNotFound, match="no bars of aapl 1d; there are AAPL 1d from desk"):
        bl.bars("aapl", "1d")
    with pytest.raises(SeriesNotFound, match=r"no bars of MSFT 1d\n"):
        bl.bars("MSFT", "1d")


def test_an_error_shows_its_next_step_in_a_traceback(bl: BarLedger) -> None:
    bl.write("AAPL", "1d", frame([0]), source="vendor")
    with pytest.raises(AmbiguousSource, match="several sources: desk, vendor") as caught:
        bl.bars("AAPL", "1d")
    assert "next: Name one with source=" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("start", ["1677-10-01", "1677-12-31", "2262-01-01", "2262-04-10"])
def test_bars_of_years_that_do_not_fit_into_64_bits_are_refused(bl: BarLedger, start: str) -> None:
    bars = frame([0])
    bars.index = pd.DatetimeIndex([start], tz="UTC")
    with pytest.raises(BeyondRange):
        bl.write("AAPL", "1d", bars, **DESK)
    assert bl.write("AAPL", "1d", bars, on_invalid="quarantine", **DESK).quarantined == 1
    assert [one.code for one in bl.ingestion.quarantine()] == ["beyond-range"]
    with pytest.raises(InvalidInterval):
        bl.withdraw("AAPL", "1d", [start], reason="x", **DESK)
    assert len(bl.bars("AAPL", "1d")) == 10


@pytest.mark.parametrize("start", ["1678-01-01", "2261-12-31"])
def test_the_first_and_the_last_day_are_days(bl: BarLedger, start: str) -> None:
    bars = frame([0])
    bars.index = pd.DatetimeIndex([start], tz="UTC")
    assert bl.write("AAPL", "1d", bars, **DESK).new == 1
    assert len(bl.bars("AAPL", "1d")) == 11
    assert len(bl.bars("AAPL", "1d", start=start, end=pd.Timestamp(start) + pd.Timedelta(days=1))) == 1
    assert bl.verify(bl.snapshot("AAPL", "1d").id).ok


def test_a_misspelt_wish_is_refused(bl: BarLedger) -> None:
    typo: OnInvalid = "ignore"  # type: ignore[assignment]
    with pytest.raises(InvalidSetting, match="on_invalid"):
        bl.write("AAPL", "1d", frame([3, 2]), on_invalid=typo, **DESK)
    with pytest.raises(InvalidSetting, match="clse"):
        bl.write("AAPL", "1d", frame([3]), columns={"clse": "close"}, **DESK)
    with pytest.raises(InvalidSetting, match="mode"):
        bl.cache.prioritise("AAPL", ["desk"], mode="fil")  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["", "  "])
def test_bars_are_not_withdrawn_without_a_reason(bl: BarLedger, reason: str) -> None:
    with pytest.raises(InvalidName, match="reason"):
        bl.withdraw("AAPL", "1d", "1970-01-02", reason=reason, **DESK)
    assert len(bl.bars("AAPL", "1d")) == 10


def test_a_bucket_of_this_machine_has_one_ledger_however_the_machine_is_called(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    named = [f"influxdb+http://{host}:8086/bars" for host in ("localhost", "127.0.0.1", "[::1]")]
    others = ["influxdb+http://localhost:8087/bars", "influxdb+http://db.desk:8086/bars"]
    assert len({place_of(url, "", settings).ledger for url in named}) == 1
    assert len({place_of(url, "", settings).ledger for url in (*named, *others)}) == 3


def test_entries_may_be_tuples(bl: BarLedger) -> None:
    done = bl.write_many([("IBM", "1d", frame([0])), Entry("MSFT", "1d", frame([0, 1]))], **DESK)
    assert done.new == 3
    with pytest.raises(InvalidSetting, match="neither an Entry"):
        bl.write_many([{"instrument": "IBM"}], **DESK)  # type: ignore[list-item]


def test_a_priority_of_one_source_may_be_its_name(bl: BarLedger) -> None:
    bl.write("AAPL", "1d", frame([20]), source="vendor")
    bl.cache.prioritise("AAPL", "vendor")
    assert bl.cache.priorities() == [("AAPL", "*", ("vendor",), "strict")]
    assert closes(bl.bars("AAPL", "1d")) == expected([20])


def test_a_closed_library_says_so() -> None:
    made = barledger.connect("memory:")
    made.close()
    made.close()
    for action in (
        lambda: made.bars("AAPL", "1d"),
        lambda: made.write("AAPL", "1d", frame([0]), **DESK),
        lambda: made.cache.snapshots(purpose="backtest"),
        lambda: made.audit.entries(after=0),
    ):
        with pytest.raises(Closed):
            action()


def test_the_public_names_are_listed() -> None:
    assert {"BarLedger", "Entry", "InfluxDBClient", "connect"} <= set(dir(barledger))
    assert all(getattr(barledger, name) is not None for name in dir(barledger))


def test_that_there_are_no_bars_that_are_stored_adjusted_is_said(bl: BarLedger) -> None:
    bl.write("AAPL", "1d", frame(range(3)), source="desk")
    with pytest.raises(
        SeriesNotFound, match="no bars of AAPL 1d that are stored adjusted; there are AAPL 1d from desk"
    ):
        bl.bars("AAPL", "1d", is_adjusted=True)
