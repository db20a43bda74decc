"""Anchors: which of several levels is the right one."""

from math import log1p
from typing import Final

import numpy as np

from barledger.detection.adjustment import implied, parted, strain
from barledger.detection.likelihood import probability
from barledger.detection.table import Table
from barledger.domain.rows import Flags, Floats

_NEWEST: Final = 1.2
_UNTRADED: Final = 0.2
_HELD: Final = 10.0
_FEW: Final = 2
"""What it weighs that bars were held before the others came; of few, less."""

_ADJUSTED: Final = 2.0
_PAID: Final = 1.5
_FAR: Final = 2.0
_BLUR: Final = 1e-5
_STRETCH: Final = 2.0
_SHORT: Final = 4.0
"""What it weighs that a whole stretch is wrong, and of how many rows it is one."""

_EITHER: Final = 0.1
_SHARP: Final = 4.0
"""One of two levels is wrong: so much is sure of the one that is named, however even they are; odds sharpen it."""


def true_level(table: Table, at: Floats) -> tuple[float, float]:
    """Return the level that is right, of those at which rows stand, and how sure that is (0 to 1).

    Six things tell: where most bars were traded; the newest of them; what was held before other bars came; what
    Adj Close says, where it goes on as prices do not; what dividends say, whose share of the price Adj Close knows; and
    how many stretches would be wrong, since prices that leave a level and come back to it were right around, not
    between.
    """
    weight = np.ones(len(table))
    if table.volume is not None:
        traded = np.nan_to_num(table.volume) > 0
        if traded.any():
            weight = np.where(traded, 1.0, _UNTRADED)
    apart = parted(table)
    ratio = None if table.adj_close is None else implied(table)
    newest = at[np.flatnonzero(weight == 1.0)[-1]]
    scores = {
        float(level): log1p(float(weight[at == level].sum()))
        + (_NEWEST if level == newest else 0.0)
        + _by_held(table, at == level)
        - _by_adjustment(ratio, apart, at == level)
        + _by_dividends(table, ratio, apart, at == level)
        - _stretches(at != level, weight)
        for level in np.unique(at)
    }
    ranked = sorted(scores, key=lambda level: -scores[level])
    margin = scores[ranked[0]] - scores[ranked[1]]
    return ranked[0], _EITHER + (1 - _EITHER) * probability(_SHARP * margin)


def _by_held(table: Table, here: Flags) -> float:
    """Return the log odds for a level by how many of the bars that were held first stand at it; few say less."""
    if table.held is None:
        return 0.0
    count = int((table.held > 0).sum())
    return _HELD * float(table.held[here].sum()) / (count + _FEW)


def _by_adjustment(ratio: Floats | None, apart: Floats, here: Flags) -> float:
    """Return the log odds against a level by the adjustment of the bars there, if Adj Close parts from prices."""
    if ratio is None or not apart.any():
        return 0.0
    return _ADJUSTED * strain(float(np.median(ratio[here])))


def _by_dividends(table: Table, ratio: Floats | None, apart: Floats, here: Flags) -> float:
    """Return the log odds for a level by how near dividends, as shares of its prices, are to the steps of Adj Close."""
    if ratio is None:
        return 0.0
    steps = np.append(0.0, np.diff(ratio) - apart)
    rows = table.events("dividends")
    rows = rows[(steps[rows] > _BLUR) & here[rows - 1] & (rows > 0)]
    shares = table.column("dividends")[rows] / table.close[rows - 1] if len(rows) else np.empty(0)
    rows, shares = rows[shares > 0], shares[shares > 0]
    if not len(rows):
        return 0.0
    apart = np.abs(np.log(-np.expm1(-steps[rows])) - np.log(shares))
    return _PAID * (_FAR - float(np.median(np.minimum(apart, 2 * _FAR)))) * len(rows) / (len(rows) + 1)


def _stretches(wrong: Flags, weight: Floats) -> float:
    """Return what it costs that these rows are wrong: each stretch by itself, since single rows often are.

    Rows without trade are what vendors fill in, so that a stretch of them is hardly one.
    """
    edges = np.flatnonzero(np.diff(wrong, prepend=False, append=False))
    traded = np.append(0.0, np.cumsum(weight))
    lengths = np.maximum(traded[edges[1::2]] - traded[edges[::2]], 1.0)
    return float(_STRETCH * (1 - np.exp(-(lengths - 1) / _SHORT)).sum())
