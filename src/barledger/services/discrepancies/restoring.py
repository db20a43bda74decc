"""Restoring: what stood before a decision is written again, with all other decisions that stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, found_in
from barledger.errors import ChangedSince, StillCounted
from barledger.services.cache import DataCacheService
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies.events import Telling, events_of
from barledger.services.discrepancies.layers import restored
from barledger.services.discrepancies.moot import moves
from barledger.services.discrepancies.outcomes import Undone
from barledger.services.discrepancies.remedy import bars_now

UNDO: Final = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """Takes the bars and the events of a decision back."""

    vault: Vault
    cache: DataCacheService
    telling: Telling

    def restore(self, found: Discrepancy, rows: Rows, reason: str, *, partial: bool) -> Undone:
        """Write what stood before; raises `ChangedSince`, `StillCounted`, `ActionConflict` and `RevisionExpired`."""
        now = bars_now(self.vault, found.series, rows)
        back = restored(self.vault, found, now.rows)
        before, since = back.rows, back.since
        if bool(since.any()):
            told: dict[str, Any] = {
                "discrepancy": found.id,
                "series": str(found.series),
                "expected": found.result,
                "found": int(now.rows.revision[since].max()),
                "changed": int(since.sum()),
                "bars": len(rows),
            }
            events = events_of(found.evidence)
            if self._counting(found, rows, now.rows.pick(since), events):
                raise StillCounted(**told, events=", ".join(one.summary for one in events))
            if not partial or not back.ours.any():
                raise ChangedSince(**told)
        self.telling.check_back(found)
        self.telling.take_back(found, reason=reason)
        draft = Draft(series=found.series, rows=before, expected_revision=now.revision)
        told = {"undoes": str(found.result), "proposal": found.id, "left": str(int(since.sum()))}
        done = self.cache.write([draft], operation=UNDO, reason=reason, trigger=found.id, details={found.series: told})
        return as_undone(done, left=int(since.sum()))

    def _counting(self, found: Discrepancy, rows: Rows, left: Rows, events: Sequence[CorporateAction]) -> bool:
        """Whether bars that would stay as they are count what would not be known any more."""
        if not events:
            return False
        standing = left.standing()
        standing = standing.pick(standing.time < max(one.ex_date for one in events))
        wanted = rows.pick(found_in(rows.time, standing.time))
        hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
        old = read(self.vault, found.series, [hull], revision=found.result - 1).rows.standing()
        times, before = moves(old, standing)
        theirs, after = moves(wanted, standing)
        both = found_in(times, theirs)
        return bool((np.abs(after[found_in(theirs, times)]) < np.abs(before[both])).any())


def as_undone(done: Written, *, left: int = 0) -> Undone:
    """Return a revision as an undoing that left so many bars as they were."""
    return Undone(**{name: getattr(done, name) for name in Written.__dataclass_fields__}, left=left)
