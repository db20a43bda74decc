"""Whether there is a trend, and where it goes."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars, real
from barledger.indicators.talib.rules import ANEW, SINCE, SUMMED, wilder

_WILDER: Final = "Wilder, New Concepts in Technical Trading Systems (1978)"
_MOVEMENT: Final = (
    "Wilder's smoothing of sums: S[i] = S[i-1] - S[i-1] / timeperiod + x[i], seeded with the sum of the first "
    "timeperiod - 1 movements. "
)
_ONE: Final = "With a period of 1 nothing is smoothed. "
_AROON: Final = "Of the window's timeperiod + 1 bars; of equal extremes the newest counts."

ENTRIES: Final = (
    Entry(
        name="adx",
        title="Average directional movement index",
        inputs="high low close",
        parameters=(bars(14),),
        rule=wilder(stages=2),
        formula="Wilder's average of DX, DX = 100 |+DI - -DI| / (+DI + -DI)",
        convention=_MOVEMENT + "ADX is seeded with the mean of the first `timeperiod` values of DX.",
        reference=_WILDER,
    ),
    Entry(
        name="adxr",
        title="Average directional movement index rating",
        inputs="high low close",
        parameters=(bars(14),),
        rule=wilder(stages=2),
        formula="(ADX[i] + ADX[i - (timeperiod - 1)]) / 2",
        convention="As adx.",
        reference=_WILDER,
    ),
    Entry(
        name="dx",
        title="Directional movement index",
        inputs="high low close",
        parameters=(bars(14),),
        rule=wilder(),
        formula="100 |+DI - -DI| / (+DI + -DI)",
        convention=_MOVEMENT + "Where both are zero it keeps the value before.",
        reference=_WILDER,
    ),
    Entry(
        name="plus_di",
        title="Plus directional indicator",
        inputs="high low close",
        parameters=(bars(14, low=1),),
        rule=wilder(),
        aliases="pdi",
        formula="100 smoothed(+DM) / smoothed(true range)",
        convention=_MOVEMENT + _ONE + "0 where the true range is.",
        reference=_WILDER,
    ),
    Entry(
        name="minus_di",
        title="Minus directional indicator",
        inputs="high low close",
        parameters=(bars(14, low=1),),
        rule=wilder(),
        aliases="mdi",
        formula="100 smoothed(-DM) / smoothed(true range)",
        convention=_MOVEMENT + _ONE + "0 where the true range is.",
        reference=_WILDER,
    ),
    Entry(
        name="plus_dm",
        title="Plus directional movement",
        inputs="high low",
        parameters=(bars(14, low=1),),
        rule=wilder(),
        aliases="pdm",
        formula="smoothed(high[i] - high[i-1] if it is positive and larger than low[i-1] - low[i], else 0)",
        convention=_MOVEMENT + _ONE,
        reference=_WILDER,
    ),
    Entry(
        name="minus_dm",
        title="Minus directional movement",
        inputs="high low",
        parameters=(bars(14, low=1),),
        rule=wilder(),
        aliases="mdm",
        formula="smoothed(low[i-1] - low[i] if it is positive and larger than high[i] - high[i-1], else 0)",
        convention=_MOVEMENT + _ONE,
        reference=_WILDER,
    ),
    Entry(
        name="aroon",
        title="Aroon",
        inputs="high low",
        parameters=(bars(14),),
        outputs="down:aroondown up:aroonup",
        rule=ANEW,
        formula="up = 100 (timeperiod - bars since the highest high) / timeperiod; down with the lowest low",
        convention=_AROON,
        reference="Chande, The Time Price Oscillator, Technical Analysis of Stocks & Commodities 13:9 (1995)",
    ),
    Entry(
        name="aroonosc",
        title="Aroon oscillator",
        inputs="high low",
        parameters=(bars(14),),
        rule=ANEW,
        formula="Aroon up - Aroon down",
        convention=_AROON,
        reference="Chande, The Time Price Oscillator, Technical Analysis of Stocks & Commodities 13:9 (1995)",
    ),
    Entry(
        name="vortex",
        title="Vortex",
        inputs="high low close",
        parameters=(bars(14, low=1),),
        outputs="plus:plusvi minus:minusvi",
        scale="value",
        rule=SUMMED,
        formula="plus = sum |high[i] - low[i-1]| / sum TR, minus = sum |low[i] - high[i-1]| / sum TR, over timeperiod",
        convention="Plain sums; 0 where the true range is.",
        reference="Botes and Siepman, The Vortex Indicator, Technical Analysis of Stocks & Commodities 28:1 (2010)",
    ),
    Entry(
        name="vhf",
        title="Vertical horizontal filter",
        parameters=(bars(28),),
        rule=ANEW,
        formula="(max(x, timeperiod) - min(x, timeperiod)) / sum of |x[j] - x[j-1]| over timeperiod changes",
        convention="0 where nothing changed.",
        reference="White, The Vertical Horizontal Filter, Futures Magazine (August 1991)",
    ),
    Entry(
        name="er",
        title="Kaufman efficiency ratio",
        parameters=(bars(10),),
        scale=1.0,
        rule=SUMMED,
        aliases="ker efficiency_ratio",
        formula="|x[i] - x[i - timeperiod]| / sum of |x[j] - x[j-1]| over timeperiod changes",
        convention="1 where nothing changed; falls can exceed 1 by some last bits.",
        reference="Kaufman, Smarter Trading (1995)",
    ),
    Entry(
        name="supertrend",
        title="SuperTrend",
        inputs="high low close",
        parameters=(bars(10), real(3, name="multiplier", low=0, note="How many ATRs the band is away.")),
        outputs="supertrend:real trend:integer:direction",
        rule=SINCE,
        aliases="super_trend",
        formula=(
            "bands at (high + low) / 2 +- multiplier ATR(timeperiod), each moving towards the price only, until the "
            "close before was beyond it; the lower one in an uptrend (trend = 1), the upper one else (trend = -1)"
        ),
        convention=(
            "Wilder's ATR. Begins as an uptrend with both bands free. The close turns it. A band forgets its past when "
            "it is released, but no number of bars is sure to do that: it depends on all bars since the first."
        ),
        reference="Seban, Tout le monde merite d'etre riche (2008)",
        screened=True,
    ),
)
