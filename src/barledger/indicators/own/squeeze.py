"""TTM squeeze: Bollinger's bands within Keltner's channel, and where prices may go when they come out."""

from functools import lru_cache
from typing import Final

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.kernel import sealed
from barledger.indicators.own.reaches import windows
from barledger.indicators.own.rolling import squeeze
from barledger.indicators.parameter import Parameter


@lru_cache(maxsize=64)
def _endpoint(period: int) -> Floats:
    """Return the weights by which a window adds up to the end of its line of least squares."""
    apart = np.arange(period) - (period - 1) / 2
    return sealed(1 / period + apart * apart[-1] / np.sum(apart**2))


def _compute(high: Floats, low: Floats, close: Floats, *, period: int, bb: float, kc: float) -> tuple[Floats, ...]:
    return tuple(squeeze(high, low, close, _endpoint(period), bb=bb, kc=kc))


def _reach(values: Values) -> Reach:
    bars = int(values["period"])
    first = min(bars, 2 * bars - 2)
    return windows(first=first, settled=max(bars + 1, 2 * bars - 2))


_TTM: Final = Indicator(
    name="ttm_squeeze",
    title="TTM squeeze",
    kind="volatility",
    inputs=("high", "low", "close"),
    parameters=(
        period("period", 20, aliases=("timeperiod", "window")),
        Parameter(name="bb", sort="float", default=2.0, low=0.01, high=100, note="deviations to Bollinger's bands"),
        Parameter(name="kc", sort="float", default=1.5, low=0.01, high=100, note="true ranges to Keltner's channel"),
    ),
    outputs=(
        Output(name="on", note="1 while the bands are within the channel, else 0"),
        Output(name="momentum", aliases=("histogram",), note="in units of the price"),
        Output(name="fired", note="1 on the first bar after a squeeze, else 0"),
    ),
    reach=_reach,
    compute=_compute,
    aliases=("squeeze",),
    formula=(
        "on = bb * stddev(close, period) < kc * mean(true range, period); momentum = the end of the line of least "
        "squares through the last period values of close - ((highest high + lowest low) / 2 + sma(close)) / 2"
    ),
    convention=(
        "Population deviation. Both bands stand around the simple average, and the true range is averaged simply; the "
        "first true range is the second bar's, so that on begins at bar period + 1 and momentum at bar 2 * period - 1."
    ),
    reference="J. F. Carter, Mastering the Trade, 2005",
)
SQUEEZE: Final = windowed(_TTM)
