"""Mean prices by volume: of a session, since a day, and of a window."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Final

import numpy as np

from barledger.domain.interval import parse_time
from barledger.domain.rows import Ints
from barledger.errors import InvalidInterval, ParameterInvalid
from barledger.indicators.definition import Floats, Handle, Indicator, Output, Reach, Values, period
from barledger.indicators.own.calendar_windows import (
    BEGINS,
    UTC,
    ZONE,
    CalendarWindow,
    WindowReader,
    window_choice,
    window_of,
)
from barledger.indicators.own.handles import StateHandle, windowed
from barledger.indicators.own.reaches import path, window
from barledger.indicators.own.rolling import finite, weighted_means
from barledger.indicators.own.stateful import run
from barledger.indicators.parameter import Parameter

_STATE: Final = 4
_INPUTS: Final = ("high", "low", "close", "volume")
_MULTIPLIER: Final = Parameter(
    name="multiplier", sort="float", default=1.0, low=0, high=1000, note="deviations from the mean to a band"
)
_OUTPUTS: Final = (
    Output(name="vwap"),
    Output(name="upper"),
    Output(name="lower"),
    Output(name="distance", note="of the close from the mean, in deviations"),
)
_FORMULA: Final = (
    "vwap = sum(volume * tp) / sum(volume), tp = (high + low + close) / 3; deviation = sqrt(sum(volume * (tp - vwap)^2)"
    " / sum(volume)); upper, lower = vwap +- multiplier * deviation; distance = (close - vwap) / deviation"
)
_CONVENTION: Final = (
    "Of the typical price; the deviation is the population's, by volume, carried on as West (1979) does. Missing until "
    "something is traded; distance is missing while there is no deviation."
)
_REFERENCE: Final = "D. H. D. West, Updating Mean and Variance Estimates: An Improved Method, 1979"


def _fresh() -> Floats:
    return np.array([np.nan, 0.0, 0.0, 0.0])


def _advance(state: Floats, inputs: Sequence[Floats], out: Floats, *, multiplier: float) -> None:
    from barledger.indicators.own.kernels import vwap  # noqa: PLC0415 - numba is an extra, and slow to import

    number, high, low, close, volume = inputs
    vwap.anchored(state, number, high, low, close, volume, out, multiplier)


def _session(
    time: Ints, *inputs: Floats, anchor: str, multiplier: float, begins: float, zone: str = UTC
) -> tuple[Floats, ...]:
    numbers = CalendarWindow(unit=anchor, begins=begins, zone=zone).numbers(time)
    return run(partial(_advance, multiplier=multiplier), _fresh(), (numbers, *inputs), len(_OUTPUTS))


def _session_stream(*, anchor: str, multiplier: float, begins: float, zone: str = UTC) -> Handle:
    read = WindowReader(CalendarWindow(unit=anchor, begins=begins, zone=zone))
    return StateHandle(SESSION, partial(_advance, multiplier=multiplier), state=_fresh(), read=read)


def _session_reach(_: Values) -> Reach:
    return path()


def _session_since(values: Values, time: int) -> int:
    return window_of(values, "anchor").begin(time)


SESSION: Final = Indicator(
    name="session_vwap",
    title="Volume-weighted average price of the session",
    kind="volume",
    inputs=_INPUTS,
    parameters=(window_choice("anchor", "day"), _MULTIPLIER, BEGINS, ZONE),
    outputs=_OUTPUTS,
    reach=_session_reach,
    compute=_session,
    stream=_session_stream,
    since=_session_since,
    formula=_FORMULA,
    convention=(
        "Begins anew with each hour, day, week (on Monday), month or year of UTC, or of the "
        "zone; TA-Lib's vwap never does. "
        "Missing bars and values are left out of the sums. "
        f"{_CONVENTION}"
    ),
    reference=_REFERENCE,
    policy="skip",
    partial=True,
    timed=True,
)


@lru_cache(maxsize=64)
def _anchor(text: str) -> int:
    """Return the time that a text says; raises `ParameterInvalid`."""
    try:
        return parse_time(text)
    except InvalidInterval as error:
        allowed = "a day or a time in quotes, as in '2024-01-02' or '2024-01-02T14:30Z'"
        raise ParameterInvalid(indicator="anchored_vwap", name="anchor", value=text, allowed=allowed) from error


def _anchored(time: Ints, *inputs: Floats, anchor: str, multiplier: float) -> tuple[Floats, ...]:
    numbers = np.where(time >= _anchor(anchor), 0.0, np.nan)
    return run(partial(_advance, multiplier=multiplier), _fresh(), (numbers, *inputs), len(_OUTPUTS))


def _number(begin: int, time: int) -> float:
    return 0.0 if time >= begin else np.nan


def _anchored_stream(*, anchor: str, multiplier: float) -> Handle:
    read = partial(_number, _anchor(anchor))
    return StateHandle(ANCHORED, partial(_advance, multiplier=multiplier), state=_fresh(), read=read)


def _anchored_reach(values: Values) -> Reach:
    _anchor(str(values["anchor"]))
    return path()


def _anchored_since(values: Values, time: int) -> int:
    return min(_anchor(str(values["anchor"])), time)


ANCHORED: Final = Indicator(
    name="anchored_vwap",
    title="Volume-weighted average price since a time",
    kind="volume",
    inputs=_INPUTS,
    parameters=(
        Parameter(
            name="anchor",
            sort="text",
            default="1970-01-01",
            note="the first opening time, a day or an RFC 3339 time in quotes; UTC unless it says another zone",
        ),
        _MULTIPLIER,
    ),
    outputs=_OUTPUTS,
    reach=_anchored_reach,
    compute=_anchored,
    stream=_anchored_stream,
    since=_anchored_since,
    formula=_FORMULA,
    convention=(
        "Over all bars that open at the anchor or later; missing before. Missing bars and values are left out of the "
        f"sums. {_CONVENTION}"
    ),
    reference=_REFERENCE,
    policy="skip",
    partial=True,
    timed=True,
)


def _rolling(high: Floats, low: Floats, close: Floats, volume: Floats, *, period: int) -> tuple[Floats]:
    with np.errstate(over="ignore"):
        return (finite(weighted_means((high + low + close) / 3, volume, period)),)


def _rolling_reach(values: Values) -> Reach:
    return window(int(values["period"]) - 1)


ROLLING: Final = windowed(
    Indicator(
        name="rolling_vwap",
        title="Volume-weighted average price of a window",
        kind="volume",
        inputs=_INPUTS,
        parameters=(period("period", 20, aliases=("timeperiod", "window")),),
        outputs=(Output(name="rolling_vwap", aliases=("vwap",)),),
        reach=_rolling_reach,
        compute=_rolling,
        formula="sum(volume * tp, period) / sum(volume, period), tp = (high + low + close) / 3",
        convention="Of the typical price; TA-Lib's vwma is of the close. Missing where nothing is traded.",
        reference="https://en.wikipedia.org/wiki/Volume-weighted_average_price",
        partial=True,
    )
)
