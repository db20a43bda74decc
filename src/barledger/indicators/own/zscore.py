"""Z-score: how many standard deviations a value is from the mean of its window."""

from typing import Final

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.reaches import window
from barledger.indicators.own.rolling import scores
from barledger.indicators.parameter import Parameter


def _compute(close: Floats, *, period: int, ddof: int) -> tuple[Floats]:
    return (scores(close, period, ddof),)


def _reach(values: Values) -> Reach:
    return window(int(values["period"]) - 1)


ZSCORE: Final = windowed(
    Indicator(
        name="zscore",
        title="Z-score",
        kind="statistic",
        inputs=("close",),
        parameters=(
            period("period", 20, aliases=("timeperiod", "window")),
            Parameter(
                name="ddof",
                default=0,
                low=0,
                high=1,
                note="0 for the deviation of the population, 1 for that of a sample",
            ),
        ),
        outputs=(Output(name="zscore"),),
        reach=_reach,
        compute=_compute,
        aliases=("standard_score",),
        formula="(close - mean(close, period)) / stddev(close, period, ddof)",
        convention=(
            "Population deviation unless ddof=1. The window ends with the bar itself. Missing where all of it is equal."
        ),
        reference="https://en.wikipedia.org/wiki/Standard_score",
        partial=True,
    )
)
