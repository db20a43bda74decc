"""Screening: the detection of `inspect`, on bars that are about to be written."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.declared import Adjusted
from barledger.domain.finding import CERTAIN, Finding
from barledger.domain.interval import EARLIEST, Interval
from barledger.domain.rows import VALUES, Rows, concat, empty_rows
from barledger.domain.series import Series
from barledger.domain.validation import Rejected
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies import Workflow
from barledger.services.ingestion.held import current
from barledger.services.ingestion.screening import CONTEXT, Flag, Screened
from barledger.services.instruments import InstrumentService
from barledger.services.integrity.inspection import Findings, find
from barledger.services.integrity.remedies import Remedies


class Screening:
    """Flags what is certain in new bars, or puts it aside where a rule says so."""

    def __init__(
        self,
        vault: Vault,
        workflow: Workflow,
        instruments: InstrumentService,
        findings: Findings,
        *,
        confidence: float = CERTAIN,
    ) -> None:
        """Look by this detection; below ``confidence`` nothing is said."""
        self._vault, self._workflow = vault, workflow
        self._findings, self._confidence = findings, confidence
        self._remedies = Remedies(vault=vault, instruments=instruments)

    def __call__(
        self,
        series: Series,
        rows: Rows,
        *,
        before: Rows | None,
        actions: Sequence[CorporateAction],
        adjusted: Adjusted,
    ) -> Screened:
        """Return what becomes of the bars."""
        if not len(rows):
            return Screened(rows=rows)
        context = (self._before(series, int(rows.time[0])) if before is None else before).pick(slice(-CONTEXT, None))
        seen = concat([context, rows])
        known = self._vault.ledger.actions.list(instrument=series.instrument)
        found = find(self._findings, seen, timeframe=series.timeframe, actions=[*known, *actions], adjusted=adjusted)
        sure = [one for one in found if one.confidence >= self._confidence]
        return self._sorted(series, rows, seen, sure, adjusted)

    def _sorted(self, series: Series, rows: Rows, seen: Rows, sure: Sequence[Finding], adjusted: Adjusted) -> Screened:
        flags: list[Flag] = []
        rejected: list[Rejected] = []
        fresh = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
        for one in sure:
            flag = self._remedies.flag(series, one, seen, revision=0, arriving=adjusted)
            # An event may lie right before the bar that shows it, which is no part of what the finding is about.
            if not (one.interval.intersects(fresh) or flag.discrepancy.interval.intersects(fresh)):
                continue
            rule = self._workflow.rule_for(flag.discrepancy)
            if rule is not None and rule.action == "quarantine":
                rejected += _rejected(rows, one)
                rows = rows.pick((rows.time < one.interval.start) | (rows.time >= one.interval.end))
            else:
                flags.append(flag)
        return Screened(rows=rows, flags=tuple(flags), rejected=tuple(rejected))

    def _before(self, series: Series, start: int) -> Rows:
        """Return the bars right before ``start``, if the series has any: one small read."""
        state = self._vault.ledger.revisions.state(series)
        if not state.rows:
            return empty_rows()
        # Sessions have gaps, so that twice as much time holds as many bars of most markets.
        reach = max(start - 2 * CONTEXT * series.timeframe.duration, EARLIEST)
        if reach >= start:
            return empty_rows()
        rows = current(self._vault, series, Interval(reach, start)).rows.standing()
        return replace(rows, withdrawn=None, superseded_at=None)


def _rejected(rows: Rows, one: Finding) -> list[Rejected]:
    inside = np.flatnonzero((rows.time >= one.interval.start) & (rows.time < one.interval.end))
    return [
        Rejected(
            time=int(rows.time[at]),
            code=one.kind.replace("_", "-"),
            values={name: float(getattr(rows, name)[at]) for name in VALUES},
        )
        for at in inside
    ]
