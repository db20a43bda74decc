"""Events: what the stream of them tells, as JSON in its data lines."""

from typing import Annotated, Any, Literal

from pydantic import Field

from barledger.api.schemas.jobs import JobAnswer
from barledger.api.schemas.values import Instant, Schema, Span, Wish, stamp
from barledger.domain.discrepancy import Discrepancy, Step
from barledger.ledger.contract import Noticed


class EventsWish(Wish):
    """Which events, and for how long."""

    kinds: Annotated[
        str | None,
        Field(
            pattern=r"^(job|discrepancy|notice)(,(job|discrepancy|notice)){0,2}$",
            description="Only these, separated by commas.",
            examples=["job,discrepancy"],
        ),
    ] = None
    seconds: Annotated[
        float | None, Field(gt=0, le=86_400, description="End the stream after so long; go on by Last-Event-ID.")
    ] = None


class DiscrepancyEvent(Schema):
    """A discrepancy took a step."""

    id: Annotated[str, Field(examples=["disc-0a1b2c3d4e5f"])]
    kind: Annotated[str, Field(examples=["correction"])]
    state: Annotated[str, Field(examples=["proposed"])]
    instrument: str
    timeframe: str
    source: str
    interval: Span
    bars: Annotated[int, Field(ge=0)]
    reason: str
    by: str
    at: Instant

    @classmethod
    def of(cls, subject: tuple[Discrepancy, Step]) -> "DiscrepancyEvent":
        """Show a step."""
        found, step = subject
        return cls(
            id=found.id,
            kind=found.kind,
            state=step.state,
            instrument=found.series.instrument,
            timeframe=found.series.timeframe.name,
            source=found.series.source,
            interval=Span.of(found.interval),
            bars=found.bars,
            reason=step.reason or found.reason,
            by=step.actor,
            at=stamp(step.at) or "",
        )


class NoticeEvent(Schema):
    """Something happened that somebody may want to hear of."""

    id: str
    kind: Annotated[str, Field(examples=["job_failed"])]
    severity: Literal["info", "warning", "critical"]
    subject: str
    about: str
    body: str
    at: Instant

    @classmethod
    def of(cls, found: Noticed) -> "NoticeEvent":
        """Show a notice."""
        told = found.notice
        return cls(
            id=found.id,
            kind=told.kind,
            severity=told.severity,
            subject=told.subject,
            about=told.about,
            body=told.body,
            at=stamp(found.made_at) or "",
        )


class StreamedEvent(Schema):
    """One event of the stream: what it is, JSON about it, and the id to go on from where it has one."""

    event: Literal["job", "discrepancy", "notice"]
    id: Annotated[str | None, Field(examples=["1795663240936754050"])] = None
    data: Annotated[
        str,
        Field(
            description="A JobAnswer, DiscrepancyEvent or NoticeEvent.",
            json_schema_extra={"contentMediaType": "application/json"},
        ),
    ]


def shown(subject: Any) -> Schema:
    """Return what an event is about as it is sent."""
    if isinstance(subject, Noticed):
        return NoticeEvent.of(subject)
    return DiscrepancyEvent.of(subject) if isinstance(subject, tuple) else JobAnswer.of(subject)
