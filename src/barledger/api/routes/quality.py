"""How good bars are: the five metrics, what was measured before, and when blocks were verified."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.idempotency import OnceOnly
from barledger.api.problems import documented
from barledger.api.response_headers import KEPT, described
from barledger.api.routes.paths import SERIES, Instrument, Timeframe
from barledger.api.schemas.quality import (
    ChecksAnswer,
    ChecksWish,
    IntegrityAnswer,
    IntegrityWish,
    QualityHistoryAnswer,
    QualityHistoryWish,
)
from barledger.api.schemas.values import spared
from barledger.api.security.callers import Caller, Decider, Reader
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe as Frame
from barledger.errors import AmbiguousSource, SeriesNotFound

router: Final = APIRouter(tags=["quality"])

_MISSING: Final = SeriesNotFound(series="AAPL 1d")
_AMBIGUOUS: Final = AmbiguousSource(instrument="AAPL", timeframe="1d", sources=("stooq", "yahoo"))


@router.get(
    f"/data/integrity{SERIES}",
    operation_id="integrity",
    summary="The five metrics of a series",
    responses={200: {"headers": described()}, **documented(_MISSING, _AMBIGUOUS, 410)},
)
def integrity(
    caller: Reader, instrument: Instrument, timeframe: Timeframe, wish: Annotated[IntegrityWish, Query()]
) -> IntegrityAnswer:
    """Measure completeness, consistency, timeliness, accuracy and integrity of [start_date, end_date), each 0 to 1.

    Nothing of it is kept; POST /quality/measure/{instrument}/{timeframe} keeps it.
    """
    return _measured(caller, instrument, timeframe, wish, record=False)


@router.post(
    f"/quality/measure{SERIES}",
    operation_id="measure_quality",
    summary="Measure a series, and keep what was measured",
    status_code=201,
    response_model=IntegrityAnswer,
    responses={
        201: {"headers": described("Idempotency-Replayed")},
        **documented(_MISSING, _AMBIGUOUS, 409, 410, 413),
    },
)
def measure(
    caller: Decider,
    instrument: Instrument,
    timeframe: Timeframe,
    wish: Annotated[IntegrityWish, spared(IntegrityWish)],
    once: OnceOnly,
) -> Response:
    """Measure as GET /data/integrity does; the ledger keeps it, and when blocks were verified by it."""
    caller.check(instrument)

    def work() -> Response:
        answer = _measured(caller, instrument, timeframe, wish, record=True)
        return Response(answer.model_dump_json(), 201, media_type="application/json")

    return once(caller, wish, work)


@router.get(
    f"/quality/history{SERIES}",
    operation_id="quality_history",
    summary="What was measured before",
    response_model=QualityHistoryAnswer,
    responses={
        200: {"headers": described(*KEPT)},
        304: conditional.UNCHANGED,
        **documented(_MISSING, _AMBIGUOUS),
    },
)
def history(
    caller: Reader,
    request: Request,
    instrument: Instrument,
    timeframe: Timeframe,
    wish: Annotated[QualityHistoryWish, Query()],
) -> Response:
    """List the measurements that the ledger keeps of a series, the oldest first."""
    caller.check(instrument)
    name, frame = normalise_instrument(instrument), Frame.of(timeframe).name
    found = caller.bl.quality_metrics.history(name, frame, since=wish.since, source=wish.source, version=wish.version)
    return conditional.answered(request, QualityHistoryAnswer.of(name, frame, found))


@router.get(
    f"/quality/checks{SERIES}",
    operation_id="quality_checks",
    summary="When blocks were last verified",
    response_model=ChecksAnswer,
    responses={
        200: {"headers": described(*KEPT)},
        304: conditional.UNCHANGED,
        **documented(_MISSING, _AMBIGUOUS),
    },
)
def checks(
    caller: Reader, request: Request, instrument: Instrument, timeframe: Timeframe, wish: Annotated[ChecksWish, Query()]
) -> Response:
    """List when each block of a series was last read again, and what came of it."""
    caller.check(instrument)
    name, frame = normalise_instrument(instrument), Frame.of(timeframe).name
    found = caller.bl.quality_metrics.checks(name, frame, start=wish.start_date, end=wish.end_date, source=wish.source)
    return conditional.answered(request, ChecksAnswer.of(name, frame, found))


def _measured(caller: Caller, instrument: str, timeframe: str, wish: IntegrityWish, *, record: bool) -> IntegrityAnswer:
    caller.check(instrument)
    report = caller.bl.quality_metrics.measure(
        instrument,
        timeframe,
        start=wish.start_date,
        end=wish.end_date,
        version=wish.version,
        source=wish.source,
        record=record,
    )
    return IntegrityAnswer.of(report)
