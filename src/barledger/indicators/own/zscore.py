"""Z-score: how many standard deviations a value is from the mean of its window."""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period


def _compute(close: Floats, *, period: int) -> tuple[Floats]:
    windows = sliding_window_view(close, period)
    score = np.full(len(close), np.nan)
    deviation = windows.std(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        score[period - 1 :] = (windows[:, -1] - windows.mean(axis=1)) / deviation
    score[~np.isfinite(score)] = np.nan
    return (score,)


def _reach(values: Values) -> Reach:
    back = int(values["period"]) - 1
    return Reach(lookback=back, settled=back, memory="window", exact=True)


ZSCORE: Final = Indicator(
    name="zscore",
    title="Z-score",
    kind="statistic",
    inputs=("close",),
    parameters=(period("period", 20, aliases=("timeperiod",)),),
    outputs=(Output(name="zscore"),),
    reach=_reach,
    compute=_compute,
    formula="(close - mean(close, period)) / stddev(close, period)",
    convention="Population standard deviation; missing where the window is constant.",
    partial=True,
)
