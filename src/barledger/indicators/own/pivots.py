"""Pivot points: levels for a window of bars, from the bar of the window before."""

from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Final

import numpy as np

from barledger.domain.rows import Ints
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
from barledger.indicators.own.kernel import sealed
from barledger.indicators.own.reaches import path, window
from barledger.indicators.own.rolling import highest, later, lowest
from barledger.indicators.own.stateful import run
from barledger.indicators.parameter import Parameter

_KINDS: Final = ("standard", "fibonacci", "camarilla", "woodie", "demark")
_STATE: Final = 15
_BACK: Final = {"hour": 14 * 24, "day": 14, "week": 3, "month": 2, "year": 1}
"""How many windows back there is one with bars: what is closed for longer has no levels after that."""

_KIND: Final = Parameter(name="kind", sort="choice", default="standard", choices=_KINDS)
_OUTPUTS: Final = (
    Output(name="p", aliases=("pp", "pivot"), note="the pivot point"),
    *(Output(name=f"r{step}", note=f"resistance {step}") for step in range(1, 5)),
    *(Output(name=f"s{step}", note=f"support {step}") for step in range(1, 5)),
)
_FORMULA: Final = (
    "Of the window's open O, high H, low L and close C. standard: p = (H + L + C) / 3, r1 = 2 p - L, r2 = p + (H - L), "
    "r3 = H + 2 (p - L), s1 = 2 p - H, s2 = p - (H - L), s3 = L - 2 (H - p). woodie: the same with p = (H + L + 2 "
    "open) / 4, with the open that it is for. fibonacci: p = (H + L + C) / 3, r, s = p +- 0.382, 0.618, 1 (H - L). "
    "camarilla: p = C, r, s = C +- 1.1 / 12, 1.1 / 6, 1.1 / 4, 1.1 / 2 (H - L). demark: x = H + L + C and once more L "
    "if C < O, H if C > O, else C; p = x / 4, r1 = x / 2 - L, s1 = x / 2 - H"
)
_CONVENTION: Final = (
    "Only camarilla has r4 and s4, and demark r1 and s1 alone; the others are missing. Camarilla's p is the close; "
    "elsewhere it is (H + L + C) / 3."
)
_REFERENCE: Final = "https://chartschool.stockcharts.com/table-of-contents/technical-indicators-and-overlays/technical-overlays/pivot-points"


def _kernels() -> ModuleType:
    from barledger.indicators.own.kernels import pivots  # noqa: PLC0415 - numba is an extra, and slow to import

    return pivots


def _advance(state: Floats, inputs: Sequence[Floats], out: Floats, *, kind: str) -> None:
    number, opened, high, low, close = inputs
    _kernels().of_calendar(state, number, opened, high, low, close, out, _KINDS.index(kind))


def _compute(time: Ints, *inputs: Floats, window: str, kind: str, begins: float, zone: str = UTC) -> tuple[Floats, ...]:
    numbers = CalendarWindow(unit=window, begins=begins, zone=zone).numbers(time)
    return run(partial(_advance, kind=kind), np.zeros(_STATE), (numbers, *inputs), len(_OUTPUTS))


def _stream(*, window: str, kind: str, begins: float, zone: str = UTC) -> Handle:
    read = WindowReader(CalendarWindow(unit=window, begins=begins, zone=zone))
    return StateHandle(PIVOTS, partial(_advance, kind=kind), state=np.zeros(_STATE), read=read)


def _reach(_: Values) -> Reach:
    return path()


def _since(values: Values, time: int) -> int:
    unit = str(values["window"])
    return window_of(values, "window").begin(time, back=_BACK[unit])


def _origin(values: Values, time: Ints) -> int:
    """Return when the last window with bars before that of the last bar begins."""
    window = window_of(values, "window")
    last = int(time[-1])
    before = int(np.searchsorted(time, window.begin(last)))
    return window.begin(int(time[before - 1])) if before else window.begin(last, back=1)


PIVOTS: Final = Indicator(
    name="pivots",
    title="Pivot points of the calendar",
    kind="trend",
    inputs=("open", "high", "low", "close"),
    parameters=(window_choice("window", "day"), _KIND, BEGINS, ZONE),
    outputs=_OUTPUTS,
    reach=_reach,
    compute=_compute,
    stream=_stream,
    since=_since,
    origin=_origin,
    aliases=("pivot_points",),
    formula=_FORMULA,
    convention=(
        "Of the last hour, day, week (from Monday), month or year of UTC, or of the zone, with bars before that of the "
        "bar; missing in "
        "the first one, which counts as whole. Missing bars and values are left out. "
        f"{_CONVENTION}"
    ),
    reference=_REFERENCE,
    policy="skip",
    partial=True,
    timed=True,
)


def _rolling(
    opened: Floats, high: Floats, low: Floats, close: Floats, *, period: int, lag: int, kind: str
) -> tuple[Floats, ...]:
    bar = (
        later(opened, period + lag),
        later(highest(high, period), 1 + lag),
        later(lowest(low, period), 1 + lag),
        later(close, 1 + lag),
    )
    levels: Floats = _kernels().of_bars(*map(sealed, bar), sealed(opened), _KINDS.index(kind))
    levels[:, : period + lag] = np.nan
    return tuple(levels)


def _rolling_reach(values: Values) -> Reach:
    return window(int(values["period"]) + int(values["lag"]))


ROLLING: Final = windowed(
    Indicator(
        name="rolling_pivots",
        title="Pivot points of the bars before",
        kind="trend",
        inputs=("open", "high", "low", "close"),
        parameters=(
            period("period", 20, aliases=("timeperiod", "window")),
            Parameter(name="lag", default=0, low=0, high=100_000, note="bars between the window and the bar"),
            _KIND,
        ),
        outputs=_OUTPUTS,
        reach=_rolling_reach,
        compute=_rolling,
        formula=_FORMULA,
        convention=(
            "Of the period bars that end lag + 1 bars before; the bar itself is never among them. demark takes the "
            f"open of the first of them, where others take the bar's own. {_CONVENTION}"
        ),
        reference=_REFERENCE,
        partial=True,
    )
)
