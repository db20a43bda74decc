"""Paths to a series: an instrument may have slashes, so the timeframe is the last segment."""

from typing import Annotated, Final

from fastapi import Path

from barledger.api.schemas.values import TimeframeName

SERIES: Final = "/{instrument:path}/{timeframe}"
"""How a route ends that is about a series; ``BTC/USDT/1h`` and ``BTC%2FUSDT/1h`` are the same."""

Instrument = Annotated[
    str,
    Path(
        min_length=1,
        max_length=256,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="An instrument in any spelling; a slash may be percent-encoded.",
        examples=["AAPL"],
    ),
]
Timeframe = Annotated[
    TimeframeName, Path(description="How long each bar lasts; m is a minute, M a month.", examples=["1d"])
]
