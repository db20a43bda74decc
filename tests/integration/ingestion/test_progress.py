"""What is told of an ingestion, meanwhile and afterwards."""

import json
from threading import Event

import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval, everything
from barledger.domain.timeframe import DAY
from barledger.ledger.contract import Cover, Symbol
from barledger.services.ingestion.progress import Advanced, Finished, Started
from barledger.services.ingestion.progress import Event as Told
from days import asked, days_of
from scripted import Market, ScriptedSource, SetClock, service


def test_progress_tells_rate_and_remaining_time(bl: BarLedger, clock: SetClock) -> None:
    def slow(source: ScriptedSource, request: object) -> None:  # noqa: ARG001 - every fault has them
        clock.now += 2 * 10**9

    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[slow] * 20)
    events: list[Told] = []
    service(bl, clock, source).ingest(
        "A", "1d", source="scripted", start=900 * DAY, end=1_000 * DAY, progress=events.append
    )
    assert isinstance(events[0], Started)
    assert events[0].total == 100
    advanced = [one for one in events if isinstance(one, Advanced)]
    assert [one.bars for one in advanced] == list(range(10, 101, 10))
    assert all(one.done <= 100 and one.total == 100 and one.rate > 0 for one in advanced)
    assert advanced[-1].remaining == 0
    assert all(one.remaining is not None for one in advanced)
    assert isinstance(events[-1], Finished)
    assert events[-1].report.state == "done"
    with pytest.raises(AttributeError):
        events[0].total = 3  # type: ignore[misc]


def test_the_audit_log_tells_where_bars_come_from(bl: BarLedger, clock: SetClock) -> None:
    symbol = Symbol(instrument="A", source="scripted", native="a-native", valid=everything())
    bl.vault.ledger.symbols.add(symbol, bl.vault.who("add"))
    source = ScriptedSource({"a-native": Market(listed=990 * DAY)}, clock)
    service(bl, clock, source).ingest("A", "1d", source="scripted", start=980 * DAY, reason="first load")
    entries = [json.loads(one.body) for one in bl.audit.entries(operation="ingest")]
    told = entries[0]["details"]["A 1d from scripted"]["provenance"]
    assert told["source"] == "scripted"
    assert told["symbol"] == "a-native"
    assert told["library"] == "scripted 1.0"
    assert told["asked"].startswith("page of 10 from")
    assert told["bars"] == "10"
    assert int(told["received_at"]) == clock.now
    assert told["interval"]["start"] == "1972-09-07T00:00:00Z"
    assert entries[0]["reason"] == "first load"


def test_facts_and_events_of_the_source_reach_the_ledger(bl: BarLedger, clock: SetClock) -> None:
    event = CorporateAction(instrument="A", ex_date=995 * DAY, kind="cash_dividend", source="scripted", value=0.5)
    facts = Facts(pattern="A", origin="scripted", kind="crypto", currency="USD")
    source = ScriptedSource({"A": Market(listed=990 * DAY, actions=[event])}, clock, facts=facts, gives_events=True)
    service(bl, clock, source).ingest("A", "1d", source="scripted")
    assert bl.instruments.describe("A").currency == "USD"
    (found,) = bl.vault.ledger.actions.list(instrument="A")
    assert (found.ex_date, found.value) == (995 * DAY, 0.5)


def test_a_cover_that_somebody_else_noted_counts(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, page=200)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted", start=950 * DAY)
    (series,) = {one.series for one in bl.cache.series()}
    cover = Cover(series=series, interval=Interval(900 * DAY, 940 * DAY), outcome="source_empty")
    bl.vault.ledger.catalog.cover([cover], bl.vault.who("test"))
    source.requests.clear()
    assert ingestion.ingest("A", "1d", source="scripted", start=900 * DAY).new == 10
    assert asked(source) == [("A", 940)]


def test_a_task_can_be_stopped_and_goes_on_later(bl: BarLedger, clock: SetClock) -> None:
    stop = Event()

    def end(event: Told) -> None:
        if isinstance(event, Advanced) and event.bars >= 30:
            stop.set()

    source = ScriptedSource({"A": Market(listed=900 * DAY), "B": Market(listed=900 * DAY)}, clock)
    ingestion = service(bl, clock, source)
    done = ingestion.ingest(["A", "B"], "1d", source="scripted", start=900 * DAY, progress=end, stop=stop)
    assert done.not_done
    assert 30 <= done.new < 200
    assert ingestion.ingest(["A", "B"], "1d", source="scripted", start=900 * DAY).ok
    assert days_of(bl, "A") == days_of(bl, "B") == list(range(900, 1_000))
