"""Versions and history: the states of a series that can be named, and the values that a bar ever had."""

import math
from typing import Annotated, Literal

from pydantic import Field

from barledger.api.keyset import PageWish
from barledger.api.schemas.values import (
    Instant,
    Name,
    Revision,
    Schema,
    Span,
    Time,
    Wish,
    stamp,
    told_time,
)
from barledger.domain.series import Series
from barledger.ledger.contract import RevisionRecord, Snapshot
from barledger.services.cache.history import Edition


class VersionsWish(PageWish):
    """Of which stretch, and whether snapshots are wanted too."""

    start_date: Annotated[Time | None, Field(description="What changed bars from this time on.")] = None
    end_date: Annotated[Time | None, Field(description="What changed bars before this time.")] = None
    source: Annotated[Name | None, Field(description="Of this source only.", examples=["yahoo"])] = None
    include_snapshots: Annotated[bool, Field(description="Show the snapshots that pin some of it, too.")] = True


class VersionAnswer(Schema):
    """A state that `version` can name: by ``revision:<n>``, or by the id of a snapshot."""

    kind: Literal["revision", "snapshot", "named"]
    version: Annotated[str, Field(examples=["revision:1795658068935660612", "snap-0a1b2c3d4e5f"])]
    source: Annotated[str, Field(examples=["yahoo"])]
    is_adjusted: bool
    revision: Revision
    begun_at: Annotated[Instant | None, Field(description="Of a revision: when its writing began.")]
    made_at: Instant
    made_by: str
    interval: Annotated[Span, Field(description="The hull of the bars that it changed, or what it pins.")]
    operation: Annotated[str, Field(description="Of a revision: what changed the bars.", examples=["ingest"])]
    reason: Annotated[str, Field(description="Of a revision: why; of a snapshot: its purpose.")]
    new: Annotated[int, Field(ge=0)]
    changed: Annotated[int, Field(ge=0)]
    withdrawn: Annotated[int, Field(ge=0)]
    strategy: Annotated[str | None, Field(description="Of a snapshot: for which strategy.")]

    @classmethod
    def of_revision(cls, record: RevisionRecord) -> "VersionAnswer":
        """Show a revision."""
        return cls(
            kind="revision",
            version=f"revision:{record.revision}",
            source=record.series.source,
            is_adjusted=record.series.is_adjusted,
            revision=str(record.revision),
            begun_at=stamp(record.begun_at),
            made_at=stamp(record.committed_at) or "",
            made_by=record.actor,
            interval=Span.of(record.interval),
            operation=record.operation,
            reason=record.reason,
            new=record.new,
            changed=record.changed,
            withdrawn=record.withdrawn,
            strategy=None,
        )

    @classmethod
    def of_snapshot(cls, snapshot: Snapshot, series: Series) -> "VersionAnswer":
        """Show a snapshot that pins some of a series."""
        pin = next(pin for pin in snapshot.pins if pin.series == series)
        return cls(
            kind=snapshot.kind,
            version=snapshot.id,
            source=series.source,
            is_adjusted=series.is_adjusted,
            revision=str(pin.revision),
            begun_at=None,
            made_at=stamp(snapshot.created_at) or "",
            made_by=snapshot.created_by,
            interval=Span.of(pin.interval),
            operation="",
            reason=snapshot.purpose,
            new=0,
            changed=0,
            withdrawn=0,
            strategy=snapshot.strategy,
        )


class VersionsAnswer(Schema):
    """The states of a series, oldest first; each source's are apart."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    interval: Span
    items: list[VersionAnswer]
    next: Annotated[str | None, Field(description="The address of the next page.")]


class HistoryWish(Wish):
    """Which bar."""

    time: Annotated[Time, Field(description="When the bar opens.")]
    source: Annotated[Name | None, Field(description="Whose; without one, by priority.", examples=["yahoo"])] = None


class EditionAnswer(Schema):
    """A value that the bar had, from one revision to another; null where a value is missing."""

    edition: Annotated[int, Field(ge=0)]
    revision: Revision
    committed_at: Instant
    superseded_by: Annotated[Revision | None, Field(description="The revision that ended it; null if it stands.")]
    withdrawn: bool
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    actor: str
    operation: str
    reason: str
    trigger: Annotated[str, Field(description="The event, discrepancy or schedule that led to it.")]

    @classmethod
    def of(cls, edition: Edition) -> "EditionAnswer":
        """Show an edition."""
        return cls(
            edition=edition.edition,
            revision=str(edition.revision),
            committed_at=told_time(edition.committed_at) or "",
            superseded_by=None if edition.superseded_at is None else str(edition.superseded_at),
            withdrawn=edition.withdrawn,
            open=number(edition.open),
            high=number(edition.high),
            low=number(edition.low),
            close=number(edition.close),
            volume=number(edition.volume),
            actor=edition.actor,
            operation=edition.operation,
            reason=edition.reason,
            trigger=edition.trigger,
        )


class HistoryAnswer(Schema):
    """Every value that a bar ever had, the first one first; none if there was no such bar."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    time: Instant
    source: Annotated[str | None, Field(description="Whose bar it is; null if nobody ever had it.")]
    items: list[EditionAnswer]

    @classmethod
    def of(cls, instrument: str, timeframe: str, time: str, found: list[Edition]) -> "HistoryAnswer":
        """Show editions."""
        source = found[0].series.source if found else None
        items = [EditionAnswer.of(one) for one in found]
        return cls(instrument=instrument, timeframe=timeframe, time=time, source=source, items=items)


def number(value: float) -> float | None:
    """Return a value, null where it is missing: JSON has no NaN."""
    return value if math.isfinite(value) else None
