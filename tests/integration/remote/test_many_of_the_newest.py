"""The newest bars, more of them than a server counts from the end: the same as of a library here."""

from typing import Any

import pandas as pd
import pytest

from barledger import BarLedger, Bars
from barledger.errors import Busy
from barledger.remote import reading
from barledger.remote.library import RemoteBarLedger
from libraries import frame

LAST = 250


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portion is of 100 bars."""
    monkeypatch.setattr(reading, "PORTION", 100)


def minutes(count: int) -> pd.DataFrame:
    """Return so many bars of a minute."""
    made = frame(range(count))
    return made.set_axis(pd.date_range("2024-01-01", periods=count, freq="min", tz="UTC"))


def same(found: Bars, expected: Bars) -> None:
    """Compare bars and what they resolved to."""
    assert found.df.equals(expected.df)
    assert found.digest == expected.digest
    assert (found.version, found.revision, found.interval) == (expected.version, expected.revision, expected.interval)
    assert (found.sources, found.adjustment) == (expected.sources, expected.adjustment)


def test_more_than_a_portion_of_the_newest_bars_are_read(bl: BarLedger, remote: RemoteBarLedger) -> None:
    bl.write("LONG", "1m", minutes(70_000), source="desk")
    same(remote.bars("LONG", "1m", last=69_000), bl.bars("LONG", "1m", last=69_000))
    same(remote.bars("LONG", "1m", last=100_000), bl.bars("LONG", "1m", last=100_000))


@pytest.mark.usefixtures("portions")
@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"end": "1970-10-20"},
        {"start": "1970-01-20", "end": "1970-10-20"},
        {"start": "1970-07-01"},
        {"start": "1970-02-20", "last": 300},
        {"last": 200},
        {"last": 5_000},
        {"source": "nope"},
        {"version": "first"},
        {"version": "pinned"},
        {"version": "pinned", "last": 5_000},
        {"known_within": "1d"},
        {"adjust": "splits"},
        {"include_adjusted": True},
        {"columns": ["close"]},
    ],
)
@pytest.mark.filterwarnings("ignore::barledger.errors.NoBars")
def test_portions_of_the_newest_bars_are_those_of_a_library_here(
    bl: BarLedger, remote: RemoteBarLedger, wish: dict[str, Any]
) -> None:
    bl.actions.add("AAPL", "split", "1970-06-01", value=2)
    bl.snapshot("AAPL", "1d", end="1970-10-10", id="pinned")
    bl.write("AAPL", "1d", frame(range(200, 310), 70.0), source="desk")
    asked = {"last": LAST, **wish}
    same(remote.bars("AAPL", "1d", **asked), bl.bars("AAPL", "1d", **asked))


@pytest.mark.usefixtures("portions")
def test_portions_of_several_sources_and_series_are_of_one_state(bl: BarLedger, remote: RemoteBarLedger) -> None:
    bl.write("AAPL", "1d", frame(range(250, 400), 90.0), source="other")
    bl.cache.prioritise("AAPL", ["desk", "other"], mode="fill")
    same(remote.bars("AAPL", "1d", last=350), bl.bars("AAPL", "1d", last=350))
    for name, bars in remote.retrieval.bars_of(["AAPL", "IBM"], "1d", last=LAST).items():
        same(bars, bl.bars(name[0], "1d", last=LAST))


@pytest.mark.usefixtures("portions")
def test_bars_that_are_written_while_portions_are_counted_are_counted_again(
    bl: BarLedger, remote: RemoteBarLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting, times = reading.BarsReader._from_earliest, []

    def written(self: Any, question: Any, last: int) -> Any:
        found = counting(self, question, last)
        if len(times) < most:
            bl.write("AAPL", "1d", frame([300 + len(times)]), source="desk")
            times.append(1)
        return found

    monkeypatch.setattr(reading.BarsReader, "_from_earliest", written)
    most = 2
    same(remote.bars("AAPL", "1d", last=LAST), bl.bars("AAPL", "1d", last=LAST))
    most = 1_000
    with pytest.raises(Busy):
        remote.bars("AAPL", "1d", last=LAST)
