"""Reading for strategies: windows, columns, several series of one cut, on every kind of store."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import (
    CalendarNotFound,
    InvalidInterval,
    InvalidSetting,
    MissingColumns,
    NoBars,
    RevisionExpired,
    SeriesNotFound,
    VersionNotFound,
)
from barledger.stores.memory import MemoryStore
from libraries import TurnableClock, closes, expected, frame, library
from remoted import Faced

DESK = {"source": "desk"}
FILL = ["desk", "vendor"]


def day(number: int) -> str:
    return str(np.datetime64(number, "D"))


@pytest.fixture
def anywhere(anywhere: BarLedger, faced: Faced) -> BarLedger:
    """An empty library on each kind of store, here and over HTTP."""
    return faced(anywhere)


@pytest.fixture
def in_memory(in_memory: BarLedger, faced: Faced) -> BarLedger:
    """An empty library in memory, here and over HTTP."""
    return faced(in_memory)


@pytest.fixture
def bl(anywhere: BarLedger) -> BarLedger:
    """A library with a thousand days of which every seventh is missing, the last hundred corrected."""
    kept = [at for at in range(1000) if at % 7]
    anywhere.write("AAPL", "1d", frame(kept), **DESK)
    anywhere.write("AAPL", "1d", frame([at for at in kept if at >= 900], 200.0), **DESK)
    return anywhere


class TestWindows:
    def test_a_lookback_is_of_bars_that_are_there(self, bl: BarLedger) -> None:
        found = bl.bars("AAPL", "1d", start=day(500), end=day(505), lookback=20)
        kept = [at for at in range(505) if at % 7]
        before = [at for at in kept if at < 500][-20:]
        assert closes(found) == expected([*before, *(at for at in kept if at >= 500)])
        assert found.interval == Interval(before[0] * DAY, 505 * DAY)
        assert found.provenance["lookback"] == {"asked": 20, "found": 20, "start": "1971-05-16T00:00:00Z"}

    def test_a_lookback_ends_where_the_series_begins(self, bl: BarLedger) -> None:
        found = bl.bars("AAPL", "1d", start=day(5), end=day(7), lookback=50)
        assert closes(found) == expected(range(1, 7))
        assert found.provenance["lookback"]["found"] == 4
        none = bl.bars("AAPL", "1d", start=day(0), end=day(3), lookback=5)
        assert (closes(none), none.interval.start) == (expected([1, 2]), 0)

    def test_a_lookback_of_nothing_is_none(self, bl: BarLedger) -> None:
        assert bl.bars("AAPL", "1d", start=day(5), lookback=0).digest == bl.bars("AAPL", "1d", start=day(5)).digest

    @pytest.mark.parametrize("count", [1, 3, 90, 400, 857, 5000])
    def test_the_last_bars_are_the_newest_ones(self, bl: BarLedger, count: int) -> None:
        whole = closes(bl.bars("AAPL", "1d"))
        found = bl.bars("AAPL", "1d", last=count)
        assert closes(found) == dict(list(whole.items())[-count:])
        assert found.sources[0].rows == len(found)

    def test_the_last_bars_of_an_interval_lie_in_it(self, bl: BarLedger) -> None:
        assert closes(bl.bars("AAPL", "1d", start=day(100), end=day(110), last=3)) == expected([107, 108, 109])
        assert closes(bl.bars("AAPL", "1d", start=day(108), end=day(110), last=30)) == expected([108, 109])
        assert len(bl.bars("AAPL", "1d", start=day(2000), last=3)) == 0

    @pytest.mark.parametrize("version", ["first", "revision", "time"])
    def test_windows_are_of_any_version(self, bl: BarLedger, version: str) -> None:
        first = bl.cache.versions("AAPL", "1d")[0].revisions[0]
        named: Any = {"first": "first", "revision": first.revision, "time": pd.Timestamp(first.committed_at, tz="UTC")}
        kept = [at for at in range(1000) if at % 7]
        assert closes(bl.bars("AAPL", "1d", version=named[version], last=5)) == expected(kept[-5:])
        found = bl.bars("AAPL", "1d", version=named[version], start=day(998), lookback=4)
        assert closes(found) == expected(kept[-6:])

    def test_windows_of_a_snapshot_stay_in_what_it_pins(self, bl: BarLedger) -> None:
        bl.snapshot("AAPL", "1d", start=day(400), end=day(500), id="bt")
        bl.write("AAPL", "1d", frame(range(450, 500), 300.0), **DESK)
        kept = [at for at in range(400, 500) if at % 7]
        assert closes(bl.bars("AAPL", "1d", version="bt", last=3)) == expected(kept[-3:])
        found = bl.bars("AAPL", "1d", version="bt", start=day(403), end=day(405), lookback=50)
        assert closes(found) == expected([at for at in kept if at < 405])
        with pytest.raises(InvalidInterval, match="pins AAPL"):
            bl.bars("AAPL", "1d", version="bt", start=day(399), last=3)

    def test_windows_of_a_named_version(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(10)), version="mine", **DESK)
        assert closes(bl.bars("AAPL", "1d", version="mine", last=3)) == expected([7, 8, 9])
        assert closes(bl.bars("AAPL", "1d", version="mine", start=day(8), lookback=2)) == expected([6, 7, 8, 9])

    def test_withdrawn_bars_do_not_count(self, bl: BarLedger) -> None:
        bl.withdraw("AAPL", "1d", [day(at) for at in (998, 997, 996)], reason="x", **DESK)
        assert list(closes(bl.bars("AAPL", "1d", last=3))) == [993, 995, 999]

    def test_a_lookback_goes_on_before_long_holes(self, anywhere: BarLedger) -> None:
        anywhere.write("AAPL", "1d", frame([*range(5), *range(4000, 4003)]), **DESK)
        assert list(closes(anywhere.bars("AAPL", "1d", start=day(4001), lookback=3))) == [3, 4, 4000, 4001, 4002]

    def test_several_sources_give_one_window(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(0, 1000, 7), 500.0), source="vendor")
        bl.cache.prioritise("AAPL", FILL, mode="fill")
        found = bl.bars("AAPL", "1d", start=day(801), end=day(802), lookback=10)
        assert list(closes(found)) == list(range(791, 802))
        assert {span.source: span.rows for span in found.sources} == {"desk": 9, "vendor": 2}
        assert list(closes(bl.bars("AAPL", "1d", last=8))) == list(range(992, 1000))

    def test_a_lookback_takes_what_retention_left(self, bl: BarLedger, clock: TurnableClock) -> None:
        today = bl.vault.ledger.now() // DAY
        bl.write("IBM", "1d", frame(range(today - 30, today)), **DESK)
        clock.turn(10)
        bl.cache.retain([{"instrument": "IBM", "keep_current": "20d"}])
        left = list(closes(bl.bars("IBM", "1d")))
        assert 0 < len(left) < 30
        found = bl.bars("IBM", "1d", start=day(left[5]), lookback=500)
        assert (list(closes(found)), found.provenance["lookback"]["found"]) == (left, 5)
        assert list(closes(bl.bars("IBM", "1d", last=500))) == left
        with pytest.raises(RevisionExpired):
            bl.bars("IBM", "1d", start=day(today - 30), lookback=1)


class Counting(MemoryStore):
    """Notes how many rows are read."""

    rows_read = 0

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        found = super().read(series, layer, intervals)
        self.rows_read += len(found)
        return found


@pytest.fixture
def counting() -> Iterator[tuple[BarLedger, Counting]]:
    """Twenty years of days, on a store that counts."""
    store = Counting()
    with library(store) as bl:
        bl.write("AAPL", "1d", frame(range(7300)), **DESK)
        store.rows_read = 0
        yield bl, store


@pytest.mark.parametrize(
    "wish",
    [{"last": 10}, {"last": 10, "end": "1985-03-01"}, {"start": "1985-03-01", "end": "1985-03-05", "lookback": 10}],
)
def test_a_window_does_not_read_the_whole_series(counting: tuple[BarLedger, Counting], wish: dict[str, Any]) -> None:
    bl, store = counting
    assert len(bl.bars("AAPL", "1d", **wish)) in (10, 14)
    assert store.rows_read <= 2 * 366


@pytest.mark.slow
@settings(max_examples=50)
@given(
    kept=st.sets(st.integers(0, 800), min_size=1, max_size=60),
    other=st.sets(st.integers(0, 800), max_size=40),
    gone=st.sets(st.integers(0, 800), max_size=10),
    start=st.integers(0, 820),
    length=st.integers(0, 100),
    count=st.integers(1, 50),
)
def test_windows_are_what_slicing_all_bars_gives(
    kept: set[int], other: set[int], gone: set[int], start: int, length: int, count: int
) -> None:
    with library(MemoryStore()) as bl:
        bl.write("AAPL", "1d", frame(sorted(kept)), **DESK)
        if other:
            bl.write("AAPL", "1d", frame(sorted(other), 300.0), source="vendor")
        bl.cache.prioritise("AAPL", FILL, mode="fill")
        bl.withdraw("AAPL", "1d", [day(at) for at in sorted(gone & kept)], reason="x", **DESK)
        whole = closes(bl.bars("AAPL", "1d"))
        before = [at for at in whole if at < start][-count:]
        inside = [at for at in whole if start <= at < start + length]
        found = bl.bars("AAPL", "1d", start=day(start), end=day(start + length), lookback=count)
        assert closes(found) == {at: whole[at] for at in [*before, *inside]}
        last = bl.bars("AAPL", "1d", end=day(start + length), last=count)
        assert closes(last) == {at: whole[at] for at in [one for one in whole if one < start + length][-count:]}


class TestWishes:
    def test_columns_shape_frames_and_nothing_else(self, bl: BarLedger) -> None:
        found = bl.bars("AAPL", "1d", columns=["close", "close_time"])
        assert list(found.df.columns) == ["close", "close_time"]
        assert found.digest == bl.bars("AAPL", "1d").digest
        assert list(bl.bars("AAPL", "1d", columns="close").df.columns) == ["close"]

    CLASHES: tuple[tuple[dict[str, Any], str], ...] = (
        ({"lookback": 5, "last": 3, "start": "1970-02-01"}, "give one of both"),
        ({"lookback": 5}, "counts from the start, and there is none"),
        ({"lookback": -1, "start": "1970-02-01"}, "not a number of bars"),
        ({"lookback": True, "start": "1970-02-01"}, "not a number of bars"),
        ({"lookback": 1.5, "start": "1970-02-01"}, "not a number of bars"),
        ({"last": 0}, "not a number of bars from 1"),
        ({"last": "3"}, "not a number of bars"),
        ({"known_within": "1d", "version": "first"}, "keeps one state of each bar"),
        ({"known_within": "1d", "version": "strategy:x"}, "keeps one state of each bar"),
        ({"known_within": "soon"}, "not a delay such as 30m"),
        ({"known_within": 5}, "not a delay"),
        ({"known_within": dt.timedelta(days=-1)}, "below zero"),
        ({"columns": []}, "name at least one"),
        ({"columns": ["close", "close"]}, "each once"),
        ({"options": {"path": "x"}}, "nothing is fetched"),
        ({"fetch_missing": True, "version": 5, "start": "1970-02-01"}, "newest state"),
        ({"fetch_missing": True, "is_adjusted": True, "start": "1970-02-01"}, "newest state"),
        ({"fetch_missing": True, "last": 5, "start": "1970-02-01"}, "newest state"),
        ({"fetch_missing": True}, "it needs a start"),
    )

    @pytest.mark.parametrize(("wish", "said"), CLASHES)
    def test_wishes_that_contradict_each_other_are_refused(
        self, in_memory: BarLedger, wish: dict[str, Any], said: str
    ) -> None:
        in_memory.write("AAPL", "1d", frame(range(3)), **DESK)
        with pytest.raises(InvalidSetting, match=said):
            in_memory.bars("AAPL", "1d", **wish)

    @pytest.mark.parametrize("column", ["vwap", "observed", "time"])
    def test_a_column_that_there_is_not_is_refused_before_anything_is_read(
        self, in_memory: BarLedger, column: str
    ) -> None:
        with pytest.raises(MissingColumns):
            in_memory.bars("NOTHING", "1d", columns=[column])

    def test_bars_close_by_the_calendar_of_their_instrument(self, bl: BarLedger) -> None:
        assert bl.bars("AAPL", "1d", last=1).close_time.tolist() == [1000 * DAY]
        facts = Facts(pattern="AAPL", calendar="XNOWHERE")
        bl.vault.ledger.instruments.tell([facts], bl.vault.who("declare"))
        found = bl.bars("AAPL", "1d", last=1)
        assert len(found.df) == 1
        with pytest.raises(CalendarNotFound, match="XNOWHERE"):
            _ = found.close_time


class TestSeveral:
    def test_several_series_come_by_instrument_and_timeframe(self, bl: BarLedger) -> None:
        bl.write("BTC/USDT", "1d", frame(range(5)), **DESK)
        bl.write("BTC/USDT", "1h", frame(range(7)), **DESK)
        found = bl.retrieval.bars_of("BTC/USDT", ["1d", "1h"])
        assert list(found) == [("BTCUSDT", "1d"), ("BTCUSDT", "1h")]
        assert len(found["BTC-USDT", "60m"]) == 7
        both = bl.retrieval.bars_of(["AAPL", "BTC/USDT"], "1d", start=day(2), lookback=1)
        assert closes(both["BTCUSDT"]) == expected(range(1, 5))
        assert closes(both["AAPL"]) == closes(bl.bars("AAPL", "1d", start=day(2), lookback=1))
        assert repr(both) == "<2 series of bars: AAPL 1d, BTCUSDT 1d>"

    def test_what_is_not_there_is_said(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1h", frame(range(7)), **DESK)
        found = bl.retrieval.bars_of("AAPL", ["1d", "1h"])
        with pytest.raises(SeriesNotFound, match="no bars of AAPL at one timeframe here, but at 1d, 1h"):
            _ = found["AAPL"]
        with pytest.raises(SeriesNotFound, match="no bars of IBM 1d here"):
            _ = found["IBM", "1d"]
        assert ("IBM", "1d") not in found
        assert ("AAPL", "1d") in found
        assert found.get(("IBM", "1d")) is None
        with pytest.raises(SeriesNotFound):
            bl.retrieval.bars_of(["AAPL", "IBM"], "1d")

    def test_a_source_that_lacks_one_is_said(self, bl: BarLedger) -> None:
        with pytest.warns(NoBars, match="IBM 1d from desk"):
            found = bl.retrieval.bars_of(["AAPL", "IBM"], "1d", **DESK)
        assert len(found["IBM"]) == 0

    @pytest.mark.parametrize("wrong", [[], ["AAPL", "AAPL"], ["BTC/USDT", "BTC-USDT"]])
    def test_none_or_the_same_twice_is_refused(self, bl: BarLedger, wrong: list[str]) -> None:
        with pytest.raises(InvalidSetting, match="instruments"):
            bl.retrieval.bars_of(wrong, "1d")
        with pytest.raises(InvalidSetting, match="timeframe"):
            bl.retrieval.bars_of("AAPL", ["1d", "1d"])
        with pytest.raises(InvalidSetting, match="timeframes"):
            bl.retrieval.bars_of("AAPL", [])

    @pytest.mark.parametrize("version", ["latest", "first", "revision", "time", "snapshot"])
    def test_several_series_are_each_as_alone(self, bl: BarLedger, version: str) -> None:
        names = ["AAPL", *(f"I{at}" for at in range(12))]
        done = bl.write_many([(name, "1d", frame(range(at, 40 + at))) for at, name in enumerate(names[1:])], **DESK)
        named: Any = {
            "revision": done.revision,
            "time": bl.vault.ledger.now(),
            "snapshot": bl.snapshot(names, "1d").id,
        }
        wanted = named.get(version, version)
        wanted = pd.Timestamp(wanted, tz="UTC") if version == "time" else wanted
        bl.write("I3", "1d", frame(range(50), 400.0), **DESK)
        for wish in ({}, {"start": day(10), "end": day(30)}, {"last": 3}):
            found = bl.retrieval.bars_of(names, "1d", version=wanted, **wish)
            for name in names:
                alone = bl.bars(name, "1d", version=wanted, **wish)
                assert (found[name].digest, found[name].interval) == (alone.digest, alone.interval)

    def test_a_snapshot_that_lacks_one_is_said(self, bl: BarLedger) -> None:
        bl.write("IBM", "1d", frame(range(3)), **DESK)
        bl.snapshot("AAPL", "1d", id="bt")
        with pytest.raises(VersionNotFound, match="'bt' does not pin IBM 1d"):
            bl.retrieval.bars_of(["AAPL", "IBM"], "1d", version="bt")

    def test_series_with_retention_are_read_beside_others(self, bl: BarLedger, clock: TurnableClock) -> None:
        today = bl.vault.ledger.now() // DAY
        bl.write("IBM", "1d", frame(range(today - 30, today)), **DESK)
        clock.turn(10)
        bl.cache.retain([{"instrument": "IBM", "keep_current": "20d"}])
        found = bl.retrieval.bars_of(["AAPL", "IBM"], "1d")
        assert found["IBM"].digest == bl.bars("IBM", "1d").digest
        assert 0 < len(found["IBM"]) < 30
        with pytest.raises(RevisionExpired):
            bl.retrieval.bars_of(["AAPL", "IBM"], "1d", start=day(today - 30))


class Interrupted(MemoryStore):
    """Lets something happen in the middle of what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: Callable[[], object] | None = None
        self.before = 0

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        if self.happens is not None:
            self.before -= 1
            if self.before == 0:
                happens, self.happens = self.happens, None
                happens()
        return super().read(series, layer, intervals)


@pytest.mark.parametrize("version", ["latest", "first"])
@pytest.mark.parametrize("wish", [{}, {"start": "1970-01-01", "end": "1970-01-03"}, {"last": 2}])
def test_a_commit_between_two_series_shows_in_none(version: str, wish: dict[str, Any]) -> None:
    names = [f"I{at}" for at in range(12)]
    store = Interrupted()
    with library(store) as bl:
        bl.write_many([(name, "1d", frame(range(3))) for name in names], **DESK)
        wanted = {name: bl.bars(name, "1d", version=version, **wish).digest for name in names}
        store.happens = lambda: bl.write_many([(name, "1d", frame(range(1, 5), 200.0)) for name in names], **DESK)
        store.before = 6
        found = bl.retrieval.bars_of(names, "1d", version=version, **wish)
        assert store.happens is None
        assert {name: found[name].digest for name in names} == wanted
        assert len(bl.bars("I0", "1d")) == 5


def test_events_are_those_that_were_known_in_a_state(in_memory: BarLedger) -> None:
    bl = in_memory
    bl.write("AAPL", "1d", frame(range(10)), **DESK)
    bl.snapshot("AAPL", "1d", id="bt")
    dividend = CorporateAction(instrument="AAPL", ex_date=3 * DAY, kind="cash_dividend", source="desk", value=0.5)
    elsewhere = CorporateAction(instrument="AAPL", ex_date=4 * DAY, kind="split", source="vendor", value=2.0)
    bl.vault.ledger.actions.record([dividend, elsewhere], bl.vault.who("actions"))
    now = bl.bars("AAPL", "1d").styled("yfinance")
    assert (now["Dividends"].sum(), now["Dividends"].iloc[3], now["Stock Splits"].sum()) == (0.5, 0.5, 0.0)
    assert "Dividends" not in bl.bars("AAPL", "1d", version="bt").styled("yfinance").columns


@pytest.mark.slow
def test_all_series_are_of_one_cut_while_others_write(in_memory: BarLedger) -> None:
    """A writer changes all series together; whoever reads them sees one state of them."""
    names = [f"I{at}" for at in range(20)]
    rounds = 25

    def state(number: int) -> list[tuple[str, str, Any]]:
        return [(name, "1d", frame(range(3), 100.0 + number)) for name in names]

    in_memory.write_many(state(0), **DESK)
    stop = threading.Event()

    def write() -> None:
        for number in range(1, rounds):
            in_memory.write_many(state(number), **DESK)
            # Ever longer pauses: who reads slowly sees more than the last state, too.
            stop.wait(number / 50)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not stop.is_set():
        found = in_memory.retrieval.bars_of(names, "1d")
        values = {float(bars.rows.close[0]) for bars in found.values()}
        assert len(values) == 1, f"a mix of {sorted(values)}"
        seen |= values
        panel = in_memory.retrieval.panel(names, "1d")
        assert len(set(panel.iloc[0])) == 1
    writer.join()
    assert len(seen) > 1
    assert list(in_memory.retrieval.bars_of(names, "1d")["I0"].df.columns) == list(VALUES)
