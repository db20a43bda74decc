"""Price transforms: one price of several, bar by bar."""

from typing import Final

from barledger.indicators.talib.entry import Entry
from barledger.indicators.talib.rules import ANEW, HALVING

ENTRIES: Final = (
    Entry(
        name="avgprice",
        title="Average price",
        inputs="open high low close",
        rule=ANEW,
        aliases="ohlc4",
        formula="(open + high + low + close) / 4",
        partial=True,
    ),
    Entry(
        name="medprice",
        title="Median price",
        inputs="high low",
        rule=ANEW,
        aliases="hl2",
        formula="(high + low) / 2",
        partial=True,
    ),
    Entry(
        name="typprice",
        title="Typical price",
        inputs="high low close",
        rule=ANEW,
        aliases="hlc3",
        formula="(high + low + close) / 3",
        partial=True,
    ),
    Entry(
        name="wclprice",
        title="Weighted close",
        inputs="high low close",
        rule=ANEW,
        aliases="hlcc4",
        formula="(high + low + 2 close) / 4",
        partial=True,
    ),
    Entry(
        name="ha",
        title="Heikin-Ashi candles",
        inputs="open high low close",
        outputs="open:haopen high:hahigh low:halow close:haclose",
        rule=HALVING,
        aliases="heikin_ashi heikinashi",
        formula=(
            "close' = (open + high + low + close) / 4; open' = (open'[i-1] + close'[i-1]) / 2; "
            "high' = max(high, open', close'); low' = min(low, open', close')"
        ),
        convention="The first open' is (open + close) / 2; its weight halves with each bar.",
        reference="Valcu, Using the Heikin-Ashi Technique, Technical Analysis of Stocks & Commodities 22:2 (2004)",
        partial=True,
    ),
)
