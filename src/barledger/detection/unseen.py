"""Splits that are told of, and that prices as traded do not show."""

from math import log
from typing import Final

import numpy as np

from barledger.detection.likelihood import moving, probability
from barledger.detection.moves import Measures
from barledger.detection.suspicion import Suspicion
from barledger.detection.table import Edit

_PRIOR: Final = 3.0
_SMALLEST: Final = 0.15


def unseen_splits(measures: Measures) -> list[Suspicion]:
    """Find them: on the ex-date the price goes on as if nothing were."""
    table = measures.table
    found = []
    for row in table.events("stock_splits").tolist():
        ratio = float(table.column("stock_splits")[row])
        if row == 0 or ratio <= 0 or abs(log(ratio)) < _SMALLEST:
            continue
        move, scale = float(measures.plain[row - 1]), measures.noise.near(row)
        odds = moving(move, scale) - moving(move + log(ratio), scale) - _PRIOR
        found.append(
            Suspicion(
                kind="split_phantom",
                rows=np.array([row]),
                fields=("stock_splits",),
                confidence=probability(odds),
                rule="prices as traded do not show this split",
                evidence={"row": row, "split": ratio, "move": round(move, 6), "noise": round(scale, 6)},
                edits=(Edit(column="stock_splits", rows=np.array([row]), value=0.0),),
            )
        )
    return found
