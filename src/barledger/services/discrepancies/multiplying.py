"""Multiplying: bars put right by one factor, as findings within a series propose it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from barledger.domain.discrepancy import Discrepancy
from barledger.domain.rows import VALUES, Rows

MULTIPLIED: Final = frozenset({"split_missed", "split_phantom", "unit_error", "volume_switch"})
"""The kinds of finding that a factor puts right."""

_PRICES: Final = ("open", "high", "low", "close")


def is_own(one: Discrepancy) -> bool:
    """Whether it is a finding within the series that a factor puts right."""
    return not one.against and one.kind in MULTIPLIED and one.factor is not None and len(one.fields) > 0


def steps_of(fields: Sequence[str], factor: float) -> dict[str, float]:
    """Return what each column of bars is multiplied by; events that were looked at besides are no columns.

    The factor is that of the first column. If that is a price, other prices take it too, and a volume its inverse.
    """
    columns = [name for name in fields if name in VALUES]
    first_is_price = bool(columns) and columns[0] in _PRICES
    return {name: factor if (name in _PRICES) == first_is_price else 1 / factor for name in columns}


def multiplied(rows: Rows, steps: Mapping[str, float]) -> Rows:
    """Return bars whose columns are multiplied."""
    values: dict[str, Any] = {name: getattr(rows, name) * step for name, step in steps.items()}
    return replace(rows, **values)
