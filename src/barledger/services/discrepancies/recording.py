"""Recording: the remedy of a discrepancy is a corporate action, and the bars stay as they are.

In prices as they were traded a split is no error. What lacks is the event: once it is known, adjusted reads are
smooth, and raw ones are what they were. It is declared, as what a person says is, so that it can be corrected and
withdrawn like any other; its evidence names the discrepancy, by which it is known again.
"""

from dataclasses import dataclass, replace
from typing import Final

from barledger.domain.action import CorporateAction, evidence_of
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.preference import told_already
from barledger.errors import ActionConflict, ProposalStale
from barledger.services.cache.reader import read
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.discrepancies.outcomes import Recorded, Undone

_NOTHING: Final = "nobody tells of it any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Records the actions that discrepancies propose, and withdraws them."""

    vault: Vault

    def check(self, found: Discrepancy, action: CorporateAction) -> None:
        """Refuse what was overtaken since it was proposed.

        Raises `ActionConflict` if something else is known of these days by now, and `ProposalStale` if one of the bars
        between which prices jump was written since.
        """
        known = self._known(action)
        if known is not None:
            if _made_by(known, found):
                return
            raise ActionConflict(discrepancy=found.id, action=action.summary, known=f"{known} is known already")
        kept = left(self.vault.ledger.revisions.state(found.series), found.interval)
        later = read(self.vault, found.series, kept).rows.revision
        if len(later) and int(later.max()) > found.revision:
            raise ProposalStale(
                proposal=found.id, series=str(found.series), expected=found.revision, found=int(later.max())
            )

    def record(self, found: Discrepancy, action: CorporateAction) -> Recorded:
        """Let the action be known from now on, unless a process that died had recorded it."""
        standing = self._standing(action)
        if standing is None or not _made_by(standing, found):
            told = {**action.told, "reason": found.decision, "by": found.decided_by, "discrepancy": found.id}
            news = replace(action, evidence=evidence_of(told))
            record_actions(self.vault, [news], self.vault.who("add-action", reason=found.decision, trigger=found.id))
            standing = self._standing(action) or news
        return Recorded.of(found.series, standing)

    def take_back(self, found: Discrepancy, action: CorporateAction, *, reason: str) -> Undone:
        """Withdraw what was recorded; what sources tell counts again.

        Raises `ActionConflict` if somebody said something else of it since.
        """
        standing = self._standing(action)
        if standing is not None and standing.known_at == found.result:
            told = {**standing.told, "reason": reason, "by": self.vault.actor, "undone": found.id}
            gone = replace(standing, withdrawn=True, evidence=evidence_of(told))
            record_actions(self.vault, [gone], self.vault.who("undeclare-action", reason=reason, trigger=found.id))
        last = self._last(action, found)
        if last is None:
            known = _NOTHING if standing is None else f"{standing} is known since"
            raise ActionConflict(discrepancy=found.id, action=action.summary, known=known)
        return Undone(series=(found.series,), revision=last.known_at, fields={}, action=last)

    def _known(self, action: CorporateAction) -> CorporateAction | None:
        """Return what is known of the same event by now, be it that there was none."""
        return told_already(action, self.vault.ledger.actions.list(instrument=action.instrument, denials=True))

    def _standing(self, action: CorporateAction) -> CorporateAction | None:
        listed = self.vault.ledger.actions.list(instrument=action.instrument, source=action.source)
        return next((one for one in listed if _key(one) == _key(action)), None)

    def _last(self, action: CorporateAction, found: Discrepancy) -> CorporateAction | None:
        """Return what took it back, if that is the last word of it, but for what others count still."""
        listed = [one for one in self.vault.ledger.actions.history(action.instrument) if _key(one) == _key(action)]
        while len(listed) > 1 and listed[-1].told.get("discrepancy", found.id) != found.id:
            listed.pop()
        return listed[-1] if listed and listed[-1].told.get("undone") == found.id else None


def _made_by(action: CorporateAction, found: Discrepancy) -> bool:
    return action.told.get("discrepancy") == found.id and not action.withdrawn


def _key(action: CorporateAction) -> tuple[str, str, int]:
    return action.source, action.kind, action.ex_date
