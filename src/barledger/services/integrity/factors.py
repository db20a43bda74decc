"""Factors: prices that were multiplied over a stretch, and the event or the habit that explains it.

What is known of the instrument comes first: a factor that a known corporate action gives is that action, whatever the
prices alone would look like. Without one, the factor and what the volume did say what it looks like, and no more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isclose, log10
from typing import Any, Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.comparison import Tolerance
from barledger.domain.interval import format_time
from barledger.domain.rows import Flags, Floats, Rows
from barledger.services.ingestion.restatement import (
    PRICES,
    Pairs,
    Restatement,
    Step,
    VolumeMove,
    recognise,
    volume_move,
)
from barledger.services.ingestion.restating import surety, told

_KNOWN: Final = 0.99
_MOST_OTHERS: Final = 0.1
_FEWEST: Final = 5
_LEAST_RATE: Final = 0.02
_MOST_SPREAD: Final = 0.1
# The decimal logarithm of a change of unit, the least split, the most of a price that is paid out, plain ratios.
_HUNDRED: Final = 2
_LEAST_SPLIT: Final = 0.8
_LARGEST_PAYMENT: Final = 0.5
_LARGEST_RATIO: Final = 20
_SPLITS: Final = frozenset({"split", "stock_dividend"})
_PAYMENTS: Final = frozenset({"cash_dividend", "special_dividend", "capital_gain"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplied:
    """Bars from ``first`` (position among the pairs) up to ``last``, exclusive, whose prices were multiplied.

    ``looks`` is ``split``, ``dividend``, ``unit`` or ``currency``.
    """

    first: int
    last: int
    factor: float
    volume: VolumeMove
    looks: str
    confidence: float
    reason: str
    evidence: dict[str, Any]

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the columns that were multiplied."""
        return (*PRICES, "volume") if self.volume == "inverse" else PRICES


def find_factor(
    old: Rows, new: Rows, changed: Flags, tolerance: Tolerance, actions: Sequence[CorporateAction]
) -> Multiplied | None:
    """Return the factor that explains the price changes of paired bars (``changed``), or None.

    A known action is tried before the pattern of the prices; a pattern may also hold over a stretch in the middle, or
    move from bar to bar as a rate of exchange does.
    """
    if not bool(changed.any()):
        return None
    positions = np.flatnonzero(changed)
    first, last = int(positions[0]), int(positions[-1]) + 1
    return (
        _announced(old, new, changed, tolerance, actions)
        or _pattern(old, new, tolerance, 0, len(old))
        or _pattern(old, new, tolerance, first, last)
        or _rate(old, new, tolerance, first, last)
    )


# --- known actions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Event:
    action: CorporateAction
    factor: float


def _announced(
    old: Rows, new: Rows, changed: Flags, tolerance: Tolerance, actions: Sequence[CorporateAction]
) -> Multiplied | None:
    """Return what known actions explain: the one, or those in a row, that explain most of the changed bars."""
    pairs = Pairs(old, new, tolerance)
    best: tuple[int, Sequence[_Event], Floats, VolumeMove] | None = None
    for events in _combinations(old, actions):
        factors = np.ones(len(old))
        for event in events:
            factors[old.time < event.action.ex_date] *= event.factor
        concerned = factors != 1.0
        fits = pairs.fit(factors)
        explained = int((fits & concerned & changed).sum())
        unexplained = int((concerned & ~fits).sum()) + int((changed & ~concerned).sum())
        if not explained or unexplained > _MOST_OTHERS * (explained + unexplained):
            continue
        volume = volume_move(pairs, factors, fits & concerned)
        if volume is not None and (best is None or explained > best[0]):
            best = explained, events, factors, volume
    return None if best is None else _by_events(old, *best)


def _combinations(old: Rows, actions: Sequence[CorporateAction]) -> Iterator[Sequence[_Event]]:
    """Give the events one by one, and several in a row, applied or taken back."""
    events = [event for action in sorted(actions, key=lambda one: one.ex_date) if (event := _event(old, action))]
    splits = [event for event in events if event.action.kind in _SPLITS]
    rows: list[Sequence[_Event]] = [[event] for event in events]
    for some in (splits, events):
        rows += [some[at:] for at in range(len(some) - 1)]
        rows += [some[:at] for at in range(2, len(some))]
    for row in rows:
        yield row
        yield [_Event(event.action, 1 / event.factor) for event in row]


def _event(old: Rows, action: CorporateAction) -> _Event | None:
    """Return the factor of prices before an ex-date: 1/ratio, 1/(1 + share), or 1 - D/close before it (CRSP)."""
    before = int(np.searchsorted(old.time, action.ex_date))
    if not before:
        return None
    if action.kind == "split":
        return _Event(action, 1 / action.value)
    if action.kind == "stock_dividend":
        return _Event(action, 1 / (1 + action.value))
    close = float(old.close[before - 1])
    if action.kind in _PAYMENTS and close > action.value:
        return _Event(action, 1 - action.value / close)
    return None


def _by_events(old: Rows, explained: int, events: Sequence[_Event], factors: Floats, volume: VolumeMove) -> Multiplied:
    last = int(np.flatnonzero(factors != 1.0)[-1]) + 1
    edges = [*np.flatnonzero(np.diff(factors[:last])).tolist(), last - 1]
    steps = tuple(Step(until=_until(old, edge + 1), factor=float(factors[edge])) for edge in edges)
    bars = int((factors != 1.0).sum())
    found = Restatement(
        factor=float(factors[0]),
        until=_until(old, last),
        steps=steps,
        volume=volume,
        bars=explained,
        others=bars - explained,
    )
    spoken = [_spoken(event.action) for event in events]
    looks = "split" if any(event.action.kind in _SPLITS for event in events) else "dividend"
    return Multiplied(
        first=0,
        last=last,
        factor=found.factor,
        volume=volume,
        looks=looks,
        confidence=_KNOWN,
        reason=f"{found}: {' and '.join(spoken)}",
        evidence={**told(found), "looks": looks, "actions": spoken},
    )


def _spoken(action: CorporateAction) -> str:
    value = "" if not action.value else f" of {action.value:g}{f' {action.currency}' if action.currency else ''}"
    return f"{action.kind.replace('_', ' ')}{value} on {format_time(action.ex_date)[:10]}, told by {action.source}"


def _until(rows: Rows, at: int) -> int:
    return int(rows.time[at]) if at < len(rows) else int(rows.time[-1]) + 1


# --- patterns --------------------------------------------------------------------------------------


def _pattern(old: Rows, new: Rows, tolerance: Tolerance, first: int, last: int) -> Multiplied | None:
    """Return the factor that the prices of these pairs show by themselves."""
    part = slice(first, last)
    mine = old.pick(part)
    found = recognise(mine, new.pick(part), tolerance)
    if found is None:
        return None
    looks = looks_like(found.factor, found.volume, steps=len(found.steps))
    return Multiplied(
        first=first,
        last=first + int(np.searchsorted(mine.time, found.until)),
        factor=found.factor,
        volume=found.volume,
        looks=looks,
        confidence=surety(found),
        reason=f"{found}: {looks}-like, and no known event says so",
        evidence={**told(found), "looks": looks, "from": format_time(int(mine.time[0]))},
    )


def looks_like(factor: float, volume: VolumeMove, *, steps: int = 1) -> str:
    """Return what a factor looks like, which proves nothing.

    A power of ten from a hundred on that leaves the volume alone is another unit; a plain ratio is a split; a little
    less than one is a dividend; what is left may be another currency.
    """
    power = log10(factor)
    if volume == "unchanged" and abs(round(power)) >= _HUNDRED and isclose(power, round(power), abs_tol=1e-3):
        return "unit"
    if volume == "inverse" or (_is_plain(factor) and not _LEAST_SPLIT < factor < 1 / _LEAST_SPLIT):
        return "split"
    return "dividend" if _LARGEST_PAYMENT < factor < 1 or steps > 1 else "currency"


def _is_plain(factor: float) -> bool:
    """Whether it is a ratio of small numbers."""
    below = np.arange(1, _LARGEST_RATIO + 1)
    ratios = np.concatenate([factor * below, [1 / factor]])
    return bool((np.isclose(ratios, np.round(ratios), rtol=1e-6, atol=0) & (np.round(ratios) > 0)).any())


def _rate(old: Rows, new: Rows, tolerance: Tolerance, first: int, last: int) -> Multiplied | None:
    """Return a factor that moves from bar to bar as a rate of exchange does, with the volume as it was."""
    mine, theirs = old.pick(slice(first, last)), new.pick(slice(first, last))
    if len(mine) < _FEWEST:
        return None
    pairs = Pairs(mine, theirs, tolerance)
    fits = pairs.fit(pairs.ratio)
    middle, spread = float(np.median(pairs.ratio)), float(np.std(np.log(pairs.ratio)))
    near = np.isclose(mine.volume, theirs.volume, rtol=max(tolerance.volume, 1e-3), equal_nan=True)
    most = 1 - _MOST_OTHERS
    if fits.mean() < most or near.mean() < most or abs(middle - 1) < _LEAST_RATE or spread > _MOST_SPREAD:
        return None
    lowest, highest = float(pairs.ratio.min()), float(pairs.ratio.max())
    reason = f"{len(mine)} bars times {lowest:.6g} to {highest:.6g}, each of its own, volume unchanged: currency-like"
    return Multiplied(
        first=first,
        last=last,
        factor=middle,
        volume="unchanged",
        looks="currency",
        confidence=0.8 * float(fits.mean()),
        reason=reason,
        evidence={
            "looks": "currency",
            "factor": f"{middle:.10g}",
            "lowest": f"{lowest:.10g}",
            "highest": f"{highest:.10g}",
            "from": format_time(int(mine.time[0])),
            "until": format_time(_until(old, last)),
        },
    )
