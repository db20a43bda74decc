"""Ichimoku Kinko Hyo: five lines, drawn where they are drawn on a chart."""

from typing import Final

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.reaches import windows
from barledger.indicators.own.rolling import ichimoku
from barledger.indicators.parameter import Parameter


def _compute(
    high: Floats, low: Floats, close: Floats, *, tenkan: int, kijun: int, senkou: int, offset: int
) -> tuple[Floats, ...]:
    return tuple(ichimoku(high, low, close, (tenkan, kijun, senkou), offset))


def _reach(values: Values) -> Reach:
    longest = max(int(values[name]) for name in ("tenkan", "kijun", "senkou"))
    return windows(first=0, settled=longest - 1 + int(values["offset"]))


def _ahead(values: Values) -> int:
    return int(values["offset"])


ICHIMOKU: Final = windowed(
    Indicator(
        name="ichimoku",
        title="Ichimoku Kinko Hyo",
        kind="trend",
        inputs=("high", "low", "close"),
        parameters=(
            period("tenkan", 9, aliases=("conversion",)),
            period("kijun", 26, aliases=("base",)),
            period("senkou", 52, aliases=("span",)),
            Parameter(name="offset", default=26, low=0, high=100_000, note="by how many bars the spans are displaced"),
        ),
        outputs=(
            Output(name="tenkan", aliases=("conversion",)),
            Output(name="kijun", aliases=("base",)),
            Output(name="senkou_a", aliases=("leading_a",), note="displaced forward: of the bars up to offset ago"),
            Output(name="senkou_b", aliases=("leading_b",), note="displaced forward: of the bars up to offset ago"),
            Output(
                name="chikou",
                aliases=("lagging",),
                lookahead=_ahead,
                note="displaced back, as it is drawn: the close of offset bars LATER, missing for the last ones of an "
                "answer, behind whose end nothing is read",
            ),
        ),
        reach=_reach,
        compute=_compute,
        formula=(
            "tenkan, kijun = (highest high + lowest low) / 2 of so many bars; senkou_a = (tenkan + kijun) / 2 and "
            "senkou_b = (highest high + lowest low) / 2 of senkou bars, both offset bars ago; chikou = close[+offset]"
        ),
        convention=(
            "Each line begins when its own window is whole, the spans offset bars later. What is drawn beyond the last "
            "bar is left out. chikou knows the future: for a rule, compare the close with ichimoku of offset bars ago."
        ),
        reference="https://chartschool.stockcharts.com/table-of-contents/technical-indicators-and-overlays/technical-overlays/ichimoku-cloud",
        partial=True,
    )
)
