"""Values that many schemas have: times, numbers beyond 2^53, timeframes, comma-separated lists."""

from typing import Annotated, Any, Final, Literal

from fastapi import Body
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time, parse_time
from barledger.errors import InvalidInterval

TimeframeName = Literal[
    "1m",
    "3m",
    "5m",
    "15m",
    "30m",
    "1h",
    "2h",
    "4h",
    "6h",
    "8h",
    "12h",
    "1d",
    "3d",
    "1w",
    "1M",
    "60m",
    "1wk",
    "1mo",
]
"""A timeframe, or another library's word for one."""

_DAY: Final = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_ZONE: Final = r"([Zz]|[+-](0[0-9]|1[0-4]):[0-5][0-9])?"
TIME: Final = f"{_DAY}([Tt ]{_CLOCK}{_ZONE})?"
"""A pattern of a time that a client gives."""


def _on_a_calendar(text: str) -> str:
    """Refuse what looks like a time and is none, such as the 30th of February."""
    try:
        parse_time(text)
    except InvalidInterval as error:
        raise PydanticCustomError("no_such_time", "there is no such time") from error
    return text


Time = Annotated[
    str,
    Field(
        pattern=f"^{TIME}$",
        max_length=40,
        description="A date, or a time in RFC 3339; without a zone in UTC.",
        examples=["2005-02-28", "2005-02-28T09:30:00Z"],
    ),
    AfterValidator(_on_a_calendar),
]
"""A time that a client gives."""

Instant = Annotated[str, Field(description="A time in RFC 3339, UTC.", examples=["2005-02-28T00:00:00Z"])]
"""A time that the server gives."""

Nanoseconds = Annotated[
    str,
    Field(
        pattern=r"^-?[0-9]{1,20}$",
        description="Nanoseconds since 1970, as a decimal string: JSON's numbers end at 2^53.",
    ),
]
MOMENT: Final = r"^[0-8]?[0-9]{1,18}$"
"""A pattern of nanoseconds since 1970 that a client gives back, none of them beyond the end of time."""
Revision = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,20}$", description="A revision, as a decimal string.", examples=["1795658068935660612"]),
]
Digest = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{64}$", description="The canonical SHA-256 of the bars.", examples=["5f" * 32]),
]
NAME: Final = r"^[^\x00-\x1f\x7f]+$"
"""A pattern of names, and of ids that a path has: whether there is such a one is not for a pattern to say."""
NOTE: Final = r"^[^\x00-\x1f\x7f]*$"
"""A pattern of a text on one line, which may be left out."""
NAMES: Final = r"^[a-z_]+(,[a-z_]+){0,31}$"
CURSOR: Final = r"^[A-Za-z0-9_-]{1,4096}$"
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=NAME)]
InstrumentName = Annotated[Name, Field(description="An instrument, in any spelling.", examples=["AAPL", "BTC/USDT"])]
VersionName = Annotated[
    Name,
    Field(
        description="latest, first, revision:<n>, an RFC 3339 time, strategy:<id>, or a snapshot's id.",
        examples=["latest", "snap-0a1b2c3d4e5f"],
    ),
]
Names = Annotated[
    str,
    Field(pattern=NAMES, description="Names, separated by commas.", examples=["open,close"]),
]


class Schema(BaseModel):
    """What goes out: immutable, and nothing else than what is declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Wish(BaseModel):
    """What comes in; a member that nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def spared(model: type[Wish]) -> Any:
    """Return what lets a request have no body where nothing in it has to be said: that is the same as ``{}``."""
    return Body(default_factory=model)


class Span(Schema):
    """A half-open stretch of time, [start, end); null where there is no bound."""

    start: Instant | None
    end: Instant | None

    @classmethod
    def of(cls, interval: Interval) -> "Span":
        """Show an interval."""
        return cls(start=told_time(interval.start), end=told_time(interval.end))


def told_time(time: int) -> str | None:
    """Return a time (ns) as RFC 3339, null where it is no bound at all."""
    return format_time(time) if BEGINNING < time < END_OF_TIME else None


def stamp(time: int) -> str | None:
    """Return when something happened (ns) as RFC 3339, null for 0: it has not."""
    return format_time(time) if time else None


def listed(names: str | None) -> list[str]:
    """Return comma-separated names as a list."""
    return names.split(",") if names else []


Plain = str | int | float | bool | None | list[str] | list[int] | dict[str, str]
"""What a typed field of an error, or a note of the provenance, is in JSON."""


def plain(value: Any) -> Plain:
    """Return a field of an error as JSON knows it; integers beyond 2^53 become decimal strings."""
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [str(one) for one in value]
    return str(value)
