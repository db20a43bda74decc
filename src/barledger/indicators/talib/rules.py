"""Rules: from the parameters of a function to how much it remembers beyond its lookback."""

from collections.abc import Callable
from functools import reduce
from typing import Final

from barledger.indicators.definition import Reach, Values
from barledger.indicators.talib import memory
from barledger.indicators.talib.averages import average

Rule = Callable[[Values], Reach]


def _always(reach: Reach) -> Rule:
    return lambda _values: reach


ANEW: Final = _always(memory.EXACT)
"""Computed anew from its window for each bar."""
SUMMED: Final = _always(memory.WINDOW)
"""By a sum over its window that goes along."""
SINCE: Final = _always(memory.PATH)
"""Since the first bar."""
PLACED: Final = _always(memory.INDEX)
"""The number of a row."""
HILBERT: Final = _always(memory.hilbert())
HALVING: Final = _always(memory.halving())
ADAPTIVE: Final = _always(memory.adaptive())


def exponential(name: str = "timeperiod", *, stages: int = 1) -> Rule:
    """Return the rule of an EMA of the period of that name."""
    return lambda values: memory.exponential(int(values[name]), stages=stages)


def wilder(name: str = "timeperiod", *, stages: int = 1) -> Rule:
    """Return the rule of Wilder's average of the period of that name."""
    return lambda values: memory.wilder(int(values[name]), stages=stages)


def levelled(name: str) -> Rule:
    """Return the rule of an EMA in a difference of EMAs, of an input whose level depends on the first bar."""
    return lambda values: memory.levelled(int(values[name]))


def fixed(period: int) -> Rule:
    """Return the rule of an EMA of a fixed period."""
    return _always(memory.exponential(period))


def smoothed(name: str = "timeperiod", kind: str = "matype", *, default: str = "sma") -> Rule:
    """Return the rule of a moving average whose period and kind are parameters."""
    return lambda values: average(str(values[kind]), int(values[name]), default=default)


def mesa(*names: str) -> Rule:
    """Return the rule of the MESA averages: alpha never falls below the smaller of these limits."""
    return lambda values: memory.mesa(min(float(values[name]) for name in names))


def chain(*rules: Rule) -> Rule:
    """Return the rule of what is computed from one another, the first first."""
    return lambda values: reduce(lambda earlier, rule: rule(values).after(earlier), rules[1:], rules[0](values))


def together(*rules: Rule) -> Rule:
    """Return the rule of what is computed beside one another."""
    return lambda values: reduce(lambda reach, rule: reach.beside(rule(values)), rules[1:], rules[0](values))
