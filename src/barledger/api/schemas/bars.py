"""Bars: what is asked for, and the envelope that they come in."""

from typing import Annotated, Literal

from pydantic import Field

from barledger.api.formats.contract import Orient, Times
from barledger.api.formats.negotiation import FormatName
from barledger.api.schemas.values import CURSOR, Digest, Name, Names, Revision, Schema, Span, Time, VersionName, Wish
from barledger.domain.style import Style
from barledger.services.retrieval.scroll import PORTION


class BarsWish(Wish):
    """Which bars, in which state, and how they are written."""

    start_date: Annotated[Time | None, Field(description="From this time on.")] = None
    end_date: Annotated[Time | None, Field(description="Up to, not including, this time.")] = None
    version: VersionName = "latest"
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.", examples=["yahoo"])] = (
        None
    )
    is_adjusted: Annotated[bool, Field(description="Bars that the source itself had adjusted.")] = False
    lookback: Annotated[
        int, Field(ge=0, le=100_000_000, description="So many bars before start_date, as far as there are any.")
    ] = 0
    known_within: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9]{1,9}[smhdw]$",
            description="Each bar as it was known so long after its close; a column `observed` is added, false of "
            "those that nobody knew then.",
            examples=["30m", "1d"],
        ),
    ] = None
    adjust: Annotated[
        Literal["raw", "splits", "total"] | None,
        Field(
            description="Prices as traded, in the newest shares, or less dividends too; without it as stored. "
            "With include_adjusted, of the columns that this adds."
        ),
    ] = None
    include_adjusted: Annotated[
        bool,
        Field(
            description="Put adj_open … adj_volume and adjustment_factor beside the stored values: adjusted as adjust "
            "says, without it for splits and dividends (total)."
        ),
    ] = False
    columns: Annotated[
        Names | None, Field(description="Only these columns, beside time; of those that include_adjusted adds, too.")
    ] = None
    last: Annotated[int | None, Field(ge=1, le=PORTION, description="Only so many, the newest.")] = None
    limit: Annotated[int | None, Field(ge=1, le=PORTION, description="At most so many on a page.")] = None
    cursor: Annotated[str | None, Field(pattern=CURSOR, description="From `next`, or the header Link.")] = None
    events: Annotated[
        bool, Field(description="Put the corporate actions of this state into the metadata of Arrow and Parquet.")
    ] = False
    style: Annotated[Style | None, Field(description="Columns as another library has them.")] = None
    format: Annotated[FormatName | None, Field(description="Instead of the header Accept.")] = None
    orient: Annotated[Orient, Field(description="Of JSON: an object for each row, or a list for each column.")] = (
        "records"
    )
    times: Annotated[Times, Field(description="Of text formats: RFC 3339, or the time since 1970.")] = "rfc3339"


class SourceRows(Schema):
    """How many bars came from a source."""

    source: Annotated[str, Field(examples=["yahoo"])]
    rows: Annotated[int | None, Field(ge=0, description="Null where nobody counted them by source.")]


class BarsMeta(Schema):
    """What a question for bars resolved to; ``digest`` is over the bars of this answer, whole, be it a page."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    version: Annotated[str, Field(description="As asked for, or the snapshot that it resolved to.")]
    revision: Revision
    digest: Digest
    adjustment: Annotated[str, Field(description="What the prices are adjusted for.", examples=["raw"])]
    adjusted: Annotated[
        str | None, Field(description="What adj_* are adjusted for; null where they are not asked for.")
    ]
    sources: list[SourceRows]
    interval: Span
    rows: Annotated[int, Field(ge=0)]
    columns: Annotated[list[str], Field(examples=[["time", "open", "high", "low", "close", "volume"]])]
    warnings: Annotated[list[str], Field(description="What may not be as it was meant.")]


Cell = float | int | str | bool | None
"""A value; null where it is missing."""


class BarsAnswer(Schema):
    """Bars, with what they resolved to."""

    meta: BarsMeta
    next: Annotated[str | None, Field(description="The address of the next page.")]
    data: Annotated[
        list[dict[str, Cell]] | dict[str, list[Cell]],
        Field(
            description="Rows, or with orient=columns a list for each column.",
            examples=[
                [
                    {
                        "time": "2005-02-28T00:00:00Z",
                        "open": 44.68,
                        "high": 45.14,
                        "low": 44.0,
                        "close": 44.86,
                        "volume": 162902600.0,
                    }
                ]
            ],
        ),
    ]
