"""Computing: TA-Lib's functions on arrays, with what we promise of results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from barledger.errors import ParameterInvalid
from barledger.indicators.definition import Floats, Reach, Values
from barledger.indicators.parameter import Value
from barledger.indicators.talib.averages import AVERAGES
from barledger.indicators.talib.library import lookback, refuse_settings
from barledger.indicators.talib.rules import Rule

_NUMBERS: Final = {name: number for number, name in enumerate(AVERAGES)}


def reaching(name: str, rule: Rule) -> "partial[Reach]":
    """Return what tells a function's reach: TA-Lib's own lookback, and what the rule adds to it."""
    return partial(_reach, name, rule)


def numbered(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return parameters as TA-Lib takes them: an average by its number."""
    return {name: _NUMBERS[value] if isinstance(value, str) else value for name, value in values.items()}


def _reach(name: str, rule: Rule, values: Values) -> Reach:
    given = numbered(values)
    back = lookback(name, tuple(given), tuple(given.values()))
    if back < 0:
        # The only parameters of TA-Lib that can contradict each other.
        raise ParameterInvalid(
            indicator=name,
            name="minperiod",
            value=values.get("minperiod"),
            allowed=f"a whole number from 1 to maxperiod, which is {values.get('maxperiod')}",
        )
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
        given = numbered(values)
        back = lookback(self.name, tuple(given), tuple(given.values()))
        found = self.call(*inputs, **given)
        results = found if isinstance(found, tuple) else (found,)
        size = len(inputs[0])
        if size <= back:
            return tuple(np.full(size, np.nan) for _ in results)
        first = results[0][back]
        if first != first:  # noqa: PLR0124 - NaN, at a tenth of the price of asking numpy
            # A setting moved the first value, unless the function has none there.
            refuse_settings(self.name)
        return tuple(_finished(one, back, screened=self.screened) for one in results)


def _finished(values: Any, back: int, *, screened: bool) -> Floats:
    """Return a result as float64 that is NaN before its first value and nowhere infinite."""
    if values.dtype != np.float64:
        values = values.astype(np.float64)
        values[:back] = np.nan
    elif screened or values[-1] - values[-1] != 0.0:
        # A sum that overflowed stays so to the end, and is seen there.
        infinite = np.isinf(values)
        if infinite.any():
            values[infinite] = np.nan
    checked: Floats = values
    return checked
