"""Which blocks are looked at next: recent ones often, old ones seldom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.sampling import Candidate, Sampling
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting

NOW = 20_000 * DAY


def block(age: float, looked: float | None) -> Candidate:
    """Return a block that ended so many days ago, and was looked at so many days ago."""
    end = NOW - int(age * DAY)
    return Candidate(start=end - DAY, end=end, looked_at=0 if looked is None else NOW - int(looked * DAY))


@pytest.mark.parametrize(
    ("age", "looked", "due"),
    [
        (0, 0.5, False), (0, 1, True), (5, 0.8, False), (5, 1, True), (30, 2.9, False), (30, 3, True),
        (3_650, 364, False), (3_650, 365, True), (36_500, 365, True), (36_500, 300, False), (100, None, True),
    ],
)  # fmt: skip
def test_a_block_is_due_after_a_tenth_of_its_age(age: float, looked: float | None, *, due: bool) -> None:
    assert bool(Sampling().due([block(age, looked)], NOW)) is due


def test_the_newest_block_comes_first_then_those_that_are_due_for_longest() -> None:
    newest, old, older, never = block(0, 2), block(100, 30), block(1_000, 200), block(500, None)
    assert Sampling().due([older, newest, never, old], NOW) == [newest, never, old, older]


def test_a_block_that_was_looked_at_just_now_is_not_due() -> None:
    assert Sampling().due([block(age, 0) for age in range(0, 4_000, 100)], NOW) == []
    assert Sampling().due([], NOW) == []


def test_the_looks_at_a_block_grow_with_the_logarithm_of_its_age() -> None:
    sampling, looks, looked = Sampling(), [], 1.0
    for age in range(1, 3_650):
        one = Candidate(start=0, end=0, looked_at=int(looked * DAY))
        if sampling.due([one], age * DAY):
            looks.append(age)
            looked = float(age)
    within = [sum(1 for age in looks if age <= days) for days in (30, 365, 3_650)]
    assert within[0] <= 22
    assert within[1] - within[0] <= 26
    assert within[2] - within[1] <= 26


@given(st.floats(0, 40_000), st.floats(0, 40_000), st.floats(1, 2))
def test_waiting_longer_never_makes_a_block_less_due(age: float, looked: float, more: float) -> None:
    sampling = Sampling()
    first, later = block(age, looked), block(age, looked * more)
    assert sampling.overdue(later, NOW) >= sampling.overdue(first, NOW)


@pytest.mark.parametrize(
    "wrong", [{"blocks": 0}, {"share": 0.0}, {"share": 2.0}, {"soonest": -1}, {"soonest": 3, "latest": 2}]
)
def test_a_rule_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting):
        Sampling(**wrong)  # type: ignore[arg-type]
