"""Retention: how long which rows are kept, and what that would delete."""

from typing import Annotated

from pydantic import Field

from barledger.api.schemas.values import Name, Schema, Wish
from barledger.services.cache.retention import Retained, RetentionReport

Duration = Annotated[
    str, Field(pattern=r"^([1-9][0-9]{0,5}[mhdwMy]|forever)$", description="90d, 18M, 7y or forever.", examples=["90d"])
]


class RetentionRule(Wish):
    """What to keep of the series that match; what is not mentioned is kept for ever."""

    instrument: Annotated[Name, Field(description="An instrument, or a glob.")] = "*"
    timeframe: Annotated[str, Field(pattern=r"^(\*|[1-9][0-9]{0,2}[A-Za-z]{1,2})$", examples=["1m", "*"])] = "*"
    source: Annotated[Name, Field(description="A source, or a glob.")] = "*"
    keep_current: Annotated[Duration | None, Field(description="Bars, counted from their time.")] = None
    keep_editions: Annotated[Duration | None, Field(description="Values that were superseded, since then.")] = None
    keep_snapshots: Annotated[
        dict[str, Duration],
        Field(
            default_factory=dict,
            description="Snapshots by purpose, * for the rest.",
            examples=[{"backtest": "90d"}],
            max_length=100,
        ),
    ]


class RetentionWish(Wish):
    """A policy: of each series the first rule that matches it counts."""

    rules: Annotated[list[RetentionRule], Field(min_length=1, max_length=1_000)]

    model_config = Wish.model_config | {
        "json_schema_extra": {"examples": [{"rules": [{"timeframe": "1m", "keep_current": "90d"}]}]}
    }


class RetainedAnswer(Schema):
    """What would become of one series, in rows."""

    instrument: str
    timeframe: str
    source: str
    is_adjusted: bool
    current: Annotated[int, Field(ge=0, description="Bars that would be deleted.")]
    editions: Annotated[int, Field(ge=0, description="Superseded values that would be deleted.")]
    held_back: Annotated[int, Field(ge=0, description="What a snapshot keeps from being deleted.")]

    @classmethod
    def of(cls, one: Retained) -> "RetainedAnswer":
        """Show a series."""
        return cls(
            instrument=one.series.instrument,
            timeframe=one.series.timeframe.name,
            source=one.series.source,
            is_adjusted=one.series.is_adjusted,
            current=one.current,
            editions=one.editions,
            held_back=one.held_back,
        )


class RetentionAnswer(Schema):
    """What a policy would delete; nothing was."""

    dry_run: bool
    deleted: Annotated[int, Field(ge=0, description="So many rows in all.")]
    held_back: Annotated[int, Field(ge=0)]
    series: list[RetainedAnswer]
    snapshots: Annotated[list[str], Field(description="Snapshots that would be deleted.")]
    held: Annotated[list[str], Field(description="Snapshots that a hold keeps.")]

    @classmethod
    def of(cls, report: RetentionReport) -> "RetentionAnswer":
        """Show a report."""
        return cls(
            dry_run=report.dry_run,
            deleted=report.deleted,
            held_back=report.held_back,
            series=[RetainedAnswer.of(one) for one in report.series],
            snapshots=list(report.snapshots),
            held=list(report.held),
        )
