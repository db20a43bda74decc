"""Budgets: how much may be asked of a source."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from barledger.errors import InvalidSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most so many calls of a source, chunks and vain tries alike, and so many seconds; None means no limit.

    A call that has begun is waited for. What is left when the budget is spent is told as not done.
    """

    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is below zero."""
        for name in ("calls", "seconds"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InvalidSetting(setting=f"budget {name}", reason=f"{value} is below zero")


class BudgetSpent(Exception):
    """Nothing more may be asked."""


class Spending:
    """What was spent of a budget. Threads share it."""

    def __init__(self, budget: Budget, steady: Callable[[], float]) -> None:
        """Begin now, by this clock of seconds."""
        self._budget = budget
        self._steady = steady
        self._began = steady()
        self._lock = Lock()
        self.calls = 0

    @property
    def seconds(self) -> float:
        """Return the seconds since it began."""
        return self._steady() - self._began

    @property
    def left(self) -> float | None:
        """Return the seconds that are left, or None where they are not limited."""
        return None if self._budget.seconds is None else max(self._budget.seconds - self.seconds, 0.0)

    @property
    def spent(self) -> bool:
        """Whether nothing more may be asked."""
        return (self._budget.calls is not None and self.calls >= self._budget.calls) or self.left == 0.0

    def call(self) -> None:
        """Count a call that is about to be made; raises `BudgetSpent` if it may not be."""
        with self._lock:
            if self.spent:
                raise BudgetSpent
            self.calls += 1

    def take_back(self) -> None:
        """Do not count the last call: there was nothing more to ask for."""
        with self._lock:
            self.calls -= 1
