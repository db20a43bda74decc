"""Momentum: how fast prices change, unbounded."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars, kind
from barledger.indicators.talib.rules import ANEW, SUMMED, chain, exponential, fixed, smoothed, together

_EMA: Final = "EMA with alpha = 2 / (period + 1), seeded with the mean of its first values. "
_WILLIAMS: Final = "Williams, New Trading Dimensions (1998)"
_APPEL: Final = "Appel, The Moving Average Convergence-Divergence Trading Method (1979)"
_CHANDE: Final = "Chande and Kroll, The New Technical Trader (1994)"
_MACD: Final = "macd = EMA(x, {fast}) - EMA(x, {slow}); signal = EMA(macd, signalperiod); histogram = macd - signal"
_LINES: Final = "macd signal:macdsignal histogram:macdhist:hist"
_SLOWER: Final = "The larger of both periods is the slow one. "
_ZERO: Final = "0 where the earlier value is 0."

ENTRIES: Final = (
    Entry(
        name="ac",
        title="Accelerator oscillator",
        inputs="high low",
        parameters=(bars(5, name="fastperiod"), bars(34, name="slowperiod"), bars(5, name="signalperiod")),
        rule=SUMMED,
        aliases="accelerator",
        formula="AO - SMA(AO, signalperiod), AO as in ao",
        reference=_WILLIAMS,
    ),
    Entry(
        name="ao",
        title="Awesome oscillator",
        inputs="high low",
        parameters=(bars(5, name="fastperiod"), bars(34, name="slowperiod")),
        rule=SUMMED,
        aliases="awesome_oscillator",
        formula="SMA(m, fastperiod) - SMA(m, slowperiod), m = (high + low) / 2",
        convention="With the longer period first the sign is the other one.",
        reference=_WILLIAMS,
    ),
    Entry(
        name="apo",
        title="Absolute price oscillator",
        parameters=(bars(12, name="fastperiod"), bars(26, name="slowperiod"), kind("ema")),
        rule=together(smoothed("fastperiod", default="ema"), smoothed("slowperiod", default="ema")),
        formula="MA(x, fastperiod) - MA(x, slowperiod)",
        convention=_SLOWER + "Each average is seeded from its own first values.",
    ),
    Entry(
        name="ppo",
        title="Percentage price oscillator",
        parameters=(bars(12, name="fastperiod"), bars(26, name="slowperiod"), kind("ema")),
        scale=100.0,
        rule=together(smoothed("fastperiod", default="ema"), smoothed("slowperiod", default="ema")),
        formula="100 (MA(x, fastperiod) - MA(x, slowperiod)) / MA(x, slowperiod)",
        convention=_SLOWER + "Each average is seeded from its own first values. 0 where the slow one is 0.",
        screened=True,
    ),
    Entry(
        name="bop",
        title="Balance of power",
        inputs="open high low close",
        rule=ANEW,
        formula="(close - open) / (high - low)",
        convention="0 where the bar has no range. Not smoothed.",
        reference="Livshin, Balance of Market Power, Technical Analysis of Stocks & Commodities 19:8 (2001)",
        screened=True,
    ),
    Entry(
        name="coppock",
        title="Coppock curve",
        parameters=(
            bars(10, name="wmaperiod", low=1),
            bars(11, name="roc1period", low=1),
            bars(14, name="roc2period", low=1),
        ),
        scale=100.0,
        rule=SUMMED,
        aliases="coppock_curve",
        formula="WMA(ROC(x, roc1period) + ROC(x, roc2period), wmaperiod)",
        convention="The rates of change are added, not averaged; meant for monthly bars.",
        reference="Coppock, Barron's (15 October 1962)",
        screened=True,
    ),
    Entry(
        name="dpo",
        title="Detrended price oscillator",
        parameters=(bars(20),),
        rule=SUMMED,
        formula="x[i - t] - SMA(x, timeperiod)[i], t = timeperiod / 2 + 1 cut to a whole number",
        convention="At the bar that ends the average: it knows no later bar, and is not drawn back.",
        reference="Achelis, Technical Analysis from A to Z (1995)",
        screened=True,
    ),
    Entry(
        name="eri",
        title="Elder ray",
        inputs="high low close",
        parameters=(bars(13, low=1),),
        outputs="bull:bullpower bear:bearpower",
        rule=exponential(),
        aliases="elder_ray",
        formula="bull = high - EMA(close, timeperiod); bear = low - EMA(close, timeperiod)",
        convention=_EMA,
        reference="Elder, Trading for a Living (1993)",
        screened=True,
    ),
    Entry(
        name="fosc",
        title="Forecast oscillator",
        parameters=(bars(5),),
        scale=100.0,
        rule=SUMMED,
        formula="100 (x[i] - TSF(x, timeperiod)[i-1]) / x[i]",
        convention="Of the forecast that was made a bar before.",
        reference=_CHANDE,
        screened=True,
    ),
    Entry(
        name="macd",
        title="Moving average convergence/divergence",
        parameters=(bars(12, name="fastperiod"), bars(26, name="slowperiod"), bars(9, name="signalperiod", low=1)),
        outputs=_LINES,
        rule=chain(together(exponential("fastperiod"), exponential("slowperiod")), exponential("signalperiod")),
        formula=_MACD.format(fast="fastperiod", slow="slowperiod"),
        convention=(
            _EMA + _SLOWER + "The fast EMA is seeded from the last `fastperiod` of the first `slowperiod` values, so "
            "that both begin at the same bar; those of apo(12, 26) are each seeded with the mean of its first values, "
            "as other charts have it. All lines begin where the signal does."
        ),
        reference=_APPEL,
    ),
    Entry(
        name="macdext",
        title="MACD with kinds of averages",
        parameters=(
            bars(12, name="fastperiod"),
            kind("sma", name="fastmatype"),
            bars(26, name="slowperiod"),
            kind("sma", name="slowmatype"),
            bars(9, name="signalperiod", low=1),
            kind("sma", name="signalmatype"),
        ),
        outputs=_LINES,
        rule=chain(
            together(
                smoothed("fastperiod", "fastmatype"),
                smoothed("slowperiod", "slowmatype"),
            ),
            smoothed("signalperiod", "signalmatype"),
        ),
        formula="as macd, each EMA being the moving average that its matype names",
        convention=_SLOWER + "All lines begin where the signal does.",
        reference=_APPEL,
    ),
    Entry(
        name="macdfix",
        title="MACD of 12 and 26 as Appel fixed it",
        parameters=(bars(9, name="signalperiod", low=1),),
        outputs=_LINES,
        rule=chain(fixed(26), exponential("signalperiod")),
        formula=_MACD.format(fast="alpha 0.15", slow="alpha 0.075"),
        convention="As macd(12, 26), with Appel's rounded alphas 0.15 and 0.075 of the price averages.",
        reference=_APPEL,
    ),
    Entry(
        name="mom",
        title="Momentum",
        parameters=(bars(10, low=1),),
        rule=ANEW,
        aliases="momentum",
        formula="x[i] - x[i - timeperiod]",
        screened=True,
    ),
    Entry(
        name="qstick",
        title="Qstick",
        inputs="open close",
        parameters=(bars(10, low=1),),
        rule=SUMMED,
        formula="SMA(close - open, timeperiod)",
        reference=_CHANDE,
    ),
    Entry(
        name="roc",
        title="Rate of change in percent",
        parameters=(bars(10, low=1),),
        rule=ANEW,
        formula="100 (x[i] / x[i - timeperiod] - 1)",
        convention=_ZERO,
        screened=True,
    ),
    Entry(
        name="rocp",
        title="Rate of change",
        parameters=(bars(10, low=1),),
        rule=ANEW,
        formula="(x[i] - x[i - timeperiod]) / x[i - timeperiod]",
        convention=_ZERO,
        screened=True,
    ),
    Entry(
        name="rocr",
        title="Rate of change as a ratio",
        parameters=(bars(10, low=1),),
        rule=ANEW,
        formula="x[i] / x[i - timeperiod]",
        convention=_ZERO,
        screened=True,
    ),
    Entry(
        name="rocr100",
        title="Rate of change as a ratio in percent",
        parameters=(bars(10, low=1),),
        rule=ANEW,
        formula="100 x[i] / x[i - timeperiod]",
        convention=_ZERO,
        screened=True,
    ),
    Entry(
        name="trix",
        title="TRIX",
        parameters=(bars(30, low=1),),
        rule=exponential(stages=3),
        formula="100 (e[i] / e[i-1] - 1), e = EMA(EMA(EMA(x, timeperiod), timeperiod), timeperiod)",
        convention=_EMA + "Of the values, not of their logarithms.",
        reference="Hutson, Good TRIX, Technical Analysis of Stocks & Commodities 1:5 (1983)",
        screened=True,
    ),
)
