"""Indicators: what there is, what is asked for, and what values resolved to."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from pydantic import Field, field_validator

from barledger.api.schemas.bars import Cell, SourceRows
from barledger.api.schemas.tables import TableWish
from barledger.api.schemas.values import (
    Digest,
    Instant,
    InstrumentName,
    Name,
    Revision,
    Schema,
    Time,
    TimeframeName,
    VersionName,
    Wish,
    told_time,
)
from barledger.domain.timeframe import Timeframe
from barledger.indicators.calculation import Calculation, Standing
from barledger.indicators.definition import Kind, Memory, Output, Policy
from barledger.indicators.description import Description
from barledger.indicators.parameter import Parameter

Adjust = Annotated[
    str | None,
    Field(
        pattern=r"^(raw|splits|total)$",
        description="Prices as traded, in the newest shares, or less dividends too; without it as stored.",
        examples=["total"],
    ),
]
NanPolicy = Annotated[
    Policy | None, Field(description="At a gap: restart after it (segment), go on as if it were not there, or fail.")
]

# --- what there is ---------------------------------------------------------------------------------


class IndicatorsWish(Wish):
    """Which indicators."""

    kind: Annotated[Kind | None, Field(description="Only of this kind.")] = None


class ParameterAnswer(Schema):
    """A parameter of an indicator: what it may be, and what it is unless it is given."""

    name: str
    sort: str
    value: Annotated[float | int | str, Field(description="What it is in `spec`.")]
    default: float | int | str
    low: float | None
    high: float | None
    choices: list[str]
    aliases: list[str]
    follows: Annotated[str, Field(description="The parameter whose value it has unless it is given.")]
    note: str
    allowed: str

    @classmethod
    def of(cls, one: Parameter, told: dict[str, Any]) -> "ParameterAnswer":
        """Show a parameter."""
        return cls(**{**told, "follows": one.follows or ""})


class OutputAnswer(Schema):
    """A named result of an indicator."""

    name: str
    aliases: list[str]
    note: str

    @classmethod
    def of(cls, one: Output) -> "OutputAnswer":
        """Show an output."""
        return cls(name=one.name, aliases=list(one.aliases), note=one.note)


class WarmupAnswer(Schema):
    """How far back values reach with the usual parameters, in bars."""

    lookback: Annotated[int, Field(ge=0, description="To the first value.")]
    settled: Annotated[int, Field(ge=0, description="To the value of the whole history.")]
    memory: Memory
    exact: Annotated[bool, Field(description="Whether that is so to the bit.")]
    agreement: Annotated[str, Field(description="To what it is so.", examples=["to the bit"])]


class IndicatorAnswer(Schema):
    """What an indicator takes, gives and means."""

    name: Annotated[str, Field(examples=["rsi"])]
    spec: Annotated[str, Field(description="A spec with every parameter.", examples=["rsi(timeperiod=14)"])]
    title: str
    kind: Kind
    aliases: list[str]
    inputs: list[str]
    parameters: list[ParameterAnswer]
    outputs: list[OutputAnswer]
    formula: str
    convention: str
    reference: str
    warmup: WarmupAnswer
    nan_policy: Policy
    streaming: bool
    owner: str

    @classmethod
    def of(cls, description: Description) -> "IndicatorAnswer":
        """Show a description."""
        one, told = description.indicator, description.as_dict()
        parameters = [
            ParameterAnswer.of(it, plain) for it, plain in zip(one.parameters, told["parameters"], strict=True)
        ]
        outputs = [OutputAnswer.of(it) for it in one.outputs]
        return cls(**{**told, "parameters": parameters, "outputs": outputs})


class IndicatorsAnswer(Schema):
    """Every indicator, by name."""

    items: list[IndicatorAnswer]


# --- values ----------------------------------------------------------------------------------------


class CalculateWish(TableWish):
    """Of which bars an indicator is wanted."""

    instrument: InstrumentName
    timeframe: TimeframeName
    start_date: Annotated[Time | None, Field(description="From this time on; bars before it are read too.")] = None
    end_date: Annotated[Time | None, Field(description="Up to, not including, this time.")] = None
    parameters: Annotated[
        str | None,
        Field(
            max_length=2_048,
            description="A JSON object; values are numbers or words. An input by its name may be a column, a spec, or "
            'another instrument\'s column, as in {"benchmark": "@MSFT.close"}.',
            examples=['{"timeperiod": 20}'],
            json_schema_extra={
                "contentMediaType": "application/json",
                "contentSchema": {"type": "object", "additionalProperties": {"type": ["number", "string"]}},
            },
        ),
    ] = None
    version: VersionName = "latest"
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.", examples=["yahoo"])] = (
        None
    )
    adjust: Adjust = None
    nan_policy: NanPolicy = None
    last: Annotated[int | None, Field(ge=1, description="Only so many rows, the newest.")] = None

    @field_validator("parameters")
    @classmethod
    def _is_an_object(cls, text: str | None) -> str | None:
        """Refuse what is no object of numbers and words."""
        if text is not None:
            read_parameters(text)
        return text


class ValuesWish(TableWish):
    """Of which bars which indicators are wanted."""

    instrument: InstrumentName
    timeframe: TimeframeName
    indicators: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1_024, examples=["sma(20)", "bbands(20, 2).upper"])]],
        Field(min_length=1, max_length=256, description="Specs; each is a column, or several."),
    ]
    start_date: Annotated[Time | None, Field(description="From this time on; bars before it are read too.")] = None
    end_date: Annotated[Time | None, Field(description="Up to, not including, this time.")] = None
    last: Annotated[int | None, Field(ge=1, description="Only so many rows, the newest.")] = None
    version: VersionName = "latest"
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.", examples=["yahoo"])] = (
        None
    )
    adjust: Adjust = None
    anchor: Annotated[Time | None, Field(description="From where on what never settles counts.")] = None
    nan_policy: NanPolicy = None


class StandingAnswer(Schema):
    """How far a column can be relied on."""

    key: Annotated[str, Field(description="What it is in full.", examples=["sma(close, timeperiod=20)"])]
    memory: Memory
    exact: Annotated[bool, Field(description="Whether it has the bits of the whole history.")]
    agreement: Annotated[
        str | None,
        Field(
            description="To what its values agree with those of the whole history; null where they are exact.",
            examples=["within 1e-9 of its largest input"],
        ),
    ]
    needed: Annotated[int, Field(ge=0, description="So many bars before the first row settle its values.")]
    had: Annotated[int, Field(ge=0, description="So many there were.")]
    complete: bool
    begins: Annotated[bool, Field(description="Whether it was computed from the first bar of the series.")]
    anchor: Annotated[Instant | None, Field(description="The bar that it counts from, if it does.")]
    restarted: Annotated[Instant | None, Field(description="Where computing restarted after a gap.")]
    cut: bool
    lookahead: Annotated[int, Field(ge=0, description="By how many later bars it knows the future.")]

    @classmethod
    def of(cls, one: Standing) -> "StandingAnswer":
        """Show a standing."""
        return cls(
            key=one.key,
            memory=one.memory,
            exact=one.exact,
            agreement=one.agreement or None,
            needed=one.needed,
            had=one.had,
            complete=one.complete,
            begins=one.begins,
            anchor=None if one.anchor is None else told_time(one.anchor),
            restarted=None if one.restarted is None else told_time(one.restarted),
            cut=one.cut,
            lookahead=one.lookahead,
        )


class BesideAnswer(Schema):
    """Another instrument whose bars were computed on."""

    instrument: str
    revision: Revision
    sources: list[str]


class GapsAnswer(Schema):
    """Gaps that the values have to do with."""

    calendar: Annotated[str | None, Field(description="By which bars are expected; null if nobody named one.")]
    count: Annotated[int, Field(ge=0)]
    before: Annotated[list[Instant], Field(description="The first rows after gaps, a few of them.")]
    unseen: Annotated[str | None, Field(description="Why missing bars are no gaps; null where they are.")]


class ProvenanceAnswer(Schema):
    """What was computed from what, by what."""

    specs: list[str]
    indicators: Annotated[dict[str, str], Field(description="What each column is in full.")]
    sources: list[SourceRows]
    others: list[BesideAnswer]
    used_rows: Annotated[int, Field(ge=0, description="So many bars the values rest on, the warm-up included.")]
    nan_policies: list[Policy]
    engines: Annotated[dict[str, str], Field(description="Versions of what computed.", examples=[{"numpy": "2.4.6"}])]
    gaps: GapsAnswer

    @classmethod
    def of(cls, told: dict[str, Any]) -> "ProvenanceAnswer":
        """Show a provenance."""
        policies: Any = told["nan_policy"]
        beside = told.get("others", {})
        gaps = {name: told["gaps"].get(name) for name in ("calendar", "count", "before", "unseen")}
        return cls(
            specs=told["specs"],
            indicators=told["indicators"],
            sources=[SourceRows(source=one["source"], rows=one.get("rows")) for one in told["sources"]],
            others=[BesideAnswer(instrument=name, **one) for name, one in beside.items()],
            used_rows=told["used_rows"],
            nan_policies=policies if isinstance(policies, list) else [policies],
            engines={name: str(version) for name, version in told["engines"].items()},
            gaps=GapsAnswer(**gaps),
        )


class CalculationMeta(Schema):
    """What a question for an indicator resolved to; ``digest`` is over the values of this answer."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    timeframe: Annotated[str, Field(examples=["1d"])]
    version: str
    revision: Revision
    adjustment: Annotated[str, Field(examples=["raw"])]
    digest: Digest
    bars_digest: Annotated[Digest, Field(description="Of all bars that were computed on, the warm-up included.")]
    warmup_complete: bool
    exact: bool
    rows: Annotated[int, Field(ge=0)]
    columns: Annotated[list[str], Field(examples=[["time", "sma(timeperiod=20)"]])]
    standings: Annotated[dict[str, StandingAnswer], Field(description="How far each column can be relied on.")]
    provenance: ProvenanceAnswer
    warnings: Annotated[list[str], Field(description="What may not be as it was meant.")]

    @classmethod
    def of(cls, found: Calculation, version: str, *, warnings: Sequence[str] = ()) -> "CalculationMeta":
        """Tell what a calculation is."""
        told = found.provenance
        return cls(
            instrument=told["instrument"],
            timeframe=told["timeframe"],
            version=str(told.get("version", version)),
            revision=str(told["revision"]),
            adjustment=told["adjustment"],
            digest=found.digest,
            bars_digest=found.bars_digest,
            warmup_complete=found.warmup_complete,
            exact=found.exact,
            rows=len(found),
            columns=["time", *found.columns],
            standings={name: StandingAnswer.of(one) for name, one in found.standings.items()},
            provenance=ProvenanceAnswer.of(told),
            warnings=list(warnings),
        )


class CalculationAnswer(Schema):
    """Columns of an indicator by time, with what they resolved to."""

    meta: CalculationMeta
    next: Annotated[None, Field(description="Always null: the answer is whole.")]
    data: Annotated[
        list[dict[str, Cell]] | dict[str, list[Cell]],
        Field(
            description="Rows, or with orient=columns a list for each column.",
            examples=[[{"time": "2005-02-28T00:00:00Z", "sma(timeperiod=20)": 41.2}]],
        ),
    ]


# --- of many instruments ---------------------------------------------------------------------------


class BatchWish(Wish):
    """Which indicators of which instruments."""

    instruments: Annotated[list[InstrumentName], Field(min_length=1, max_length=5_000)]
    timeframe: TimeframeName
    start_date: Annotated[Time | None, Field(description="From this time on; bars before it are read too.")] = None
    end_date: Annotated[Time | None, Field(description="Up to, not including, this time.")] = None
    version: VersionName = "latest"
    indicators: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1_024, examples=["sma(20)", "bbands(20, 2).upper"])]],
        Field(min_length=1, max_length=256, description="Specs; several may share what they are computed from."),
    ]
    source: Annotated[Name | None, Field(description="Whose bars; without one, by priority.")] = None
    adjust: Adjust = None
    nan_policy: NanPolicy = None

    model_config = Wish.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "instruments": ["AAPL", "MSFT"],
                    "timeframe": "1d",
                    "start_date": "2005-01-01",
                    "end_date": "2010-01-01",
                    "indicators": ["sma(20)", "rsi(14)"],
                }
            ]
        }
    }


class BatchMeta(Schema):
    """What was asked for; what it resolved to is told of each instrument."""

    timeframe: Annotated[str, Field(examples=["1d"])]
    version: str
    indicators: list[str]
    columns: Annotated[list[str], Field(examples=[["instrument", "time", "sma(20)", "error"]])]

    @classmethod
    def of(cls, wish: BatchWish, columns: list[str]) -> "BatchMeta":
        """Tell what was asked for."""
        frame = Timeframe.of(wish.timeframe).name
        return cls(timeframe=frame, version=wish.version, indicators=wish.indicators, columns=columns)


class ItemError(Schema):
    """Why an instrument of a batch has no values; it stopped no other."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["series-not-found"])]
    detail: str
    next_step: str


class BatchItem(Schema):
    """What became of one instrument of a batch."""

    instrument: str
    rows: Annotated[int, Field(ge=0)]
    revision: Revision | None
    digest: Digest | None
    warmup_complete: bool
    exact: bool
    warnings: Annotated[list[str], Field(description="What may not be as it was meant.")]
    error: ItemError | None


class BatchAnswer(Schema):
    """Columns of indicators, a row for each instrument and time; one that failed has a row that says why."""

    meta: BatchMeta
    next: Annotated[None, Field(description="Always null: the answer is whole.")]
    data: Annotated[
        list[dict[str, Cell]] | dict[str, list[Cell]],
        Field(
            examples=[[{"instrument": "AAPL", "time": "2005-02-28T00:00:00Z", "sma(20)": 41.2, "error": None}]],
        ),
    ]
    items: list[BatchItem]


def gaps_overlooked(told: Mapping[str, Any]) -> list[str]:
    """Return what a provenance says of missing bars that are not refused though gaps are to be."""
    gaps = told["gaps"]
    return [gaps["unseen"]] if "raise" in told["nan_policy"] and "unseen" in gaps else []


def read_parameters(text: str) -> dict[str, float | int | str]:
    """Return parameters as they were written; raises `ValueError`."""
    try:
        told = orjson.loads(text)
        given = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        message = "it is not JSON"
        raise ValueError(message) from None
    if isinstance(told, dict) and len(given) > len(told):
        names = [name for name, _ in given]
        message = f"{next(name for name in told if names.count(name) > 1)} is given twice; give it once"
        raise ValueError(message)
    if not isinstance(told, dict):
        message = 'it is not a JSON object such as {"timeperiod": 20}'
        raise ValueError(message)  # noqa: TRY004 - pydantic asks for it
    for name, value in told.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            message = f"{name} is neither a number nor a word"
            raise ValueError(message)  # noqa: TRY004 - as above
    return told
