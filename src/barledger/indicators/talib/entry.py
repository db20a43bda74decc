"""Entries: what the tables of this folder say of one function of TA-Lib."""

from dataclasses import dataclass
from typing import Final

from barledger.indicators.definition import Output, Scale
from barledger.indicators.parameter import Parameter
from barledger.indicators.talib.averages import AVERAGES
from barledger.indicators.talib.rules import Rule

_LONGEST: Final = 100_000
UNBOUNDED: Final = 3e37
"""TA-Lib's largest real parameter."""
_ALIASES: Final = {
    "timeperiod": ("period", "length"),
    "fastperiod": ("fast",),
    "slowperiod": ("slow",),
    "signalperiod": ("signal",),
    "atrperiod": ("atr",),
    "nbdev": ("multiplier",),
}
_AVERAGE_NOTE: Final = "The kind of moving average: a name, or TA-Lib's number for it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One function: ``inputs``, ``outputs`` and ``aliases`` are words; an output's alias follows a colon.

    Without ``outputs`` there is one, named as the function. A function is ``partial`` if values can be missing with
    any inputs, and ``screened`` if a single one can overflow, with inputs of absurd size, while those after it do not.
    ``scale`` is that of all outputs.
    """

    name: str
    title: str
    inputs: str = "close"
    parameters: tuple[Parameter, ...] = ()
    outputs: str = ""
    rule: Rule
    aliases: str = ""
    formula: str
    convention: str = ""
    reference: str = ""
    partial: bool = False
    screened: bool = False
    scale: Scale = "inputs"

    def listed(self) -> tuple[Output, ...]:
        """Return the outputs."""
        if not self.outputs:
            return (Output(name=self.name, aliases=("real",), scale=self.scale),)
        names = (word.split(":") for word in self.outputs.split())
        return tuple(Output(name=name, aliases=tuple(aliases), scale=self.scale) for name, *aliases in names)


def bars(default: int, *, name: str = "timeperiod", low: int = 2, note: str = "") -> Parameter:
    """Return a parameter that is a number of bars, within TA-Lib's range."""
    aliases = _ALIASES.get(name, ())
    return Parameter(name=name, default=default, low=low, high=_LONGEST, aliases=aliases, note=note)


def kind(default: str, *, name: str = "matype") -> Parameter:
    """Return a parameter that is a kind of moving average."""
    return Parameter(name=name, sort="choice", default=default, choices=AVERAGES, note=_AVERAGE_NOTE)


def real(
    default: float,
    *,
    name: str,
    low: float = -UNBOUNDED,
    high: float = UNBOUNDED,
    follows: str = "",
    note: str = "",
) -> Parameter:
    """Return a parameter that is a number, within TA-Lib's range."""
    return Parameter(
        name=name,
        sort="float",
        default=float(default),
        low=low,
        high=high,
        follows=follows,
        aliases=_ALIASES.get(name, ()),
        note=note,
    )
