"""Whole datasets: nothing is handed out before it is pinned."""

from typing import Any

import numpy as np
import pytest

from barledger.domain.interval import Interval
from barledger.domain.timeframe import DAY
from barledger.errors import Incomplete, InvalidSetting, NameTaken, SeriesNotFound, VersionNotFound
from desks import Desk
from libraries import closes, expected, frame


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

    def test_indicators_are_computed_on_what_is_fetched_with_their_warm_up(self, desk: Desk) -> None:
        specs = ["sma(10)", "rsi(3)"]
        data = self.asked(desk, indicators=specs, lookback=0, id="bt-2")
        warmup = desk.bl.indicators.warmup(specs)
        assert {pin.interval for pin in desk.bl.cache.find("bt-2").pins} == {
            Interval((desk.today - 20 - warmup) * DAY, desk.today * DAY)
        }
        found = data.indicators("IBM")
        assert (len(found), found.warmup_complete) == (20, True)
        assert data.frame("IBM").columns.tolist()[-2:] == specs
        assert desk.retrieval.reproduce("bt-2").same
        stored = desk.bl.indicators.calculate(specs, "IBM", "1d", start=desk.day(20), source="one")
        np.testing.assert_array_equal(found.values("sma(10)"), stored.values("sma(10)"))

    def test_a_warm_up_that_the_source_does_not_have_is_said(self, desk: Desk) -> None:
        with pytest.warns(Incomplete, match="bars are missing"):
            data = self.asked(desk, indicators="sma(10)", start=desk.day(295), lookback=0)
        found = data.indicators("AAPL")
        assert not found.warmup_complete
        assert (found.standings["sma(10)"].had, found.standings["sma(10)"].needed) == (5, 9)

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
