"""How a table moves from row to row, as traded and with what is known of its events taken out."""

from typing import Final

import numpy as np
import numpy.typing as npt

from barledger.detection.levels import Moves
from barledger.detection.noise import Noise
from barledger.detection.table import Table
from barledger.domain.rows import Floats

_LARGEST_PAYOUT: Final = 0.95


def centre(logs: npt.NDArray[np.float64]) -> Floats:
    """Return the move into each row but the first: the mean of the middle two of the four prices' moves."""
    steps = np.diff(logs, axis=1)
    return np.asarray((steps.sum(axis=0) - steps.max(axis=0) - steps.min(axis=0)) / 2)


def moves_of(table: Table, logs: npt.NDArray[np.float64], *, raw: bool) -> Moves:
    """Measure the moves of the rows' centres in every way that the table offers."""
    plain = centre(logs)
    noise = Noise.of(plain, logs, table.close)
    return Moves(ways=np.vstack([plain, *(plain + shift for shift in shifts(table, raw=raw))]), noise=noise)


def shifts(table: Table, *, raw: bool) -> list[Floats]:
    """Return what is to be added to moves so that known events are taken out, in each way that is known."""
    ways = []
    if table.adj_close is not None:
        ways.append(np.diff(implied(table)))
    foreseen = _foreseen(table, raw=raw)
    if foreseen is not None and (raw or table.adj_close is None):
        ways.append(foreseen)
    return ways


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


def _foreseen(table: Table, *, raw: bool) -> Floats | None:
    """Return the negative moves that splits (of raw prices) and dividends make at their ex-dates."""
    rows = table.events("dividends"), table.events("stock_splits") if raw else np.empty(0, np.int64)
    if not len(rows[0]) and not len(rows[1]):
        return None
    shift = np.zeros(len(table) - 1)
    for row in rows[0].tolist():
        if row:
            share = float(table.column("dividends")[row]) / float(table.close[row - 1])
            shift[row - 1] -= np.log1p(-min(max(share, 0.0), _LARGEST_PAYOUT))
    for row in rows[1].tolist():
        ratio = float(table.column("stock_splits")[row])
        if row and ratio > 0:
            shift[row - 1] += np.log(ratio)
    return shift
