"""Jobs: work that takes longer than a request; asked for, followed, cancelled, and what it made."""

from collections.abc import Iterator
from pathlib import Path as File
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from barledger.api import conditional, paging
from barledger.api.idempotency import OnceOnly
from barledger.api.problems import documented
from barledger.api.routes.paths import SERIES, Instrument, Timeframe
from barledger.api.schemas.jobs import (
    BatchIndicatorsWish,
    ExportWish,
    IngestWish,
    JobAnswer,
    JobResult,
    JobsAnswer,
    JobsWish,
    JobWish,
    ReconcileWish,
    VerifyWish,
)
from barledger.api.schemas.values import Name, spared
from barledger.api.security.callers import Anyone, Caller, Ingester, Reader, Snapshotter
from barledger.domain.job import Job
from barledger.errors import QueuedJobNotFound, ScopeMissing

router: Final = APIRouter(prefix="/jobs", tags=["jobs"])
ingestion: Final = APIRouter(prefix="/data/ingest", tags=["data"])

JobId = Annotated[Name, Path(description="A job's id.", examples=["job-0a1b2c3d4e5f6a7b"])]
_TAKEN: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "model": JobAnswer,
        "description": "The job is in the queue.",
        "headers": {"Location": {"description": "Where the job is told of.", "schema": {"type": "string"}}},
    },
    **documented(404, 409, 410, 413, 501, 502),
}
_ASKED: Final[dict[str, Any]] = {"status_code": 202, "response_model": None, "responses": _TAKEN}
_PIECE: Final = 1 << 18


# --- asking ----------------------------------------------------------------------------------------


@ingestion.post("/{source}" + SERIES, operation_id="ingest", summary="Fetch bars from a source, as a job", **_ASKED)
def ingest(
    caller: Ingester,
    source: Annotated[Name, Path(description="Whom to ask.", examples=["yahoo"])],
    instrument: Instrument,
    timeframe: Timeframe,
    wish: Annotated[IngestWish, spared(IngestWish)],
    once: OnceOnly,
) -> Response:
    """Let a source be asked for the closed bars of [start_date, end_date); what is new or changed is written."""
    named = {"source": source, "instruments": [instrument], "timeframe": timeframe}
    return _asked(caller, "ingest", wish, once, named)


@router.post("/reconcile", operation_id="reconcile_job", summary="Compare with the sources", **_ASKED)
def reconcile(caller: Ingester, wish: Annotated[ReconcileWish, spared(ReconcileWish)], once: OnceOnly) -> Response:
    """Compare series with what their sources say now; what differs becomes a discrepancy."""
    return _asked(caller, "reconcile", wish, once)


@router.post("/verify", operation_id="verify_job", summary="Compare with the digests", **_ASKED)
def verify(caller: Snapshotter, wish: Annotated[VerifyWish, spared(VerifyWish)], once: OnceOnly) -> Response:
    """Read the bars of snapshots or series again and compare them with their digests."""
    return _asked(caller, "verify", wish, once)


@router.post("/export", operation_id="export_job", summary="Write bars into files", **_ASKED)
def export(caller: Reader, wish: ExportWish, once: OnceOnly) -> Response:
    """Write a file for each series, and a manifest of their digests; the job's result says where to fetch them."""
    return _asked(caller, "export", wish, once)


@router.post(
    "/batch-indicators", operation_id="batch_indicators_job", summary="Compute indicators into a file", **_ASKED
)
def batch_indicators(caller: Reader, wish: BatchIndicatorsWish, once: OnceOnly) -> Response:
    """Compute indicators of many instruments into one table; the job's result says where to fetch it."""
    return _asked(caller, "batch_indicators", wish, once)


def _asked(caller: Caller, kind: str, wish: JobWish, once: OnceOnly, named: dict[str, Any] | None = None) -> Response:
    options = {**wish.told(), **(named or {})}
    if options.get("source_options") and not caller.key.permits("admin"):
        raise ScopeMissing(key=caller.key.name, scope="admin", scopes=caller.key.scopes)

    def work() -> Response:
        about = caller.bl.jobs.concerned(options)
        if about:
            caller.check(*about)
        elif options.get("pattern") not in caller.key.instruments:
            # By a pattern of its own nothing is meant that the key is not for.
            caller.check_all()
        answer = JobAnswer.of(caller.bl.jobs.submit(kind, options))
        return Response(answer.model_dump_json(), 202, headers={"location": answer.url}, media_type="application/json")

    return once(caller, wish, work)


# --- looking ---------------------------------------------------------------------------------------


@router.get(
    "", operation_id="jobs", summary="Jobs, the newest first", response_model=JobsAnswer, responses=documented()
)
def jobs(caller: Anyone, request: Request, response: Response, wish: Annotated[JobsWish, Query()]) -> JobsAnswer:
    """List the jobs that the key may see: its own, and those about its instruments alone."""
    found = caller.bl.jobs.list(states=wish.state, before=None if wish.cursor is None else int(wish.cursor), limit=None)
    seen = [one for one in found if may_see(caller, one)]
    page = seen[: wish.limit]
    following = paging.next_url(request, str(page[-1].made_at)) if len(seen) > len(page) else None
    response.headers.update(paging.link(following))
    return JobsAnswer(items=[JobAnswer.of(one) for one in page], next=following)


@router.get("/{job_id:job}", operation_id="job", summary="A job, and how far it is", responses=documented(404))
def job(caller: Anyone, job_id: JobId) -> JobAnswer:
    """Tell of a job; `/api/v1/events` tells of its progress as it happens."""
    return JobAnswer.of(_seen(caller, job_id))


@router.post("/{job_id:job}/cancel", operation_id="cancel_job", summary="Cancel a job", responses=documented(404))
def cancel(caller: Anyone, job_id: JobId) -> JobAnswer:
    """Cancel what waits, and let what runs stop between two steps; what has ended stays as it is.

    A key cancels its own jobs, with the scope admin those of others too.
    """
    found = _seen(caller, job_id)
    if found.made_by != caller.key.actor and not caller.key.permits("admin"):
        raise ScopeMissing(key=caller.key.name, scope="admin", scopes=caller.key.scopes)
    return JobAnswer.of(caller.bl.jobs.cancel(job_id))


@router.get(
    "/{job_id:job}/result", operation_id="job_result", summary="What a job found", responses=documented(404, 409)
)
def result(caller: Anyone, job_id: JobId) -> JobResult:
    """Return the result of a job that is done, with the addresses of its files."""
    found = _seen(caller, job_id)
    caller.bl.jobs.result(job_id)
    return JobResult.of(found)


@router.get(
    "/{job_id:job}/files/{name}",
    operation_id="job_file",
    summary="A file that a job made",
    response_class=Response,
    response_model=None,
    responses={
        200: {
            "description": "The file.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **documented(404, 409),
    },
)
def file(caller: Reader, job_id: JobId, name: Annotated[Name, Path(description="From the job's result.")]) -> Response:
    """Return a file as it is; files of old jobs are removed with them."""
    found = _seen(caller, job_id)
    path = caller.bl.jobs.file(found.id, name)
    headers = conditional.kept(conditional.tag_of(found.id, name, found.ended_at), immutable=True)
    headers["content-length"] = str(path.stat().st_size)
    headers["content-disposition"] = "attachment"
    return StreamingResponse(_pieces(path), headers=headers, media_type="application/octet-stream")


def _pieces(path: File) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def may_see(caller: Caller, found: Job) -> bool:
    """Whether a key may know of a job: it asked for it, or may see all that the job is about."""
    if found.made_by == caller.key.actor or not caller.key.instruments:
        return True
    return bool(found.instruments) and all(map(caller.key.covers, found.instruments))


def _seen(caller: Caller, job_id: str) -> Job:
    found = caller.bl.jobs.get(job_id)
    if not may_see(caller, found):
        # Whether there is such a job is nothing that the key may know.
        raise QueuedJobNotFound(job=job_id)
    return found
