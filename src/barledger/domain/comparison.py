"""What a write changes: every bar is new, changed, the same, or the same but for the vendor's jitter.

This comparison decides whether history is made. It is never used for integrity, which knows exact digests only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from barledger.domain.rows import VALUES, Flags, Floats, Ints, Positions, Rows, Texts

EXACT_COLUMNS: Final = ("adjustment_factor", "source_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Relative differences, measured from the stored value, that mean nothing for this source.

    ``fields`` are those of single columns, where they are others than ``price`` and ``volume`` say.
    """

    price: float = 0.0
    volume: float = 0.0
    fields: Mapping[str, float] = field(default_factory=dict)

    def of(self, column: str) -> float:
        """Return the tolerance of a column."""
        return self.fields.get(column, self.volume if column == "volume" else self.price)


EXACT: Final = Tolerance()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Positions into the incoming rows; ``replaced`` are those of the stored rows that ``changed`` supersede."""

    new: Positions
    changed: Ints
    replaced: Ints
    same: Ints
    jitter: Ints

    @property
    def written(self) -> Positions:
        """Return the incoming rows that make history, in ascending order of time."""
        if not len(self.changed):
            return self.new
        return np.sort(np.concatenate([self.new, self.changed])) if len(self.new) else self.changed


def compare(stored: Rows, incoming: Rows, tolerance: Tolerance = EXACT) -> Comparison:
    """Compare incoming bars with the visible rows, tombstones included, of the same stretch.

    A withdrawn bar that comes back is *changed*; one that is withdrawn again is *same*.
    """
    nothing = np.empty(0, np.int64)
    if not len(stored) or not len(incoming) or incoming.time[0] > stored.time[-1]:
        return Comparison(new=range(len(incoming)), changed=nothing, replaced=nothing, same=nothing, jitter=nothing)
    everything = np.arange(len(incoming))
    at = np.minimum(np.searchsorted(stored.time, incoming.time), len(stored) - 1)
    known = stored.time[at] == incoming.time
    mine, theirs = everything[known], at[known]
    differs, matters = _differences(stored.take(theirs), incoming.take(mine), tolerance)
    return Comparison(
        new=everything[~known],
        changed=mine[matters],
        replaced=theirs[matters],
        same=mine[~differs],
        jitter=mine[differs & ~matters],
    )


def _differences(stored: Rows, incoming: Rows, tolerance: Tolerance) -> tuple[Flags, Flags]:
    """Tell per pair whether it differs at all, and whether it differs by more than the tolerance."""
    differs = np.zeros(len(stored), np.bool_)
    matters = np.zeros(len(stored), np.bool_)
    for name in VALUES:
        old, new = getattr(stored, name), getattr(incoming, name)
        unequal = ~((old == new) | (np.isnan(old) & np.isnan(new)))
        differs |= unequal
        matters |= unequal & ~_close(old, new, tolerance.of(name))
    exact = _floats_differ(stored.adjustment_factor, incoming.adjustment_factor, len(stored))
    exact |= _texts_differ(stored.source_id, incoming.source_id, len(stored))
    exact |= _flags(stored) != _flags(incoming)
    return differs | exact, matters | exact


def changed_fields(stored: Rows, incoming: Rows) -> dict[str, Flags]:
    """Tell per value column which of the paired bars differ exactly."""
    pairs = ((name, getattr(stored, name), getattr(incoming, name)) for name in VALUES)
    return {name: np.asarray(~((old == new) | (np.isnan(old) & np.isnan(new)))) for name, old, new in pairs}


def _close(old: Floats, new: Floats, relative: float) -> Flags:
    if not relative:
        return np.zeros(len(old), np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(new - old) <= relative * np.abs(old))


def _floats_differ(old: Floats | None, new: Floats | None, length: int) -> Flags:
    if old is None and new is None:
        return np.zeros(length, np.bool_)
    left = np.full(length, np.nan) if old is None else old
    right = np.full(length, np.nan) if new is None else new
    return np.asarray(~((left == right) | (np.isnan(left) & np.isnan(right))))


def _texts_differ(old: Texts | None, new: Texts | None, length: int) -> Flags:
    if old is None and new is None:
        return np.zeros(length, np.bool_)
    nothing = np.full(length, None, np.object_)
    return np.asarray((nothing if old is None else old) != (nothing if new is None else new), np.bool_)


def _flags(rows: Rows) -> Flags:
    return np.zeros(len(rows), np.bool_) if rows.withdrawn is None else rows.withdrawn
