"""Paths: handles of what depends on all bars since the first, with a state of a few numbers that can be kept."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from barledger.indicators.definition import Handle
from barledger.indicators.streaming.state import Fields

State = tuple[float, ...]
Values = tuple[float, ...]
Bar = tuple[float, ...]
Step = Callable[[State, Bar], tuple[State, Values]]
"""From a state and the inputs of a bar: the next state, and the values of that bar. An empty state is the beginning."""
NOTHING: Final[State] = ()


class PathHandle(Handle):
    """Steps from state to state. A step is a pure function, so that to peek is to step and forget."""

    __slots__ = ("_name", "_parameters", "_size", "_state", "_step")

    def __init__(self, name: str, parameters: Mapping[str, Any], step: Step, sizes: Sequence[int]) -> None:
        """Begin before the first bar; ``sizes`` are those that a state can have after it."""
        self._name, self._parameters, self._step, self._size = name, dict(parameters), step, tuple(sizes)
        self._state: State = NOTHING

    def update(self, *inputs: float) -> Values:
        """Take a closed bar in, and return its values."""
        return self.take(inputs)

    def take(self, inputs: Bar) -> Values:
        """Take a closed bar in as one tuple."""
        self._state, values = self._step(self._state, inputs)
        return values if values[0] - values[0] == 0.0 else _missing(values)

    def peek(self, *inputs: float) -> Values:
        """Return what `update` would return, and change nothing."""
        values = self._step(self._state, inputs)[1]
        return values if values[0] - values[0] == 0.0 else _missing(values)

    def copy(self) -> "PathHandle":
        """Return an independent handle at the same bar."""
        other = PathHandle(self._name, self._parameters, self._step, self._size)
        other._state = self._state
        return other

    def save(self) -> dict[str, Any]:
        """Return the state."""
        return {
            "kind": "path",
            "function": self._name,
            "parameters": self._parameters,
            "state": [float(value).hex() for value in self._state],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state; raises `InvalidState`, and is as it was then."""
        fields = Fields(state, self._name)
        fields.only("kind", "function", "parameters", "state")
        fields.same("kind", "path")
        fields.same("function", self._name)
        fields.same("parameters", self._parameters)
        read = tuple(fields.number("state", value) for value in fields.sequence("state"))
        if len(read) not in (0, *self._size):
            raise fields.wrong(f"its state has {len(read)} numbers")
        self._state = read


def _missing(values: Values) -> Values:
    """Return values of which what overflowed is missing, as it is in the batch."""
    return tuple(value if math.isfinite(value) else math.nan for value in values)
