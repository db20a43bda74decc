"""Volume profiles and our own indicators, against NumPy; nothing else has what is compared here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from barledger.indicators.definition import Indicator
from barledger.indicators.own import indicators
from barledger.indicators.profile import volume_profile
from benchmarks.data import Sizes, minute_bars
from benchmarks.measure import Times, alternate, always
from benchmarks.row import Aim, Outcome, Row

Floats = npt.NDArray[np.float64]
_BARS: Final = 1_000_000
_FEW: Final = 100_000
_AT_ONCE: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Columns of bars, and how often each contestant runs."""

    columns: dict[str, Floats]
    rounds: int

    def run(self, ours: Callable[[], object], theirs: Callable[[], object]) -> Outcome:
        """Let both run in turns."""
        taken = alternate({"ours": always(ours), "theirs": always(theirs)}, rounds=self.rounds)
        return Outcome(value=_ratio(taken), ours=str(taken["ours"]), theirs=str(taken["theirs"]))


def _ratio(taken: dict[str, Times]) -> float:
    return taken["theirs"].median / taken["ours"].median


@contextmanager
def stage(_: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give a million bars, or as many as there are in a quick run."""
    bars = minute_bars(min(_BARS, sizes.bars))
    columns = {name: bars[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")}
    yield Stage(columns=columns, rounds=2 * sizes.rounds + 1)


def by_numpy(high: Floats, low: Floats, volume: Floats, bins: int) -> Floats:
    """Return the volume of equal bins, each bar's spread evenly over its range, in a few passes over all bars.

    What of a bar is in its first and in its last bin is added by ``bincount``; bins between them get its density by the
    running sum of differences. No array is as large as bars by bins, which would take many times as long.
    """
    lowest, highest = low.min(), high.max()
    slope = bins / (highest - lowest)
    under, over = (low - lowest) * slope, (high - lowest) * slope
    first = np.minimum(under.astype(np.intp), bins - 1)
    last = np.minimum(over.astype(np.intp), bins - 1)
    alone = first == last
    density = np.divide(volume, over - under, out=np.zeros_like(volume), where=~alone)
    parts = np.bincount(first, np.where(alone, volume, (first + 1 - under) * density), bins)
    parts += np.bincount(last, (over - last) * density, bins)
    steps = np.bincount(first + 1, density, bins + 1) - np.bincount(last, density, bins + 1)
    return parts + np.cumsum(steps)[:bins]


def by_overlap(high: Floats, low: Floats, volume: Floats, bins: int) -> Floats:
    """Return the same by what each bar has in common with each bin, some thousand bars at a time."""
    edges = np.linspace(low.min(), high.max(), bins + 1)
    under, over, found = edges[:-1], edges[1:], np.zeros(bins)
    # What was traded at one price has to have something in common with the bin that begins there, or with the last.
    least = (edges[1] - edges[0]) * 1e-9
    for begin in range(0, len(volume), _AT_ONCE):
        bottom = np.minimum(low[begin : begin + _AT_ONCE, None], edges[-1] - least)
        top = high[begin : begin + _AT_ONCE, None] + least
        common = np.maximum(np.minimum(top, over) - np.maximum(bottom, under), 0.0)
        found += (volume[begin : begin + _AT_ONCE, None] * common / common.sum(axis=1, keepdims=True)).sum(axis=0)
    return found


def profile(bins: int, rival: Callable[..., Floats], alike: float, on: Stage) -> Outcome:
    """Time profiles; both have the same volumes, but for bars of one price where rounding moves an edge over it."""
    wanted = [on.columns[name] for name in ("high", "low", "volume")]
    found = volume_profile(on.columns, bins=bins)
    np.testing.assert_allclose(found.volume, rival(*wanted, bins), rtol=alike, atol=1e-9 * found.total)
    return on.run(lambda: volume_profile(on.columns, bins=bins), lambda: rival(*wanted, bins))


def _own(name: str) -> Indicator:
    return next(one for one in indicators() if one.name == name)


def zscore(on: Stage) -> Outcome:
    """Time z-scores of windows of 20, each from its own bars on both sides."""
    close, one = on.columns["close"][:_FEW], _own("zscore")

    def theirs() -> object:
        windows = sliding_window_view(close, 20)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)

    return on.run(lambda: one.compute(close, **one.defaults), theirs)


_RIVALS: Final = {
    "profile": ("NumPy, spreading volume over each bar's range by difference arrays of bincount", by_numpy, 1e-6),
    "profile.overlap": ("NumPy, by what each bar has in common with each bin", by_overlap, 1e-3),
}
ROWS: Final = (
    *(
        Row(
            name=f"{name}.{bins}",
            work=f"a volume profile of 1M minute bars in {bins} bins, with its point of control and value area",
            against=f"{told} (no point of control, no checks)",
            aim=Aim(value=10.0),
            run=partial(profile, bins, rival, alike),
            bound=(
                "for each bar a division and two additions to bins, some 3 ns, finding the lowest and the highest price, "
                "and waking the other threads; by as many as cores are free"
            ),
        )
        for name, (told, rival, alike) in _RIVALS.items()
        for bins in (24, 200)
    ),
    Row(
        name="own.zscore",
        work="z-scores of 100,000 closes over 20 bars, each window from its own bars",
        against="NumPy's sliding windows",
        aim=Aim(value=3.0),
        run=zscore,
        bound="two passes over each window",
    ),
)
