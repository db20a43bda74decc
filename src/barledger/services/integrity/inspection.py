"""Inspection: what looks wrong in bars by themselves, and what of it is kept for a decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.finding import Finding
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import VALUES, Flags, Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.services.discrepancies.multiplying import MULTIPLIED, multiplied, steps_of

Findings = Callable[..., list[Finding]]
"""Called as ``findings(rows, timeframe=, actions=, adjusted=)``, and ``held=`` where it is known which rows were held
before the others; returns what looks wrong in the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found in ``rows`` bars of a series at a revision; ``discrepancies`` are those that were kept."""

    series: Series
    interval: Interval
    revision: int
    rows: int
    findings: tuple[Finding, ...]
    discrepancies: tuple[Discrepancy, ...] = ()

    @property
    def certain(self) -> tuple[Finding, ...]:
        """Return the findings that need no further proof."""
        return tuple(one for one in self.findings if one.certain)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        """Say it in lines."""
        head = f"{self.series}: {len(self.findings)} findings in {self.rows:,} bars"
        return "\n".join([head, *(spoken(one) for one in self.findings)])


def spoken(one: Finding) -> str:
    """Return a finding as a line."""
    factor = "" if one.factor is None else f", times {one.factor:.10g}"
    fields = f" of {', '.join(one.fields)}" if one.fields else ""
    return f"{one.kind}{fields} in {one.interval}{factor} (confidence {one.confidence:.2f}): {one.rule}"


def as_discrepancy(series: Series, one: Finding, rows: Rows, *, revision: int) -> Discrepancy:
    """Return a finding as a discrepancy of the series with itself.

    Its fields are columns of bars, if it has any: with events to be looked at, it is no other finding.
    """
    named = tuple(name for name in one.fields if name in VALUES) or one.fields
    fields = ",".join(named)
    factor = "" if one.factor is None else f"{one.factor:.6g}"
    return Discrepancy(
        series=series,
        interval=one.interval,
        kind=one.kind,
        reason=one.rule or one.kind,
        fields=named,
        factor=one.factor,
        confidence=one.confidence,
        bars=int(_inside(rows, one.interval).sum()),
        revision=revision,
        key=f"{one.kind}:{one.interval.start}:{one.interval.end}:{fields}:{factor}",
        evidence={"rule": one.rule, **_seen(rows), **plain(one.evidence)},
    )


def _seen(rows: Rows) -> dict[str, str]:
    """Say in which stretch of bars it was seen: what another look sees in the same bars may be the same error."""
    return {"seen": f"{format_time(int(rows.time[0]))} to {format_time(int(rows.time[-1]))}"} if len(rows) else {}


def corrected(rows: Rows, one: Finding) -> Rows | None:
    """Return the bars of a finding put right by its factor, or None where no factor does."""
    if one.kind not in MULTIPLIED or one.factor is None or not one.fields:
        return None
    mine, steps = rows.pick(_inside(rows, one.interval)), steps_of(one.fields, one.factor)
    if not len(mine) or not steps:
        return None
    made = multiplied(mine, steps)
    return replace(made, withdrawn=None, superseded_at=None)


def find(
    findings: Findings,
    rows: Rows,
    *,
    timeframe: Timeframe,
    actions: Sequence[CorporateAction],
    adjusted: Mapping[str, str],
    held: Flags | None = None,
) -> list[Finding]:
    """Return what looks wrong in rows, the surest first; ``held`` marks those that were held before the others came."""
    if not len(rows):
        return []
    known = {} if held is None else {"held": held}
    found = findings(rows, timeframe=timeframe, actions=actions, adjusted=adjusted, **known)
    return sorted(found, key=lambda one: (-one.confidence, one.interval))


def _inside(rows: Rows, interval: Interval) -> Flags:
    return np.asarray((rows.time >= interval.start) & (rows.time < interval.end))


def plain(evidence: Any) -> Any:
    """Return evidence as JSON keeps it: numbers as text, since they are for people and canonical JSON has no others."""
    match evidence:
        case Mapping():
            return {str(name): plain(value) for name, value in evidence.items()}
        case list() | tuple():
            return [plain(value) for value in evidence]
        case bool() | None | str():
            return evidence
        case float():
            return f"{evidence:.10g}"
        case _:
            return str(evidence)
