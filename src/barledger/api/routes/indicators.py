"""Indicators: which there are, what each is, and their values, of one instrument and of many."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Annotated, Any, Final

import pyarrow as pa
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.batches import BatchTable
from barledger.api.formats import Format, Style, Tabular, choose
from barledger.api.options import Options
from barledger.api.problems import documented
from barledger.api.provenance import PROVENANCE, provenance_of_values
from barledger.api.response_headers import KEPT, described
from barledger.api.schemas.indicators import (
    BatchAnswer,
    BatchMeta,
    BatchWish,
    CalculateWish,
    CalculationAnswer,
    CalculationMeta,
    IndicatorAnswer,
    IndicatorsAnswer,
    IndicatorsWish,
    ValuesWish,
    gaps_overlooked,
    read_parameters,
)
from barledger.api.schemas.tables import TableWish
from barledger.api.schemas.values import Name
from barledger.api.security.callers import Caller, Reader
from barledger.api.specs import named, spec_of
from barledger.api.streaming import TABLES, stream
from barledger.errors import (
    CannotAdjust,
    IndicatorNotFound,
    ParameterInvalid,
    RevisionExpired,
    SeriesNotFound,
    TooManyBars,
)
from barledger.indicators.calculation import Calculation

router: Final = APIRouter(prefix="/indicators", tags=["indicators"])

UNKNOWN: Final = IndicatorNotFound(name="smaa", nearest=("sma", "sma3"))
INVALID: Final = ParameterInvalid(indicator="sma", name="timeperiod", value=0, allowed="a whole number from 2")
EXPIRED: Final = RevisionExpired(series="AAPL 1m", requested="2005-01-01T00:00:00Z", horizon="2026-08-28T00:00:00Z")
TOO_MANY: Final = TooManyBars(series="BTCUSDT 1m", bars=5_259_456, most=1_048_576)
_CANNOT: Final = CannotAdjust(what="split of 7:1 on 2014-06-09", reason="there is no bar before it to be multiplied")
COMPUTED: Final = (
    *("Barledger-Version", "Barledger-Revision", "Barledger-Digest", "Barledger-Bars-Digest"),
    *("Barledger-Adjustment", "Barledger-Warmup-Complete", "Barledger-Rows", "Barledger-Warning"),
)
IndicatorType = Annotated[Name, Path(description="An indicator's name or alias.", examples=["sma"])]


@router.get(
    "",
    operation_id="indicators",
    summary="Which indicators there are",
    response_model=IndicatorsAnswer,
    responses={200: {"headers": described(*KEPT)}, 304: conditional.UNCHANGED, **documented()},
)
def indicators(caller: Reader, request: Request, wish: Annotated[IndicatorsWish, Query()]) -> Response:
    """List every indicator, or those of a kind, by name."""
    found = [one for one in caller.bl.indicators.list() if wish.kind in (None, one.indicator.kind)]
    answer = IndicatorsAnswer(items=[IndicatorAnswer.of(one) for one in found])
    return conditional.answered(request, answer)


@router.get(
    "/describe/{indicator_type}",
    operation_id="indicator",
    summary="What an indicator is",
    response_model=IndicatorAnswer,
    responses={200: {"headers": described(*KEPT)}, 304: conditional.UNCHANGED, **documented(UNKNOWN)},
)
def describe(caller: Reader, request: Request, indicator_type: IndicatorType) -> Response:
    """Tell what an indicator takes and gives, its formula and convention, and how far back it reaches."""
    return conditional.answered(request, IndicatorAnswer.of(caller.bl.indicators.describe(named(indicator_type))))


@router.get(
    "/calculate/{indicator_type}",
    operation_id="calculate_indicator",
    summary="Values of an indicator",
    response_model=None,
    responses={
        200: {"model": CalculationAnswer, **TABLES, "headers": described(*KEPT, *COMPUTED)},
        304: conditional.UNCHANGED,
        **documented(UNKNOWN, SeriesNotFound(series="AAPL 1d"), INVALID, TOO_MANY, 406, _CANNOT, EXPIRED),
    },
)
def calculate(
    caller: Reader, request: Request, indicator_type: IndicatorType, wish: Annotated[CalculateWish, Query()]
) -> Response:
    """Compute an indicator of [start_date, end_date) at a version, right from the first row.

    Bars before the start are read as far as the first value needs them; `standings` say how many there were.
    """
    caller.check(wish.instrument)
    form = choose(request.headers.get("accept"), wish.format)
    one = caller.bl.indicators.describe(named(indicator_type)).indicator
    spec = spec_of(indicator_type, read_parameters(wish.parameters or "{}"), inputs=one.inputs)
    caller.check(*caller.bl.indicators.instruments(spec))
    check_bars(caller, request, spec, wish.instrument, wish, last=wish.last)
    found = caller.bl.indicators.calculate(
        spec,
        wish.instrument,
        wish.timeframe,
        start=wish.start_date,
        end=wish.end_date,
        last=wish.last,
        source=wish.source,
        version=wish.version,
        adjust=wish.adjust,
        nan_policy=wish.nan_policy,
    )
    return answered(caller, request, "calculation", form, found, wish)


@router.post(
    "/batch",
    operation_id="batch_indicators",
    summary="Values of indicators of many instruments",
    response_model=None,
    responses={
        200: {"model": BatchAnswer, **TABLES, "headers": described()},
        **documented(UNKNOWN, INVALID, TOO_MANY, 406, 409, EXPIRED, 413),
    },
)
def batch(caller: Reader, request: Request, wish: BatchWish, wanted: Annotated[TableWish, Query()]) -> Response:
    """Compute indicators of each instrument, right from its first row, all of one consistent cut.

    Rows come as they are computed, instrument after instrument. One that fails stops no other: it has a row with its
    `error`, and in JSON `items` tells of each: its revision, its digest, and whether its warm-up is complete. These are
    known only at the end, so that no header has them, and the other forms have none of them.
    """
    _check(caller, wish)
    form = choose(request.headers.get("accept"), wanted.format)
    options: Options = request.app.state.options
    service = caller.bl.indicators
    check_bars(caller, request, wish.indicators, wish.instruments, wish)
    columns = service.columns(wish.indicators)
    found = service.batches(
        wish.instruments,
        wish.timeframe,
        wish.indicators,
        start=wish.start_date,
        end=wish.end_date,
        source=wish.source,
        version=wish.version,
        adjust=wish.adjust,
        nan_policy=wish.nan_policy,
    )
    rows = BatchTable(found, columns, portion=portion_of(len(columns), options.page_rows))
    meta = BatchMeta.of(wish, rows.schema.names)
    portions, whole = _begun(rows.portions())
    table = Tabular(
        schema=rows.schema, portions=portions, meta=partial(meta.model_dump, mode="json"), whole=whole, tail=rows.tail
    )
    return stream(request, form, table, Style(orient=wanted.orient, times=wanted.times), {})


def check_bars(
    caller: Caller,
    request: Request,
    specs: str | list[str],
    instruments: str | list[str],
    wish: CalculateWish | ValuesWish | BatchWish,
    **more: Any,
) -> None:
    """Raise `TooManyBars` for what no request may hold at once; ``more`` is what not every wish has."""
    options: Options = request.app.state.options
    if options.indicator_bars:
        caller.bl.indicators.check_bars(
            specs,
            instruments,
            wish.timeframe,
            most=options.indicator_bars,
            start=wish.start_date,
            end=wish.end_date,
            source=wish.source,
            version=wish.version,
            adjust=wish.adjust,
            **more,
        )


def answered(
    caller: Caller, request: Request, kind: str, form: Format, found: Calculation, wish: CalculateWish | ValuesWish
) -> Response:
    """Return what was computed, or 304 where the client has it; ``kind`` tells its tags from others."""
    options: Options = request.app.state.options
    meta = CalculationMeta.of(found, wish.version, warnings=_warnings(caller, found, wish))
    kept = conditional.kept(
        conditional.tag_of(kind, meta.model_dump_json(), form.name, wish.orient, wish.times), immutable=False
    )
    known = conditional.unchanged(request, kept["etag"], kept)
    if known is not None:
        return known
    table = table_of(found, meta, portion_of(len(found.columns), options.page_rows))
    return stream(request, form, table, Style(orient=wish.orient, times=wish.times), kept | told_headers(meta))


def _warnings(caller: Caller, found: Calculation, wish: CalculateWish | ValuesWish) -> list[str]:
    """Say what gaps could not be refused, and where no bars are computed on what these themselves would say."""
    told = found.provenance
    if told["used_rows"]:
        return gaps_overlooked(told)
    scroll = caller.bl.retrieval.scroll(
        wish.instrument, wish.timeframe, source=wish.source, version=wish.version, last=1
    )
    warned = scroll.warning(scroll.told())
    return [warned] if warned else []


def _check(caller: Caller, wish: BatchWish) -> None:
    caller.check(*wish.instruments, *caller.bl.indicators.instruments(wish.indicators))


def _begun(portions: Iterator[pa.Table]) -> tuple[Iterator[pa.Table], bool]:
    """Compute until there is something to send, so that what is wrong is told before; and whether that is all."""
    first = list(islice(portions, 2))
    return chain(first, portions), len(first) < 2


def portion_of(columns: int, rows: int) -> int:
    """Return how many rows are held at once: as many as of bars, or fewer where there are more columns."""
    return max(1_024, min(rows, rows * 4 // (columns + 3)))


def table_of(found: Calculation, meta: CalculationMeta, portion: int) -> Tabular:
    """Return values as a table, of so many rows in each portion."""
    whole = found.to_arrow()
    told = {f"barledger.{name}": value for name, value in _told(meta).items()}
    told[PROVENANCE] = provenance_of_values(found)
    schema = whole.schema.with_metadata(told)
    portions = [whole.slice(at, portion) for at in range(0, len(whole), portion)] or [whole]
    return Tabular(
        schema=schema, portions=portions, meta=partial(meta.model_dump, mode="json"), whole=len(portions) == 1
    )


def _told(meta: CalculationMeta) -> dict[str, str]:
    told = ("version", "revision", "digest", "bars_digest", "adjustment", "rows")
    warned = {"warning": "; ".join(meta.warnings)} if meta.warnings else {}
    complete = {"warmup_complete": str(meta.warmup_complete).lower()}
    return {name: str(getattr(meta, name)) for name in told} | complete | warned


def told_headers(meta: CalculationMeta) -> dict[str, str]:
    """Return what values resolved to as headers, which every form has."""
    told = _told(meta)
    return {
        f"barledger-{name.replace('_', '-')}": value.encode("ascii", "backslashreplace").decode()
        for name, value in told.items()
    }
