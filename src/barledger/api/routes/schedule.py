"""The schedule: which jobs there are, when they are due, and how they ended."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.documents import DOCUMENT
from barledger.api.problems import documented
from barledger.api.schemas.schedule import RunAnswer, RunnerAnswer, RunsAnswer, RunsWish, ScheduleAnswer, ScheduledJob
from barledger.api.schemas.values import NAME
from barledger.api.security.callers import Admin
from barledger.errors import JobNotFound

router: Final = APIRouter(prefix="/schedule", tags=["schedule"])

JobName = Annotated[
    str,
    Path(min_length=1, max_length=256, pattern=NAME, description="A job's name.", examples=["nightly"]),
]


@router.get(
    "/jobs",
    operation_id="schedule",
    summary="What is run when",
    response_model=ScheduleAnswer,
    responses={**DOCUMENT, **documented()},
)
def listed(caller: Admin, request: Request) -> Response:
    """List the jobs by name, when they are due, and who runs the schedule."""
    caller.check_all()
    jobs, leader = caller.bl.schedule.list(), caller.bl.schedule.leader()
    runner = None if leader is None else RunnerAnswer.of(leader)
    return conditional.answered(request, ScheduleAnswer(items=[ScheduledJob.of(one) for one in jobs], runner=runner))


@router.get(
    "/runs",
    operation_id="schedule_runs",
    summary="How runs ended",
    response_model=RunsAnswer,
    responses={**DOCUMENT, **documented()},
)
def runs(caller: Admin, request: Request, wish: Annotated[RunsWish, Query()]) -> Response:
    """List runs, the newest first; those of jobs that were removed too."""
    caller.check_all()
    found = caller.bl.schedule.history(wish.job, limit=wish.limit)
    return conditional.answered(request, RunsAnswer(items=[RunAnswer.of(one) for one in found]))


@router.get(
    "/jobs/{job:named}",
    operation_id="scheduled_job",
    summary="One job of the schedule",
    response_model=ScheduledJob,
    responses={**DOCUMENT, **documented(JobNotFound(job="nightly"))},
)
def get(caller: Admin, request: Request, job: JobName) -> Response:
    """Show a job of the schedule."""
    caller.check_all()
    return conditional.answered(request, ScheduledJob.of(caller.bl.schedule.get(job)))
