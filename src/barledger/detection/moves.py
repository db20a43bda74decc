"""How a table moves from row to row, as traded and with what is known of its events taken out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from barledger.detection.adjustment import LARGEST_PAYOUT, implied, parted
from barledger.detection.levels import Moves
from barledger.detection.noise import Noise
from barledger.detection.table import Edit, Table
from barledger.domain.rows import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """A table with what every check needs of it: logarithms of its prices, its moves, and their noise."""

    table: Table
    logs: npt.NDArray[np.float64]
    plain: Floats
    noise: Noise

    @staticmethod
    def of(table: Table) -> "Measures":
        """Measure a table."""
        logs = table.logs()
        plain = centre(logs)
        return Measures(table=table, logs=logs, plain=plain, noise=Noise.of(plain, logs, table.close))

    def moves(self, *, raw: bool) -> Moves:
        """Return the moves of the rows' centres in every way that the table offers."""
        extra = shifts(self.table, raw=raw)
        ways = np.vstack([self.plain, *(self.plain + shift for shift in extra)]) if extra else self.plain[None, :]
        return Moves(ways=ways, noise=self.noise)

    def after(self, edits: Sequence[Edit]) -> "Measures":
        """Return the same after changes to the table."""
        return Measures.of(self.table.edited(edits)) if edits else self


def centre(logs: npt.NDArray[np.float64]) -> Floats:
    """Return the move into each row but the first: the mean of the middle two of the four prices' moves."""
    opened, high, low, closed = (np.diff(column) for column in logs)
    if not len(opened):
        return np.asarray(opened)
    outer = np.maximum(np.maximum(opened, closed), np.maximum(high, low))
    inner = np.minimum(np.minimum(opened, closed), np.minimum(high, low))
    opened += closed
    opened += high
    opened += low
    opened -= outer
    opened -= inner
    opened /= 2
    return np.asarray(opened)


def shifts(table: Table, *, raw: bool) -> list[Floats]:
    """Return what is to be added to moves so that known events are taken out, in each way that is known."""
    ways = []
    if table.adj_close is not None:
        ways.append(np.diff(implied(table)) - parted(table))
    foreseen = _foreseen(table, raw=raw)
    if foreseen is not None and (raw or table.adj_close is None):
        ways.append(foreseen)
    return ways


def _foreseen(table: Table, *, raw: bool) -> Floats | None:
    """Return the negative moves that splits (of raw prices) and dividends make at their ex-dates."""
    rows = table.events("dividends"), table.events("stock_splits") if raw else np.empty(0, np.int64)
    if not len(rows[0]) and not len(rows[1]):
        return None
    shift = np.zeros(len(table) - 1)
    for row in rows[0].tolist():
        if row:
            share = float(table.column("dividends")[row]) / float(table.close[row - 1])
            shift[row - 1] -= np.log1p(-min(max(share, 0.0), LARGEST_PAYOUT))
    for row in rows[1].tolist():
        ratio = float(table.column("stock_splits")[row])
        if row and ratio > 0:
            shift[row - 1] += np.log(ratio)
    return shift
