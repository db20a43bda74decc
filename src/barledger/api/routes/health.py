"""Whether the server answers, and can serve: the only routes without a key."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from barledger.api.problems import LOGGER, documented_before
from barledger.api.schemas.health import Check, Health, Ready
from barledger.api.security.callers import authenticated
from barledger.barledger import BarLedger
from barledger.domain.timeframe import SECOND
from barledger.errors import BarledgerError
from barledger.services.cache.presence import check_own

router: Final = APIRouter(tags=["operation"])
_bearer: Final = HTTPBearer(auto_error=False, scheme_name="key")
_TOLERANCE: Final = 5.0

_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    **documented_before(),
    503: {
        "model": Ready,
        "description": "Store or ledger does not answer, they do not belong together, or a clock is off.",
    },
}


@router.get("/health", operation_id="health", summary="Whether the process answers", responses=documented_before())
async def health() -> Health:
    """Say so."""
    return Health(status="ok")


@router.get(
    "/ready",
    operation_id="ready",
    summary="Whether requests can be served",
    responses=_NOT_READY,
    response_model_exclude_none=True,
    # The key is optional: an empty requirement beside it says so.
    openapi_extra={"security": [{}]},
)
def ready(
    request: Request,
    response: Response,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> Ready:
    """Look at the store, the ledger and its clock; a store that is gone, empty or another ledger's is not ready.

    Why not is in the log, and told to who has a key.
    """
    bl: BarLedger = request.app.state.sessions.bl
    checks = [_check("ledger", lambda: _time(bl)), _check("store", lambda: _mark(bl))]
    if checks[0].ok:
        checks.append(_check("clock", lambda: _clock(bl)))
    well = all(one.ok for one in checks)
    if not well:
        LOGGER.warning("not ready: %s", "; ".join(f"{one.name}: {one.detail}" for one in checks if not one.ok))
        response.status_code = 503
        response.headers["retry-after"] = str(request.app.state.options.retry_seconds)
    return Ready(status="ready" if well else "not-ready", checks=checks if _may_know(bl, shown) else None)


def _check(name: Literal["store", "ledger", "clock"], look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=look())
    except (BarledgerError, OSError) as error:
        return Check(name=name, ok=False, detail=str(error))


def _time(bl: BarLedger) -> str:
    bl.vault.ledger.now()
    return bl.vault.ledger.location


def _mark(bl: BarLedger) -> str:
    """Look whether the store is there, and the ledger's own: any other takes no writes, and lacks bars."""
    check_own(bl.vault)
    return bl.vault.store.describe().location


def _clock(bl: BarLedger) -> str:
    """Compare the ledger's clock with this machine's; what leases and closed bars go by must not be far off."""
    off = abs(bl.vault.ledger.now() - time.time_ns()) / SECOND
    told = f"the ledger's clock is {off:.3f} s off this machine's"
    if off > _TOLERANCE:
        raise OSError(told)
    return told


def _may_know(bl: BarLedger, shown: HTTPAuthorizationCredentials | None) -> bool:
    try:
        return not authenticated(bl, shown).instruments
    except BarledgerError:
        return False
