"""What became of the events that a source tells of when it is asked again (`services.ingestion.hearing`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import CORRECTION, RESTATEMENT
from barledger.domain.readable import Readable
from barledger.domain.rows import overlay
from barledger.services.discrepancies.events import EVENTS, known_by, noted
from barledger.services.discrepancies.payload import encode
from barledger.services.ingestion.counted import lacks
from barledger.services.ingestion.hearing import Hearing
from barledger.services.ingestion.judgement import paired
from barledger.services.integrity.difference import Difference

Became = Literal["noted", "with", "declined", "waits", "not told"]
_SPOKEN: Final = {
    "noted": "noted",
    "with": "becomes known with {}",
    "declined": "not noted: {} was declined, with the bars that count it",
    "waits": "not noted: bars before it do not count it, and nothing that is proposed makes them",
    "not told": "not told any more; if there was none, withdraw it (bl.actions.withdraw, `barledger actions withdraw`)",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Heard(Readable):
    """An event that is news, and what became of it; ``discrepancy`` is the restatement that it goes with."""

    action: CorporateAction
    became: Became
    discrepancy: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        told = _SPOKEN[self.became].format(self.discrepancy)
        if self.action.withdrawn and self.became == "with":
            told = f"not told any more, and taken back with {self.discrepancy}"
        elif self.action.withdrawn and self.became != "not told":
            told = f"not told any more: {told}"
        return f"{self.action.summary}: {told}"


def attached(
    one: Difference, hearing: Hearing, lacking: Sequence[CorporateAction]
) -> tuple[Difference, list[CorporateAction]]:
    """Return a change with those of the lacking events that its bars come to count, and which these are."""
    if one.kind not in (RESTATEMENT, CORRECTION) or not len(one.rows):
        return one, []
    mine = [event for event in lacking if one.hull[0] < event.ex_date]
    if one.kind == CORRECTION and mine:
        old, new = paired(overlay(hearing.old, one.rows), hearing.new)
        mine = [event for event in mine if not lacks(old, new, event)]
    if not mine:
        return one, []
    key = known_by(one.kind, encode(one.rows), mine)
    return replace(one, evidence={**one.evidence, EVENTS: noted(mine)}, key=key), mine
