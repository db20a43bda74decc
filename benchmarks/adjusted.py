"""What adjusting costs: reading 10,000 daily bars of a share with 160 dividends and 5 splits, raw and adjusted.

Run it as ``python -m benchmarks.adjusted``; medians of a hundred reads, of which each kind takes turns.
"""

import tempfile
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pandas as pd

import barledger
from barledger.domain.action import CorporateAction
from barledger.domain.timeframe import DAY

BARS, READS = 10_000, 100


def main() -> None:
    """Make a library, and print a line for each kind of read."""
    with tempfile.TemporaryDirectory() as folder, barledger.connect(folder) as bl:
        close = 100 + np.sin(np.arange(BARS)) * 5
        index = pd.to_datetime(np.arange(BARS) * DAY, utc=True)
        frame = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1e6}, index=index)
        bl.write("A", "1d", frame, source="desk")
        days = [
            *((day, "cash_dividend", 0.5) for day in range(60, BARS, 62)),
            *((d, "split", 2.0) for d in range(900, 9_999, 2_000)),
        ]
        actions = [
            CorporateAction(instrument="A", ex_date=day * DAY, kind=kind, source="declared", value=value)  # type: ignore[arg-type]
            for day, kind, value in days
        ]
        bl.vault.ledger.actions.record(actions, bl.vault.who("record"))
        half = 5_000 * DAY
        kinds: dict[str, Callable[[], object]] = {
            "10,000 bars, as stored": lambda: bl.bars("A", "1d").df,
            "10,000 bars, splits": lambda: bl.bars("A", "1d", adjust="splits").df,
            "10,000 bars, total": lambda: bl.bars("A", "1d", adjust="total").df,
            "the first 5,000, as stored": lambda: bl.bars("A", "1d", end=half).df,
            "the first 5,000, total": lambda: bl.bars("A", "1d", end=half, adjust="total").df,
        }
        first = time.perf_counter()
        bl.bars("A", "1d", end=half, adjust="total")
        print(f"{'the first 5,000, total, for the first time':45} {(time.perf_counter() - first) * 1e3:7.2f} ms")
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(READS):
            for name, read in kinds.items():
                begun = time.perf_counter()
                read()
                taken[name].append(time.perf_counter() - begun)
        for name, times in taken.items():
            print(f"{name:45} {median(times) * 1e3:7.2f} ms")


if __name__ == "__main__":
    main()
