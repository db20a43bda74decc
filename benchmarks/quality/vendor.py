"""The vendor's real pairs: what is found, and how far the correction is from the published one."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import barledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    name: str
    kind: str
    told: tuple[str, ...]
    confidence: float
    factor: float | None
    worst: float
    published: float


def pairs(folder: Path) -> list[Pair]:
    with (folder / "labels.csv").open() as lines:
        return [_pair(folder, row) for row in csv.DictReader(lines)]


def _pair(folder: Path, row: dict[str, str]) -> Pair:
    wrong = pd.read_csv(folder / row["file"])
    report = barledger.inspect(wrong)
    likely = [one for one in report.findings if one.confidence >= 0.5]
    named = [one for one in likely if one.kind == row["kind"]]
    worst = 0.0
    if row["kind"] != "clean":
        right = pd.read_csv(folder / row["file"].replace(".csv", "-fixed.csv"))
        worst = max(_off(report.corrected[name], right[name]) for name in wrong.columns[1:])
    most = max(report.findings, key=lambda one: one.confidence, default=None)
    return Pair(
        name=row["file"].removesuffix(".csv"),
        kind=row["kind"],
        told=tuple(sorted({one.kind for one in likely})),
        confidence=max((one.confidence for one in named), default=most.confidence if most else 0.0),
        factor=named[0].factor if named else None,
        worst=worst,
        published=float(row["factor"] or "nan"),
    )


def _off(mine: pd.Series, theirs: pd.Series) -> float:
    one, two = mine.to_numpy(float), theirs.to_numpy(float)
    off = np.abs(one - two) / np.maximum(np.abs(two), 1e-12)
    return float(np.nanmax(np.where(one == two, 0.0, off)))
