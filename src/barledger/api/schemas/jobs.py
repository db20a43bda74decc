"""Jobs: what is asked for, and what became of it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from barledger.api.schemas.indicators import NanPolicy
from barledger.api.schemas.values import (
    MOMENT,
    NOTE,
    Instant,
    InstrumentName,
    Name,
    Plain,
    Schema,
    Time,
    TimeframeName,
    VersionName,
    Wish,
    plain,
    stamp,
)
from barledger.domain.change_policy import OnChange
from barledger.domain.job import Job, JobState
from barledger.domain.style import Style
from barledger.domain.validation import OnInvalid

ROOT = "/api/v1/jobs"

Instruments = Annotated[list[InstrumentName], Field(min_length=1, max_length=5_000)]
Reason = Annotated[str, Field(max_length=1_000, pattern=NOTE, description="Why, for the audit log.")]
Calls = Annotated[int | None, Field(ge=0, le=1_000_000, description="At most so many calls of the source.")]
Seconds = Annotated[float | None, Field(ge=0, le=604_800, description="Begin nothing after so many seconds.")]
Duration = Annotated[str, Field(pattern=r"^[0-9]{1,6}(s|m|h|d|w)$", examples=["7d"])]
SourceOptions = Annotated[
    dict[str, str | int | float | bool] | None,
    Field(
        description="Options of the source, with the scope admin only: they may name files and addresses of the server."
    ),
]


# --- what is asked for -----------------------------------------------------------------------------


class JobWish(Wish):
    """What a job of some kind is to do."""

    def told(self) -> dict[str, Any]:
        """Return it as the queue takes it."""
        told = self.model_dump(exclude_none=True)
        names = {"start_date": "start", "end_date": "end", "options": "source_options"}
        return {names.get(name, name): value for name, value in told.items()}


class IngestWish(JobWish):
    """Which stretch to fetch, and what to do with what is changed or invalid."""

    start_date: Annotated[
        Time | None,
        Field(
            description="From this time on; without one from where the bars end, but of sources read as a whole "
            "(sample, files) all their bars."
        ),
    ] = None
    end_date: Annotated[Time | None, Field(description="Up to, not including, this time; without one until now.")] = (
        None
    )
    refresh: Annotated[int | None, Field(ge=1, le=1_000_000, description="Ask again for the last so many bars.")] = None
    on_change: Annotated[OnChange | None, Field(description="Instead of the source's policy.")] = None
    on_invalid: Annotated[OnInvalid, Field(description="Put invalid bars aside, or refuse them all.")] = "quarantine"
    budget_calls: Calls = None
    budget_seconds: Seconds = None
    reason: Reason = ""
    options: SourceOptions = None

    model_config = Wish.model_config | {
        "json_schema_extra": {"examples": [{"start_date": "2005-01-01", "end_date": "2010-01-01"}]}
    }


class ReconcileWish(JobWish):
    """Which series to compare with their sources."""

    pattern: Annotated[Name, Field(description="An instrument, or a glob of them.", examples=["AAPL"])] = "*"
    timeframe: TimeframeName | None = None
    source: Annotated[Name | None, Field(description="Only from this source.")] = None
    budget_calls: Calls = None
    budget_seconds: Seconds = None
    latest: Annotated[
        Duration | None, Field(description="Look at a block again after so long at the latest; 0s: look at all.")
    ] = None
    source_options: SourceOptions = None


class VerifyWish(JobWish):
    """Which snapshots, or which series, to read again."""

    versions: Annotated[list[VersionName] | None, Field(min_length=1, max_length=1_000)] = None
    pattern: Annotated[Name | None, Field(description="An instrument, or a glob of them.")] = None
    timeframe: TimeframeName | None = None
    source: Annotated[Name | None, Field(description="Only from this source.")] = None


class ExportWish(JobWish):
    """Which bars to write into files."""

    instruments: Instruments
    timeframes: Annotated[list[TimeframeName], Field(min_length=1, max_length=18)]
    start_date: Time | None = None
    end_date: Time | None = None
    source: Name | None = None
    version: VersionName = "latest"
    adjust: Literal["raw", "splits", "total"] | None = None
    format: Literal["csv", "parquet", "arrow"] = "parquet"
    style: Annotated[Style | Literal["barledger"], Field(description="barledger's own, or another library's.")] = (
        "barledger"
    )


class BatchIndicatorsWish(JobWish):
    """Which indicators to compute, of which instruments."""

    instruments: Instruments
    timeframe: TimeframeName
    indicators: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=500)]],
        Field(min_length=1, max_length=200, examples=[["sma(20)", "rsi(14)"]]),
    ]
    start_date: Time | None = None
    end_date: Time | None = None
    source: Name | None = None
    version: VersionName = "latest"
    adjust: Literal["raw", "splits", "total"] | None = None
    nan_policy: NanPolicy = None
    format: Literal["parquet", "csv", "arrow"] = "parquet"


class JobsWish(Wish):
    """Which jobs to list."""

    state: JobState | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: Annotated[str | None, Field(pattern=MOMENT, description="From `next`, or the header Link.")] = None


# --- what became of it -----------------------------------------------------------------------------


class ProgressAnswer(Schema):
    """How far a job is."""

    done: Annotated[int, Field(ge=0)]
    total: Annotated[int | None, Field(description="Null where nobody knows.")]
    share: Annotated[float | None, Field(ge=0, le=1)]
    text: Annotated[str, Field(description="What it is at.", examples=["bars"])]


class JobError(Schema):
    """Why a job failed."""

    code: Annotated[str, Field(examples=["data-not-found"])]
    message: str
    next_step: Annotated[str | None, Field(description="Null where nobody knows one.")]

    @classmethod
    def of(cls, job: Job) -> "JobError":
        """Show why a job failed."""
        return cls(code=job.code, message=job.error, next_step=job.next_step or None)


class JobFile(Schema):
    """A file that a job made."""

    name: str
    bytes: Annotated[int, Field(ge=0)]
    url: Annotated[str, Field(examples=["/api/v1/jobs/job-0a1b2c3d4e5f6a7b/files/AAPL-1d.parquet"])]


class JobResult(Schema):
    """What a job that is done tells: counts and names, and its files."""

    job: Annotated[str, Field(examples=["job-0a1b2c3d4e5f6a7b"])]
    summary: Annotated[dict[str, Plain], Field(examples=[{"new": 1260, "same": 0, "revision": "1795658068935660612"}])]
    files: list[JobFile]

    @classmethod
    def of(cls, job: Job) -> "JobResult":
        """Show the result of a job."""
        files = [
            JobFile(name=one["name"], bytes=one["bytes"], url=f"{ROOT}/{job.id}/files/{one['name']}")
            for one in job.result.get("files", ())
        ]
        summary = {name: plain(value) for name, value in job.result.items() if name not in ("files", "host")}
        return cls(job=job.id, summary=summary, files=files)


class JobAnswer(Schema):
    """A job, and how far it is."""

    id: Annotated[str, Field(examples=["job-0a1b2c3d4e5f6a7b"])]
    kind: Annotated[str, Field(examples=["ingest"])]
    state: JobState
    instruments: Annotated[list[str], Field(description="What it is about; none for the whole library.")]
    made_at: Instant
    made_by: Annotated[str, Field(examples=["key:desk"])]
    started_at: Instant | None
    ended_at: Instant | None
    progress: ProgressAnswer
    cancel_asked: bool
    error: JobError | None
    result: Annotated[JobResult | None, Field(description="Null until it is done.")]
    url: Annotated[str, Field(examples=["/api/v1/jobs/job-0a1b2c3d4e5f6a7b"])]

    @classmethod
    def of(cls, job: Job) -> "JobAnswer":
        """Show a job; its options may have what is secret, and are not shown."""
        told = job.progress
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            instruments=list(job.instruments),
            made_at=stamp(job.made_at) or "",
            made_by=job.made_by,
            started_at=stamp(job.started_at),
            ended_at=stamp(job.ended_at),
            progress=ProgressAnswer(done=told.done, total=told.total or None, share=told.share, text=told.text),
            cancel_asked=job.cancel_asked,
            error=JobError.of(job) if job.error else None,
            result=JobResult.of(job) if job.state == "done" else None,
            url=f"{ROOT}/{job.id}",
        )


class JobsAnswer(Schema):
    """Jobs, the newest first."""

    items: list[JobAnswer]
    next: Annotated[str | None, Field(description="The address of the next page.")]
