"""Beta and correlation to another instrument, over a window."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.reaches import window
from barledger.indicators.own.rolling import betas, correlations
from barledger.indicators.parameter import Parameter

_OF: Final = Parameter(
    name="of",
    sort="choice",
    default="returns",
    choices=("returns", "prices"),
    note="simple returns of one bar to the next, or the values as they are",
)


def _compute(
    measure: Callable[[Floats, Floats, int], Floats], close: Floats, benchmark: Floats, *, period: int, of: str
) -> tuple[Floats]:
    if of == "prices":
        return (measure(close, benchmark, period),)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moves, others = close[1:] / close[:-1] - 1, benchmark[1:] / benchmark[:-1] - 1
    found = np.empty(len(close))
    found[0] = np.nan
    found[1:] = measure(moves, others, period)
    return (found,)


def _reach(values: Values) -> Reach:
    return window(int(values["period"]) - (values["of"] == "prices"))


_SHARED: Final = (
    "Of simple returns unless of=prices; a window of returns takes one bar more. Population or sample makes no "
    "difference. Missing where what it divides by is 0. The benchmark is another instrument's close at the same time, "
    "@SPY, or a column `benchmark`."
)

BETA: Final = windowed(
    Indicator(
        name="rolling_beta",
        title="Beta to a benchmark",
        kind="statistic",
        inputs=("close", "benchmark"),
        parameters=(period("period", 60, aliases=("timeperiod", "window")), _OF),
        outputs=(Output(name="rolling_beta", aliases=("beta",)),),
        reach=_reach,
        compute=partial(_compute, betas),
        formula="cov(r, b) / var(b), r = close / close[-1] - 1, b = benchmark / benchmark[-1] - 1",
        convention=_SHARED + " TA-Lib's BETA has its two inputs the other way round.",
        reference="https://en.wikipedia.org/wiki/Beta_(finance)",
        partial=True,
    )
)

CORRELATION: Final = windowed(
    Indicator(
        name="rolling_correlation",
        title="Correlation to a benchmark",
        kind="statistic",
        inputs=("close", "benchmark"),
        parameters=(period("period", 60, aliases=("timeperiod", "window")), _OF),
        outputs=(Output(name="rolling_correlation", aliases=("correlation",)),),
        reach=_reach,
        compute=partial(_compute, correlations),
        formula="cov(r, b) / sqrt(var(r) * var(b)), r = close / close[-1] - 1, b = benchmark / benchmark[-1] - 1",
        convention=_SHARED + " Other libraries, and TA-Lib's CORREL, correlate prices: of=prices.",
        reference="https://en.wikipedia.org/wiki/Pearson_correlation_coefficient",
        partial=True,
    )
)
