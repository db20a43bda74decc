"""Handles of our own indicators: over a window of bars, or over a state that a kernel goes on with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from barledger.errors import CannotStream
from barledger.indicators.definition import Floats, Handle, Indicator
from barledger.indicators.own.kernel import sealed

_SPARE: Final = 64
"""How many bars at least are taken in before those of the window are moved to the front again."""

Advance = Callable[[Floats, Sequence[Floats], Floats], None]
"""Goes on from a state, in place, over arrays of inputs, and fills the rows of the outputs."""


def windowed(indicator: Indicator) -> Indicator:
    """Return an indicator of memory ``window`` that can be streamed: by the batch, over the window of the last bar."""
    return replace(indicator, stream=partial(WindowHandle, indicator))


class WindowHandle(Handle):
    """The last bars that a value depends on, and the batch over them."""

    __slots__ = ("_begin", "_end", "_indicator", "_parameters", "_reach", "_rows", "_seen")

    def __init__(self, indicator: Indicator, **parameters: Any) -> None:
        """Begin before the first bar."""
        self._indicator = indicator
        self._parameters = parameters
        self._reach = indicator.reach(parameters)
        self._begin = self._end = 0
        size = self._bars + max(self._bars, _SPARE)
        self._rows = [np.full(size, np.nan) for _ in indicator.inputs]
        self._seen = [sealed(row) for row in self._rows]

    @property
    def _bars(self) -> int:
        return self._reach.settled + 1

    def update(self, *inputs: float) -> tuple[float, ...]:
        """Take a closed bar in, and return its values."""
        values = self.peek(*inputs)
        self._end += 1
        self._begin = max(self._begin, self._end - self._bars + 1)
        return values

    def peek(self, *inputs: float) -> tuple[float, ...]:
        """Return the values of a forming bar."""
        if self._end == len(self._rows[0]):
            self._to_front()
        begin, end = self._begin, self._end
        for row, value in zip(self._rows, inputs, strict=True):
            row[end] = value
        if end - begin < self._reach.lookback:
            return (np.nan,) * len(self._indicator.outputs)
        found = self._indicator.compute(*(row[begin : end + 1] for row in self._seen), **self._parameters)
        return tuple(values.item(-1) for values in found)

    def copy(self) -> "WindowHandle":
        """Return an independent handle at the same bar."""
        twin = WindowHandle(self._indicator, **self._parameters)
        twin._begin, twin._end = self._begin, self._end
        for row, values in zip(twin._rows, self._rows, strict=True):
            row[:] = values
        return twin

    def save(self) -> dict[str, Any]:
        """Return the bars that the next value depends on."""
        return {"bars": [[value.hex() for value in row[self._begin : self._end].tolist()] for row in self._rows]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `save` returned; raises `CannotStream` for what another indicator saved."""
        bars = state.get("bars", ())
        kept = len(bars[0]) if len(bars) == len(self._rows) else self._bars
        if kept >= self._bars or any(len(values) != kept for values in bars):
            raise _foreign(self._indicator)
        self._begin, self._end = 0, kept
        for row, values in zip(self._rows, bars, strict=True):
            row[:kept] = [float.fromhex(value) for value in values]

    def _to_front(self) -> None:
        kept = self._end - self._begin
        for row in self._rows:
            row[:kept] = row[self._begin : self._end]
        self._begin, self._end = 0, kept


class StateHandle(Handle):
    """A state of fixed size, and the kernel that the batch runs, over one bar after the other."""

    __slots__ = ("_advance", "_indicator", "_inputs", "_outputs", "_read", "_seen", "_state", "_tried")

    def __init__(
        self,
        indicator: Indicator,
        advance: Advance,
        *,
        state: Floats,
        read: Callable[[int], float] | None = None,
    ) -> None:
        """Begin with a state; ``read`` makes of the opening time what the kernel takes as its first input."""
        self._indicator = indicator
        self._advance = advance
        self._state = state
        self._tried = state.copy()
        self._read = read
        self._inputs = [np.zeros(1) for _ in range(len(indicator.inputs) + indicator.timed)]
        self._seen = [sealed(one) for one in self._inputs]
        self._outputs = np.empty((len(indicator.outputs), 1))

    def update(self, *inputs: float) -> tuple[float, ...]:
        """Take a closed bar in, and return its values."""
        return self._values(self._state, inputs)

    def peek(self, *inputs: float) -> tuple[float, ...]:
        """Return the values of a forming bar."""
        self._tried[:] = self._state
        return self._values(self._tried, inputs)

    def _values(self, state: Floats, inputs: Sequence[float]) -> tuple[float, ...]:
        if self._read is not None:
            inputs = (self._read(int(inputs[0])), *inputs[1:])
        for place, value in zip(self._inputs, inputs, strict=True):
            place[0] = value
        self._advance(state, self._seen, self._outputs)
        return tuple(self._outputs[:, 0].tolist())

    def copy(self) -> "StateHandle":
        """Return an independent handle at the same bar."""
        return StateHandle(self._indicator, self._advance, state=self._state.copy(), read=self._read)

    def save(self) -> dict[str, Any]:
        """Return the state."""
        return {"state": [value.hex() for value in self._state.tolist()]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `save` returned; raises `CannotStream` for what another indicator saved."""
        values = [float.fromhex(value) for value in state.get("state", ())]
        if len(values) != len(self._state):
            raise _foreign(self._indicator)
        self._state[:] = values


def _foreign(indicator: Indicator) -> CannotStream:
    return CannotStream(
        indicator=indicator.name,
        what="go on from this state",
        reason="another indicator saved it, or one with other parameters",
        remedy="Load it into a handle of the same spec, or replay the bars.",
    )
