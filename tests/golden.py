"""Digests of twenty indicators on the sample data, as they were when they were pinned.

``python tests/golden.py`` writes them anew: look at why they moved before. Keys are in a digest, so that a new name of
an output or a parameter moves it as well as a new value.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from barledger.domain.bars import Bars
from barledger.domain.intake import intake
from barledger.domain.interval import everything
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.indicators.binding import Binder
from barledger.indicators.engines import engines
from barledger.indicators.registry import REGISTRY
from barledger.services.indicators.absences import Judged
from barledger.services.indicators.cache import IndicatorCache
from barledger.services.indicators.calculating import Calculator
from barledger.sources.sample import SampleSource

FILE = Path(__file__).parent / "data" / "indicators-golden.json"
SAMPLE = Path(__file__).parents[1] / ".cache" / "sample"
SPECS = (
    "sma(20)",
    "ema(50)",
    "rsi(14)",
    "macd",
    "bbands(20, 2)",
    "atr(14)",
    "adx(14)",
    "obv",
    "stoch",
    "cci(20)",
    "mfi(14)",
    "willr(14)",
    "roc(10)",
    "mom(10)",
    "trix(15)",
    "ad",
    "sar",
    "linearreg(14)",
    "stddev(20)",
    "zscore(20)",
)


def sample_bars() -> Bars:
    """Return the sample's bars of IBM."""
    rows = intake(SampleSource(folder=SAMPLE)._frame("IBM"), Timeframe.of("1d"), on_invalid="quarantine").rows
    series = Series.of("IBM", "1d", "sample")
    return Bars(rows=rows, series=(series,), interval=everything(), version="latest", revisions={series: 1}, sources=())


def digests(bars: Bars) -> dict[str, str]:
    """Return the digest of each indicator on some bars."""
    neighbours: Any = SimpleNamespace(generation=0, judged_in_hand=lambda _: Judged.neighbours("nobody is asked"))
    calculator = Calculator(None, None, neighbours, IndicatorCache(limit=0))  # type: ignore[arg-type]  # bars are in hand
    bound = {spec: Binder(REGISTRY).request(spec) for spec in SPECS}
    return {spec: calculator.in_hand(one, bars, None, (), None).digest for spec, one in bound.items()}


def pinned() -> dict[str, Any]:
    """Return what is in the file."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def pin() -> None:
    """Write the file anew."""
    bars = sample_bars()
    told = {"bars": bars.digest, "engines": engines(), "digests": digests(bars)}
    FILE.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    pin()
