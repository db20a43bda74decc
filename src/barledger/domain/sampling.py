"""Sampling: which blocks of a series are compared with its source next, so that looking costs the source little.

A block is due when it was not looked at for a tenth of its age: one that ended a month ago every third day, one of ten
years ago once a year. So each block is looked at some two dozen times in its first year and seldom afterwards, and the
cost of a pass grows with the logarithm of a series' length. Having been fetched counts as a look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from barledger.domain.readable import Readable
from barledger.domain.timeframe import DAY, HOUR
from barledger.errors import InvalidSetting


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Candidate(Readable):
    """A block by its start, the end of its newest bar, and when it was last looked at (ns; 0: never)."""

    start: int
    end: int
    looked_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How often blocks are looked at: after ``share`` of their age, but within ``soonest`` and ``latest`` (ns).

    At most ``blocks`` of a series are looked at in one pass, the newest first if it is due, then those that have been
    due for longest, measured by their own waiting time. ``soonest`` is a little less than a day, so that a pass each
    day at the same time of day finds what the one before it looked at.
    """

    blocks: int = 3
    share: float = 0.1
    soonest: int = 20 * HOUR
    latest: int = 365 * DAY

    def __post_init__(self) -> None:
        """Refuse numbers that would look at nothing, or at everything."""
        if self.blocks < 1:
            raise InvalidSetting(setting="sampling blocks", reason=f"{self.blocks} is below 1")
        if not 0 < self.share <= 1:
            raise InvalidSetting(setting="sampling share", reason=f"{self.share} is not in 0..1")
        if not 0 <= self.soonest <= self.latest:
            raise InvalidSetting(setting="sampling soonest", reason=f"{self.soonest} is not in 0..latest")

    def overdue(self, block: Candidate, now: int) -> float:
        """Return for how many of its waiting times a block was not looked at; from 1 on it is due."""
        if not block.looked_at:
            return _NEVER
        wait = min(max(int(self.share * max(now - block.end, 0)), self.soonest), self.latest)
        return (now - block.looked_at) / max(wait, 1)

    def next_at(self, block: Candidate) -> int:
        """Return from when on (ns) a block is due; 0 if it was never looked at."""
        if not block.looked_at:
            return 0
        latest = block.looked_at + self.latest
        # Its age grows while it waits, so its waiting time does too: t - looked_at = share * (t - end).
        aged = latest if self.share == 1 else int((block.looked_at - self.share * block.end) / (1 - self.share)) + 1
        return max(block.looked_at + self.soonest, min(latest, aged))

    def due(self, blocks: Sequence[Candidate], now: int) -> list[Candidate]:
        """Return the blocks that are due, in the order in which they are looked at."""
        waiting = [one for one in blocks if self.overdue(one, now) >= 1]
        if not waiting:
            return []
        newest = max(blocks, key=lambda one: one.start)
        return sorted(waiting, key=lambda one: (one.start != newest.start, -self.overdue(one, now), -one.start))


_NEVER: Final = float("inf")
