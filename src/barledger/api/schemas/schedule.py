"""The schedule: what is run when, and what became of it."""

from typing import Annotated

from pydantic import Field

from barledger.api.schemas.quality import flat
from barledger.api.schemas.values import Name, Plain, Schema, Wish
from barledger.ledger.contract import Term
from barledger.services.schedule.views import JobView, RunView, moment

Moment = Annotated[str, Field(description="A time in RFC 3339; empty where it has not come.")]


class ScheduledJob(Schema):
    """A job of the schedule."""

    name: Annotated[str, Field(examples=["nightly"])]
    kind: Annotated[str, Field(examples=["ingest"])]
    when: Annotated[str, Field(examples=['after_close("XNYS", "15m")'])]
    zone: Annotated[str, Field(examples=["UTC"])]
    options: dict[str, Plain]
    enabled: bool
    due: Moment
    made: Moment
    made_by: str

    @classmethod
    def of(cls, one: JobView) -> "ScheduledJob":
        """Show a job."""
        return cls(
            name=one.name,
            kind=one.kind,
            when=one.when,
            zone=one.zone,
            options=flat(one.options),
            enabled=one.enabled,
            due=one.due,
            made=one.made,
            made_by=one.made_by,
        )


class RunnerAnswer(Schema):
    """Who runs the schedule now, and until when unless it says so again."""

    owner: str
    until: Moment

    @classmethod
    def of(cls, one: Term) -> "RunnerAnswer":
        """Show a term."""
        return cls(owner=one.owner, until=moment(one.until))


class ScheduleAnswer(Schema):
    """Every job, by name."""

    items: list[ScheduledJob]
    runner: Annotated[RunnerAnswer | None, Field(description="Null if nobody runs the schedule.")]


class RunsWish(Wish):
    """Which runs."""

    job: Annotated[Name | None, Field(description="Only of this job.")] = None
    limit: Annotated[int, Field(ge=1, le=1_000, description="At most so many, the newest.")] = 100


class RunAnswer(Schema):
    """One run of a job."""

    id: str
    job: str
    state: str
    trigger: str
    scheduled_for: Moment
    started: Moment
    seconds: Annotated[float | None, Field(description="Null while it runs.")]
    missed: Annotated[int, Field(ge=0, description="So many due times it makes up for.")]
    result: dict[str, Plain]
    error: str
    runner: str

    @classmethod
    def of(cls, one: RunView) -> "RunAnswer":
        """Show a run."""
        return cls(
            id=one.id,
            job=one.job,
            state=one.state,
            trigger=one.trigger,
            scheduled_for=one.scheduled_for,
            started=one.started,
            seconds=one.seconds,
            missed=one.missed,
            result=flat(one.result),
            error=one.error,
            runner=one.runner,
        )


class RunsAnswer(Schema):
    """Runs, the newest first."""

    items: list[RunAnswer]
