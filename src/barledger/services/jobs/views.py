"""Views: jobs as people and programs read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from barledger.domain.job import Job, JobState
from barledger.services.schedule.views import moment

_NS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJobView:
    """A job with readable times (RFC 3339, empty for what has not happened); ``seconds`` is how long it took."""

    id: str
    kind: str
    state: JobState
    instruments: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    made: str
    made_by: str
    started: str
    ended: str
    seconds: float | None
    done: int
    total: int
    doing: str
    cancel_asked: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str
    code: str
    next_step: str
    runner: str

    @staticmethod
    def of(job: Job) -> "QueuedJobView":
        """Show a job; the options of a source, which may be secret, are not shown."""
        secret = {"source_options": "…"} if job.options.get("source_options") else {}
        return QueuedJobView(
            id=job.id,
            kind=job.kind,
            state=job.state,
            instruments=job.instruments,
            options={**job.options, **secret},
            made=moment(job.made_at),
            made_by=job.made_by,
            started=moment(job.started_at),
            ended=moment(job.ended_at),
            seconds=round((job.ended_at - job.started_at) / _NS, 3) if job.ended_at and job.started_at else None,
            done=job.progress.done,
            total=job.progress.total,
            doing=job.progress.text,
            cancel_asked=job.cancel_asked,
            result={} if job.state == "failed" else dict(job.result),
            error=job.error,
            code=job.code,
            next_step=job.next_step,
            runner=job.runner,
        )

    @property
    def far(self) -> str:
        """Say in a few words how far it is."""
        counted = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}" if self.done else ""
        return " ".join(one for one in (counted, self.doing) if one)

    def __str__(self) -> str:
        """Say it in a line."""
        about = ", ".join(self.instruments[:3]) or "the library"
        lasted = "" if self.seconds is None else f" after {self.seconds:.3f} s"
        why = f": {self.error}" if self.error else f": {self.far}" if self.far else ""
        return f"{self.id}: {self.kind} of {about}, {self.state}{lasted}{why}"
