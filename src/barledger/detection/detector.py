"""The detector: all checks of one series, in the order in which one hides another."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from barledger.detection.adjustment import implied
from barledger.detection.askew import askew
from barledger.detection.dividends import dividend_suspicions
from barledger.detection.jumps import unknown_splits
from barledger.detection.misplaced import misplaced
from barledger.detection.moves import Measures
from barledger.detection.shape import crossed, non_positive, outliers, stale
from barledger.detection.suspicion import LIKELY, Suspicion
from barledger.detection.table import PRICES, Edit, Table
from barledger.detection.turnover import volume_switches
from barledger.detection.unseen import unseen_splits
from barledger.domain.declared import Adjustment

_LEAST: Final = 0.1
_DOUBTED: Final = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What prices are adjusted for: whether splits show in them, and whether dividends do (None: nobody knows)."""

    splits_show: bool
    dividends_show: bool | None

    @staticmethod
    def of(adjustment: Adjustment | None, table: Table) -> "State":
        """Return what was declared, or, where nothing was, what the table's events say."""
        if adjustment is not None:
            return State(splits_show=adjustment == "raw", dividends_show=adjustment != "total")
        return State(splits_show=_splits_show(table), dividends_show=True if table.adj_close is not None else None)


def detect(table: Table, *, adjustment: Adjustment | None = None) -> list[Suspicion]:
    """Return what looks wrong in a table, by rows of that table, the most certain first."""
    impossible = non_positive(table)
    fit = table.tradable()
    found: list[Suspicion] = []
    if len(fit) > 1:
        found = [replace(one.moved(fit), evidence=_placed(one, fit)) for one in _judged(fit, adjustment)]
    every = [one for one in [*impossible, *found] if one.confidence >= _LEAST]
    return sorted(every, key=lambda one: (-one.confidence, int(one.rows[0]), one.kind))


def _judged(fit: Table, adjustment: Adjustment | None) -> list[Suspicion]:
    state = State.of(adjustment, fit)
    measures = Measures.of(fit)
    found = misplaced(measures, raw=state.splits_show)
    if state.splits_show:
        found += unseen_splits(measures)
    measures = measures.after(_likely(found))
    jumps = unknown_splits(measures, raw=state.splits_show)
    measures = measures.after(_likely(jumps))
    other_unit = askew(measures)
    measures = measures.after(_likely(other_unit))
    fit = measures.table
    repeated = stale(fit)
    paid = _beside(dividend_suspicions(measures, trusted=state.dividends_show), repeated)
    measures = measures.after([edit for edit in _likely(paid) if edit.column in PRICES])
    shapes = [*crossed(measures), *outliers(measures), *repeated, *volume_switches(fit)]
    return [*found, *jumps, *other_unit, *paid, *shapes]


def _beside(paid: list[Suspicion], repeated: list[Suspicion]) -> list[Suspicion]:
    """Doubt what dividends seem to be where bars repeat: neither a fall nor a step shows in such bars."""
    rows = {int(row) for one in repeated if one.confidence >= LIKELY for row in one.rows}
    rows |= {row + 1 for row in rows}
    return [
        replace(one, confidence=min(one.confidence, _DOUBTED)) if one.evidence.get("row", -1) in rows else one
        for one in paid
    ]


def _likely(found: list[Suspicion]) -> list[Edit]:
    """Return the changes of what is likely, so that what follows is judged without it."""
    return [edit for one in found if one.confidence >= LIKELY for edit in one.edits]


def _placed(one: Suspicion, fit: Table) -> dict[str, object]:
    """Return the evidence with rows told as they count in the whole table."""
    return {
        name: int(fit.at[value]) if name == "row" or name.endswith("_row") else value
        for name, value in one.evidence.items()
    }


def _splits_show(table: Table) -> bool:
    """Whether prices are as traded: every known split shows in them on its day, and Adj Close takes it out."""
    if table.adj_close is None:
        return False
    ratio = implied(table)
    votes = []
    for row in table.events("stock_splits").tolist():
        split = float(np.log(abs(float(table.column("stock_splits")[row]))))
        if row and abs(split) > 0.2:
            votes.append(abs(float(ratio[row] - ratio[row - 1]) - split) < 0.25 * abs(split))
    return bool(votes) and all(votes)
