"""Rows: picking, joining and laying one over another, against plain dictionaries."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.interval import Interval
from barledger.domain.rows import (
    COLUMNS,
    NEVER,
    Rows,
    concat,
    constant,
    copied,
    empty_rows,
    found_in,
    merge,
    overlay,
    tombstones,
)
from barledger.testing.bars import assert_same, rows

STATES = st.dictionaries(st.integers(0, 20), st.integers(0, 9), max_size=10)
TIMES = st.lists(st.integers(0, 20), max_size=10)


def of(state: dict[int, int]) -> Rows:
    """Return rows whose closes are these values by time."""
    table = dict(sorted(state.items()))
    return rows(list(table), close=np.array(list(table.values()), np.float64))


def closes(found: Rows) -> dict[int, int]:
    assert (np.diff(found.time) > 0).all()
    return dict(zip(found.time.tolist(), found.close.astype(int).tolist(), strict=True))


@given(STATES, STATES)
def test_laying_rows_over_others_is_updating_a_dictionary(base: dict[int, int], updates: dict[int, int]) -> None:
    assert closes(overlay(of(base), of(updates))) == base | updates


@given(STATES, STATES)
def test_columns_in_which_nothing_changes_are_not_copied(base: dict[int, int], updates: dict[int, int]) -> None:
    before = of(base)
    known = {time: value for time, value in updates.items() if time in base}
    kept = before.pick(np.isin(before.time, list(known)))
    after = overlay(before, replace(kept, close=of(known).close))
    assert closes(after) == base | known
    assert closes(before) == base
    assert (after.close is before.close) == (base == base | known)
    assert all(getattr(after, name) is getattr(before, name) for name in COLUMNS if name != "close")


@pytest.mark.parametrize(("old", "new"), [(0.0, -0.0), (np.nan, 1.0), (1.0, np.nan)])
def test_another_bit_is_a_change(old: float, new: float) -> None:
    base, update = rows([0, 1], close=np.array([old, 5.0])), rows([0], close=np.array([new]))
    assert overlay(base, update).close.view(np.int64)[0] == update.close.view(np.int64)[0]


@given(STATES, st.integers(-2, 22), st.integers(0, 9))
def test_rows_within_an_interval_are_those_whose_time_it_holds(state: dict[int, int], start: int, length: int) -> None:
    interval = Interval(start, start + length)
    assert closes(of(state).within(interval)) == {time: value for time, value in state.items() if time in interval}


@given(STATES)
def test_rows_within_several_intervals_are_joined(state: dict[int, int]) -> None:
    some = [Interval(2, 5), Interval(8, 8), Interval(9, 15)]
    expected = {time: value for time, value in state.items() if any(time in one for one in some)}
    assert closes(of(state).within_any(some)) == expected


@given(TIMES, TIMES)
def test_found_in_tells_what_is_in_a_sorted_list(times: list[int], among: list[int]) -> None:
    found = found_in(np.array(times, np.int64), np.array(sorted(among), np.int64))
    assert found.tolist() == [time in among for time in times]


@given(st.lists(TIMES.map(sorted), max_size=4))
def test_merged_rows_are_sorted_and_equal_times_keep_the_order_of_their_parts(parts: list[list[int]]) -> None:
    merged = merge([rows(times, edition=number) for number, times in enumerate(parts, 1)])
    expected = sorted((time, number) for number, times in enumerate(parts, 1) for time in times)
    assert list(zip(merged.time.tolist(), merged.edition.tolist(), strict=True)) == expected


def test_joining_fills_the_columns_that_a_part_lacks() -> None:
    full = rows(
        [0],
        adjustment_factor=np.array([0.5]),
        source_id=np.array(["a"], np.object_),
        withdrawn=np.array([True]),
        superseded_at=np.array([7]),
    )
    joined = concat([full, rows([1]), empty_rows()])
    assert joined.adjustment_factor is not None
    assert joined.source_id is not None
    assert joined.withdrawn is not None
    assert joined.superseded_at is not None
    assert joined.adjustment_factor[0] == 0.5
    assert np.isnan(joined.adjustment_factor[1])
    assert joined.source_id.tolist() == ["a", None]
    assert joined.withdrawn.tolist() == [True, False]
    assert joined.superseded_at.tolist() == [7, NEVER]


def test_joining_what_lacks_a_column_makes_none() -> None:
    joined = concat([rows([0]), rows([1])])
    assert [name for name, column in joined.columns() if column is None] == [
        "adjustment_factor",
        "source_id",
        "withdrawn",
        "superseded_at",
    ]


def test_joining_nothing_gives_no_rows() -> None:
    assert len(concat([])) == len(merge([empty_rows()])) == 0


@pytest.mark.parametrize("revisions", [(5, 5), (5, 6)])
def test_joined_constants_keep_their_values(revisions: tuple[int, int]) -> None:
    joined = concat([rows([0, 1], revision=revisions[0]), rows([2], revision=revisions[1])])
    assert joined.revision.tolist() == [revisions[0], revisions[0], revisions[1]]


def test_a_constant_takes_no_memory_and_cannot_be_written() -> None:
    column = constant(7, 1_000_000)
    assert column.strides == (0,)
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 8


@pytest.mark.parametrize("index", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])])
def test_picking_takes_the_same_rows_of_every_column(index: Any) -> None:
    picked = rows([0, 1, 2, 3], source_id=np.array(list("abcd"), np.object_)).pick(index)
    assert picked.time.tolist() == [1, 2]
    assert picked.source_id is not None
    assert picked.source_id.tolist() == ["b", "c"]
    assert {name: len(column) for name, column in picked.columns() if column is not None} == dict.fromkeys(
        ("time", "open", "high", "low", "close", "volume", "source_id", "revision", "edition"), 2
    )


def test_copied_rows_are_the_same_in_other_memory() -> None:
    one = rows([0, 1, 2])
    other = copied(one)
    assert_same(other, one)
    assert not any(
        np.shares_memory(getattr(one, name), getattr(other, name)) for name in COLUMNS if getattr(one, name) is not None
    )


def test_a_stamp_changes_the_bookkeeping_and_no_bar() -> None:
    one = rows([0, 1])
    stamped = one.stamped(revision=9, edition=np.array([2, 3]), superseded_at=11)
    assert stamped.close is one.close
    assert (stamped.revision.tolist(), stamped.edition.tolist()) == ([9, 9], [2, 3])
    assert stamped.superseded_at is not None
    assert stamped.superseded_at.tolist() == [11, 11]


def test_standing_rows_are_those_that_are_not_withdrawn() -> None:
    mixed = merge([rows([0, 2]), tombstones(np.array([1]))])
    standing = mixed.standing()
    assert standing.time.tolist() == [0, 2]
    assert standing.withdrawn is None


def test_a_tombstone_has_no_value() -> None:
    gone = tombstones(np.array([5, 6]))
    assert gone.withdrawn is not None
    assert gone.withdrawn.all()
    assert np.isnan([gone.open, gone.high, gone.low, gone.close, gone.volume]).all()
