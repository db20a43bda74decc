"""A split that a source missed right between the bars that are held and those that come is flagged as they come."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.detection import findings
from barledger.domain.finding import CERTAIN
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import DAY, MINUTE, Timeframe
from barledger.services.ingestion import DataIngestionService
from barledger.stores.memory import MemoryStore
from integrity import Rewritten, integrity
from scripted import RAW, SPLITS, ScriptedSource, SetClock, clocked

SCRIPTED: Any = {"source": "scripted"}
FIRST, EX = 800, 900
OPEN, SESSION = 14 * 60 + 30, 30
"""Of minute bars: the minute of the day at which a session opens, and how many it has."""


@pytest.fixture
def clock() -> SetClock:
    return SetClock(EX * DAY)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


class Walk(Rewritten):
    """A market whose prices walk, and that was split by ``ratio`` on the day EX, which its source missed."""

    ratio: float = 2.0
    noise: float = 0.012

    def labels(self, start: int, end: int) -> Ints:
        every = super().labels(start, end)
        minute = every % DAY // MINUTE
        daily = self.timeframe.duration >= DAY
        return every if daily else every[(minute >= OPEN) & (minute < OPEN + SESSION)]

    def rows(self, labels: Ints) -> Rows:
        chance = np.random.default_rng(7)
        at = (labels // DAY - FIRST).astype(np.int64)
        if self.timeframe.duration < DAY:
            at = at * SESSION + (labels % DAY // MINUTE).astype(np.int64) - OPEN
        count = 10_000
        close = 64 * np.exp(np.cumsum(chance.normal(0, self.noise, count)))
        opened = np.append(64.0, close[:-1]) * np.exp(chance.normal(0, self.noise / 3, count))
        wide = np.exp(np.abs(chance.normal(0, self.noise / 3, count)))
        volume = 6e5 * np.exp(chance.normal(0, 0.3, count))
        shares = np.where(labels < EX * DAY, 1.0, self.ratio)
        columns = (opened, np.maximum(opened, close) * wide, np.minimum(opened, close) / wide, close)
        prices = dict(zip(("open", "high", "low", "close"), (one[at] / shares for one in columns), strict=True))
        return replace(super().rows(labels), **prices, volume=volume[at] * shares)


class Desk:
    def __init__(self, bl: BarLedger, clock: SetClock, market: Walk, adjustment: Any) -> None:
        self.bl, self.clock, self.market, self.frame = bl, clock, market, market.timeframe.name
        source = ScriptedSource({"A": market}, clock, page=5_000, adjustment=adjustment, gives_events=True)
        self.made = integrity(bl, clock, source, findings=findings)
        self.ingestion = DataIngestionService(
            bl.vault, bl.cache, lambda *_: source, bl.instruments, timing=clock.timing, screen=self.made.screening
        )

    def ingest(self, until: int) -> tuple[str, ...]:
        """Ingest what there is by the end of a day."""
        self.clock.now = (until + 1) * DAY + 1
        return self.ingestion.ingest("A", self.frame, **SCRIPTED).instruments[0].flagged

    def close(self) -> np.ndarray[Any, Any]:
        return self.bl.bars("A", self.frame, **SCRIPTED, adjust="splits").df["close"].to_numpy()


def market(ratio: float, frame: str, noise: float = 0.012) -> Walk:
    made = Walk(listed=(FIRST if frame == "1d" else EX - 10) * DAY, timeframe=Timeframe.of(frame))
    made.ratio, made.noise = ratio, noise if frame == "1d" else noise / 12
    return made


STATES = pytest.mark.parametrize("adjustment", [SPLITS, RAW], ids=["adjusted", "raw"])


@STATES
@pytest.mark.parametrize("frame", ["1d", "1m"])
@pytest.mark.parametrize("ratio", [2.0, 3.0, 0.1, 0.2])
@pytest.mark.parametrize("days", [1, 30])
def test_a_split_between_what_is_held_and_what_comes_is_flagged(
    bl: BarLedger, clock: SetClock, ratio: float, frame: str, adjustment: Any, days: int
) -> None:
    desk = Desk(bl, clock, market(ratio, frame), adjustment)
    assert desk.ingest(EX - 1) == ()
    (name,) = desk.ingest(EX - 1 + days)
    (found,) = desk.made.discrepancies(state="all")
    assert (found.id, found.kind, found.confidence >= CERTAIN) == (name, "split_missed", True)
    assert desk.ingest(EX + days) == ()
    desk.made.accept(name, reason="checked")
    jumps = np.abs(np.diff(np.log(desk.close())))
    assert float(jumps.max()) < 0.1
    assert [one.value for one in bl.actions.list("A")] == [pytest.approx(ratio)]
    assert desk.made.inspect("A", frame).ok


@STATES
def test_a_split_that_is_doubtful_at_its_first_bar_is_flagged_when_it_is_certain_and_once(
    bl: BarLedger, clock: SetClock, adjustment: Any
) -> None:
    desk = Desk(bl, clock, market(1.5, "1d", 0.03), adjustment)
    assert (desk.ingest(EX - 1), desk.ingest(EX)) == ((), ())
    (doubtful,) = desk.made.inspect("A", "1d").findings
    assert not doubtful.certain
    told = [name for day in range(EX + 1, EX + 12) for name in desk.ingest(day)]
    (found,) = desk.made.discrepancies(state="all")
    assert (told, found.confidence >= CERTAIN) == ([found.id], True)


@STATES
def test_a_split_that_somebody_rejected_is_not_flagged_by_the_bars_that_come_behind(
    bl: BarLedger, clock: SetClock, adjustment: Any
) -> None:
    desk = Desk(bl, clock, market(2.0, "1d"), adjustment)
    desk.ingest(EX - 1)
    (name,) = desk.ingest(EX)
    desk.made.reject(name, reason="a crash")
    assert [desk.ingest(day) for day in range(EX + 1, EX + 12)] == [()] * 11
    assert [one.state for one in desk.made.discrepancies(state="all")] == ["rejected"]


def test_bars_that_are_held_are_flagged_where_a_rule_would_put_new_ones_aside(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock, market(2.0, "1d"), SPLITS)
    desk.made.set_rule("splits", action="quarantine", kind="split_missed", reason="desk rule")
    desk.ingest(EX - 1)
    (name,) = desk.ingest(EX)
    assert [one.id for one in desk.made.discrepancies()] == [name]
    assert desk.ingestion.quarantine() == []
