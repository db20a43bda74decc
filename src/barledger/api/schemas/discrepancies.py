"""Discrepancies: what somebody says otherwise of bars, what accepting it would do, and what was decided."""

from typing import Annotated, Any, Literal

from pydantic import Field

from barledger.api.keyset import PageWish
from barledger.api.schemas.actions import ActionAnswer
from barledger.api.schemas.quality import flat
from barledger.api.schemas.reasons import ReasonWish
from barledger.api.schemas.values import (
    Instant,
    Name,
    Plain,
    Revision,
    Schema,
    Span,
    Time,
    TimeframeName,
    Wish,
    stamp,
    told_time,
)
from barledger.api.schemas.versions import number
from barledger.domain.discrepancy import Discrepancy, DiscrepancyState, Step
from barledger.domain.rows import VALUES
from barledger.services.cache.commit import Written
from barledger.services.discrepancies.outcomes import Recorded, Undone
from barledger.services.discrepancies.preview import Preview
from barledger.services.discrepancies.touching import Touched

StateWish = Literal["waiting", "all", "open", "proposed", "rejected", "superseded", "accepted", "applied", "undone"]


class DiscrepanciesWish(PageWish):
    """Which discrepancies."""

    state: Annotated[StateWish, Field(description="waiting is what somebody has to decide about.")] = "waiting"
    kind: Annotated[Name | None, Field(description="A kind, or a glob.", examples=["correction"])] = None
    instrument: Annotated[Name | None, Field(description="An instrument, or a glob.", examples=["AAPL"])] = None
    timeframe: TimeframeName | None = None
    source: Annotated[Name | None, Field(description="A source, or a glob.", examples=["yahoo"])] = None
    confidence: Annotated[float, Field(ge=0, le=1, description="From this confidence on.")] = 0.0
    start_date: Annotated[Time | None, Field(description="About bars from this time on.")] = None
    end_date: Annotated[Time | None, Field(description="About bars before this time.")] = None


class DiscrepancyAnswer(Schema):
    """One thing in which a stretch of a series is not what somebody says of it."""

    id: Annotated[str, Field(examples=["disc-0a1b2c3d4e5f"])]
    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    source: Annotated[str, Field(examples=["yahoo"])]
    against: Annotated[str, Field(description="Who says otherwise; empty for what is found within the series.")]
    interval: Span
    kind: Annotated[str, Field(examples=["correction"])]
    state: DiscrepancyState
    reason: str
    columns: list[str]
    factor: Annotated[float | None, Field(description="New over old, where one factor explains it.")]
    confidence: Annotated[float, Field(ge=0, le=1)]
    bars: Annotated[int, Field(ge=0)]
    revision: Annotated[Revision, Field(description="The newest one of the bars that were compared.")]
    evidence: Annotated[dict[str, Plain], Field(description="Whatever else is known.")]
    made_at: Instant | None
    decided_at: Instant | None
    decided_by: str
    decision: Annotated[str, Field(description="Why it was decided so.")]
    result: Annotated[Revision | None, Field(description="The revision that acceptance made.")]
    undone_by: Annotated[Revision | None, Field(description="The revision that took it back.")]

    @classmethod
    def of(cls, one: Discrepancy) -> "DiscrepancyAnswer":
        """Show a discrepancy."""
        return cls(
            id=one.id,
            instrument=one.series.instrument,
            timeframe=one.series.timeframe.name,
            source=one.series.source,
            against=one.against,
            interval=Span.of(one.interval),
            kind=one.kind,
            state=one.state,
            reason=one.reason,
            columns=list(one.fields),
            factor=None if one.factor is None else number(one.factor),
            confidence=one.confidence,
            bars=one.bars,
            revision=str(one.revision),
            evidence=flat(one.evidence),
            made_at=stamp(one.made_at),
            decided_at=stamp(one.decided_at),
            decided_by=one.decided_by,
            decision=one.decision,
            result=str(one.result) if one.result else None,
            undone_by=str(one.undone_by) if one.undone_by else None,
        )


class DiscrepanciesAnswer(Schema):
    """Discrepancies, the newest first."""

    items: list[DiscrepancyAnswer]
    next: Annotated[str | None, Field(description="The address of the next page.")]


# --- one of them -----------------------------------------------------------------------------------


class PreviewWish(Wish):
    """How much of it."""

    bars: Annotated[int, Field(ge=0, le=10_000, description="So many bars at most.")] = 100


class BarValues(Schema):
    """A bar; null where a value is missing."""

    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None


class BarChange(Schema):
    """What would become of a bar."""

    time: Instant
    change: Literal["new", "changed", "same", "withdrawn"]
    old: BarValues
    new: BarValues

    @classmethod
    def of(cls, time: int, row: dict[str, Any]) -> "BarChange":
        """Show a row of a diff."""
        return cls(
            time=told_time(time) or "",
            change=row["change"],
            old=BarValues(**{name: number(row[f"old_{name}"]) for name in VALUES}),
            new=BarValues(**{name: number(row[name]) for name in VALUES}),
        )


class TouchedAnswer(Schema):
    """A snapshot that holds some of the bars; it stays as it is."""

    snapshot: str
    strategies: list[str]
    approved: bool
    bars: Annotated[int, Field(ge=0)]

    @classmethod
    def of(cls, one: Touched) -> "TouchedAnswer":
        """Show a snapshot."""
        return cls(snapshot=one.snapshot, strategies=list(one.strategies), approved=one.approved, bars=one.bars)


class StepAnswer(Schema):
    """A step that was taken."""

    state: DiscrepancyState
    at: Instant
    actor: str
    reason: str
    trigger: str
    revision: Revision | None

    @classmethod
    def of(cls, one: Step) -> "StepAnswer":
        """Show a step."""
        return cls(
            state=one.state,
            at=stamp(one.at) or "",
            actor=one.actor,
            reason=one.reason,
            trigger=one.trigger,
            revision=str(one.revision) if one.revision else None,
        )


class PreviewAnswer(Schema):
    """A discrepancy with the bars or the event that it would write, and whom that concerns."""

    discrepancy: DiscrepancyAnswer
    would: Annotated[str, Field(description="In words, what accepting it would do.")]
    bars: list[BarChange]
    bars_in_all: Annotated[int, Field(ge=0)]
    action: ActionAnswer | None
    events: Annotated[list[ActionAnswer], Field(description="What becomes known with the bars.")]
    touched: list[TouchedAnswer]
    steps: list[StepAnswer]

    @classmethod
    def of(cls, found: Preview, most: int) -> "PreviewAnswer":
        """Show a preview with so many bars at most."""
        times = found.rows.time[:most].tolist()
        rows: list[Any] = found.diff.head(most).to_dict("records")
        return cls(
            discrepancy=DiscrepancyAnswer.of(found.discrepancy),
            would=found.would,
            bars=[BarChange.of(time, row) for time, row in zip(times, rows, strict=True)],
            bars_in_all=len(found.rows),
            action=None if found.action is None else ActionAnswer.of(found.action),
            events=[ActionAnswer.of(one) for one in found.events],
            touched=[TouchedAnswer.of(one) for one in found.touched],
            steps=[StepAnswer.of(one) for one in found.steps],
        )


# --- decisions -------------------------------------------------------------------------------------


class UndoWish(ReasonWish):
    """Why a correction is taken back."""

    partial: Annotated[bool, Field(description="Leave bars that were written since; otherwise they are refused.")] = (
        False
    )


class DecisionAnswer(Schema):
    """What a decision did."""

    discrepancy: DiscrepancyAnswer
    revision: Annotated[Revision | None, Field(description="The revision that was written; null if no bar is another.")]
    new: Annotated[int, Field(ge=0)]
    changed: Annotated[int, Field(ge=0)]
    withdrawn: Annotated[int, Field(ge=0)]
    same: Annotated[int, Field(ge=0)]
    left: Annotated[int, Field(ge=0, description="Bars that were written since and stay as they are.")]
    action: Annotated[ActionAnswer | None, Field(description="The event that became known, or was withdrawn.")]

    @classmethod
    def of(cls, decided: Discrepancy, done: Written | None) -> "DecisionAnswer":
        """Show what was done; by a rejection, nothing."""
        moved = done is not None and bool(done.new or done.changed or done.withdrawn)
        action = done.action if isinstance(done, Recorded | Undone) else None
        return cls(
            discrepancy=DiscrepancyAnswer.of(decided),
            revision=str(done.revision) if done is not None and moved else None,
            new=0 if done is None else done.new,
            changed=0 if done is None else done.changed,
            withdrawn=0 if done is None else done.withdrawn,
            same=0 if done is None else done.same,
            left=done.left if isinstance(done, Undone) else 0,
            action=None if action is None else ActionAnswer.of(action),
        )
