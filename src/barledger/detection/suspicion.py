"""Suspicions: findings while they are made, by rows, with the changes that would mend them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final

import numpy as np

from barledger.detection.table import COLUMNS, EVENTS, Edit, Table
from barledger.domain.finding import Finding, FindingKind
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Ints

LIKELY: Final = 0.5
"""From this confidence on a suspicion is acted upon: its edits are proposed, and what follows is judged with them."""

_DATES: Final = {"row": "ex_date", "split_row": "split_date"}
_AROUND: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """One thing that looks wrong in ``rows`` of a table, and the ``edits`` that would mend it."""

    kind: FindingKind
    rows: Ints
    fields: tuple[str, ...]
    confidence: float
    factor: float | None = None
    rule: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()

    def moved(self, picked: Table) -> "Suspicion":
        """Return the same of the table from which ``picked`` was picked."""
        at, events_at = picked.at, picked.at if picked.events_at is None else picked.events_at
        edits = tuple(
            replace(edit, rows=(events_at if edit.column in EVENTS else at)[edit.rows]) for edit in self.edits
        )
        return replace(self, rows=at[self.rows], edits=edits)

    def finding(self, table: Table) -> Finding:
        """Return it by time, with the bars around it in its evidence."""
        first, last = int(self.rows[0]), int(self.rows[-1])
        return Finding(
            kind=self.kind,
            interval=Interval(int(table.time[first]), int(table.time[last]) + table.bar),
            fields=self.fields,
            factor=self.factor,
            confidence=round(self.confidence, 4),
            rule=self.rule,
            evidence={
                **self.told(lambda row: format_time(int(table.time[row]))),
                "bars": _bars_around(table, first, last),
            },
        )

    def told(self, when: Callable[[int], str]) -> dict[str, Any]:
        """Return the evidence with times in place of rows."""
        return {
            _DATES.get(name, name): when(int(value)) if name in _DATES else value
            for name, value in self.evidence.items()
        }


def _bars_around(table: Table, first: int, last: int) -> list[dict[str, Any]]:
    """Return the bars at both edges and beside them, as plain values."""
    edges = {*range(first - _AROUND, first + _AROUND), *range(last - _AROUND + 1, last + _AROUND + 1)}
    return [_bar(table, row) for row in sorted(edges) if 0 <= row < len(table)]


def _bar(table: Table, row: int) -> dict[str, Any]:
    values = {name: float(table.column(name)[row]) for name in COLUMNS if table.has(name)}
    plain = {name: value if isfinite(value) else None for name, value in values.items()}
    return {"time": format_time(int(table.time[row])), **plain}


def span(first: int, end: int) -> Ints:
    """Return the rows from first up to, not including, end."""
    return np.arange(first, end, dtype=np.int64)
