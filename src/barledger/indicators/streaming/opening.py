"""Opening: the handle of a function of TA-Lib, by its name."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from barledger.indicators.definition import Handle, Reach, Values
from barledger.indicators.parameter import Value
from barledger.indicators.streaming import cumulative, parabolic
from barledger.indicators.streaming.path import PathHandle, Step
from barledger.indicators.streaming.replay import ReplayHandle, recipe

_STEPS: Final[Mapping[str, tuple[Callable[..., Step], tuple[int, ...]]]] = {
    "AD": (cumulative.ad, (1,)),
    "ADOSC": (cumulative.adosc, (4,)),
    "CUMSUM": (cumulative.cumsum, (1,)),
    "NVI": (cumulative.nvi, (3,)),
    "OBV": (cumulative.obv, (2,)),
    "PVI": (cumulative.pvi, (3,)),
    "PVT": (cumulative.pvt, (2,)),
    "SAR": (parabolic.sar, (2, 6)),
    "SAREXT": (parabolic.sarext, (2, 6)),
    "SUPERTREND": (cumulative.supertrend, (3, 6)),
    "VWAP": (cumulative.vwap, (3,)),
    "WAD": (cumulative.wad, (2,)),
}
"""Functions of TA-Lib that have handles of our own, because no number of last bars tells what they will give."""


def streamed(
    function: str,
    *,
    reach: Callable[[Values], Reach],
    plain: Callable[[Mapping[str, Value]], Mapping[str, Any]] = dict,
) -> Callable[..., Handle]:
    """Return what opens handles of a function of TA-Lib (``RSI``), as `Indicator.stream` wants it.

    ``reach`` is the indicator's; ``plain`` turns its parameters into those that TA-Lib takes by name.
    """

    def opened(**parameters: Value) -> Handle:
        given = plain(parameters)
        if function in _STEPS:
            make, sizes = _STEPS[function]
            return PathHandle(function.lower(), given, make(**given), sizes)
        own = reach(parameters)
        return ReplayHandle(recipe(function, tuple(given.items()), own.settled, own.exact))

    return opened
