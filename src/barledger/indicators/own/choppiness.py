"""Choppiness: how much of the way that prices went did not bring them further."""

from typing import Final

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.reaches import window
from barledger.indicators.own.rolling import finite, wandering


def _compute(high: Floats, low: Floats, close: Floats, *, period: int) -> tuple[Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return (finite(100 * np.log(wandering(high, low, close, period)) / np.log(period)),)


def _reach(values: Values) -> Reach:
    return window(int(values["period"]))


CHOPPINESS: Final = windowed(
    Indicator(
        name="choppiness",
        title="Choppiness index",
        kind="volatility",
        inputs=("high", "low", "close"),
        parameters=(period("period", 14, aliases=("timeperiod", "window")),),
        outputs=(Output(name="choppiness"),),
        reach=_reach,
        compute=_compute,
        aliases=("chop",),
        formula="100 * ln(sum(true range, period) / (highest true high - lowest true low)) / ln(period)",
        convention=(
            "A true high is the higher of the high and the close before, a true low the lower of the low and that "
            "close: the first value is at bar period + 1. Others take plain highs and lows. Missing without any range."
        ),
        reference="E. W. Dreiss; https://www.tradingview.com/support/solutions/43000501980-choppiness-index-chop/",
        partial=True,
    )
)
