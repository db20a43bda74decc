"""Lapses: rows at which what an indicator is computed from has no value of its own, though its inputs are there.

The logarithm of zero is one: whatever is computed from it meets a gap there, that no column has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from barledger.domain.rows import Flags
from barledger.errors import BarledgerError
from barledger.indicators.binding import Bound, Column, Pick
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.gaps import NO_BREAKS, WHOLE, present, segments
from barledger.indicators.table import Table

NONE: Final = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lapses:
    """The lapses on a table, each computed when somebody asks for it."""

    table: Table
    _evaluation: list[Evaluation] = field(default_factory=list, repr=False)
    _known: dict[str, Flags] = field(default_factory=dict, repr=False)

    def beneath(self, pick: Pick, *, skipped: bool) -> list[tuple[Pick, Flags]]:
        """Return what an output is computed from that has lapses, and where; those that are skipped, or the others."""
        found = {}
        for user, one in _nested(pick):
            if one.bound.indicator.partial and (user.policy == "skip") == skipped:
                rows = self._rows(one)
                if len(rows):
                    found[one.key] = (one, rows)
        return list(found.values())

    def _rows(self, pick: Pick) -> Flags:
        known = self._known.get(pick.key)
        if known is None:
            try:
                known = self._found(pick)
            except BarledgerError:
                # What cannot be computed on all rows says so where it is asked for.
                known = NONE
            self._known[pick.key] = known
        return known

    def _found(self, pick: Pick) -> Flags:
        if not self._evaluation:
            self._evaluation.append(Evaluation(table=self.table))
        evaluation, bound, size = self._evaluation[0], pick.bound, len(self.table)
        missing = ~np.isfinite(evaluation.values(pick))
        there = WHOLE
        for one in bound.inputs:
            mine = self.table.present(one.key) if isinstance(one, Column) else present(evaluation.values(one))
            there = there.beside(mine, size)
        found = np.zeros(size, np.bool_)
        if bound.policy == "skip":
            rows = np.flatnonzero(there.flags(size))[bound.own.lookback :]
            found[rows] = missing[rows]
        else:
            breaks = self.table.breaks if len(self.table.breaks) else NO_BREAKS
            for begin, end in segments(there, size, breaks):
                first = begin + bound.own.lookback
                found[first:end] = missing[first:end]
        return found if bool(found.any()) else NONE


def _nested(pick: Pick) -> Iterator[tuple[Bound, Pick]]:
    """Give whatever an output is computed from, and by what."""
    for one in pick.bound.inputs:
        if isinstance(one, Pick):
            yield pick.bound, one
            yield from _nested(one)
