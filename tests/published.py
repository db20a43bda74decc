"""Corporate actions worked out of a published adjusted close, so that another vintage can be tried with them.

A vendor publishes for each day the close as traded C and an adjusted close A, rounded to cents. Their ratio k = A / C
is constant between events. Rounding makes each day an interval for it, (A ± 0.005) / C; a stretch of days whose
intervals have a point in common has one k, and the longest such stretches, taken from the left, are those between
events. Where a stretch begins is an ex-date, and k before over k after is the event's factor f, known to some 1e-5
since dozens of days narrow it down.

A factor below 0.75 or above 1.34 is a split: 1/f, or f, is a whole number within 2 %, or this fails. Anything else is
a dividend: D = (1 - f) times the close before, which has to be a whole number of cents within what the intervals leave
open, and that has to be less than half a cent, or this fails. So nothing is fitted: an event is on whole cents, or
there is none.

The 2025.0 vintage is used, which is Yahoo's and rounded to cents. What follows is checked on 2026.1, which is Quandl's
and was computed by others, from other closes, by another formula.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from barledger.sources.sample import SampleSource

FOLDER = Path(__file__).parents[1] / ".cache" / "sample"
NEWEST, EARLIER = "2026.1", "2025.0"
_ROUNDING = 0.0051
_HALF_A_CENT = 0.005


@dataclass(frozen=True, slots=True)
class Derived:
    """An event as it follows from the published closes; ``value`` is a ratio or an amount."""

    day: str
    kind: str
    value: float


def published(ticker: str, vintage: str) -> pd.DataFrame:
    """Return a vintage's table, adjusted close and all, by day."""
    frame = SampleSource(vintage=vintage, folder=FOLDER)._frame(ticker)
    return frame.set_index("time")


def derive(frame: pd.DataFrame) -> list[Derived]:
    """Return the events between the days of a table."""
    close, adjusted = (frame[name].to_numpy(np.float64) for name in ("Close", "Adj Close"))
    ratio = adjusted / close
    splits = _splits(ratio)
    shares = np.ones(len(close))
    for at, value in splits:
        shares[:at] *= value
    dividends = _dividends(close, ratio * shares, _ROUNDING / close * shares)
    listed = [(at, "split", value) for at, value in splits]
    listed += [(at, "cash_dividend", value) for at, value in dividends]
    return [Derived(str(frame.index[at].date()), kind, value) for at, kind, value in sorted(listed)]


def _splits(ratio: npt.NDArray[np.float64]) -> list[tuple[int, float]]:
    factors = ratio[:-1] / ratio[1:]
    found = []
    for at in np.flatnonzero((factors < 0.75) | (factors > 1.34)):
        whole = 1 / factors[at] if factors[at] < 1 else factors[at]
        assert abs(whole / round(whole) - 1) < 0.02, "not a whole ratio"
        found.append((int(at) + 1, float(round(whole)) if factors[at] < 1 else 1 / round(whole)))
    return found


def _dividends(
    close: npt.NDArray[np.float64], ratio: npt.NDArray[np.float64], width: npt.NDArray[np.float64]
) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    stretches = _stretches(ratio - width, ratio + width)
    for (_, low, high), (at, next_low, next_high) in pairwise(stretches):
        least, most = 1 - high / next_low, 1 - low / next_high
        amount, doubt = (close[at - 1] * part for part in ((least + most) / 2, (most - least) / 2))
        cents = round(float(amount) * 100)
        assert doubt < _HALF_A_CENT, "the cents are in doubt"
        assert abs(amount - cents / 100) <= doubt, "not on whole cents"
        found.append((at, cents / 100))
    return found


def _stretches(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> list[tuple[int, float, float]]:
    """Return where each stretch begins, and the interval that its days have in common."""
    found: list[tuple[int, float, float]] = []
    start, least, most = 0, low[0], high[0]
    for at in range(1, len(low)):
        if max(least, low[at]) > min(most, high[at]):
            found.append((start, float(least), float(most)))
            start, least, most = at, low[at], high[at]
        else:
            least, most = max(least, low[at]), min(most, high[at])
    return [*found, (start, float(least), float(most))]
