"""Windows: other people's indicators bar by bar, computed anew on as many bars as they look back."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from barledger.indicators.binding import Bound
from barledger.indicators.definition import Handle
from barledger.indicators.evaluation import run
from barledger.indicators.streaming.state import Fields


class WindowHandle(Handle):
    """An indicator of which a value depends on so many bars and on nothing before them.

    Each update computes all of these bars, so it takes as long as the batch does for them. A window that is computed
    from its first bar may round otherwise than one within a longer history, so nothing here is ``exact``.
    """

    __slots__ = ("_bound", "_rows", "exact")

    def __init__(self, bound: Bound) -> None:
        """Begin before the first bar."""
        self._bound = bound
        self.exact = False
        self._rows: deque[tuple[float, ...]] = deque(maxlen=max(bound.own.settled, bound.own.lookback) + 1)

    def update(self, *inputs: float) -> tuple[float, ...]:
        """Take a closed bar in, and return its values; raises `IndicatorFailed`, and is as it was then."""
        values = self.peek(*inputs)
        self._rows.append(inputs)
        return values

    def peek(self, *inputs: float) -> tuple[float, ...]:
        """Return what `update` would return, and change nothing."""
        rows = [*self._rows, inputs][-(self._rows.maxlen or 1) :]
        columns = list(zip(*rows, strict=True))
        time = np.array(columns.pop(0), np.int64) if self._bound.indicator.timed else None
        arrays = [_sealed(column) for column in columns]
        return tuple(float(values[-1]) for values in run(self._bound, arrays, time))

    def fill(self, *inputs: Any) -> None:
        """Take closed bars in at once, column by column."""
        kept = self._rows.maxlen or 1
        self._rows.extend(zip(*(column[-kept:].tolist() for column in inputs), strict=True))

    def copy(self) -> "WindowHandle":
        """Return an independent handle at the same bar."""
        other = WindowHandle(self._bound)
        other._rows = self._rows.copy()
        return other

    def save(self) -> dict[str, Any]:
        """Return the last bars."""
        rows = [[str(value) if type(value) is int else float(value).hex() for value in row] for row in self._rows]
        return {"kind": "window", "indicator": self._bound.indicator.name, "rows": rows}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the last bars over; raises `InvalidState`, and is as it was then."""
        fields = Fields(state, self._bound.indicator.name)
        fields.only("kind", "indicator", "rows")
        fields.same("kind", "window")
        fields.same("indicator", self._bound.indicator.name)
        rows = [self._row(fields, row) for row in fields.sequence("rows")]
        if len(rows) > (self._rows.maxlen or 1):
            raise fields.wrong(f"it has {len(rows)} rows, and at most {self._rows.maxlen} are kept")
        self._rows = deque(rows, maxlen=self._rows.maxlen)

    def _row(self, fields: Fields, row: object) -> tuple[float, ...]:
        timed = self._bound.indicator.timed
        width = len(self._bound.inputs) + timed
        if not isinstance(row, list | tuple) or len(row) != width:
            raise fields.wrong(f"one of its rows is no list of {width} values")
        numbers = tuple(fields.finite("rows", value) for value in row[timed:])
        return (fields.whole("rows", row[0]), *numbers) if timed else numbers


def _sealed(column: tuple[float, ...]) -> Any:
    array = np.array(column, np.float64)
    array.flags.writeable = False
    return array
