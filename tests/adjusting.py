"""Adjustment by the rule and nothing else, to compare with; and what its tests share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from barledger.domain.interval import parse_time
from barledger.domain.timeframe import DAY

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Event:
    """What happens before the opening of a day: shares for one of before, and money for one of before."""

    day: int
    ratio: float = 1.0
    paid: float = 0.0


class ImpossibleError(Exception):
    """More was paid for a share than it was worth."""


def naive(days: Sequence[int], closes: Sequence[float], events: Iterable[Event], mode: str) -> tuple[Floats, Floats]:
    """Return the factors of price and volume from bars as traded, gap by gap, as the rule is written.

    Between two bars, or after the last, happens what has a day above the one's and up to the other's. One share of
    the evening becomes ``ratio`` shares by each event in turn, and each pays its money on what there is by then.
    """
    listed = sorted(events, key=lambda one: one.day)
    price, volume = np.ones(len(days)), np.ones(len(days))
    for at, (day, close) in enumerate(zip(days, closes, strict=True)):
        following = days[at + 1] if at + 1 < len(days) else 10**9
        shares, money = 1.0, 0.0
        for when in sorted({one.day for one in listed if day < one.day <= following}):
            today = [one for one in listed if one.day == when]
            money += shares * sum(one.paid for one in today)
            for one in today:
                shares *= one.ratio
        if mode == "raw":
            continue
        left = 1 - money / close if mode == "total" else 1.0
        if left <= 0:
            raise ImpossibleError
        factor = left / shares
        price[: at + 1] *= factor
        volume[: at + 1] *= shares
    return price, volume


def day_of(text: str) -> int:
    """Return a date as days after the epoch."""
    return parse_time(text) // DAY
