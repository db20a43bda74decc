"""Findings: what looks wrong in bars, how sure that is, and what a person needs to judge it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from barledger.domain.interval import Interval

FindingKind = Literal[
    "split_missed",
    "split_phantom",
    "unit_error",
    "dividend_missing",
    "dividend_phantom",
    "dividend_too_big",
    "dividend_too_small",
    "dividend_double_counted",
    "dividend_not_adjusted",
    "adjustment_error",
    "duplicate",
    "stale",
    "non_positive",
    "crossed",
    "outlier",
    "volume_switch",
]

CERTAIN: Final = 0.95
"""From this confidence on a finding is called certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that looks wrong in [start, end) of a series.

    ``fields`` are the columns concerned, ``factor`` what turns the wrong values of the first of them into the right
    ones (None where no factor does), ``confidence`` a probability in 0..1, ``rule`` one sentence on how it was found,
    ``evidence`` the bars around and the statistics as plain JSON values.
    """

    kind: FindingKind
    interval: Interval
    fields: tuple[str, ...]
    confidence: float
    factor: float | None = None
    rule: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def certain(self) -> bool:
        """Whether it needs no further proof."""
        return self.confidence >= CERTAIN
