"""Volume profiles: how much was traded at which price."""

from dataclasses import dataclass
from math import floor, isfinite
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.bars import Bars
from barledger.errors import InputMissing, InputUnsuitable, ParameterInvalid
from barledger.indicators.definition import Floats
from barledger.indicators.own.kernel import sealed
from barledger.indicators.parameter import Parameter
from barledger.indicators.sharing import shared_out

_NAME: Final = "volume_profile"
_WANTED: Final = ("high", "low", "volume")
_MOST_BINS: Final = 10_000_000
_PART: Final = 250_000
_FEW_BINS: Final = 50_000
"""With more, threads would spend their time on bins."""
_BINS: Final = Parameter(name="bins", default=24, low=1, high=_MOST_BINS)
_TICK: Final = Parameter(name="tick", sort="float", default=0.01, low=1e-12)
_SHARE: Final = Parameter(name="value_area", sort="float", default=0.7, low=0.01, high=1)
_ON_AN_EDGE: Final = 1e-6
"""So many ticks from an edge, a price is on it: prices are decimals, and doubles are not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VolumeProfile:
    """The volume of each bin of prices. ``edges`` are one more than bins; both arrays are read-only.

    ``poc`` is the point of control, the middle of the bin with most volume. The value area, from ``value_area_low`` to
    ``value_area_high``, has at least the ``share`` of the ``total`` volume. These three are NaN if nothing was traded.
    ``bars`` were spread over the bins, and ``missing`` others left out since a value of theirs is missing.
    """

    edges: Floats
    volume: Floats
    poc: float
    value_area_low: float
    value_area_high: float
    share: float
    total: float
    bars: int
    missing: int = 0

    @property
    def df(self) -> pd.DataFrame:
        """Return a row for each bin: ``low``, ``high``, ``volume``, ``share`` of the total and ``in_value_area``."""
        low, high = self.edges[:-1], self.edges[1:]
        with np.errstate(invalid="ignore"):
            share = self.volume / self.total if self.total > 0 else np.full(len(self), np.nan)
        middle = (low + high) / 2
        inside = (middle >= self.value_area_low) & (middle <= self.value_area_high)
        return pd.DataFrame(
            {"low": low, "high": high, "volume": self.volume, "share": share, "in_value_area": inside}, copy=True
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as values that JSON knows; what is missing is None."""
        levels = {"poc": self.poc, "value_area_low": self.value_area_low, "value_area_high": self.value_area_high}
        return {
            **{name: value if isfinite(value) else None for name, value in levels.items()},
            "share": self.share,
            "total": self.total,
            "bars": self.bars,
            "missing": self.missing,
            "edges": self.edges.tolist(),
            "volume": self.volume.tolist(),
        }

    def __len__(self) -> int:
        """Return the number of bins."""
        return len(self.volume)

    def __repr__(self) -> str:
        """Say what was traded where, in a line."""
        left_out = f", {self.missing:,} without values left out" if self.missing else ""
        count = f"{len(self):,} bin{'s' * (len(self) != 1)}"
        span = f"from {self.edges[0]:.10g} to {self.edges[-1]:.10g}"
        area = f"{self.share:.0%} from {self.value_area_low:.10g} to {self.value_area_high:.10g}"
        traded = f"{self.total:,.10g} of {self.bars:,} bars{left_out}"
        return f"<VolumeProfile {traded} in {count} {span}: poc {self.poc:.10g}, {area}>"


def volume_profile(
    bars: Any, *, bins: int | None = None, tick: float | None = None, value_area: float = 0.70
) -> VolumeProfile:
    """Return how much was traded at which price.

    ``bars`` are `Bars`, a frame, or a mapping of arrays with high, low and volume. A bar's volume is spread evenly from
    its low to its high; a bar whose ends are in one bin goes whole into it. ``bins`` (24 unless given) are equal, from
    the lowest low to the highest high; with ``tick`` they are a tick wide instead, with edges at its multiples, so that
    each price has a bin of its own that begins with it. The value area grows from the bin with most volume by two bins
    above or two below, whichever have more (the upper if they have the same); of equal bins the one nearest the middle
    has most, of two as near the lower. Time is O(bars + bins), and volume is conserved to 1e-12.

    Raises `ParameterInvalid`, `InputMissing`, and `InputUnsuitable` for bars that cannot be, or none.

    >>> found = volume_profile({"high": [11.0, 12.0], "low": [10.0, 10.0], "volume": [60.0, 40.0]}, bins=2)
    >>> found.volume.tolist(), found.poc
    ([80.0, 20.0], 10.5)
    """
    from barledger.indicators.own.kernels import profile  # noqa: PLC0415 - numba is an extra, and slow to import

    share = float(_SHARE.check(_NAME, value_area))
    columns, missing = _columns(bars), 0
    made = _spread(*columns, bins, tick)
    if made is None:
        columns, missing = _swept(*columns)
        made = _spread(*columns, bins, tick)
    if made is None:
        raise _unsuitable("the volumes add up to more than a double holds", "Give them in a larger unit.")
    edges, found = made
    most, first, last = profile.area(found, share)
    there = most >= 0
    return VolumeProfile(
        edges=sealed(edges),
        volume=sealed(found),
        poc=float((edges[most] + edges[most + 1]) / 2) if there else np.nan,
        value_area_low=float(edges[first]) if there else np.nan,
        value_area_high=float(edges[last + 1]) if there else np.nan,
        share=share,
        total=float(found.sum()),
        bars=len(columns[2]),
        missing=missing,
    )


def _spread(
    high: Floats, low: Floats, volume: Floats, bins: int | None, tick: float | None
) -> tuple[Floats, Floats] | None:
    """Return edges and volumes; None if a value is missing, infinite, or cannot be.

    Many bars are spread part by part, and threads share the parts. Parts depend on the number of bars alone and
    are added in their order, so that the volumes have the same bits on every machine.
    """
    from barledger.indicators.own.kernels import profile  # noqa: PLC0415 - numba is an extra, and slow to import

    if not len(volume):
        return None
    ranges = shared_out(lambda part: (low[part].min(), high[part].max()), _parts(len(volume), _PART))
    lowest, highest = float(np.min([one for one, _ in ranges])), float(np.max([one for _, one in ranges]))
    if not (isfinite(lowest) and isfinite(highest) and lowest <= highest):
        return None
    edges, scale = _bins(lowest, highest, bins, tick)
    count = len(edges) - 1
    rows = _parts(len(volume), _PART if count <= _FEW_BINS else len(volume))
    made = shared_out(lambda part: profile.spread(low[part], high[part], volume[part], scale, count), rows)
    with np.errstate(over="ignore"):
        found: Floats = np.sum([volumes for volumes, _ in made], axis=0) if len(made) > 1 else made[0][0]
        wrong = any(wrong for _, wrong in made) or not isfinite(found.sum())
    return None if wrong else (edges, found)


def _parts(count: int, size: int) -> list[slice]:
    return [slice(begin, begin + size) for begin in range(0, count, size)]


def _swept(high: Floats, low: Floats, volume: Floats) -> tuple[tuple[Floats, Floats, Floats], int]:
    """Return the bars that have all values, and how many do not; raises `InputUnsuitable` for what cannot be."""
    there = ~(np.isnan(high) | np.isnan(low) | np.isnan(volume))
    kept = tuple(sealed(one[there]) for one in (high, low, volume))
    if not len(kept[0]):
        reason = "each of them misses a high, a low or a volume" if len(high) else "there are none"
        raise _unsuitable(reason, "Give an interval with bars.")
    if any(bool(np.isinf(one).any()) for one in kept):
        raise _unsuitable("a value is infinite", "Leave that bar out.")
    wrong = int(((kept[0] < kept[1]) | (kept[2] < 0)).sum())
    if wrong:
        reason = f"{wrong:,} of {len(high):,} have a high below the low, or a volume below 0"
        raise _unsuitable(reason, "Validate them first: bars that were written through barledger cannot be like that.")
    return (kept[0], kept[1], kept[2]), len(high) - len(kept[0])


def _bins(
    lowest: float, highest: float, bins: int | None, tick: float | None
) -> tuple[Floats, tuple[float, float, float]]:
    """Return the edges, and how prices are counted in bins."""
    if tick is not None:
        if bins is not None:
            raise _wrong("bins", bins, "either bins or tick")
        return _ticks(lowest, highest, tick)
    count = int(_BINS.check(_NAME, _BINS.default if bins is None else bins))
    width = (highest - lowest) / count
    if not width > 0:
        # All at one price: one bin, as narrow as what was traded.
        return np.array([lowest, highest], np.float64), (lowest, 0.0, 0.0)
    edges = np.linspace(lowest, highest, count + 1)
    return edges, (lowest, 1 / width, 0.0)


def _ticks(lowest: float, highest: float, tick: float) -> tuple[Floats, tuple[float, float, float]]:
    tick = float(_TICK.check(_NAME, tick))
    first, last = (floor(price / tick + _ON_AN_EDGE) for price in (lowest, highest))
    if last - first >= _MOST_BINS:
        raise _wrong("tick", tick, f"one that divides {lowest:g} to {highest:g} into at most {_MOST_BINS:,} bins")
    edges = np.arange(first, last + 2, dtype=np.float64) * tick
    return edges, (first * tick, 1 / tick, _ON_AN_EDGE)


def _columns(bars: Any) -> tuple[Floats, Floats, Floats]:
    given = bars.to_numpy() if isinstance(bars, Bars) else bars
    by_name = {str(name).lower(): name for name in given}
    found = []
    for name in _WANTED:
        if name not in by_name:
            raise InputMissing(indicator=_NAME, column=name, found=tuple(map(str, by_name)))
        found.append(_numbers(name, given[by_name[name]]))
    if len({one.shape for one in found}) > 1 or found[0].ndim != 1:
        raise _unsuitable("high, low and volume are not of one length", "Give one value of each for each bar.")
    high, low, volume = map(sealed, found)
    return high, low, volume


def _numbers(name: str, values: Any) -> Floats:
    try:
        return np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise _unsuitable(
            f"{name} is not all numbers", "Give arrays of float64, with NaN for what is missing."
        ) from error


def _unsuitable(reason: str, remedy: str) -> InputUnsuitable:
    return InputUnsuitable(reason=reason, remedy=remedy)


def _wrong(name: str, value: object, allowed: str) -> ParameterInvalid:
    return ParameterInvalid(indicator=_NAME, name=name, value=value, allowed=allowed)
