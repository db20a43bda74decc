"""Parameters: what an indicator can be told, and what it may be."""

import math
from dataclasses import dataclass
from typing import Literal

from barledger.errors import ParameterInvalid

Value = int | float | str
Sort = Literal["int", "float", "choice", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A named number, word or choice, and its range (both ends may be taken).

    ``choices`` of a choice may be named, or given by their place. A parameter with ``follows`` is, unless it is given,
    what that earlier parameter is.
    """

    name: str
    sort: Sort = "int"
    default: Value
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    follows: str = ""
    note: str = ""

    @property
    def allowed(self) -> str:
        """Return what a value may be, as a phrase."""
        if self.sort == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.sort == "text":
            return "a word, in quotes if it has signs"
        what = "a whole number" if self.sort == "int" else "a number"
        if math.isinf(self.low) and math.isinf(self.high):
            return what
        if math.isinf(self.high):
            return f"{what} from {self.low:g}"
        return f"{what} from {self.low:g} to {self.high:g}"

    def check(self, indicator: str, value: object) -> Value:
        """Return the value as it is computed with; raises `ParameterInvalid`."""
        checked = self._read(value)
        if checked is None or (not isinstance(checked, str) and not self.low <= checked <= self.high):
            raise ParameterInvalid(indicator=indicator, name=self.name, value=value, allowed=self.allowed)
        return checked

    def _read(self, value: object) -> Value | None:
        if self.sort == "choice":
            return self._chosen(value)
        if self.sort == "text":
            return value if isinstance(value, str) and value else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if self.sort == "float":
            return float(value)
        return int(value) if value == int(value) else None

    def _chosen(self, value: object) -> str | None:
        if isinstance(value, str):
            return next((name for name in self.choices if name == value.lower()), None)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self.choices):
            return self.choices[value]
        return None
