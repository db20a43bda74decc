"""Remedies of findings: what would put them right, by what the prices are adjusted for.

Of a split that nobody told of, prices that are adjusted for splits are wrong before it, and are multiplied. Then they
count it, so that the event becomes known with them: raw prices are reckoned back by what is known. Prices as traded are
right as they are: a split shows in them. What lacks is the event, so that is proposed, and adjusted reads are smooth
once it is known.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from barledger.domain.action import CorporateAction, evidence_of
from barledger.domain.declared import RAW, Adjusted, spoken
from barledger.domain.discrepancy import BARS_BEFORE, Discrepancy
from barledger.domain.finding import Finding
from barledger.domain.instrument import DECLARED
from barledger.domain.interval import EARLIEST, Interval, format_time, parse_time
from barledger.domain.rows import Rows, concat
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, TIMEFRAMES
from barledger.errors import CalendarNotFound
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.discrepancies.events import EVENTS, noted
from barledger.services.discrepancies.multiplying import MULTIPLIED
from barledger.services.ingestion.screening import Flag
from barledger.services.ingestion.scribe import OPERATION
from barledger.services.instruments import InstrumentService
from barledger.services.integrity.inspection import as_discrepancy, corrected
from barledger.services.retrieval.happenings import label_of

_SPLITS: Final = frozenset({"split_missed", "split_phantom"})
_PAYMENTS: Final = frozenset({"dividend_too_big", "dividend_too_small", "dividend_phantom", "dividend_missing"})
_DATE: Final = 10
_NOT_OURS: Final = "the bars are right, what is told of the dividend is not, and whoever knows the amount corrects it"
_NO_FACTOR: Final = "no factor puts these bars right: ask the source again (barledger reconcile), or write right ones"
_NOTHING_KNOWN: Final = {
    "stale": "what was traded is not known: ask the source again (barledger reconcile)",
    "outlier": "what was traded is not known: ask the source again (barledger reconcile)",
}
_WITHIN: Final = "the split lies within a bar, whose day nobody can tell: add the event by hand (barledger actions add)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedies:
    """Makes discrepancies of findings, with what would put them right."""

    vault: Vault
    instruments: InstrumentService

    def flag(
        self, series: Series, one: Finding, rows: Rows, *, revision: int, arriving: Adjusted | None = None
    ) -> Flag:
        """Return a finding in ``rows`` as it is kept; ``arriving`` is what a source says of bars that it just gives."""
        adjusted = self.instruments.register().adjusted(series) if arriving is None else arriving
        raw = adjusted.get("close", RAW) == RAW
        if one.kind in _SPLITS and not raw:
            one, rows = self._whole(series, one, rows)
        found = as_discrepancy(series, one, rows, revision=revision)
        if one.kind not in MULTIPLIED:
            return Flag(discrepancy=replace(found, evidence={**found.evidence, **_why_none(one)}), remedy=None)
        said = {"adjusted": self._said(series, adjusted, told=arriving is not None)}
        found = replace(found, evidence={**found.evidence, **said})
        if raw and _lacks_event(one):
            return self._event(found, one, rows)
        return Flag(discrepancy=self._counting(found, one, rows), remedy=corrected(rows, one))

    def _counting(self, found: Discrepancy, one: Finding, rows: Rows) -> Discrepancy:
        """Return it with the event that bars count once they are multiplied, if a split is what they lack."""
        if not _lacks_event(one):
            return found
        action = self._action(found, one, rows)
        told = {"why_no_event": _WITHIN} if action is None else {EVENTS: noted([action])}
        return replace(found, evidence={**found.evidence, **told})

    def _whole(self, series: Series, one: Finding, rows: Rows) -> tuple[Finding, Rows]:
        """Return a split with all bars before it: those that were not looked at are in the same shares."""
        first = int(rows.time[0])
        if one.interval.start > first:
            return one, rows
        kept = left(self.vault.ledger.revisions.state(series), Interval(EARLIEST, first))
        before = read(self.vault, series, kept).rows.standing()
        if not len(before):
            return one, rows
        whole = concat([replace(before, withdrawn=None, superseded_at=None), rows])
        return replace(one, interval=Interval(int(before.time[0]), one.interval.end)), whole

    def _said(self, series: Series, adjusted: Adjusted, *, told: bool) -> str:
        """Return what the bars are adjusted for, and who says so; raw ones are told by their ingestion alone."""
        state = spoken(adjusted)
        if told or adjusted or self.vault.ledger.audit.entries(operation=OPERATION, series=series, limit=1):
            return f"{state}, as {series.source} declares"
        return f"{state} is assumed, since nobody said what the bars of {series.source} are adjusted for"

    def _event(self, found: Discrepancy, one: Finding, rows: Rows) -> Flag:
        """Return a split that is missed in prices as traded: the bars on both sides of it, and the event."""
        at, ratio = parse_time(one.evidence["ex_date"]), float(one.evidence["ratio"])
        row = int(np.searchsorted(rows.time, at))
        action = self._action(found, one, rows)
        told = replace(
            found,
            interval=Interval(int(rows.time[row - 1]), at + found.series.timeframe.duration),
            fields=(),
            bars=2,
            key=f"{one.kind}:event:{at}:{ratio:.6g}",
            evidence={**found.evidence, BARS_BEFORE: str(row)},
        )
        if action is None:
            return Flag(discrepancy=replace(told, evidence={**told.evidence, "why_no_proposal": _WITHIN}), remedy=None)
        return Flag(discrepancy=told, remedy=action)

    def _action(self, found: Discrepancy, one: Finding, rows: Rows) -> CorporateAction | None:
        """Return the split, or None if it lies within a bar."""
        at = parse_time(one.evidence["ex_date"])
        row = int(np.searchsorted(rows.time, at))
        if one.evidence.get("within") or not row:
            return None
        return CorporateAction(
            instrument=found.series.instrument,
            ex_date=self._ex_date(found.series, int(rows.time[row - 1]), at),
            kind="split",
            source=DECLARED,
            value=float(one.evidence["ratio"]),
            evidence=evidence_of(
                {"series": str(found.series), "rule": one.rule, "confidence": f"{one.confidence:.4g}"}
            ),
        )

    def _ex_date(self, series: Series, before: int, at: int) -> int:
        """Return the ex-date of what happened between two bars: the session's date, or else the bar's time itself."""
        frame = series.timeframe
        if frame.duration >= DAY:
            return at - at % DAY
        try:
            calendar = self.instruments.calendar(series.instrument)
            day = int(calendar.coarser(frame, np.array([at], np.int64), TIMEFRAMES["1d"])[0])
            return day if before < label_of(day, frame, calendar) <= at else at
        except CalendarNotFound:
            return at


def _why_none(one: Finding) -> dict[str, str]:
    """Say why nothing is proposed: a person corrects what is told, and of some findings nothing better is known."""
    amount = one.evidence.get("proposed_amount")
    if one.kind not in _PAYMENTS or amount is None:
        return {"why_no_proposal": _NOTHING_KNOWN.get(one.kind, _NO_FACTOR)}
    day = str(one.evidence.get("ex_date", format_time(one.interval.end - 1)))[:_DATE]
    how = {
        "dividend_phantom": f"withdraw it (bl.actions.withdraw, `barledger actions withdraw`), ex-date {day}",
        "dividend_missing": f"add it (bl.actions.add, `barledger actions add`): {amount:.6g} on {day}",
    }.get(one.kind, f"correct it (bl.actions.correct, `barledger actions correct`) to {amount:.6g}, ex-date {day}")
    return {"why_no_proposal": f"{_NOT_OURS}: {how}"}


def _lacks_event(one: Finding) -> bool:
    """Whether it is a jump of the prices that a split would explain, and no split that is known stands wrongly."""
    return one.kind == "split_missed" and {"ex_date", "ratio"} <= {*one.evidence}
