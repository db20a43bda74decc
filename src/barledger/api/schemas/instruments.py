"""Instruments: what is known of them, and who said it."""

from typing import Annotated

from pydantic import Field

from barledger.api.keyset import PageWish
from barledger.api.schemas.actions import ActionAnswer
from barledger.api.schemas.values import Instant, InstrumentName, Name, Schema, Span, told_time
from barledger.domain.instrument import Halt, Instrument, Kind
from barledger.ledger.contract import SeriesState, Symbol


class InstrumentsWish(PageWish):
    """Which instruments."""

    pattern: Annotated[Name | None, Field(description="An instrument, or a glob.", examples=["*.L", "BTC*"])] = None


class SymbolsWish(PageWish):
    """Whose names, of which instrument."""

    instrument: Annotated[InstrumentName | None, Field(description="Only of this instrument.")] = None
    source: Annotated[Name | None, Field(description="Only of this source.", examples=["yahoo"])] = None


class InstrumentSummary(Schema):
    """What is known of an instrument."""

    name: Annotated[str, Field(examples=["AAPL"])]
    kind: Kind
    calendar: Annotated[str, Field(description="24/7, or an exchange's MIC.", examples=["XNYS"])]
    currency: str | None
    first_trade: Annotated[Instant | None, Field(description="The first instant at which there was trading.")]
    last_trade: Annotated[Instant | None, Field(description="The first at which there was none any more.")]
    origins: Annotated[
        dict[str, str], Field(description="Who said it, of each fact.", examples=[{"calendar": "declared"}])
    ]

    @classmethod
    def of(cls, one: Instrument) -> "InstrumentSummary":
        """Show an instrument."""
        return cls(
            name=one.name,
            kind=one.kind,
            calendar=one.calendar,
            currency=one.currency,
            first_trade=None if one.first_trade is None else told_time(one.first_trade),
            last_trade=None if one.last_trade is None else told_time(one.last_trade),
            origins=dict(one.origins),
        )


class InstrumentsAnswer(Schema):
    """Every instrument that has bars, or that somebody spoke of by name, sorted."""

    items: list[InstrumentSummary]
    next: Annotated[str | None, Field(description="The address of the next page.")]


class SymbolAnswer(Schema):
    """What a source calls an instrument, and when."""

    instrument: Annotated[str, Field(examples=["BRK-B"])]
    source: Annotated[str, Field(examples=["yahoo"])]
    symbol: Annotated[str, Field(examples=["BRK-B"])]
    valid: Span

    @classmethod
    def of(cls, one: Symbol) -> "SymbolAnswer":
        """Show a name."""
        return cls(instrument=one.instrument, source=one.source, symbol=one.native, valid=Span.of(one.valid))


class SymbolsAnswer(Schema):
    """The sources' own names, by instrument and source."""

    items: list[SymbolAnswer]
    next: Annotated[str | None, Field(description="The address of the next page.")]


class HaltAnswer(Schema):
    """A stretch in which an instrument did not trade though its market was open."""

    interval: Span
    reason: str

    @classmethod
    def of(cls, one: Halt) -> "HaltAnswer":
        """Show a halt."""
        return cls(interval=Span.of(one.interval), reason=one.reason)


class SeriesAnswer(Schema):
    """The bars of an instrument at one timeframe from one source."""

    timeframe: Annotated[str, Field(examples=["1d"])]
    source: Annotated[str, Field(examples=["yahoo"])]
    is_adjusted: bool
    rows: Annotated[int, Field(ge=0)]
    revision: Annotated[str, Field(pattern=r"^[0-9]{1,20}$", description="Its last revision, as a decimal string.")]
    digest: Annotated[
        str, Field(pattern=r"^([0-9a-f]{64})?$", description="The canonical SHA-256 of all its bars as they are now.")
    ]

    @classmethod
    def of(cls, one: SeriesState) -> "SeriesAnswer":
        """Show a series."""
        return cls(
            timeframe=one.series.timeframe.name,
            source=one.series.source,
            is_adjusted=one.series.is_adjusted,
            rows=one.rows,
            revision=str(one.revision),
            digest=one.digest.hex(),
        )


class InstrumentAnswer(InstrumentSummary):
    """All that is known of one instrument."""

    series: list[SeriesAnswer]
    symbols: list[SymbolAnswer]
    halts: list[HaltAnswer]
    actions: list[ActionAnswer]
