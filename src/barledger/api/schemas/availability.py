"""Availability: which bars are there, and why others are missing."""

from typing import Annotated

from pydantic import Field

from barledger.api.schemas.values import Name, Names, Schema, Span, Time, Wish
from barledger.services.availability import Availability, Missing
from barledger.services.availability.report import Reason


class AvailabilityWish(Wish):
    """Which bars to look for."""

    start_date: Annotated[Time | None, Field(description="From this time on; without one from the first bar on.")] = (
        None
    )
    end_date: Annotated[Time | None, Field(description="Up to, not including, this time; without one until now.")] = (
        None
    )
    required_fields: Annotated[Names | None, Field(description="Fields that every bar must have.")] = None
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.")] = None
    exact: Annotated[bool, Field(description="Read every bar, instead of trusting the ledger's counts.")] = False


class MissingStretch(Schema):
    """Neighbouring bars that are missing for one reason."""

    interval: Span
    bars: Annotated[int, Field(ge=1)]
    reason: Reason
    detail: str
    source: str

    @classmethod
    def of(cls, missing: Missing) -> "MissingStretch":
        """Show a stretch."""
        return cls(
            interval=Span.of(missing.interval),
            bars=missing.bars,
            reason=missing.reason,
            detail=missing.detail,
            source=missing.source,
        )


class AvailabilityAnswer(Schema):
    """Which bars of an instrument are there; neither a closed market nor a forming bar is missing."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    sources: list[str]
    interval: Span
    calendar: Annotated[str, Field(examples=["XNYS"])]
    calendar_origin: Annotated[str, Field(description="Who said when it trades; `default` if nobody did.")]
    complete: bool
    ratio: Annotated[float, Field(ge=0)]
    expected: Annotated[int, Field(ge=0)]
    found: Annotated[int, Field(ge=0)]
    behind: Annotated[int, Field(ge=0, description="So many at the end were never asked for.")]
    reasons: Annotated[dict[str, int], Field(description="How many are missing for each reason.")]
    present: list[Span]
    missing: list[MissingStretch]
    fields: Annotated[dict[str, int], Field(description="How many bars lack each required field.")]

    @classmethod
    def of(cls, found: Availability) -> "AvailabilityAnswer":
        """Show what was found."""
        return cls(
            instrument=found.instrument,
            timeframe=found.timeframe.name,
            sources=[series.source for series in found.series],
            interval=Span.of(found.interval),
            calendar=found.calendar,
            calendar_origin=found.calendar_origin,
            complete=found.complete,
            ratio=found.ratio,
            expected=found.expected,
            found=found.found,
            behind=found.behind,
            reasons={str(reason): count for reason, count in found.reasons.items()},
            present=[Span.of(one) for one in found.present],
            missing=[MissingStretch.of(one) for one in found.missing],
            fields=dict(found.fields),
        )
