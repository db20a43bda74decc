"""Oscillators: momentum within bounds."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars, kind
from barledger.indicators.talib.rules import ANEW, SUMMED, chain, exponential, smoothed, wilder

_EMA: Final = "EMA with alpha = 2 / (period + 1), seeded with the mean of its first values. "
_WILDER: Final = "Wilder, New Concepts in Technical Trading Systems (1978)"
_CHANDE: Final = "Chande and Kroll, The New Technical Trader (1994)"
_TASC: Final = "Technical Analysis of Stocks & Commodities"
_LANE: Final = f"Lane, Lane's Stochastics, {_TASC} 2:3 (1984)"
_GAINS: Final = (
    "Wilder's average of gains and of losses (alpha = 1 / timeperiod), seeded with the mean of the first `timeperiod` "
    "changes, so that the first value is at bar timeperiod + 1. "
)
_RAW: Final = "raw = 100 (close - min(low, {k})) / (max(high, {k}) - min(low, {k}))"
_FLAT: Final = "The raw value is 0 where the window has no range. "
_TOGETHER: Final = "All lines begin where the last of them does. "
_BITS: Final = "Values can leave 0..100 by some last bits. "
_SLOW: Final = (
    bars(3, name="slowk_period", low=1),
    kind("sma", name="slowk_matype"),
    bars(3, name="slowd_period", low=1),
    kind("sma", name="slowd_matype"),
)

ENTRIES: Final = (
    Entry(
        name="rsi",
        title="Relative strength index",
        parameters=(bars(14),),
        rule=wilder(),
        formula="100 G / (G + L), G and L being Wilder's averages of gains and losses",
        convention=_GAINS + "0 while nothing has changed since the first bar; prices that stand still later keep it.",
        reference=_WILDER,
    ),
    Entry(
        name="cmo",
        title="Chande momentum oscillator, smoothed",
        parameters=(bars(14),),
        rule=wilder(),
        formula="100 (G - L) / (G + L), G and L being Wilder's averages of gains and losses",
        convention=_GAINS + "Chande's own has plain sums: that is cmou.",
        reference=_CHANDE,
    ),
    Entry(
        name="cmou",
        title="Chande momentum oscillator",
        parameters=(bars(14),),
        scale=100.0,
        rule=SUMMED,
        formula="100 (U - D) / (U + D), U and D being the sums of gains and of losses over timeperiod changes",
        convention="Plain sums, as Chande has them. 0 where nothing changed.",
        reference=_CHANDE,
        screened=True,
    ),
    Entry(
        name="cci",
        title="Commodity channel index",
        inputs="high low close",
        parameters=(bars(14),),
        scale=100.0,
        rule=SUMMED,
        formula="(m - SMA(m)) / (0.015 mean |m - SMA(m)|) over timeperiod, m = (high + low + close) / 3",
        convention="The mean deviation is from the window's own mean. 0 where it is 0.",
        reference="Lambert, Commodity Channel Index, Commodities (October 1980)",
    ),
    Entry(
        name="imi",
        title="Intraday momentum index",
        inputs="open close",
        parameters=(bars(14),),
        rule=ANEW,
        formula="100 U / (U + D), U and D being the sums of rising and of falling bodies over timeperiod bars",
        convention="Plain sums. 50 where no bar has a body.",
        reference=_CHANDE,
        screened=True,
    ),
    Entry(
        name="stoch",
        title="Stochastic",
        inputs="high low close",
        parameters=(bars(5, name="fastk_period", low=1), *_SLOW),
        outputs="k:slowk d:slowd",
        scale=100.0,
        rule=chain(smoothed("slowk_period", "slowk_matype"), smoothed("slowd_period", "slowd_matype")),
        formula=_RAW.format(k="fastk_period") + "; k = MA(raw, slowk_period); d = MA(k, slowd_period)",
        convention=_FLAT + _TOGETHER + _BITS + "The default is 5, 3, 3; many charts draw 14, 3, 3.",
        reference=_LANE,
    ),
    Entry(
        name="stochf",
        title="Stochastic, fast",
        inputs="high low close",
        parameters=(
            bars(5, name="fastk_period", low=1),
            bars(3, name="fastd_period", low=1),
            kind("sma", name="fastd_matype"),
        ),
        outputs="k:fastk d:fastd",
        scale=100.0,
        rule=smoothed("fastd_period", "fastd_matype"),
        formula=_RAW.format(k="fastk_period") + "; k = raw; d = MA(k, fastd_period)",
        convention=_FLAT + _TOGETHER + _BITS,
        reference=_LANE,
    ),
    Entry(
        name="stochrsi",
        title="Stochastic RSI",
        parameters=(
            bars(14),
            bars(5, name="fastk_period", low=1),
            bars(3, name="fastd_period", low=1),
            kind("sma", name="fastd_matype"),
        ),
        outputs="k:fastk d:fastd",
        scale=100.0,
        rule=chain(wilder(), smoothed("fastd_period", "fastd_matype")),
        formula="stochf(fastk_period, fastd_period) of RSI(x, timeperiod), 0 to 100",
        convention=_TOGETHER + _BITS + "Chande and Kroll take one period for both, and a scale of 0 to 1.",
        reference=_CHANDE,
    ),
    Entry(
        name="kdj",
        title="KDJ",
        inputs="high low close",
        parameters=(
            bars(9, name="fastk_period", low=1),
            bars(3, name="slowk_period", low=1),
            kind("rma", name="slowk_matype"),
            bars(3, name="slowd_period", low=1),
            kind("rma", name="slowd_matype"),
        ),
        outputs="k d j",
        scale=100.0,
        rule=chain(
            smoothed("slowk_period", "slowk_matype", default="rma"),
            smoothed("slowd_period", "slowd_matype", default="rma"),
        ),
        formula=_RAW.format(k="fastk_period") + "; k = MA(raw, slowk_period); d = MA(k, slowd_period); j = 3 k - 2 d",
        convention=_FLAT + _TOGETHER + "Wilder's averages, seeded with means; other charts seed with 50.",
    ),
    Entry(
        name="smi",
        title="Stochastic momentum index",
        inputs="high low close",
        parameters=(
            bars(13),
            bars(2, name="fastperiod"),
            bars(25, name="slowperiod"),
            bars(9, name="signalperiod"),
        ),
        outputs="smi signal:smisignal",
        rule=chain(exponential("slowperiod"), exponential("fastperiod"), exponential("signalperiod")),
        formula=(
            "smi = 100 E(close - (H + L) / 2) / E((H - L) / 2), H = max(high, timeperiod), L = min(low, timeperiod), "
            "E(y) = EMA(EMA(y, slowperiod), fastperiod); signal = EMA(smi, signalperiod)"
        ),
        convention=_EMA + _TOGETHER + "0 where the range is.",
        reference=f"Blau, Stochastic Momentum, {_TASC} 11:1 (1993)",
    ),
    Entry(
        name="tsi",
        title="True strength index",
        parameters=(bars(25, name="firstperiod"), bars(13, name="secondperiod")),
        rule=chain(exponential("firstperiod"), exponential("secondperiod")),
        formula="100 E(m) / E(|m|), m = x[i] - x[i-1], E(y) = EMA(EMA(y, firstperiod), secondperiod)",
        convention=_EMA + "0 where nothing changed.",
        reference=f"Blau, True Strength Index, {_TASC} 9:11 (1991)",
    ),
    Entry(
        name="ultosc",
        title="Ultimate oscillator",
        inputs="high low close",
        parameters=(
            bars(7, name="timeperiod1", low=1),
            bars(14, name="timeperiod2", low=1),
            bars(28, name="timeperiod3", low=1),
        ),
        scale=100.0,
        rule=SUMMED,
        aliases="uo ultimate_oscillator",
        formula=(
            "100 (4 A1 + 2 A2 + A3) / 7, A = sum(close - min(low, close before)) / sum(true range) over each period, "
            "the shortest first"
        ),
        reference=f"Williams, The Ultimate Oscillator, {_TASC} 3:4 (1985)",
    ),
    Entry(
        name="willr",
        title="Williams %R",
        inputs="high low close",
        parameters=(bars(14),),
        rule=ANEW,
        aliases="williams_r wpr",
        formula="-100 (max(high, timeperiod) - close) / (max(high, timeperiod) - min(low, timeperiod))",
        convention="From -100 to 0; 0 where the window has no range.",
        reference="Williams, How I Made One Million Dollars Last Year Trading Commodities (1973)",
        screened=True,
    ),
)
