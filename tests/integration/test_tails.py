"""Tails: a session that goes on with its own series reads nothing, and nobody else's work escapes it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.services.ingestion import Entry
from barledger.stores.memory import MemoryStore
from libraries import closes, expected, frame, library, same_bars

DESK = {"source": "desk"}
NAMES = [f"S{number}" for number in range(20)]
POLICY = [{"instrument": "*", "timeframe": "1d", "source": "*", "keep_current": "30d"}]


class CountingStore(MemoryStore):
    """Counts what is read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Count, and read."""
        self.reads += 1
        return super().read(series, layer, intervals)


@pytest.fixture
def store() -> CountingStore:
    """An empty store."""
    return CountingStore()


@pytest.fixture
def place(tmp_path: Path) -> str:
    """The URL of a ledger that several sessions can open."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def bl(store: CountingStore, place: str) -> BarLedger:
    """A session."""
    return library(store, place)


def poll(bl: BarLedger, day: int, value: float = 100.0) -> int:
    """Write one bar of each series."""
    return bl.write_many([Entry(instrument=n, timeframe="1d", data=frame([day], value)) for n in NAMES], **DESK).new


@pytest.mark.slow
def test_a_poll_of_series_that_the_session_wrote_reads_nothing(bl: BarLedger, store: CountingStore) -> None:
    poll(bl, 300)
    before = store.reads
    assert [poll(bl, day) for day in range(301, 400)] == [20] * 99
    assert store.reads == before
    for name in NAMES:
        same_bars(closes(bl.bars(name, "1d", **DESK)), expected(range(300, 400)))


def test_corrections_and_withdrawals_in_a_tail_are_editions(bl: BarLedger, store: CountingStore) -> None:
    bl.write("AAPL", "1d", frame(range(10)), **DESK)
    pinned = bl.snapshot("AAPL", "1d")
    before = store.reads
    bl.write("AAPL", "1d", frame([9], 200.0), **DESK)
    day = pd.Timestamp("1970-01-10", tz="UTC")
    bl.withdraw("AAPL", "1d", [day], reason="never traded", **DESK)
    done = bl.write("AAPL", "1d", frame([9], 300.0), **DESK)
    assert (done.changed, done.new) == (1, 0)
    assert store.reads == before
    assert [one.edition for one in bl.history("AAPL", "1d", day)] == [1, 2, 3, 4]
    same_bars(closes(bl.bars("AAPL", "1d")), expected(range(9)) | expected([9], 300.0))
    same_bars(closes(bl.bars("AAPL", "1d", version=pinned.id)), expected(range(10)))
    assert bl.verify(pinned.id).ok


def test_another_sessions_bars_are_seen(bl: BarLedger, store: CountingStore, place: str) -> None:
    other = library(store, place)
    for day in range(0, 16, 2):
        poll(bl, day)
        assert other.write("S0", "1d", frame([day], 200.0), **DESK).changed == 1
        assert poll(other, day + 1) == 20
        assert poll(bl, day + 1) == 0
    same_bars(closes(other.bars("S0", "1d")), expected(range(0, 16, 2), 200.0) | expected(range(1, 16, 2)))
    assert other.bars("S0", "1d").digest == bl.bars("S0", "1d").digest


def test_what_retention_deleted_does_not_come_back(bl: BarLedger, store: CountingStore, place: str) -> None:
    poll(bl, 0)
    library(store, place).cache.retain(POLICY)
    poll(bl, 1)
    assert closes(bl.bars("S0", "1d")) == expected([1])
    bl.cache.retain(POLICY)
    done = bl.write("S0", "1d", frame([1], 300.0), **DESK)
    assert (done.new, done.changed) == (1, 0)
    assert closes(bl.bars("S0", "1d")) == expected([1], 300.0)


def test_the_callers_frame_may_change_afterwards(bl: BarLedger) -> None:
    mine = frame(range(3))
    bl.write("AAPL", "1d", mine, **DESK)
    mine.loc[:, "close"] = 7.0
    bl.write("AAPL", "1d", frame([3]), **DESK)
    same_bars(closes(bl.bars("AAPL", "1d")), expected(range(4)))
    assert bl.verify(bl.snapshot("AAPL", "1d").id).ok
