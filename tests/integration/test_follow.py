"""Following: closed bars as they close, each once, in order, whatever happens to the connection."""

import itertools
from collections.abc import Iterator
from threading import Event

import pytest

from barledger.barledger import BarLedger
from barledger.domain.calendar import AlwaysOpen, Calendar
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.timeframe import DAY, MINUTE, SECOND, Timeframe
from barledger.errors import (
    CapabilityMissing,
    ChangesWait,
    DataNotFound,
    InvalidSetting,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from barledger.services.ingestion.follow import ClosedBar
from barledger.services.ingestion.progress import Event as Told
from barledger.services.ingestion.progress import Retrying
from barledger.services.instruments import InstrumentService
from barledger.stores.memory import MemoryStore
from scripted import SPLITS, Fault, Market, ScriptedSource, SetClock, clocked, service

START = 1_000 * DAY + 30 * SECOND
ONE_MINUTE = Timeframe.of("1m")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def minutes(clock: SetClock, *names: str, **more: object) -> ScriptedSource:
    markets = {name: Market(timeframe=ONE_MINUTE, listed=999 * DAY) for name in names or ("A",)}
    return ScriptedSource(markets, clock, page=5_000, **more)  # type: ignore[arg-type]


def minute(bar: ClosedBar) -> int:
    """Return how many minutes after the day's begin a bar opens."""
    return (bar.time - 1_000 * DAY) // MINUTE


def take(following: Iterator[ClosedBar], count: int) -> list[int]:
    return [minute(bar) for bar in itertools.islice(following, count)]


# --- in good order -------------------------------------------------------------------------------


def test_bars_come_as_they_close_a_while_after(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock)
    following = service(bl, clock, source).follow("A", "1m", source="scripted")
    came = []
    for bar in itertools.islice(following, 3):
        came.append((minute(bar), (clock.now - bar.close_time) / SECOND))
        assert bar.close_time == bar.time + MINUTE
        (held,) = bl.bars("A", "1m", source="scripted", start=bar.time, end=bar.close_time).rows.close
        assert (held, bar.revision > 0, bar.instrument, bar.source) == (bar.close, True, "A", "scripted")
    assert came == [(0, 2.0), (1, 2.0), (2, 2.0)]
    assert len(source.requests) == 3
    following.close()
    assert source.closed


@pytest.mark.parametrize("settle", [0.0, 0.25, 7.0])
def test_the_delay_is_as_it_was_asked(bl: BarLedger, clock: SetClock, settle: float) -> None:
    following = service(bl, clock, minutes(clock)).follow("A", "1m", source="scripted", settle=settle)
    for bar in itertools.islice(following, 3):
        assert clock.now - bar.close_time == pytest.approx(settle * SECOND)


def test_a_series_goes_on_where_it_ended(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1m", source="scripted", start=1_000 * DAY - 5 * MINUTE)
    clock.now += 4 * MINUTE
    assert take(ingestion.follow("A", "1m", source="scripted"), 6) == [0, 1, 2, 3, 4, 5]


def test_a_start_in_the_past_is_caught_up_with(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock)
    ingestion = service(bl, clock, source)
    following = ingestion.follow("A", "1m", source="scripted", start=1_000 * DAY - 3 * MINUTE)
    assert take(following, 5) == [-3, -2, -1, 0, 1]
    again = ingestion.follow("A", "1m", source="scripted", start=1_000 * DAY - 4 * MINUTE)
    assert take(again, 3) == [-4, -3, -2]


def test_it_ends_when_all_before_the_end_are_through(bl: BarLedger, clock: SetClock) -> None:
    following = service(bl, clock, minutes(clock)).follow("A", "1m", source="scripted", until=1_000 * DAY + 3 * MINUTE)
    assert [minute(bar) for bar in following] == [0, 1, 2]


def test_an_end_in_the_past_gives_what_there_is(bl: BarLedger, clock: SetClock) -> None:
    following = service(bl, clock, minutes(clock)).follow(
        "A", "1m", source="scripted", start=999 * DAY, until=999 * DAY + 3 * MINUTE
    )
    assert len(list(following)) == 3


def test_several_instruments_come_in_order_of_their_closes(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock, "B", "A", "C", concurrency=3)
    following = service(bl, clock, source).follow(["B", "A", "C"], "1m", source="scripted")
    came = [(bar.instrument, minute(bar)) for bar in itertools.islice(following, 9)]
    assert came == [(name, at) for at in range(3) for name in "ABC"]


def test_a_stop_event_ends_it(bl: BarLedger, clock: SetClock) -> None:
    stop, source = Event(), minutes(clock)
    following = service(bl, clock, source).follow("A", "1m", source="scripted", stop=stop)
    came = []
    for bar in following:
        came.append(minute(bar))
        if len(came) == 2:
            stop.set()
    assert came == [0, 1]
    assert source.closed


def test_a_slow_consumer_misses_nothing(bl: BarLedger, clock: SetClock) -> None:
    came = []
    for bar in itertools.islice(service(bl, clock, minutes(clock)).follow("A", "1m", source="scripted"), 8):
        came.append(minute(bar))
        clock.now += 150 * SECOND
    assert came == list(range(8))


def test_what_cannot_be_followed_is_refused_at_once(bl: BarLedger, clock: SetClock) -> None:
    ingestion = service(bl, clock, minutes(clock, timeframes=frozenset({"1m"})))
    with pytest.raises(CapabilityMissing):
        ingestion.follow("A", "1d", source="scripted")
    with pytest.raises(InvalidSetting):
        ingestion.follow([], "1m", source="scripted")
    with pytest.raises(InvalidSetting):
        ingestion.follow("A", "1m", source="scripted", settle=-1)
    with pytest.raises(DataNotFound):
        next(ingestion.follow("NOWHERE", "1m", source="scripted"))


# --- calendars -----------------------------------------------------------------------------------


class OddMinutes(AlwaysOpen):
    """A market that opens every other minute only, and closes its bars after half a minute."""

    def expected(self, timeframe: Timeframe, interval: Interval) -> Ints:
        labels = super().expected(timeframe, interval)
        return labels[labels // MINUTE % 2 == 1]

    def closes(self, timeframe: Timeframe, labels: Ints) -> Ints:  # noqa: ARG002 - all alike
        return labels + MINUTE // 2


class OddInstruments(InstrumentService):
    def calendar(self, instrument: str) -> Calendar:  # noqa: ARG002 - all alike
        return OddMinutes()


def test_it_sleeps_while_the_market_is_closed(bl: BarLedger, clock: SetClock) -> None:
    bl.instruments = OddInstruments(bl.vault)
    source = minutes(clock)
    source.markets["A"].gone = {1_000 * DAY + at * MINUTE for at in range(0, 100, 2)}
    following = service(bl, clock, source).follow("A", "1m", source="scripted", settle=1)
    came = [(minute(bar), (clock.now - bar.time) / SECOND) for bar in itertools.islice(following, 3)]
    assert came == [(1, 31), (3, 31), (5, 31)]
    assert len(source.requests) == 3


# --- late bars -----------------------------------------------------------------------------------


def test_a_bar_that_is_late_is_asked_for_again(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock)
    source.clock = lambda: clock.now - 70 * SECOND
    following = service(bl, clock, source).follow("A", "1m", source="scripted")
    came = [(minute(bar), (clock.now - bar.close_time) / SECOND) for bar in itertools.islice(following, 4)]
    assert [at for at, _ in came] == [0, 1, 2, 3]
    assert all(10 <= late <= 62 for _, late in came)


def test_a_bar_that_comes_after_a_later_one_is_stored_and_not_given(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock)
    late = 1_000 * DAY + MINUTE
    source.markets["A"].gone = {late}
    came = []
    for bar in itertools.islice(service(bl, clock, source).follow("A", "1m", source="scripted"), 5):
        came.append(minute(bar))
        if minute(bar) == 3:
            source.markets["A"].gone.clear()
    assert came == [0, 2, 3, 4, 5]


def test_a_market_without_trades_ends_nothing(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock)
    source.markets["A"].gone = {1_000 * DAY + at * MINUTE for at in range(1, 30)}
    following = service(bl, clock, source).follow("A", "1m", source="scripted")
    assert take(following, 3) == [0, 30, 31]
    assert len(source.requests) < 300


# --- connections -----------------------------------------------------------------------------------


def unavailable() -> SourceUnavailable:
    return SourceUnavailable(source="scripted", detail="connection reset")


def test_a_dropped_connection_is_survived_and_what_was_missed_is_filled(bl: BarLedger, clock: SetClock) -> None:
    script: list[Fault] = [None, None, *[unavailable() for _ in range(12)]]
    source, events = minutes(clock, script=script), list[Told]()
    following = service(bl, clock, source).follow("A", "1m", source="scripted", progress=events.append)
    assert take(following, 20) == list(range(20))
    waits = [one.wait for one in events if isinstance(one, Retrying)]
    assert len(waits) == 12
    assert max(waits) == 60
    assert waits[:3] == [2, 4, 8]


def test_a_source_that_says_when_is_not_asked_before(bl: BarLedger, clock: SetClock) -> None:
    limited = RateLimited(source="scripted", detail="too many", retry_after=300.0)
    source = minutes(clock, script=[None, limited])
    following = service(bl, clock, source).follow("A", "1m", source="scripted")
    assert take(following, 8) == list(range(8))
    assert 300.0 in clock.slept


def test_one_instrument_without_a_connection_holds_up_no_other(bl: BarLedger, clock: SetClock) -> None:
    class HalfDead(ScriptedSource):
        def _see(self, request: object, start: int) -> None:
            super()._see(request, start)  # type: ignore[arg-type]
            if getattr(request, "instrument", "") == "B" and clock.now < START + 10 * MINUTE:
                raise unavailable()

    markets = {name: Market(timeframe=ONE_MINUTE, listed=999 * DAY) for name in "AB"}
    source = HalfDead(markets, clock, page=5_000)
    came: dict[str, list[tuple[int, int]]] = {"A": [], "B": []}
    for bar in itertools.islice(service(bl, clock, source).follow(["A", "B"], "1m", source="scripted"), 30):
        came[bar.instrument].append((minute(bar), (clock.now - bar.close_time) // SECOND))
    assert [at for at, _ in came["A"]] == list(range(len(came["A"])))
    assert [at for at, _ in came["B"]] == list(range(len(came["B"])))
    assert all(late <= 2 for _, late in came["A"])
    assert came["B"][0][1] > 500


def test_what_will_not_pass_ends_it(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock, script=[None, SourceError(source="scripted", detail="delisted")])
    following = service(bl, clock, source).follow("A", "1m", source="scripted")
    assert take(following, 1) == [0]
    with pytest.raises(SourceError, match="delisted"):
        next(following)
    assert source.closed


# --- restatements ----------------------------------------------------------------------------------


def test_a_restatement_is_told_with_the_first_bar_after_it(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1m", source="scripted", start=1_000 * DAY - 30 * MINUTE)
    came = []
    for bar in itertools.islice(ingestion.follow("A", "1m", source="scripted"), 6):
        came.append((minute(bar), bar.restatement.factor if bar.restatement else None))
        if minute(bar) == 2:
            source.markets["A"].splits = [(1_000 * DAY + 3 * MINUTE, 2.0)]
    assert came == [(0, None), (1, None), (2, None), (3, 0.5), (4, None), (5, None)]


def test_bars_that_wait_for_a_decision_are_said_once_and_come_after_it(bl: BarLedger, clock: SetClock) -> None:
    source = minutes(clock, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1m", source="scripted", start=1_000 * DAY - 30 * MINUTE)
    ingestion.set_policy("scripted", on_change="propose")
    following = ingestion.follow("A", "1m", source="scripted")
    assert take(following, 2) == [0, 1]
    source.markets["A"].splits = [(1_000 * DAY + 2 * MINUTE, 2.0)]

    def decide(source: ScriptedSource, request: object) -> None:  # noqa: ARG001 - every fault has them
        if ingestion.proposals():
            source.script.clear()
            ingestion.accept(ingestion.proposals()[0].id, reason="checked")
        else:
            source.script.append(decide)

    source.script = [None] * 10 + [decide] * 20
    with pytest.warns(ChangesWait, match="wait for a decision"):
        assert take(following, 3) == [2, 3, 4]
