"""Volume: how much was traded, and in which direction."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars, kind
from barledger.indicators.talib.rules import ANEW, SINCE, SUMMED, exponential, levelled, smoothed, together

_HLCV: Final = "high low close volume"
_PLACE: Final = "((close - low) - (high - close)) / (high - low)"
_SINCE: Final = "A sum since the first bar: its level says where it began, its changes do not."
_FOSBACK: Final = "Fosback, Stock Market Logic (1976)"

ENTRIES: Final = (
    Entry(
        name="ad",
        title="Chaikin's accumulation/distribution line",
        inputs=_HLCV,
        rule=SINCE,
        aliases="adl accumulation_distribution",
        formula=f"AD[i] = AD[i-1] + volume {_PLACE}",
        convention="A bar without a range adds nothing. " + _SINCE,
        reference="Chaikin; see Achelis, Technical Analysis from A to Z (1995)",
    ),
    Entry(
        name="adosc",
        title="Chaikin oscillator",
        inputs=_HLCV,
        parameters=(bars(3, name="fastperiod"), bars(10, name="slowperiod")),
        scale="volume",
        rule=together(levelled("fastperiod"), levelled("slowperiod")),
        aliases="chaikin_oscillator",
        formula="EMA(AD, fastperiod) - EMA(AD, slowperiod)",
        convention=(
            "Both EMAs are seeded with the first value of AD; those of sub(ema(ad, 3), ema(ad, 10)) with the mean of "
            "their first values, as other charts have it. The level of AD, which depends on the first bar, cancels "
            "in the difference, but for the roundings of the larger number. With the longer period first the sign is "
            "the other one."
        ),
        reference="Chaikin; see Achelis, Technical Analysis from A to Z (1995)",
    ),
    Entry(
        name="cmf",
        title="Chaikin money flow",
        inputs=_HLCV,
        parameters=(bars(20),),
        scale=1.0,
        rule=SUMMED,
        aliases="chaikin_money_flow",
        formula=f"sum of volume {_PLACE} / sum of volume, over timeperiod",
        convention="A bar without a range counts 0 money flow; 0 where the window has no volume.",
        reference="Chaikin; see StockCharts ChartSchool, Chaikin Money Flow",
    ),
    Entry(
        name="efi",
        title="Elder's force index",
        inputs="close volume",
        parameters=(bars(13, low=1),),
        rule=exponential(),
        aliases="force_index",
        formula="EMA((close - close[i-1]) volume, timeperiod)",
        convention="EMA with alpha = 2 / (timeperiod + 1), seeded with the mean of the first `timeperiod` forces.",
        reference="Elder, Trading for a Living (1993)",
    ),
    Entry(
        name="marketfi",
        title="Market facilitation index",
        inputs="high low volume",
        rule=ANEW,
        aliases="bwmfi",
        formula="(high - low) / volume",
        convention="0 where there is no volume.",
        reference="Williams, Trading Chaos (1995)",
        screened=True,
    ),
    Entry(
        name="mfi",
        title="Money flow index",
        inputs=_HLCV,
        parameters=(bars(14),),
        scale=100.0,
        rule=SUMMED,
        aliases="money_flow_index",
        formula="100 P / (P + N), the sums of m volume over timeperiod bars on which m rose and on which it fell, "
        "m = (high + low + close) / 3",
        convention="Plain sums. A bar whose m did not change counts for neither.",
        reference="Quong and Soudack, Volume-Weighted RSI, Technical Analysis of Stocks & Commodities 7:3 (1989)",
    ),
    Entry(
        name="nvi",
        title="Negative volume index",
        inputs="close volume",
        rule=SINCE,
        formula="NVI[i] = NVI[i-1] close[i] / close[i-1] on bars with less volume than before, else NVI[i-1]",
        convention="Begins at 1000 with the first bar.",
        reference=_FOSBACK,
    ),
    Entry(
        name="pvi",
        title="Positive volume index",
        inputs="close volume",
        rule=SINCE,
        formula="PVI[i] = PVI[i-1] close[i] / close[i-1] on bars with more volume than before, else PVI[i-1]",
        convention="Begins at 1000 with the first bar.",
        reference=_FOSBACK,
    ),
    Entry(
        name="obv",
        title="On balance volume",
        inputs="close volume",
        rule=SINCE,
        aliases="on_balance_volume",
        formula="OBV[i] = OBV[i-1] + volume if the close rose, - volume if it fell",
        convention="Begins with the volume of the first bar. " + _SINCE,
        reference="Granville, Granville's New Key to Stock Market Profits (1963)",
    ),
    Entry(
        name="pvo",
        title="Percentage volume oscillator",
        inputs="volume",
        parameters=(bars(12, name="fastperiod"), bars(26, name="slowperiod"), kind("ema")),
        scale=100.0,
        rule=together(smoothed("fastperiod", default="ema"), smoothed("slowperiod", default="ema")),
        formula="100 (MA(volume, fastperiod) - MA(volume, slowperiod)) / MA(volume, slowperiod)",
        convention="The larger of both periods is the slow one. Each average is seeded from its own first values. 0 "
        "where the slow one is 0.",
        screened=True,
    ),
    Entry(
        name="pvt",
        title="Price volume trend",
        inputs="close volume",
        rule=SINCE,
        aliases="vpt",
        formula="PVT[i] = PVT[i-1] + volume (close[i] - close[i-1]) / close[i-1]",
        convention="Begins at 0. Fractions, not percents. " + _SINCE,
        screened=True,
    ),
    Entry(
        name="rvol",
        title="Relative volume",
        inputs="volume",
        parameters=(bars(20, low=1),),
        scale="value",
        rule=SUMMED,
        aliases="relative_volume",
        formula="volume / mean of the `timeperiod` volumes before",
        convention="The bar itself is not part of the mean. Missing where that is 0.",
        partial=True,
    ),
    Entry(
        name="vwap",
        title="Volume weighted average price since the first bar",
        inputs=_HLCV,
        rule=SINCE,
        formula="sum of volume (high + low + close) / 3, over sum of volume, since the first bar",
        convention="It does not begin anew with a session. 0 until something is traded.",
        screened=True,
    ),
    Entry(
        name="wad",
        title="Williams accumulation/distribution",
        inputs="high low close",
        rule=SINCE,
        formula=(
            "WAD[i] = WAD[i-1] + close - min(low, close[i-1]) if the close rose, + close - max(high, close[i-1]) if it "
            "fell"
        ),
        convention="Without volume, as Achelis has it. " + _SINCE,
        reference="Achelis, Technical Analysis from A to Z (1995)",
    ),
)
