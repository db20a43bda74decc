"""Which bars are there, and why others are missing."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from barledger.api.problems import documented
from barledger.api.routes.paths import SERIES, Instrument, Timeframe
from barledger.api.schemas.availability import AvailabilityAnswer, AvailabilityWish
from barledger.api.schemas.values import listed
from barledger.api.security.callers import Reader

router: Final = APIRouter(prefix="/data/availability", tags=["data"])


@router.get(
    SERIES, operation_id="availability", summary="What is there, and what is missing", responses=documented(404)
)
def availability(
    caller: Reader, instrument: Instrument, timeframe: Timeframe, wish: Annotated[AvailabilityWish, Query()]
) -> AvailabilityAnswer:
    """Tell which bars of [start_date, end_date) are there, and why the others are not."""
    caller.check(instrument)
    found = caller.bl.availability.check(
        instrument,
        timeframe,
        start=wish.start_date,
        end=wish.end_date,
        source=wish.source,
        required_fields=listed(wish.required_fields),
        exact=wish.exact,
    )
    return AvailabilityAnswer.of(found)
