"""Notifications: channels with their secrets masked, rules, and what waits or went out."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from barledger.api.schemas.reasons import Note
from barledger.api.schemas.values import NAME, Name, Schema, Wish
from barledger.domain.notice import Route, Severity
from barledger.errors import DeliveryFailed
from barledger.services.notifications.views import ChannelView, OutboxLine, Tested

Glob = Annotated[str, Field(min_length=1, max_length=256, pattern=NAME)]
Moment = Annotated[str, Field(description="A time in RFC 3339; empty where it has not come.")]


class ChannelAnswer(Schema):
    """A channel; its address and secret are masked."""

    name: Annotated[str, Field(examples=["desk"])]
    kind: Annotated[str, Field(examples=["webhook"])]
    target: Annotated[str, Field(description="Masked.", examples=["https://hooks.example/…"])]
    secret: Annotated[str, Field(description="Masked; empty without one.")]
    timeout: Annotated[float, Field(description="Seconds that a delivery may take.")]
    give_up_after: Annotated[str, Field(examples=["3d"])]
    state: Literal["ok", "failing", "stopped"]
    error: str
    failures: Annotated[int, Field(ge=0)]
    not_before: Moment
    made: Moment

    @classmethod
    def of(cls, one: ChannelView) -> "ChannelAnswer":
        """Show a channel."""
        return cls(
            name=one.name,
            kind=one.kind,
            target=one.target,
            secret=one.secret,
            timeout=one.timeout,
            give_up_after=one.give_up_after,
            state=one.state,
            error=one.error,
            failures=one.failures,
            not_before=one.not_before,
            made=one.made,
        )


class ChannelsAnswer(Schema):
    """Every channel, by name."""

    items: list[ChannelAnswer]


class RouteWish(Wish):
    """Which notices go to a channel."""

    kinds: Annotated[Glob, Field(description="Kinds of notices, a glob.", examples=["correction_*"])] = "*"
    about: Annotated[Glob, Field(description="What they are about, a glob.", examples=["AAPL *"])] = "*"
    severity: Annotated[Severity, Field(description="At least.")] = "info"
    reason: Note = ""


class ChannelWish(RouteWish):
    """A channel, and a rule of what goes to it."""

    name: Annotated[Name, Field(examples=["desk"])]
    url: Annotated[
        SecretStr,
        Field(
            min_length=1,
            max_length=2_048,
            description="https://… (a webhook), or a URL of apprise. What is on the server is declared there.",
            examples=["https://hooks.example/barledger"],
        ),
    ]
    secret: Annotated[SecretStr, Field(max_length=512, description="A webhook's whsec_…, which signs.")] = SecretStr("")
    timeout: Annotated[float, Field(gt=0, le=120, description="Seconds that a delivery may take.")] = 15.0
    give_up_after: Annotated[
        str, Field(pattern=r"^[1-9][0-9]{0,3}[smhdw]$", description="Give a notice up after so long.", examples=["3d"])
    ] = "3d"


class RouteAnswer(Schema):
    """Which notices go to a channel."""

    id: Annotated[str, Field(examples=["route-0a1b2c3d4e5f"])]
    channel: str
    kinds: str
    about: str
    severity: Severity

    @classmethod
    def of(cls, one: Route) -> "RouteAnswer":
        """Show a rule."""
        return cls(id=one.id, channel=one.channel, kinds=one.kinds, about=one.about, severity=one.severity)


class RoutesAnswer(Schema):
    """Every rule, by channel."""

    items: list[RouteAnswer]


class DeliveryProblem(Schema):
    """Why a channel did not take a message."""

    code: Annotated[str, Field(examples=["delivery-failed"])]
    detail: str
    next_step: str


class TestedAnswer(Schema):
    """What came of a test message; ``error`` is null if the channel took it."""

    channel: str
    delivered: bool
    message: Annotated[str | None, Field(description="The message's id, if it was taken.")] = None
    seconds: Annotated[float | None, Field(description="How long that took.")] = None
    error: DeliveryProblem | None = None

    @classmethod
    def of(cls, one: Tested) -> "TestedAnswer":
        """Show a message that was taken."""
        return cls(channel=one.channel, delivered=True, message=one.message, seconds=one.seconds)

    @classmethod
    def failed(cls, channel: str, error: DeliveryFailed) -> "TestedAnswer":
        """Show why one was not."""
        problem = DeliveryProblem(code=error.code, detail=str(error), next_step=error.advice)
        return cls(channel=channel, delivered=False, error=problem)


class OutboxWish(Wish):
    """Which deliveries."""

    state: Literal["waiting", "sent", "given_up", "all"] = "all"
    limit: Annotated[int, Field(ge=1, le=1_000, description="At most so many, the newest.")] = 100


class DeliveryAnswer(Schema):
    """A notice for one channel."""

    notice: str
    channel: str
    state: str
    kind: str
    severity: str
    subject: str
    about: str
    count: Annotated[int, Field(ge=0)]
    tries: Annotated[int, Field(ge=0)]
    noticed: Moment
    next_try: Moment
    sent: Moment
    error: str

    @classmethod
    def of(cls, one: OutboxLine) -> "DeliveryAnswer":
        """Show a delivery."""
        return cls(
            notice=one.notice,
            channel=one.channel,
            state=one.state,
            kind=one.kind,
            severity=one.severity,
            subject=one.subject,
            about=one.about,
            count=one.count,
            tries=one.tries,
            noticed=one.noticed,
            next_try=one.next_try,
            sent=one.sent,
            error=one.error,
        )


class OutboxAnswer(Schema):
    """Deliveries, the newest notice first."""

    items: list[DeliveryAnswer]
