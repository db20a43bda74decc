"""Judgement: what a source may change by itself, and what becomes a proposal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.comparison import changed_fields
from barledger.domain.interval import Interval
from barledger.domain.rows import Flags, Rows, found_in
from barledger.domain.series import Series
from barledger.ledger.contract import Ledger, Proposal, Who
from barledger.services.ingestion.payload import decode, encode
from barledger.services.ingestion.restatement import PRICES

CORRECTION: Final = "correction"
RESTATEMENT: Final = "restatement"
WITHDRAWAL: Final = "withdrawal"
_OVERTAKEN: Final = "overtaken by revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """How far the source of a series may change the past."""

    policy: ChangePolicy
    ledger: Ledger

    @property
    def free(self) -> bool:
        """Whether the source may change all, so that nothing has to be judged."""
        limits = (self.policy.most_bars, self.policy.most_change, self.policy.most_age)
        return self.policy.on_change == "apply" and all(limit is None for limit in limits)

    def against(self, rows: Rows, *, change: float) -> str:
        """Return why changes of this size may not be applied, or nothing."""
        if not len(rows):
            return ""
        hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
        return self.policy.exceeded(bars=len(rows), change=change, interval=hull, now=self.ledger.now())


def move(old: Rows, new: Rows) -> float:
    """Return by which part of it the price that moved most did so; infinite where one came or went."""
    if not len(old):
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        shifts = [np.abs(getattr(new, name) / getattr(old, name) - 1) for name in PRICES]
    moved = changed_fields(old, new)
    parts = [np.where(moved[name], shift, 0.0) for name, shift in zip(PRICES, shifts, strict=True)]
    return float(np.nan_to_num(np.max(parts), nan=np.inf, posinf=np.inf))


def paired(stored: Rows, rows: Rows) -> tuple[Rows, Rows]:
    """Return the bars that both have, of one time each."""
    return stored.pick(found_in(stored.time, rows.time)), rows.pick(found_in(rows.time, stored.time))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Changes that may not be applied: what they look like, the bars as they would be, and why they wait."""

    kind: str
    rows: Rows
    bars: int
    revision: int
    reason: str
    evidence: Mapping[str, Any]


def newest_revision(stored: Rows, rows: Rows) -> int:
    """Return the newest revision of the bars that changes were compared with, 0 if none of them is there yet.

    What else the series gets meanwhile makes the same changes no other proposal.
    """
    return int(stored.revision[found_in(stored.time, rows.time)].max(initial=0))


def propose(ledger: Ledger, series: Series, finding: Finding, who: Who) -> Proposal:
    """Keep a finding until somebody decides."""
    times = finding.rows.time
    proposal = Proposal(
        series=series,
        interval=Interval(int(times[0]), int(series.timeframe.close_of(times[-1:])[0])),
        kind=finding.kind,
        bars=finding.bars,
        revision=finding.revision,
        reason=finding.reason,
        evidence=finding.evidence,
    )
    return ledger.proposals.add(proposal, encode(finding.rows), who)


def undecided(ledger: Ledger, series: Series, rows: Rows) -> Rows:
    """Return the changes that nobody has rejected: the same values for the same bar are not proposed again."""
    left = rows
    for proposal in rejected(ledger, series, (CORRECTION, WITHDRAWAL)):
        if not len(left):
            break
        if proposal.interval.start <= int(left.time[-1]) and int(left.time[0]) < proposal.interval.end:
            left = left.pick(~_known(left, decode(ledger.proposals.payload(proposal.id))))
    return left


def rejected(ledger: Ledger, series: Series, kinds: Sequence[str]) -> list[Proposal]:
    """Return the proposals that somebody rejected; what was replaced or overtaken was decided by nobody."""
    listed = ledger.proposals.list(series=series, state="rejected")
    decided = [one for one in listed if one.decided_by and not one.decision.startswith(_OVERTAKEN)]
    return [one for one in decided if one.kind in kinds]


def overtake(ledger: Ledger, series: Series, interval: Interval, revision: int, who: Who) -> None:
    """Close the open proposals about bars that a revision rewrote."""
    signed = replace(who, operation="overtake", reason=f"{_OVERTAKEN} {revision}")
    for one in ledger.proposals.list(series=series, state="open"):
        if one.interval.intersects(interval):
            ledger.proposals.decide(one.id, "rejected", signed)


def _known(rows: Rows, others: Rows) -> Flags:
    """Tell which bars are among the others with all of their values."""
    both = np.flatnonzero(found_in(rows.time, others.time))
    mine, theirs = rows.take(both), others.pick(found_in(others.time, rows.time))
    same = ~np.logical_or.reduce(list(changed_fields(theirs, mine).values())) if len(both) else np.empty(0, np.bool_)
    same = same & (_gone(mine) == _gone(theirs))
    known = np.zeros(len(rows), np.bool_)
    known[both] = same
    return known


def _gone(rows: Rows) -> Flags:
    return np.zeros(len(rows), np.bool_) if rows.withdrawn is None else rows.withdrawn
