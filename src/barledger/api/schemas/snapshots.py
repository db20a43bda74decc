"""Snapshots: what is to be pinned, and what is."""

from typing import Annotated, Literal

from pydantic import Field

from barledger.api.keyset import PageWish
from barledger.api.schemas.reasons import Reason
from barledger.api.schemas.values import (
    Digest,
    Instant,
    InstrumentName,
    Name,
    Revision,
    Schema,
    Span,
    Time,
    TimeframeName,
    Wish,
    stamp,
)
from barledger.ledger.contract import Pin, Snapshot
from barledger.services.cache.verification import Damage, Verification


class RangeWish(Wish):
    """Series and a stretch of time."""

    instruments: Annotated[list[InstrumentName], Field(min_length=1, max_length=5_000)]
    timeframes: Annotated[list[TimeframeName], Field(min_length=1, max_length=18)]
    start_date: Time | None = None
    end_date: Time | None = None
    source: Name | None = None


class SnapshotWish(Wish):
    """What to pin and why; either instruments and timeframes, or a list of such ranges."""

    instruments: Annotated[list[InstrumentName] | None, Field(min_length=1, max_length=5_000)] = None
    timeframes: Annotated[list[TimeframeName] | None, Field(min_length=1, max_length=18)] = None
    start_date: Time | None = None
    end_date: Time | None = None
    source: Name | None = None
    ranges: Annotated[list[RangeWish] | None, Field(min_length=1, max_length=1_000)] = None
    purpose: Annotated[Name, Field(description="backtest, live, approval, compliance, event, or your own word.")] = (
        "backtest"
    )
    strategy: Annotated[Name | None, Field(description="For which strategy.")] = None
    id: Annotated[Name | None, Field(description="Its name; without one it is made.")] = None

    model_config = Wish.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "instruments": ["AAPL", "MSFT"],
                    "timeframes": ["1d"],
                    "start_date": "2005-01-01",
                    "end_date": "2010-01-01",
                    "purpose": "backtest",
                    "strategy": "momentum-7",
                }
            ]
        }
    }


class PinAnswer(Schema):
    """One series of a snapshot: the bars of the interval as of the revision."""

    instrument: str
    timeframe: str
    source: str
    is_adjusted: bool
    interval: Span
    revision: Revision
    rows: Annotated[int, Field(ge=0)]
    digest: Annotated[Digest | None, Field(description="Null until it is known.")]

    @classmethod
    def of(cls, pin: Pin) -> "PinAnswer":
        """Show a pin."""
        return cls(
            instrument=pin.series.instrument,
            timeframe=pin.series.timeframe.name,
            source=pin.series.source,
            is_adjusted=pin.series.is_adjusted,
            interval=Span.of(pin.interval),
            revision=str(pin.revision),
            rows=pin.rows,
            digest=None if pin.digest is None else pin.digest.hex(),
        )


class SnapshotAnswer(Schema):
    """A consistent cut under one id, or bars that were written under a name of their own."""

    id: Annotated[str, Field(examples=["snap-0a1b2c3d4e5f"])]
    kind: Literal["snapshot", "named"]
    state: Literal["pinning", "complete", "deleted"]
    purpose: str
    strategy: str | None
    created_at: Instant
    created_by: Annotated[str, Field(examples=["key:desk"])]
    approved_at: Instant | None
    held: Annotated[str, Field(description="Why it must not be deleted; empty if it may.")]
    materialised: bool
    data_hash: Annotated[str, Field(description="SHA-256 of its manifest.")]
    rows: Annotated[int, Field(ge=0)]
    pins: list[PinAnswer]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "SnapshotAnswer":
        """Show a snapshot."""
        return cls(
            id=snapshot.id,
            kind=snapshot.kind,
            state=snapshot.state,
            purpose=snapshot.purpose,
            strategy=snapshot.strategy,
            created_at=stamp(snapshot.created_at) or "",
            created_by=snapshot.created_by,
            approved_at=stamp(snapshot.approved_at),
            held=snapshot.held,
            materialised=snapshot.materialised,
            data_hash=snapshot.data_hash,
            rows=sum(pin.rows for pin in snapshot.pins),
            pins=[PinAnswer.of(pin) for pin in snapshot.pins],
        )


# --- those that there are --------------------------------------------------------------------------


class SnapshotsWish(PageWish):
    """Which snapshots."""

    strategy: Annotated[Name | None, Field(description="Taken or approved for this strategy.")] = None
    purpose: Annotated[Name | None, Field(description="Taken for this purpose.", examples=["backtest"])] = None


class SnapshotSummary(Schema):
    """A snapshot without its pins."""

    id: Annotated[str, Field(examples=["snap-0a1b2c3d4e5f"])]
    kind: Literal["snapshot", "named"]
    state: Literal["pinning", "complete", "deleted"]
    purpose: str
    strategy: str | None
    created_at: Instant
    created_by: Annotated[str, Field(examples=["key:desk"])]
    approved_at: Instant | None
    held: Annotated[str, Field(description="Why it must not be deleted; empty if it may.")]
    data_hash: Annotated[str, Field(description="SHA-256 of its manifest.")]
    series: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "SnapshotSummary":
        """Show a snapshot."""
        return cls(
            id=snapshot.id,
            kind=snapshot.kind,
            state=snapshot.state,
            purpose=snapshot.purpose,
            strategy=snapshot.strategy,
            created_at=stamp(snapshot.created_at) or "",
            created_by=snapshot.created_by,
            approved_at=stamp(snapshot.approved_at),
            held=snapshot.held,
            data_hash=snapshot.data_hash,
            series=len(snapshot.pins),
            rows=sum(pin.rows for pin in snapshot.pins),
        )


class SnapshotsAnswer(Schema):
    """Snapshots and named versions, newest first."""

    items: list[SnapshotSummary]
    next: Annotated[str | None, Field(description="The address of the next page.")]


class ApprovalsAnswer(Schema):
    """Which strategies a snapshot is approved for."""

    snapshot: str
    items: list[str]


class ApprovalWish(Wish):
    """For which strategy."""

    strategy: Annotated[Name, Field(description="The strategy that may trade on it.", examples=["momentum-7"])]


class RevocationWish(ApprovalWish):
    """From which strategy an approval is taken, and why."""

    reason: Reason


class DamageAnswer(Schema):
    """Bars that are not what they were."""

    instrument: str
    timeframe: str
    source: str
    interval: Span
    detail: str
    blocks: Annotated[int, Field(ge=0)]

    @classmethod
    def of(cls, damage: Damage) -> "DamageAnswer":
        """Show a damage."""
        return cls(
            instrument=damage.series.instrument,
            timeframe=damage.series.timeframe.name,
            source=damage.series.source,
            interval=Span.of(damage.interval),
            detail=damage.detail,
            blocks=damage.blocks,
        )


class VerificationAnswer(Schema):
    """What reading bars again found."""

    ok: bool
    subject: str
    series: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]
    damage: list[DamageAnswer]

    @classmethod
    def of(cls, found: Verification) -> "VerificationAnswer":
        """Show a verification."""
        return cls(
            ok=found.ok,
            subject=found.subject,
            series=found.series,
            rows=found.rows,
            damage=[DamageAnswer.of(one) for one in found.damage],
        )
