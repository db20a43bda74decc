"""Measuring: contestants take turns in one run, so that whatever else the machine does falls on all of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

Work = Callable[[], object]
Prepare = Callable[[], Work]
"""Does what is not measured, and gives what is; called before every round."""

_UNITS: Final = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What each round took, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median, in seconds."""
        return float(np.median(self.seconds))

    def percentile(self, share: float) -> float:
        """Return a percentile, in seconds."""
        return float(np.percentile(self.seconds, share))

    def __str__(self) -> str:
        """Return least, median and most, in one unit."""
        return " / ".join(spoken(value, like=self.median) for value in (min(self.seconds), self.median)) + (
            f" / {spoken(max(self.seconds), like=self.median, unit=True)}"
        )


def alternate(contestants: Mapping[str, Prepare], *, rounds: int, warm_up: int = 1) -> dict[str, Times]:
    """Let the contestants take turns, each round beginning with another one; the first rounds do not count.

    What a contestant returns is released before the next one starts, and outside of what is measured.
    """
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(warm_up + rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            work = contestants[name]()
            began = time.perf_counter()
            kept = work()
            ended = time.perf_counter()
            del kept, work
            if number >= warm_up:
                seconds[name].append(ended - began)
    return {name: Times(seconds=tuple(taken)) for name, taken in seconds.items()}


def always(work: Work) -> Prepare:
    """Return a contestant that needs no preparation."""
    return lambda: work


def spoken(seconds: float, *, like: float | None = None, unit: bool = False) -> str:
    """Return a time in the unit that suits ``like``, with three digits."""
    model = seconds if like is None else like
    name, size = next(((name, size) for name, size in _UNITS if model >= size), _UNITS[-1])
    value = seconds / size
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}" + (f" {name}" if unit else "")
