"""Quality: the five metrics of a series, now and in the course of time, and the checks of its blocks."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from barledger.api.schemas.values import (
    Instant,
    Name,
    Plain,
    Revision,
    Schema,
    Span,
    Time,
    VersionName,
    Wish,
    plain,
    stamp,
    told_time,
)
from barledger.domain.quality import Case, Metric
from barledger.ledger.contract import BlockCheck, Measurement
from barledger.services.quality import QualityHistory, QualityReport

MetricWord = Literal["completeness", "consistency", "timeliness", "accuracy", "integrity"]
Score = Annotated[float | None, Field(ge=0, le=1, description="From 0 to 1; null where it could not be measured.")]


class IntegrityWish(Wish):
    """Of which stretch, in which state."""

    start_date: Annotated[Time | None, Field(description="From this time on; else from where the record begins.")] = (
        None
    )
    end_date: Annotated[Time | None, Field(description="Up to, not including, this time; else until now.")] = None
    version: VersionName = "latest"
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.")] = None


class CaseAnswer(Schema):
    """One of the worst cases."""

    interval: Span
    what: Annotated[str, Field(examples=["never_requested"])]
    value: Annotated[float, Field(description="How bad it is, the larger the worse.")]

    @classmethod
    def of(cls, case: Case) -> "CaseAnswer":
        """Show a case."""
        return cls(interval=Span.of(case.interval), what=case.what, value=case.value)


class MetricAnswer(Schema):
    """A score, what it rests on, and the worst that was found."""

    score: Score
    reason: Annotated[str, Field(description="Why there is no score.")]
    counts: Annotated[dict[str, int], Field(description="What the score was reckoned from.")]
    figures: Annotated[
        dict[str, Plain], Field(description="What else was measured; what was nested has dots in its name.")
    ]
    worst: list[CaseAnswer]
    notes: list[str]

    @classmethod
    def of(cls, metric: Metric) -> "MetricAnswer":
        """Show a metric."""
        return cls(
            score=metric.score,
            reason=metric.reason,
            counts=dict(metric.counts),
            figures=flat(metric.figures),
            worst=[CaseAnswer.of(one) for one in metric.worst],
            notes=list(metric.notes),
        )


class IntegrityAnswer(Schema):
    """The five metrics of a series."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    source: Annotated[str, Field(examples=["yahoo"])]
    is_adjusted: bool
    version: str
    revision: Annotated[Revision, Field(description="What the version meant; 0 where it is no single one.")]
    interval: Span
    measured_at: Instant
    recorded: Annotated[bool, Field(description="Whether the ledger keeps it.")]
    completeness: MetricAnswer
    consistency: MetricAnswer
    timeliness: MetricAnswer
    accuracy: MetricAnswer
    integrity: MetricAnswer

    @classmethod
    def of(cls, report: QualityReport) -> "IntegrityAnswer":
        """Show a report."""
        return cls(
            instrument=report.series.instrument,
            timeframe=report.series.timeframe.name,
            source=report.series.source,
            is_adjusted=report.series.is_adjusted,
            version=report.version,
            revision=str(report.revision),
            interval=Span.of(report.interval),
            measured_at=stamp(report.measured_at) or "",
            recorded=report.recorded,
            completeness=MetricAnswer.of(report.completeness),
            consistency=MetricAnswer.of(report.consistency),
            timeliness=MetricAnswer.of(report.timeliness),
            accuracy=MetricAnswer.of(report.accuracy),
            integrity=MetricAnswer.of(report.integrity),
        )


# --- in the course of time -------------------------------------------------------------------------


class QualityHistoryWish(Wish):
    """Which measurements."""

    since: Annotated[Time | None, Field(description="From this time on.")] = None
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.")] = None
    version: Annotated[VersionName, Field(description="Only measurements at this version, as it was asked for.")] = (
        "latest"
    )


class ScoresAnswer(Schema):
    """The scores of one measurement; a metric that was not asked for is not there."""

    completeness: Score = None
    consistency: Score = None
    timeliness: Score = None
    accuracy: Score = None
    integrity: Score = None


class MeasurementAnswer(Schema):
    """What was measured once."""

    source: Annotated[str, Field(examples=["yahoo"])]
    measured_at: Instant
    version: str
    revision: Revision
    interval: Span
    scores: ScoresAnswer

    @classmethod
    def of(cls, one: Measurement) -> "MeasurementAnswer":
        """Show a measurement."""
        return cls(
            source=one.series.source,
            measured_at=stamp(one.measured_at) or "",
            version=one.version,
            revision=str(one.revision),
            interval=Span.of(one.interval),
            scores=ScoresAnswer(**one.scores),
        )


class QualityHistoryAnswer(Schema):
    """What was measured of a series, the oldest first; the ledger keeps the newest 1,000."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    items: list[MeasurementAnswer]

    @classmethod
    def of(cls, instrument: str, timeframe: str, found: QualityHistory) -> "QualityHistoryAnswer":
        """Show measurements."""
        return cls(instrument=instrument, timeframe=timeframe, items=[MeasurementAnswer.of(one) for one in found])


class ChecksWish(Wish):
    """Which blocks."""

    start_date: Annotated[Time | None, Field(description="Blocks that begin at this time or later.")] = None
    end_date: Annotated[Time | None, Field(description="Blocks that begin before this time.")] = None
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.")] = None


class CheckAnswer(Schema):
    """When a block was last read again, and whether it was what the ledger keeps of it."""

    source: Annotated[str, Field(examples=["yahoo"])]
    start: Annotated[Instant, Field(description="Where the block begins.")]
    rows: Annotated[int, Field(ge=0)]
    ok: bool
    detail: str
    checked_at: Annotated[Instant | None, Field(description="Null if it never was.")]

    @classmethod
    def of(cls, one: BlockCheck) -> "CheckAnswer":
        """Show a check."""
        return cls(
            source=one.series.source,
            start=told_time(one.start) or "",
            rows=one.rows,
            ok=one.ok,
            detail=one.detail,
            checked_at=stamp(one.checked_at),
        )


class ChecksAnswer(Schema):
    """The checks of the blocks of a series, ascending."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    items: list[CheckAnswer]

    @classmethod
    def of(cls, instrument: str, timeframe: str, found: list[BlockCheck]) -> "ChecksAnswer":
        """Show checks."""
        return cls(instrument=instrument, timeframe=timeframe, items=[CheckAnswer.of(one) for one in found])


def flat(told: Mapping[str, Any], before: str = "") -> dict[str, Plain]:
    """Return figures without nesting: what is within another has its name before a dot; NaN is null."""
    found: dict[str, Plain] = {}
    for name, value in told.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
            found |= flat({str(at): one for at, one in enumerate(value)}, f"{before}{name}.")
        elif isinstance(value, float) and not math.isfinite(value):
            found[f"{before}{name}"] = None
        else:
            found[f"{before}{name}"] = plain(value)
    return found
