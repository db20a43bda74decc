"""Values of several indicators of one instrument, by their specs: what the library of another machine asks for."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.formats import Style, choose
from barledger.api.options import Options
from barledger.api.problems import documented
from barledger.api.response_headers import KEPT, described
from barledger.api.routes.indicators import (
    COMPUTED,
    EXPIRED,
    INVALID,
    TOO_MANY,
    UNKNOWN,
    check_bars,
    portion_of,
    table_of,
    told_headers,
)
from barledger.api.schemas.indicators import CalculationAnswer, CalculationMeta, ValuesWish
from barledger.api.security.callers import Reader
from barledger.api.streaming import TABLES, stream
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
    options: Options = request.app.state.options
    check_bars(caller, options, wish.indicators, wish)
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
    meta = CalculationMeta.of(found, wish.version)
    kept = conditional.kept(
        conditional.tag_of("values", meta.model_dump_json(), form.name, wish.orient, wish.times), immutable=False
    )
    known = conditional.unchanged(request, kept["etag"], kept)
    if known is not None:
        return known
    table = table_of(found, meta, portion_of(len(found.columns), options.page_rows))
    return stream(request, form, table, Style(orient=wish.orient, times=wish.times), kept | told_headers(meta))
