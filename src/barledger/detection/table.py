"""The table that detection works on: one series' columns as arrays, ascending and unique in time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from barledger.domain.rows import Flags, Floats, Ints

PRICES: Final = ("open", "high", "low", "close")
OTHERS: Final = ("adj_close", "volume", "dividends", "stock_splits", "capital_gains")
COLUMNS: Final = (*PRICES, *OTHERS)
EVENTS: Final = ("dividends", "stock_splits", "capital_gains")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A proposed change: ``column`` of ``rows`` times ``factor``, or, without one, set to ``value``."""

    column: str
    rows: Ints
    factor: float | None = None
    value: float | Floats = np.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of one series; a column that is not there is None.

    ``time`` is in ns, ascending and unique; ``bar`` is a bar's length in ns. ``at`` tells for each row where it stands
    in the table that it was picked from, ``events_at`` where its events stand there. Events (``dividends``,
    ``stock_splits``, ``capital_gains``) are 0 where there is none. ``held`` says how
    much it counts (0 to 1) that a row was there before others came, where that is known.
    """

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    adj_close: Floats | None = None
    volume: Floats | None = None
    dividends: Floats | None = None
    stock_splits: Floats | None = None
    capital_gains: Floats | None = None
    bar: int
    at: Ints
    events_at: Ints | None = None
    held: Floats | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.time)

    @property
    def long_bars(self) -> bool:
        """Whether a bar holds several days, so that an event lies somewhere within it."""
        return self.bar > 4 * 86_400_000_000_000

    def column(self, name: str) -> Floats:
        """Return a column that is there."""
        values: Floats = getattr(self, name)
        return values

    def has(self, name: str) -> bool:
        """Whether a column is there."""
        return getattr(self, name) is not None

    def events(self, name: str) -> Ints:
        """Return the rows that have an event of this kind."""
        values = getattr(self, name)
        if values is None:
            return np.empty(0, np.int64)
        return np.flatnonzero(np.nan_to_num(values) != 0)

    def logs(self) -> npt.NDArray[np.float64]:
        """Return the logarithms of open, high, low and close, as four rows."""
        logs = np.empty((4, len(self)))
        for row, name in zip(logs, PRICES, strict=True):
            np.log(self.column(name), out=row)
        return logs

    def edited(self, edits: Iterable[Edit]) -> "Table":
        """Return the table after these changes."""
        return replace(self, **applied({name: getattr(self, name) for name in COLUMNS}, edits))

    def tradable(self) -> "Table":
        """Return the rows whose prices can be compared, with missing opens, highs and lows taken from the close.

        An event of a row that is left out goes to the next one, whose ``at`` stays its own.
        """
        close = self.close
        if self._whole():
            return self
        fit = np.isfinite(close) & (close > 0)
        for name in PRICES[:3]:
            values = self.column(name)
            fit &= ~(values <= 0)
        columns: dict[str, Any] = {"time": self.time[fit], "at": self.at[fit]}
        columns["held"] = None if self.held is None else self.held[fit]
        for name in PRICES:
            values = self.column(name)[fit]
            columns[name] = np.where(np.isfinite(values), values, close[fit])
        for name in ("adj_close", "volume"):
            columns[name] = None if not self.has(name) else self.column(name)[fit]
        for name in EVENTS:
            columns[name] = None if not self.has(name) else _gathered(self.column(name), fit, name)
        columns["events_at"] = self._places_of_events(fit)
        return replace(self, **columns)

    def _whole(self) -> bool:
        """Whether all rows have all prices; infinities are none."""
        if not len(self):
            return False
        ends = [(float(np.min(self.column(name))), float(np.max(self.column(name)))) for name in PRICES]
        return all(low > 0 and np.isfinite(high) for low, high in ends)

    def _places_of_events(self, fit: Flags) -> Ints:
        """Return for each row that fits where its events stand: in itself, or in a row before it that is left out."""
        places = np.array(self.at[fit])
        has = np.zeros(len(self), np.bool_)
        for name in EVENTS:
            if self.has(name):
                has |= np.nan_to_num(self.column(name)) != 0
        for row in np.flatnonzero(has & ~fit).tolist():
            target = int(np.cumsum(fit)[row])
            if target < len(places) and not has[np.flatnonzero(fit)[target]]:
                places[target] = self.at[row]
        return places


def applied(columns: Mapping[str, Any], edits: Iterable[Edit]) -> dict[str, Any]:
    """Return the columns after these changes; what is changed is copied first."""
    changed: dict[str, Any] = dict(columns)
    copied: set[str] = set()
    for edit in edits:
        if changed.get(edit.column) is None or not len(edit.rows):
            continue
        if edit.column not in copied:
            changed[edit.column] = np.array(changed[edit.column])
            copied.add(edit.column)
        if edit.factor is None:
            changed[edit.column][edit.rows] = edit.value
        else:
            changed[edit.column][edit.rows] *= edit.factor
    return changed


def _gathered(values: Floats, fit: Flags, name: str) -> Floats:
    """Return the events of the rows that fit, with those of rows left out joined to the next."""
    kept = np.nan_to_num(values[fit])
    lost = np.flatnonzero(~fit & (np.nan_to_num(values) != 0))
    if not len(lost) or not len(kept):
        return kept
    to = np.cumsum(fit)[lost]
    for row, target in zip(lost.tolist(), to.tolist(), strict=True):
        if target < len(kept):
            both = kept[target] and name == "stock_splits"
            kept[target] = kept[target] * values[row] if both else kept[target] + values[row]
    return kept
