"""Moving averages, and lines that are drawn over prices."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars, kind, real
from barledger.indicators.talib.rules import (
    ADAPTIVE,
    ANEW,
    HILBERT,
    SINCE,
    SUMMED,
    exponential,
    mesa,
    smoothed,
    wilder,
)

_EMA: Final = "EMA with alpha = 2 / (period + 1), seeded with the mean of the first `timeperiod` values."
_MULLOY: Final = "Technical Analysis of Stocks & Commodities"
_COPY: Final = "A period of 1 gives the input itself."
_WILDER: Final = "Wilder, New Concepts in Technical Trading Systems (1978)"
_SAR: Final = (
    "A new extreme of the trend raises the acceleration by its step, up to the maximum. The first value is that of the "
    "second bar, whose own high or low is the first extreme, so that the first bar's range counts no more from then "
    "on. SAR is never inside the range of the two bars before, and at the third bar of the second. A reversal starts "
    "at the extreme of the trend that ended, or at the end of the range of the reversing bar or of the one before "
    "where that is further. It depends on all bars since the first. "
)

ENTRIES: Final = (
    Entry(
        name="sma",
        title="Simple moving average",
        parameters=(bars(30, low=1),),
        rule=SUMMED,
        formula="sum(x, timeperiod) / timeperiod",
        convention="A sum that goes along. " + _COPY,
    ),
    Entry(
        name="ema",
        title="Exponential moving average",
        parameters=(bars(30, low=1),),
        rule=exponential(),
        formula="EMA[i] = EMA[i-1] + alpha (x[i] - EMA[i-1]), alpha = 2 / (timeperiod + 1)",
        convention="Seeded with the mean of the first `timeperiod` values, which is the first value. " + _COPY,
        reference="Haurlan, Measuring Trend Values (1968)",
    ),
    Entry(
        name="wma",
        title="Weighted moving average",
        parameters=(bars(30, low=1),),
        rule=SUMMED,
        formula="sum of w x[i - timeperiod + w] for w = 1..timeperiod, over timeperiod (timeperiod + 1) / 2",
        convention="The weight falls by one for each bar back; the newest has the weight `timeperiod`. " + _COPY,
    ),
    Entry(
        name="dema",
        title="Double exponential moving average",
        parameters=(bars(30, low=1),),
        rule=exponential(stages=2),
        formula="2 EMA(x) - EMA(EMA(x))",
        convention=_EMA + " Each EMA is seeded from its own input. " + _COPY,
        reference=f"Mulloy, Smoothing Data with Faster Moving Averages, {_MULLOY} 12:1 (1994)",
    ),
    Entry(
        name="tema",
        title="Triple exponential moving average",
        parameters=(bars(30, low=1),),
        rule=exponential(stages=3),
        formula="3 EMA(x) - 3 EMA(EMA(x)) + EMA(EMA(EMA(x)))",
        convention=_EMA + " Each EMA is seeded from its own input. " + _COPY,
        reference=f"Mulloy, Smoothing Data with Less Lag, {_MULLOY} 12:2 (1994)",
    ),
    Entry(
        name="trima",
        title="Triangular moving average",
        parameters=(bars(30, low=1),),
        rule=SUMMED,
        formula="SMA(SMA(x, a), b); a = b = (timeperiod + 1) / 2 if odd, else a = timeperiod / 2 and b = a + 1",
        convention="Weights rise to the middle of the window and fall again. " + _COPY,
    ),
    Entry(
        name="kama",
        title="Kaufman adaptive moving average",
        parameters=(bars(30, low=1),),
        rule=ADAPTIVE,
        formula=(
            "KAMA[i] = KAMA[i-1] + c (x[i] - KAMA[i-1]), c = (ER (2/3 - 2/31) + 2/31)^2, "
            "ER = |x[i] - x[i - timeperiod]| / sum of |x[j] - x[j-1]| over timeperiod changes"
        ),
        convention=(
            "Seeded with the value before its first. ER of a window without changes is 1. The fast and slow constants "
            "are those of EMAs of 2 and 30. " + _COPY
        ),
        reference="Kaufman, Smarter Trading (1995)",
    ),
    Entry(
        name="mama",
        title="MESA adaptive moving average",
        parameters=(
            real(0.5, name="fastlimit", low=0.01, high=0.99, note="The largest alpha."),
            real(0.05, name="slowlimit", low=0.01, high=0.99, note="The smallest alpha."),
        ),
        outputs="mama fama",
        rule=mesa("fastlimit", "slowlimit"),
        formula=(
            "alpha = fastlimit / change of phase in degrees a bar, at least slowlimit; "
            "MAMA += alpha (x - MAMA); FAMA += alpha / 2 (MAMA - FAMA)"
        ),
        convention=(
            "Phase by Ehlers' homodyne discriminator over a Hilbert transform; 32 bars come before the first. Filters, "
            "MAMA and FAMA begin at 0 with the 13th bar, so FAMA comes up from far below prices for some hundred "
            "bars. On prices that stand still for dozens of bars the phase is that of roundings, and no number of bars "
            "before settles it."
        ),
        reference=f"Ehlers, MESA Adaptive Moving Averages, {_MULLOY} 19:10 (2001)",
    ),
    Entry(
        name="t3",
        title="Tillson's T3",
        parameters=(bars(5, low=1), real(0.7, name="vfactor", low=0, high=1, note="0 gives an EMA of EMA of EMA.")),
        rule=exponential(stages=6),
        formula="GD(GD(GD(x))), GD(x) = (1 + vfactor) EMA(x) - vfactor EMA(EMA(x))",
        convention=_EMA + " Each of the six EMAs is seeded from its own input. " + _COPY,
        reference=f"Tillson, Smoothing Techniques for More Accurate Signals, {_MULLOY} 16:1 (1998)",
    ),
    Entry(
        name="hma",
        title="Hull moving average",
        parameters=(bars(20, low=1),),
        rule=SUMMED,
        aliases="hull",
        formula="WMA(2 WMA(x, timeperiod / 2) - WMA(x, timeperiod), sqrt(timeperiod))",
        convention="Half and root are cut to whole numbers, as Hull does. " + _COPY,
        reference="Hull, How to Reduce Lag in a Moving Average (2005)",
    ),
    Entry(
        name="zlema",
        title="Zero-lag exponential moving average",
        parameters=(bars(30, low=1),),
        rule=exponential(),
        aliases="zlma",
        formula="EMA(2 x[i] - x[i - lag], timeperiod), lag = (timeperiod - 1) / 2 cut to a whole number",
        convention=_EMA + " " + _COPY,
        reference="Of charting packages; the filter of Ehlers and Way (2010) with a like name is another one",
    ),
    Entry(
        name="rma",
        title="Wilder's smoothed moving average",
        parameters=(bars(30, low=1),),
        rule=wilder(),
        aliases="smma wilder",
        formula="RMA[i] = (RMA[i-1] (timeperiod - 1) + x[i]) / timeperiod",
        convention="Seeded with the mean of the first `timeperiod` values. " + _COPY,
        reference=_WILDER,
    ),
    Entry(
        name="vwma",
        title="Volume weighted moving average",
        inputs="close volume",
        parameters=(bars(30, low=1),),
        scale="close",
        rule=SUMMED,
        formula="sum(x volume, timeperiod) / sum(volume, timeperiod)",
        convention="Missing where no bar of the window has volume.",
        partial=True,
    ),
    Entry(
        name="ma",
        title="Moving average of a kind",
        parameters=(bars(30, low=1), kind("sma")),
        rule=smoothed(),
        formula="the moving average that `matype` names, over timeperiod",
        convention="That of the average; t3 has a vfactor of 0.7, and mama the limits 0.5 and 0.05. " + _COPY,
    ),
    Entry(
        name="mavp",
        title="Moving average with a period for each bar",
        inputs="close periods",
        parameters=(
            bars(2, name="minperiod", low=1, note="A smaller period counts as this one."),
            bars(30, name="maxperiod", note="A larger period counts as this one."),
            kind("sma"),
        ),
        scale="close",
        rule=smoothed("maxperiod"),
        formula="MA(x, periods[i])[i], the period of each bar cut to a whole number within minperiod..maxperiod",
        convention=(
            "The second input gives the periods: name a column, or a spec that gives one. Each average begins so as to "
            "have its first value where that of maxperiod has it."
        ),
    ),
    Entry(
        name="midpoint",
        title="Midpoint of the window",
        parameters=(bars(14),),
        rule=ANEW,
        formula="(max(x, timeperiod) + min(x, timeperiod)) / 2",
        screened=True,
    ),
    Entry(
        name="midprice",
        title="Midpoint of the window's highs and lows",
        inputs="high low",
        parameters=(bars(14),),
        rule=ANEW,
        formula="(max(high, timeperiod) + min(low, timeperiod)) / 2",
        screened=True,
    ),
    Entry(
        name="ht_trendline",
        title="Hilbert transform: instantaneous trendline",
        rule=HILBERT,
        aliases="instantaneous_trendline",
        formula="mean of x over the dominant cycle, then (4 y[i] + 3 y[i-1] + 2 y[i-2] + y[i-3]) / 10",
        convention="The cycle is rounded to a whole number of bars. Its filters begin at 0 with the 38th bar; 63 bars "
        "come before the first value.",
        reference="Ehlers, Rocket Science for Traders (2001)",
    ),
    Entry(
        name="sar",
        title="Parabolic SAR",
        inputs="high low",
        parameters=(real(0.02, name="acceleration", low=0), real(0.2, name="maximum", low=0)),
        rule=SINCE,
        aliases="psar parabolic_sar",
        formula="SAR[i] = SAR[i-1] + acceleration factor (extreme - SAR[i-1]), reversed when a bar touches it",
        convention=_SAR
        + "It begins short at the first high if the second bar's downward movement is the larger one, else long at the "
        "first low.",
        reference=_WILDER,
    ),
    Entry(
        name="sarext",
        title="Parabolic SAR with a setting for each side",
        inputs="high low",
        parameters=(
            real(0, name="startvalue", note="The first SAR: positive begins long, negative short, 0 by itself."),
            real(0, name="offsetonreverse", low=0, note="By which part a stop is moved away when it is reversed."),
            real(0.02, name="accelerationinitlong", low=0),
            real(0.02, name="accelerationlong", low=0),
            real(0.2, name="accelerationmaxlong", low=0),
            real(0.02, name="accelerationinitshort", low=0),
            real(0.02, name="accelerationshort", low=0),
            real(0.2, name="accelerationmaxshort", low=0),
        ),
        rule=SINCE,
        formula="as sar, with accelerations for each side, and negative while it is short",
        convention=_SAR + "Without a `startvalue` it begins as sar does, with it at that value.",
        reference=_WILDER,
    ),
)
