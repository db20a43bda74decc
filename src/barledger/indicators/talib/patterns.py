"""Candlestick patterns, and fractals."""

from typing import Final

from barledger.indicators.parameter import Parameter
from barledger.indicators.talib.entry import UNBOUNDED, Entry, bars, real
from barledger.indicators.talib.rules import ANEW, SUMMED

_ALL: Final = "open high low close"
_MORRIS: Final = "Morris, Candlestick Charting Explained (1995); Nison, Japanese Candlestick Charting Techniques (1991)"
_CHESLER: Final = "Chesler, Trading False Moves with the Hikkake Pattern, Active Trader (April 2004)"
_MEASURES: Final = (
    "Measured on the bars before: a body is long or short against the mean body of 10 bars; a doji's is at most a "
    "tenth of their mean range; a shadow is long if it exceeds the body, very long if twice the body, and very short "
    "below a tenth of the mean range; near, far and equal are 20 %, 60 % and 5 % of the mean range of 5 bars. "
    "The trend before the pattern is not looked at. Means are sums that go along: where a measure equals a mean to the "
    "last bit, as on coarse ticks, a flag can depend on where the computation began. "
)
_SIGNS: Final = {
    "bullish": "100 where it is found, and 0 elsewhere.",
    "bearish": "-100 where it is found, and 0 elsewhere.",
    "either": "100 where it is bullish, -100 where it is bearish, and 0 elsewhere.",
    "neutral": "100 where it is found, whatever its direction, and 0 elsewhere.",
}

# Name, title, sign, bars of the pattern, and what it looks like; the last bar is the one that completes it.
_PATTERNS: Final = (
    (
        "cdl2crows",
        "Two crows",
        "bearish",
        "a long white, a black that gaps up, and a black that opens in the second's body and closes in the first's",
    ),
    (
        "cdl3blackcrows",
        "Three black crows",
        "bearish",
        "after a white, three blacks with hardly a lower shadow, each opening in the body before and closing lower",
    ),
    (
        "cdl3inside",
        "Three inside up or down",
        "either",
        "a harami, and a third that closes beyond the first's open against the first's direction",
    ),
    (
        "cdl3linestrike",
        "Three-line strike",
        "either",
        (
            "three of a colour, each closing further, "
            "and a fourth of the other that opens beyond the third and closes beyond the first's open"
        ),
    ),
    (
        "cdl3outside",
        "Three outside up or down",
        "either",
        "an engulfing, and a third that closes further in its direction",
    ),
    (
        "cdl3starsinsouth",
        "Three stars in the south",
        "bullish",
        (
            "a long black with a long lower shadow, a smaller black with a higher low, "
            "and a small black marubozu within its range"
        ),
    ),
    (
        "cdl3whitesoldiers",
        "Three white soldiers",
        "bullish",
        (
            "three whites with hardly an upper shadow, "
            "each opening in or near the body before and closing higher, none far shorter than the one before"
        ),
    ),
    (
        "cdlabandonedbaby",
        "Abandoned baby",
        "either",
        "a long body, a doji whose range gaps away, and a body of the other colour that gaps back deep into the first",
    ),
    (
        "cdladvanceblock",
        "Advance block",
        "bearish",
        "three whites that close higher, with bodies that shrink or upper shadows that grow",
    ),
    ("cdlbelthold", "Belt-hold", "either", "a long body without a shadow at its open"),
    (
        "cdlbreakaway",
        "Breakaway",
        "either",
        "a long body, a gap in its direction, two that go on, and a fifth of the other colour that closes in the gap",
    ),
    ("cdlclosingmarubozu", "Closing marubozu", "either", "a long body without a shadow at its close"),
    (
        "cdlconcealbabyswall",
        "Concealing baby swallow",
        "bullish",
        (
            "two black marubozus, a black that gaps down with a shadow into the second's body, "
            "and a black that engulfs it, shadows and all"
        ),
    ),
    (
        "cdlcounterattack",
        "Counterattack",
        "either",
        "two long bodies of opposite colours with equal closes; the second says which",
    ),
    (
        "cdldarkcloudcover",
        "Dark cloud cover",
        "bearish",
        "a long white, and a black that opens above its high and closes deep in its body",
    ),
    ("cdldoji", "Doji", "neutral", "a body of hardly any size"),
    (
        "cdldojistar",
        "Doji star",
        "either",
        "a long body, and a doji that gaps away in its direction; against the first",
    ),
    ("cdldragonflydoji", "Dragonfly doji", "neutral", "a doji with a long lower shadow and hardly an upper one"),
    ("cdlengulfing", "Engulfing", "either", "a body that engulfs that of the bar before, which has the other colour"),
    (
        "cdleveningdojistar",
        "Evening doji star",
        "bearish",
        "a long white, a doji that gaps up, and a black that closes deep in the first's body",
    ),
    (
        "cdleveningstar",
        "Evening star",
        "bearish",
        "a long white, a short body that gaps up, and a black that closes deep in the first's body",
    ),
    (
        "cdlgapsidesidewhite",
        "Gap side-by-side white lines",
        "either",
        "two whites alike, side by side after a gap; the gap says which",
    ),
    ("cdlgravestonedoji", "Gravestone doji", "neutral", "a doji with a long upper shadow and hardly a lower one"),
    (
        "cdlhammer",
        "Hammer",
        "bullish",
        "a short body with a long lower shadow and hardly an upper one, at or below the low before",
    ),
    (
        "cdlhangingman",
        "Hanging man",
        "bearish",
        "a short body with a long lower shadow and hardly an upper one, at or above the high before",
    ),
    ("cdlharami", "Harami", "either", "a long body, and a short one within it; against the first"),
    ("cdlharamicross", "Harami cross", "either", "a long body, and a doji within it; against the first"),
    ("cdlhighwave", "High-wave candle", "either", "a short body with two very long shadows; the colour says which"),
    (
        "cdlhikkake",
        "Hikkake",
        "either",
        "an inside bar, and a bar with both a higher or both a lower high and low: against that move",
    ),
    (
        "cdlhikkakemod",
        "Modified hikkake",
        "either",
        "a hikkake whose inside bar is inside another and whose second bar closes near its extreme",
    ),
    ("cdlhomingpigeon", "Homing pigeon", "bullish", "a long black, and a short black within its body"),
    (
        "cdlidentical3crows",
        "Identical three crows",
        "bearish",
        "three blacks with hardly a lower shadow, each opening at the close before",
    ),
    (
        "cdlinneck",
        "In-neck",
        "bearish",
        "a long black, and a white that opens below its low and closes slightly into its body",
    ),
    (
        "cdlinvertedhammer",
        "Inverted hammer",
        "bullish",
        "a short body with a long upper shadow and hardly a lower one, gapping down",
    ),
    ("cdlkicking", "Kicking", "either", "two marubozus of opposite colours with a gap between; the second says which"),
    (
        "cdlkickingbylength",
        "Kicking by the longer marubozu",
        "either",
        "two marubozus of opposite colours with a gap between; the longer says which",
    ),
    (
        "cdlladderbottom",
        "Ladder bottom",
        "bullish",
        (
            "three falling blacks, a black with an upper shadow, "
            "and a white that opens above its body and closes above its high"
        ),
    ),
    ("cdllongleggeddoji", "Long-legged doji", "neutral", "a doji with a long shadow"),
    ("cdllongline", "Long line", "either", "a long body with short shadows; the colour says which"),
    ("cdlmarubozu", "Marubozu", "either", "a long body without shadows; the colour says which"),
    ("cdlmatchinglow", "Matching low", "bullish", "two blacks with equal closes"),
    (
        "cdlmathold",
        "Mat hold",
        "bullish",
        "a long white, three short ones that gap up and drift into its body, and a white that closes above them",
    ),
    (
        "cdlmorningdojistar",
        "Morning doji star",
        "bullish",
        "a long black, a doji that gaps down, and a white that closes deep in the first's body",
    ),
    (
        "cdlmorningstar",
        "Morning star",
        "bullish",
        "a long black, a short body that gaps down, and a white that closes deep in the first's body",
    ),
    ("cdlonneck", "On-neck", "bearish", "a long black, and a white that opens below its low and closes at it"),
    (
        "cdlpiercing",
        "Piercing",
        "bullish",
        "a long black, and a long white that opens below its low and closes above the middle of its body",
    ),
    ("cdlrickshawman", "Rickshaw man", "neutral", "a doji with two long shadows and its body near the middle"),
    (
        "cdlrisefall3methods",
        "Rising or falling three methods",
        "either",
        (
            "a long body, three short ones of the other colour within its range, "
            "and a long one that closes further in its direction"
        ),
    ),
    (
        "cdlseparatinglines",
        "Separating lines",
        "either",
        "two of opposite colours with equal opens, the second a long belt-hold, which says which",
    ),
    (
        "cdlshootingstar",
        "Shooting star",
        "bearish",
        "a short body with a long upper shadow and hardly a lower one, gapping up",
    ),
    ("cdlshortline", "Short line", "either", "a short body with short shadows; the colour says which"),
    ("cdlspinningtop", "Spinning top", "either", "a short body with two shadows longer than it; the colour says which"),
    (
        "cdlstalledpattern",
        "Stalled pattern",
        "bearish",
        "two long whites that close higher, and a short white at or near the second's close",
    ),
    (
        "cdlsticksandwich",
        "Stick sandwich",
        "bullish",
        "two blacks with equal closes, and a white between that trades above the first's close",
    ),
    ("cdltakuri", "Takuri", "neutral", "a dragonfly doji with a very long lower shadow"),
    (
        "cdltasukigap",
        "Tasuki gap",
        "either",
        "a gap, a bar of its colour, and one of the other that opens in its body and closes in the gap",
    ),
    (
        "cdlthrusting",
        "Thrusting",
        "bearish",
        "a long black, and a white that opens below its low and closes in its body, below the middle",
    ),
    ("cdltristar", "Tristar", "either", "three dojis, the second gapping away from the first, and the third back"),
    (
        "cdlunique3river",
        "Unique three river",
        "bullish",
        "a long black, a black harami with a lower low, and a short white below its close",
    ),
    (
        "cdlupsidegap2crows",
        "Upside gap two crows",
        "bearish",
        "a long white, a short black that gaps up, and a black that engulfs it but closes above the first",
    ),
    (
        "cdlxsidegap3methods",
        "Upside or downside gap three methods",
        "either",
        (
            "two of a colour with a gap between, "
            "and one of the other that opens in the second's body and closes in the first's"
        ),
    ),
)
_DEEP: Final = {
    "cdlabandonedbaby": 0.3,
    "cdldarkcloudcover": 0.5,
    "cdleveningdojistar": 0.3,
    "cdleveningstar": 0.3,
    "cdlmathold": 0.5,
    "cdlmorningdojistar": 0.3,
    "cdlmorningstar": 0.3,
}
_OF_PRICES: Final = {"cdl3outside", "cdlengulfing", "cdlhikkake", "cdlxsidegap3methods"}
"""Those that compare prices only, and no means: the same bars give the same answer wherever one begins."""
_MORE: Final = {
    "cdlengulfing": " 80 and -80 where one end of both bodies is equal.",
    "cdlharami": " 80 and -80 where one end of both bodies is equal.",
    "cdlharamicross": " 80 and -80 where one end of both bodies is equal.",
    "cdlhikkake": " 200 or -200 where, within three bars, a close confirms it.",
    "cdlhikkakemod": " 200 or -200 where, within three bars, a close confirms it.",
}


def _depth(name: str) -> tuple[Parameter, ...]:
    if name not in _DEEP:
        return ()
    note = "How deep is deep: the part of a body's length."
    return (real(_DEEP[name], name="penetration", low=0, high=UNBOUNDED, note=note),)


def _pattern(name: str, title: str, sign: str, shape: str) -> Entry:
    alias = name.removeprefix("cdl")
    return Entry(
        name=name,
        title=title,
        inputs=_ALL,
        parameters=_depth(name),
        outputs=f"{name}:integer",
        scale="tie",
        rule=ANEW if name in _OF_PRICES else SUMMED,
        aliases="" if alias[0].isdigit() else alias,
        formula=shape,
        convention=("" if name in _OF_PRICES else _MEASURES) + _SIGNS[sign] + _MORE.get(name, ""),
        reference=_CHESLER if "hikkake" in name else _MORRIS,
    )


ENTRIES: Final = (
    *(_pattern(*one) for one in _PATTERNS),
    Entry(
        name="fractal",
        title="Williams fractal",
        inputs="high low",
        parameters=(
            bars(2, name="leftbars", low=1, note="Bars before the swing."),
            bars(2, name="rightbars", low=1, note="Bars after the swing, which are waited for."),
        ),
        outputs="high:swinghigh low:swinglow",
        rule=ANEW,
        aliases="williams_fractal",
        formula="100 where the bar `rightbars` before has the highest high, or the lowest low, of its window, else 0",
        convention="Told at the bar that completes it, so that it knows no later bar. Equal extremes are no fractal.",
        reference="Williams, Trading Chaos (1995)",
    ),
)
