"""Runs of numbers against sets of numbers, and strips against counting."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.calendar import AlwaysOpen
from barledger.domain.interval import Interval
from barledger.domain.timeframe import DAY, TIMEFRAMES
from barledger.services.availability import Availability, Missing
from barledger.services.availability.runs import NOTHING, Runs
from barledger.services.availability.strip import strip

stretches = st.lists(st.tuples(st.integers(-20, 60), st.integers(-3, 12)), max_size=8)


def runs(given_stretches: list[tuple[int, int]]) -> Runs:
    first = np.array([start for start, _ in given_stretches], np.int64)
    return Runs.of(first, first + np.array([length for _, length in given_stretches], np.int64))


def numbers(given_runs: Runs) -> set[int]:
    pairs = zip(given_runs.first.tolist(), given_runs.last.tolist(), strict=True)
    return {number for first, last in pairs for number in range(first, last)}


def named(given_stretches: list[tuple[int, int]]) -> set[int]:
    return {number for start, length in given_stretches for number in range(start, start + length)}


@given(stretches)
def test_runs_are_in_normal_form(one: list[tuple[int, int]]) -> None:
    made = runs(one)
    assert numbers(made) == named(one)
    assert made.count == len(named(one))
    assert (made.first < made.last).all()
    assert (made.last[:-1] < made.first[1:]).all()
    again = Runs.of_numbers(np.array(sorted(named(one)), np.int64))
    assert (again.first.tolist(), again.last.tolist()) == (made.first.tolist(), made.last.tolist())


@given(stretches, stretches, st.integers(-25, 70), st.integers(0, 50))
def test_they_are_sets(one: list[tuple[int, int]], other: list[tuple[int, int]], first: int, length: int) -> None:
    span = set(range(first, first + length))
    assert numbers(runs(one).union([runs(other), NOTHING])) == named(one) | named(other)
    assert numbers(runs(one).within(first, first + length)) == named(one) & span
    assert numbers(runs(one).missing(first, first + length)) == span - named(one)


@given(stretches, stretches)
def test_cutting_adds_and_loses_nothing(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    whole, knife = runs(one), runs(other)
    first, last = whole.cut_at([knife.first, knife.last])
    parts = [set(range(a, b)) for a, b in zip(first.tolist(), last.tolist(), strict=True)]
    assert set().union(*parts) == named(one)
    assert sum(map(len, parts)) == len(named(one))
    inside = knife.position(first) >= 0
    for part, is_inside in zip(parts, inside.tolist(), strict=True):
        assert part <= named(other) if is_inside else not part & named(other)


@given(st.lists(st.sampled_from(["present", "lacking", "halted"]), min_size=1, max_size=60), st.integers(1, 90))
def test_a_strip_counts_every_bar_once(states: list[str], cells: int) -> None:
    def intervals(state: str) -> list[Interval]:
        return [Interval(at * DAY, (at + 1) * DAY) for at, known in enumerate(states) if known == state]

    missing = [
        Missing(interval=interval, reason=reason, bars=1)
        for reason in ("lacking", "halted")
        for interval in intervals(reason)
    ]
    answer = Availability(
        instrument="X",
        timeframe=TIMEFRAMES["1d"],
        interval=Interval(0, len(states) * DAY),
        series=(),
        calendar="24/7",
        calendar_origin="default",
        expected=len(states) - states.count("halted"),
        found=states.count("present"),
        present=tuple(intervals("present")),
        missing=tuple(sorted(missing, key=lambda one: one.interval)),
    )
    found = strip(answer, AlwaysOpen(), cells=cells)
    assert len(found) == min(cells, len(states))
    assert (found[0].interval.start, found[-1].interval.end) == (0, len(states) * DAY)
    for cell in found:
        inside = [states[at // DAY] for at in range(cell.interval.start, cell.interval.end, DAY)]
        counts = (len(inside), inside.count("present"), inside.count("halted"))
        assert (cell.bars, cell.found, cell.excused) == counts
    assert max(cell.bars for cell in found) - min(cell.bars for cell in found) <= 1
