"""Donchian's channel over the bars before: what a breakout breaks out of."""

from typing import Final

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.reaches import window
from barledger.indicators.own.rolling import donchian_prior


def _compute(high: Floats, low: Floats, *, period: int) -> tuple[Floats, ...]:
    return tuple(donchian_prior(high, low, period))


def _reach(values: Values) -> Reach:
    return window(int(values["period"]))


DONCHIAN_PRIOR: Final = windowed(
    Indicator(
        name="donchian_prior",
        title="Donchian's channel of the bars before",
        kind="trend",
        inputs=("high", "low"),
        parameters=(period("period", 20, aliases=("timeperiod", "window")),),
        outputs=(Output(name="upper"), Output(name="middle"), Output(name="lower")),
        reach=_reach,
        compute=_compute,
        formula="upper = highest high, lower = lowest low of the period bars before; middle = (upper + lower) / 2",
        convention=(
            "The bar itself is not in its window, so that close > upper is a breakout; TA-Lib's donchian has it in."
        ),
        reference="https://chartschool.stockcharts.com/table-of-contents/technical-indicators-and-overlays/technical-overlays/price-channels",
    )
)
