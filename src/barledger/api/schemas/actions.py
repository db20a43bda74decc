"""Corporate actions: what is known of them, and what somebody says."""

from typing import Annotated, Literal

from pydantic import Field

from barledger.api.keyset import PageWish
from barledger.api.schemas.quality import flat
from barledger.api.schemas.reasons import Note, Reason
from barledger.api.schemas.values import (
    NOTE,
    Instant,
    InstrumentName,
    Name,
    Plain,
    Schema,
    Time,
    Wish,
    stamp,
    told_time,
)
from barledger.api.schemas.versions import number
from barledger.domain.action import ActionKind, CorporateAction

KindWord = Literal[
    "split",
    "reverse_split",
    "stock_dividend",
    "cash_dividend",
    "special_dividend",
    "capital_gain",
    "symbol_change",
    "delisting",
]


class ActionsWish(PageWish):
    """Which corporate actions."""

    instrument: Annotated[InstrumentName | None, Field(description="Only of this instrument.")] = None
    kind: Annotated[KindWord | None, Field(description="Only of this kind.")] = None
    source: Annotated[Name | None, Field(description="Only what this source tells.", examples=["yahoo"])] = None
    known_at: Annotated[Time | None, Field(description="As known at this time.")] = None


class ActionsHistoryWish(Wish):
    """Of which instrument, and of which kind."""

    instrument: InstrumentName
    kind: Annotated[KindWord | None, Field(description="Only of this kind.")] = None


class ActionAnswer(Schema):
    """One event of an instrument, as somebody tells it."""

    instrument: Annotated[str, Field(examples=["AAPL"])]
    ex_date: Annotated[Instant, Field(description="When the first bar opens that trades without it.")]
    kind: ActionKind
    source: Annotated[str, Field(examples=["yahoo"])]
    value: Annotated[
        float | None, Field(description="New shares per old one, or the amount per share; null where it has none.")
    ]
    currency: Annotated[str, Field(examples=["USD"])]
    withdrawn: bool
    denied: Annotated[bool, Field(description="Whether somebody says that there was none, whoever tells of it.")]
    known_at: Instant | None
    superseded_at: Annotated[Instant | None, Field(description="When something better became known; null: it stands.")]
    evidence: dict[str, Plain]

    @classmethod
    def of(cls, one: CorporateAction) -> "ActionAnswer":
        """Show an action."""
        return cls(
            instrument=one.instrument,
            ex_date=told_time(one.ex_date) or "",
            kind=one.kind,
            source=one.source,
            value=number(one.value) if one.has_value else None,
            currency=one.currency,
            withdrawn=one.withdrawn,
            denied=one.denied,
            known_at=stamp(one.known_at),
            superseded_at=stamp(one.superseded_at),
            evidence=flat(one.told),
        )


class ActionsAnswer(Schema):
    """Corporate actions, by instrument and ex-date."""

    items: list[ActionAnswer]
    next: Annotated[str | None, Field(description="The address of the next page.")]


class ActionsHistoryAnswer(Schema):
    """All that was ever known of an instrument's corporate actions, by when it was known."""

    instrument: str
    items: list[ActionAnswer]


class ActionWish(Wish):
    """What happened, and when."""

    instrument: InstrumentName
    kind: KindWord
    ex_date: Annotated[Time, Field(description="The first date that trades without it.", examples=["2020-08-31"])]
    value: Annotated[
        float | str | None,
        Field(
            description="New shares per old one (4, or 4:1, or 1:10), or the amount per share.",
            examples=[4, "7:1", 0.22],
        ),
    ] = None
    currency: Annotated[
        str, Field(pattern=r"^([A-Za-z]{3,5})?$", description="Of an amount.", examples=["USD", ""])
    ] = ""
    symbol: Annotated[str, Field(max_length=256, pattern=NOTE, description="The new symbol of a symbol_change.")] = ""
    symbol_at: Annotated[
        list[Name],
        Field(default_factory=list, max_length=100, description="Sources that use the new symbol from then on."),
    ]
    source: Annotated[Name, Field(description="Who says so.")] = "declared"
    reason: Note = ""

    model_config = Wish.model_config | {
        "json_schema_extra": {
            "examples": [{"instrument": "AAPL", "kind": "split", "ex_date": "2020-08-31", "value": "4:1"}]
        }
    }


class WithdrawalWish(Wish):
    """Which action there was not, and why."""

    instrument: InstrumentName
    kind: KindWord
    ex_date: Annotated[Time, Field(examples=["2020-08-31"])]
    source: Annotated[
        Name | None, Field(description="Only this source's word, until it tells it again; without one, whoever tells.")
    ] = None
    reason: Reason
