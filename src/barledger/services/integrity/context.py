"""Context: the bars around those that arrive, as right as they are known to be.

What was held before is what new bars are measured by: a unit that changes where they begin is an error of theirs,
however many they are. So bars that are known to be in another unit are taken as they should be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from barledger.domain.discrepancy import WAITING, Discrepancy, DiscrepancyState
from barledger.domain.interval import EARLIEST, LATEST, Interval
from barledger.domain.rows import Flags, Rows, concat, empty_rows, found_in
from barledger.domain.series import Series
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies.multiplying import multiplied, steps_of
from barledger.services.ingestion.held import Held, current
from barledger.services.ingestion.screening import CONTEXT

UNIT: Final = "unit_error"
"""Findings about a level in which bars stand, of which other bars tell which is right."""

_GIVEN: Final[frozenset[DiscrepancyState]] = WAITING | {"applied"}
_OFF: Final = 1.0
"""So far, in logarithms, bars of one time do not differ by a correction: they are at another level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The bars right before and after those that arrive, and which of the latter are held at the same level.

    ``errors`` are what is known to be wrong among the bars around.
    """

    before: Rows
    after: Rows
    same: Flags
    errors: Sequence[Discrepancy] = ()

    @staticmethod
    def of(vault: Vault, series: Series, rows: Rows, *, before: Rows | None) -> "Context":
        """Return what is around ``rows``; ``before`` are those of the same answer, None if there are none."""
        state = vault.ledger.revisions.state(series)
        if not state.rows:
            given = empty_rows() if before is None else before
            return Context(before=_last(given), after=empty_rows(), same=np.zeros(len(rows), np.bool_))
        start, end = int(rows.time[0]), int(rows.time[-1]) + 1
        # Sessions have gaps, so that twice as much time holds as many bars of most markets.
        reach = 2 * CONTEXT * series.timeframe.duration
        first = max(start - reach, EARLIEST) if before is None else start
        around = _plain(current(vault, series, Interval(first, min(end + reach, LATEST))).rows.standing())
        found = around.pick(around.time < start) if before is None else _without_put_aside(vault, series, before)
        if not len(found):
            found = _far_before(vault, series, start)
        inside = around.pick((around.time >= start) & (around.time < end))
        same, other = _compared(rows, inside)
        after = empty_rows() if other else around.pick(around.time >= end).pick(slice(0, CONTEXT))
        errors = _known(vault, series, WAITING if before is None else _GIVEN)
        return Context(before=_last(found), after=after, same=same, errors=errors)

    def righted(self, rows: Rows) -> Rows:
        """Return bars around as they are when what is known to be wrong is put right."""
        for one in self.errors:
            inside = (rows.time >= one.interval.start) & (rows.time < one.interval.end)
            if inside.any() and one.factor is not None:
                first, end = int(np.argmax(inside)), int(np.argmax(inside) + inside.sum())
                right = multiplied(rows.pick(slice(first, end)), steps_of(one.fields, one.factor))
                rows = concat([rows.pick(slice(0, first)), right, rows.pick(slice(end, None))])
        return rows


def _last(rows: Rows) -> Rows:
    return rows.pick(slice(-CONTEXT, None))


def _plain(rows: Rows) -> Rows:
    return replace(rows, withdrawn=None, superseded_at=None)


def _without_put_aside(vault: Vault, series: Series, rows: Rows) -> Rows:
    """Return the bars of the same answer that were not put aside since."""
    aside = vault.ledger.quarantine.codes_of([series]).get(series)
    return rows.pick(~found_in(rows.time, np.array(sorted(aside), np.int64))) if aside else rows


def _far_before(vault: Vault, series: Series, start: int) -> Rows:
    """Return the last bars before ``start``, however long before: a market was closed, or bars were put aside."""
    labels = Held(vault, series).before(start, CONTEXT)
    if not len(labels):
        return empty_rows()
    return _plain(current(vault, series, Interval(int(labels[0]), int(labels[-1]) + 1)).rows.standing())


def _compared(rows: Rows, inside: Rows) -> tuple[Flags, bool]:
    """Tell which of the rows are held at the same level, and whether any is at another: then all is being restated."""
    same = np.zeros(len(rows), np.bool_)
    shared = found_in(rows.time, inside.time)
    if not shared.any():
        return same, False
    old = inside.pick(found_in(inside.time, rows.time))
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(np.log(rows.close[shared] / old.close)) > _OFF
    same[shared] = ~off
    return same, bool(off.any())


def _known(vault: Vault, series: Series, states: frozenset[DiscrepancyState]) -> list[Discrepancy]:
    """Return what is known to be in another unit, and was not decided to be right."""
    listed = vault.ledger.discrepancies.list(series=series, states=states)
    return [one for one in listed if one.kind == UNIT and not one.against and one.factor is not None]
