"""What is tried again, and within which budget."""

from dataclasses import replace
from threading import Event

import pytest
import stamina

from barledger.barledger import BarLedger
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import InvalidSetting, RateLimited, SourceError, SourceUnavailable
from barledger.services.ingestion import Budget
from barledger.services.ingestion.budget import Spending
from barledger.services.ingestion.fetching import Asking, ask
from barledger.services.ingestion.progress import Event as Told
from barledger.services.ingestion.progress import Retrying
from barledger.services.ingestion.retries import Retries
from barledger.sources.contract import FetchRequest
from days import asked, coverage, days_of
from scripted import Market, ScriptedSource, SetClock, service

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


@pytest.mark.parametrize("incremental", [False, True])
def test_a_question_that_succeeds_does_away_with_the_failure_of_the_one_before(
    bl: BarLedger, clock: SetClock, *, incremental: bool
) -> None:
    script = [SourceError(source="scripted", detail="several points of one time")]
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=script, incremental=incremental)
    ingestion = service(bl, clock, source)
    with pytest.raises(SourceError):
        ingestion.ingest("A", "1d", source="scripted")
    assert ingestion.ingest("A", "1d", source="scripted").new == 100
    clock.now += 10 * DAY
    assert set(coverage(bl)) == {"fetched", "unconfirmed"}
    assert bl.availability.check("A", "1d").reasons == {"never_requested": 10}


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


def test_a_budget_that_vain_tries_used_up_names_what_failed(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[unavailable() for _ in range(9)])
    ingestion = service(bl, clock, source)
    with pytest.raises(SourceUnavailable, match="no answer"):
        ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, budget=Budget(calls=2))
    assert (len(source.requests), clock.slept) == (2, [0.5])
    (missing,) = bl.availability.check("A", "1d", start=900 * DAY, source="scripted").missing
    assert (missing.reason, missing.bars, "no answer" in missing.detail) == ("fetch_failed", 100, True)


def test_a_failure_behind_what_a_budget_brought_is_named_and_noted_too(bl: BarLedger, clock: SetClock) -> None:
    script = [unavailable(), None, unavailable()]
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=script)
    with pytest.raises(SourceUnavailable):
        service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY, budget=Budget(calls=3))
    assert coverage(bl) == {"fetched": [(900, 910)], "fetch_failed": [(910, 1_000)]}


def test_another_task_may_use_up_the_budget_while_one_waits(clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[unavailable()])
    spending = Spending(Budget(calls=2), clock.steady)
    timing = replace(clock.timing, sleep=lambda *_: spending.call())
    asking = Asking(source=source, retries=Retries(), timing=timing, spending=spending, stop=Event(), now=clock)
    request = FetchRequest(instrument="A", timeframe=Timeframe.of("1d"), interval=Interval(900 * DAY, 950 * DAY))
    with pytest.raises(SourceUnavailable, match="no answer"):
        list(ask(asking, request, [request.interval]))
    assert len(source.requests) == 1


@pytest.mark.parametrize("budget", [{"calls": -1}, {"seconds": -0.5}, {"seconds": float("nan")}])
def test_a_budget_below_nothing_is_refused(budget: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting):
        Budget(**budget)  # type: ignore[arg-type]


def test_a_budget_of_nothing_asks_for_nothing(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, facts=Facts(pattern="A", origin="scripted"))
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", budget=Budget(calls=0))
    assert (done.instruments[0].state, source.requests) == ("not_done", [])
