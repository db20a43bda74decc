"""Robust statistics: how far values lie from the others, measured so that a few wrong ones do not matter.

The score is the modified z-score of Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (ASQC Basic References in
Quality Control 16, 1993): ``0.6745 (x - median) / MAD``, where MAD is the median of the absolute deviations from the
median, and 0.6745 the 0.75 quantile of the normal distribution, which makes it a z-score for normal values.
"""

from typing import Final

import numpy as np

from barledger.domain.rows import Floats, Ints

NORMAL: Final = 0.6745
STRETCH: Final = 250
"""So many values in a row are a neighbourhood."""
FEWEST: Final = 20
"""Of fewer values nobody can say which is unusual."""


def modified_z(values: Floats) -> Floats:
    """Return the size of each finite value's modified z-score; 0 for all if they are fewer than `FEWEST`.

    Where more than half of the values are equal, MAD is 0, and the median of the deviations of the others stands in for
    it: a price that mostly does not move has not moved too far whenever it does.
    """
    if len(values) < FEWEST:
        return np.zeros(len(values))
    deviations = np.abs(values - np.median(values))
    scale = float(np.median(deviations))
    if not scale:
        moved = deviations[deviations > 0]
        scale = float(np.median(moved)) if len(moved) else 1.0
    return np.asarray(NORMAL * deviations / scale)


def local_z(values: Floats, at: Ints) -> Floats:
    """Return the size of the modified z-scores at some positions among neighbours, infinite where these are all alike.

    Values are divided into stretches of `STRETCH`, the last one reaching back. Fewer values than one stretch are each
    other's neighbours.
    """
    count = len(values)
    if count < FEWEST:
        return np.zeros(len(at))
    length = min(STRETCH, count)
    starts = np.minimum(at - at % length, count - length)
    stretches, which = np.unique(starts, return_inverse=True)
    table = _within(values[stretches[:, None] + np.arange(length)])
    return np.asarray(table[which, at - starts])


def unusual(values: Floats, limit: float) -> Floats:
    """Return the modified z-score of each value where it is beyond the limit among all and among neighbours, else 0.

    Both are asked, because markets have calm and wild years: a move that is common in its time is not wrong, nor is one
    that is common over all.
    """
    scores = modified_z(values)
    suspects = np.flatnonzero(scores > limit)
    result = np.zeros(len(values))
    if len(suspects):
        both = np.minimum(scores[suspects], local_z(values, suspects))
        result[suspects] = np.where(both > limit, both, 0.0)
    return result


def _within(table: Floats) -> Floats:
    """Return scores within each row of a table."""
    middle = np.median(table, axis=1, keepdims=True)
    deviations = np.abs(table - middle)
    scales = np.median(deviations, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = NORMAL * deviations / scales
    return np.where(deviations == 0, 0.0, scores)
