"""Factors: exact against the rule written out, over any events and any state that the source left the bars in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adjusting import Event, ImpossibleError, naive
from barledger.domain.adjustment import (
    ALIASES,
    Factors,
    Made,
    Payment,
    ShareChange,
    Shares,
    Wanted,
    applied,
    factors,
    mode_of,
)
from barledger.domain.declared import Adjusted
from barledger.domain.interval import END_OF_TIME
from barledger.domain.rows import Rows, constant
from barledger.domain.timeframe import DAY
from barledger.errors import CannotAdjust, InvalidSetting

MODES = ("raw", "splits", "total")
EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Case:
    days: list[int]
    closes: list[float]
    events: list[Event]
    seen_until: int


def factor_of(values: object, length: int) -> np.ndarray:
    return np.ones(length) if values is None else np.asarray(values)


def found(case: Case, stored: Sequence[float], adjusted: Adjusted, mode: str, end: int = END_OF_TIME) -> Factors:
    """Ask for factors from stored closes, as reading does: each payment with the close before it."""
    made = Made(adjusted=adjusted, until=case.seen_until * DAY)
    shares = Shares(ShareChange(at=one.day * DAY, ratio=one.ratio) for one in case.events if one.ratio != 1)
    payments = []
    for one in case.events:
        place = int(np.searchsorted(case.days, one.day)) - 1
        if one.paid and place >= 0:
            before = case.days[place] * DAY
            close = shares.newest(stored[place], before, made)
            payments.append(Payment(at=one.day * DAY, amount=one.paid, before=before, close=close, name=str(one)))
    times = np.array(case.days, np.int64) * DAY
    return factors(times, shares, payments, made, Wanted(mode=mode, end=end))  # type: ignore[arg-type]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    days = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=30)))
    closes = [draw(st.floats(5, 500)) for _ in days]
    ratios = st.sampled_from([1.0, 1.0, 1.0, 2.0, 7.0, 0.1, 1.05, 1.5, 3.0])
    # A hole of many bars may hold many events; together they never pay more than a share is worth.
    paid = st.sampled_from([0.0, 0.01, 0.05, 0.12])
    event = st.builds(Event, st.integers(0, 70), ratios, paid)
    return Case(days, closes, draw(st.lists(event, max_size=8)), draw(st.integers(0, 75)))


@pytest.mark.slow
@settings(max_examples=400)
@given(case=cases(), mode=st.sampled_from(MODES), state=st.sampled_from(MODES), volume=st.sampled_from(MODES))
def test_any_state_becomes_any_mode_exactly(case: Case, mode: str, state: str, volume: str) -> None:
    seen = [one for one in case.events if one.day <= case.seen_until]
    try:
        naive(case.days, case.closes, case.events, "total")
        before, _ = naive(case.days, case.closes, seen, state)
    except ImpossibleError:
        assume(False)
    _, volume_before = naive(case.days, case.closes, seen, volume)
    stored = (np.array(case.closes) * before).tolist()
    adjusted = {**dict.fromkeys(("open", "high", "low", "close"), state), "volume": volume}
    wanted, wanted_volume = naive(case.days, case.closes, case.events, mode)
    made = found(case, stored, adjusted, mode)  # type: ignore[arg-type]
    np.testing.assert_allclose(before * factor_of(made.price, len(case.days)), wanted, rtol=EXACT)
    np.testing.assert_allclose(volume_before * factor_of(made.volume, len(case.days)), wanted_volume, rtol=EXACT)


@given(case=cases())
def test_more_paid_than_a_share_is_worth_is_refused_and_nothing_else(case: Case) -> None:
    # The close before what was paid is that of a bar; events before the first bar move none.
    case = replace(case, closes=[close / 100 for close in case.closes])
    try:
        naive(case.days, case.closes, case.events, "total")
    except ImpossibleError:
        with pytest.raises(CannotAdjust):
            found(case, case.closes, {}, "total")
    else:
        found(case, case.closes, {}, "total")


@given(case=cases(), state=st.sampled_from(MODES))
def test_what_the_source_has_done_already_is_left_alone_to_the_bit(case: Case, state: str) -> None:
    adjusted = dict.fromkeys(("open", "high", "low", "close", "volume"), state)
    made = found(replace(case, seen_until=99), case.closes, adjusted, state)  # type: ignore[arg-type]
    assert made.price is None
    assert made.volume is None


def test_a_dividend_is_measured_by_the_close_before_it() -> None:
    case = Case([1, 2, 3], [20.0, 24.96, 24.5], [Event(3, paid=0.08)], 0)
    made = found(case, case.closes, {}, "total")
    assert made.price is not None
    assert made.price.tolist() == pytest.approx([0.996795, 0.996795, 1.0], abs=1e-6)
    assert made.volume is None


def test_payments_of_a_day_are_added_up_and_come_before_its_split() -> None:
    # 100 before, 10 and 20 paid on each of these shares, and then two for one: the theoretical price is 35.
    case = Case([1, 2], [100.0, 35.0], [Event(2, paid=10.0), Event(2, ratio=2.0, paid=20.0)], 0)
    made = found(case, case.closes, {}, "total")
    assert made.price is not None
    assert 100.0 * made.price[0] == pytest.approx(35.0)
    assert factor_of(made.volume, 2).tolist() == [2.0, 1.0]


def test_a_payment_after_a_split_in_the_same_hole_is_on_the_new_shares() -> None:
    case = Case([1, 10], [100.0, 49.0], [Event(3, ratio=2.0), Event(6, paid=1.0)], 0)
    made = found(case, case.closes, {}, "total")
    assert made.price is not None
    assert 100.0 * made.price[0] == pytest.approx(49.0)


def test_volume_knows_no_payments() -> None:
    case = Case([1, 2, 3], [10.0, 11.0, 12.0], [Event(2, paid=1.0), Event(3, ratio=1.05)], 0)
    made = found(case, case.closes, {}, "total")
    assert factor_of(made.volume, 3).tolist() == pytest.approx([1.05, 1.05, 1.0])


def test_events_from_an_end_on_are_left_out_of_the_mode_but_undone_where_the_source_counted_them() -> None:
    case = Case([1, 2], [40.0, 41.0], [Event(9, ratio=2.0)], 20)
    splits = dict.fromkeys(("open", "high", "low", "close", "volume"), "splits")
    made = found(case, [20.0, 20.5], splits, "splits", end=5 * DAY)  # type: ignore[arg-type]
    assert factor_of(made.price, 2).tolist() == [2.0, 2.0]
    assert factor_of(made.volume, 2).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("close", [float("nan"), 0.0, 4.0, 5.0])
def test_a_factor_that_is_not_above_nought_is_refused_by_the_name_of_its_event(close: float) -> None:
    case = Case([1, 2], [close, 10.0], [Event(2, paid=5.0)], 0)
    with pytest.raises(CannotAdjust) as caught:
        found(case, case.closes, {}, "total")
    assert "Event(day=2" in caught.value.what


def test_numbers_that_become_too_large_are_refused() -> None:
    huge = np.array([1e308, 1.0])
    rows = Rows(
        time=np.array([1, 2]) * DAY,
        open=huge,
        high=huge,
        low=huge,
        close=huge,
        volume=huge,
        revision=constant(1, 2),
        edition=constant(1, 2),
    )
    with pytest.raises(CannotAdjust):
        applied(rows, Factors(price=np.array([10.0, 1.0]), volume=None))


def test_missing_values_stay_missing_and_low_stays_below_high() -> None:
    nothing = np.array([np.nan, 3.0])
    rows = Rows(
        time=np.array([1, 2]) * DAY,
        open=nothing,
        high=np.array([7.1, 3.3]),
        low=np.array([7.1, 2.9]),
        close=nothing,
        volume=nothing,
        revision=constant(1, 2),
        edition=constant(1, 2),
    )
    made = applied(rows, Factors(price=np.array([1 / 3, 1.0]), volume=None))
    assert np.isnan(made.close[0])
    assert (made.low <= made.high).all()
    assert made.adjustment_factor is not None
    assert made.adjustment_factor.tolist() == [1 / 3, 1.0]


def test_the_words_of_openbb_are_understood_and_others_refused() -> None:
    assert [mode_of(word) for word in (*MODES, *ALIASES)] == [*MODES, *MODES]
    for word in ("", "Total", "dividends", "none"):
        with pytest.raises(InvalidSetting, match="splits_and_dividends"):
            mode_of(word)
