"""Relying: from which bars of a table on the values of an output count, and whether these are all that they want."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from barledger.domain.interval import BEGINNING
from barledger.domain.rows import Flags, Ints
from barledger.indicators.binding import Bound, Pick, Request, bounds
from barledger.indicators.gaps import NO_BREAKS, WHOLE
from barledger.indicators.table import Table

ANCHORED: Final = ("path", "index")
_NONE: Final = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Which rows of a table are answered, [first, stop), and whether the table begins where the series does.

    ``known`` (ns) is from when on no bar is lacking because it was not read.
    """

    first: int
    stop: int
    begins: bool
    known: int = BEGINNING


def begin_of(pick: Pick, rows: Rows, anchor: int = 0) -> int:
    """Return the row that an output is computed from: its anchor, or where it settles by the first row answered.

    What is exact is the same from any row on, so that all of it is computed together from the table's first row.
    """
    reach = pick.reach
    if reach.memory in ANCHORED:
        return anchor
    return 0 if reach.exact else max(0, rows.first - reach.settled)


def settling_of(pick: Pick, rows: Rows, anchor: int = 0) -> int:
    """Return the first row that the values answered depend on: an output's anchor, or that of its warm-up."""
    return anchor if pick.reach.memory in ANCHORED else rows.first - min(rows.first, pick.reach.settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relied:
    """What the first value that is answered relies on.

    It counts from the row ``begin`` on, which is one where computing restarted if ``restarted``, and ``had`` of the
    bars from there to the first row answered are no gaps. ``cut`` says that bars of its window of the calendar are not
    among them.
    """

    begin: int
    had: int
    restarted: bool
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gaps:
    """The gaps of a table: by the columns that have them, each looked up once."""

    table: Table
    _missing: dict[tuple[str, ...], Flags] = field(default_factory=dict, repr=False)

    def missing(self, keys: Iterable[str]) -> Flags:
        """Return the rows without a value in one of the columns; empty if there is none."""
        lacking = tuple(sorted(key for key in keys if key in self.table.columns and not self._whole(key)))
        if not lacking:
            return _NONE
        found = self._missing.get(lacking)
        if found is None:
            flags = [self.table.present(key).flags(len(self.table)) for key in lacking]
            found = self._missing[lacking] = ~np.logical_and.reduce(flags)
        return found

    def _whole(self, key: str) -> bool:
        return self.table.present(key) is WHOLE

    def rows(self, keys: Iterable[str], begin: int) -> Ints:
        """Return the rows after a row with gaps before them, ascending: of missing bars, and of missing values.

        That values are missing up to the first one from there on is no gap: what was before is not looked at.
        """
        missing = self.missing(keys)
        # Most tables are whole, and of short ones all that is done besides computing counts.
        if not len(missing) and not len(self.table.breaks):
            return NO_BREAKS
        at = np.union1d(self.table.breaks, _valued(missing, begin)[1:])
        return at[at > begin]

    def relied(self, pick: Pick, rows: Rows, anchor: int = 0) -> Relied:
        """Return what an output relies on."""
        begin = settling_of(pick, rows, anchor)
        first = min(rows.first, len(self.table) - 1)
        if first < begin:
            return Relied(begin=begin, had=max(0, rows.first - begin), restarted=False, cut=False)
        restart, again = self._restart(pick, begin, first)
        wanted = [since for bound in bounds(pick) if (since := self._since(bound, pick, first)) is not None]
        own = self._since(pick.bound, pick, first)
        calendar = begin if own is None else int(np.searchsorted(self.table.time, own))
        counted = max(restart, min(calendar, first))
        late = again and any(int(self.table.time[restart - 1]) >= since for since in wanted)
        return Relied(
            begin=counted,
            had=max(0, rows.first - counted - self._skipped(pick, counted, rows.first)),
            restarted=again and counted == restart,
            cut=late or any(since < rows.known for since in wanted),
        )

    def _restart(self, pick: Pick, begin: int, first: int) -> tuple[int, bool]:
        """Return the row that computing began at, up to the first row answered, and whether a gap was before it.

        If that row has no value it is the next one that has.
        """
        segmented = [bound for bound in bounds(pick) if bound.policy != "skip"]
        if not segmented:
            return begin, False
        keys = keys_of(segmented)
        missing = self.missing(keys)
        if not len(missing) and not len(self.table.breaks):
            return begin, False
        behind = np.flatnonzero(~missing[first:])
        if len(missing) and not len(behind):
            return len(self.table) - 1, False
        row = first + int(behind[0]) if len(missing) else first
        gaps = self.rows(keys, begin)
        before = int(np.searchsorted(gaps, row, "right"))
        if before:
            return int(gaps[before - 1]), True
        valued = _valued(missing, begin)
        return int(valued[0]) if len(valued) else begin, False

    def _skipped(self, pick: Pick, begin: int, end: int) -> int:
        missing = self.missing(keys_of([bound for bound in bounds(pick) if bound.policy == "skip"]))
        return int(missing[begin:end].sum()) if len(missing) else 0

    def _since(self, bound: Bound, pick: Pick, first: int) -> int | None:
        """Return from when on an indicator wants bars, if it says so, for the values that the first row relies on."""
        indicator = bound.indicator
        row = max(0, first - pick.reach.settled)
        if indicator.origin is not None:
            return indicator.origin(bound.parameters, self.table.time[: row + 1])
        return None if indicator.since is None else indicator.since(bound.parameters, int(self.table.time[row]))


def _valued(missing: Flags, begin: int) -> Ints:
    """Return the rows from a row on with a value and none before them, that row for one without."""
    if not len(missing):
        return NO_BREAKS
    part = missing[begin:]
    return np.flatnonzero(~part & np.concatenate([[True], part[:-1]])) + begin


def keys_of(computed: Iterable[Bound]) -> set[str]:
    """Return the columns that some indicators are computed from."""
    picks = {bound.key: Pick(bound=bound, place=0) for bound in computed}
    return {column.key for column in Request(specs=(), picks=picks).columns}
