"""Volume by price over the last so many bars: where most was traded, and the area around it."""

from typing import Final

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.kernel import sealed
from barledger.indicators.own.reaches import window
from barledger.indicators.own.rolling import finite
from barledger.indicators.parameter import Parameter

_INPUTS: Final = ("high", "low", "volume")
_PERIOD: Final = period("period", 100, aliases=("timeperiod", "window"))
_BINS: Final = Parameter(
    name="bins", default=24, low=1, high=10_000, note="bins of equal width over the window's range"
)
_CONVENTION: Final = (
    "The volume of a bar is spread evenly over its range; a bar without one goes whole into its bin. Equal bins from "
    "the lowest low to the highest high of the window, which the bar itself ends. Of equal bins the one nearest the "
    "middle counts, of two as near the lower. Missing where nothing is traded."
)


def _profiles(high: Floats, low: Floats, volume: Floats, period: int, bins: int, share: float) -> Floats:
    from barledger.indicators.own.kernels import profile  # noqa: PLC0415 - numba is an extra, and slow to import

    return profile.rolling(sealed(high), sealed(low), sealed(volume), period, bins, share)


def _poc(high: Floats, low: Floats, volume: Floats, *, period: int, bins: int) -> tuple[Floats]:
    return (finite(_profiles(high, low, volume, period, bins, 0.0)[0]),)


def _value_area(
    high: Floats, low: Floats, volume: Floats, *, period: int, bins: int, share: float
) -> tuple[Floats, ...]:
    return tuple(finite(row) for row in _profiles(high, low, volume, period, bins, share))


def _reach(values: Values) -> Reach:
    return window(int(values["period"]) - 1)


POC: Final = windowed(
    Indicator(
        name="poc",
        title="Point of control",
        kind="volume",
        inputs=_INPUTS,
        parameters=(_PERIOD, _BINS),
        outputs=(Output(name="poc"),),
        reach=_reach,
        compute=_poc,
        aliases=("point_of_control",),
        formula="the middle of the bin that has most of the volume of period bars",
        convention=_CONVENTION,
        reference="J. P. Steidlmayer and S. B. Hawkins, Steidlmayer on Markets, 2003",
        partial=True,
    )
)

VALUE_AREA: Final = windowed(
    Indicator(
        name="value_area",
        title="Value area",
        kind="volume",
        inputs=_INPUTS,
        parameters=(
            _PERIOD,
            _BINS,
            Parameter(name="share", sort="float", default=0.7, low=0.01, high=1, note="of the volume in the area"),
        ),
        outputs=(
            Output(name="poc"),
            Output(name="low", aliases=("val",)),
            Output(name="high", aliases=("vah",)),
        ),
        reach=_reach,
        compute=_value_area,
        formula=(
            "from the bin with most of the volume on, two bins above or two below, whichever have more, until the area "
            "has its share; low and high are its edges"
        ),
        convention=f"{_CONVENTION} The upper two if both pairs have the same.",
        reference="J. P. Steidlmayer and S. B. Hawkins, Steidlmayer on Markets, 2003",
        partial=True,
    )
)
