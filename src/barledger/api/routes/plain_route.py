"""Plain route: one whose plain questions do without the framework's way to parameters, which takes longer than reading.

Its endpoint has the parameters of `bars`. Whatever is wrong with a question, or unusual, goes the usual way, which says
so: here are no words.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from barledger.api.remembering import recognised_in
from barledger.api.routes.paths import Instrument, Timeframe
from barledger.api.schemas.bars import BarsWish
from barledger.api.security.callers import admitted


class _Series(BaseModel):
    """What the path names."""

    instrument: Instrument
    timeframe: Timeframe


class PlainRoute(APIRoute):
    """Reads parameters by the models that describe them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        usual = super().get_route_handler()
        endpoint: Any = self.endpoint

        async def handler(request: Request) -> Response:
            asked = _asked(request)
            if asked is None:
                return await usual(request)
            answer: Response = await run_in_threadpool(endpoint, *asked)
            return answer

        return handler


def _asked(request: Request) -> tuple[Any, ...] | None:
    """Return what the endpoint is called with, unless something is wrong or unusual.

    Raises what `admitted` raises.
    """
    recognised = recognised_in(request.scope)
    given = request.query_params.multi_items()
    wishes = dict(given)
    # Who sends a body, or a parameter twice, expects something that nobody does.
    if recognised is None or "content-type" in request.headers or len(wishes) != len(given):
        return None
    try:
        series, wish = _Series.model_validate(request.path_params), BarsWish.model_validate(wishes)
    except ValidationError:
        return None
    return admitted(request, recognised.key, "read"), request, series.instrument, series.timeframe, wish
