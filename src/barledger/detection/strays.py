"""Stray steps: where Adj Close steps though no event is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log, log1p
from typing import Final

import numpy as np

from barledger.detection.adjustment import implied, strain
from barledger.detection.likelihood import fitting, moving, probability
from barledger.detection.moves import Measures
from barledger.detection.payout import Payout, step_blur
from barledger.detection.suspicion import Suspicion, span
from barledger.detection.table import PRICES, Edit, Table
from barledger.domain.rows import Ints

_DAY: Final = 86_400_000_000_000
_ORDINARY_GAP: Final = 45 * _DAY
_STRAY: Final = 2e-4
_LARGEST: Final = 0.35
_UPWARDS: Final = 1.0
_PLAINLY: Final = 3.0
_FEW: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Strays:
    """Steps of Adj Close at rows without an event."""

    rows: list[int]
    steps: dict[int, float]
    used: set[int]
    times: Ints

    def near(self, one: Payout) -> int | None:
        """Return a step within 45 days that has the size of this dividend's."""
        wanted = one.predicted(one.amount)
        for row in self.rows:
            close = abs(int(self.times[row]) - one.time) <= _ORDINARY_GAP
            if close and row not in self.used and abs(self.steps[row] / wanted - 1) < 0.12:
                return row
        return None

    def explained(self, table: Table, one: Payout, row: int) -> list[Suspicion]:
        """Say that a dividend is written at another row than Adj Close takes it, or Adj Close at another row.

        A vendor makes Adj Close of its events, so a step without one tells of an event that was moved.
        """
        self.used.add(row)
        move = log(float(table.close[row]) / float(table.close[row - 1]))
        here = one.by_price(one.amount) - one.by_price(0.0)
        there = fitting(move + self.steps[row], one.noise) - fitting(move, one.noise)
        sure = 0.6 + 0.38 * probability(abs(there + 1 - here))
        if there + 1 > here:
            amount = float(table.close[row - 1]) * (1 - exp(-self.steps[row]))
            amount = one.amount if abs(amount / one.amount - 1) < 0.05 else amount
            gone = Suspicion(
                kind="dividend_phantom",
                rows=np.array([one.row]),
                fields=("dividends",),
                factor=0.0,
                confidence=sure,
                rule="Adj Close and the price take this dividend at another bar",
                evidence=one.evidence(0.0),
                edits=(Edit(column="dividends", rows=np.array([one.row]), value=0.0),),
            )
            return [gone, _found_missing(table, row, amount, sure)]
        first, end = min(row, one.row), max(row, one.row)
        factor = exp(self.steps[row] * (-1 if row < one.row else 1))
        return [
            Suspicion(
                kind="dividend_not_adjusted" if row < one.row else "adjustment_error",
                rows=span(first, end),
                fields=("adj_close",),
                factor=factor,
                confidence=sure,
                rule="Adj Close steps for this dividend at another bar than its ex-date",
                evidence=one.evidence(one.amount),
                edits=(Edit(column="adj_close", rows=span(first, end), factor=factor),),
            )
        ]


def stray_steps(table: Table, payouts: Sequence[Payout]) -> Strays:
    """Find steps of Adj Close where no event is, if the table has a column of dividends at all."""
    nothing = Strays(rows=[], steps={}, used=set(), times=table.time)
    if table.adj_close is None or table.dividends is None or len(table) < 3:
        return nothing
    ratio = implied(table)
    steps = np.diff(ratio)
    blur = step_blur(table, ratio)
    known = {one.row for one in payouts} | {one.step_row for one in payouts}
    known |= {int(row) for row in table.events("stock_splits")}
    rows = [int(row) + 1 for row in np.flatnonzero(np.abs(steps) > max(_STRAY, 6 * blur)) if int(row) + 1 not in known]
    if len(rows) > max(3, len(table) // 8):
        return nothing
    return Strays(rows=rows, steps={row: float(steps[row - 1]) for row in rows}, used=set(), times=table.time)


def steps_without_events(measures: Measures, strays: Strays) -> list[Suspicion]:
    """Judge the steps that no dividend explains: a dividend that is not told, or a fault of Adj Close."""
    table, steps = measures.table, strays.steps
    found: list[Suspicion] = []
    left = [row for row in strays.rows if row not in strays.used]
    if not left:
        return found
    ratio = implied(table)
    spikes = _spikes(measures, left, steps)
    found.extend(one for _, one in spikes)
    taken = {row for rows, _ in spikes for row in rows}
    for row in left:
        if row in taken:
            continue
        step = strays.steps[row]
        amount = float(table.close[row - 1]) * (1 - exp(-step))
        before, after = strain(float(np.median(ratio[:row]))), strain(float(np.median(ratio[row:])))
        if 0 < step < -log1p(-_LARGEST) and after < _UPWARDS:
            found.append(_found_missing(table, row, amount, 0.9))
        else:
            rows = span(row, len(table)) if before < after else span(0, row)
            away = step if before < after else -step
            found.append(_off(rows, away, 0.7, prices=_of_prices(measures, [row], steps)))
    return found


def _found_missing(table: Table, row: int, amount: float, confidence: float) -> Suspicion:
    price = float(table.close[row - 1])
    return Suspicion(
        kind="dividend_missing",
        rows=np.array([row]),
        fields=("dividends",),
        factor=None,
        confidence=confidence,
        rule="Adj Close steps as for a dividend, and none is told",
        evidence={
            "row": row,
            "proposed_amount": amount,
            "close_before": price,
            "move": round(float(table.close[row]) / price, 6),
        },
        edits=(Edit(column="dividends", rows=np.array([row]), value=amount),),
    )


def _of_prices(measures: Measures, rows: Sequence[int], steps: Mapping[int, float]) -> bool:
    """Whether it is prices that move at these steps, and Adj Close goes on."""
    odds = 0.0
    for row in rows:
        move, scale = float(measures.plain[row - 1]), measures.noise.near(row, without=tuple(rows))
        odds += moving(move + steps[row], scale) - moving(move, scale)
    return odds > _PLAINLY


def _spikes(
    measures: Measures, rows: Sequence[int], steps: Mapping[int, float]
) -> list[tuple[tuple[int, int], Suspicion]]:
    """Find rows whose adjustment leaves that of the others and comes back."""
    found = []
    taken: set[int] = set()
    for first, end in pairwise(rows):
        if first in taken or abs(steps[first] + steps[end]) > 0.05 * abs(steps[first]):
            continue
        taken |= {first, end}
        prices = _of_prices(measures, (first, end), steps)
        found.append(((first, end), _off(span(first, end), steps[first], 0.9, prices=prices)))
    return found


def _off(rows: Ints, away: float, confidence: float, *, prices: bool) -> Suspicion:
    """Say that the adjustment of some rows is ``away`` from that of the others, by their prices or by Adj Close."""
    fields, factor = (PRICES, exp(away)) if prices else (("adj_close",), exp(-away))
    what, other = ("prices", "Adj Close") if prices else ("Adj Close", "prices")
    return Suspicion(
        kind="adjustment_error" if not prices else "unit_error" if len(rows) > _FEW else "outlier",
        rows=rows,
        fields=fields,
        factor=factor,
        confidence=confidence,
        rule=f"{what} of these bars leave those beside them by one factor, as no event makes it, and {other} do not",
        evidence={"row": int(rows[0]), "factor": factor},
        edits=tuple(Edit(column=name, rows=rows, factor=factor) for name in fields),
    )
