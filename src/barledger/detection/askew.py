"""Adj Close askew: rows in which it alone stands in another unit, while prices go on."""

from itertools import pairwise
from math import exp
from typing import Final

import numpy as np

from barledger.detection.adjustment import parted
from barledger.detection.anchor import true_level
from barledger.detection.causes import TEN, tens
from barledger.detection.likelihood import moving, probability
from barledger.detection.moves import Measures
from barledger.detection.suspicion import Suspicion, span
from barledger.detection.table import Edit

_PRIOR: Final = 4.0
_MOST: Final = 4
"""One row in so many may part from the one before; where more do, Adj Close tells of something else."""


def askew(measures: Measures) -> list[Suspicion]:
    """Find them: Adj Close parts from prices by powers of ten where prices do not move so."""
    steps = tens(parted(measures.table))
    rows = np.flatnonzero(steps) + 1
    if not len(rows) or len(rows) > 2 + len(measures.table) // _MOST:
        return []
    at = np.append(0.0, np.cumsum(steps))
    true, sure = true_level(measures.table, at)
    found = []
    for first, end in pairwise([0, *rows.tolist(), len(at)]):
        off = float(at[first]) - true
        if off:
            edges = [row for row in (first, end) if 0 < row < len(at)]
            odds = sum(_quiet(measures, row, float(steps[row - 1]) * TEN) for row in edges) - _PRIOR
            found.append(_suspicion(first, end, off, sure * probability(odds)))
    return found


def _quiet(measures: Measures, row: int, step: float) -> float:
    """Return the log odds that Adj Close moved here, and prices did not."""
    move, scale = float(measures.plain[row - 1]), measures.noise.near(row)
    return moving(move, scale) - moving(move + step, scale)


def _suspicion(first: int, end: int, off: float, confidence: float) -> Suspicion:
    rows, factor = span(first, end), exp(-off * TEN)
    return Suspicion(
        kind="adjustment_error",
        rows=rows,
        fields=("adj_close",),
        factor=factor,
        confidence=confidence,
        rule="Adj Close of these bars stands in another unit than that of the others, and prices go on",
        evidence={"row": first, "rows": len(rows)},
        edits=(Edit(column="adj_close", rows=rows, factor=factor),),
    )
