"""Indicators against TA-Lib, pandas-ta-classic and talipp.

TA-Lib is called on contiguous arrays, as its users do. What is slow on the other side is measured on a sample, and said
so. Bars in hand are looked through for missing values when they are first computed on, which the warm-up round does.
"""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import talib

import barledger
from barledger import BarLedger, Bars
from benchmarks.data import Sizes, daily_bars, minute_bars
from benchmarks.measure import Times, alternate, always
from benchmarks.row import Aim, Outcome, Row

OURS: Final = "barledger"
SOURCE: Final = "bench"
MANY: Final = (
    "sma(20)",
    "ema(50)",
    "rsi(14)",
    "macd",
    "bbands(20)",
    "atr(14)",
    "adx(14)",
    "obv",
    "mom(10)",
    "stddev(20)",
)
_SAMPLE: Final = 10
_TALIPP_BARS: Final = 100_000
_PAGES: Final = "pages"


def _hlc(given: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return given["high"], given["low"], given["close"]


THEIRS: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "sma(30)": lambda c: talib.SMA(c["close"], 30),
    "rsi(14)": lambda c: talib.RSI(c["close"], 14),
    "macd": lambda c: talib.MACD(c["close"]),
    "bbands(20)": lambda c: talib.BBANDS(c["close"], 20),
    "atr(14)": lambda c: talib.ATR(*_hlc(c), 14),
    "adx(14)": lambda c: talib.ADX(*_hlc(c), 14),
    "obv": lambda c: talib.OBV(c["close"], c["volume"]),
}
_OF_MANY: Final[Sequence[Callable[[Mapping[str, Any]], Any]]] = (
    lambda c: talib.SMA(c["close"], 20),
    lambda c: talib.EMA(c["close"], 50),
    THEIRS["rsi(14)"],
    THEIRS["macd"],
    THEIRS["bbands(20)"],
    THEIRS["atr(14)"],
    THEIRS["adx(14)"],
    THEIRS["obv"],
    lambda c: talib.MOM(c["close"], 10),
    lambda c: talib.STDDEV(c["close"], 20),
)


class Stage:
    """A long series and many short ones, in a library in memory and as arrays."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        """Make everything when it is needed."""
        self.sizes = sizes
        self.folder = folder
        self.long_bars = sizes.influx_bars
        self._opened: list[BarLedger] = []

    def open(self) -> BarLedger:
        """Return an empty library in memory."""
        self._opened.append(barledger.connect("memory:"))
        return self._opened[-1]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Return the long series."""
        return minute_bars(self.long_bars)

    @cached_property
    def arrays(self) -> dict[str, Any]:
        """Return it as contiguous arrays."""
        return {name: np.ascontiguousarray(self.frame[name].to_numpy()) for name in self.frame.columns}

    @cached_property
    def library(self) -> BarLedger:
        """Return a library that has it."""
        library = self.open()
        library.write("LONG", "1m", self.frame, source=SOURCE)
        return library

    @cached_property
    def bars(self) -> Bars:
        """Return it as bars in hand."""
        return self.library.bars("LONG", "1m")

    @cached_property
    def many(self) -> dict[str, Bars]:
        """Return the short series as bars in hand."""
        library = self.open()
        names = [f"SERIES{number:04d}" for number in range(self.sizes.series)]
        for at, name in enumerate(names):
            library.write(name, "1d", daily_bars(self.sizes.many, seed=at), source=SOURCE)
        return {name: library.bars(name, "1d") for name in names}

    @cached_property
    def many_arrays(self) -> list[dict[str, Any]]:
        """Return them as contiguous arrays."""
        names = ("open", "high", "low", "close", "volume")
        return [{name: np.ascontiguousarray(getattr(one.rows, name)) for name in names} for one in self.many.values()]

    def close(self) -> None:
        """Close what was opened."""
        for library in self._opened:
            library.close()


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    made = Stage(folder, sizes)
    try:
        yield made
    finally:
        made.close()


# --- one series against TA-Lib -----------------------------------------------------------------------


def calculate(on: Stage, *, specs: Sequence[str], count: int) -> Outcome:
    """Compute on bars in hand, against TA-Lib on contiguous arrays."""
    bars = on.bars if count >= on.long_bars else on.library.bars("LONG", "1m", last=count)
    arrays = {name: np.ascontiguousarray(getattr(bars.rows, name)) for name in on.arrays}
    service = on.library.indicators

    def theirs() -> list[Any]:
        return [THEIRS[spec](arrays) for spec in specs]

    found = service.calculate(list(specs), bars)
    wanted = [one for given in theirs() for one in (given if isinstance(given, tuple) else (given,))]
    for name, values in zip(found.columns, wanted, strict=True):
        assert np.array_equal(found.values(name), values, equal_nan=True), name
    times = alternate(
        {OURS: always(lambda: service.calculate(list(specs), bars)), "": always(theirs)},
        rounds=on.sizes.rounds * 8,
        warm_up=3,
    )
    return _more(times)


# --- one series against other libraries ----------------------------------------------------------------


def _pandas_ta(spec: str, frame: pd.DataFrame) -> Any:
    import pandas_ta_classic as ta  # noqa: PLC0415 - a peer, and slow to import

    high, low, close, volume = (frame[name] for name in ("high", "low", "close", "volume"))
    return {
        "sma(20)": lambda: ta.sma(close, 20, talib=False),
        "sma(30)": lambda: ta.sma(close, 30, talib=False),
        "ema(50)": lambda: ta.ema(close, 50, talib=False),
        "rsi(14)": lambda: ta.rsi(close, 14, talib=False),
        "macd": lambda: ta.macd(close, talib=False),
        "bbands(20)": lambda: ta.bbands(close, 20, talib=False),
        "atr(14)": lambda: ta.atr(high, low, close, 14, talib=False),
        "adx(14)": lambda: ta.adx(high, low, close, 14, talib=False),
        "obv": lambda: ta.obv(close, volume, talib=False),
        "mom(10)": lambda: ta.mom(close, 10, talib=False),
        "stddev(20)": lambda: ta.stdev(close, 20, ddof=0, talib=False),
    }[spec]()


def pandas_ta(on: Stage, *, spec: str) -> Outcome:
    """Compute one indicator on the long series, against pandas-ta-classic."""
    bars, service = on.bars, on.library.indicators
    times = alternate(
        {OURS: always(lambda: service.calculate(spec, bars)), "": always(lambda: _pandas_ta(spec, on.frame))},
        rounds=on.sizes.slow_rounds,
    )
    return _faster(times)


def talipp(on: Stage, *, spec: str) -> Outcome:
    """Compute one indicator on the long series, against talipp on a part of it."""
    from talipp import indicators as peer  # noqa: PLC0415 - as above
    from talipp.ohlcv import OHLCV  # noqa: PLC0415 - as above

    count = min(_TALIPP_BARS, on.long_bars)
    part = on.frame.iloc[:count]
    closes = part["close"].tolist()
    bars = [OHLCV(*row) for row in part.itertuples(index=False)]
    work = {
        "sma(30)": lambda: peer.SMA(30, closes),
        "rsi(14)": lambda: peer.RSI(14, closes),
        "macd": lambda: peer.MACD(12, 26, 9, closes),
        "bbands(20)": lambda: peer.BB(20, 2.0, closes),
        "atr(14)": lambda: peer.ATR(14, bars),
        "adx(14)": lambda: peer.ADX(14, 14, bars),
        "obv": lambda: peer.OBV(bars),
    }[spec]
    ours, service = on.bars, on.library.indicators
    times = alternate(
        {OURS: always(lambda: service.calculate(spec, ours)), "": always(work)}, rounds=on.sizes.slow_rounds
    )
    scaled = Times(seconds=tuple(one * on.long_bars / count for one in times[""].seconds))
    return _faster({OURS: times[OURS], "": scaled}, note=f" (of {count:,} bars, scaled)")


# --- many series ---------------------------------------------------------------------------------------


def _fill(arrays: Sequence[Mapping[str, Any]], out: Any) -> Any:
    """Compute with TA-Lib into an array that is there already."""
    at = 0
    for one in arrays:
        rows, place = slice(at, at + len(one["close"])), 0
        for compute in _OF_MANY:
            given = compute(one)
            for values in given if isinstance(given, tuple) else (given,):
                out[place, rows] = values
                place += 1
        at = rows.stop
    return out


def batch_talib(on: Stage, *, threads: int | None) -> Outcome:
    """Compute ten indicators of many series into one frame, against TA-Lib into an array that is there already.

    How long it takes alone to write to that much memory that is new from the system is told beside it.
    """
    service, bars, arrays = on.library.indicators, on.many, on.many_arrays
    found = service.batch(bars, specs=list(MANY))
    out = np.zeros((len(found.columns), found.rows))
    _fill(arrays, out)
    for name, values in zip(found.columns, out, strict=True):
        assert np.array_equal(found.df[name].to_numpy(), values, equal_nan=True), name
    del found
    times = alternate(
        {
            OURS: always(lambda: service.batch(bars, specs=list(MANY), threads=threads).df),
            "": always(lambda: _fill(arrays, out)),
            _PAGES: always(lambda: np.empty(out.shape).fill(0.0)),
        },
        rounds=on.sizes.rounds * 2,
        warm_up=2,
    )
    return replace(_more(times), theirs=f"{times['']} (new memory of that size alone: {times[_PAGES]})")


def batch_pandas_ta(on: Stage) -> Outcome:
    """Compute ten indicators of many series, against pandas-ta-classic on some of them."""
    service, bars = on.library.indicators, on.many
    frames = [one.df for one in list(bars.values())[:_SAMPLE]]

    def theirs() -> list[Any]:
        return [pd.concat([pd.DataFrame(_pandas_ta(spec, frame)) for spec in MANY], axis=1) for frame in frames]

    times = alternate(
        {OURS: always(lambda: service.batch(bars, specs=list(MANY)).df), "": always(theirs)},
        rounds=on.sizes.slow_rounds,
    )
    scaled = Times(seconds=tuple(one * len(bars) / len(frames) for one in times[""].seconds))
    return _faster({OURS: times[OURS], "": scaled}, note=f" (of {len(frames)} series, scaled)")


def batch_memory(on: Stage) -> Outcome:
    """Measure what a batch takes at its peak, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.indicators", str(on.sizes.series), str(on.sizes.many)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    megabytes = {name: f"{value / 1e6:.0f} MB" for name, value in told.items()}
    return Outcome(value=told["peak"] / told["output"], ours=megabytes["peak"], theirs=megabytes["output"])


def _measure_memory(series: int, count: int) -> dict[str, int]:
    with stage(Path(), Sizes(series=series, many=count)) as on:
        bars, service = on.many, on.open().indicators
        service.batch(dict(list(bars.items())[:2]), specs=list(MANY))
        before = _memory("VmRSS")
        # What making the bars took is not the batch's: the peak is counted from here.
        Path("/proc/self/clear_refs").write_text("5")
        found = service.batch(bars, specs=list(MANY)).df
        peak = _memory("VmHWM") - before
        return {"peak": peak, "output": int(found.memory_usage(index=True).sum())}


def _memory(entry: str) -> int:
    """Return what the process has now (VmRSS) or has had at most (VmHWM), in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(entry))
    return int(line.split()[1]) * 1024


# --- the rows --------------------------------------------------------------------------------------------

_FIXED: Final = (
    "some 8 µs for each call, whatever the size, and more while the values have filled the processor's caches: finding "
    "what the spec means and what is known of the bars, looking at the result, and making the answer"
)
_ONE: Final = tuple(
    Row(
        name=f"indicators.calculate-{spec.partition('(')[0]}",
        work=f"`calculate` of {spec}, 100,000 bars in hand",
        against="TA-Lib on contiguous arrays",
        aim=Aim(value=1.15, at_most=True),
        run=partial(calculate, specs=(spec,), count=100_000),
        bound=_FIXED,
    )
    for spec in THEIRS
)
_PEERS: Final = tuple(
    Row(
        name=f"indicators.{name}-{spec.partition('(')[0]}",
        work=f"`calculate` of {spec}, 1M bars in hand",
        against=against,
        aim=Aim(value=1.0),
        run=partial(compare, spec=spec),
    )
    for spec in THEIRS
    for name, against, compare in (
        ("pandas-ta", "pandas-ta-classic", pandas_ta),
        ("talipp", "talipp, bar by bar", talipp),
    )
)
ROWS: Final = (
    *_ONE,
    Row(
        name="indicators.calculate-all",
        work="`calculate` of all seven, 100,000 bars in hand",
        against="TA-Lib on contiguous arrays",
        aim=Aim(value=1.15, at_most=True),
        run=partial(calculate, specs=tuple(THEIRS), count=100_000),
    ),
    Row(
        name="indicators.calculate-long",
        work="`calculate` of all seven, 1M bars in hand",
        against="TA-Lib on contiguous arrays",
        aim=Aim(value=1.15, at_most=True),
        run=partial(calculate, specs=tuple(THEIRS), count=1_000_000),
    ),
    *_PEERS,
    Row(
        name="indicators.batch-talib",
        work="`batch`, 500 series x 5,000 bars in hand x 10 indicators (14 columns), as one frame",
        against="TA-Lib in one thread, into an array that is there already",
        aim=Aim(value=1.3, at_most=True),
        run=partial(batch_talib, threads=None),
        bound=(
            "new memory for the frame, which the other has already, measured beside it; and the interpreter, in which "
            "threads take turns: some 50 microseconds for each series"
        ),
    ),
    Row(
        name="indicators.batch-talib-alone",
        work="the same in one thread",
        against="the same",
        aim=Aim(value=1.3, at_most=True),
        run=partial(batch_talib, threads=1),
        bound="as above",
    ),
    Row(
        name="indicators.batch-pandas-ta",
        work="the same",
        against="pandas-ta-classic",
        aim=Aim(value=30.0),
        run=batch_pandas_ta,
        bound="as above",
    ),
    Row(
        name="indicators.batch-memory",
        work="the same: what it takes at its peak",
        against="the frame that comes out",
        aim=Aim(value=2.0, at_most=True),
        run=batch_memory,
    ),
)


# --- parts of rows ---------------------------------------------------------------------------------------


def _more(times: Mapping[str, Times]) -> Outcome:
    """Return by how many times ours takes longer."""
    return Outcome(value=times[OURS].median / times[""].median, ours=str(times[OURS]), theirs=str(times[""]))


def _faster(times: Mapping[str, Times], note: str = "") -> Outcome:
    return Outcome(value=times[""].median / times[OURS].median, ours=str(times[OURS]), theirs=f"{times['']}{note}")


def main(arguments: Sequence[str]) -> None:
    """Measure memory, for a row, in a process of its own."""
    series, count = map(int, arguments)
    sys.stdout.write(json.dumps(_measure_memory(series, count)))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main(sys.argv[1:])
