"""Views: jobs and runs as people read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from barledger.domain.interval import format_time
from barledger.ledger.contract import JobRecord, Run

_NS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A rule of the schedule; ``due`` is when it runs next (RFC 3339), empty where no clock tells or it is off."""

    name: str
    kind: str
    when: str
    zone: str
    options: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool
    due: str
    made: str
    made_by: str

    @staticmethod
    def of(job: JobRecord) -> "JobView":
        """Show a record."""
        return JobView(
            name=job.name,
            kind=job.kind,
            when=job.when,
            zone=job.zone,
            options=dict(job.options),
            enabled=job.enabled,
            due=moment(job.due_at) if job.enabled else "",
            made=moment(job.made_at),
            made_by=job.made_by,
        )

    def __str__(self) -> str:
        """Say it in a line."""
        due = f", due {self.due}" if self.due else "" if self.enabled else ", switched off"
        return f"{self.name}: {self.kind}, {self.when}{due}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run: its ``seconds`` are None while it runs, ``missed`` counts the due times that it makes up for."""

    id: str
    job: str
    state: str
    trigger: str
    scheduled_for: str
    started: str
    seconds: float | None
    missed: int
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str
    runner: str

    @staticmethod
    def of(run: Run) -> "RunView":
        """Show a run."""
        return RunView(
            id=run.id,
            job=run.job,
            state=run.state,
            trigger=run.trigger,
            scheduled_for=moment(run.scheduled_for),
            started=moment(run.started_at),
            seconds=round((run.ended_at - run.started_at) / _NS, 3) if run.ended_at else None,
            missed=run.missed,
            result=dict(run.result),
            error=run.error,
            runner=run.runner,
        )

    def __str__(self) -> str:
        """Say it in a line."""
        lasted = "" if self.seconds is None else f" after {self.seconds:.3f} s"
        why = f": {self.error}" if self.error else ""
        return f"{self.job} {self.state}{lasted} ({self.trigger}, {self.started}){why}"


def moment(time: int) -> str:
    """Return a time to the millisecond, or nothing."""
    return format_time(time - time % 1_000_000) if time else ""
