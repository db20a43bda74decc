"""The table of costs by which the threads of a batch are chosen; ``python -m benchmarks.indicator_costs`` renews it."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from barledger.indicators.binding import Binder
from barledger.indicators.evaluation import run
from barledger.indicators.registry import REGISTRY
from barledger.services.indicators.costs import Costs
from barledger.services.indicators.threads import each
from benchmarks.data import minute_bars

_BARS, _SERIES, _CALLS = 5_000, 64, 10


def measured_costs() -> Costs:
    """Measure the table by which threads are chosen, on this machine."""
    arrays = {name: np.ascontiguousarray(column) for name, column in minute_bars(200_000).items()}
    short = {name: column[:200].copy() for name, column in arrays.items()}
    request = {spec: Binder(REGISTRY).request(spec) for spec in ("sma(20)", "rsi(14)", "obv", "maxindex(20)")}

    def bound(spec: str) -> Any:
        return next(iter(request[spec].picks.values())).bound

    def once(spec: str, given: Mapping[str, Any]) -> float:
        one = bound(spec)
        inputs = [given[column.key] for column in request[spec].columns]
        return _least(lambda: run(one, inputs, None))

    calls = {spec: once(spec, short) for spec in request}
    bars = {spec: (once(spec, arrays) - calls[spec]) / 199_800 for spec in request}
    empty = _least(lambda: list(each(lambda one: one, range(64), threads=2))) / 64
    return Costs(
        window=bars["sma(20)"],
        contractive=bars["rsi(14)"],
        path=bars["obv"],
        index=bars["maxindex(20)"],
        call=float(np.median(list(calls.values()))),
        hand_over=empty,
        shared=float(np.median(list(calls.values()))),
        wait=_waiting(bound("rsi(14)"), [arrays["close"][:_BARS].copy() for _ in range(_SERIES)]),
    )


def _waiting(one: Any, series: Sequence[Any]) -> float:
    """Return how much longer a call takes on one of two threads than alone, in ns."""

    def some(inputs: Any) -> None:
        for _ in range(_CALLS):
            run(one, [inputs], None)

    alone, beside = (_least(partial(_done, some, series, threads), rounds=10) for threads in (1, 2))
    return max(0.0, 2 * beside - alone) / (len(series) * _CALLS)


def _done(work: Callable[[Any], None], items: Sequence[Any], threads: int) -> None:
    for _ in each(work, items, threads=threads):
        pass


def _least(work: Callable[[], object], rounds: int = 50) -> float:
    """Return the least time of some rounds in ns: what else the machine does only adds to it."""
    spent = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        work()
        spent.append(time.perf_counter_ns() - began)
    return float(min(spent))


if __name__ == "__main__":
    found = measured_costs()
    found.save()
    for name in Costs.__slots__:
        sys.stdout.write(f"{name:12} {getattr(found, name):>14,.1f} ns\n")
