"""Previews: what a proposal would do, bar by bar, and whom it concerns."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.action import CorporateAction
from barledger.domain.comparison import changed_fields
from barledger.domain.discrepancy import Discrepancy, Step
from barledger.domain.rows import VALUES, Rows, found_in
from barledger.domain.series import Series
from barledger.services.discrepancies.decisions import DECIDED
from barledger.services.discrepancies.events import events_of
from barledger.services.discrepancies.outcomes import uncounted
from barledger.services.discrepancies.touching import Touched, strategies_of

_NEW: Final = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A discrepancy with its bars: ``rows`` as they would become (none if no bar would), ``now`` as they are.

    ``action`` is the corporate action that would be recorded instead, where bars are right as they are; ``events`` are
    those that become known with the bars, which count them then, and ``payments`` what the source told in shares of
    before, as it becomes known in those of the bars. ``lacking`` are other series of the instrument that do not count
    them, and ``counting`` those that do, for which they would stay known if it was undone. ``touched`` are
    the snapshots that hold some of the bars, which do not move; of an action those that hold bars from before its
    ex-date, which adjusted reads give otherwise then. ``steps`` are what was done so far.
    """

    discrepancy: Discrepancy
    rows: Rows
    now: Rows
    touched: tuple[Touched, ...]
    steps: tuple[Step, ...]
    action: CorporateAction | None = None
    payments: tuple[CorporateAction, ...] = ()
    lacking: tuple[Series, ...] = ()
    counting: tuple[Series, ...] = ()

    @property
    def bars(self) -> pd.DataFrame:
        """Return the bars as they would become, by time in UTC; what would be withdrawn has no values."""
        return _frame(self.rows)

    @property
    def diff(self) -> pd.DataFrame:
        """Return for each bar what would become of it (``new``, ``changed``, ``same``, ``withdrawn``), old and new.

        The columns are ``change``, and of each field ``old_close`` and ``close``, and so on; by time in UTC.
        """
        new, index = self.bars, _index(self.rows)
        old = _frame(self.now).reindex(index)
        columns: dict[str, Any] = {"change": self._changes()}
        for name in VALUES:
            columns[f"old_{name}"], columns[name] = old[name], new[name]
        return pd.DataFrame(columns, index=index)

    @property
    def events(self) -> tuple[CorporateAction, ...]:
        """Return the corporate actions that become known with the bars."""
        return tuple(events_of(self.discrepancy.evidence))

    @property
    def snapshots(self) -> tuple[str, ...]:
        """Return the ids of the snapshots that hold some of the bars."""
        return tuple(one.snapshot for one in self.touched)

    @property
    def strategies(self) -> tuple[str, ...]:
        """Return the strategies whose snapshots hold some of the bars."""
        return strategies_of(self.touched)

    @property
    def would(self) -> str:
        """Return in words what accepting it would do, and what becomes of other series of the instrument."""
        return "; ".join([self._would(), *self._others()])

    def _would(self) -> str:
        if self.action is not None:
            prices = self.discrepancy.evidence.get("adjusted", "")
            why = f" (prices: {prices})" if prices else ""
            return f"would record for {self.action.instrument}: {self.action.summary}, and change no bar{why}"
        counted = dict(zip(*np.unique(self._changes() or ["nothing"], return_counts=True), strict=True))
        made = ", ".join(f"{count} {change}" for change, count in counted.items()) if len(self.rows) else "nothing"
        return f"would make {made}{self._known_with()}{self._keeping()}"

    def _keeping(self) -> str:
        kept = self.discrepancy.evidence.get(DECIDED, {})
        return "".join(f"; {count} bars stay corrected as by {name}" for name, count in kept.items())

    def _known_with(self) -> str:
        said = [f"{one.summary}{' withdrawn' if one.withdrawn else ''}" for one in self.events]
        said += [f"{one.summary} (told as {float(one.told['told']):g} per old share)" for one in self.payments]
        return f", and record for {self.discrepancy.series.instrument}: {', '.join(said)}" if said else ""

    def __str__(self) -> str:
        """Say it in lines."""
        return "\n".join([str(self.discrepancy), self.would, *map(str, self.touched), *map(str, self.steps)])

    def _others(self) -> list[str]:
        """Say what becomes of other series of the instrument, which a split is of, too."""
        said = [uncounted(self.lacking)] if self.lacking else []
        if self.counting:
            named = ", ".join(map(str, self.counting))
            said.append(f"undoing leaves known what {named} counts; {uncounted([self.discrepancy.series])}")
        return said

    def _changes(self) -> list[str]:
        gone = np.zeros(len(self.rows), np.bool_) if self.rows.withdrawn is None else self.rows.withdrawn
        known = found_in(self.rows.time, self.now.time)
        moved = known.copy()
        theirs = self.now.pick(found_in(self.now.time, self.rows.time))
        moved[known] = np.logical_or.reduce(list(changed_fields(theirs, self.rows.pick(known)).values()))
        words = np.where(known, np.where(moved, "changed", "same"), _NEW)
        return [str(word) for word in np.where(gone, "withdrawn", words)]


def _index(rows: Rows) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(rows.time.view("datetime64[ns]"), name="time").tz_localize("UTC")


def _frame(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame({name: getattr(rows, name) for name in VALUES}, index=_index(rows))
