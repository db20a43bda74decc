"""Adjustment: what Adj Close over Close says, and where the two part as no event makes them."""

from typing import Final

import numpy as np

from barledger.detection.table import Table
from barledger.domain.rows import Floats

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
    What a dividend of that row makes of it is taken out.
    """
    if table.adj_close is None:
        return np.zeros(max(len(table) - 1, 0))
    steps = np.diff(implied(table))
    paid, split = _made_by(table, "dividends"), _made_by(table, "stock_splits")
    told = table.dividends is not None or table.stock_splits is not None
    most = (_LARGEST_UNTOLD if told else _LARGEST_EVENT) + 1.2 * np.maximum(paid, split)
    return np.where(np.abs(steps) > most, steps - (0.0 if table.long_bars else paid), 0.0)


def _made_by(table: Table, name: str) -> Floats:
    """Return how large a step the events of each row but the first make; of long bars, or those of the row before."""
    made = np.zeros(len(table))
    rows = table.events(name)
    rows = rows[rows > 0]
    if len(rows):
        values = table.column(name)[rows]
        share = np.clip(values / table.close[rows - 1], 0.0, LARGEST_PAYOUT)
        made[rows] = -np.log1p(-share) if name == "dividends" else np.abs(np.log(np.abs(values)))
    later = np.append(0.0, made[:-1]) if table.long_bars else made
    return np.maximum(made, later)[1:]


def strain(adjustment: float) -> float:
    """Return how far an adjustment, as a logarithm, is from none, which is that of the newest bars.

    That of older ones is downwards; upwards it is made by reverse splits of prices as traded alone.
    """
    return -adjustment if adjustment <= _NEARLY else _ABOVE * (1 + adjustment)
