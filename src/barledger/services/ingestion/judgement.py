"""Judgement: what a source may change by itself, and what becomes a proposal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.comparison import changed_fields
from barledger.domain.discrepancy import (
    ADDED,
    CORRECTION,
    DECLINED,
    VOLUME_ONLY,
    WAITING,
    WITHDRAWN,
    Discrepancy,
)
from barledger.domain.interval import Interval
from barledger.domain.rows import Flags, Rows, found_in
from barledger.domain.series import Series
from barledger.ledger.contract import Ledger, Who
from barledger.services.discrepancies.payload import decode
from barledger.services.ingestion.restatement import PRICES

BAR_BY_BAR: Final = (CORRECTION, WITHDRAWN, ADDED, VOLUME_ONLY)
"""The kinds of which each bar is decided by itself."""
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
    """Changes that may not be applied: what they look like, the bars as they would be, and why they wait.

    ``key`` is what they are known by again, where that is not the bars themselves.
    """

    kind: str
    rows: Rows
    bars: int
    revision: int
    reason: str
    evidence: Mapping[str, Any]
    fields: tuple[str, ...] = ()
    factor: float | None = None
    confidence: float = 1.0
    key: str = ""

    def of(self, series: Series) -> Discrepancy:
        """Return it as a discrepancy between a series and its own source."""
        times = self.rows.time
        return Discrepancy(
            series=series,
            interval=Interval(int(times[0]), int(series.timeframe.close_of(times[-1:])[0])),
            kind=self.kind,
            reason=self.reason,
            fields=self.fields,
            factor=self.factor,
            confidence=self.confidence,
            bars=self.bars,
            revision=self.revision,
            against=series.source,
            key=self.key,
            evidence=self.evidence,
        )


def newest_revision(stored: Rows, rows: Rows) -> int:
    """Return the newest revision of the bars that changes were compared with, 0 if none of them is there yet.

    What else the series gets meanwhile makes the same changes no other proposal.
    """
    return int(stored.revision[found_in(stored.time, rows.time)].max(initial=0))


def undecided(ledger: Ledger, series: Series, rows: Rows, *, anew: bool = False) -> Rows:
    """Return the changes that nobody has declined: the same values for the same bar are not proposed again.

    With ``anew`` what was applied and undone is no decision against them; what was rejected is.
    """
    left = rows
    for one in declined(ledger, series, BAR_BY_BAR):
        if anew and one.state == "undone":
            continue
        payload = ledger.discrepancies.payload(one.id) if len(left) else None
        if payload is not None and one.interval.start <= int(left.time[-1]) and int(left.time[0]) < one.interval.end:
            left = left.pick(~_known(left, decode(payload)))
    return left


def decisions_against(ledger: Ledger, series: Series, one: Discrepancy, rows: Rows) -> list[Discrepancy]:
    """Return what somebody declined of these changes: the same one by its key, else each that has some of its bars.

    What was declined about other bars of the same stretch is another matter.
    """
    listed = declined(ledger, series, BAR_BY_BAR)
    same = [each for each in listed if each.key == one.key]
    if same:
        return same[:1]
    found, left = [], rows
    for each in sorted(listed, key=lambda other: other.kind != one.kind):
        payload = ledger.discrepancies.payload(each.id) if len(left) else None
        known = np.zeros(len(left), np.bool_) if payload is None else _known(left, decode(payload))
        if bool(known.any()):
            found.append(each)
            left = left.pick(~known)
    return found


def waiting_about(ledger: Ledger, series: Series, rows: Rows) -> list[Discrepancy]:
    """Return what is proposed of these changes, bar by bar."""
    listed = ledger.discrepancies.list(series=series, states={"proposed"})
    mine = [one for one in listed if one.kind in BAR_BY_BAR and one.against == series.source]
    return [one for one in mine if bool(_known(rows, decode(ledger.discrepancies.payload(one.id) or b"")).any())]


def declined(ledger: Ledger, series: Series, kinds: Sequence[str]) -> list[Discrepancy]:
    """Return what somebody rejected or undid of the source's changes, and nobody accepted since."""
    listed = ledger.discrepancies.list(series=series, states=DECLINED | {"applied"})
    mine = [one for one in listed if one.kind in kinds and one.against == series.source]
    since = {(one.kind, one.key): one.made_at for one in reversed(mine) if one.state == "applied"}
    return [one for one in mine if one.state in DECLINED and one.made_at > since.get((one.kind, one.key), 0)]


def overtake(ledger: Ledger, series: Series, interval: Interval, revision: int, who: Who) -> None:
    """Close what waits about bars that a revision rewrote."""
    signed = replace(who, operation="overtake", reason=f"{_OVERTAKEN} {revision}")
    for one in ledger.discrepancies.list(series=series, states=WAITING):
        if one.interval.intersects(interval) and one.against == series.source:
            ledger.discrepancies.step(one.id, "superseded", signed)


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
