"""Nodes: the handle of one step, and what it does where an input is missing."""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from barledger.domain.interval import format_time
from barledger.errors import BarledgerError, InputMissing, ValuesMissing
from barledger.indicators.streaming.plan import Step
from barledger.indicators.streaming.state import Fields


class Node:
    """A step that is under way; ``begun`` once an input was there, ``exact`` unless it began on a part of history."""

    __slots__ = ("_exact", "_get", "_nothing", "_place", "_timed", "begun", "handle", "step")

    def __init__(self, step: Step) -> None:
        """Begin before the first bar."""
        self.step = step
        self.handle = step.open()
        self.begun = False
        self._exact = True
        self._get = _getter(step.places)
        self._place = step.places[0] if len(step.places) == 1 and not step.bound.indicator.timed else -1
        self._timed = step.bound.indicator.timed
        self._nothing = (math.nan,) * len(step.bound.indicator.outputs)

    @property
    def exact(self) -> bool:
        """Whether its values are bit for bit those of the whole history."""
        return self._exact and getattr(self.handle, "exact", True)

    @property
    def exact_when_loaded(self) -> bool:
        """Whether they still are when its state is loaded."""
        return self.exact and getattr(self.handle, "exact_when_loaded", True)

    def update(self, values: Sequence[float], time: int | None) -> tuple[float, ...]:
        """Take in what a bar has so far, and return what this step adds; raises `ValuesMissing`, changing nothing."""
        place = self._place
        if place >= 0:
            value = values[place]
            # Of what is not finite the difference from itself is NaN.
            if value - value != 0.0:
                return self._missing(time)
            self.begun = True
            return self.handle.update(value)
        inputs = self._get(values)
        total = sum(inputs)
        if total - total != 0.0 and not all(map(math.isfinite, inputs)):
            return self._missing(time)
        self.begun = True
        return self.handle.take(self._given(inputs, time)) if self._timed else self.handle.take(inputs)

    def peek(self, values: Sequence[float], time: int | None, *, restarted: bool) -> tuple[float, ...]:
        """Return what `update` would add, after a restart if there is one."""
        inputs = self._get(values)
        if not all(map(math.isfinite, inputs)):
            self._refuse(time)
            return self._nothing
        handle = self.step.open() if restarted and self.step.bound.policy != "skip" else self.handle
        return handle.peek(*self._given(inputs, time))

    def restart(self) -> None:
        """Begin anew, because bars are missing, unless such gaps are skipped."""
        if self.step.bound.policy != "skip" and self.begun:
            self.handle = self.step.open()
            self.begun, self._exact = False, True

    def fill(self, inputs: Sequence[Any], *, whole: bool) -> None:
        """Take closed bars in at once; ``whole`` says whether the first of them is the first that there ever was."""
        if len(inputs[0]):
            self.handle.fill(*inputs)
            self.begun = True
        self._exact = whole or self.step.bound.own.exact

    def copy(self) -> "Node":
        """Return an independent node at the same bar."""
        other = object.__new__(Node)
        for name in Node.__slots__:
            setattr(other, name, getattr(self, name))
        other.handle = self.handle.copy()
        return other

    def save(self) -> dict[str, Any]:
        """Return the state."""
        state = self.handle.save()
        return {"key": self.step.bound.key, "begun": self.begun, "exact": self._exact, "state": state}

    def load(self, state: object) -> None:
        """Take over a state; raises `InvalidState`."""
        fields = Fields(state, self.step.bound.indicator.name)
        fields.only("key", "begun", "exact", "state")
        fields.same("key", self.step.bound.key)
        begun, exact, kept = fields.flag("begun"), fields.flag("exact"), fields.mapping("state")
        self._loaded(fields, kept)
        self.begun, self._exact = begun, exact

    def _loaded(self, fields: Fields, kept: Mapping[str, Any]) -> None:
        try:
            self.handle.load(kept)
        except BarledgerError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise fields.wrong(f"{type(error).__name__}: {error}") from error

    def _given(self, inputs: tuple[float, ...], time: int | None) -> tuple[Any, ...]:
        if not self._timed:
            return inputs
        if time is None:
            raise InputMissing(indicator=self.step.bound.indicator.name, column="time", found=())
        return (time, *inputs)

    def _missing(self, time: int | None) -> tuple[float, ...]:
        self._refuse(time)
        self.restart()
        return self._nothing

    def _refuse(self, time: int | None) -> None:
        """Raise `ValuesMissing` if a gap must not be; leading values may be missing."""
        if self.step.bound.policy == "raise" and self.begun:
            at = "this bar" if time is None else format_time(time)
            raise ValuesMissing(indicator=self.step.bound.indicator.name, count=1, first=at)


def _getter(places: tuple[int, ...]) -> Callable[[Sequence[float]], tuple[float, ...]]:
    """Return what picks the inputs of a step from all values of a bar."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)
