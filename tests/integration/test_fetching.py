"""Fetching what is missing while reading, and whole datasets: nothing is handed out before it is pinned."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from availability import PlainAvailabilityService
from barledger import BarLedger
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Facts
from barledger.domain.intake import intake
from barledger.domain.interval import Interval, format_time, intersection, parse_time
from barledger.domain.rows import Rows
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import (
    CapabilityMissing,
    DataNotFound,
    Incomplete,
    InvalidSetting,
    NameTaken,
    SeriesNotFound,
    SourceNotFound,
    SourceUnavailable,
    VersionNotFound,
)
from barledger.services.availability import DataAvailabilityService
from barledger.services.ingestion import DataIngestionService
from barledger.services.retrieval import DataRetrievalService
from barledger.services.retrieval.manifest import Manifest
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration
from libraries import closes, expected, frame


class Exchange(Source):
    """Has the days up to some day, and notes what it is asked for."""

    def __init__(self, name: str, days: range, value: float = 100.0) -> None:
        self.name = name
        self.days = days
        self.value = value
        self.asked: list[tuple[str, Interval]] = []
        self.down = False
        self.unknown: set[str] = set()

    @property
    def declaration(self) -> SourceDeclaration:
        return SourceDeclaration(name=self.name)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        if self.down:
            raise SourceUnavailable(source=self.name, detail="it is down")
        if request.instrument in self.unknown:
            raise DataNotFound(what=f"{self.name} has no market {request.instrument}")
        self.asked.append((request.instrument, request.interval))
        wanted = [day for day in self.days if day * DAY in request.interval]
        rows: Rows = intake(frame(wanted, self.value), Timeframe.of("1d")).rows if wanted else _none()
        yield Fetched(rows=rows, interval=request.interval)


class NewYork(Exchange):
    """Has the sessions of New York from some day on, and tells its calendar only as it is asked for bars."""

    def __init__(self, name: str, since: str = "2020-01-02", until: str = "2025-12-31") -> None:
        super().__init__(name, range(0))
        self.since = parse_time(since)
        self.first_trade: int | None = None
        labels = calendar_called("XNYS").expected(Timeframe.of("1d"), Interval(self.since, parse_time(until)))
        self.sessions = {int(label) // DAY for label in labels}

    def facts(self, request: FetchRequest) -> Facts | None:
        return Facts(pattern=request.instrument, origin=self.name, calendar="XNYS", first_trade=self.first_trade)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        self.asked.append((request.instrument, request.interval))
        wanted = sorted(day for day in self.sessions if day * DAY in request.interval)
        yield Fetched(
            rows=intake(frame(wanted), request.timeframe).rows if wanted else _none(), interval=request.interval
        )


def _none() -> Rows:
    return intake(frame([0]), Timeframe.of("1d")).rows.pick(slice(0, 0))


class Noting(DataIngestionService):
    """Notes what it is asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.calls: list[Any] = []

    def ingest(self, instruments: Any, timeframe: str, **options: Any) -> Any:
        self.calls.append(instruments)
        return super().ingest(instruments, timeframe, **options)


class Desk:
    """A library whose sources are exchanges of ours."""

    def __init__(self, bl: BarLedger) -> None:
        self.bl = bl
        self.today = bl.vault.ledger.now() // DAY
        self.sources: dict[str, Any] = {
            "one": Exchange("one", range(self.today - 300, self.today)),
            "two": Exchange("two", range(self.today - 600, self.today), 500.0),
        }
        self.availability = PlainAvailabilityService(bl)
        self.ingestion = Noting(bl.vault, bl.cache, self._make)
        self.retrieval = DataRetrievalService(
            bl.vault, bl.instruments, availability=self.availability, ingestion=self.ingestion
        )

    def _make(self, name: str, options: Mapping[str, Any]) -> Source:
        if name not in self.sources or options.get("wrong"):
            raise SourceNotFound(source=name, known=tuple(self.sources))
        return self.sources[name]

    def day(self, ago: int) -> str:
        return str(np.datetime64(self.today - ago, "D"))

    def days(self, first: int, last: int) -> range:
        return range(self.today - first, self.today - last)

    def asked(self, name: str) -> list[tuple[int, int]]:
        """Return what a source was asked for, in days ago."""
        asked = self.sources[name].asked
        return [(self.today - one.start // DAY, self.today - one.end // DAY) for _, one in asked]


@pytest.fixture
def desk(anywhere: BarLedger) -> Desk:
    return Desk(anywhere)


class TestFetchMissing:
    def test_what_is_missing_is_fetched_first(self, desk: Desk) -> None:
        found = desk.retrieval.bars("AAPL", "1d", start=desk.day(20), source="one", fetch_missing=True)
        assert closes(found) == expected(desk.days(20, 0))
        told = {"fetched_from": ["one"], "complete": True, "missing": []}
        assert found.provenance["availability"] == told
        assert desk.asked("one") == [(20, 0)]

    def test_what_is_there_is_not_asked_for_again(self, desk: Desk) -> None:
        for _ in range(2):
            desk.retrieval.bars("AAPL", "1d", start=desk.day(20), end=desk.day(5), source="one", fetch_missing=True)
        assert desk.asked("one") == [(20, 5)]
        found = desk.retrieval.bars("AAPL", "1d", start=desk.day(30), end=desk.day(2), source="one", fetch_missing=True)
        assert desk.asked("one")[1:] == [(30, 20), (5, 2)]
        assert closes(found) == expected(desk.days(30, 2))

    def test_a_lookback_is_fetched_as_well(self, desk: Desk) -> None:
        wish = {"start": desk.day(20), "end": desk.day(10), "lookback": 50, "source": "one"}
        found = desk.retrieval.bars("AAPL", "1d", fetch_missing=True, **wish)
        assert closes(found) == expected(desk.days(70, 10))
        assert desk.asked("one") == [(70, 10)]

    def test_the_bar_that_is_forming_is_not_missing(self, desk: Desk) -> None:
        found = desk.retrieval.bars(
            "AAPL", "1d", start=desk.day(5), end=desk.day(-30), source="one", fetch_missing=True
        )
        assert closes(found) == expected(desk.days(5, 0))
        assert desk.asked("one") == [(5, 0)]

    def test_what_nobody_has_is_said(self, desk: Desk) -> None:
        with pytest.warns(Incomplete, match=r"20 bars are missing: 20 bars of AAPL 1d in .* \(source_empty\)"):
            found = desk.retrieval.bars("AAPL", "1d", start=desk.day(320), source="one", fetch_missing=True)
        assert closes(found) == expected(desk.days(300, 0))
        (missing,) = found.provenance["availability"]["missing"]
        start, end = (f"{desk.day(ago)}T00:00:00Z" for ago in (320, 300))
        assert missing == {"start": start, "end": end, "reason": "source_empty", "bars": 20}

    def test_the_source_may_be_that_of_a_priority(self, desk: Desk) -> None:
        desk.bl.cache.prioritise("AAP*", ["two", "one"])
        found = desk.retrieval.bars("AAPL", "1d", start=desk.day(20), fetch_missing=True)
        assert closes(found) == expected(desk.days(20, 0), 500.0)
        assert desk.asked("one") == []

    def test_later_sources_fill_what_earlier_ones_lack(self, desk: Desk) -> None:
        desk.bl.cache.prioritise("*", ["desk", "one", "two"], mode="fill")
        found = desk.retrieval.bars("AAPL", "1d", start=desk.day(320), fetch_missing=True)
        assert closes(found) == expected(desk.days(320, 300), 500.0) | expected(desk.days(300, 0))
        assert (desk.asked("one"), desk.asked("two")) == ([(320, 0)], [(320, 300)])
        assert found.provenance["availability"]["fetched_from"] == ["one", "two"]

    def test_the_only_source_that_there_is_needs_no_name(self, desk: Desk) -> None:
        desk.retrieval.bars("AAPL", "1d", start=desk.day(20), end=desk.day(10), source="one", fetch_missing=True)
        found = desk.retrieval.bars("AAPL", "1d", start=desk.day(20), fetch_missing=True)
        assert closes(found) == expected(desk.days(20, 0))

    def test_without_a_source_it_is_refused(self, desk: Desk) -> None:
        told = r"20 bars of AAPL 1d .* are missing, and neither source= nor a priority says"
        with pytest.raises(InvalidSetting, match=told) as caught:
            desk.retrieval.bars("AAPL", "1d", start=desk.day(20), fetch_missing=True)
        assert caught.value.advice.startswith("Name a source: source=")
        with pytest.raises(InvalidSetting, match=r"1 bar of AAPL 1d .* is missing"):
            desk.retrieval.bars("AAPL", "1d", start=desk.day(1), fetch_missing=True)
        with pytest.raises(SourceNotFound, match="three"):
            desk.retrieval.bars("AAPL", "1d", start=desk.day(20), source="three", fetch_missing=True)
        with pytest.raises(SourceNotFound):
            desk.retrieval.bars(
                "AAPL", "1d", start=desk.day(20), source="one", fetch_missing=True, options={"wrong": True}
            )
        desk.bl.cache.prioritise("*", ["desk", "feed"], mode="fill")
        with pytest.raises(SourceNotFound, match="feed"):
            desk.retrieval.bars("AAPL", "1d", start=desk.day(20), fetch_missing=True)

    @pytest.mark.slow
    def test_a_source_that_is_down_is_said_and_nothing_is_lost(self, desk: Desk) -> None:
        desk.retrieval.bars("AAPL", "1d", start=desk.day(20), end=desk.day(10), source="one", fetch_missing=True)
        desk.sources["one"].down = True
        with pytest.raises(SourceUnavailable):
            desk.retrieval.bars("AAPL", "1d", start=desk.day(20), source="one", fetch_missing=True)
        assert closes(desk.retrieval.bars("AAPL", "1d")) == expected(desk.days(20, 10))
        complete = desk.retrieval.bars(
            "AAPL", "1d", start=desk.day(20), end=desk.day(10), source="one", fetch_missing=True
        )
        assert complete.provenance["availability"]["complete"]

    def test_several_series_are_fetched_too(self, desk: Desk) -> None:
        found = desk.retrieval.bars_of(["AAPL", "IBM"], "1d", start=desk.day(20), source="one", fetch_missing=True)
        assert closes(found["AAPL"]) == closes(found["IBM"]) == expected(desk.days(20, 0))
        told = {"fetched_from": ["one"], "complete": True, "missing": []}
        assert found["IBM"].provenance["availability"] == told

    def test_what_several_lack_alike_is_fetched_in_one_go(self, desk: Desk) -> None:
        names = ["AAPL", "IBM", "MSFT"]
        desk.retrieval.bars("MSFT", "1d", start=desk.day(10), source="one", fetch_missing=True)
        desk.ingestion.calls.clear()
        desk.retrieval.bars_of(names, "1d", start=desk.day(20), source="one", fetch_missing=True)
        assert desk.ingestion.calls == [["AAPL", "IBM"], "MSFT"]
        desk.retrieval.bars_of(names, "1d", start=desk.day(20), source="one", fetch_missing=True)
        assert len(desk.ingestion.calls) == 2
        with pytest.raises(SourceNotFound):
            desk.retrieval.bars_of(names, "1d", start=desk.day(20), source="three", fetch_missing=True)

    def test_bars_that_callers_wrote_have_no_source_to_ask_which_is_no_error(self, desk: Desk) -> None:
        desk.bl.write("AAPL", "1d", frame(desk.days(20, 10)), source="desk")
        for source in (None, "desk"):
            with pytest.warns(Incomplete, match=r"10 bars are missing: 10 bars of AAPL 1d in .* \(never_requested\)"):
                found = desk.retrieval.bars("AAPL", "1d", start=desk.day(20), source=source, fetch_missing=True)
            assert closes(found) == expected(desk.days(20, 10))
            told = found.provenance["availability"]
            assert (told["fetched_from"], [one["bars"] for one in told["missing"]]) == ([], [10])
        desk.bl.write("IBM", "1d", frame(desk.days(20, 12)), source="desk")
        wish = {"strategy": "m", "instruments": ["AAPL", "IBM"], "timeframes": "1d", "start": desk.day(20)}
        with pytest.warns(Incomplete, match="24 bars are missing"):
            data = desk.retrieval.dataset(**wish, lookback=1, source="desk")
        assert (len(data["AAPL"].df), len(data["IBM"].df)) == (10, 8)
        with pytest.raises(SourceNotFound, match="desk"):
            desk.ingestion.ingest("AAPL", "1d", source="desk")

    def test_options_are_for_those_that_can_be_asked(self, desk: Desk) -> None:
        desk.bl.write("AAPL", "1d", frame(desk.days(20, 10)), source="desk")
        for source in (None, "desk"):
            with pytest.warns(Incomplete, match="10 bars are missing"):
                found = desk.retrieval.bars(
                    "AAPL", "1d", start=desk.day(20), source=source, fetch_missing=True, options={"url": "x"}
                )
            assert closes(found) == expected(desk.days(20, 10))
        wish = {"strategy": "m", "instruments": ["AAPL"], "timeframes": "1d", "start": desk.day(20)}
        with pytest.warns(Incomplete, match="10 bars are missing"):
            data = desk.retrieval.dataset(**wish, source="desk", options={"url": "x"})
        assert len(data["AAPL"].df) == 10

    @pytest.mark.parametrize("order", [["one", "desk"], ["desk", "one"], ["one", "two", "desk"]])
    def test_a_source_that_does_not_know_the_instrument_is_passed_over(self, desk: Desk, order: list[str]) -> None:
        desk.sources["one"].unknown |= {"HOLE", "NONE"}
        desk.sources["two"].unknown |= {"HOLE", "NONE"}
        desk.bl.write("HOLE", "1d", frame(desk.days(20, 10)), source="desk")
        desk.bl.cache.prioritise("*", order, mode="fill")
        with pytest.warns(Incomplete, match=r"10 bars are missing: .* one has no market HOLE"):
            found = desk.retrieval.bars("HOLE", "1d", start=desk.day(20), fetch_missing=True)
        assert closes(found) == expected(desk.days(20, 10))
        with pytest.raises(DataNotFound, match="one has no market NONE"):
            desk.retrieval.bars("NONE", "1d", start=desk.day(20), fetch_missing=True)
        with pytest.raises(DataNotFound, match="one has no market HOLE"):
            desk.retrieval.bars("HOLE", "1d", start=desk.day(20), source="one", fetch_missing=True)

    def test_the_next_source_has_what_the_first_does_not_know(self, desk: Desk) -> None:
        desk.sources["one"].unknown.add("HOLE")
        desk.bl.cache.prioritise("*", ["one", "two"], mode="fill")
        found = desk.retrieval.bars_of(["HOLE", "AAPL"], "1d", start=desk.day(20), fetch_missing=True)
        assert closes(found["HOLE"]) == expected(desk.days(20, 0), 500.0)
        assert found["HOLE"].provenance["availability"]["fetched_from"][-1] == "two"
        assert closes(found["AAPL"]) == expected(desk.days(20, 0))

    def test_a_library_without_these_services_says_so(self, in_memory: BarLedger) -> None:
        alone = DataRetrievalService(in_memory.vault)
        with pytest.raises(CapabilityMissing, match="fetching what is missing"):
            alone.bars("AAPL", "1d", start="2020-01-01", source="one", fetch_missing=True)


class TestDatasets:
    def asked(self, desk: Desk, **options: Any) -> Any:
        wish = {"strategy": "momentum-7", "instruments": ["AAPL", "IBM"], "timeframes": ["1d"], "source": "one"}
        return desk.retrieval.dataset(**(wish | {"start": desk.day(20), "lookback": 10} | options))

    def test_a_dataset_is_fetched_pinned_and_handed_out(self, desk: Desk) -> None:
        data = self.asked(desk)
        assert list(data) == [("AAPL", "1d"), ("IBM", "1d")]
        assert closes(data["AAPL"]) == closes(data["IBM", "1d"]) == expected(desk.days(30, 0))
        snapshot = desk.bl.cache.find(data.id)
        assert (snapshot.purpose, snapshot.strategy) == ("backtest", "momentum-7")
        assert data["AAPL"].version == data.id
        assert {pin.interval for pin in snapshot.pins} == {Interval((desk.today - 30) * DAY, desk.today * DAY)}
        assert data.interval.start == (desk.today - 20) * DAY
        assert data.missing == ()

    def test_nothing_that_happens_later_shows(self, desk: Desk) -> None:
        data = self.asked(desk, id="bt-1", snapshot="event")
        desk.bl.write("AAPL", "1d", frame(desk.days(30, 10), 900.0), source="one")
        assert closes(data["AAPL"]) == expected(desk.days(30, 0))
        panel = data.panel("1d", fields=["close"])
        assert panel["close", "AAPL"].tolist() == list(expected(desk.days(30, 0)).values())
        assert desk.bl.cache.find("bt-1").purpose == "event"
        assert desk.bl.verify("bt-1").ok
        with pytest.raises(NameTaken):
            self.asked(desk, id="bt-1")

    def test_the_same_data_have_the_same_digest(self, desk: Desk) -> None:
        first, second = self.asked(desk), self.asked(desk)
        assert (first.digest, first.id == second.id) == (second.digest, False)
        assert self.asked(desk, lookback=11).digest != first.digest

    def test_what_is_still_missing_is_said(self, desk: Desk) -> None:
        with pytest.warns(Incomplete, match="30 bars are missing"):
            data = self.asked(desk, start=desk.day(305))
        assert [(one.instrument, one.bars) for one in data.missing] == [("AAPL", 15), ("IBM", 15)]
        assert len(data["AAPL"]) == 300

    def test_a_dataset_of_what_is_there(self, desk: Desk) -> None:
        desk.bl.write("AAPL", "1d", frame(desk.days(30, 5)), source="mine")
        data = self.asked(desk, instruments="AAPL", source=None, fetch_missing=False)
        assert closes(data["AAPL"]) == expected(desk.days(30, 5))
        with pytest.raises(SeriesNotFound):
            self.asked(desk, source=None, fetch_missing=False)
        with pytest.raises(InvalidSetting, match="start"):
            self.asked(desk, start=None, lookback=0)

    def test_several_sources_are_pinned_in_their_order(self, desk: Desk) -> None:
        desk.bl.cache.prioritise("*", ["one", "two"], mode="fill")
        data = self.asked(desk, instruments="AAPL", source=None, start=desk.day(320), lookback=0)
        wanted = expected(desk.days(320, 300), 500.0) | expected(desk.days(300, 0))
        assert closes(data["AAPL"]) == wanted
        assert [one.series.source for one in data.manifest.series] == ["one", "two"]
        assert desk.retrieval.reproduce(data.id).same

    def test_the_bytes_can_be_reproduced(self, desk: Desk) -> None:
        data = self.asked(desk)
        desk.bl.write("AAPL", "1d", frame(desk.days(30, 10), 900.0), source="one")
        done = desk.retrieval.reproduce(data.id)
        assert (done.same, bool(done), [one.read_as for one in done.series]) == (True, True, ["snapshot"] * 2)
        assert "the same bytes" in str(done)
        with pytest.raises(VersionNotFound):
            desk.retrieval.reproduce("nothing")


class TestACalendarThatTheSourceTells:
    """The first question can only assume a market that never closes."""

    WISH: ClassVar[dict[str, Any]] = {"start": "2025-06-02", "end": "2025-07-01", "lookback": 100}

    @pytest.fixture
    def market(self, desk: Desk) -> NewYork:
        desk.sources["ny"] = source = NewYork("ny")
        desk.retrieval = DataRetrievalService(
            desk.bl.vault,
            desk.bl.instruments,
            availability=DataAvailabilityService(desk.bl.vault, desk.bl.instruments),
            ingestion=desk.ingestion,
        )
        return source

    def bars(self, desk: Desk, **options: Any) -> Any:
        wish = self.WISH | {"source": "ny", "fetch_missing": True} | options
        return desk.retrieval.bars("IBM", "1d", **wish)

    def dataset(self, desk: Desk, instruments: Any = ("IBM", "AAPL"), **options: Any) -> Any:
        wish = self.WISH | {"source": "ny", "strategy": "m", "timeframes": "1d"} | options
        return desk.retrieval.dataset(instruments=list(instruments), **wish)

    def test_the_first_lookback_is_as_long_as_the_second(self, desk: Desk, market: NewYork) -> None:
        first = self.bars(desk)
        assert first.provenance["lookback"]["found"] == 100
        assert first.provenance["availability"] == {"fetched_from": ["ny"], "complete": True, "missing": []}
        asked = len(market.asked)
        second = self.bars(desk)
        assert (second.digest, len(market.asked)) == (first.digest, asked)

    def test_several_series_reach_as_far_back(self, desk: Desk, market: NewYork) -> None:
        found = desk.retrieval.bars_of(["IBM", "AAPL"], "1d", source="ny", fetch_missing=True, **self.WISH)
        assert [bars.provenance["lookback"]["found"] for bars in found.values()] == [100, 100]
        assert {name for name, _ in market.asked} == {"IBM", "AAPL"}

    @pytest.mark.usefixtures("market")
    def test_the_first_dataset_is_the_second(self, desk: Desk) -> None:
        first, second = self.dataset(desk), self.dataset(desk)
        assert first.digest == second.digest
        assert [len(bars) for bars in first.values()] == [100 + 20] * 2
        assert first.missing == second.missing == ()

    @pytest.mark.usefixtures("market")
    def test_of_a_fill_order_each_source_may_tell_it(self, desk: Desk) -> None:
        desk.sources["late"] = NewYork("late", since="2025-05-01")
        desk.bl.cache.prioritise("*", ["late", "ny"], mode="fill")
        first = self.bars(desk, source=None)
        assert first.provenance["lookback"]["found"] == 100
        assert first.provenance["availability"]["fetched_from"] == ["late", "ny"]
        assert self.bars(desk, source=None).digest == first.digest

    def test_a_source_that_begins_later_is_said(self, desk: Desk, market: NewYork) -> None:
        market.sessions = {day for day in market.sessions if day * DAY >= parse_time("2025-05-01")}
        for _ in range(2):
            with pytest.warns(Incomplete, match="79 bars are missing"):
                found = self.bars(desk)
            assert (found.provenance["lookback"]["found"], found.provenance["availability"]["complete"]) == (21, False)
            with pytest.warns(Incomplete, match="79 bars are missing"):
                data = self.dataset(desk, ["IBM"])
            assert sum(one.bars for one in data.missing) == 79

    def test_a_lookback_before_the_listing_is_said(self, desk: Desk, market: NewYork) -> None:
        market.first_trade = parse_time("2025-05-01T13:30:00Z")
        market.sessions = {day for day in market.sessions if day * DAY >= parse_time("2025-05-01")}
        with pytest.warns(Incomplete, match=r"79 bars are missing: .*not_listed"):
            found = self.bars(desk)
        (missing,) = found.provenance["availability"]["missing"]
        assert (missing["reason"], missing["bars"]) == ("not_listed", 79)
        with pytest.warns(Incomplete, match="79 bars are missing"):
            data = self.dataset(desk, ["IBM"])
        assert [(one.reason, one.bars) for one in data.missing] == [("not_listed", 79)]

    @pytest.mark.usefixtures("market")
    def test_a_dataset_of_what_is_there_tells_a_short_lookback(self, desk: Desk) -> None:
        self.bars(desk, lookback=30)
        with pytest.warns(Incomplete, match=r"70 bars are missing: .*30 of 100 are there"):
            data = self.dataset(desk, ["IBM"], fetch_missing=False)
        assert [(one.reason, one.bars) for one in data.missing] == [("short_lookback", 70)]

    def test_a_declared_calendar_stays_whatever_the_source_tells(self, desk: Desk, market: NewYork) -> None:
        desk.bl.instruments.declare("IBM", calendar="24/7")
        with pytest.warns(Incomplete):
            found = self.bars(desk)
        assert found.provenance["availability"]["fetched_from"] == ["ny"]
        assert len(market.asked) == 1


class TestALookbackUpToNow:
    def test_it_counts_closed_bars(self, desk: Desk) -> None:
        found = desk.retrieval.bars("AAPL", "1d", start=desk.day(-3), lookback=20, source="one", fetch_missing=True)
        assert closes(found) == expected(desk.days(20, 0))
        assert found.provenance["availability"]["complete"]


class TestAnotherMachine:
    """A second library that got its bars by itself, or as a copy of the first."""

    @pytest.fixture
    def data(self, desk: Desk) -> Any:
        return desk.retrieval.dataset(
            strategy="m", instruments=["AAPL", "IBM"], timeframes="1d", start=desk.day(20), source="one"
        )

    def test_the_same_bars_are_the_same_bytes(
        self, desk: Desk, data: Any, in_memory: BarLedger, tmp_path: Path
    ) -> None:
        manifest = data.save_manifest(tmp_path / "data.json")
        other = Desk(in_memory)
        with pytest.raises(VersionNotFound):
            other.retrieval.reproduce(data.id)
        nothing = other.retrieval.reproduce(data.id, manifest=manifest)
        assert (nothing.same, nothing.series[0].detail) == (False, "this library has no bars of it")
        for name in ("AAPL", "IBM"):
            other.retrieval.bars(name, "1d", start=desk.day(50), source="one", fetch_missing=True)
        done = other.retrieval.reproduce(data.id, manifest=manifest)
        assert (done.same, [one.read_as for one in done.series]) == (True, ["latest"] * 2)
        assert other.retrieval.reproduce(data.id, manifest=data.manifest).same

    def test_one_other_bar_is_found(self, desk: Desk, data: Any, in_memory: BarLedger) -> None:
        other = Desk(in_memory)
        for name in ("AAPL", "IBM"):
            other.retrieval.bars(name, "1d", start=desk.day(50), source="one", fetch_missing=True)
        in_memory.write("IBM", "1d", frame([desk.today - 7], 100.001), source="one")
        done = other.retrieval.reproduce(data.id, manifest=data.manifest)
        assert [one.same for one in done.series] == [True, False]
        assert "instead of" in done.series[1].detail
        assert not done

    def test_a_copy_of_the_library_reads_the_same_revisions(self, desk: Desk, data: Any, tmp_path: Path) -> None:
        desk.bl.back_up(tmp_path / "copy")
        desk.bl.write("AAPL", "1d", frame(desk.days(20, 10), 900.0), source="one")
        import barledger  # noqa: PLC0415 - only here

        with barledger.connect(tmp_path / "copy") as copy:
            assert copy.retrieval.reproduce(data.id).same
            assert copy.retrieval.reproduce(data.id, manifest=data.manifest).same

    def test_a_manifest_of_something_else_is_refused(self, desk: Desk, data: Any) -> None:
        with pytest.raises(InvalidSetting, match=f"it is of {data.id}, not of other"):
            desk.retrieval.reproduce("other", manifest=data.manifest)

    def test_a_manifest_comes_back_as_it_was(self, data: Any, tmp_path: Path) -> None:
        path = data.save_manifest(tmp_path / "m.json")
        assert Manifest.load(path, data.manifest.format) == data.manifest
        assert Manifest.load(path, data.manifest.format).to_bytes() == path.read_bytes()
        start = format_time(data.manifest.series[0].interval.start)
        assert f'"start": "{start}"' in path.read_text()
        assert intersection([one.interval for one in data.manifest.series], [data.interval])
