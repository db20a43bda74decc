"""What is asked for, what is taken of the answer, and what is seen again."""

from pathlib import Path

import pytest

from barledger.barledger import BarLedger
from barledger.domain.interval import Interval, format_time
from barledger.domain.timeframe import DAY, HOUR, Timeframe
from barledger.errors import InvalidInterval, InvalidSetting, OutOfReach
from barledger.stores.memory import MemoryStore
from days import asked, coverage, days_of
from places import ON_SQLITE, place_called
from scripted import Market, ScriptedSource, SetClock, clocked, service

MEMORY = pytest.param(None, id="memory")


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
    clock.now += 3 * DAY
    done = ingestion.ingest("A", "1d", source="scripted", refresh=10)
    assert (done.same, done.new) == (10, 3)


@pytest.mark.parametrize("refresh", [0, -1, True, "10", (1, 2, 3), 1.5])
def test_a_refresh_that_says_nothing_is_refused(bl: BarLedger, clock: SetClock, refresh: object) -> None:
    source = ScriptedSource({"A": Market()}, clock)
    with pytest.raises(InvalidSetting, match="refresh"):
        service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=refresh)  # type: ignore[arg-type]
