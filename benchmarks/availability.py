"""What is there and what is missing, against fixed times: the ledger's counts and coverage, and the calendars."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import barledger
from barledger import BarLedger, Entry
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import Interval, parse_time
from barledger.domain.timeframe import Timeframe
from benchmarks.data import Sizes, daily_bars, minute_bars
from benchmarks.measure import alternate, always
from benchmarks.row import MILLISECONDS, Aim, Outcome, Row

SOURCE: Final = "bench"
MARKETS: Final = ("24/7", "XNYS")
_LONG: Final = {"24/7": "ALWAYS-LONG", "XNYS": "NEWYORK-LONG"}
_FROM: Final = "1960-01-01"
_UNTIL: Final = "2025-01-01"
_HOLED: Final = 50  # one in so many series lacks a bar, so that some are read


class Stage:
    """A library of many daily series and of two long ones, half of them by the calendar of New York."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        """Make it in this folder."""
        self.sizes = sizes
        self.folder = folder

    @cached_property
    def library(self) -> BarLedger:
        """Return the library with everything in it."""
        made = barledger.connect(self.folder / "availability")
        made.instruments.declare("NEWYORK*", calendar="XNYS")
        made.instruments.declare("ALWAYS*", calendar="24/7")
        for market in MARKETS:
            days = _on(market, "1d", daily_bars(self.sizes.many))
            holed = days.drop(days.index[len(days) // 2])
            named = enumerate(self.names(market))
            entries = [Entry(name, "1d", holed if at % _HOLED == 0 else days) for at, name in named]
            made.write_many(entries, source=SOURCE)
            made.write(_LONG[market], "1m", _on(market, "1m", minute_bars(self.sizes.bars)), source=SOURCE)
        return made

    def names(self, market: str) -> list[str]:
        """Return the daily series of a market."""
        prefix = "NEWYORK" if market == "XNYS" else "ALWAYS"
        return [f"{prefix}{number:04d}" for number in range(self.sizes.series)]


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    made = Stage(folder, sizes)
    try:
        yield made
    finally:
        made.library.close()


def many(on: Stage, market: str) -> Outcome:
    """Check many daily series from their first bar to their last."""
    library, names = on.library, on.names(market)
    bars = library.bars(names[1], "1d").df.index
    asked = {"start": bars[0], "end": bars[-1] + pd.Timedelta(days=1)}
    found = library.availability.check_many(names, "1d", **asked)
    assert sum(one.expected - one.found for one in found) == -(-len(names) // _HOLED)
    return _timed(on, lambda: library.availability.check_many(names, "1d", **asked))


def long(on: Stage, market: str) -> Outcome:
    """Check a long series of minutes."""
    library, name = on.library, _LONG[market]
    bars = library.bars(name, "1m").df.index
    asked = {"start": bars[0], "end": bars[-1] + pd.Timedelta(minutes=1)}
    found = library.availability.check(name, "1m", **asked)
    assert found.complete
    assert found.found == on.sizes.bars
    return _timed(on, lambda: library.availability.check(name, "1m", **asked), rounds=on.sizes.rounds * 5)


def _timed(on: Stage, work: object, *, rounds: int | None = None) -> Outcome:
    times = alternate({"barledger": always(work)}, rounds=rounds or on.sizes.rounds * 2, warm_up=2)["barledger"]  # type: ignore[arg-type]
    return Outcome(value=times.median * 1e3, ours=str(times))


def _on(market: str, timeframe: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the bars at the times of a market; those of New York end at the same time in every run."""
    if market == "24/7":
        return frame
    interval = Interval(parse_time(_FROM), parse_time(_UNTIL))
    labels = calendar_called(market).expected(Timeframe.of(timeframe), interval)[-len(frame) :]
    return frame.set_axis(pd.DatetimeIndex(np.asarray(labels).view("datetime64[ns]"), name="time", tz="UTC"))


def _rows() -> Iterator[Row]:
    for market in MARKETS:
        place = "around the clock" if market == "24/7" else "by the calendar of New York"
        yield Row(
            name=f"availability.many-{market.lower().replace('/', '-')}",
            work=f"availability of 500 series of 5,000 daily bars, {place}",
            against="a fixed time",
            aim=Aim(value=300.0, unit=MILLISECONDS, at_most=True),
            run=lambda on, market=market: many(on, market),
            bound="some 150 µs of Python for each series: its blocks' numbers, its bounds and the answer",
        )
        yield Row(
            name=f"availability.long-{market.lower().replace('/', '-')}",
            work=f"availability of 5M minutes, {place}",
            against="a fixed time",
            aim=Aim(value=20.0, unit=MILLISECONDS, at_most=True),
            run=lambda on, market=market: long(on, market),
            bound="reading the counts of some thousand blocks from SQLite",
        )


ROWS: Final = tuple(_rows())
