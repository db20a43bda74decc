"""Pivot points of a window of bars: the levels, and the windows that they are of."""

import numpy as np

from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import compiled

STANDARD, FIBONACCI, CAMARILLA, WOODIE, DEMARK = 0, 1, 2, 3, 4
_BEGUN, _NUMBER, _OPEN, _HIGH, _LOW, _CLOSE, LEVELS = 0, 1, 2, 3, 4, 5, 6
"""Where a state keeps what: whether there was a bar, its window, the window's bar so far, and the nine levels."""


@compiled
def _mirrored(levels: Floats, pivot: float, steps: tuple[float, float, float, float]) -> None:
    levels[0] = pivot
    for at in range(4):
        levels[1 + at] = pivot + steps[at]
        levels[5 + at] = pivot - steps[at]


@compiled
def _classic(levels: Floats, pivot: float, high: float, low: float) -> None:
    levels[:] = np.nan
    levels[0] = pivot
    levels[1] = 2 * pivot - low
    levels[2] = pivot + (high - low)
    levels[3] = high + 2 * (pivot - low)
    levels[5] = 2 * pivot - high
    levels[6] = pivot - (high - low)
    levels[7] = low - 2 * (high - pivot)


@compiled
def _demark(levels: Floats, opened: float, high: float, low: float, close: float) -> None:
    total = high + low + close
    if close < opened:
        total += low
    elif close > opened:
        total += high
    else:
        total += close
    levels[:] = np.nan
    levels[0] = total / 4
    levels[1] = total / 2 - low
    levels[5] = total / 2 - high


@compiled
def _levels(levels: Floats, kind: int, bar: tuple[float, float, float, float], opening: float) -> None:
    """Fill p, r1 to r4 and s1 to s4 from a window's bar; ``opening`` is the open of the window that they are for."""
    opened, high, low, close = bar
    span = high - low
    if kind == FIBONACCI:
        _mirrored(levels, (high + low + close) / 3, (0.382 * span, 0.618 * span, span, np.nan))
    elif kind == CAMARILLA:
        _mirrored(levels, close, (1.1 / 12 * span, 1.1 / 6 * span, 1.1 / 4 * span, 1.1 / 2 * span))
    elif kind == DEMARK:
        _demark(levels, opened, high, low, close)
    elif kind == WOODIE:
        _classic(levels, (high + low + 2 * opening) / 4, high, low)
    else:
        _classic(levels, (high + low + close) / 3, high, low)
    for at in range(len(levels)):
        if not np.isfinite(levels[at]):
            levels[at] = np.nan


@compiled
def of_calendar(
    state: Floats,
    number: Floats,
    opened: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    out: Floats,
    kind: int,
) -> None:
    """Fill the nine rows with the levels of the last window before that of each bar."""
    for at in range(len(close)):
        if state[_BEGUN] == 0:
            state[_BEGUN] = 1
            state[LEVELS:] = np.nan
            state[_NUMBER] = np.nan
        elif number[at] != state[_NUMBER]:
            bar = (state[_OPEN], state[_HIGH], state[_LOW], state[_CLOSE])
            _levels(state[LEVELS:], kind, bar, opened[at])
        if number[at] != state[_NUMBER]:
            state[_NUMBER] = number[at]
            state[_OPEN], state[_HIGH], state[_LOW] = opened[at], high[at], low[at]
        state[_HIGH] = max(state[_HIGH], high[at])
        state[_LOW] = min(state[_LOW], low[at])
        state[_CLOSE] = close[at]
        out[:, at] = state[LEVELS:]


@compiled
def of_bars(
    opened: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    opening: Floats,
    kind: int,
) -> Floats:
    """Return the nine rows of the levels of windows that are given by their bars."""
    out = np.empty((9, len(close)))
    levels = np.empty(9)
    for at in range(len(close)):
        _levels(levels, kind, (opened[at], high[at], low[at], close[at]), opening[at])
        out[:, at] = levels
    return out
