"""Whether the server answers, and can serve: the only routes without a key."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from barledger.api.problems import LOGGER
from barledger.api.schemas.health import Health, Ready
from barledger.api.security.callers import Sessions
from barledger.errors import BarledgerError

router: Final = APIRouter(tags=["operation"])

_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": Ready, "description": "The store or the ledger does not answer."}
}


@router.get("/health", operation_id="health", summary="Whether the process answers")
async def health() -> Health:
    """Say so."""
    return Health(status="ok")


@router.get("/ready", operation_id="ready", summary="Whether requests can be served", responses=_NOT_READY)
def ready(request: Request, response: Response) -> Ready:
    """Look at the store and the ledger; why not is in the log alone."""
    sessions: Sessions = request.app.state.sessions
    try:
        sessions.bl.vault.ledger.now()
        sessions.bl.vault.store.mark()
    except (BarledgerError, OSError) as error:
        LOGGER.warning("not ready: %s", error)
        response.status_code = 503
        return Ready(status="not-ready")
    return Ready(status="ready")
