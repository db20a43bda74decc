"""Rules: which discrepancies are decided without a person."""

from typing import Annotated

from pydantic import Field

from barledger.api.schemas.reasons import Reason
from barledger.api.schemas.values import Name, Schema, Wish
from barledger.domain.decision_rule import Action, DecisionRule
from barledger.domain.finding import CERTAIN


class RuleAnswer(Schema):
    """What becomes of discrepancies of a kind and a source, from a confidence on, by itself."""

    name: Annotated[str, Field(examples=["small-corrections"])]
    action: Action
    kind: str
    source: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    most_bars: int | None

    @classmethod
    def of(cls, rule: DecisionRule) -> "RuleAnswer":
        """Show a rule."""
        return cls(
            name=rule.name,
            action=rule.action,
            kind=rule.kind,
            source=rule.source,
            confidence=rule.confidence,
            most_bars=rule.most_bars,
        )


class RulesAnswer(Schema):
    """Every rule, the most specific first: of several that match, that one counts."""

    items: list[RuleAnswer]


class RuleWish(Wish):
    """What a rule says."""

    action: Annotated[Action, Field(description="Write it, keep bars out of the series, or leave it to a person.")] = (
        "accept"
    )
    kind: Annotated[Name, Field(description="A kind of discrepancy, or a glob.", examples=["volume_only"])] = "*"
    source: Annotated[Name, Field(description="A source, or a glob.", examples=["*"])] = "*"
    confidence: Annotated[float, Field(ge=0, le=1, description="From this confidence on.")] = CERTAIN
    most_bars: Annotated[
        int | None, Field(ge=0, le=1_000_000_000, description="If it concerns so many bars at most.")
    ] = None
    reason: Reason
