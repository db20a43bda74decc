"""Availability against a reference that looks at one bar after the other."""

import shutil
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, HOUR, MINUTE, TIMEFRAMES
from barledger.ledger.contract import Cover, QuarantinedBar
from barledger.ledger.sql import SqlLedger
from barledger.services.availability import EXCUSED, FETCHABLE
from barledger.stores.memory import MemoryStore
from libraries import library
from records import WHO, Clock, labels, write

CASES = [("XNYS", "1d", "2023-12-11", "2024-01-20"), ("24/7", "1h", "2023-12-30", "2024-01-02")]
CASES += [("XNYS", "30m", "2024-01-03", "2024-01-09"), ("24/7", "1d", "2023-12-20", "2024-01-15")]
SPAN = 40
places = st.tuples(st.integers(0, SPAN), st.integers(0, 20))
OUTCOMES = ("fetched", "source_empty", "fetch_failed", "unconfirmed")
steps = st.lists(
    st.tuples(st.sampled_from(["write", "write", "withdraw", "put_aside", "halt", *OUTCOMES]), places), max_size=8
)


class Model:
    """A library, and beside it the reason of each bar, kept one by one."""

    def __init__(self, case: tuple[str, str, str, str], ledger: str) -> None:
        calendar, timeframe, start, end = case
        self.market, self.frame, self.clock = calendar_called(calendar), TIMEFRAMES[timeframe], Clock()
        self.every = labels(start, end, calendar=calendar, timeframe=timeframe)
        self.closes = self.market.closes(self.frame, np.array(self.every)).tolist()
        self.bl = library(MemoryStore(), ledger, clock=self.clock)
        self.bl.instruments.declare("X", calendar=calendar)
        self.series = Series.of("X", timeframe, "desk")
        self.there: set[int] = set()
        self.answers: dict[int, str] = {}
        self.expired: set[int] = set()
        self.put_aside: set[int] = set()
        self.withdrawn: set[int] = set()
        self.halted: set[int] = set()
        self.unlisted: set[int] = set()

    def take(self, step: str, place: int, length: int) -> None:
        some = self.every[place : place + length + 1] or self.every[-1:]
        if step == "write":
            write(self.bl, some, timeframe=self.frame.name)
            self.there |= set(some)
            self.withdrawn -= set(some)
        elif step == "withdraw":
            gone = set(some) & self.there
            self.bl.withdraw("X", self.frame.name, sorted(gone), source="desk", reason="a test")
            self.there -= gone
            self.withdrawn |= gone
        elif step == "put_aside":
            bar = QuarantinedBar(series=self.series, time=some[0], code="empty-bar", values={}, actor="me")
            self.bl.vault.ledger.quarantine.add([bar], WHO)
            self.put_aside.add(some[0])
        else:
            self.ask(step, Interval(some[0], self.closes[self.every.index(some[-1])]))

    def ask(self, step: str, stretch: Interval) -> None:
        if step != "halt":
            cover = Cover(series=self.series, interval=stretch, outcome=step)
            self.bl.vault.ledger.catalog.cover([cover], WHO)
            reason = "lacking" if step == "fetched" else step
            self.answers |= {at: reason for at in self.every if at in stretch}
            return
        self.bl.instruments.halt("X", stretch.start, stretch.end, reason="news")
        spans = ((at, self.opening(at), close) for at, close in zip(self.every, self.closes, strict=True))
        self.halted |= {at for at, opens, close in spans if opens >= stretch.start and close <= stretch.end}

    def opening(self, label: int) -> int:
        if self.frame.duration < DAY:
            return label
        minutes = Interval(label, label + DAY)
        return int(self.market.expected(TIMEFRAMES["1m"], minutes)[0])

    def retain(self, at: int) -> None:
        """Delete what is older than a bar, if there is something."""
        old = {label for label in self.every if label < self.every[at]}
        if old & (self.there | self.withdrawn):
            self.clock.time = self.every[at] + 365 * DAY
            self.bl.cache.retain([{"keep_current": "365d"}])
            self.there -= old
            self.withdrawn -= old
            self.expired |= old

    def list(self, who: str, listed: int, delisted: int) -> None:
        """Have somebody say from when on and until when there was trading; no bar that is there lies outside."""
        first, last = self.every[listed], self.every[delisted]
        self.bl.vault.ledger.instruments.tell(
            [
                Facts(pattern="X", origin="feed", first_trade=self.every[3], last_trade=self.every[-3]),
                Facts(pattern="X*", origin=who, first_trade=first, last_trade=last),
            ],
            WHO,
        )
        if who in {"declared", "desk"}:
            begin, end = min([first, *self.there]), max([last, *(at + 1 for at in self.there)])
            self.unlisted = {at for at in self.every if not begin <= at < end}

    def why(self, label: int) -> str:
        layers = {
            "present": self.there,
            "not_listed": self.unlisted,
            "halted": self.halted,
            "withdrawn": self.withdrawn,
            "quarantined": self.put_aside,
            "expired": self.expired,
        }
        found = (reason for reason, marked in layers.items() if label in marked)
        return next(found, self.answers.get(label, "never_requested"))

    def wanted(self, asked: Interval) -> dict[int, str]:
        closed = (at for at, close in zip(self.every, self.closes, strict=True) if close <= self.clock.time)
        return {at: self.why(at) for at in closed if at in asked}

    def moment(self, at: int, off: int) -> int:
        """Return a time at a bar, or a little before or after it."""
        return self.every[min(at, len(self.every) - 1)] + off


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without anything in it: copying it is quicker than making one."""
    path = tmp_path_factory.mktemp("empty") / "ledger.sqlite"
    SqlLedger.open(f"sqlite:///{path}").close()
    return path


moments = st.tuples(st.integers(0, SPAN + 60), st.sampled_from([-DAY, -MINUTE, 0, 1, MINUTE, HOUR]))


@pytest.mark.slow
@given(
    st.sampled_from(CASES),
    steps,
    st.tuples(moments, moments, moments),
    st.integers(-SPAN, SPAN),
    st.one_of(st.none(), st.tuples(st.sampled_from(["declared", "desk", "feed"]), *[st.integers(0, SPAN)] * 2)),
)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_a_look_at_one_bar_after_the_other_finds(
    empty_ledger: Path,
    tmp_path: Path,
    case: tuple[str, str, str, str],
    taken: list[tuple[str, tuple[int, int]]],
    bounds: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    kept: int,
    listing: tuple[str, int, int] | None,
) -> None:
    url = f"sqlite:///{shutil.copy(empty_ledger, tmp_path / 'ledger.sqlite')}"
    model = Model(case, url)
    try:
        for step, place in taken:
            model.take(step, *place)
        if kept > 0:
            model.retain(min(kept, len(model.every) - 1))
        if listing is not None:
            who, *dates = listing
            model.list(who, *sorted(min(date, len(model.every) - 1) for date in dates))
        one, other, now = (model.moment(*bound) for bound in bounds)
        model.clock.time = max(model.clock.time, now)
        known = Interval(model.every[0], model.every[-1] + 1)
        same_as(model, Interval(*sorted(min(max(at, known.start), known.end) for at in (one, other))))
    finally:
        model.bl.close()


def same_as(model: Model, asked: Interval) -> None:
    """Compare both answers, counted and exact, with the model's."""
    wanted = model.wanted(asked)
    more: dict[str, Any] = {"start": asked.start, "end": asked.end, "source": "desk"}
    answer = model.bl.availability.check("X", model.frame.name, **more)
    found = dict.fromkeys(_inside(wanted, answer.present), "present")
    for one in answer.missing:
        bars_of_it = _inside(wanted, [one.interval])
        assert len(bars_of_it) == one.bars
        assert (one.excused, one.fetchable) == (one.reason in EXCUSED, one.reason in FETCHABLE)
        found |= dict.fromkeys(bars_of_it, one.reason)
    assert found == wanted
    assert answer.found == sum(reason == "present" for reason in wanted.values())
    assert answer.expected == sum(reason not in EXCUSED for reason in wanted.values())
    assert answer.complete is (answer.found == answer.expected)
    assert model.bl.availability.check("X", model.frame.name, exact=True, **more) == answer
    segments = sorted([*answer.present, *(one.interval for one in answer.missing)])
    assert all(one.end <= other.start for one, other in pairwise(segments))


def _inside(times: Iterable[int], intervals: Sequence[Interval]) -> list[int]:
    return [at for at in times if any(at in interval for interval in intervals)]
