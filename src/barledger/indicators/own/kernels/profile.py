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
Places = npt.NDArray[np.int32]
_READ = 512
_FEW = 50_000
"""More bins have one sum each."""
_SUMMED = 4096
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
def _read(
    low: Floats,
    high: Floats,
    volume: Floats,
    scale: tuple[float, float, float],
    bins: int,
    places: Places,
    shares: Floats,
) -> tuple[int, int, int]:
    """Read where bars are: their first and last bins, and what of them is in the first, the last, and each between.

    Returns the lowest and the highest bin, and how many bars cannot be; those are anywhere. Nothing here depends on
    the bar before, so that the processor reads ahead whatever bars are like.
    """
    origin, slope, snap = scale
    top = np.int32(bins - 1)
    none = np.int32(0)
    lowest, highest, wrong = top, none, 0
    for at in range(len(volume)):
        under = (low[at] - origin) * slope
        over = (high[at] - origin) * slope
        if snap > 0:
            edge, other = np.rint(under), np.rint(over)
            under = edge if abs(under - edge) <= snap else under
            over = other if abs(over - other) <= snap else over
        first = max(min(np.int32(under), top), none)
        last = max(min(np.int32(over), top), none)
        density = volume[at] / (over - under)
        alone = first == last
        shares[0, at] = volume[at] if alone else (first + 1 - under) * density
        shares[1, at] = 0.0 if alone else (over - last) * density
        shares[2, at] = density
        places[0, at], places[1, at] = first, last
        lowest, highest = min(lowest, first), max(highest, last)
        wrong += 0 if low[at] <= high[at] and volume[at] >= 0 else 1
    return int(lowest), int(highest), wrong


@compiled
def _added(places: Places, shares: Floats, count: int, lanes: Floats, wide: Ints) -> int:
    """Add first and last parts to eight sums of each bin; returns how many bars cover bins whole, ``wide`` which.

    Bars that follow one another mostly go to one bin: they take turns in its sums, so that none waits for the one
    before. Places are unsigned, and numbers are written out, since both save a step for each bar.
    """
    found = np.uint64(0)
    for at in range(count):
        first, last, turn = np.uint64(places[0, at]), np.uint64(places[1, at]), np.uint64(at) & np.uint64(3)
        lanes[first * np.uint64(8) + turn] += shares[0, at]
        lanes[last * np.uint64(8) + np.uint64(4) + turn] += shares[1, at]
        wide[found] = at
        found += np.uint64(last > first + np.uint64(1))
    return int(found)


@compiled
def _added_to_many(places: Places, shares: Floats, count: int, lanes: Floats, wide: Ints) -> int:
    """Do the same with one sum of each bin, where eight would take too much memory."""
    found = np.uint64(0)
    for at in range(count):
        first, last = np.uint64(places[0, at]), np.uint64(places[1, at])
        lanes[first] += shares[0, at]
        lanes[last] += shares[1, at]
        wide[found] = at
        found += np.uint64(last > first + np.uint64(1))
    return int(found)


@compiled
def _covered(places: Places, shares: Floats, wide: Ints, steps: Floats, covering: Ints) -> None:
    """Add what is between first and last parts, of those bars that have such."""
    for at in wide:
        first, last = np.uint64(places[0, at]) + np.uint64(1), np.uint64(places[1, at])
        steps[first] += shares[2, at]
        steps[last] -= shares[2, at]
        covering[first] += 1
        covering[last] -= 1


@compiled
def _moved(first: int, last: int, lanes: Floats, jumps: Floats, parts: Floats, steps: Floats) -> None:
    """Move what lanes and their steps have in some bins over to the sums."""
    each = len(lanes) // len(parts)
    for at in range(first, last + 1):
        parts[at] += lanes[at * each : (at + 1) * each].sum()
        steps[at] += jumps[at]
        lanes[at * each : (at + 1) * each] = 0.0
        jumps[at] = 0.0


@compiled
def spread(
    low: Floats, high: Floats, volume: Floats, scale: tuple[float, float, float], bins: int
) -> tuple[Floats, int]:
    """Return the volume of each bin, and how many bars cannot be; what is returned counts only if there are none.

    ``scale`` is the lowest edge, bins per unit of price, and how near to an edge a price is on it. Some thousand bars
    are added to one another, and those sums too: one sum of all would drift away from them. They are moved when that
    takes no longer than adding them did.
    """
    parts, steps, jumps = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    few = bins <= _FEW
    lanes = np.zeros(8 * bins if few else bins)
    covering, wide = np.zeros(bins, np.int64), np.empty(_READ, np.int64)
    places, shares = np.empty((2, _READ), np.int32), np.empty((3, _READ))
    lowest, highest, wrong, since = bins, -1, 0, 0
    for begin in range(0, len(volume), _READ):
        rows = slice(begin, min(begin + _READ, len(volume)))
        found = _read(low[rows], high[rows], volume[rows], scale, bins, places, shares)
        lowest, highest, wrong = min(lowest, found[0]), max(highest, found[1]), wrong + found[2]
        count = rows.stop - begin
        if few:
            covers = _added(places, shares, count, lanes, wide)
        else:
            covers = _added_to_many(places, shares, count, lanes, wide)
        _covered(places, shares, wide[:covers], jumps, covering)
        since += count
        if since >= _SUMMED and highest - lowest <= since:
            _moved(lowest, highest, lanes, jumps, parts, steps)
            lowest, highest, since = bins, -1, 0
    _moved(lowest, highest, lanes, jumps, parts, steps)
    _gathered(parts, steps, covering)
    return parts, wrong


@compiled
def _filled(
    low: Floats, high: Floats, volume: Floats, scale: tuple[float, float], parts: Floats, steps: Floats, covering: Ints
) -> None:
    """Add a few bars, but those that cannot be."""
    origin, slope = scale
    top = len(parts) - 1
    for at in range(len(volume)):
        if not (low[at] <= high[at] and volume[at] >= 0):
            continue
        under = (low[at] - origin) * slope
        over = (high[at] - origin) * slope
        first = min(int(under), top)
        last = min(int(over), top)
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
    _filled(low, high, volume, (origin, slope), parts, steps, covering)
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
