"""``python -m benchmarks.quality [--quick]``: detection's figures, into docs/quality.md."""

import argparse
import sys
import zlib
from pathlib import Path

import numpy as np

import barledger
from benchmarks.quality import page
from benchmarks.quality.bases import REAL, raw_series
from benchmarks.quality.case import Case
from benchmarks.quality.clean import CLEAN
from benchmarks.quality.injections import ERRORS
from benchmarks.quality.scoring import score
from benchmarks.quality.vendor import pairs

PAGE = Path(__file__).parent.parent.parent / "docs" / "quality.md"
SEED = 90_210_377
QUICK_SEED = 20_261_125
"""The errors by which the method was made have other seeds, those of --quick among them: they are looked at."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality")
    parser.add_argument("--quick", action="store_true", help="few cases of each kind, and no page")
    parser.add_argument("--cases", type=int, default=100, help="of each kind of error")
    options = parser.parse_args()
    count, seed = (5, QUICK_SEED) if options.quick else (options.cases, SEED)
    errors = {name: [_scored(name, turn, seed) for turn in range(count)] for name in ERRORS}
    clean = {name: [_clean(name, turn, seed) for turn in range(count)] for name in CLEAN}
    text = page.written(pairs(REAL), errors, clean, _apple(), count)
    print(text)
    if not options.quick:
        PAGE.write_text(text, encoding="utf-8")
    return 0


def _rng(name: str, turn: int, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, turn, zlib.crc32(name.encode())])


def _scored(name: str, turn: int, seed: int) -> tuple[Case, object]:
    rng = _rng(name, turn, seed)
    case = ERRORS[name](rng)
    return case, score(case, rng)


def _clean(name: str, turn: int, seed: int) -> object:
    rng = _rng(name, turn, seed)
    frame = CLEAN[name](rng)
    return score(Case(name=name, wrong=frame, right=frame, kind=None), rng)


def _apple() -> list[tuple[str, str, str, float]]:
    """Return the confidence in each jump of the real shares as traded, with and without volume."""
    rows = []
    days = {"AAPL": ["2000-06-21", "2000-09-29", "2005-02-28"], "MSFT": ["2003-02-18"]}
    for name, expected in days.items():
        for vintage in ("2026.1", "2025.0"):
            frame = raw_series(vintage)[name].drop(columns="Adj Close")
            for columns in (frame, frame.drop(columns="Volume")):
                told = {str(one.evidence["ex_date"])[:10]: one.confidence for one in barledger.inspect(columns).findings
                        if one.kind == "split_missed"}  # fmt: skip
                what = "with volume" if "Volume" in columns else "without"
                rows.extend((f"{name} {vintage}", day, what, told.get(day, 0.0)) for day in expected)
    return rows


if __name__ == "__main__":
    sys.exit(main())
