"""Several instruments at once."""

from pathlib import Path
from threading import Event

import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import CapabilityMissing, DataNotFound, InvalidSetting, ReadOnly
from barledger.ledger.sql import SqlLedger
from barledger.services.cache.commit import Written
from barledger.settings import Settings
from barledger.stores.embedded import EmbeddedStore
from days import days_of
from scripted import Market, ScriptedSource, SetClock, clocked, service


def test_the_failure_of_one_stops_none_of_the_others(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({name: Market(listed=900 * DAY) for name in "ABDE"}, clock, concurrency=2)
    done = service(bl, clock, source).ingest(list("ABCDEA"), "1d", source="scripted")
    assert [one.state for one in done.instruments] == ["done", "done", "failed", "done", "done"]
    assert not done.ok
    (failed,) = done.failed
    assert isinstance(failed.error, DataNotFound)
    assert done.new == 400
    assert isinstance(done, Written)
    assert {one.instrument for one in done.series} == set("ABCDE")


def test_of_a_single_instrument_the_error_is_raised(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({}, clock)
    with pytest.raises(DataNotFound):
        service(bl, clock, source).ingest("A", "1d", source="scripted")
    with pytest.raises(DataNotFound):
        service(bl, clock, source).ingest(["A", "A"], "1d", source="scripted")
    assert source.closed


def test_a_timeframe_that_the_source_lacks_is_refused_before_anything_is_asked(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(), "B": Market()}, clock, timeframes=frozenset({"1d"}))
    with pytest.raises(CapabilityMissing):
        service(bl, clock, source).ingest(["A", "B"], "1h", source="scripted")
    assert not source.requests


def test_as_many_threads_ask_as_the_source_allows(bl: BarLedger, clock: SetClock) -> None:
    both, busy = Event(), []

    def meet(source: ScriptedSource, request: object) -> None:  # noqa: ARG001 - every fault has them
        busy.append(1)
        if len(busy) == 2:
            both.set()
        assert both.wait(30)

    markets = {name: Market(listed=990 * DAY) for name in "ABCDEF"}
    source = ScriptedSource(markets, clock, concurrency=2, script=[meet, meet], page=50)
    assert service(bl, clock, source).ingest(list(markets), "1d", source="scripted").new == 60


def test_one_thread_asks_at_a_time_where_the_source_allows_no_more(bl: BarLedger, clock: SetClock) -> None:
    inside: list[str] = []

    def alone(source: ScriptedSource, request: object) -> None:  # noqa: ARG001 - every fault has them
        inside.append("in")
        assert len(inside) == 1
        Event().wait(0.002)
        inside.pop()

    markets = {name: Market(listed=980 * DAY) for name in "ABCDEF"}
    source = ScriptedSource(markets, clock, script=[alone] * 18)
    assert service(bl, clock, source).ingest(list(markets), "1d", source="scripted").new == 120


def test_a_source_that_is_made_already_is_used_and_stays_open(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=990 * DAY)}, clock, name="mine")
    assert bl.ingest("A", "1d", source=source).new == 10
    assert days_of(bl, source="mine") == list(range(990, 1_000))
    assert not source.closed
    with pytest.raises(InvalidSetting):
        bl.ingest("A", "1d", source=source, options={"a": 1})


def test_nothing_is_asked_by_a_session_that_cannot_write(clock: SetClock, tmp_path: Path) -> None:
    clocked(EmbeddedStore(tmp_path), clock, f"sqlite:///{tmp_path / 'ledger.sqlite'}").close()
    ledger = SqlLedger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}", read_only=True)
    reader = BarLedger(EmbeddedStore(tmp_path, read_only=True), ledger, settings=Settings(), read_only=True)
    source = ScriptedSource({"A": Market()}, clock)
    with pytest.raises(ReadOnly):
        reader.ingest("A", "1d", source=source)
    assert not source.requests
    reader.close()
