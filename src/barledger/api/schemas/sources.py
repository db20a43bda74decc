"""Sources: which there are, and what each takes and declares."""

from typing import Annotated

from pydantic import Field

from barledger.api.schemas.values import Schema
from barledger.domain.comparison import Tolerance
from barledger.domain.declared import Adjustment
from barledger.domain.timeframe import DAY, TIMEFRAMES
from barledger.sources.contract import SourceDeclaration
from barledger.sources.listing import Listing


class OptionAnswer(Schema):
    """An option of a source."""

    name: str
    default: Annotated[str | None, Field(description="As Python writes it; null if it has to be given.")]


class ToleranceAnswer(Schema):
    """Relative differences that mean nothing."""

    price: float
    volume: float
    columns: Annotated[dict[str, float], Field(description="Those of single columns, where they are others.")]

    @classmethod
    def of(cls, one: Tolerance) -> "ToleranceAnswer":
        """Show a tolerance."""
        return cls(price=one.price, volume=one.volume, columns=dict(one.fields))


class DeclarationAnswer(Schema):
    """What a source has, and how it behaves."""

    timeframes: list[str]
    adjustment: Annotated[dict[str, Adjustment], Field(description="What each column is adjusted for already.")]
    gives_events: bool
    empty_is_proof: Annotated[bool, Field(description="Whether an empty answer proves that nothing exists.")]
    history_days: Annotated[dict[str, int], Field(description="How far back it reaches, where that is limited.")]
    tolerance: ToleranceAnswer
    concurrency: int
    library: str

    @classmethod
    def of(cls, one: SourceDeclaration) -> "DeclarationAnswer":
        """Show a declaration."""
        frames = [name for name in TIMEFRAMES if name in one.timeframes]
        return cls(
            timeframes=frames,
            adjustment=dict(one.adjustment),
            gives_events=one.gives_events,
            empty_is_proof=one.empty_is_proof,
            history_days={name: one.history[name] // DAY for name in frames if name in one.history},
            tolerance=ToleranceAnswer.of(one.tolerance),
            concurrency=one.concurrency,
            library=one.library,
        )


class SourceAnswer(Schema):
    """What there is to know of a source."""

    name: Annotated[str, Field(examples=["yahoo"])]
    about: str
    help: str
    package: Annotated[str, Field(description="What it needs beyond barledger's own requirements.")]
    installed: Annotated[str, Field(description="That package's version; empty if it is not there.")]
    options: list[OptionAnswer]
    declares: Annotated[DeclarationAnswer | None, Field(description="Null where that depends on its options.")]
    problem: Annotated[str, Field(description="Why it cannot be loaded.")]

    @classmethod
    def of(cls, one: Listing) -> "SourceAnswer":
        """Show a source."""
        return cls(
            name=one.name,
            about=one.about,
            help=one.help,
            package=one.package,
            installed=one.installed,
            options=[OptionAnswer(name=option.name, default=option.default) for option in one.options],
            declares=None if one.declaration is None else DeclarationAnswer.of(one.declaration),
            problem=one.problem,
        )


class SourcesAnswer(Schema):
    """Every source, by name."""

    items: list[SourceAnswer]
