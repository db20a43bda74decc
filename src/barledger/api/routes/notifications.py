"""Notifications: who is told what, and whether it arrived."""

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.conditional import Expecting
from barledger.api.documents import DOCUMENT, linked, written
from barledger.api.problems import documented
from barledger.api.response_headers import described
from barledger.api.schemas.notifications import (
    ChannelAnswer,
    ChannelsAnswer,
    ChannelWish,
    DeliveryAnswer,
    OutboxAnswer,
    OutboxWish,
    RouteAnswer,
    RoutesAnswer,
    RouteWish,
    TestedAnswer,
)
from barledger.api.schemas.reasons import NoteWish
from barledger.api.schemas.values import NAME, Name, spared
from barledger.api.security.callers import Admin
from barledger.errors import ChannelNotFound, ChannelTaken, DeliveryFailed, InvalidSetting, RouteNotFound

router: Final = APIRouter(prefix="/notifications", tags=["notifications"])

_MISSING: Final = ChannelNotFound(channel="desk")
_NO_RULE: Final = RouteNotFound(rule="route-0a1b2c3d4e5f")
# What a key must not reach: files and the environment of the server, and its own log.
_OF_THE_SERVER: Final = frozenset(
    {"file", "env", "log", "syslog", "dbus", "qt", "glib", "kde", "gnome", "macosx", "windows"}
)
ChannelName = Annotated[
    str,
    Path(min_length=1, max_length=256, pattern=NAME, description="A channel's name.", examples=["desk"]),
]
RouteId = Annotated[Name, Path(description="A rule's id.", examples=["route-0a1b2c3d4e5f"])]


@router.get(
    "/channels",
    operation_id="channels",
    summary="Which channels there are",
    response_model=ChannelsAnswer,
    responses={**DOCUMENT, **documented()},
)
def channels(caller: Admin, request: Request) -> Response:
    """List the channels by name; addresses and secrets are masked."""
    caller.check_all()
    found = caller.bl.notifications.channels()
    return conditional.answered(request, ChannelsAnswer(items=[ChannelAnswer.of(one) for one in found]))


@router.post(
    "/channels",
    operation_id="add_channel",
    summary="Add a channel",
    status_code=201,
    response_model=ChannelAnswer,
    responses={
        201: {
            "headers": described("Location"),
            "links": linked(
                *((name, "channel", "$response.body#/name") for name in ("channel", "add_route", "remove_channel"))
            ),
        },
        **documented(ChannelTaken(name="desk"), 413, 501),
    },
)
def add(caller: Admin, wish: ChannelWish) -> Response:
    """Add a channel, and a rule of what goes to it. Files, logs and variables of the server are declared there."""
    caller.check_all()
    url = wish.url.get_secret_value()
    scheme = url.partition(":")[0].casefold()
    if scheme in _OF_THE_SERVER or wish.secret.get_secret_value().casefold().startswith("env:"):
        step = "Declare it on the server: `barledger notify add`."
        raise InvalidSetting(setting="url", reason="what is on the server cannot be reached by a key", advised=step)
    made = caller.bl.notifications.add_channel(
        wish.name,
        url,
        secret=wish.secret.get_secret_value(),
        kinds=wish.kinds,
        about=wish.about,
        severity=wish.severity,
        timeout=wish.timeout,
        give_up_after=wish.give_up_after,
        reason=wish.reason,
    )
    location = f"/api/v1/notifications/channels/{quote(made.name)}"
    return written(ChannelAnswer.of(made), status=201, location=location)


@router.post(
    "/channels/{channel:path}/test",
    operation_id="test_channel",
    summary="Send a test message now",
    responses={200: {"headers": described()}, **documented(_MISSING, 409, 501)},
)
def test(caller: Admin, channel: ChannelName) -> TestedAnswer:
    """Send a message through a channel, and tell whether it took it; that it did not is an answer, and no problem."""
    caller.check_all()
    try:
        return TestedAnswer.of(caller.bl.notifications.test(channel))
    except DeliveryFailed as error:
        return TestedAnswer.failed(channel, error)


@router.post(
    "/channels/{channel:path}/rules",
    operation_id="add_route",
    summary="Let more notices go to a channel",
    status_code=201,
    response_model=RouteAnswer,
    responses={
        201: {
            "headers": described("Location"),
            "links": linked(("remove_route", "route", "$response.body#/id")),
        },
        **documented(_MISSING, 409, 413),
    },
)
def add_route(caller: Admin, channel: ChannelName, wish: Annotated[RouteWish, spared(RouteWish)]) -> Response:
    """Add a rule of what goes to a channel, beside those that it has."""
    caller.check_all()
    made = caller.bl.notifications.rule(
        channel, kinds=wish.kinds, about=wish.about, severity=wish.severity, reason=wish.reason
    )
    return written(RouteAnswer.of(made), status=201, location=f"/api/v1/notifications/rules/{made.id}")


@router.get(
    "/channels/{channel:named}",
    operation_id="channel",
    summary="One channel",
    response_model=ChannelAnswer,
    responses={**DOCUMENT, **documented(_MISSING)},
)
def channel(caller: Admin, request: Request, channel: ChannelName) -> Response:
    """Show a channel; its address and secret are masked."""
    caller.check_all()
    return conditional.answered(request, ChannelAnswer.of(caller.bl.notifications.channel(channel)))


@router.delete(
    "/channels/{channel:named}",
    operation_id="remove_channel",
    summary="Remove a channel",
    response_model=ChannelAnswer,
    responses={200: {"headers": described()}, **documented(_MISSING, 409, 412)},
)
def remove(caller: Admin, channel: ChannelName, wish: Annotated[NoteWish, Query()], expecting: Expecting) -> Response:
    """Remove a channel with its rules; what waits for it is given up."""
    caller.check_all()
    expecting.check(lambda: ChannelAnswer.of(caller.bl.notifications.channel(channel)))
    return written(ChannelAnswer.of(caller.bl.notifications.remove(channel, reason=wish.reason)))


@router.get(
    "/rules",
    operation_id="routes",
    summary="What goes where",
    response_model=RoutesAnswer,
    responses={**DOCUMENT, **documented()},
)
def routes(caller: Admin, request: Request) -> Response:
    """List the rules by channel."""
    caller.check_all()
    found = caller.bl.notifications.rules()
    return conditional.answered(request, RoutesAnswer(items=[RouteAnswer.of(one) for one in found]))


@router.delete(
    "/rules/{route}",
    operation_id="remove_route",
    summary="Remove a rule",
    response_model=RouteAnswer,
    responses={200: {"headers": described()}, **documented(_NO_RULE, 409)},
)
def remove_route(caller: Admin, route: RouteId, wish: Annotated[NoteWish, Query()]) -> Response:
    """Let these notices go to the channel no more."""
    caller.check_all()
    return written(RouteAnswer.of(caller.bl.notifications.remove_rule(route, reason=wish.reason)))


@router.get(
    "/outbox",
    operation_id="outbox",
    summary="What waits, and what went out",
    response_model=OutboxAnswer,
    responses={**DOCUMENT, **documented()},
)
def outbox(caller: Admin, request: Request, wish: Annotated[OutboxWish, Query()]) -> Response:
    """List deliveries, the newest notice first."""
    caller.check_all()
    state = None if wish.state == "all" else wish.state
    found = caller.bl.notifications.outbox(state=state, limit=wish.limit)
    return conditional.answered(request, OutboxAnswer(items=[DeliveryAnswer.of(one) for one in found]))
