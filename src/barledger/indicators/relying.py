"""Relying: from which bars of a table on the values of an output count, and whether these are all that they want."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from barledger.domain.interval import BEGINNING
from barledger.domain.rows import Flags, Ints
from barledger.indicators.binding import Bound, Pick, Request, bounds
from barledger.indicators.gaps import NO_BREAKS, WHOLE
from barledger.indicators.lapses import Lapses
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


def begin_of(pick: Pick, rows: Rows, table: Table, anchor: int = 0) -> int:
    """Return the row that an output is computed from: its anchor, or where it settles by the first row answered.

    What is exact is the same from any row on, so that all of it is computed together from the table's first row. But
    what refuses gaps does not look at those before what it needs: more is only there because of other questions.
    """
    reach = pick.reach
    if reach.memory in ANCHORED:
        return anchor
    return 0 if reach.exact and not pick.bound.refuses else settled_from(pick, rows, table)


def settled_from(pick: Pick, rows: Rows, table: Table) -> int:
    """Return the row from which an output is settled by the first row answered: rows that are skipped do not count."""
    return Gaps(table=table).settled_from(pick, rows) if pick.bound.skips else _before(pick, rows)


def _before(pick: Pick, rows: Rows) -> int:
    return rows.first - min(rows.first, pick.reach.settled)


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
    _lapses: list[Lapses] = field(default_factory=list, repr=False)

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

    def settling_of(self, pick: Pick, rows: Rows, anchor: int = 0) -> int:
        """Return the first row that the values answered depend on: an output's anchor, or that of its warm-up."""
        return anchor if pick.reach.memory in ANCHORED else self.settled_from(pick, rows)

    def settled_from(self, pick: Pick, rows: Rows) -> int:
        """Return the row from which an output is settled by the first row answered: what is skipped does not count."""
        begin, settled = _before(pick, rows), pick.reach.settled
        if not settled or not pick.bound.skips:
            return begin
        missing = self.skipped_by(pick)
        if not len(missing) or not bool(missing[begin : rows.first].any()):
            return begin
        counted = np.flatnonzero(~missing[: rows.first])
        return int(counted[-settled]) if len(counted) >= settled else 0

    def skipped_by(self, pick: Pick) -> Flags:
        """Return the rows that an output leaves out: without a value in a column, or in what it is computed from."""
        return self._with_lapses(keys_of([one for one in bounds(pick) if one.policy == "skip"]), [pick], skipped=True)

    def missing_of(self, picks: Iterable[Pick]) -> Flags:
        """Return the rows without a value in a column that some outputs are of, or in what they are computed from."""
        listed = list(picks)
        missing = self._with_lapses(keys_of([one for pick in listed for one in bounds(pick)]), listed, skipped=True)
        return _either(missing, self._with_lapses((), listed, skipped=False))

    def _with_lapses(self, keys: Iterable[str], picks: Iterable[Pick], *, skipped: bool) -> Flags:
        missing = self.missing(keys)
        for pick in picks:
            for _, rows in self.lapses(pick, skipped=skipped):
                missing = _either(missing, rows)
        return missing

    def lapses(self, pick: Pick, *, skipped: bool) -> list[tuple[Pick, Flags]]:
        """Return what an output is computed from that has no value of its own at some rows, and at which."""
        if not any(isinstance(one, Pick) for one in pick.bound.inputs):
            return []
        if not self._lapses:
            self._lapses.append(Lapses(table=self.table))
        return self._lapses[0].beneath(pick, skipped=skipped)

    def rows(self, missing: Flags, begin: int) -> Ints:
        """Return the rows after a row with gaps before them, ascending: of missing bars, and of missing values.

        That values are missing up to the first one from there on is no gap: what was before is not looked at.
        """
        # Most tables are whole, and of short ones all that is done besides computing counts.
        if not len(missing) and not len(self.table.breaks):
            return NO_BREAKS
        at = np.union1d(self.table.breaks, _valued(missing, begin)[1:])
        return at[at > begin]

    def relied(self, pick: Pick, rows: Rows, anchor: int = 0) -> Relied:
        """Return what an output relies on."""
        begin = self.settling_of(pick, rows, anchor)
        first = min(rows.first, len(self.table) - 1)
        if first < begin:
            return Relied(begin=begin, had=max(0, rows.first - begin), restarted=False, cut=False)
        restart, again = self._restart(pick, begin, first)
        wanted = [since for bound in bounds(pick) if (since := self._since(bound, pick, first)) is not None]
        own = self._since(pick.bound, pick, first)
        calendar = begin if own is None else int(np.searchsorted(self.table.time, own))
        counted = max(restart, min(calendar, first))
        going_on = self._going_on(pick, restart) if again and counted == restart else 0
        late = again and any(int(self.table.time[restart - 1]) >= since for since in wanted)
        return Relied(
            begin=counted,
            had=max(0, rows.first - counted - self._skipped(pick, counted, rows.first)) + going_on,
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
        missing = self._with_lapses(keys_of(segmented), [pick], skipped=False)
        if not len(missing) and not len(self.table.breaks):
            return begin, False
        behind = np.flatnonzero(~missing[first:])
        if len(missing) and not len(behind):
            return len(self.table) - 1, False
        row = first + int(behind[0]) if len(missing) else first
        gaps = self.rows(missing, begin)
        before = int(np.searchsorted(gaps, row, "right"))
        if before:
            return int(gaps[before - 1]), True
        valued = _valued(missing, begin)
        return int(valued[0]) if len(valued) else begin, False

    def _going_on(self, pick: Pick, restart: int) -> int:
        """Return how many bars had settled what goes on where only what is computed from it restarts."""
        if restart in self.rows(self.missing(keys_of(bounds(pick))), 0):
            return 0
        behind = [one.reach.settled for one, rows in self.lapses(pick, skipped=False) if rows[restart - 1]]
        return min(behind, default=0)

    def _skipped(self, pick: Pick, begin: int, end: int) -> int:
        missing = self.skipped_by(pick)
        return int(missing[begin:end].sum()) if len(missing) else 0

    def _since(self, bound: Bound, pick: Pick, first: int) -> int | None:
        """Return from when on an indicator wants bars, if it says so, for the values that the first row relies on."""
        indicator = bound.indicator
        row = max(0, first - pick.reach.settled)
        if indicator.origin is not None:
            return indicator.origin(bound.parameters, self.table.time[: row + 1])
        return None if indicator.since is None else indicator.since(bound.parameters, int(self.table.time[row]))


def _either(one: Flags, other: Flags) -> Flags:
    if not len(one) or not len(other):
        return one if len(one) else other
    return np.asarray(one | other)


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
