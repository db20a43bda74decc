"""Restatements are told from corrections, whatever rounding and trembling hide."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.comparison import EXACT, Tolerance
from barledger.domain.rows import VALUES, Rows
from barledger.domain.timeframe import DAY
from barledger.services.ingestion.restatement import recognise, suspicious
from barledger.testing.bars import days, rows

VENDOR = Tolerance(price=2e-6, volume=5e-3)
PRICES = VALUES[:4]


def multiplied(old: Rows, factor: float, until: int, *, volume: bool = True, decimals: int | None = None) -> Rows:
    """Return the bars with those before position ``until`` multiplied."""
    factors = np.where(np.arange(len(old)) < until, factor, 1.0)
    columns = {name: getattr(old, name) * factors for name in PRICES}
    if decimals is not None:
        columns = {name: np.round(column, decimals) for name, column in columns.items()}
    return replace(old, **columns, volume=np.round(old.volume / factors) if volume else old.volume)


def corrected(bars: Rows, *at: int) -> Rows:
    close = np.array(bars.close)
    close[list(at)] *= 1.003
    return replace(bars, close=close)


@pytest.mark.parametrize("factor", [0.5, 0.25, 0.1, 2 / 3, 2.0, 20.0, 0.9968])
@pytest.mark.parametrize("until", [4, 60, 97, 100])
@pytest.mark.parametrize("volume", [True, False])
@pytest.mark.parametrize("decimals", [None, 2, 4])
def test_one_factor_before_an_ex_date_is_a_restatement(
    factor: float, until: int, decimals: int | None, *, volume: bool
) -> None:
    old = rows(days(0, 100))
    found = recognise(old, multiplied(old, factor, until, volume=volume, decimals=decimals), EXACT)
    assert found is not None
    assert found.factor == pytest.approx(factor, rel=1e-4)
    assert found.until == (until * DAY if until < 100 else 99 * DAY + 1)
    assert (found.bars, found.others) == (until, 0)
    if factor not in {0.9968, 2 / 3}:
        assert found.volume == ("inverse" if volume else "unchanged")


def test_a_plain_ratio_is_found_exactly() -> None:
    old = rows(days(0, 3000))
    found = recognise(old, multiplied(old, 0.25, 2000, decimals=2), EXACT)
    assert found is not None
    assert found.factor == 0.25


def test_several_events_are_one_restatement_in_steps() -> None:
    old = rows(days(0, 300))
    new = multiplied(multiplied(old, 0.5, 200), 0.25, 100)
    found = recognise(old, new, EXACT)
    assert found is not None
    assert [(step.until // DAY, step.factor) for step in found.steps] == [(100, 0.125), (200, 0.5)]
    assert (found.factor, found.until, found.bars) == (0.125, 200 * DAY, 200)


def test_corrections_beside_a_restatement_are_counted() -> None:
    old = rows(days(0, 200))
    found = recognise(old, corrected(multiplied(old, 0.5, 150), 3, 50, 51, 52, 170), EXACT)
    assert found is not None
    assert (found.factor, found.until, found.bars, found.others) == (0.5, 150 * DAY, 146, 5)


def test_corrections_in_a_row_behind_it_hide_no_restatement() -> None:
    old = rows(days(0, 200))
    found = recognise(old, corrected(multiplied(old, 0.5, 150), *range(160, 175)), EXACT)
    assert found is not None
    assert (found.factor, found.until, found.bars, found.others) == (0.5, 150 * DAY, 150, 15)


def test_corrections_at_the_very_beginning_hide_no_restatement() -> None:
    old = rows(days(0, 100))
    found = recognise(old, corrected(multiplied(old, 0.5, 80), 0, 1, 2, 3), EXACT)
    assert found is not None
    assert (found.factor, found.bars, found.others) == (0.5, 76, 4)


@pytest.mark.parametrize("at", [(5,), (0, 1), tuple(range(0, 100, 9))])
def test_corrections_are_no_restatement(at: tuple[int, ...]) -> None:
    old = rows(days(0, 100))
    assert recognise(old, corrected(old, *at), EXACT) is None


def test_equal_and_trembling_bars_are_no_restatement() -> None:
    old = rows(days(0, 100))
    assert recognise(old, old, EXACT) is None
    shaken = replace(old, **{name: getattr(old, name) * (1 + 1.5e-6 * np.sin(old.time)) for name in PRICES})
    assert recognise(old, shaken, VENDOR) is None
    assert recognise(old, replace(old, **{name: getattr(old, name) * 1.000004 for name in PRICES}), VENDOR) is None


def test_trembling_is_judged_after_the_factor() -> None:
    old = rows(days(0, 100))
    new = multiplied(old, 0.5, 70)
    shake = 1 + 1.9e-6 * np.sin(np.arange(100))
    new = replace(new, **{name: getattr(new, name) * shake for name in PRICES}, volume=new.volume * (1 + shake / 500))
    found = recognise(old, new, VENDOR)
    assert found is not None
    assert (found.bars, found.others) == (70, 0)
    assert recognise(old, new, EXACT) is None


def test_prices_that_all_change_at_random_are_no_restatement() -> None:
    old = rows(days(0, 100))
    assert recognise(old, rows(days(0, 100), seed=5), EXACT) is None


def test_a_stretch_in_the_middle_is_no_restatement() -> None:
    old = rows(days(0, 100))
    new = multiplied(old, 100.0, 60)
    head = multiplied(old, 1.0, 0).pick(slice(0, 30))
    mixed = {name: np.concatenate([getattr(head, name), getattr(new, name)[30:]]) for name in VALUES}
    assert recognise(old, replace(old, **mixed), EXACT) is None


def test_volume_that_moves_in_another_way_is_no_restatement() -> None:
    old = rows(days(0, 100))
    new = multiplied(old, 0.5, 80, volume=False)
    assert recognise(old, replace(new, volume=rows(days(0, 100), seed=9).volume), EXACT) is None


def test_missing_values_and_zeros_hide_no_restatement() -> None:
    old = rows(days(0, 100))
    holes = {name: np.where(np.arange(100) % 17 == 0, np.nan, getattr(old, name)) for name in ("open", "volume")}
    old = replace(old, **holes)
    flat = {name: np.where(np.arange(100) == 5, 0.0, getattr(old, name)) for name in VALUES}
    old = replace(old, **flat)
    found = recognise(old, multiplied(old, 0.5, 90), EXACT)
    assert found is not None
    assert found.others == 0


def test_rounded_pennies_tell_nothing() -> None:
    old = rows(days(0, 50))
    pennies = {name: np.full(50, 0.02) for name in PRICES}
    old, new = replace(old, **pennies), replace(old, **{name: np.full(50, 0.01) for name in PRICES})
    found = recognise(old, new, EXACT)
    assert found is None or found.factor == pytest.approx(0.5)


@pytest.mark.parametrize("bars", [0, 1, 2])
def test_too_few_bars_prove_nothing(bars: int) -> None:
    old = rows(days(0, bars))
    assert recognise(old, multiplied(old, 0.5, bars), EXACT) is None


def test_a_single_multiplied_bar_is_suspicious_and_a_corrected_one_is_not() -> None:
    old = rows(days(0, 10))
    assert suspicious(old, multiplied(old, 0.5, 1), EXACT)
    assert not suspicious(old, corrected(old, 3), EXACT)
    assert not suspicious(old, old, EXACT)
    assert not suspicious(old.pick(slice(0, 0)), old.pick(slice(0, 0)), EXACT)


@given(
    length=st.integers(10, 400),
    factor=st.sampled_from([0.05, 0.1, 0.25, 1 / 3, 0.5, 0.97, 1.5, 2.0, 10.0]),
    share=st.floats(0.1, 1.0),
    adjusted=st.booleans(),
    decimals=st.sampled_from([None, 3, 4]),
    seed=st.integers(0, 10),
)
def test_a_factor_is_found_wherever_it_ends(
    *, length: int, factor: float, share: float, decimals: int | None, seed: int, adjusted: bool
) -> None:
    old = rows(days(0, length), seed=seed)
    until = max(3, int(length * share))
    found = recognise(old, multiplied(old, factor, until, volume=adjusted, decimals=decimals), EXACT)
    assert found is not None
    assert found.factor == pytest.approx(factor, rel=1e-3)
    assert found.bars == until


@given(st.integers(20, 300), st.integers(0, 10), st.data())
def test_single_corrections_are_never_a_restatement(length: int, seed: int, data: st.DataObject) -> None:
    old = rows(days(0, length), seed=seed)
    at = data.draw(st.lists(st.integers(0, length - 1), max_size=length // 2, unique=True))
    shifts = np.ones(length)
    shifts[at] = [data.draw(st.floats(0.9, 1.1)) for _ in at]
    new = replace(old, close=old.close * shifts)
    assert recognise(old, new, EXACT) is None
