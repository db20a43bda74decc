"""TTM squeeze: Bollinger's bands within Keltner's channel, and where prices may go when they come out."""

from functools import lru_cache
from typing import Final

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.kernel import sealed
from barledger.indicators.own.reaches import windows
from barledger.indicators.own.rolling import convolved, finite, means, middle, moments
from barledger.indicators.parameter import Parameter


@lru_cache(maxsize=64)
def _endpoint(period: int) -> Floats:
    """Return the weights by which a window adds up to the end of its line of least squares."""
    apart = np.arange(period) - (period - 1) / 2
    return sealed(1 / period + apart * apart[-1] / np.sum(apart**2))


def _ranges(high: Floats, low: Floats, close: Floats) -> Floats:
    found = np.full(len(close), np.nan)
    found[1:] = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return found


def _within(high: Floats, low: Floats, close: Floats, *, period: int, bb: float, kc: float) -> Floats:
    """Return 1 where the bands are within the channel, 0 where not: both have the same middle."""
    found = np.full(len(close), np.nan)
    narrow = bb * np.sqrt(moments(close, period)[1] / period)[1:]
    wide = kc * means(_ranges(high, low, close)[1:], period)
    found[1:] = np.where(np.isfinite(narrow) & np.isfinite(wide), narrow < wide, np.nan)
    return found


def _compute(high: Floats, low: Floats, close: Floats, *, period: int, bb: float, kc: float) -> tuple[Floats, ...]:
    with np.errstate(all="ignore"):
        on = _within(high, low, close, period=period, bb=bb, kc=kc)
        fired = np.full(len(close), np.nan)
        fired[1:] = np.where(np.isnan(on[:-1] + on[1:]), np.nan, (on[:-1] == 1) & (on[1:] == 0))
        level = (middle(high, low, period) + means(close, period)) / 2
        momentum = np.full(len(close), np.nan)
        begin = period - 1
        momentum[begin:] = convolved((close - level)[begin:], _endpoint(period))
    return on, finite(momentum), fired


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
