"""Parabolic stop and reverse bar by bar: Wilder's, and TA-Lib's extended one."""

import math
from dataclasses import dataclass
from typing import Final

from barledger.indicators.streaming.fused import fused
from barledger.indicators.streaming.path import Bar, State, Step, Values

_WAITING: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the stop nears the price: at first, by how much more at each new extreme, and at most."""

    first: float
    more: float
    most: float

    @staticmethod
    def of(first: float, more: float, most: float) -> "Pace":
        """Return a pace that never begins above its limit."""
        return Pace(first=min(first, most), more=min(more, most), most=most)


def sar(*, acceleration: float, maximum: float) -> Step:
    """Wilder's parabolic stop and reverse: the stop of each bar, below the price while long, above it while short."""
    pace = Pace.of(acceleration, acceleration, maximum)
    return _steps(long=pace, short=pace, start=0.0, offset=0.0, signed=False)


def sarext(
    *,
    startvalue: float,
    offsetonreverse: float,
    accelerationinitlong: float,
    accelerationlong: float,
    accelerationmaxlong: float,
    accelerationinitshort: float,
    accelerationshort: float,
    accelerationmaxshort: float,
) -> Step:
    """Parabolic stop and reverse with a start, an offset and paces of choice; stops of short positions are below 0."""
    return _steps(
        long=Pace.of(accelerationinitlong, accelerationlong, accelerationmaxlong),
        short=Pace.of(accelerationinitshort, accelerationshort, accelerationmaxshort),
        start=startvalue,
        offset=offsetonreverse,
        signed=True,
    )


def _steps(  # noqa: C901 - one step is one piece: it is taken for each bar
    *, long: Pace, short: Pace, start: float, offset: float, signed: bool
) -> Step:
    """Return the steps; a state is the first bar's high and low, then side, stop, extreme, factor, high and low."""
    fma = fused(small=True)

    def step(state: State, bar: Bar) -> tuple[State, Values]:  # noqa: C901, PLR0912 - as above
        high, low = bar
        if not state:
            return (high, low), (math.nan,)
        if len(state) == _WAITING:
            state = _begun(state, high, low)
        side, stop, extreme, factor, before_high, before_low = state
        is_long = side > 0.0
        if low <= stop if is_long else high >= stop:
            side, is_long = -side, not is_long
            if is_long:
                stop, extreme, factor = min(extreme, before_low, low), high, long.first
            else:
                stop, extreme, factor = max(extreme, before_high, high), low, short.first
            if offset != 0.0:
                stop -= side * (stop * offset)
        elif is_long:
            if high > extreme:
                extreme, factor = high, min(factor + long.more, long.most)
        elif low < extreme:
            extreme, factor = low, min(factor + short.more, short.most)
        value = stop if is_long or not signed else -stop
        stop = fma(factor, extreme - stop, stop)
        if is_long:
            floor = low if low < before_low else before_low
            if floor < stop:
                stop = floor
        else:
            ceiling = high if high > before_high else before_high
            if ceiling > stop:
                stop = ceiling
        return (side, stop, extreme, factor, high, low), (value,)

    def _begun(state: State, high: float, low: float) -> State:
        """Return what the second bar begins with: the side of the larger move, and the first bar's end as the stop."""
        first_high, first_low = state
        down = first_low - low
        is_short = start < 0.0 if start != 0.0 else down > 0.0 and down > high - first_high
        if is_short:
            return -1.0, abs(start) if start != 0.0 else first_high, low, short.first, high, low
        return 1.0, start if start != 0.0 else first_low, high, long.first, high, low

    return step
