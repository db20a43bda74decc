"""Retries: asking a source again for what it could not give just now.

Only what may pass is tried again: a source that cannot be reached, or that asks for fewer requests, which then says
when. The back-off doubles, is spread by jitter, and is bounded in number and in time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Final, TypeVar

import stamina

from barledger.errors import InvalidSetting, SourceUnavailable
from barledger.retrying import TOLD, leave_out_told
from barledger.services.ingestion.timing import Timing

_Answer = TypeVar("_Answer")
_ALREADY_WAITED: Final = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a call is made at most, for how many seconds, and how long the waits in between may be (seconds).

    A source that asks for a longer wait than ``longest`` gets it, as long as ``seconds`` last.
    """

    attempts: int = 6
    seconds: float = 300.0
    first: float = 0.5
    longest: float = 60.0

    def __post_init__(self) -> None:
        """Refuse numbers that make no attempt."""
        for name, least in (("attempts", 1), ("seconds", 0.0), ("first", 0.0), ("longest", 0.0)):
            value = getattr(self, name)
            if not value >= least:
                raise InvalidSetting(setting=f"retries {name}", reason=f"{value} is below {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vain:
    """A call that failed and will be made again after ``wait`` seconds."""

    error: SourceUnavailable
    attempt: int
    wait: float


def persist(
    call: Callable[[], _Answer],
    retries: Retries,
    timing: Timing,
    stop: Event,
    *,
    told: Callable[[Vain], None] = lambda _: None,
    left: Callable[[], float | None] = lambda: None,
    spent: Callable[[], bool] = lambda: False,
) -> _Answer:
    """Make a call until it succeeds; raises its last error once that cannot pass, or the retries are used up.

    ``left`` says how many seconds there are beside the retries' own; a wait that is longer is not begun, nor is one
    for a call that may not be made any more since all is ``spent``.
    """
    began = timing.steady()
    attempt = 0

    def patience(error: Exception) -> bool | float:
        """Wait here, where the clock is ours and the wait can be interrupted, and let stamina wait no longer."""
        if not isinstance(error, SourceUnavailable) or attempt >= retries.attempts or stop.is_set() or spent():
            return False
        wait = _wait(error, retries, attempt, timing.jitter())
        budget = left()
        if timing.steady() - began + wait > retries.seconds or (budget is not None and wait > budget):
            return False
        told(Vain(error=error, attempt=attempt, wait=wait))
        timing.sleep(wait, stop)
        if stop.is_set():
            return False
        TOLD.set(True)
        return _ALREADY_WAITED

    leave_out_told()
    for tried in stamina.retry_context(on=patience, attempts=retries.attempts, timeout=None):
        TOLD.set(False)
        attempt = tried.num
        with tried:
            return call()
    raise AssertionError  # pragma: no cover - stamina raises the last error


def _wait(error: SourceUnavailable, retries: Retries, attempt: int, jitter: float) -> float:
    """Return how long to wait: as the source says and a little longer, else doubling, from half to the whole."""
    backoff = min(retries.first * 2.0 ** (attempt - 1), retries.longest)
    if error.retry_after > 0:
        return float(error.retry_after + backoff * jitter)
    return float(backoff * (0.5 + jitter / 2))
