"""Adjustment: what Adj Close over Close says, and where the two part as no event makes them."""

from typing import Final

import numpy as np

from barledger.detection.table import Table
from barledger.domain.rows import Floats, Ints

LARGEST_PAYOUT: Final = 0.95
_LARGEST_EVENT: Final = 3.0
"""No event that is not told makes a larger step, in logarithms: 95 % are paid, or 20 shares become one."""

_LARGEST_UNTOLD: Final = 0.43
"""Where a table tells of its events, one that it lacks makes no larger step: 35 % of the price."""

_NEARLY: Final = 0.02
_ABOVE: Final = 3.0


def implied(table: Table) -> Floats:
    """Return the logarithm of the adjustment that Adj Close implies, carried over where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(table.column("adj_close") / table.close)
    good = np.isfinite(ratio)
    if good.all():
        return np.asarray(ratio)
    if not good.any():
        return np.zeros(len(ratio))
    last = np.maximum.accumulate(np.where(good, np.arange(len(ratio)), -1))
    return np.asarray(ratio[np.where(last < 0, int(np.argmax(good)), last)])


def parted(table: Table) -> Floats:
    """Return the steps of the adjustment that no event makes, and 0 where one may: one for each row but the first.

    At such a step either the prices change their level or Adj Close does, so that neither explains the other's move.
    """
    if table.adj_close is None:
        return np.zeros(max(len(table) - 1, 0))
    steps = np.diff(implied(table))
    told = table.dividends is not None or table.stock_splits is not None
    most = np.full(len(steps), _LARGEST_UNTOLD if told else _LARGEST_EVENT)
    for name, steps_of in (("dividends", _share), ("stock_splits", _ratio)):
        rows = table.events(name)
        rows = rows[rows > 0]
        if len(rows):
            _allow(most, rows, steps_of(table, rows))
        if len(rows) and table.long_bars:
            _allow(most, np.minimum(rows + 1, len(steps)), steps_of(table, rows))
    return np.where(np.abs(steps) > most, steps, 0.0)


def _allow(most: Floats, rows: Ints, steps: Floats) -> None:
    most[rows - 1] = np.maximum(most[rows - 1], _LARGEST_UNTOLD + 1.2 * steps)


def _share(table: Table, rows: Ints) -> Floats:
    share = table.column("dividends")[rows] / table.close[rows - 1]
    return np.asarray(-np.log1p(-np.clip(share, 0.0, LARGEST_PAYOUT)))


def _ratio(table: Table, rows: Ints) -> Floats:
    ratio = np.abs(table.column("stock_splits")[rows])
    return np.abs(np.log(ratio))


def strain(adjustment: float) -> float:
    """Return how far an adjustment, as a logarithm, is from none, which is that of the newest bars.

    That of older ones is downwards; upwards it is made by reverse splits of prices as traded alone.
    """
    return -adjustment if adjustment <= _NEARLY else _ABOVE * (1 + adjustment)
