"""Keltner's channel: an exponential average, and bands by the average true range around it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from barledger.indicators.definition import Floats, Handle, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import StateHandle
from barledger.indicators.own.reaches import exponential
from barledger.indicators.own.stateful import run
from barledger.indicators.parameter import Parameter

_STATE: Final = 4


def _advance(state: Floats, inputs: Sequence[Floats], out: Floats, *, ema: int, multiplier: float, atr: int) -> None:
    from barledger.indicators.own.kernels import channels  # noqa: PLC0415 - numba is an extra, and slow to import

    high, low, close = inputs
    channels.keltner(state, high, low, close, out, ema, multiplier, atr)


def _compute(high: Floats, low: Floats, close: Floats, **parameters: Any) -> tuple[Floats, ...]:
    return run(partial(_advance, **parameters), np.zeros(_STATE), (high, low, close), 3)


def _stream(**parameters: Any) -> Handle:
    return StateHandle(KELTNER, partial(_advance, **parameters), state=np.zeros(_STATE))


def _reach(values: Values) -> Reach:
    ema, atr = int(values["ema"]), int(values["atr"])
    # Wilder's average of n bars forgets as slowly as an exponential one of 2 n - 1.
    return exponential(ema=max(ema, 2 * atr - 1), lookback=max(ema - 1, atr))


KELTNER: Final = Indicator(
    name="keltner",
    title="Keltner's channel",
    kind="volatility",
    inputs=("high", "low", "close"),
    parameters=(
        period("ema", 20, low=2, aliases=("period", "timeperiod")),
        Parameter(name="multiplier", sort="float", default=2.0, low=0, high=1000, note="average true ranges to a band"),
        period("atr", 10, low=1),
    ),
    outputs=(Output(name="upper"), Output(name="middle"), Output(name="lower")),
    reach=_reach,
    compute=_compute,
    stream=_stream,
    aliases=("keltner_channel",),
    formula="middle = ema(close, ema); upper, lower = middle +- multiplier * atr(high, low, close, atr)",
    convention=(
        "The average of closes begins with their simple average; the range is Wilder's, beginning with the simple "
        "average of the first atr true ranges, of which the first is the second bar's: both as TA-Lib has them. All "
        "three lines begin together."
    ),
    reference="https://chartschool.stockcharts.com/table-of-contents/technical-indicators-and-overlays/technical-overlays/keltner-channels",
    partial=False,
)
