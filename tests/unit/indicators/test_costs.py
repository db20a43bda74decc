"""Costs: how many threads are chosen for how many bars."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barledger.indicators.binding import Binder, Request
from barledger.indicators.definition import Indicator, Memory, Output, Reach
from barledger.indicators.registry import Registry
from barledger.services.indicators.costs import Costs, choose_batch

COSTS = Costs(
    window=2.0,
    contractive=3.0,
    path=5.0,
    index=2.0,
    call=5_000.0,
    hand_over=20_000.0,
    shared=5_000.0,
    wait=0.0,
)


def made(name: str, memory: Memory, *, releases_gil: bool = True) -> Indicator:
    return Indicator(
        name=name,
        title=name,
        kind="custom",
        inputs=("close",),
        outputs=(Output(name=name),),
        reach=lambda _: Reach(lookback=20, settled=500, memory=memory, exact=True),
        compute=lambda close: (np.array(close),),
        releases_gil=releases_gil,
    )


REGISTRY = Registry(
    lambda: [made("fading", "contractive"), made("counting", "path"), made("python", "window", releases_gil=False)]
)


def request(*specs: str) -> Request:
    return Binder(REGISTRY).request(list(specs))


def test_threads_are_for_long_series() -> None:
    specs = ("fading", "counting")
    assert choose_batch(request(*specs), series=500, bars=500, cores=4, costs=COSTS).threads == 1
    assert choose_batch(request(*specs), series=500, bars=50_000, cores=4, costs=COSTS).threads == 4
    assert choose_batch(request(*specs), series=500, bars=50_000, cores=2, costs=COSTS).threads == 2
    assert choose_batch(request(*specs), series=1, bars=50_000, cores=4, costs=COSTS).threads == 1


def test_threads_are_not_worth_waiting_for_one_another() -> None:
    """Of 5,000 bars an indicator takes 20 µs: two threads that wait longer than that for each call save nothing."""
    for wait, threads in ((10_000.0, 2), (40_000.0, 1)):
        costs = replace(COSTS, wait=wait)
        found = choose_batch(request("fading", "counting"), series=500, bars=5_000, cores=2, costs=costs)
        assert found.threads == threads, found


def test_threads_are_of_no_use_to_what_keeps_the_interpreter() -> None:
    found = choose_batch(request("fading", "python"), series=500, bars=50_000, cores=4, costs=COSTS)
    assert found.threads == 1
    assert list(found.estimates) == ["1 thread"]


def test_a_choice_says_what_was_weighed() -> None:
    found = choose_batch(request("fading"), series=500, bars=50_000, cores=2, costs=COSTS)
    assert str(found).startswith("batch in 2 threads (1 thread 77.5 ms, 2 threads ")


def test_a_table_is_kept_with_two_digits(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    COSTS.save(path)
    assert Costs.of({name: getattr(COSTS, name) for name in Costs.__slots__}) == COSTS
    assert '"call": 5000.0' in path.read_text()
    assert Costs.measured().call > 0
    with pytest.raises(KeyError):
        Costs.of({})
