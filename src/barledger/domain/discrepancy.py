"""Discrepancies: where a series and what somebody else says of it part, and what was decided about it.

A discrepancy with a remedy, bars to write or a corporate action to record, is a *proposal*; one without is only said.
Its states, and the steps between them::

    open ──> proposed ──> accepted ──> applied ──> undone
      │          │            │
      └──────────┴────────────┴──> superseded
      └──────────┴──> rejected
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, get_args

from barledger.domain.finding import FindingKind
from barledger.domain.interval import Interval, format_time
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.errors import InvalidSetting

DiscrepancyState = Literal["open", "proposed", "rejected", "superseded", "accepted", "applied", "undone"]

STEPS: Final[Mapping[DiscrepancyState, frozenset[DiscrepancyState]]] = {
    "open": frozenset({"proposed", "rejected", "superseded"}),
    "proposed": frozenset({"accepted", "rejected", "superseded"}),
    "accepted": frozenset({"applied", "superseded"}),
    "applied": frozenset({"undone"}),
    "rejected": frozenset(),
    "superseded": frozenset(),
    "undone": frozenset(),
}
"""Which states may follow each."""

WAITING: Final[frozenset[DiscrepancyState]] = frozenset({"open", "proposed", "accepted"})
"""The states in which something is left to be done."""

DECLINED: Final[frozenset[DiscrepancyState]] = frozenset({"rejected", "undone"})
"""The states that say that somebody did not want this change: it is not proposed again."""

CORRECTION: Final = "correction"
RESTATEMENT: Final = "restatement"
SHIFT: Final = "shift"
RELABELLED: Final = "relabelled"
WITHDRAWN: Final = "withdrawn"
ADDED: Final = "added"
VOLUME_ONLY: Final = "volume_only"
TRUNCATED: Final = "truncated"
KINDS: Final = (CORRECTION, RESTATEMENT, SHIFT, RELABELLED, WITHDRAWN, ADDED, VOLUME_ONLY, TRUNCATED)
"""What reconciliation finds; findings within a series have the names of `domain.finding.FindingKind`."""

ALL_KINDS: Final[tuple[str, ...]] = (*KINDS, *get_args(FindingKind))
"""What a discrepancy may be."""

IDS: Final = ("disc-", "prop-")
"""How the ids of discrepancies begin; the latter are from before there was anything but proposals."""

BARS_BEFORE: Final = "bars_before"
"""The evidence that says how many bars lie before an event that is proposed: their adjusted values would be others."""

WHOLE: Final = frozenset({RESTATEMENT, SHIFT, RELABELLED})
"""The kinds that are one event over a stretch, so that no part of it is decided by itself."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Discrepancy(Readable):
    """One thing in which [start, end) of a series is not what somebody says of it.

    ``against`` is the source that says otherwise, empty for what is found within the series itself. ``fields`` are the
    columns concerned, ``factor`` is new over old price where one factor explains the difference (of volume alone: new
    over old volume), ``confidence`` in 0..1 how sure the kind is, ``evidence`` whatever else is known (numbers as
    text). ``revision`` is the newest one of the ``bars`` bars that were compared, ``key`` what the same difference is
    known by again. Times are ns; ``decided_at`` is 0 and ``decided_by`` empty while nobody decided. ``result`` is the
    revision that acceptance made, ``undone_by`` the one that took it back.
    """

    id: str = ""
    series: Series
    interval: Interval
    kind: str
    reason: str
    fields: tuple[str, ...] = ()
    factor: float | None = None
    confidence: float = 1.0
    bars: int = 0
    revision: int = 0
    against: str = ""
    key: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    state: DiscrepancyState = "open"
    made_at: int = 0
    decided_at: int = 0
    decided_by: str = ""
    decision: str = ""
    result: int = 0
    undone_by: int = 0

    @property
    def waits(self) -> bool:
        """Whether something is left to be done about it."""
        return self.state in WAITING

    @property
    def proposal(self) -> str | None:
        """Return its id if something is proposed, which `accept` would carry out, else None."""
        return self.id if self.state == "proposed" else None

    def __str__(self) -> str:
        """Say it in a line."""
        factor = "" if self.factor is None else f" times {self.factor:.10g}"
        fields = f" of {', '.join(self.fields)}" if self.fields else ""
        against = f" against {self.against}" if self.against not in ("", self.series.source) else ""
        named = f"{self.id}: " if self.id else ""
        return (
            f"{named}{self.kind}{factor}{fields} in {self.bars} bars of {self.series}{against}, {self.interval} "
            f"({self.state}, confidence {self.confidence:.2f})"
        )


def check_kinds(pattern: str) -> str:
    """Return a kind, or a glob of kinds; raises `InvalidSetting` if no discrepancy could be of it."""
    if not any(fnmatchcase(kind, pattern) for kind in ALL_KINDS):
        near = get_close_matches(pattern, ALL_KINDS, n=2)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        reason = f"{pattern!r} is no kind of discrepancy, nor a pattern of any: {', '.join(ALL_KINDS)}{meant}"
        raise InvalidSetting(setting="kind", reason=reason)
    return pattern


def check_reason(reason: str) -> str:
    """Return the reason of a decision; raises `InvalidSetting` without one, since nothing else will tell why."""
    if not reason.strip():
        raise InvalidSetting(setting="reason", reason="it is empty; say why, for those who ask later")
    return reason


def key_of(kind: str, payload: bytes) -> str:
    """Return the key of what is known by its bars alone."""
    return f"{kind}:{hashlib.sha256(payload).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Step(Readable):
    """One step of a discrepancy: into which state, when (ns), by whom, why, on whose trigger, by which revision."""

    state: DiscrepancyState
    at: int
    actor: str
    reason: str
    trigger: str = ""
    revision: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        revision = f", revision {self.revision}" if self.revision else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{format_time(self.at)} {self.state} by {self.actor}{reason}{revision}"
