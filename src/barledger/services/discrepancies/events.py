"""Events that go with bars: a source that adjusts multiplied its bars and told why, or a decision multiplied them.

Which bars count such an event is told by when it is known: what raw prices are is reckoned back from it. So it must not
be known before the bars that count it are held, nor stay known without them. It is kept in the evidence of the
discrepancy, becomes known when that is accepted, and is taken back when it is undone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from barledger.domain.action import SHARES, CorporateAction, evidence_of
from barledger.domain.discrepancy import DECLINED, WAITING, Discrepancy
from barledger.domain.instrument import DECLARED
from barledger.domain.interval import format_time, parse_time
from barledger.domain.preference import told_already
from barledger.domain.series import Series
from barledger.errors import ActionConflict
from barledger.ledger.contract import Ledger
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault

EVENTS: Final = "events"
UNDONE: Final = "undone"
_SAID: Final = ("instrument", "kind", "source", "currency", "evidence")

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Lets the events of a discrepancy be known, and takes them back."""

    vault: Vault

    def record(self, found: Discrepancy, *, reason: str) -> None:
        """Let them be known from now on; those that are known already stay as they are."""
        ours, theirs = [], []
        for one in events_of(found.evidence):
            told = {**one.told, "discrepancy": found.id}
            if one.source != DECLARED:
                theirs.append(replace(one, evidence=evidence_of(told)))
            elif self._already(one) is None:
                told |= {"reason": reason, "by": found.decided_by or self.vault.actor}
                ours.append(replace(one, evidence=evidence_of(told)))
        if theirs:
            record_actions(self.vault, theirs, self.vault.who("record", reason=reason, trigger=found.id))
        if ours:
            record_actions(self.vault, ours, self.vault.who("add-action", reason=reason, trigger=found.id))

    def check(self, found: Discrepancy) -> None:
        """Raise `ActionConflict` if somebody denied what would be declared."""
        for one in declared_by(found):
            known = self._already(one)
            if known is not None and known.denied:
                raise ActionConflict(discrepancy=found.id, action=one.summary, known=f"{known} is known already")

    def check_back(self, found: Discrepancy, *, kept: Collection[str] = ()) -> None:
        """Raise `ActionConflict` if bars without a split would be held while somebody else's word of it stands.

        The word of a source in ``kept`` is about bars of its own, which count it, and stays; so does what a decision in
        it, by its id, made known.
        """
        for one in declared_by(found):
            for known in self._since(found, one):
                ours = known.source == found.series.source or known.told.get("discrepancy") == found.id
                if not ours and not {known.source, known.told.get("discrepancy")} & {*kept}:
                    raise ActionConflict(
                        discrepancy=found.id, action=one.summary, known=f"{known} is known since, and would stay"
                    )

    def take_back(self, found: Discrepancy, *, reason: str) -> None:
        """Let what was known before it be known again of those that it made known, unless there was news since.

        What the source told since of a split that was declared goes with it: bars that do not count it are held again.
        """
        mine = {event_key(one) for one in events_of(found.evidence)}
        back = self._told_since(found)
        for key in sorted(mine):
            history = _standing(self._history(found, key))
            last = history[-1] if history else None
            if last is not None and not last.denied and last.told.get("discrepancy") == found.id:
                told = {UNDONE: found.id}
                gone = replace(last, withdrawn=True, evidence=evidence_of(told))
                back.append(replace(history[-2], evidence=evidence_of(told)) if len(history) > 1 else gone)
        if back:
            record_actions(self.vault, back, self.vault.who("undeclare-action", reason=reason, trigger=found.id))

    def _told_since(self, found: Discrepancy) -> list[CorporateAction]:
        since = [known for one in declared_by(found) for known in self._since(found, one)]
        told = evidence_of({UNDONE: found.id})
        return [replace(one, withdrawn=True, evidence=told) for one in since if one.source == found.series.source]

    def _since(self, found: Discrepancy, one: CorporateAction) -> list[CorporateAction]:
        """Return what stands of a split and was told since the bars count it."""
        listed = self.vault.ledger.actions.list(instrument=one.instrument, denials=True)
        if any(known.denied and known.day == one.day for known in listed):
            return []
        later = [known for known in listed if known.kind in SHARES and known.known_at > found.result]
        same = [known for known in later if told_already(one, [known]) is not None]
        key = event_key(one)
        if not any(each.told.get("discrepancy") == found.id for each in self._history(found, key)):
            return same
        return [*same, *(known for known in listed if event_key(known) == key and known not in same)]

    def _history(self, found: Discrepancy, key: Key) -> list[CorporateAction]:
        listed = self.vault.ledger.actions.history(found.series.instrument)
        return [one for one in listed if event_key(one) == key]

    def _already(self, one: CorporateAction) -> CorporateAction | None:
        """Return what is known of the same split, be it that there was none."""
        return told_already(one, self.vault.ledger.actions.list(instrument=one.instrument, denials=True))


def _standing(history: Sequence[CorporateAction]) -> list[CorporateAction]:
    """Return what was said of an event without what was undone: what an undoing says stood before is that again."""
    stack: list[CorporateAction] = []
    for one in history:
        undone = one.told.get(UNDONE)
        if undone is not None and stack and stack[-1].told.get("discrepancy") == undone:
            stack.pop()
        else:
            stack.append(one)
    return stack


def noted(events: Sequence[CorporateAction]) -> list[dict[str, Any]]:
    """Return events as evidence, numbers as text."""
    return [
        {
            **{name: getattr(one, name) for name in _SAID},
            "ex_date": format_time(one.ex_date),
            "value": repr(one.value),
            "withdrawn": one.withdrawn,
        }
        for one in sorted(events)
    ]


def events_of(evidence: Mapping[str, Any]) -> list[CorporateAction]:
    """Return the events that go with a discrepancy."""
    return [
        CorporateAction(
            **{name: one[name] for name in _SAID},
            ex_date=parse_time(one["ex_date"]),
            value=float(one["value"]),
            withdrawn=one["withdrawn"],
        )
        for one in evidence.get(EVENTS, ())
    ]


def declared_by(found: Discrepancy) -> list[CorporateAction]:
    """Return the events that a discrepancy declares, since no source tells them."""
    return [one for one in events_of(found.evidence) if one.source == DECLARED]


def event_key(action: CorporateAction) -> Key:
    """Return what an event is told from others by, beside its instrument."""
    return action.source, action.kind, action.ex_date


def known_by(kind: str, payload: bytes, events: Sequence[CorporateAction]) -> str:
    """Return what bars with events are known by again; bars alone are by themselves."""
    said = "".join(f"{event_key(one)}{one.value!r}{one.withdrawn}" for one in sorted(events))
    return f"{kind}:{sha256(payload + said.encode()).hexdigest()}" if events else ""


def withheld(ledger: Ledger, series: Series) -> set[tuple[Key, float]]:
    """Return the events that wait with bars of this source, or that somebody declined with them."""
    listed = ledger.discrepancies.list(series=series, states=WAITING | DECLINED)
    mine = [one for one in listed if one.against == series.source]
    return {(event_key(event), event.value) for one in mine for event in events_of(one.evidence)}
