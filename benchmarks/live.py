"""Live updates: what they cost beyond TA-Lib's bare handles; run by ``python -m benchmarks.live``.

Each figure is the least of many rounds, in ns per update, over bars that are made before the clock starts.
"""

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any, Final

import numpy as np

from barledger.domain.timeframe import DAY
from barledger.indicators.streaming.live import Live
from barledger.services.ingestion.follow import ClosedBar

_ROUNDS: Final = 60
_BARS: Final = 400
_HISTORY: Final = 3_000
_TEN: Final = (
    "rsi(14)", "macd", "atr(14)", "adx(14)", "bbands(20, 2)", "ema(50)", "sma(20)", "obv", "stoch", "cci(20)",
)  # fmt: skip
_SPECS: Final[tuple[str | Sequence[str], ...]] = (
    "rsi(14)", "macd", "sma(rsi(14), 9)", "atr(14)", "obv", "sar", "supertrend", "adosc", _TEN,
)  # fmt: skip


def main() -> None:
    """Print a table."""
    for name, count in (("RSI", 1), ("MACD", 1), ("ATR", 3)):
        print(f"{name:>24} bare {_bare(name, count):8.0f}")
    for spec in _SPECS:
        name = spec if isinstance(spec, str) else f"{len(spec)} specs"
        print(f"{name:>24} mapping {_live(spec, _mapping):5.0f}   ClosedBar {_live(spec, _closed):5.0f}")


def _bare(name: str, count: int) -> float:
    from talib import stream  # noqa: PLC0415 - an extra

    history = 100 + np.sin(np.arange(_HISTORY))
    update = getattr(stream, name)(*[history + at for at in range(count)][::-1]).update
    rows = [(101.0, 99.0, 100.0)[:count]] * _BARS
    return _least(lambda: rows, lambda row: update(*row))


def _live(spec: str | Sequence[str], make: Callable[[int], Any]) -> float:
    live = Live.open(spec)
    for at in range(_HISTORY):
        live.update(make(at))
    bars = iter(range(_HISTORY, _HISTORY + (_ROUNDS + 1) * _BARS))
    return _least(lambda: [make(next(bars)) for _ in range(_BARS)], live.update)


def _least(prepare: Callable[[], Sequence[Any]], work: Callable[[Any], Any]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        given = prepare()
        begun = perf_counter_ns()
        for one in given:
            work(one)
        best = min(best, (perf_counter_ns() - begun) / len(given))
    return best


def _mapping(at: int) -> dict[str, Any]:
    close = 100 + at * 7919 % 200 / 100
    prices = {"open": close - 0.3, "high": close + 1.3, "low": close - 1.2, "close": close}
    return {"time": at * DAY, **prices, "volume": 1000.0 + at % 97}


def _closed(at: int) -> ClosedBar:
    told: dict[str, Any] = {"instrument": "A", "timeframe": "1d", "source": "x", "close_time": 0, "revision": 1}
    return ClosedBar(**told, **_mapping(at))


if __name__ == "__main__":
    main()
