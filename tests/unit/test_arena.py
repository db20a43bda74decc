"""The arena: memory is used again once nobody holds it, and never before."""

import numpy as np

from barledger.domain.arena import Arena

ROWS = 1_000_000


def place(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_is_lent_again_when_the_last_view_of_it_is_gone() -> None:
    arena = Arena()
    first = arena.columns(2, ROWS)
    at, view = place(first[0]), first[1].view(np.float64)[10:20]
    del first
    other = arena.columns(2, ROWS)
    assert place(other[0]) != at
    view[:] = 7.0
    other[0][:] = 0
    assert view.tolist() == [7.0] * 10
    del view
    assert place(arena.columns(2, ROWS)[0]) == at


def test_columns_do_not_touch() -> None:
    columns = Arena().columns(3, ROWS + 1)
    for number, column in enumerate(columns):
        column.view(np.float64)[:] = number
    assert [set(column.view(np.float64).tolist()) for column in columns] == [{0.0}, {1.0}, {2.0}]


def test_no_more_is_kept_than_was_said() -> None:
    arena = Arena(kept=1, limit=10 * 8 * ROWS)
    large, small = arena.columns(20, ROWS), arena.columns(2, ROWS)
    at = {place(large[0]), place(small[0])}
    del large, small
    again = [arena.columns(2, ROWS)[0], *arena.columns(20, ROWS)]
    assert place(again[0]) in at
    arena.clear()
    assert arena.columns(2, ROWS)[0] is not again[0]
