"""Costs: what computing indicators takes on this machine, and by how many threads a batch is computed best."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final

from barledger.indicators.binding import Request
from barledger.indicators.definition import Memory

FILE: Final = Path(__file__).with_name("costs.json")
_NS: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Times in ns: of one indicator on one bar by class, of one call, and of one hand-over.

    ``call`` is what computing an indicator costs whatever the bars, and ``hand_over`` what giving the work of one
    series to a thread does. ``shared`` is the part of a thread's time in which no other thread can run, for each call,
    and ``wait`` how much longer a call takes beside another thread's: both want the interpreter back at its end.
    """

    window: float
    contractive: float
    path: float
    index: float
    call: float
    hand_over: float
    shared: float
    wait: float

    def bar(self, memory: Memory) -> float:
        """Return what an indicator of a class takes for a bar."""
        return float(getattr(self, memory))

    @staticmethod
    @cache
    def measured() -> "Costs":
        """Return the table that comes with the package; ``python -m benchmarks.indicator_costs`` renews it."""
        return Costs.of(json.loads(FILE.read_text(encoding="utf-8")))

    @staticmethod
    def of(told: Mapping[str, Any]) -> "Costs":
        """Return a table from what `save` wrote."""
        return Costs(**{one.name: float(told[one.name]) for one in fields(Costs)})

    def save(self, path: Path = FILE) -> None:
        """Write the table, with two digits: more would only be noise in a diff."""
        rounded = {name: float(f"{value:.2g}") for name, value in asdict(self).items()}
        path.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How many threads, and what was weighed: the estimate of each number of them in seconds."""

    threads: int
    estimates: Mapping[str, float]

    def __str__(self) -> str:
        """Say it in a line."""
        told = ", ".join(f"{name} {_spoken(seconds)}" for name, seconds in self.estimates.items())
        threads = f" in {self.threads} threads" if self.threads > 1 else ""
        return f"batch{threads} ({told})"


def choose_batch(
    request: Request, *, series: int, bars: int, cores: int | None = None, costs: Costs | None = None
) -> Choice:
    """Choose how many threads compute ``series`` series of about ``bars`` bars each."""
    table = costs or Costs.measured()
    alone = _batch(table, request, bars)
    calls = len(request.computed)
    estimates = {"1 thread": alone * series}
    most = min(cores or available_cores(), series)
    best = 1
    for threads in range(2, most + 1) if _frees(request) else ():
        # Threads take turns in the interpreter, whatever they do outside of it.
        turns = (table.shared * calls + table.hand_over) * _NS * series
        apart = alone + (table.wait - table.shared) * calls * _NS
        estimates[f"{threads} threads"] = max(turns, apart * series / threads + turns / threads)
        if estimates[f"{threads} threads"] < min(list(estimates.values())[:-1]):
            best = threads
    return Choice(threads=best, estimates=estimates)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _frees(request: Request) -> bool:
    return all(bound.indicator.releases_gil for bound in request.computed)


def _batch(costs: Costs, request: Request, bars: int) -> float:
    return sum(costs.call + costs.bar(bound.own.memory) * bars for bound in request.computed) * _NS


def _spoken(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
