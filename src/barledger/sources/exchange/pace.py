"""The pace at which an exchange is asked, kept by all threads together."""

import time
from collections.abc import Callable
from threading import Lock


class Pace:
    """Lets requests begin no faster than one each ``interval`` seconds for each unit of cost."""

    def __init__(
        self,
        interval: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin at once; an interval of 0 never waits."""
        self._interval = interval
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0
        self._lock = Lock()

    def keep(self, cost: float) -> None:
        """Wait for the turn of a request of this cost; turns are given in the order in which they are asked for."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._free_at)
            self._free_at = turn + self._interval * cost
        if turn > now:
            self._sleep(turn - now)
