"""Metrics for Prometheus; they want a key for the whole library, or a setting that opens them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response

from barledger.api.metrics import MEDIA_TYPE, Metrics
from barledger.api.options import Options
from barledger.api.problems import documented
from barledger.api.security.callers import Caller, permitted

router: Final = APIRouter(tags=["operation"])
_bearer: Final = HTTPBearer(auto_error=False, scheme_name="key")
_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Prometheus' text form.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    **documented(),
}


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="For Prometheus",
    response_class=Response,
    response_model=None,
    responses=_TEXT,
)
async def metrics(
    request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> Response:
    """Tell of requests, the store, the ledger, ingestion, discrepancies, verification and jobs."""
    options: Options = request.app.state.options
    if not options.open_metrics:
        caller: Caller = await permitted("read")(request, shown)
        caller.check_all()
    told: Metrics = request.app.state.metrics
    return Response(await run_in_threadpool(told.written), media_type=MEDIA_TYPE)
