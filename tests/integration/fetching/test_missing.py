"""Fetching what is missing while reading."""

import pytest

from barledger import BarLedger
from barledger.errors import (
    CapabilityMissing,
    DataNotFound,
    Incomplete,
    InvalidSetting,
    SourceNotFound,
    SourceUnavailable,
)
from barledger.services.retrieval import DataRetrievalService
from desks import Desk
from libraries import closes, expected, frame


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


class TestALookbackUpToNow:
    def test_it_counts_closed_bars(self, desk: Desk) -> None:
        found = desk.retrieval.bars("AAPL", "1d", start=desk.day(-3), lookback=20, source="one", fetch_missing=True)
        assert closes(found) == expected(desk.days(20, 0))
        assert found.provenance["availability"]["complete"]
