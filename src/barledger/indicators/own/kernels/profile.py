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
def spread(low: Floats, high: Floats, volume: Floats, origin: float, width: float, snap: float, bins: int) -> Floats:
    """Return the volume of each bin; an end within ``snap`` bins of an edge is on it."""
    parts = np.zeros(bins)
    steps = np.zeros(bins + 1)
    covering = np.zeros(bins + 1, np.int64)
    for at in range(len(volume)):
        under = (low[at] - origin) / width
        over = (high[at] - origin) / width
        if snap > 0:
            edge = np.rint(under)
            under = edge if abs(under - edge) <= snap else under
            edge = np.rint(over)
            over = edge if abs(over - edge) <= snap else over
        under = min(max(under, 0.0), float(bins))
        over = min(max(over, 0.0), float(bins))
        first = min(int(under), bins - 1)
        last = min(int(over), bins - 1)
        if first >= last:
            parts[first] += volume[at]
            continue
        density = volume[at] / (over - under)
        parts[first] += (first + 1 - under) * density
        parts[last] += (over - last) * density
        steps[first + 1] += density
        steps[last] -= density
        covering[first + 1] += 1
        covering[last] -= 1
    _gathered(parts, steps, covering)
    return parts


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
    most = 0
    for at in range(1, bins):
        nearer = abs(2 * at - (bins - 1)) < abs(2 * most - (bins - 1))
        if volumes[at] > volumes[most] or (volumes[at] == volumes[most] and nearer):
            most = at
    low = high = most
    inside = volumes[most]
    while inside < share * total and (low > 0 or high < bins - 1):
        above = volumes[high + 1 : high + 3].sum() if high < bins - 1 else -1.0
        below = volumes[max(low - 2, 0) : low].sum() if low > 0 else -1.0
        if above >= below:
            high = min(high + 2, bins - 1)
            inside += above
        else:
            low = max(low - 2, 0)
            inside += below
    return most, low, high


@compiled
def rolling(high: Floats, low: Floats, volume: Floats, period: int, bins: int, share: float) -> Floats:
    """Return the rows poc, low and high of the profile of each window."""
    out = np.full((3, len(volume)), np.nan)
    for end in range(period, len(volume) + 1):
        begin = end - period
        origin = low[begin:end].min()
        top = high[begin:end].max()
        width = (top - origin) / bins
        at = end - 1
        if not width > 0:
            found = (0, 0, 0) if volume[begin:end].sum() > 0 else (-1, -1, -1)
            width = 0.0
        else:
            volumes = spread(low[begin:end], high[begin:end], volume[begin:end], origin, width, 0.0, bins)
            found = area(volumes, share)
        if found[0] >= 0:
            out[0, at] = origin + (found[0] + 0.5) * width
            out[1, at] = origin + found[1] * width
            out[2, at] = origin + (found[2] + 1) * width
    return out
