"""Events that go with a restatement: a source that adjusts multiplied its bars and told why, in one breath.

Which bars count such an event is told by when it is known: what raw prices are is reckoned back from it. So it must not
be known before the bars that count it are held, nor stay known without them. It is kept in the evidence of the
discrepancy, becomes known when that is accepted, and is taken back when it is undone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from barledger.domain.action import CorporateAction, evidence_of
from barledger.domain.discrepancy import DECLINED, RESTATEMENT, WAITING, Discrepancy
from barledger.domain.interval import format_time, parse_time
from barledger.domain.series import Series
from barledger.ledger.contract import Ledger
from barledger.services.cache.told import record_actions
from barledger.services.cache.vault import Vault

EVENTS: Final = "events"
_SAID: Final = ("instrument", "kind", "source", "currency", "evidence")

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Lets the events of a discrepancy be known, and takes them back."""

    vault: Vault

    def record(self, found: Discrepancy, *, reason: str) -> None:
        """Let them be known from now on; those that are known already stay as they are."""
        news = [
            replace(one, evidence=evidence_of({**one.told, "discrepancy": found.id}))
            for one in events_of(found.evidence)
        ]
        if news:
            record_actions(self.vault, news, self.vault.who("record", reason=reason, trigger=found.id))

    def take_back(self, found: Discrepancy, *, reason: str) -> None:
        """Let what was known before it be known again of those that it made known, unless there was news since."""
        mine = {event_key(one) for one in events_of(found.evidence)}
        back: list[CorporateAction] = []
        for key in sorted(mine):
            history = [
                one for one in self.vault.ledger.actions.history(found.series.instrument) if event_key(one) == key
            ]
            last = history[-1] if history else None
            if last is not None and last.told.get("discrepancy") == found.id:
                told = {"undone": found.id}
                gone = replace(last, withdrawn=True, evidence=evidence_of(told))
                back.append(replace(history[-2], evidence=evidence_of(told)) if len(history) > 1 else gone)
        if back:
            record_actions(self.vault, back, self.vault.who("undeclare-action", reason=reason, trigger=found.id))


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


def event_key(action: CorporateAction) -> Key:
    """Return what an event is told from others by, beside its instrument."""
    return action.source, action.kind, action.ex_date


def known_by(payload: bytes, events: Sequence[CorporateAction]) -> str:
    """Return what bars with events are known by again; bars alone are by themselves."""
    said = "".join(f"{event_key(one)}{one.value!r}{one.withdrawn}" for one in sorted(events))
    return f"{RESTATEMENT}:{sha256(payload + said.encode()).hexdigest()}" if events else ""


def withheld(ledger: Ledger, series: Series) -> set[tuple[Key, float]]:
    """Return the events that wait with a restatement, or that somebody declined with one."""
    listed = ledger.discrepancies.list(series=series, states=WAITING | DECLINED)
    mine = [one for one in listed if one.kind == RESTATEMENT and one.against == series.source]
    return {(event_key(event), event.value) for one in mine for event in events_of(one.evidence)}
