"""Statistics of a window."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars, real
from barledger.indicators.talib.rules import ANEW, SUMMED

_LINE: Final = "Least squares of the window's values on 0, 1, ... timeperiod - 1. "
_TWO: Final = "Of two or three bars that are nearly alike most of a variance is rounding: agreement is to 1e-7 then."
_PAIR: Final = "Name two inputs, as in {name}(close, @SPY.close, 60); by default they are the high and the low. "

ENTRIES: Final = (
    Entry(
        name="avgdev",
        title="Mean absolute deviation",
        parameters=(bars(14),),
        rule=ANEW,
        aliases="mad",
        formula="mean of |x - mean(x)| over timeperiod",
        convention="From the window's own mean.",
        screened=True,
    ),
    Entry(
        name="beta",
        title="Beta",
        inputs="high low",
        parameters=(bars(5, low=1),),
        scale="ratio",
        rule=SUMMED,
        formula="cov(a, b) / var(a) over timeperiod, a and b being the returns x[i] / x[i-1] - 1 of both inputs",
        convention=_PAIR.format(name="beta")
        + "The slope of the second's returns on the first's. 0 where var(a) is. "
        + _TWO,
        screened=True,
    ),
    Entry(
        name="correl",
        title="Pearson's correlation",
        inputs="high low",
        parameters=(bars(30, low=1),),
        scale=1.0,
        rule=SUMMED,
        formula="cov(a, b) / (stddev(a) stddev(b)) over timeperiod, of the values themselves",
        convention=_PAIR.format(name="correl") + "0 where one of them is constant. " + _TWO,
    ),
    Entry(
        name="linearreg",
        title="Linear regression",
        parameters=(bars(14),),
        rule=SUMMED,
        aliases="linreg",
        formula="intercept + slope (timeperiod - 1): the line at the window's last bar",
        convention=_LINE,
    ),
    Entry(
        name="linearreg_angle",
        title="Linear regression: angle",
        parameters=(bars(14),),
        rule=SUMMED,
        formula="atan(slope) in degrees",
        convention=_LINE,
    ),
    Entry(
        name="linearreg_intercept",
        title="Linear regression: intercept",
        parameters=(bars(14),),
        rule=SUMMED,
        formula="the line at the window's first bar",
        convention=_LINE,
    ),
    Entry(
        name="linearreg_slope",
        title="Linear regression: slope",
        parameters=(bars(14),),
        rule=SUMMED,
        formula="the line's rise in a bar",
        convention=_LINE,
    ),
    Entry(
        name="tsf",
        title="Time series forecast",
        parameters=(bars(14),),
        rule=SUMMED,
        formula="intercept + slope timeperiod: the line a bar after the window",
        convention=_LINE,
    ),
    Entry(
        name="percentile",
        title="Percentile",
        parameters=(bars(30), real(50, name="percentile", low=0, high=100)),
        rule=ANEW,
        formula="the k-th smallest value of the window, k = ceil(percentile timeperiod / 100), at least 1",
        convention="Nearest rank (their type 1): always a value of the window.",
        reference="Hyndman and Fan, Sample Quantiles in Statistical Packages, American Statistician 50:4 (1996)",
    ),
    Entry(
        name="percentrank",
        title="Percent rank",
        parameters=(bars(100),),
        rule=ANEW,
        formula="100 (how many of the timeperiod values before are smaller) / timeperiod",
        convention="The value itself is not part of its window; equal ones do not count.",
        reference="Connors and Alvarez, An Introduction to ConnorsRSI (2012)",
    ),
    Entry(
        name="stddev",
        title="Standard deviation",
        parameters=(bars(5), real(1, name="nbdev", note="A factor.")),
        rule=SUMMED,
        aliases="stdev",
        formula="nbdev sqrt(var(x, timeperiod))",
        convention="Population: divided by timeperiod.",
    ),
    Entry(
        name="var",
        title="Variance",
        parameters=(bars(5, low=1), real(1, name="nbdev", note="Not used: TA-Lib ignores it.")),
        scale="value",
        rule=SUMMED,
        aliases="variance",
        formula="mean((x - mean(x))^2) over timeperiod",
        convention="Population: divided by timeperiod. " + _TWO,
    ),
)
