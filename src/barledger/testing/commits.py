"""Commits, snapshots and a clock, to test ledgers with."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from barledger.domain.digest import Block
from barledger.domain.interval import Interval, everything
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.ledger.contract import Intent, Ledger, Outcome, Pending, SeriesChange, Snapshot, SnapshotDraft, Who

SECOND: Final = 1_000_000_000
WHO: Final = Who(actor="tester", operation="write", reason="a test", trigger="by hand")
LEASE: Final = 30.0
GRACE: Final = 2.0


class HandClock:
    """A clock of ns that only moves when it is turned, back too."""

    def __init__(self) -> None:
        """Start in 2023."""
        self.time = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        """Return the time."""
        return self.time

    def turn(self, seconds: float) -> None:
        """Turn it on, or back."""
        self.time += int(seconds * SECOND)


def year(number: int) -> int:
    """Return the start of a year, at which a block of daily bars starts."""
    return int(np.datetime64(f"{number}-01-01", "ns").astype(np.int64))


def block(number: int, seed: object, *, rows: int = 10) -> Block:
    """Return a block of daily bars with some digest; equal arguments give equal blocks."""
    return Block(start=year(number), rows=rows, digest=hashlib.sha256(f"{number} {seed} {rows}".encode()).digest())


def stretch(first: int, last: int) -> Interval:
    """Return the interval of these days after the epoch, the last one excluded."""
    return Interval(first * DAY, last * DAY)


def intents(given: Sequence[Series], days: tuple[int, int] = (0, 10)) -> list[Intent]:
    """Return the intent to write these days of each series."""
    return [Intent(series=one, interval=stretch(*days)) for one in given]


def begin(
    ledger: Ledger, *given: Series, days: tuple[int, int] = (0, 10), lease: float = LEASE, who: Who = WHO
) -> Pending:
    """Begin a revision that nobody else may be in the way of."""
    pending = ledger.revisions.begin(intents(given, days), who, lease=lease, owner="tester")
    assert pending is not None, "the series are held by another writer"
    return pending


def change(one: Series, days: tuple[int, int] = (0, 10), **told: Any) -> SeriesChange:
    """Return what a commit did to a series; unless told otherwise, it wrote new bars into one block."""
    usual = {"new": days[1] - days[0], "max_edition": 1, "blocks": [block(1970, 0)]}
    return SeriesChange(series=one, interval=stretch(*days), **((usual | told) if not told.get("jitter") else told))


def commit(ledger: Ledger, *given: Series, days: tuple[int, int] = (0, 10), who: Who = WHO, **told: Any) -> int:
    """Write bars of some series in one commit, and return its revision."""
    pending = begin(ledger, *given, days=days, who=who)
    ledger.revisions.commit(pending, Outcome(changes=[change(one, days, **told) for one in given]), who)
    return pending.revision


def pin(
    ledger: Ledger,
    name: str,
    *given: Series,
    interval: Interval | None = None,
    purpose: str = "backtest",
    strategy: str | None = None,
) -> Snapshot:
    """Take a snapshot of some series."""
    ranges = [Intent(series=one, interval=interval or everything()) for one in given]
    return ledger.snapshots.pin(SnapshotDraft(id=name, purpose=purpose, strategy=strategy, ranges=ranges), WHO)
