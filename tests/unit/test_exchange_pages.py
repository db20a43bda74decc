"""Pages: whatever an exchange makes of "from here on", the record is what the exchange has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.timeframe import DAY, HOUR, MINUTE, Timeframe
from barledger.errors import CapabilityMissing, SourceError, SourceUnavailable
from barledger.sources.exchange.candles import Answer, Candle, read_answer
from barledger.sources.exchange.dialogue import FLOOR, Habits
from barledger.sources.exchange.pages import Page, Pages

NOON = int(np.datetime64("2024-03-05T12:00", "ns").astype(np.int64))
LONGER = ("5m", "1h", "4h", "1d", "1w", "1M")
MINUTES = Timeframe.of("1m")


def candle(time: int, value: float = 0.0) -> Candle:
    price = 100 + (time // MINUTE) % 97 + value
    return (time, price, price + 1, price - 1, price, 5.0)


@dataclass
class Exchange:
    """A model: bars of minutes, and of what is longer, given in one of three manners."""

    times: list[int]
    manner: str = "next"
    most: int = 10
    now: int = NOON + MINUTE
    faults: dict[int, Callable[[list[Candle]], list[Candle]]] = field(default_factory=dict)
    fine: str = "1m"
    idle: list[int] = field(default_factory=list)  # minutes without trades, of which there are longer bars all the same
    asked: list[tuple[str, int, int | None]] = field(default_factory=list)

    def ask(self, timeframe: str, since: int, limit: int | None) -> Answer:
        self.asked.append((timeframe, since, limit))
        given = self._given(timeframe, since, min(limit or self.most, self.most))
        fault = self.faults.pop(len([one for one in self.asked if one[0] == self.fine]), None)
        if timeframe == self.fine and fault is not None:
            given = fault(given)
        raw = [[one[0] // 1_000_000, *one[1:]] for one in given]
        return read_answer(raw, now=self.now, asked=f"{timeframe} {since}")

    def _given(self, timeframe: str, since: int, limit: int) -> list[Candle]:
        every = [candle(time) for time in self._opens(timeframe, self.times) if time <= self.now]
        if timeframe != self.fine:
            known = {one[0] for one in every}
            every += [(*candle(time)[:5], 0.0) for time in self._opens(timeframe, self.idle) if time not in known]
            every.sort()
        if self.manner == "newest":
            return [one for one in every[-self.most :] if one[0] >= since]
        later = [one for one in every if one[0] >= since]
        if self.manner == "window":
            end = since + limit * Timeframe.of(timeframe).duration
            later = [one for one in later if one[0] < end]
        return later[:limit]

    def _opens(self, timeframe: str, times: list[int]) -> list[int]:
        if timeframe == self.fine or not times:
            return times
        return sorted(set(Timeframe.of(timeframe).open_of(np.array(times)).tolist()))


def pages_of(exchange: Exchange, interval: Interval, *, confirm: bool = True, page: int | None = None) -> list[Page]:
    newest = exchange.most if exchange.manner == "newest" else None
    longer = tuple(name for name in LONGER if Timeframe.of(name).duration > Timeframe.of(exchange.fine).duration)
    habits = Habits(source="model", page=page or exchange.most, newest=newest, confirm=confirm, longer=longer)
    return list(Pages(exchange.ask, Timeframe.of(exchange.fine), interval, habits))


def times_of(pages: list[Page]) -> list[int]:
    return [one[0] for page in pages for one in page.candles]


def minutes(*numbers: int) -> list[int]:
    """Return times in minutes before noon, ascending."""
    return sorted(NOON - number * MINUTE for number in numbers)


# --- properties --------------------------------------------------------------------------------------

FAULTS: dict[str, Callable[[list[Candle]], list[Candle]]] = {
    "empty": lambda _: [],
    "half": lambda given: given[: len(given) // 2],
    "headless": lambda given: given[len(given) // 2 :],
    "hollow": lambda given: given[: len(given) // 3] + given[2 * len(given) // 3 :],
    "one short": lambda given: given[:-1],
    "repeated": lambda given: [*given[:3], *given, *given[-3:]],
    "backwards": lambda given: given[::-1],
}

traded = st.lists(st.integers(-1, 400), unique=True, max_size=150).map(lambda numbers: minutes(*numbers))
dense = st.tuples(st.integers(-1, 50), st.integers(1, 120)).map(lambda two: minutes(*range(two[0], sum(two))))
bounds = st.tuples(st.integers(-5, 420), st.integers(-5, 420), st.integers(0, 2)).map(
    lambda three: Interval(
        NOON - max(three[:2]) * MINUTE - three[2],
        END_OF_TIME if min(three[:2]) == -5 else NOON - min(three[:2]) * MINUTE + three[2],
    )
)


def is_contiguous(pages: list[Page], interval: Interval) -> bool:
    starts = not pages or pages[0].interval.start == interval.start
    return starts and all(left.interval.end == right.interval.start for left, right in pairwise(pages))


@given(times=traded | dense, interval=bounds, manner=st.sampled_from(["next", "window"]), most=st.integers(1, 40))
@example(times=minutes(5), interval=Interval(BEGINNING, END_OF_TIME), manner="window", most=30)
@example(times=minutes(*range(90)), interval=Interval(BEGINNING, NOON), manner="next", most=7)
def test_the_record_is_what_the_exchange_has(times: list[int], interval: Interval, manner: str, most: int) -> None:
    exchange = Exchange(times, manner=manner, most=most)
    pages = pages_of(exchange, interval)
    closed = [time for time in times if time in interval and time + MINUTE <= exchange.now]
    assert times_of(pages) == closed
    assert is_contiguous(pages, interval)
    assert all(page.interval.start <= time < page.interval.end for page in pages for time in times_of([page]))
    assert all(page.complete for page in pages) or most < 6
    if pages:
        assert min(interval.end, exchange.now - 5 * MINUTE) <= pages[-1].interval.end <= max(interval.end, exchange.now)


@given(times=traded | dense, interval=bounds, most=st.integers(3, 200))
def test_of_the_newest_bars_the_record_has_all_and_claims_no_more(
    times: list[int], interval: Interval, most: int
) -> None:
    times = sorted({*times, NOON + MINUTE})  # the forming bar is always there
    exchange = Exchange(times, manner="newest", most=most)
    served = times[-most:]
    try:
        pages = pages_of(exchange, interval)
    except CapabilityMissing:
        assert len(times) >= most
        assert not [time for time in served if time in interval]
        return
    assert times_of(pages) == [time for time in served if time in interval and time + MINUTE <= exchange.now]
    for page in pages:
        kept_back = [time for time in times if time in page.interval and time not in served]
        assert not (page.complete and kept_back)


@given(
    times=dense | traded,
    interval=bounds,
    manner=st.sampled_from(["next", "window"]),
    most=st.integers(4, 40),
    faults=st.dictionaries(st.integers(1, 8).map(lambda number: 3 * number), st.sampled_from(sorted(FAULTS))),
    first=st.sampled_from([0, 1, 2]),
)
def test_answers_that_lack_something_never_become_a_gap(
    times: list[int], interval: Interval, manner: str, most: int, faults: dict[int, str], first: int
) -> None:
    spoilt = {number - first: FAULTS[name] for number, name in faults.items()}
    exchange = Exchange(times, manner=manner, most=most, faults=spoilt)
    kept: list[Page] = []
    at = interval.start
    for _ in range(12):  # as a service goes on after what may pass
        try:
            for page in _from(exchange, Interval(at, interval.end)):
                kept.append(page)
                at = page.interval.end
            break
        except SourceUnavailable:
            continue
    for page in kept:
        there = [time for time in times if time in page.interval and time + MINUTE <= exchange.now]
        assert times_of([page]) == there or not page.complete
        assert set(times_of([page])) <= set(there)


def _from(exchange: Exchange, interval: Interval) -> Pages:
    habits = Habits(source="model", page=exchange.most, longer=LONGER)
    return Pages(exchange.ask, MINUTES, interval, habits)


@given(
    start=st.integers(0, 60),
    count=st.integers(1, 60),
    most=st.integers(3, 30),
    manner=st.sampled_from(["next", "window"]),
)
def test_months_are_paged_as_well(start: int, count: int, most: int, manner: str) -> None:
    months = np.arange(np.datetime64("2014-01") + start, np.datetime64("2014-01") + start + count)
    times = [int(month.astype("datetime64[ns]").astype(np.int64)) for month in months]
    exchange = Exchange(times, manner=manner, most=most, fine="1M")
    pages = pages_of(exchange, Interval(FLOOR, END_OF_TIME))
    month = Timeframe.of("1M")
    assert times_of(pages) == [time for time in times if month.close_of(np.array([time]))[0] <= exchange.now]
    assert is_contiguous(pages, Interval(FLOOR, END_OF_TIME))


# --- examples ----------------------------------------------------------------------------------------


def test_a_stretch_before_the_listing_is_answered_with_few_questions() -> None:
    exchange = Exchange(minutes(*range(200)), most=100)
    pages = pages_of(exchange, Interval.of("2010-01-01", NOON - HOUR * 3))
    assert times_of(pages) == minutes(*range(181, 200))
    assert all(page.complete for page in pages)
    assert len(exchange.asked) < 8


@pytest.mark.parametrize("most", [100, 300, 1000])
def test_windows_without_trades_are_not_walked_through_one_by_one(most: int) -> None:
    exchange = Exchange(minutes(*range(200)), manner="window", most=most)
    pages = pages_of(exchange, Interval.of("2010-01-01", NOON))
    assert times_of(pages) == minutes(*range(1, 200))
    assert len(exchange.asked) < 25


def test_an_exchange_that_gives_its_newest_only_is_noticed_though_nobody_knows_it() -> None:
    exchange = Exchange(minutes(*range(3 * 24 * 60)), manner="newest", most=100)
    habits = Habits(source="model", page=100, longer=LONGER)
    pages = list(Pages(exchange.ask, MINUTES, Interval(NOON - 2 * DAY, NOON), habits))
    assert [page.complete for page in pages] == [False, True]
    assert times_of(pages) == minutes(*range(1, 100))
    with pytest.raises(CapabilityMissing, match="1m bars before"):
        list(Pages(exchange.ask, MINUTES, Interval(NOON - 2 * DAY, NOON - DAY), habits))


def test_bars_that_a_window_lacks_although_longer_ones_have_trades_are_no_gap() -> None:
    exchange = Exchange(minutes(*range(3 * 24 * 60)), manner="window", most=100)
    exchange.faults = dict.fromkeys(range(1, 100), FAULTS["empty"])
    with pytest.raises(SourceUnavailable, match=r"it gives a 5m bar|it gives a 1h bar"):
        pages_of(exchange, Interval(NOON - 2 * DAY, NOON))


def test_an_answer_that_begins_late_is_not_taken_for_a_listing() -> None:
    exchange = Exchange(minutes(0, 1), most=4, faults={1: FAULTS["headless"]})
    with pytest.raises(SourceUnavailable, match="a moment ago it did not"):
        pages_of(exchange, Interval(NOON - 10 * MINUTE, NOON))


def test_an_answer_to_a_question_about_a_gap_may_be_cut_short_too() -> None:
    exchange = Exchange(minutes(*range(40)), most=100)
    exchange.faults = {1: FAULTS["hollow"], 2: lambda given: given[:1]}
    (page,) = pages_of(exchange, Interval(NOON - 30 * MINUTE, NOON))
    assert times_of([page]) == minutes(*range(1, 31))
    exchange.faults = {1: FAULTS["hollow"]} | dict.fromkeys(range(2, 20), lambda given: given[:1])
    exchange.asked.clear()
    (page,) = pages_of(exchange, Interval(NOON - 30 * MINUTE, NOON))
    assert not page.complete


def test_longer_bars_without_volume_are_no_witnesses() -> None:
    exchange = Exchange(minutes(*range(60), *range(2000, 3000)), manner="window", most=100)
    exchange.idle = minutes(*range(60, 2000))
    pages = pages_of(exchange, Interval(NOON - 2900 * MINUTE, NOON))
    assert times_of(pages) == minutes(*range(1, 60), *range(2000, 2901))
    assert all(page.complete for page in pages)


def test_a_bar_that_changed_between_two_pages_is_noticed_and_what_is_before_it_kept() -> None:
    exchange = Exchange(minutes(*range(100)), most=20)
    exchange.faults = {3: lambda given: [candle(one[0], value=1.0) for one in given]}
    pages = iter(Pages(exchange.ask, MINUTES, Interval(NOON - 90 * MINUTE, NOON), Habits(source="model", page=20)))
    good = [next(pages), next(pages)]
    assert times_of(good) == minutes(*range(55, 91))
    with pytest.raises(SourceUnavailable, match="changed between two of its answers"):
        next(pages)


def test_a_bar_that_vanished_between_two_pages_is_noticed() -> None:
    exchange = Exchange(minutes(*range(100)), most=20)
    exchange.faults = dict.fromkeys([2, 3], lambda given: given[2:])
    with pytest.raises(SourceUnavailable, match="is missing in the answer after it"):
        pages_of(exchange, Interval(NOON - 90 * MINUTE, NOON))


def test_a_bar_that_has_just_closed_may_still_change() -> None:
    exchange = Exchange(minutes(1, 2, 4, 5, 6), most=10)
    exchange.faults = {2: lambda given: [*given[:-1], candle(given[-1][0], value=1.0)]}
    pages = pages_of(exchange, Interval(NOON - 10 * MINUTE, END_OF_TIME))
    assert times_of(pages) == minutes(1, 2, 4, 5, 6)


def test_what_is_missing_in_the_last_moments_may_only_be_late() -> None:
    exchange = Exchange(minutes(*range(5, 50)), most=100)
    assert pages_of(exchange, Interval(NOON - 30 * MINUTE, END_OF_TIME))[-1].interval.end == exchange.now - 3 * MINUTE
    exchange = Exchange(minutes(*range(2, 50)), most=100)
    assert pages_of(exchange, Interval(NOON - 30 * MINUTE, END_OF_TIME))[-1].interval.end == NOON - MINUTE


def test_a_bar_of_the_future_is_an_error_after_what_is_good() -> None:
    exchange = Exchange(minutes(*range(50)), most=100)
    exchange.faults = {1: lambda given: [*given, candle(NOON + DAY)]}
    pages = iter(Pages(exchange.ask, MINUTES, Interval(NOON - 30 * MINUTE, END_OF_TIME), Habits(source="m", page=100)))
    assert len(next(pages).candles) == 31
    with pytest.raises(SourceError, match="lies in the future"):
        next(pages)


def test_without_asking_again_what_is_missing_is_not_confirmed() -> None:
    exchange = Exchange(minutes(*range(10), *range(12, 30)), most=100)
    pages = pages_of(exchange, Interval(NOON - 20 * MINUTE, NOON), confirm=False)
    assert [page.complete for page in pages] == [False]
    assert len(exchange.asked) == 1
    assert [page.complete for page in pages_of(exchange, Interval(NOON - 20 * MINUTE, NOON))] == [True]


def test_bars_that_come_and_go_are_given_and_not_confirmed() -> None:
    exchange = Exchange(minutes(*range(40)), most=100)
    keep = [set(range(0, 40, 2)), set(range(0, 40, 3)), set(range(0, 40, 5)), set(range(0, 40, 7))]
    exchange.faults = {
        number: lambda given, kept=kept: [one for one in given if (NOON - one[0]) // MINUTE in kept]
        for number, kept in enumerate(keep, 1)
    }
    (page,) = pages_of(exchange, Interval(NOON - 30 * MINUTE, NOON - MINUTE))
    assert not page.complete
    assert 15 < len(page.candles) < 29


def test_disputed_bars_are_given_with_all_that_is_said_of_them() -> None:
    exchange = Exchange(minutes(*range(40)), most=100)
    exchange.faults = {1: lambda given: [*given, candle(given[3][0], value=9.0)]}
    (page,) = pages_of(exchange, Interval(NOON - 30 * MINUTE, NOON))
    assert len(page.candles) == 31
    assert len({one[0] for one in page.candles}) == 30


def test_what_is_older_than_bitcoin_is_not_asked_for() -> None:
    exchange = Exchange(minutes(*range(40)))
    (page,) = pages_of(exchange, Interval(BEGINNING, FLOOR))
    assert (page.candles, page.complete, exchange.asked) == ((), True, [])


def test_an_empty_interval_and_one_of_the_future_give_nothing() -> None:
    exchange = Exchange(minutes(*range(40)))
    assert pages_of(exchange, Interval(NOON, NOON)) == []
    assert pages_of(exchange, Interval(NOON + DAY, NOON + 2 * DAY)) == []


def test_newest_bars_that_are_none_are_no_answer() -> None:
    with pytest.raises(SourceUnavailable, match="not even the newest"):
        pages_of(Exchange([], manner="newest"), Interval(NOON - HOUR, NOON))


def test_the_first_bar_of_all_is_known_once_everything_older_was_asked_for() -> None:
    exchange = Exchange(minutes(*range(40)), most=100)
    habits = Habits(source="model", page=100, longer=LONGER)
    every = Pages(exchange.ask, MINUTES, Interval.of(None, None), habits)
    assert times_of(list(every))[0] == every.first == NOON - 39 * MINUTE
    some = Pages(exchange.ask, MINUTES, Interval(NOON - 10 * MINUTE, NOON), habits)
    assert list(some)
    assert some.first is None
