"""Indicators as bars come: updates of live ones, what is known again, and one more bar at the end of many."""

import time
from collections.abc import Sequence
from functools import partial
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


def stream_update(on: Stage, *, spec: str, function: str, columns: Sequence[str]) -> Outcome:
    """Update a live indicator, against TA-Lib's handle: so much more, in microseconds.

    A bar is a number where one column is all that is needed, else a mapping with its time, which TA-Lib is not given.
    """
    from barledger.indicators.streaming.live import Live  # noqa: PLC0415 - only this row

    start, given = 200, [on.arrays[name][:_UPDATES] for name in columns]
    rows = list(zip(*(one.tolist() for one in given), strict=True))
    bars: list[Any] = [row[0] for row in rows]
    if len(columns) > 1:
        bars = [{"time": at, **dict(zip(columns, row, strict=True))} for at, row in enumerate(rows)]

    def ours() -> Any:
        live = Live.open(spec)
        for bar in bars[:start]:
            live.update(bar)
        update, rest = live.update, bars[start:]

        def work() -> None:
            for bar in rest:
                update(bar)

        return work

    def theirs() -> Any:
        update = getattr(talib.stream, function)(*(one[:start] for one in given)).update
        rest = rows[start:]

        def work() -> None:
            for row in rest:
                update(*row)

        return work

    times = alternate({OURS: ours, "": theirs}, rounds=on.sizes.rounds * 2)
    count = len(rows) - start
    more = (times[OURS].median - times[""].median) / count
    each_of = {name: spoken(one.median / count, unit=True) for name, one in times.items()}
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


_CALLS: Final = "four calls in Python: what the bar is, whether it is finite, and keeping it for `save`"
_STATE: Final = "the recurrence in Python, whose state can be kept"
_STREAMS: Final = tuple(
    Row(
        name=name,
        work=f"a live {function}, an update: so much more",
        against="TA-Lib's handle",
        aim=Aim(value=2.0, unit=MICROSECONDS, at_most=True),
        bound=bound,
        run=partial(stream_update, spec=function.lower(), function=function, columns=columns),
    )
    for name, function, columns, bound in (
        ("indicators.stream", "RSI", ("close",), _CALLS),
        ("indicators.stream-macd", "MACD", ("close",), _CALLS),
        ("indicators.stream-atr", "ATR", ("high", "low", "close"), _CALLS),
        ("indicators.stream-sar", "SAR", ("high", "low"), _STATE),
        ("indicators.stream-adosc", "ADOSC", ("high", "low", "close", "volume"), _STATE),
        ("indicators.stream-pattern", "CDLENGULFING", ("open", "high", "low", "close"), _CALLS),
    )
)
ROWS: Final = (
    *_STREAMS,
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
