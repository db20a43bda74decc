"""Layering: what a layer holds after its operations, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import COLUMNS, OPTIONAL, Rows, concat, empty_rows, overlay


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """An operation's effect on the stretch that is read: rows that it puts, or a hole that it leaves.

    ``fresh`` rows were decoded for this read alone, so later patches may be written into their arrays.
    """

    rows: Rows | None = None
    hole: Interval | None = None
    fresh: bool = False


def layered(patches: Sequence[Patch]) -> Rows:
    """Apply patches in order."""
    base, fresh = empty_rows(), False
    for group in _groups(patches):
        if group[0].hole is not None:
            outside = (base.time < group[0].hole.start) | (base.time >= group[0].hole.end)
            base, fresh = base.pick(outside), True
            continue
        rows = _newest([patch.rows for patch in group if patch.rows is not None and len(patch.rows)])
        if not len(rows):
            continue
        if not len(base):
            base, fresh = rows, group[0].fresh and len(group) == 1
        elif fresh and rows.time[0] <= base.time[-1]:
            base = _written_into(base, rows)
        else:
            base, fresh = overlay(base, rows), True
    return base


def _groups(patches: Sequence[Patch]) -> list[list[Patch]]:
    """Take runs of small puts together; segments and holes stand alone."""
    groups: list[list[Patch]] = []
    for patch in patches:
        small = patch.hole is None and not patch.fresh
        if small and groups and groups[-1][0].hole is None and not groups[-1][0].fresh:
            groups[-1].append(patch)
        else:
            groups.append([patch])
    return groups


def _newest(parts: Sequence[Rows]) -> Rows:
    """Join parts, of which a later one wins, in ascending order of time."""
    joined = concat(parts)
    if len(joined) < 2 or bool((joined.time[1:] > joined.time[:-1]).all()):
        return joined
    order = np.argsort(joined.time, kind="stable")
    times = joined.time[order]
    return joined.pick(order[np.append(times[1:] != times[:-1], True)])


def _written_into(base: Rows, rows: Rows) -> Rows:
    """Write rows over those with the same time, in place; rows with other times are merged in."""
    at = np.minimum(np.searchsorted(base.time, rows.time), len(base) - 1)
    known = base.time[at] == rows.time
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        column, update = getattr(base, name), getattr(rows, name)
        if update is None and column is None:
            columns[name] = None
            continue
        if column is None:
            column = np.full(len(base), OPTIONAL[name], update.dtype)
        elif not column.flags.writeable:
            column = np.array(column)
        column[at[known]] = OPTIONAL[name] if update is None else update[known]
        columns[name] = column
    updated = replace(base, **columns)
    return updated if bool(known.all()) else overlay(updated, rows.pick(~known))
