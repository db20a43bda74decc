"""Adjustments: what the editions say about how a source changed its story.

A source that applies a split or dividend multiplies a whole stretch of prices by one factor; one that corrects an
error changes single bars. Prices alone cannot prove which it was, so this describes and decides nothing.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from barledger.domain.interval import Interval, everything
from barledger.domain.rows import VALUES, Rows, found_in
from barledger.domain.series import Series
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault

Looks = Literal["unchanged", "factor", "jitter", "corrections", "volume only"]

_PRICES: Final = ("open", "high", "low", "close")
# A factor is one factor if the bars' own ratios lie this close to it; vendors round adjusted prices to some digits.
_SPREAD: Final = 1e-3
_FEWEST: Final = 5
_JITTER: Final = 2e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedBar:
    """A bar that is not what it was: new over old value per field, where both are there."""

    time: int
    revision: int
    ratios: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentReport:
    """What changed since a reference: ``looks`` says what the changes look like, ``factor`` is the common one."""

    series: Series
    since: int
    looks: Looks
    changed: tuple[ChangedBar, ...]
    added: int
    withdrawn: int
    factor: float | None
    interval: Interval | None

    @property
    def adjusted(self) -> bool:
        """Whether the changes look like a split or dividend adjustment."""
        return self.looks == "factor"


def check(vault: Vault, series: Series, reference: int) -> AdjustmentReport:
    """Compare the state at ``reference`` (ns) with the newest one."""
    then_revision = vault.ledger.revisions.at_time(series, reference)
    now = read(vault, series, [everything()])
    then = read(vault, series, [everything()], revision=then_revision).rows.standing()
    current = now.rows.standing()
    old = then.pick(found_in(then.time, current.time))
    new = current.pick(found_in(current.time, then.time))
    ratios = {name: _ratio(getattr(old, name), getattr(new, name)) for name in VALUES}
    moved = np.logical_or.reduce([~_equal(getattr(old, name), getattr(new, name)) for name in VALUES])
    looks, factor = _judge(ratios, moved)
    times = new.time[moved]
    return AdjustmentReport(
        series=series,
        since=reference,
        looks=looks,
        changed=tuple(_bars(new, ratios, moved)),
        added=len(current) - len(new),
        withdrawn=len(then) - len(old),
        factor=factor,
        interval=Interval(int(times[0]), int(times[-1]) + 1) if len(times) else None,
    )


def _judge(ratios: dict[str, Any], moved: npt.NDArray[np.bool_]) -> tuple[Looks, float | None]:
    if not moved.any():
        return "unchanged", None
    prices = np.concatenate([ratios[name][moved] for name in _PRICES])
    prices = prices[~np.isnan(prices)]
    if not len(prices) or bool((prices == 1.0).all()):
        return "volume only", None
    if bool((np.abs(prices - 1) <= _JITTER).all()):
        return "jitter", None
    factor = float(np.median(prices))
    one = bool((np.abs(prices / factor - 1) <= _SPREAD).all())
    if one and int(moved.sum()) >= _FEWEST and abs(factor - 1) > _SPREAD:
        return "factor", factor
    return "corrections", None


def _bars(new: Rows, ratios: dict[str, Any], moved: npt.NDArray[np.bool_]) -> list[ChangedBar]:
    return [
        ChangedBar(
            time=int(new.time[at]),
            revision=int(new.revision[at]),
            ratios={name: float(ratio[at]) for name, ratio in ratios.items() if ratio[at] != 1.0},
        )
        for at in np.flatnonzero(moved).tolist()
    ]


def _ratio(old: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(_equal(old, new), 1.0, new / old)


def _equal(old: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.asarray((old == new) | (np.isnan(old) & np.isnan(new)))
