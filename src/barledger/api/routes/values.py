"""Values of several indicators of one instrument, by their specs: what the library of another machine asks for."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.formats import choose
from barledger.api.problems import documented
from barledger.api.response_headers import KEPT, described
from barledger.api.routes.indicators import (
    COMPUTED,
    EXPIRED,
    INVALID,
    TOO_MANY,
    UNKNOWN,
    answered,
    check_bars,
)
from barledger.api.schemas.indicators import CalculationAnswer, ValuesWish
from barledger.api.security.callers import Reader
from barledger.api.streaming import TABLES
from barledger.errors import SeriesNotFound

router: Final = APIRouter(prefix="/indicators/values", tags=["indicators"])


@router.get(
    "",
    operation_id="indicator_values",
    summary="Values of several indicators",
    response_model=None,
    responses={
        200: {"model": CalculationAnswer, **TABLES, "headers": described(*KEPT, *COMPUTED)},
        304: conditional.UNCHANGED,
        **documented(UNKNOWN, SeriesNotFound(series="AAPL 1d"), INVALID, TOO_MANY, 406, 409, EXPIRED),
    },
)
def values(caller: Reader, request: Request, wish: Annotated[ValuesWish, Query()]) -> Response:
    """Compute indicators by their specs, of [start_date, end_date) at a version, right from the first row.

    A spec may be composed of others, and name another instrument, as in ``rsi(sma(@MSFT.close, 5), 14)``.
    """
    caller.check(wish.instrument, *caller.bl.indicators.instruments(wish.indicators))
    form = choose(request.headers.get("accept"), wish.format)
    check_bars(caller, request, wish.indicators, wish.instrument, wish, last=wish.last, anchor=wish.anchor)
    found = caller.bl.indicators.calculate(
        wish.indicators,
        wish.instrument,
        wish.timeframe,
        start=wish.start_date,
        end=wish.end_date,
        last=wish.last,
        source=wish.source,
        version=wish.version,
        adjust=wish.adjust,
        anchor=wish.anchor,
        nan_policy=wish.nan_policy,
    )
    return answered(caller, request, "values", form, found, wish)
