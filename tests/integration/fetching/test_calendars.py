"""Calendars that a source tells as it is asked for bars."""

from typing import Any, ClassVar

import pytest

from barledger.domain.interval import parse_time
from barledger.domain.timeframe import DAY
from barledger.errors import Incomplete
from barledger.services.availability import DataAvailabilityService
from barledger.services.retrieval import DataRetrievalService
from desks import Desk, NewYork


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
