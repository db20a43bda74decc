"""Volume by price: bars spread over bins, the bin with most, and the area around it.

Prices are in bins, counted from the lower edge of the first, so that the parts of a bar add up to the whole of it
whatever the width of a bin is as a double. The bins that a bar covers whole are kept as differences: a bar takes as
long as it takes to add at its two ends, however many bins are between them.
"""

import numpy as np
import numpy.typing as npt

from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import compiled

Ints = npt.NDArray[np.int64]
_BLOCK = 4096
_ALIKE = 1 - 1e-9
"""Volumes that differ by less are the same: bins that the same bars cover differ by what rounding left."""


@compiled
def _gathered(parts: Floats, steps: Floats, covering: Ints) -> None:
    """Add what covers whole bins to the parts; where nothing does, nothing is left of what did before."""
    level, count = 0.0, 0
    for at in range(len(parts)):
        level += steps[at]
        count += covering[at]
        if count == 0:
            level = 0.0
        parts[at] += max(level, 0.0)


@compiled
def _filled(
    low: Floats,
    high: Floats,
    volume: Floats,
    scale: tuple[float, float, float],
    parts: Floats,
    steps: Floats,
    covering: Ints,
) -> tuple[int, int]:
    """Add bars, but those with a missing value, and return the lowest and the highest bin that they touch."""
    origin, slope, snap = scale
    bins = len(parts)
    lowest, highest = bins, -1
    for at in range(len(volume)):
        under = (low[at] - origin) * slope
        over = (high[at] - origin) * slope
        if snap > 0:
            edge = np.rint(under)
            under = edge if abs(under - edge) <= snap else under
            edge = np.rint(over)
            over = edge if abs(over - edge) <= snap else over
        if not (under <= over and volume[at] >= 0):
            continue
        under = min(max(under, 0.0), float(bins))
        over = min(max(over, 0.0), float(bins))
        first = min(int(under), bins - 1)
        last = min(int(over), bins - 1)
        lowest, highest = min(lowest, first), max(highest, last)
        if first == last:
            parts[first] += volume[at]
            continue
        density = volume[at] / (over - under)
        parts[first] += (first + 1 - under) * density
        parts[last] += (over - last) * density
        if last > first + 1:
            steps[first + 1] += density
            steps[last] -= density
            covering[first + 1] += 1
            covering[last] -= 1
    return lowest, highest


@compiled
def spread(low: Floats, high: Floats, volume: Floats, scale: tuple[float, float, float], bins: int) -> Floats:
    """Return the volume of each bin; ``scale`` is the lowest edge, bins per unit of price, and how near is on an edge.

    Bars are added block by block, and blocks to one another: a sum of as many equal volumes as there are bars would
    drift away from them.
    """
    parts, steps = np.zeros(bins), np.zeros(bins)
    some, jumps = np.zeros(bins), np.zeros(bins)
    covering = np.zeros(bins, np.int64)
    for begin in range(0, len(volume), _BLOCK):
        end = min(begin + _BLOCK, len(volume))
        first, last = _filled(low[begin:end], high[begin:end], volume[begin:end], scale, some, jumps, covering)
        for at in range(first, last + 1):
            parts[at] += some[at]
            steps[at] += jumps[at]
            some[at] = jumps[at] = 0.0
    _gathered(parts, steps, covering)
    return parts


@compiled
def surveyed(low: Floats, high: Floats, volume: Floats) -> tuple[float, float, float, int, int]:
    """Return the lowest low, the highest high, the total volume, and how many bars miss a value or cannot be."""
    lowest, highest, total = np.inf, -np.inf, 0.0
    missing = wrong = 0
    for begin in range(0, len(volume), _BLOCK):
        some = 0.0
        for at in range(begin, min(begin + _BLOCK, len(volume))):
            if low[at] <= high[at] and volume[at] >= 0:
                some += volume[at]
                lowest = min(lowest, low[at])
                highest = max(highest, high[at])
            elif np.isnan(low[at]) or np.isnan(high[at]) or np.isnan(volume[at]):
                missing += 1
            else:
                wrong += 1
        total += some
    return lowest, highest, total, missing, wrong


@compiled
def area(volumes: Floats, share: float) -> tuple[int, int, int]:
    """Return the bin with most, and the lowest and highest bin of the area around it; -1 without any volume.

    Of equal bins the one nearest the middle has most, of two as near the lower. Two bins above or below are added at a
    time, whichever has more, the upper if they have the same, until the area has its share.
    """
    bins = len(volumes)
    total = volumes.sum()
    if not total > 0:
        return -1, -1, -1
    enough = volumes.max() * _ALIKE
    most = -1
    for at in range(bins):
        if volumes[at] >= enough and (most < 0 or abs(2 * at - (bins - 1)) < abs(2 * most - (bins - 1))):
            most = at
    low = high = most
    inside = volumes[most]
    while inside < share * total * _ALIKE and (low > 0 or high < bins - 1):
        above = volumes[high + 1 : high + 3].sum() if high < bins - 1 else -1.0
        below = volumes[max(low - 2, 0) : low].sum() if low > 0 else -1.0
        if above >= below * _ALIKE:
            high = min(high + 2, bins - 1)
            inside += above
        else:
            low = max(low - 2, 0)
            inside += below
    return most, low, high


@compiled
def _profiled(
    low: Floats, high: Floats, volume: Floats, parts: Floats, steps: Floats, covering: Ints, share: float
) -> tuple[float, float, float]:
    """Return the point of control and the value area of a few bars."""
    origin, top = low.min(), high.max()
    width = (top - origin) / len(parts)
    parts[:] = 0.0
    steps[:] = 0.0
    covering[:] = 0
    # Bars of one price have one bin without a width.
    slope = 1 / width if width > 0 else 0.0
    _filled(low, high, volume, (origin, slope, 0.0), parts, steps, covering)
    _gathered(parts, steps, covering)
    most, first, last = area(parts, share)
    if most < 0:
        return np.nan, np.nan, np.nan
    if not width > 0:
        return origin, origin, origin
    return origin + (most + 0.5) * width, origin + first * width, origin + (last + 1) * width


@compiled
def rolling(high: Floats, low: Floats, volume: Floats, period: int, bins: int, share: float) -> Floats:
    """Return the rows poc, low and high of the profile of each window."""
    out = np.full((3, len(volume)), np.nan)
    parts, steps = np.zeros(bins), np.zeros(bins)
    covering = np.zeros(bins, np.int64)
    for end in range(period, len(volume) + 1):
        rows = slice(end - period, end)
        found = _profiled(low[rows], high[rows], volume[rows], parts, steps, covering, share)
        out[0, end - 1], out[1, end - 1], out[2, end - 1] = found
    return out
