"""Indicators as bars come: updates of live ones, what is known again, and one more bar at the end of many."""

import time
from typing import Any, Final

import numpy as np
import talib

from benchmarks.indicators import OURS, SOURCE, Stage, stage
from benchmarks.measure import alternate, always, spoken
from benchmarks.row import MILLISECONDS, Aim, Outcome, Row

__all__ = ["ROWS", "stage"]
MICROSECONDS: Final = "µs"
_UPDATES: Final = 20_000
_REPEATS: Final = 200


def stream_update(on: Stage) -> Outcome:
    """Update a live indicator, against TA-Lib's handle: so much more, in microseconds."""
    from barledger.indicators.streaming.live import Live  # noqa: PLC0415 - only this row

    closes = on.arrays["close"][:_UPDATES].tolist()
    start, rest = 200, closes[200:]

    def ours() -> Any:
        live = Live.open("rsi(14)")
        for price in closes[:start]:
            live.update(price)
        update = live.update

        def work() -> None:
            for price in rest:
                update(price)

        return work

    def theirs() -> Any:
        handle = talib.stream.RSI(on.arrays["close"][:start], 14)
        update = handle.update

        def work() -> None:
            for price in rest:
                update(price)

        return work

    times = alternate({OURS: ours, "": theirs}, rounds=on.sizes.rounds * 2)
    more = (times[OURS].median - times[""].median) / len(rest)
    each_of = {name: spoken(one.median / len(rest), unit=True) for name, one in times.items()}
    return Outcome(value=more * 1e6, ours=each_of[OURS], theirs=each_of[""])


def cached(on: Stage) -> Outcome:
    """Ask for the same again."""
    service = on.library.indicators

    def ask() -> Any:
        return service.calculate("rsi(14)", "LONG", "1m")

    ask()
    times = alternate({OURS: always(lambda: [ask() for _ in range(_REPEATS)])}, rounds=on.sizes.rounds)
    one = times[OURS].median / _REPEATS
    return Outcome(value=one * 1e6, ours=spoken(one, unit=True))


def tail(on: Stage) -> Outcome:
    """Ask again after a bar was added to a long series: the look-up in the ledger and reading that bar included."""
    library = on.open()
    library.write("TAIL", "1m", on.frame.iloc[:-50], source=SOURCE)
    service = library.indicators
    service.calculate("rsi(14)", "TAIL", "1m")
    spent = []
    for at in range(len(on.frame) - 50, len(on.frame)):
        library.write("TAIL", "1m", on.frame.iloc[at : at + 1], source=SOURCE)
        began = time.perf_counter()
        service.calculate("rsi(14)", "TAIL", "1m")
        spent.append((time.perf_counter() - began) * 1e3)
    middle = float(np.median(spent))
    return Outcome(value=middle, ours=f"{middle:.3f} ms")


ROWS: Final = (
    Row(
        name="indicators.stream",
        work="a live RSI, an update: so much more",
        against="TA-Lib's handle",
        aim=Aim(value=2.0, unit=MICROSECONDS, at_most=True),
        run=stream_update,
        bound="five calls in Python: what the bar is, whether it is finite, and keeping it for `save`",
    ),
    Row(
        name="indicators.tail",
        work="RSI after one more bar, 1M bars cached, reading that bar included",
        against="",
        aim=Aim(value=1.0, unit=MILLISECONDS, at_most=True),
        run=tail,
        bound="looking the series up in the ledger, and reading the bar",
    ),
    Row(
        name="indicators.cached",
        work="RSI of 1M bars asked for again, the look-up in the ledger included",
        against="",
        aim=Aim(value=50.0, unit=MICROSECONDS, at_most=True),
        run=cached,
        bound="the look-up in the ledger",
    ),
)
