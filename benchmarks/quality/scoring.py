"""Scores: whether the expected finding is there, and whether the corrected frame is the right one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

import barledger
from barledger.detection import FrameFinding
from benchmarks.quality.case import Case

LIKELY = 0.5
TOLERANCE = {
    "Open": 1e-5,
    "High": 1e-5,
    "Low": 1e-5,
    "Close": 1e-5,
    "Adj Close": 1e-3,
    "Volume": 1e-2,
    "Dividends": 0.03,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    found: bool
    named: bool
    corrected: bool
    worst: float
    confidence: float
    others: tuple[str, ...]
    certain: tuple[str, ...]
    factor_off: float | None = None


def score(case: Case, rng: np.random.Generator) -> Score:
    """Inspect a case, its rows in a random order."""
    order = (
        rng.permutation(len(case.wrong))
        if rng.random() < 0.5
        else np.arange(len(case.wrong))[:: int(rng.choice([1, -1]))]
    )
    report = barledger.inspect(case.wrong.iloc[order])
    likely = [one for one in report.findings if one.confidence >= LIKELY]
    if case.kind is None:
        kinds = tuple(one.kind for one in likely)
        return Score(found=False, named=False, corrected=True, worst=0.0, confidence=0.0, others=kinds,
                     certain=tuple(one.kind for one in likely if one.certain))  # fmt: skip
    assert case.first is not None
    assert case.last is not None
    there = [one for one in likely if one.start <= case.last and one.end > case.first]
    named = [one for one in there if one.kind == case.kind]
    worst = difference(report.corrected, case.right)
    return Score(
        found=bool(there),
        named=bool(named),
        corrected=worst <= 1,
        worst=worst,
        confidence=max((one.confidence for one in named), default=0.0),
        others=tuple(one.kind for one in likely if one.kind != case.kind and one.kind not in case.also),
        certain=tuple(one.kind for one in likely if one.certain and one.kind != case.kind),
        factor_off=_factor_off(named, case.factor),
    )


def _factor_off(named: list[FrameFinding], factor: float | None) -> float | None:
    """Return the relative error of the nearest factor; of a phantom's factor, 0, the absolute one."""
    told = [one.factor for one in named if one.factor is not None]
    if factor is None or not told:
        return None
    return min(abs(one - factor) / (factor or 1.0) for one in told)


def difference(corrected: pd.DataFrame, right: pd.DataFrame) -> float:
    """Return the largest difference between both, in tolerances."""
    if len(corrected) != len(right):
        return float("inf")
    corrected = corrected.sort_index(kind="stable")
    right = right.sort_index(kind="stable")
    worst = 0.0
    for name, tolerance in TOLERANCE.items():
        if name in right and name in corrected:
            mine, theirs = corrected[name].to_numpy(float), right[name].to_numpy(float)
            both = np.isfinite(mine) & np.isfinite(theirs)
            gap = np.abs(mine - theirs)[both]
            slack = np.abs(theirs[both]) * tolerance + (2.0 if name == "Volume" else 1e-9)
            worst = max(worst, float((gap / slack).max(initial=0.0)))
    return worst
