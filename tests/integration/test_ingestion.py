"""Ingestion: only what is lacking is asked for, only closed bars are kept, and one that fails stops nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import stamina

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval, everything, format_time
from barledger.domain.timeframe import DAY, HOUR, Timeframe
from barledger.errors import (
    CapabilityMissing,
    DataNotFound,
    InvalidInterval,
    InvalidSetting,
    OutOfReach,
    RateLimited,
    ReadOnly,
    SourceError,
    SourceUnavailable,
)
from barledger.ledger.contract import Cover, Symbol
from barledger.ledger.sql import SqlLedger
from barledger.services.cache.commit import Written
from barledger.services.ingestion import Budget
from barledger.services.ingestion.progress import Advanced, Finished, Retrying, Started
from barledger.services.ingestion.progress import Event as Told
from barledger.services.ingestion.retries import Retries
from barledger.settings import Settings
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from places import ON_SQLITE, place_called
from scripted import NOON, Market, ScriptedSource, SetClock, clocked, service

TODAY = 1_000
MEMORY = pytest.param(None, id="memory")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(TODAY * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def days_of(bl: BarLedger, instrument: str = "A", source: str = "scripted") -> list[int]:
    return [int(time) // DAY for time in bl.bars(instrument, "1d", source=source).time]


def coverage(bl: BarLedger, instrument: str = "A") -> dict[str, list[tuple[float, float]]]:
    """Return the stretches by outcome, in days."""
    (series,) = {one.series for one in bl.cache.series(instrument=instrument)} or {None}
    found: dict[str, list[tuple[float, float]]] = {}
    for cover in bl.vault.ledger.catalog.coverage(series):
        found.setdefault(cover.outcome, []).append((cover.interval.start / DAY, cover.interval.end / DAY))
    return found


def asked(source: ScriptedSource) -> list[tuple[str, float]]:
    """Return who was asked for and from which day on, and forget it."""
    found = [(instrument, start / DAY) for instrument, start, _ in source.requests]
    source.requests.clear()
    return found


# --- what is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize("param", [MEMORY, *ON_SQLITE])
def test_what_was_answered_is_not_asked_for_again(
    param: tuple[str, str] | None, clock: SetClock, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, page=30)
    if param is None:
        _tell_the_story(clocked(MemoryStore(), clock), clock, source)
        return
    with place_called(param, request, tmp_path) as place:
        _tell_the_story(clocked(place.open_store(), clock, place.ledger), clock, source)


def _tell_the_story(bl: BarLedger, clock: SetClock, source: ScriptedSource) -> None:
    ingestion = service(bl, clock, source)
    done = ingestion.ingest("A", "1d", source="scripted", start=950 * DAY)
    assert (done.new, done.dropped, done.ok) == (50, 1, True)
    assert days_of(bl) == list(range(950, 1000))
    assert len(asked(source)) == 2
    again = ingestion.ingest("A", "1d", source="scripted", start=950 * DAY)
    assert (again.new, again.same, asked(source)) == (0, 0, [])
    assert again.instruments[0].state == "current"
    clock.now += 2 * DAY
    later = ingestion.ingest("A", "1d", source="scripted")
    assert (later.new, asked(source)) == (2, [("A", 1000)])
    earlier = ingestion.ingest("A", "1d", source="scripted", start=940 * DAY)
    assert (earlier.new, asked(source)) == (10, [("A", 940)])
    assert days_of(bl) == list(range(940, 1002))
    assert coverage(bl) == {"fetched": [(940, 1002)]}
    bl.close()


def test_without_a_start_it_begins_where_the_source_does_then_where_the_series_ends(
    bl: BarLedger, clock: SetClock
) -> None:
    source = ScriptedSource({"A": Market(listed=985 * DAY)}, clock)
    ingestion = service(bl, clock, source)
    assert ingestion.ingest("A", "1d", source="scripted").new == 15
    assert source.requests[0][1] < 0
    source.requests.clear()
    clock.now += DAY
    assert ingestion.ingest("A", "1d", source="scripted").new == 1
    assert asked(source) == [("A", 1000)]


def test_an_end_in_the_past_is_kept_to(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock)
    ingestion = service(bl, clock, source)
    assert ingestion.ingest("A", "1d", source="scripted", start=910 * DAY, end=920 * DAY).new == 10
    assert ingestion.ingest("A", "1d", source="scripted", start=905 * DAY, end=925 * DAY).new == 10
    assert days_of(bl) == list(range(905, 925))
    source.requests.clear()
    assert ingestion.ingest("A", "1d", source="scripted", end=925 * DAY).new == 0
    assert asked(source) == []


def test_an_end_before_the_start_is_refused(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market()}, clock)
    with pytest.raises(InvalidInterval):
        service(bl, clock, source).ingest("A", "1d", source="scripted", start="2000-01-02", end="2000-01-01")
    assert not source.requests


def test_a_start_in_the_future_asks_for_nothing(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market()}, clock)
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", start=2_000 * DAY)
    assert (done.instruments[0].state, source.requests) == ("current", [])
    assert done.instruments[0].notes == ("nothing to ask for: none of its bars has closed yet",)


@pytest.mark.parametrize("proof", [True, False])
def test_an_empty_answer_settles_what_it_proves(bl: BarLedger, clock: SetClock, *, proof: bool) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, empty_is_proof=proof)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, end=910 * DAY)
    ingestion.ingest("A", "1d", source="scripted", start=800 * DAY, end=850 * DAY)
    outcome = "source_empty" if proof else "unconfirmed"
    assert coverage(bl) == {"fetched": [(900, 910)], outcome: [(800, 850)]}
    source.requests.clear()
    ingestion.ingest("A", "1d", source="scripted", start=800 * DAY, end=850 * DAY)
    assert asked(source) == ([] if proof else [("A", 800)])


def test_what_a_late_source_does_not_have_yet_is_asked_for_again(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=980 * DAY, gone={998 * DAY, 999 * DAY})
    source = ScriptedSource({"A": market}, clock, page=50, empty_is_proof=True)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted", start=980 * DAY)
    market.gone.clear()
    source.requests.clear()
    done = ingestion.ingest("A", "1d", source="scripted", start=980 * DAY)
    assert (done.new, asked(source)) == (2, [("A", 998)])


def test_what_has_long_been_over_stays_settled(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=500 * DAY, gone={day * DAY for day in range(600, 1_100)})
    source = ScriptedSource({"A": market}, clock, page=500)
    ingestion = service(bl, clock, source)
    assert ingestion.ingest("A", "1d", source="scripted").new == 100
    source.requests.clear()
    clock.now += DAY
    ingestion.ingest("A", "1d", source="scripted")
    assert [start for _, start in asked(source)] >= [997]


def test_an_answer_that_may_lack_bars_answers_only_for_those_it_has(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY, gone={910 * DAY, 911 * DAY})
    source = ScriptedSource({"A": market}, clock, page=50, complete=False)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, end=920 * DAY)
    assert coverage(bl) == {"fetched": [(900, 910), (912, 920)], "unconfirmed": [(910, 912)]}
    market.gone.clear()
    source.requests.clear()
    assert ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, end=920 * DAY).new == 2
    assert asked(source) == [("A", 910)]


def test_many_holes_are_asked_for_in_a_few_stretches(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=500 * DAY, gone={day * DAY for day in range(501, 1_000, 2)})
    source = ScriptedSource({"A": market}, clock, page=1_000, complete=False)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted", start=500 * DAY)
    market.gone.clear()
    source.requests.clear()
    assert ingestion.ingest("A", "1d", source="scripted", start=500 * DAY).new == 250
    assert len(source.requests) <= 20


def test_a_history_that_reaches_back_so_far_is_not_asked_beyond(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market()}, clock, page=100, history={"1d": 30 * DAY})
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY)
    assert done.new == 29
    assert done.instruments[0].out_of_reach == Interval(900 * DAY, 971 * DAY)
    assert done.instruments[0].notes[0].endswith("scripted serves no bars that old")
    assert asked(source) == [("A", 971)]
    ingestion = service(bl, clock, source)
    again = ingestion.ingest("A", "1d", source="scripted", start=900 * DAY)
    assert (again.instruments[0].state, again.instruments[0].out_of_reach) == (
        "current",
        Interval(900 * DAY, 971 * DAY),
    )
    with pytest.raises(OutOfReach, match="1d bars of"):
        ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, end=950 * DAY)
    with pytest.raises(OutOfReach):
        ingestion.ingest("A", "1d", source="scripted", refresh=(900 * DAY, 950 * DAY))
    assert ingestion.ingest("A", "1d", source="scripted", start=980 * DAY).instruments[0].notes == (
        "nothing to ask for: all of it was answered before",
    )


def test_what_passes_out_of_reach_between_two_calls_is_told(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market()}, clock, page=100, history={"1d": 30 * DAY})
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    clock.now += 50 * DAY
    (report,) = ingestion.ingest("A", "1d", source="scripted").instruments
    assert (report.state, report.written.new) == ("done", 29)
    assert report.out_of_reach is not None
    assert report.out_of_reach.end == 1_021 * DAY


def test_bars_of_a_caller_are_asked_for_since_no_source_gave_them(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=200)
    bl.write("A", "1d", [_bar(950, 1.0)], source="scripted")
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY)
    assert (done.new, done.changed) == (99, 1)


def _bar(day: int, value: float) -> dict[str, object]:
    prices = dict.fromkeys(("open", "high", "low", "close"), value)
    return {"time": format_time(day * DAY), **prices, "volume": 1.0}


# --- closed bars only ----------------------------------------------------------------------------


def test_a_bar_that_closes_while_the_answer_is_under_way_is_not_taken(bl: BarLedger, clock: SetClock) -> None:
    def slow(source: ScriptedSource, request: object) -> None:  # noqa: ARG001 - every fault has them
        clock.now = 1_001 * DAY + 1

    clock.now = 1_001 * DAY - 1
    source = ScriptedSource({"A": Market(listed=990 * DAY)}, clock, script=[slow], page=50)
    done = service(bl, clock, source).ingest("A", "1d", source="scripted")
    assert days_of(bl) == list(range(990, 1_000))
    assert (done.dropped, done.future) == (2, 0)


def test_a_bar_of_the_future_is_dropped_and_counted(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=990 * DAY)}, lambda: clock.now + 5 * DAY, page=50)
    done = service(bl, clock, source).ingest("A", "1d", source="scripted")
    assert (done.new, done.dropped, done.future) == (10, 1, 5)
    assert coverage(bl) == {"fetched": [(990, 1_000)]}


def test_hours_close_on_the_hour(bl: BarLedger, clock: SetClock) -> None:
    clock.now = 1_000 * DAY + 90 * 60 * 10**9
    source = ScriptedSource({"A": Market(timeframe=Timeframe.of("1h"), listed=999 * DAY)}, clock, page=7)
    ingestion = service(bl, clock, source)
    assert ingestion.ingest("A", "1h", source="scripted").new == 25
    source.requests.clear()
    clock.now += HOUR
    assert ingestion.ingest("A", "1h", source="scripted", start=999 * DAY).new == 1
    assert [start for _, start in asked(source)] == [1_000 + 1 / 24]


def test_the_clock_of_the_ledger_going_back_loses_nothing(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=990 * DAY)}, clock)
    ingestion = service(bl, clock, source)
    assert ingestion.ingest("A", "1d", source="scripted").new == 10
    clock.now -= 5 * DAY
    assert ingestion.ingest("A", "1d", source="scripted").new == 0
    assert ingestion.ingest("A", "1d", source="scripted", refresh=8).changed == 0
    assert days_of(bl) == list(range(990, 1_000))
    clock.now += 8 * DAY
    assert ingestion.ingest("A", "1d", source="scripted").new == 3
    assert days_of(bl) == list(range(990, 1_003))


# --- seeing bars again ---------------------------------------------------------------------------


def test_refresh_sees_corrections_of_the_last_bars(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=200)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.corrected = {995 * DAY: 5, 950 * DAY: 7}
    assert ingestion.ingest("A", "1d", source="scripted").changed == 0
    source.requests.clear()
    done = ingestion.ingest("A", "1d", source="scripted", refresh=10)
    assert (done.changed, done.same, asked(source)) == (1, 9, [("A", 990)])
    done = ingestion.ingest("A", "1d", source="scripted", refresh=(940 * DAY, 960 * DAY))
    assert (done.changed, done.same, asked(source)) == (1, 19, [("A", 940)])
    done = ingestion.ingest("A", "1d", source="scripted", refresh=Interval(940 * DAY, 945 * DAY), start=900 * DAY)
    assert (done.same, asked(source)) == (5, [("A", 940)])
    assert ingestion.ingest("A", "1d", source="scripted", refresh=10_000).same == 100


@pytest.mark.parametrize("refresh", [0, -1, True, "10", (1, 2, 3), 1.5])
def test_a_refresh_that_says_nothing_is_refused(bl: BarLedger, clock: SetClock, refresh: object) -> None:
    source = ScriptedSource({"A": Market()}, clock)
    with pytest.raises(InvalidSetting, match="refresh"):
        service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=refresh)  # type: ignore[arg-type]


# --- several instruments -------------------------------------------------------------------------


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


# --- retries -------------------------------------------------------------------------------------


def unavailable() -> SourceUnavailable:
    return SourceUnavailable(source="scripted", detail="no answer")


def test_what_may_pass_is_tried_again_behind_the_last_chunk(bl: BarLedger, clock: SetClock) -> None:
    script = [None, None, unavailable(), unavailable(), None]
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=script)
    events: list[Told] = []
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY, progress=events.append)
    assert done.new == 100
    assert [round(start) for _, start in asked(source)][:6] == [900, 909, 919, 919, 919, 929]
    assert clock.slept == [0.5, 1.0]
    assert [(one.attempt, one.wait) for one in events if isinstance(one, Retrying)] == [(1, 0.5), (2, 1.0)]


def test_a_retry_is_told_as_an_event_and_not_logged(
    bl: BarLedger, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    source = ScriptedSource({"A": Market()}, clock, script=[unavailable()])
    events: list[object] = []
    service(bl, clock, source).ingest("A", "1d", source="scripted", progress=events.append)
    assert sum(isinstance(one, Retrying) for one in events) == 1
    assert caplog.records == []
    _retried_by_somebody_else()
    assert [one.name for one in caplog.records] == ["stamina"]


def _retried_by_somebody_else() -> None:
    for attempt in stamina.retry_context(on=OSError, attempts=2, wait_initial=0, wait_jitter=0):
        with attempt:
            if attempt.num == 1:
                raise OSError


def test_a_source_says_when_to_ask_again(bl: BarLedger, clock: SetClock) -> None:
    limited = RateLimited(source="scripted", detail="too many", retry_after=17.0)
    source = ScriptedSource({"A": Market(listed=990 * DAY)}, clock, script=[limited])
    assert service(bl, clock, source).ingest("A", "1d", source="scripted").new == 10
    assert clock.slept == [17.5]


def test_retries_are_bounded_in_number_and_in_time(bl: BarLedger, clock: SetClock) -> None:
    market = {"A": Market(listed=990 * DAY)}
    source = ScriptedSource(market, clock, script=[unavailable() for _ in range(100)])
    with pytest.raises(SourceUnavailable):
        service(bl, clock, source, retries=Retries(attempts=4)).ingest("A", "1d", source="scripted")
    assert (len(source.requests), len(clock.slept)) == (4, 3)
    patient = RateLimited(source="scripted", detail="tomorrow", retry_after=86_400.0)
    source = ScriptedSource(market, clock, script=[patient])
    with pytest.raises(RateLimited):
        service(bl, clock, source).ingest("A", "1d", source="scripted")
    assert len(clock.slept) == 3


def test_what_will_not_pass_is_not_tried_again(bl: BarLedger, clock: SetClock) -> None:
    script = [None, SourceError(source="scripted", detail="HTML instead of JSON")]
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=script)
    with pytest.raises(SourceError, match="HTML"):
        service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY)
    assert (len(source.requests), clock.slept) == (2, [])
    assert days_of(bl) == list(range(900, 910))


def test_a_failure_is_noted_with_its_error_and_asked_for_again(bl: BarLedger, clock: SetClock) -> None:
    script = [None, *[unavailable() for _ in range(6)]]
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=script)
    ingestion = service(bl, clock, source)
    with pytest.raises(SourceUnavailable):
        ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, end=950 * DAY)
    (series,) = {one.series for one in bl.cache.series()}
    failed = [one for one in bl.vault.ledger.catalog.coverage(series) if one.outcome == "fetch_failed"]
    assert [(one.interval.end, "no answer" in one.detail) for one in failed] == [(950 * DAY, True)]
    ingestion.ingest("A", "1d", source="scripted", start=960 * DAY)
    assert ingestion.ingest("A", "1d", source="scripted").new == 40
    assert coverage(bl) == {"fetched": [(900, 950), (960, 1_000)]}


def test_a_defect_in_a_source_is_an_error_of_the_source(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[None, KeyError("Close")])
    with pytest.raises(SourceError, match="KeyError: 'Close'"):
        service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY)
    assert days_of(bl) == list(range(900, 910))


# --- budgets -------------------------------------------------------------------------------------


def test_a_budget_of_calls_is_kept_to_and_the_rest_is_told(bl: BarLedger, clock: SetClock) -> None:
    markets = {name: Market(listed=900 * DAY) for name in "ABC"}
    source = ScriptedSource(markets, clock)
    ingestion = service(bl, clock, source)
    spent = 0
    for _ in range(20):
        done = ingestion.ingest(list("ABC"), "1d", source="scripted", start=900 * DAY, budget=Budget(calls=4))
        assert done.calls <= 4
        spent += done.calls
        if done.ok:
            break
        assert done.not_done
        assert done.not_done[0].left
    assert done.ok
    assert spent == len(source.requests)
    assert days_of(bl, "A") == days_of(bl, "C") == list(range(900, 1_000))
    assert len({(name, start) for name, start, _ in source.requests}) == len(source.requests)


def test_a_budget_of_time_is_kept_to(bl: BarLedger, clock: SetClock) -> None:
    def slow(source: ScriptedSource, request: object) -> None:  # noqa: ARG001 - every fault has them
        clock.now += 10 * 10**9

    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[slow] * 20)
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", budget=Budget(seconds=35))
    assert (done.new, done.calls, done.instruments[0].state) == (40, 4, "not_done")
    assert done.instruments[0].left == (Interval(940 * DAY, 1_000 * DAY),)


def test_a_wait_beyond_the_budget_is_not_begun(bl: BarLedger, clock: SetClock) -> None:
    limited = RateLimited(source="scripted", detail="too many", retry_after=60.0)
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[limited])
    with pytest.raises(RateLimited):
        service(bl, clock, source).ingest("A", "1d", source="scripted", budget=Budget(seconds=30))
    assert clock.slept == []


@pytest.mark.parametrize("budget", [{"calls": -1}, {"seconds": -0.5}, {"seconds": float("nan")}])
def test_a_budget_below_nothing_is_refused(budget: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting):
        Budget(**budget)  # type: ignore[arg-type]


def test_a_budget_of_nothing_asks_for_nothing(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, facts=Facts(pattern="A", origin="scripted"))
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", budget=Budget(calls=0))
    assert (done.instruments[0].state, source.requests) == ("not_done", [])


# --- what is told ----------------------------------------------------------------------------------


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
