"""Computing: TA-Lib's functions on arrays, with what we promise of results."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np

from barledger.errors import ParameterInvalid
from barledger.indicators.definition import Floats, Reach, Values
from barledger.indicators.parameter import Value
from barledger.indicators.talib.averages import AVERAGES
from barledger.indicators.talib.library import lookback, refuse_settings
from barledger.indicators.talib.rules import Rule

_SILENT: Final = "ht_trendmode"
"""The function with a setting of its own whose first value, a whole number, cannot be missing."""
_DOUBLE: Final = np.dtype(np.float64)
_NUMBERS: Final = {name: number for number, name in enumerate(AVERAGES)}


def reaching(name: str, rule: Rule) -> "partial[Reach]":
    """Return what tells a function's reach: TA-Lib's own lookback, and what the rule adds to it."""
    return partial(_reach, name, rule)


def numbered(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return parameters as TA-Lib takes them: an average by its number."""
    return {name: _NUMBERS[value] if isinstance(value, str) else value for name, value in values.items()}


def _reach(name: str, rule: Rule, values: Values) -> Reach:
    _, back = _plan(name, tuple(values.items()))
    beyond = rule(values)
    return Reach(lookback=back, settled=back + beyond.settled, memory=beyond.memory, exact=beyond.exact)


@dataclass(frozen=True, slots=True)
class Computing:
    """Computes one function; ``screened`` where single values can be infinite while those after them are not.

    Raises `IndicatorFailed` if a setting of TA-Lib for the whole process moves its results.
    """

    name: str
    call: Callable[..., Any]
    screened: bool

    def __call__(self, *inputs: Floats, **values: Value) -> tuple[Floats, ...]:
        """Return the outputs: float64, NaN before the first value, and nowhere infinite."""
        return self.prepared(values)(*inputs)

    def prepared(self, values: Values) -> "partial[tuple[Floats, ...]]":
        """Return what computes with these parameters, which are looked at once; raises `ParameterInvalid`."""
        arguments, back = _plan(self.name, tuple(values.items()))
        return partial(self._computed, arguments, back)

    def _computed(self, arguments: tuple[Any, ...], back: int, *inputs: Floats) -> tuple[Floats, ...]:
        found = self.call(*inputs, *arguments)
        results = found if isinstance(found, tuple) else (found,)
        size = len(inputs[0])
        if size <= back:
            return tuple([np.full(size, np.nan) for _ in results])
        first = results[0].item(back)
        if first != first or self.name == _SILENT:  # noqa: PLR0124 - NaN, at a tenth of the price of asking numpy
            # A setting moved the first value, unless the function has none there.
            refuse_settings(self.name)
        if not self.screened:
            for one in results:
                # Most are as they should be: doubles, and the last of them is there.
                last = one.item(-1)
                if one.dtype is not _DOUBLE or last - last != 0.0:
                    break
            else:
                return results
        return tuple([_finished(one, back, screened=self.screened) for one in results])


@lru_cache(maxsize=4096)
def _plan(name: str, values: tuple[tuple[str, Value], ...]) -> tuple[tuple[Any, ...], int]:
    """Return a function's parameters in TA-Lib's order, and its lookback; raises `ParameterInvalid`."""
    given = numbered(dict(values))
    back = lookback(name, tuple(given), tuple(given.values()))
    if back < 0:
        # The only parameters of TA-Lib that can contradict each other.
        allowed = f"a whole number from 1 to maxperiod, which is {given.get('maxperiod')}"
        raise ParameterInvalid(indicator=name, name="minperiod", value=given.get("minperiod"), allowed=allowed)
    return tuple(given.values()), back


def _finished(values: Any, back: int, *, screened: bool) -> Floats:
    """Return a result as float64 that is NaN before its first value and nowhere infinite."""
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
        values[:back] = np.nan
    elif not math.isfinite(values[-1]) or (screened and not np.isfinite(values[back:]).all()):
        # A sum that goes along stays infinite to the end, and is seen there; what is screened is looked at whole.
        infinite = np.isinf(values)
        if infinite.any():
            values[infinite] = np.nan
    checked: Floats = values
    return checked
