"""Arnaud Legoux moving average: a window weighed by a bell whose middle is near its end."""

from functools import lru_cache
from typing import Final

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.kernel import sealed
from barledger.indicators.own.reaches import window
from barledger.indicators.own.rolling import convolved, finite
from barledger.indicators.parameter import Parameter


@lru_cache(maxsize=64)
def _weights(period: int, offset: float, sigma: float) -> Floats:
    apart = np.arange(period) - offset * (period - 1)
    bell = np.exp(-(apart**2) / (2 * (period / sigma) ** 2))
    return sealed(bell / bell.sum())


def _compute(close: Floats, *, period: int, offset: float, sigma: float) -> tuple[Floats]:
    return (finite(convolved(close, _weights(period, offset, sigma))),)


def _reach(values: Values) -> Reach:
    return window(int(values["period"]) - 1)


ALMA: Final = windowed(
    Indicator(
        name="alma",
        title="Arnaud Legoux moving average",
        kind="trend",
        inputs=("close",),
        parameters=(
            period("period", 9, aliases=("timeperiod", "window")),
            Parameter(
                name="offset",
                sort="float",
                default=0.85,
                low=0,
                high=1,
                note="where in the window the bell stands: 0 at its oldest bar, 1 at its newest",
            ),
            Parameter(
                name="sigma", sort="float", default=6.0, low=0.1, high=100, note="the window in widths of the bell"
            ),
        ),
        outputs=(Output(name="alma"),),
        reach=_reach,
        compute=_compute,
        formula="sum(w[k] * close[k]) / sum(w), w[k] = exp(-(k - offset * (period - 1))^2 / (2 * (period / sigma)^2))",
        convention="k counts from the oldest bar of the window, 0; offset * (period - 1) is not rounded down.",
        reference="A. Legoux and D. Kouzis-Loukas, 2009",
    )
)
