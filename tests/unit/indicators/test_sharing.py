"""Work shared out among threads comes back in its order, in a fork too."""

import multiprocessing
import sys
from threading import get_ident

import pytest

from barledger.indicators.sharing import shared_out


def _squares(count: int) -> list[int]:
    return shared_out(lambda number: number * number, range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 100])
def test_results_come_in_the_order_of_their_parts(count: int) -> None:
    assert _squares(count) == [number * number for number in range(count)]


def test_the_caller_does_its_share() -> None:
    assert shared_out(lambda _: get_ident(), range(8))[0] == get_ident()


def test_an_error_of_a_part_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        shared_out(lambda number: 1 // (number - 7), range(8))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_has_threads_of_its_own() -> None:
    assert _squares(8)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_squares, (100,)).get(timeout=60) == [number * number for number in range(100)]
