"""Budgets of jobs: how much they may ask of sources."""

from collections.abc import Mapping
from typing import Any, Final

from barledger.errors import InvalidSetting
from barledger.services.ingestion import Budget

OPTIONS: Final = {
    "budget_calls": "at most so many calls of a source",
    "budget_seconds": "begin nothing after so many seconds",
}


def budget_of(options: Mapping[str, Any]) -> Budget:
    """Return the budget that options give; raises `InvalidSetting`."""
    for name in OPTIONS:
        value = options.get(name, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidSetting(setting=name, reason=f"{value!r} is no number")
    return Budget(calls=options.get("budget_calls"), seconds=options.get("budget_seconds"))
