"""Several errors in the same bars: each is decided by itself, in any order, and what is left is what was decided."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barledger.barledger import BarLedger
from barledger.domain.finding import Finding
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows
from barledger.domain.timeframe import DAY
from barledger.errors import ChangedSince, ProposalStale
from barledger.services.discrepancies.filter import Filter
from barledger.services.ingestion import DataIngestionService
from barledger.services.integrity import DataIntegrityService
from barledger.stores.memory import MemoryStore
from integrity import heard, integrity
from scripted import NOON, SPLITS, Market, ScriptedSource, SetClock, clocked, service

FIRST, LAST = 900, 1_000
OWN: dict[str, Any] = {"source": "scripted"}
PRICES = ("open", "high", "low", "close")


def split(end: int, ratio: float) -> Finding:
    """A split that is missed in all bars before a day."""
    return _finding("split_missed", FIRST, end, (*PRICES, "volume"), 1 / ratio)


def unit(start: int, end: int, times: float = 100.0) -> Finding:
    return _finding("unit_error", start, end, PRICES, 1 / times)


def _finding(kind: Any, start: int, end: int, fields: tuple[str, ...], factor: float) -> Finding:
    interval = Interval(start * DAY, end * DAY)
    return Finding(kind=kind, interval=interval, fields=fields, confidence=0.99, factor=factor, rule="a test says so")


class Library:
    """A hundred days, and findings in them that are kept."""

    def __init__(self, findings: Sequence[Finding], market: Market | None = None) -> None:
        self.clock = SetClock(LAST * DAY + NOON)
        self.bl = clocked(MemoryStore(), self.clock)
        self.market = market or Market(listed=FIRST * DAY)
        self.source = ScriptedSource({"A": self.market}, self.clock, page=500, adjustment=SPLITS)
        self.ingest()
        self.base = self.values()
        self.findings = list(findings)
        self.made = self.service(self.findings)
        self.made.inspect("A", "1d", keep=True)
        self.ids = [self._id(one) for one in findings]

    def service(self, findings: Sequence[Finding]) -> DataIntegrityService:
        def find(rows: Rows, **_: Any) -> list[Finding]:  # noqa: ARG001 - whatever they are
            return list(findings)

        return integrity(self.bl, self.clock, self.source, findings=find)

    def _id(self, one: Finding) -> str:
        found = self.made.discrepancies(state="proposed")
        return next(each.id for each in found if (each.interval, each.factor) == (one.interval, one.factor))

    def ingest(self) -> Any:
        return service(self.bl, self.clock, self.source).ingest("A", "1d", **OWN, refresh=200)

    def values(self) -> dict[str, np.ndarray[Any, Any]]:
        rows = self.bl.bars("A", "1d", **OWN).rows
        self.times = rows.time
        return {name: np.array(getattr(rows, name)) for name in VALUES}

    def wanted(self, applied: Sequence[int]) -> dict[str, np.ndarray[Any, Any]]:
        made = {name: column.copy() for name, column in self.base.items()}
        for at in applied:
            one = self.findings[at]
            inside = (self.times >= one.interval.start) & (self.times < one.interval.end)
            for name in one.fields:
                made[name][inside] *= one.factor if name in PRICES else 1 / (one.factor or 1)
        return made

    def check(self, applied: Sequence[int]) -> None:
        held = self.values()
        for name, column in self.wanted(applied).items():
            np.testing.assert_allclose(held[name], column, rtol=1e-12)


_SPLIT = st.builds(split, st.integers(FIRST + 2, LAST - 2), st.sampled_from([2.0, 3.0, 0.5]))
_UNIT = st.tuples(st.integers(FIRST, LAST - 3), st.integers(2, 60), st.sampled_from([100.0, 0.01])).map(
    lambda one: unit(one[0], min(one[0] + one[1], LAST), one[2])
)
_FINDINGS = st.lists(st.one_of(_SPLIT, _UNIT), min_size=2, max_size=4, unique_by=lambda one: (one.kind, one.interval))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_FINDINGS, st.data())
def test_whatever_is_accepted_and_undone_in_whatever_order_is_what_is_held(
    findings: list[Finding], data: st.DataObject
) -> None:
    library = Library(findings)
    todo, applied = list(range(len(findings))), list[int]()
    try:
        while todo or applied:
            steps = [("accept", at) for at in todo] + [("undo", at) for at in applied]
            step, at = data.draw(st.sampled_from(steps))
            if step == "accept":
                done = library.made.accept(library.ids[at], reason="yes")
                assert done.changed == library.made.discrepancy(library.ids[at]).discrepancy.bars
                todo.remove(at)
                applied.append(at)
            else:
                assert library.made.undo(library.ids[at], reason="no").left == 0
                applied.remove(at)
            library.check(applied)
            if data.draw(st.booleans()):
                again = library.ingest()
                assert (again.changed, again.proposed) == (0, 0)
                report = library.made.reconcile("A", "1d")
                assert report.discrepancies == ()
                assert report.decided + report.identical == LAST - FIRST
                library.check(applied)
        held = library.values()
        for name, column in library.base.items():
            np.testing.assert_array_equal(held[name], column)
    finally:
        library.bl.close()


@pytest.mark.parametrize("ratios", [(2.0, 2.0), (2.0, 3.0)])
@pytest.mark.parametrize("first", [0, 1])
def test_two_missed_splits_make_a_quarter_in_any_order(ratios: tuple[float, float], first: int) -> None:
    library = Library([split(930, ratios[0]), split(970, ratios[1])])
    one, other = library.ids[first], library.ids[1 - first]
    assert library.made.accept(one, reason="yes").changed > 0
    shown = library.made.discrepancy(other)
    assert float(shown.rows.close[0]) == pytest.approx(float(library.base["close"][0]) / (ratios[0] * ratios[1]))
    assert library.made.accept(other, reason="yes").changed > 0
    library.check([0, 1])
    assert library.values()["close"][0] == pytest.approx(library.base["close"][0] / (ratios[0] * ratios[1]))


def test_all_of_them_at_once_are_all_applied() -> None:
    library = Library([split(930, 2.0), split(970, 2.0), unit(940, 980)])
    decided = library.made.accept_each(Filter.of(kind="*"), reason="the lot")
    assert [one.ok and one.written is not None and one.written.changed > 0 for one in decided] == [True] * 3
    library.check([0, 1, 2])
    undone = library.made.undo_each(Filter.of(state="applied"), reason="none")
    assert all(one.ok for one in undone)
    np.testing.assert_array_equal(library.values()["close"], library.base["close"])


def test_bars_that_somebody_else_wrote_make_a_proposal_stale_and_the_next_look_makes_another() -> None:
    library = Library([split(930, 2.0), split(970, 2.0)])
    library.made.accept(library.ids[0], reason="yes")
    bars = library.bl.bars("A", "1d", **OWN, start=910 * DAY, end=911 * DAY).df
    library.bl.write("A", "1d", bars * 1.5, **OWN)
    with pytest.raises(ProposalStale) as caught:
        library.made.accept(library.ids[1], reason="yes")
    assert "inspect" in caught.value.advice
    again = library.service([library.findings[1]])
    again.inspect("A", "1d", keep=True)
    (fresh,) = again.discrepancies(state="proposed")
    before = library.values()["close"]
    again.accept(fresh.id, reason="yes")
    inside = library.times < 970 * DAY
    np.testing.assert_allclose(library.values()["close"], np.where(inside, before / 2, before))


def test_undoing_the_lower_of_two_stops_at_bars_that_somebody_else_wrote() -> None:
    library = Library([split(930, 2.0), split(970, 2.0)])
    for one in library.ids:
        library.made.accept(one, reason="yes")
    bars = library.bl.bars("A", "1d", **OWN, start=910 * DAY, end=911 * DAY).df
    library.bl.write("A", "1d", bars * 1.5, **OWN)
    with pytest.raises(ChangedSince) as caught:
        library.made.undo(library.ids[0], reason="no")
    assert caught.value.changed == 1
    held = library.values()["close"]
    done = library.made.undo(library.ids[0], reason="no", partial=True)
    assert (done.left, done.changed) == (1, 29)
    touched = (library.times < 930 * DAY) & (library.times != 910 * DAY)
    np.testing.assert_allclose(library.values()["close"], np.where(touched, held * 2, held))


def test_the_same_error_seen_in_two_looks_is_put_right_once() -> None:
    library = Library([unit(930, 960)])
    other = library.service([unit(940, 970)])
    other.inspect("A", "1d", keep=True, start=935 * DAY)
    (second,) = [one.id for one in other.discrepancies(state="proposed") if one.id not in library.ids]
    library.made.accept(library.ids[0], reason="yes")
    assert library.made.accept(second, reason="yes").changed == 10
    library.findings = [unit(930, 970)]
    library.check([0])


def test_a_rule_applies_all_of_them(bl: BarLedger, clock: SetClock) -> None:
    source = ScriptedSource({"A": Market(listed=FIRST * DAY)}, clock, page=500, adjustment=SPLITS)
    findings = [split(930, 2.0), split(970, 2.0)]

    def find(rows: Rows, **_: Any) -> list[Finding]:  # noqa: ARG001 - whatever they are
        return findings

    made = integrity(bl, clock, source, findings=find)
    made.set_rule("splits", kind="split_missed", reason="desk rule")
    ingestion = DataIngestionService(
        bl.vault, bl.cache, lambda *_: source, bl.instruments, timing=clock.timing, screen=made.screening
    )
    first = ingestion.ingest("A", "1d", **OWN)
    assert first.changed == 30 + 70
    given = source.markets["A"].rows(bl.bars("A", "1d", **OWN).time)
    ratio = bl.bars("A", "1d", **OWN).rows.close / given.close
    assert sorted({round(float(one), 6) for one in ratio}) == [0.25, 0.5, 1.0]
    told = heard(bl)
    again = ingestion.ingest("A", "1d", **OWN, refresh=200)
    assert (again.changed, again.decided, told) == (0, 70, [])
    assert {one.state for one in made.discrepancies(state="all")} == {"applied"}


def test_a_missed_split_that_shows_in_a_few_new_bars_concerns_all_bars_before_it(
    bl: BarLedger, clock: SetClock
) -> None:
    source = ScriptedSource({"A": Market(listed=700 * DAY)}, clock, page=500, adjustment=SPLITS)

    def find(rows: Rows, **_: Any) -> list[Finding]:
        start = int(rows.time[0]) // DAY
        return [_finding("split_missed", start, 1_001, PRICES, 0.25)] if int(rows.time[-1]) >= 1_001 * DAY else []

    made = integrity(bl, clock, source, findings=find)
    ingestion = DataIngestionService(
        bl.vault, bl.cache, lambda *_: source, bl.instruments, timing=clock.timing, screen=made.screening
    )
    ingestion.ingest("A", "1d", **OWN)
    clock.now += 3 * DAY
    ingestion.ingest("A", "1d", **OWN)
    (one,) = made.discrepancies(state="proposed")
    assert (one.interval.start, one.bars) == (700 * DAY, 301)
    assert made.accept(one.id, reason="yes").changed == 301
