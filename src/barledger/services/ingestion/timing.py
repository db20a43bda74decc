"""Timing: how a task waits, and how it reckons what it has spent. Tests pass in a clock that they turn."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event


def wait(seconds: float, stop: Event) -> None:
    """Wait, at most until somebody stops it."""
    stop.wait(max(seconds, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """``sleep`` waits so many seconds, or until the event is set; ``steady`` counts seconds and never goes back.

    ``jitter`` returns a number from 0 to 1, which spreads those who try again. The time of day is the ledger's.
    """

    sleep: Callable[[float, Event], None] = wait
    steady: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
