"""Guarded handles: other people's handles, what they give looked at, and what they raise told as their indicator's."""

import json
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, Final

import numpy as np

from barledger.errors import BarledgerError, IndicatorFailed
from barledger.indicators.binding import Bound
from barledger.indicators.definition import Handle
from barledger.indicators.evaluation import copied, writes_into_input
from barledger.indicators.openers import check_handle, check_opener
from barledger.indicators.streaming.state import Fields

_STANDS: Final = "Look at the cause; the live indicator stands where it stood before this call."


class GuardedHandle(Handle):
    """A handle of other people's code, which cannot harm more than its own values.

    Raises `IndicatorFailed`, with what was raised as its cause, for a handle that raises, that gives another number
    of values than there are outputs, or what is no number. Values are missing where the batch's are: at the first bars
    up to the indicator's lookback, and where they are not finite.
    """

    __slots__ = ("_bound", "_early", "_handle")

    def __init__(self, bound: Bound) -> None:
        """Open a handle before the first bar; raises `IndicatorInvalid` for what cannot be one."""
        self._bound = bound
        self._early = bound.own.lookback
        self._handle = self._opened()

    @property
    def exact(self) -> bool:
        """Whether the handle says that its values are the batch's bit for bit, as it does unless it says otherwise."""
        return bool(getattr(self._handle, "exact", True))

    def update(self, *inputs: float) -> tuple[float, ...]:
        """Take a closed bar in, and return its values.

        What a handle that raises has done to itself is not undone here: `Live` tries each bar on a copy.
        """
        values = self._values("update", self._called("update", *inputs))
        if self._early:
            self._early -= 1
            return self._nothing
        return values

    def fill(self, *inputs: Any) -> None:
        """Take closed bars in at once, column by column."""
        # Who holds the memory beneath a read-only array can make it writable again.
        self._called("fill", *(copied(column) for column in inputs))
        self._early = max(0, self._early - len(inputs[0]))

    def peek(self, *inputs: float) -> tuple[float, ...]:
        """Return what `update` would return; on a copy, so that nothing is changed whatever the handle does."""
        return self.copy().peeked(*inputs)

    def peeked(self, *inputs: float) -> tuple[float, ...]:
        """Return the values of a forming bar; whoever asks has no more use for the handle."""
        values = self._values("peek", self._called("peek", *inputs))
        return self._nothing if self._early else values

    def copy(self) -> "GuardedHandle":
        """Return an independent handle at the same bar."""
        copied = self._called("copy")
        if copied is self._handle:
            raise self._failed("its copy gave the handle itself", "Return another handle with the same state.")
        if type(copied) is not type(self._handle):
            # Most often one of a class that this is derived from, which would go on computing something else.
            kinds = f"a {type(copied).__name__} of a {type(self._handle).__name__}"
            raise self._failed(f"its copy gave {kinds}", "Return a handle of the same class: type(self)(...).")
        other = object.__new__(GuardedHandle)
        other._bound, other._early, other._handle = self._bound, self._early, copied
        return other

    def save(self) -> dict[str, Any]:
        """Return the state, as values that JSON knows and that nobody else holds."""
        state = self._called("save")
        if not isinstance(state, Mapping):
            raise self._failed(f"its save gave a {type(state).__name__}, and no mapping", "Return a dict.")
        try:
            kept = json.loads(json.dumps(dict(state), allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            reason = f"its save gave what JSON does not know: {error}"
            raise self._failed(reason, "Write floats by float.hex, and arrays as lists of them.") from error
        return {"kind": "handle", "early": self._early, "state": kept}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state; raises `InvalidState` where the handle raises."""
        fields = Fields(state, self._bound.indicator.name)
        fields.only("kind", "early", "state")
        fields.same("kind", "handle")
        early, kept = fields.count("early"), fields.mapping("state")
        if early > self._bound.own.lookback:
            raise fields.wrong(f"{early} bars are left to its first value, and there are {self._bound.own.lookback}")
        try:
            self._handle.load(kept)
        except BarledgerError:
            raise
        except Exception as error:
            raise fields.wrong(f"its load raised {type(error).__name__}: {error}") from error
        self._early = early

    # --- other people's code -------------------------------------------------------------------

    def _opened(self) -> Any:
        indicator, parameters = self._bound.indicator, self._bound.parameters
        check_opener(indicator.name, indicator.stream, parameters)
        opener: Any = indicator.stream
        try:
            handle = opener(**parameters)
        except BarledgerError:
            raise
        except Exception as error:
            raise self._failed(f"its stream raised {type(error).__name__}: {error}") from error
        check_handle(indicator.name, handle)
        return handle

    def _called(self, method: str, *inputs: Any) -> Any:
        try:
            return getattr(self._handle, method)(*inputs)
        except BarledgerError:
            raise
        except Exception as error:
            if writes_into_input(error):
                raise self._failed(f"its {method} writes into its input", "Work on a copy.") from error
            raise self._failed(f"its {method} raised {type(error).__name__}: {error}", _STANDS) from error

    def _values(self, method: str, given: object) -> tuple[float, ...]:
        outputs = self._bound.indicator.outputs
        if not isinstance(given, tuple):
            remedy = "Return a tuple of one number for each output: (value,) for one."
            raise self._failed(f"its {method} gave a {type(given).__name__}, and no tuple", remedy)
        if len(given) != len(outputs):
            names = ", ".join(one.name for one in outputs)
            values = f"{len(given)} value{'s' * (len(given) != 1)}"
            remedy = "Return a tuple of one number for each output."
            raise self._failed(f"its {method} gave {values}, and its outputs are {names}", remedy)
        return tuple([self._number(method, value) for value in given])

    def _number(self, method: str, value: object) -> float:
        if isinstance(value, Real | np.bool_):
            try:
                number = float(value)
            except OverflowError:
                return math.nan
            # What is not finite is missing, as it is in the batch.
            return number if number - number == 0.0 else math.nan
        reason = f"its {method} gave a {type(value).__name__} where a number stands"
        raise self._failed(reason, "Return numbers; NaN where there is no value.")

    def _failed(self, reason: str, remedy: str = "") -> IndicatorFailed:
        more = {"remedy": remedy} if remedy else {}
        return IndicatorFailed(indicator=self._bound.indicator.name, reason=reason, **more)

    @property
    def _nothing(self) -> tuple[float, ...]:
        return (math.nan,) * len(self._bound.indicator.outputs)
