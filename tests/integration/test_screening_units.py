"""Another unit in many new bars at once: what is held tells which level is right, however many bars come."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.detection import findings
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import DAY
from barledger.services.ingestion import DataIngestionService
from barledger.services.integrity import DataIntegrityService
from barledger.stores.memory import MemoryStore
from integrity import Rewriting, Rewritten, integrity
from scripted import NOON, SPLITS, Market, ScriptedSource, SetClock, clocked

SCRIPTED = {"source": "scripted"}


@pytest.fixture
def clock() -> SetClock:
    return SetClock(900 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def calm(factor: float = 1.0, first: int = 0, last: int = 10**6) -> Rewriting:
    """Return what gives prices that move a little, those of the days from ``first`` to ``last`` multiplied."""

    def rewrite(rows: Rows, labels: Ints, _: Market) -> Rows:
        days = labels // DAY
        price = 100 * np.exp(0.05 * np.sin(days / 9) + 0.01 * np.sin(days * 1.7))
        price *= np.where((days >= first) & (days < last), factor, 1.0)
        return replace(rows, open=price * 0.998, high=price * 1.006, low=price * 0.993, close=price)

    return rewrite


class Desk:
    """A library of one series from day 800 on, whose source is looked at as it comes."""

    def __init__(self, bl: BarLedger, clock: SetClock, *, page: int = 1_000, **declared: Any) -> None:
        self.market = Rewritten(listed=800 * DAY, rewrite=calm())
        self.source = ScriptedSource({"A": self.market}, clock, page=page, **declared)
        self.made: DataIntegrityService = integrity(bl, clock, self.source, findings=findings)
        self.ingestion = DataIngestionService(
            bl.vault, bl.cache, lambda *_: self.source, bl.instruments, timing=clock.timing, screen=self.made.screening
        )
        self.clock = clock

    def ingest(self, until: int, **more: Any) -> tuple[str, ...]:
        self.clock.now = until * DAY + NOON
        return self.ingestion.ingest("A", "1d", **SCRIPTED, **more).instruments[0].flagged

    def flagged(self) -> list[tuple[int, int, float | None]]:
        found = self.made.discrepancies(state="all")
        return sorted((one.interval.start // DAY, one.interval.end // DAY, one.factor) for one in found)


@pytest.mark.parametrize("factor", [100.0, 0.01, 1_000.0, 0.001])
@pytest.mark.parametrize("days", [65, 300, 3_000])
def test_a_large_batch_in_another_unit_is_flagged(bl: BarLedger, clock: SetClock, days: int, factor: float) -> None:
    desk = Desk(bl, clock, page=10_000)
    assert desk.ingest(900) == ()
    desk.market.rewrite = calm(factor, 900, 10**6)
    (name,) = desk.ingest(900 + days)
    assert desk.flagged() == [(900, 900 + days, pytest.approx(1 / factor))]
    assert desk.made.accept(name, reason="checked").changed == days
    assert desk.made.inspect("A", "1d").ok


def test_a_block_within_a_large_batch_is_flagged_and_the_bars_around_it_are_not(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock)
    desk.ingest(900)
    desk.market.rewrite = calm(0.01, 920, 1_200)
    desk.ingest(1_250)
    assert desk.flagged() == [(920, 1_200, pytest.approx(100.0))]
    (found,) = desk.made.inspect("A", "1d").certain
    assert (found.interval.start // DAY, found.interval.end // DAY) == (920, 1_200)


def test_pages_that_follow_each_other_are_measured_by_what_was_held_before(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock, page=70)
    desk.ingest(900)
    desk.market.rewrite = calm(100.0, 900, 1_110)
    desk.ingest(1_200)
    wrong = {day for first, end, _ in desk.flagged() for day in range(first, end)}
    assert wrong == set(range(900, 1_110))


def test_a_unit_that_stays_wrong_is_flagged_each_day_and_its_end_is_not(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock)
    desk.ingest(900)
    desk.market.rewrite = calm(100.0, 900, 1_000)
    for day in range(901, 1_003):
        desk.ingest(day)
    wrong = [day for first, end, _ in desk.flagged() for day in range(first, end)]
    assert wrong == list(range(900, 1_000))


def test_a_level_that_somebody_took_for_right_is_right(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock)
    desk.ingest(900)
    desk.market.rewrite = calm(100.0, 900, 10**6)
    (name,) = desk.ingest(1_000)
    desk.made.reject(name, reason="pence from now on")
    assert desk.ingest(1_100) == ()


def test_bars_before_those_that_are_held_are_measured_by_them(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock)
    desk.market.rewrite = calm(100.0, 0, 950)
    assert desk.ingest(1_000, start=950 * DAY) == ()
    desk.ingest(1_000, start=800 * DAY)
    assert desk.flagged() == [(800, 950, pytest.approx(0.01))]


def test_bars_that_are_asked_for_again_are_held_too(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock)
    desk.ingest(900)
    desk.market.rewrite = calm(100.0, 900, 10**6)
    desk.ingest(1_200, refresh=100)
    assert desk.flagged() == [(900, 1_200, pytest.approx(0.01))]


def test_what_is_put_aside_is_no_measure(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock, page=70)
    desk.made.set_rule("units", action="quarantine", kind="unit_error", reason="desk rule")
    desk.ingest(900)
    desk.market.rewrite = calm(100.0, 900, 1_110)
    desk.ingest(1_110)
    assert [bar.time // DAY for bar in desk.ingestion.quarantine()] == list(range(900, 1_110))
    desk.ingest(1_200)
    assert len(desk.ingestion.quarantine()) == 210
    held = bl.bars("A", "1d").rows.time // DAY
    assert np.array_equal(held, [*range(800, 900), *range(1_110, 1_200)])


def test_a_unit_is_measured_across_a_long_closure(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock)
    desk.ingest(900)
    desk.market.gone = {day * DAY for day in range(900, 1_300)}
    desk.market.rewrite = calm(100.0, 900, 10**6)
    desk.ingest(1_500)
    assert desk.flagged() == [(1_300, 1_500, pytest.approx(0.01))]


def test_other_shares_of_the_bars_behind_are_no_error_of_those_before(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock, adjustment=SPLITS)
    desk.ingest(1_000, start=950 * DAY)
    desk.market.rewrite = calm(0.5)
    assert desk.ingest(1_000, start=800 * DAY, end=950 * DAY) == ()
