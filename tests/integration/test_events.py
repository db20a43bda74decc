"""Events: from any moment on, in portions of any size, none is left out or told twice."""

import asyncio
from collections.abc import Iterator

import pytest

from barledger import BarLedger
from barledger.api.feed import Feed
from barledger.api.problems import HttpProblem
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.notice import Notice
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.services.events import Event
from barledger.stores.memory import MemoryStore
from libraries import frame, library


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    """A library in which a lot has happened."""
    with library(MemoryStore()) as made:
        made.write("AAPL", "1d", frame(range(30)), source="desk")
        for number in range(12):
            made.jobs.submit("verify")
            made.vault.notify(Notice(kind="lag", severity="info", subject="late", about=str(number)))
        series = Series.of("AAPL", "1d", "desk")
        for day in range(5):
            _found(made, series, Interval(0, (day + 1) * DAY))
        made.vault.notify(Notice(kind="gap", severity="info", subject="gone"))
        yield made


def _found(bl: BarLedger, series: Series, interval: Interval) -> None:
    """Each supersedes the one before at one and the same time: two events with one id."""
    made = Discrepancy(series=series, interval=interval, kind="outlier", reason="odd", key=str(interval))
    bl.vault.ledger.discrepancies.add(made, None, bl.vault.who("inspect"))


def _all(bl: BarLedger, limit: int) -> list[Event]:
    told: list[Event] = []
    after = 0
    while found := bl.events.since(after, limit=limit):
        told += found
        after = found[-1].at
    return told


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 500])
def test_portions_of_any_size_are_together_everything_once(bl: BarLedger, limit: int) -> None:
    told = _all(bl, limit)
    kinds = [one.kind for one in told]
    assert (kinds.count("job"), kinds.count("notice"), kinds.count("discrepancy")) == (12, 13, 9)
    times = [one.at for one in told]
    assert times == sorted(times)
    assert len(set(times)) < len(times), "some happened at one time, and must not be parted"
    assert told == bl.events.since(0)


def test_what_is_new_is_told_after_now(bl: BarLedger) -> None:
    now = bl.events.now()
    assert bl.events.since(now) == []
    job = bl.jobs.submit("verify")
    (event,) = bl.events.since(now)
    assert (event.subject, event.at) == (job, job.changed_at)


def test_a_follower_that_lags_is_told_to_come_again_and_holds_no_other_up(bl: BarLedger) -> None:
    async def follow() -> tuple[list[Event | None], list[Event | None]]:
        feed = Feed(bl, followers=2, most=3, look=0.01)
        now = bl.events.now()
        slow, quick = feed.following(now), feed.following(now)
        with pytest.raises(HttpProblem):
            feed.following(now)
        taken: list[Event | None] = []
        for _ in range(6):
            bl.jobs.submit("verify")
            taken.append(await quick.next(30))
        left = [await slow.next(30) for _ in range(3)]
        feed.leave(slow)
        assert feed.following(now).since >= now
        feed.close()
        taken.append(await quick.next(30))
        return left, taken

    left, taken = asyncio.run(follow())
    assert left[-1] is None
    assert None not in left[:-1]
    assert None not in taken[:-1]
    assert taken[-1] is None
