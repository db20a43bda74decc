"""A row of the table: what is done, against whom, what is aimed at, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

FACTOR: Final = "x"
MILLISECONDS: Final = "ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A bound on one number."""

    value: float
    unit: str = FACTOR
    at_most: bool = False

    def met(self, value: float) -> bool:
        """Tell whether a number keeps the bound."""
        return value <= self.value if self.at_most else value >= self.value

    def __str__(self) -> str:
        """Show the bound."""
        return f"{'≤' if self.at_most else '≥'} {shown(self.value, self.unit)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was measured: the number that the aim is about, and both sides of it in words; or why there is none."""

    value: float | None = None
    ours: str = ""
    theirs: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison; ``bound`` says what limits it, for a run in which it stays under its aim."""

    name: str
    work: str
    against: str
    aim: Aim
    run: Callable[[Any], Outcome]
    bound: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A row with its outcome."""

    row: Row
    outcome: Outcome

    @property
    def verdict(self) -> str:
        """Return whether the aim is met."""
        if self.outcome.value is None:
            return "not run"
        return "yes" if self.row.aim.met(self.outcome.value) else "no"

    @property
    def measured(self) -> str:
        """Return the number with its unit."""
        return "-" if self.outcome.value is None else shown(self.outcome.value, self.row.aim.unit)


def shown(value: float, unit: str) -> str:
    """Return a number with its unit."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}{'' if unit == FACTOR else ' '}{unit}"
