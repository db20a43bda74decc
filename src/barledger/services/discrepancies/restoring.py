"""Restoring: what stood before a decision is written again, with all other decisions that stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.preference import chosen_shares
from barledger.domain.rows import Rows
from barledger.errors import ChangedSince, StillCounted
from barledger.services.cache import DataCacheService
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies.events import Telling, events_of
from barledger.services.discrepancies.layers import restored
from barledger.services.discrepancies.outcomes import Undone
from barledger.services.discrepancies.payments import Payments
from barledger.services.discrepancies.remedy import bars_now
from barledger.services.discrepancies.siblings import Kept, Siblings
from barledger.services.discrepancies.staying import staying_count

UNDO: Final = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """Takes the bars and the events of a decision back."""

    vault: Vault
    cache: DataCacheService
    telling: Telling
    payments: Payments
    siblings: Siblings

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
            if self._counting(found, now.rows.pick(since), events):
                raise StillCounted(**told, events=", ".join(one.summary for one in events))
            if not partial or not back.ours.any():
                raise ChangedSince(**told)
        kept = self.siblings.kept(found, events_of(found.evidence))
        self.telling.check_back(found, kept={name for one in kept for name in one.names})
        self.telling.take_back(found, reason=reason)
        self.siblings.keep(kept, self.vault.who("record", reason=reason, trigger=found.id))
        self.payments.convert_back(found, reason=reason)
        draft = Draft(series=found.series, rows=before, expected_revision=now.revision)
        told = {"undoes": str(found.result), "proposal": found.id, "left": str(int(since.sum()))}
        done = self.cache.write([draft], operation=UNDO, reason=reason, trigger=found.id, details={found.series: told})
        return as_undone(done, left=int(since.sum()), kept=kept)

    def _counting(self, found: Discrepancy, left: Rows, events: Sequence[CorporateAction]) -> bool:
        """Whether bars that would stay as they are count what would not be known any more."""
        if not events:
            return False
        standing = left.standing()
        standing = standing.pick(standing.time < max(one.ex_date for one in events))
        if not len(standing):
            return False
        hull = [Interval(int(standing.time[0]), int(standing.time[-1]) + 1)]
        before, made = (
            read(self.vault, found.series, hull, revision=revision).rows.standing()
            for revision in (found.result - 1, found.result)
        )
        since, then = self._known(found), self._known(found, at=found.decided_at)
        return staying_count(standing, before=before, made=made, events=events, since=since, then=then)

    def _known(self, found: Discrepancy, *, at: int | None = None) -> list[CorporateAction]:
        """Return the changes of shares that are known now, or were at a time, as they count for these bars."""
        listed = self.vault.ledger.actions.list(instrument=found.series.instrument, known_at=at, denials=True)
        return chosen_shares(listed, [found.series.source])


def as_undone(done: Written, *, left: int = 0, kept: Sequence[Kept] = ()) -> Undone:
    """Return a revision as an undoing that left so many bars as they were, and what other series count known."""
    others = tuple(sorted({each for one in kept for each in one.series}))
    return Undone(**{name: getattr(done, name) for name in Written.__dataclass_fields__}, left=left, counted_by=others)
