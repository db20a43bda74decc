"""Screening: the detection of `inspect`, on bars that are about to be written."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.declared import Adjusted
from barledger.domain.finding import CERTAIN, Finding
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows, concat, empty_rows
from barledger.domain.series import Series
from barledger.domain.validation import Rejected
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies import Workflow
from barledger.services.ingestion.hearing import silent
from barledger.services.ingestion.screening import Flag, Screened
from barledger.services.instruments import InstrumentService
from barledger.services.integrity.context import UNIT, Context
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
        complete: Interval | None,
        adjusted: Adjusted,
    ) -> Screened:
        """Return what becomes of the bars."""
        if not len(rows):
            return Screened(rows=rows)
        context = Context.of(self._vault, series, rows, before=before)
        known = self._vault.ledger.actions.list(instrument=series.instrument)
        if complete is not None:
            # What the source does not tell any more says nothing of the bars that it gives with its silence.
            mine = [one for one in known if one.source == series.source]
            gone = silent(mine, actions, [complete])
            known = [one for one in known if one not in gone]
        known = [*known, *actions]
        found = self._look(series, rows, context, known, adjusted)
        sure = [one for one in found if one.confidence >= self._confidence]
        return self._sorted(series, rows, context, sure, adjusted)

    def _look(
        self, series: Series, rows: Rows, context: Context, actions: Sequence[CorporateAction], adjusted: Adjusted
    ) -> list[Finding]:
        """Return what looks wrong in the bars beside those before them, and in another unit than those behind, too.

        Bars behind may not count yet what these count, so that nothing but their unit is compared.
        """

        def look(after: Rows) -> list[Finding]:
            held = np.concatenate([np.ones(len(context.before), np.bool_), context.same, np.ones(len(after), np.bool_)])
            seen = concat([context.righted(context.before), rows, context.righted(after)])
            return find(self._findings, seen, timeframe=series.timeframe, actions=actions, adjusted=adjusted, held=held)

        found = look(empty_rows())
        if not len(context.after):
            return found
        behind = [one for one in look(context.after) if one.kind == UNIT]
        return [*(one for one in found if one.kind != UNIT), *behind]

    def _sorted(
        self, series: Series, rows: Rows, context: Context, sure: Sequence[Finding], adjusted: Adjusted
    ) -> Screened:
        flags: list[Flag] = []
        rejected: list[Rejected] = []
        seen, fresh = concat([context.before, rows, context.after]), rows.time
        held, told = set(fresh[context.same].tolist()), self._told(series) if sure else frozenset()
        for one in sure:
            flag = self._remedies.flag(series, one, seen, revision=0, arriving=adjusted)
            shown = _shown(one, flag, seen)
            if (one.kind, flag.discrepancy.interval.end) not in told:
                # What was doubtful when its bars came is certain with those that come behind.
                shown = Interval(shown.start, max(shown.end, int(fresh[-1]) + 1))
            flag = replace(flag, shown=shown)
            if not flag.among(fresh):
                continue
            rule = self._workflow.rule_for(flag.discrepancy)
            aside = _rejected(rows, one) if rule is not None and rule.action == "quarantine" else []
            if any(one.time not in held for one in aside):
                rejected += aside
                rows = rows.pick((rows.time < one.interval.start) | (rows.time >= one.interval.end))
            else:
                # Bars that are held already are not put aside by what comes behind them.
                flags.append(flag)
        return Screened(rows=rows, flags=tuple(flags), rejected=tuple(rejected))

    def _told(self, series: Series) -> frozenset[tuple[str, int]]:
        """Return what was found before, whatever became of it, by kind and end: looks begin at other bars each time."""
        listed = self._vault.ledger.discrepancies.list(series=series)
        return frozenset((one.kind, one.interval.end) for one in listed)


def _shown(one: Finding, flag: Flag, seen: Rows) -> Interval:
    """Return the stretch of bars that show a finding: those that it is about, and the first one behind them.

    An event lies right before the bar that shows it, and what a split lacks is shown by the bar that has it.
    """
    kept = flag.discrepancy.interval
    behind = seen.time[seen.time >= one.interval.end][:1] + 1
    return Interval(min(one.interval.start, kept.start), max(one.interval.end, kept.end, *behind.tolist()))


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
