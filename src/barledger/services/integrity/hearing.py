"""Hearing: the events that a source tells of when it is asked again, and what becomes of each.

What a source does not count in its bars concerns no bar, and is noted at once, as an ingestion does. So is what the
held bars count already. What they do not count belongs to the restatement that makes them count it: it becomes known
when that is accepted, since reads would undo it in bars that never had it. That an event is not told any more is said,
and withdrawn only with a restatement that takes it back: one silence proves nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import RESTATEMENT
from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.rows import Rows, found_in
from barledger.services.discrepancies.events import EVENTS, event_key, known_by, noted
from barledger.services.discrepancies.payload import encode
from barledger.services.ingestion.counted import beside, differing, lacks
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
        gone = ", withdrawn" if self.action.withdrawn and self.became in ("with", "declined") else ""
        return f"{self.action.summary}{gone}: {_SPOKEN[self.became].format(self.discrepancy)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What is news among the events of one comparison; ``kinds`` are those that the source counts in its bars.

    ``known`` is what it told before, ``told`` what it tells now, ``old`` and ``new`` the bars of the same times.
    ``complete`` are the stretches of which an event that was not told is missing.
    """

    known: Sequence[CorporateAction]
    told: Sequence[CorporateAction]
    kinds: Collection[str]
    complete: Sequence[Interval]
    old: Rows
    new: Rows
    _before: dict[tuple[str, str, int], CorporateAction] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Arrange what was known."""
        object.__setattr__(self, "_before", {event_key(one): one for one in self.known})

    @property
    def news(self) -> list[CorporateAction]:
        """Return the events that are news, by value too."""
        return differing(self.told, self.known)

    @property
    def counted(self) -> list[CorporateAction]:
        """Return the news that concern bars before them, be it that they count them already or do not yet."""
        return [one for one in self.news if one.kind in self.kinds]

    @property
    def lacking(self) -> list[CorporateAction]:
        """Return the news that held bars do not count, and what they count and is not told any more.

        Payments that are told in the shares of such a split go with it.
        """
        fresh = [one for one in self.counted if lacks(self.old, self.new, one, self._before.get(event_key(one)))]
        gone = [replace(one, withdrawn=True) for one in self.silent if one.kind in self.kinds]
        found = [*fresh, *(one for one in gone if lacks(self.old, self.new, one, self._before[event_key(one)]))]
        return [*found, *(one for one in beside(self.news, found) if one not in found)]

    @property
    def silent(self) -> list[CorporateAction]:
        """Return what the source told once, and not in a complete answer about its day; a person's words are none."""
        heard = {event_key(one) for one in self.told}
        return [
            one
            for one in self.known
            if event_key(one) not in heard
            and "by" not in one.told
            and any(one.ex_date in part for part in self.complete)
        ]


def attached(one: Difference, lacking: Sequence[CorporateAction]) -> tuple[Difference, list[CorporateAction]]:
    """Return a restatement with the events that its bars come to count, and which those are."""
    if one.kind != RESTATEMENT or not len(one.rows):
        return one, []
    mine = [event for event in lacking if one.hull[0] < event.ex_date]
    if not mine:
        return one, []
    return replace(one, evidence={**one.evidence, EVENTS: noted(mine)}, key=known_by(encode(one.rows), mine)), mine


def pairs(old: Rows, new: Rows) -> tuple[Rows, Rows]:
    """Return the bars that both have, of one time each."""
    return old.pick(found_in(old.time, new.time)), new.pick(np.asarray(found_in(new.time, old.time)))
