"""The mean price by volume since an anchor, and the deviation around it.

Both are carried on as West (1979) and Welford do, in deviations from the mean so far: what is left of two large sums
is never taken apart.
"""

import numpy as np

from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import compiled

_NUMBER, _MASS, _MEAN, _SQUARES = 0, 1, 2, 3
"""Where a state keeps what: the window, its volume, its mean price, and the squared deviations by volume."""


@compiled
def _marked(value: float) -> float:
    return value if np.isfinite(value) else np.nan


@compiled
def anchored(
    state: Floats,
    number: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    out: Floats,
    multiplier: float,
) -> None:
    """Fill the rows vwap, upper, lower and distance; begin anew with each number, and leave NaN out."""
    for at in range(len(close)):
        if np.isnan(number[at]):
            out[:, at] = np.nan
            continue
        if number[at] != state[_NUMBER]:
            state[_NUMBER] = number[at]
            state[_MASS:] = 0.0
        weight = volume[at]
        if weight > 0:
            state[_MASS] += weight
            price = (high[at] + low[at] + close[at]) / 3
            apart = price - state[_MEAN]
            state[_MEAN] += apart * (weight / state[_MASS])
            state[_SQUARES] += weight * apart * (price - state[_MEAN])
        mean = state[_MEAN] if state[_MASS] > 0 else np.nan
        deviation = np.sqrt(state[_SQUARES] / state[_MASS])
        out[0, at] = _marked(mean)
        out[1, at] = _marked(mean + multiplier * deviation)
        out[2, at] = _marked(mean - multiplier * deviation)
        out[3, at] = _marked((close[at] - mean) / deviation)
