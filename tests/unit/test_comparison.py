"""The comparison that decides about history: new, changed, the same, or jitter."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.comparison import EXACT, Comparison, Tolerance, changed_fields, compare
from barledger.domain.rows import VALUES, Rows, empty_rows, tombstones
from barledger.domain.timeframe import DAY
from barledger.testing.bars import days, rows

VENDOR = Tolerance(price=2e-6, volume=5e-3)


def verdicts(comparison: Comparison) -> dict[str, list[int]]:
    names = ("new", "changed", "replaced", "same", "jitter")
    return {name: [int(at) for at in getattr(comparison, name)] for name in names}


def with_value(given_rows: Rows, name: str, at: int, value: float) -> Rows:
    column = getattr(given_rows, name).copy()
    column[at] = value
    return replace(given_rows, **{name: column})


def one_bar(**values: float) -> Rows:
    return rows([0], **{name: np.array([value]) for name, value in values.items()})


def verdict(stored: Rows, incoming: Rows, tolerance: Tolerance = EXACT) -> str:
    """Return what becomes of a single bar."""
    found = verdicts(compare(stored, incoming, tolerance))
    (name,) = [name for name in ("new", "changed", "same", "jitter") if found[name]]
    return name


def test_bars_are_new_where_nothing_is_stored() -> None:
    assert verdicts(compare(empty_rows(), rows(days(0, 3))))["new"] == [0, 1, 2]


def test_no_bars_change_nothing() -> None:
    found = compare(rows(days(0, 3)), empty_rows())
    assert not any(verdicts(found).values())
    assert not len(found.written)


BAR = st.integers(0, 3)
STATE = st.dictionaries(st.integers(0, 9), BAR, max_size=8)


@given(STATE, STATE)
def test_every_bar_gets_one_verdict_and_it_is_the_right_one(before: dict[int, int], after: dict[int, int]) -> None:
    def of(state: dict[int, int]) -> Rows:
        table = dict(sorted(state.items()))
        values = np.array(list(table.values()), np.float64)
        return rows([day * DAY for day in table], close=values)

    stored, incoming = of(before), of(after)
    stored = replace(stored, **{name: stored.close for name in VALUES if name != "close"})
    incoming = replace(incoming, **{name: incoming.close for name in VALUES if name != "close"})
    found = compare(stored, incoming)
    day_of = (incoming.time // DAY).tolist()
    named = {name: [day_of[at] for at in getattr(found, name)] for name in ("new", "changed", "same", "jitter")}
    assert named == {
        "new": [day for day in sorted(after) if day not in before],
        "changed": [day for day in sorted(after) if before.get(day, after[day]) != after[day]],
        "same": [day for day in sorted(after) if before.get(day) == after[day]],
        "jitter": [],
    }
    assert (stored.time[found.replaced] == incoming.time[found.changed]).all()
    assert list(found.written) == sorted([*found.new, *found.changed])


@pytest.mark.parametrize("name", VALUES)
def test_exactly_one_bit_is_a_change(name: str) -> None:
    stored = rows(days(0, 3))
    incoming = with_value(stored, name, 1, np.nextafter(getattr(stored, name)[1], np.inf))
    assert verdicts(compare(stored, incoming))["changed"] == [1]
    assert {field: flags.tolist() for field, flags in changed_fields(stored, incoming).items()} == {
        field: [False, field == name, False] for field in VALUES
    }


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_goes_missing_or_comes_is_a_change_beyond_any_tolerance(name: str) -> None:
    whole = rows(days(0, 1))
    lacking = with_value(whole, name, 0, np.nan)
    generous = Tolerance(price=1.0, volume=1.0)
    assert verdict(whole, lacking, generous) == "changed"
    assert verdict(lacking, whole, generous) == "changed"
    assert verdict(lacking, lacking, generous) == "same"


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_prices_have_the_tolerance_of_prices(name: str) -> None:
    stored = one_bar(**dict.fromkeys(VALUES, 1000.0))
    assert verdict(stored, with_value(stored, name, 0, 1000.0019), VENDOR) == "jitter"
    assert verdict(stored, with_value(stored, name, 0, 999.9981), VENDOR) == "jitter"
    assert verdict(stored, with_value(stored, name, 0, 1000.0021), VENDOR) == "changed"
    assert verdict(stored, with_value(stored, name, 0, 1000.0019), EXACT) == "changed"


def test_volume_has_a_tolerance_of_its_own() -> None:
    stored = one_bar(**dict.fromkeys(VALUES, 1000.0))
    assert verdict(stored, with_value(stored, "volume", 0, 1004.9), VENDOR) == "jitter"
    assert verdict(stored, with_value(stored, "volume", 0, 1005.1), VENDOR) == "changed"


def test_one_field_beyond_its_tolerance_changes_the_bar_however_close_the_others_are() -> None:
    stored = one_bar(**dict.fromkeys(VALUES, 1000.0))
    near = with_value(stored, "open", 0, 1000.001)
    assert verdict(stored, with_value(near, "close", 0, 1001.0), VENDOR) == "changed"


@given(st.floats(0.01, 1e6), st.floats(0.0, 1e-3), st.floats(-2.0, 2.0))
def test_the_tolerance_is_measured_from_the_stored_value(price: float, relative: float, step: float) -> None:
    stored = one_bar(close=price)
    moved = price + step * relative * price
    expected = "same" if moved == price else "jitter" if abs(moved - price) <= relative * price else "changed"
    assert verdict(stored, with_value(stored, "close", 0, moved), Tolerance(price=relative)) == expected


def test_half_of_the_stored_value_is_not_half_of_the_incoming_one() -> None:
    wide = Tolerance(price=0.5)
    assert verdict(one_bar(close=100.0), one_bar(close=60.0), wide) == "jitter"
    assert verdict(one_bar(close=60.0), one_bar(close=100.0), wide) == "changed"


def test_a_zero_has_no_relative_neighbourhood() -> None:
    stored = one_bar(volume=0.0)
    assert verdict(stored, with_value(stored, "volume", 0, 1e-300), VENDOR) == "changed"


def test_a_creeping_change_is_caught_once_it_has_gone_too_far() -> None:
    stored = one_bar(close=100.0)
    told = [verdict(stored, with_value(stored, "close", 0, 100.0 * (1 + 4.5e-7 * step)), VENDOR) for step in range(7)]
    assert told == ["same", "jitter", "jitter", "jitter", "jitter", "changed", "changed"]


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [
        ("adjustment_factor", np.array([0.5]), np.array([0.5000001])),
        ("adjustment_factor", None, np.array([0.5])),
        ("adjustment_factor", np.array([0.5]), None),
        ("source_id", np.array(["a"], np.object_), np.array(["b"], np.object_)),
        ("source_id", None, np.array(["b"], np.object_)),
        ("source_id", np.array(["a"], np.object_), None),
    ],
)
def test_factor_and_source_id_know_no_tolerance(column: str, old: Any, new: Any) -> None:
    stored, incoming = rows([0], **{column: old}), rows([0], **{column: new})
    assert verdict(stored, incoming, Tolerance(price=1.0, volume=1.0)) == "changed"
    assert verdict(stored, stored) == "same"


def test_an_absent_column_is_as_good_as_a_missing_value() -> None:
    absent = rows([0])
    missing = rows([0], adjustment_factor=np.array([np.nan]), source_id=np.array([None], np.object_))
    assert verdict(absent, missing) == verdict(missing, absent) == "same"


def test_a_withdrawn_bar_that_returns_is_changed_and_one_withdrawn_again_is_the_same() -> None:
    bar, gone = rows([0]), tombstones(np.array([0]))
    assert verdict(bar, gone) == "changed"
    assert verdict(gone, bar) == "changed"
    assert verdict(gone, gone) == "same"


def test_withdrawing_is_a_change_even_of_a_bar_without_values() -> None:
    gone = tombstones(np.array([0]))
    assert verdict(replace(gone, withdrawn=None), gone) == "changed"


def test_bookkeeping_makes_no_difference() -> None:
    assert verdict(rows([0], revision=1), rows([0], revision=9, edition=4)) == "same"
