"""Rates: how many requests a key may make, as a bucket that fills by itself."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from barledger.api.problems import HttpProblem
from barledger.domain.access import AccessKey

_MOST: Final = 10_000
_STEP: Final = "Wait as long as Retry-After says, and ask for more at once: a range instead of single days."


class Rates:
    """A bucket for each key: ``burst`` requests at once, refilled by ``rate`` a second; a rate of 0 is no limit."""

    def __init__(self, *, rate: float, burst: int, steady: Callable[[], float] = time.monotonic) -> None:
        """Begin with full buckets."""
        self._rate, self._burst, self._steady = rate, max(burst, 1), steady
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: AccessKey) -> None:
        """Take one request out of a key's bucket; raises `HttpProblem` (429) if it is empty."""
        if self._rate <= 0:
            return
        missing = self._missing(key.id)
        if missing > 0:
            wait = math.ceil(missing / self._rate)
            told = f"key {key.name} makes more than {self._rate:g} requests a second"
            raise HttpProblem(429, "too-many-requests", told, _STEP, headers={"retry-after": str(wait)})

    def _missing(self, name: str) -> float:
        with self._lock:
            now = self._steady()
            left, at = self._buckets.get(name, (float(self._burst), now))
            left = min(left + (now - at) * self._rate, self._burst)
            missing = max(1.0 - left, 0.0)
            self._buckets[name] = (left if missing else left - 1.0, now)
            self._buckets.move_to_end(name)
            while len(self._buckets) > _MOST:
                # The key that was used least lately has a full bucket by now, or nearly.
                self._buckets.popitem(last=False)
            return missing
