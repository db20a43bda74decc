"""Volatility: ranges, and bands about a price."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars, kind, real
from barledger.indicators.talib.rules import ANEW, SUMMED, chain, exponential, smoothed, together, wilder

_EMA: Final = "EMA with alpha = 2 / (period + 1), seeded with the mean of its first values. "
_WILDER: Final = "Wilder, New Concepts in Technical Trading Systems (1978)"
_BANDS: Final = "upper:upperband middle:middleband lower:lowerband"
_ATR: Final = (
    "Wilder's average (alpha = 1 / timeperiod), seeded with the mean of the first `timeperiod` true ranges; the first "
    "bar has none, so that the first value is at bar timeperiod + 1."
)

ENTRIES: Final = (
    Entry(
        name="bbands",
        title="Bollinger bands",
        parameters=(
            bars(20),
            real(2, name="nbdevup", note="Standard deviations to the upper band."),
            real(2, name="nbdevdn", follows="nbdevup", note="To the lower band; as many as nbdevup unless given."),
            kind("sma"),
        ),
        outputs=_BANDS,
        rule=together(smoothed(), SUMMED),
        aliases="bollinger bollinger_bands",
        formula="middle = MA(x, timeperiod); upper, lower = middle +- nbdev stddev(x, timeperiod)",
        convention="Population standard deviation about the window's mean, whatever the kind of the middle line.",
        reference="Bollinger, Bollinger on Bollinger Bands (2001)",
    ),
    Entry(
        name="accbands",
        title="Acceleration bands",
        inputs="high low close",
        parameters=(bars(20),),
        outputs=_BANDS,
        rule=SUMMED,
        formula=(
            "f = 4 (high - low) / (high + low); upper = SMA(high (1 + f)), middle = SMA(close), "
            "lower = SMA(low (1 - f)), over timeperiod"
        ),
        convention="f is 0 where high + low is.",
        reference="Headley, Big Trends in Trading (2002)",
    ),
    Entry(
        name="donchian",
        title="Donchian channel",
        inputs="high low",
        parameters=(bars(20),),
        outputs=_BANDS,
        rule=ANEW,
        aliases="donchian_channel",
        formula="upper = max(high, timeperiod), lower = min(low, timeperiod), middle = (upper + lower) / 2",
        convention="The window ends with the bar itself.",
        reference="Donchian, High Finance in Copper, Financial Analysts Journal 16:6 (1960)",
        screened=True,
    ),
    Entry(
        name="kc",
        title="Keltner channel of typical prices",
        inputs="high low close",
        parameters=(
            bars(20),
            bars(10, name="atrperiod", low=1),
            real(2, name="nbdev", note="How many ATRs the bands are away."),
        ),
        outputs=_BANDS,
        rule=together(exponential(), wilder("atrperiod")),
        formula=("middle = EMA((high + low + close) / 3, timeperiod); upper, lower = middle +- nbdev ATR(atrperiod)"),
        convention=_EMA
        + "Wilder's ATR. The one with the shorter lookback begins later, so that both have their first value at once.",
        reference="Keltner, How to Make Money in Commodities (1960), as Raschke changed it",
    ),
    Entry(
        name="adr",
        title="Average range of a bar",
        inputs="high low",
        parameters=(bars(14, low=1),),
        rule=SUMMED,
        formula="SMA(high - low, timeperiod)",
        convention="Gaps between bars do not count.",
    ),
    Entry(
        name="atr",
        title="Average true range",
        inputs="high low close",
        parameters=(bars(14, low=1),),
        rule=wilder(),
        formula="ATR[i] = (ATR[i-1] (timeperiod - 1) + TR[i]) / timeperiod",
        convention=_ATR,
        reference=_WILDER,
    ),
    Entry(
        name="natr",
        title="Normalized average true range",
        inputs="high low close",
        parameters=(bars(14, low=1),),
        rule=wilder(),
        formula="100 ATR(timeperiod) / close",
        convention=_ATR + " 0 where the close is.",
        reference="Forman, Cross-Market Evaluations with Normalized Average True Range, "
        "Technical Analysis of Stocks & Commodities 24:5 (2006)",
        screened=True,
    ),
    Entry(
        name="cvi",
        title="Chaikin's volatility",
        inputs="high low",
        parameters=(bars(10), bars(10, name="rocperiod", low=1)),
        rule=exponential(),
        aliases="chaikin_volatility",
        formula="100 (e[i] / e[i - rocperiod] - 1), e = EMA(high - low, timeperiod)",
        convention=_EMA + "0 where the earlier average is 0.",
        reference="Achelis, Technical Analysis from A to Z (1995)",
        screened=True,
    ),
    Entry(
        name="massi",
        title="Mass index",
        inputs="high low",
        parameters=(bars(9, name="fastperiod"), bars(25, name="slowperiod")),
        scale="value",
        rule=chain(exponential("fastperiod", stages=2), SUMMED),
        aliases="mass_index",
        formula="sum of e / EMA(e, fastperiod) over slowperiod bars, e = EMA(high - low, fastperiod)",
        convention=_EMA + "The quotient is 1 where both are 0.",
        reference="Dorsey, The Mass Index, Technical Analysis of Stocks & Commodities 10:6 (1992)",
    ),
    Entry(
        name="rvi",
        title="Relative volatility index",
        parameters=(bars(14, low=1), bars(10, name="stddevperiod")),
        scale=100.0,
        rule=chain(SUMMED, wilder()),
        aliases="relative_volatility",
        formula=(
            "100 U / (U + D): Wilder's averages over timeperiod of stddev(x, stddevperiod) of the bars that rose, "
            "and of those that fell"
        ),
        convention="Population standard deviation. Wilder's averages seeded with means. 50 where both are 0.",
        reference="Dorsey, The Relative Volatility Index, Technical Analysis of Stocks & Commodities 11:6 (1993)",
    ),
    Entry(
        name="trange",
        title="True range",
        inputs="high low close",
        rule=ANEW,
        aliases="true_range tr",
        formula="max(high - low, |high - close[i-1]|, |low - close[i-1]|)",
        convention="The first bar has none.",
        reference=_WILDER,
        screened=True,
    ),
)
