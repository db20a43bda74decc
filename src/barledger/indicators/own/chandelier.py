"""Chandelier exit: a stop that hangs from the highest high, or stands on the lowest low."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from barledger.indicators.definition import Floats, Handle, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import StateHandle
from barledger.indicators.own.reaches import exponential
from barledger.indicators.own.stateful import run
from barledger.indicators.parameter import Parameter


def _state(period: int) -> Floats:
    return np.zeros(5 + 2 * period)


def _advance(state: Floats, inputs: Sequence[Floats], out: Floats, *, period: int, multiplier: float) -> None:
    from barledger.indicators.own.kernels import channels  # noqa: PLC0415 - numba is an extra, and slow to import

    high, low, close = inputs
    channels.chandelier(state, high, low, close, out, period, multiplier)


def _compute(high: Floats, low: Floats, close: Floats, *, period: int, multiplier: float) -> tuple[Floats, ...]:
    advance = partial(_advance, period=period, multiplier=multiplier)
    return run(advance, _state(period), (high, low, close), 2)


def _stream(**parameters: Any) -> Handle:
    return StateHandle(CHANDELIER, partial(_advance, **parameters), state=_state(parameters["period"]))


def _reach(values: Values) -> Reach:
    bars = int(values["period"])
    return exponential(ema=2 * bars - 1, lookback=bars)


CHANDELIER: Final = Indicator(
    name="chandelier_exit",
    title="Chandelier exit",
    kind="trend",
    inputs=("high", "low", "close"),
    parameters=(
        period("period", 22, aliases=("timeperiod", "window")),
        Parameter(name="multiplier", sort="float", default=3.0, low=0, high=1000, note="average true ranges away"),
    ),
    outputs=(
        Output(name="long", note="the stop of a long position"),
        Output(name="short", note="the stop of a short position"),
    ),
    reach=_reach,
    compute=_compute,
    stream=_stream,
    aliases=("chandelier",),
    formula="long = highest high - multiplier * atr; short = lowest low + multiplier * atr, each of period bars",
    convention=(
        "Wilder's average true range as in TA-Lib: the first true range is the second bar's, so that the first value "
        "is at bar period + 1. The bar itself is in the window. The stop may move both ways: it is no trailing stop."
    ),
    reference="https://chartschool.stockcharts.com/table-of-contents/technical-indicators-and-overlays/technical-overlays/chandelier-exit",
)
