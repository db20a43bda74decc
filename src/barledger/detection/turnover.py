"""Turnover: volumes whose unit changes while prices go on."""

from math import exp, log
from typing import Final

import numpy as np

from barledger.detection.likelihood import normal, probability
from barledger.detection.suspicion import Suspicion, span
from barledger.detection.table import Edit, Table
from barledger.domain.rows import Floats, Ints

_FACTORS: Final = (10.0, 100.0, 1000.0, 10_000.0, 1e6)
_BLOCK: Final = 8
_SIDE: Final = 20
_LEAST_SIDE: Final = 6
_PRIOR: Final = 5.5
_MOST: Final = 0.94


def volume_switches(table: Table) -> list[Suspicion]:
    """Find them; volumes of zero are left out."""
    if table.volume is None:
        return []
    rows = np.flatnonzero(table.volume > 0)
    if len(rows) < 2 * _LEAST_SIDE:
        return []
    logs = np.log(table.volume if len(rows) == len(table) else table.volume[rows])
    found = []
    for place in _candidates(logs):
        one = _judged(logs, rows, place)
        if one is not None:
            found.append(one)
    return found


def _candidates(logs: Floats) -> list[int]:
    """Return the places where medians of short blocks part, each as the place of the largest single jump."""
    blocks = len(logs) // _BLOCK
    if blocks < 2:
        return [int(np.argmax(np.abs(np.diff(logs)))) + 1]
    middles = np.median(logs[: blocks * _BLOCK].reshape(blocks, _BLOCK), axis=1)
    apart = np.abs(np.diff(middles)) > log(_FACTORS[0])
    if blocks > 2:
        apart[1:] |= np.abs(middles[2:] - middles[:-2]) > log(_FACTORS[0])
    places = set()
    for block in np.flatnonzero(apart)[:200].tolist():
        first, end = max(0, (block - 1) * _BLOCK), min(len(logs), (block + 3) * _BLOCK)
        places.add(first + int(np.argmax(np.abs(np.diff(logs[first:end])))) + 1)
    return sorted(places)


def _judged(logs: Floats, rows: Ints, place: int) -> Suspicion | None:
    before, after = logs[max(0, place - _SIDE) : place], logs[place : place + _SIDE]
    if min(len(before), len(after)) < _LEAST_SIDE:
        return None
    shift = float(np.median(after) - np.median(before))
    apart = (
        np.quantile(after, 0.2) - np.quantile(before, 0.8)
        if shift > 0
        else np.quantile(before, 0.2) - np.quantile(after, 0.8)
    )
    if apart < 0.3 * abs(shift):
        return None
    factor = min(_FACTORS, key=lambda one: abs(log(one) - abs(shift)))
    spread = 0.25 + 0.8 / len(before) ** 0.5
    odds = normal(abs(shift), log(factor), spread) - normal(shift, 0.0, 1.2) - _PRIOR
    confidence = min(probability(odds), _MOST)
    if confidence < 0.1:
        return None
    signed = factor if shift > 0 else 1 / factor
    older = span(0, int(rows[place]))
    return Suspicion(
        kind="volume_switch",
        rows=older,
        fields=("volume",),
        factor=signed,
        confidence=confidence,
        rule="volume changes by a factor of units from one bar to the next and stays there",
        evidence={"shift": round(exp(shift), 3), "bars_before": len(before), "bars_after": len(after)},
        edits=(Edit(column="volume", rows=older, factor=signed),),
    )
