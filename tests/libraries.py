"""Libraries to test with: any store with any ledger, and a clock that tests can turn."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from barledger import faults
from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.ledger.sql import SqlLedger
from barledger.settings import Settings
from barledger.stores.contract import Store

GRACE = 0.05
# Of a writer that is about to be killed; others have all the time that a busy machine may need.
LEASE = 2.5
LONG = 30.0


class TurnableClock:
    """A clock of ns that runs by itself and can be turned on."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() + self.ahead

    def turn(self, days: float) -> None:
        self.ahead += int(days * DAY)


def library(
    store: Store,
    ledger_url: str = "sqlite://",
    *,
    clock: Callable[[], int] | None = None,
    lease: float = 30.0,
    queue: int = 200,
) -> BarLedger:
    """Plug a store and a ledger together, with a short grace for dead writers."""
    ledger = SqlLedger.open(ledger_url, clock=clock, grace=GRACE)
    return BarLedger(store, ledger, settings=Settings(actor="tester", lease=lease, wait=20.0, queue=queue))


def embedded(folder: Path, *, lease: float = 30.0) -> BarLedger:
    """Open an embedded library in a folder."""
    from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - memory tests need none

    return library(EmbeddedStore(folder), f"sqlite:///{folder / 'ledger.sqlite'}", lease=lease)


def frame(days: Iterable[int], value: float = 100.0) -> pd.DataFrame:
    """Return daily bars at these days after the epoch; equal arguments give equal bars."""
    listed = list(days)
    close = np.array([value + day / 100 for day in listed])
    index = pd.to_datetime([day * DAY for day in listed], utc=True)
    return pd.DataFrame(
        {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1000.0}, index=index
    )


def closes(bars: Any) -> dict[int, float]:
    """Return the closes by day after the epoch."""
    return {int(at) // DAY: float(close) for at, close in zip(bars.time, bars.rows.close, strict=True)}


def expected(days: Iterable[int], value: float = 100.0) -> dict[int, float]:
    """Return what `closes` gives for `frame` with the same arguments."""
    return {day: value + day / 100 for day in days}


def killed_at(point: str, action: Callable[[], object]) -> bool:
    """Run an action in a process of its own that is killed when it reaches the point; tells whether it was.

    The process is a fork: it must open what it uses by itself, and nothing may be open here meanwhile.
    """
    child = os.fork()
    if child == 0:
        faults.install(faults.killer(point))
        status = 1
        try:
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        assert os.WTERMSIG(ended) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(ended) == 0, "the action failed instead of being killed"
    return False


def same_bars(found: Mapping[int, float], wanted: Mapping[int, float]) -> None:
    """Compare closes by day."""
    assert set(found) == set(wanted)
    differing = {day: (found[day], wanted[day]) for day in wanted if found[day] != wanted[day]}
    assert not differing, f"{len(differing)} of {len(wanted)} bars differ, the first: {sorted(differing.items())[:3]}"
