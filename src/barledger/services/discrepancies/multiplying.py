"""Multiplying: bars put right by one factor, as findings within a series propose it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from barledger.domain.rows import Rows

MULTIPLIED: Final = frozenset({"split_missed", "split_phantom", "unit_error", "volume_switch"})
"""The kinds of finding that a factor puts right."""

_PRICES: Final = ("open", "high", "low", "close")


def steps_of(fields: Sequence[str], factor: float) -> dict[str, float]:
    """Return what each column is multiplied by.

    The factor is that of the first field. If that is a price, other prices take it too, and a volume its inverse.
    """
    first_is_price = fields[0] in _PRICES
    return {name: factor if (name in _PRICES) == first_is_price else 1 / factor for name in fields}


def multiplied(rows: Rows, steps: Mapping[str, float]) -> Rows:
    """Return bars whose columns are multiplied."""
    values: dict[str, Any] = {name: getattr(rows, name) * step for name, step in steps.items()}
    return replace(rows, **values)
