"""Events as a stream (Server-Sent Events): jobs, discrepancies and notices as they happen."""

import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from barledger.api.feed import Feed, Follower, followed
from barledger.api.options import Options
from barledger.api.problems import documented
from barledger.api.requests import is_head
from barledger.api.routes.jobs import may_see
from barledger.api.schemas.events import EventsWish, shown
from barledger.api.schemas.values import MOMENT, listed
from barledger.api.security.callers import Caller, Reader
from barledger.domain.job import Job
from barledger.errors import BarledgerError
from barledger.services.events import Event

router: Final = APIRouter(prefix="/events", tags=["jobs"])

MEDIA_TYPE: Final = "text/event-stream"
_KEEP_ALIVE: Final = b": keep-alive\n\n"
_RETRY: Final = b"retry: 2000\n\n"
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=MOMENT,
        description="The id of the last event that was received: those after it come first.",
    ),
]


@router.get(
    "",
    operation_id="events",
    summary="What happens, as it happens",
    response_class=Response,
    response_model=None,
    responses={
        200: {
            "description": "Events `job`, `discrepancy` and `notice` with JSON as their data, and an id to go on from.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/StreamedEvent"}}},
        },
        **documented(),
    },
)
async def events(
    caller: Reader, request: Request, wish: Annotated[EventsWish, Query()], last_event_id: LastEventId = None
) -> Response:
    """Tell of jobs, discrepancies and notices that the key may see, from now on or from ``Last-Event-ID`` on.

    What happened while nobody listened is in the ledger, so a connection that breaks loses nothing. A client that does
    not take what is sent is cut off, and comes again.
    """
    feed: Feed = request.app.state.feed
    options: Options = request.app.state.options
    if is_head(request.scope):
        return Response(headers=_HEADERS, media_type=MEDIA_TYPE)
    now = await run_in_threadpool(caller.bl.events.now)
    follower = feed.following(now)
    after = now if last_event_id is None else int(last_event_id)
    seconds = min(wish.seconds or options.event_seconds, options.event_seconds)
    stream = _Stream(caller, feed, follower, kinds=frozenset(listed(wish.kinds)), until=time.monotonic() + seconds)
    return StreamingResponse(stream.parts(after, options.keep_alive), headers=_HEADERS, media_type=MEDIA_TYPE)


class _Stream:
    """One connection."""

    def __init__(self, caller: Caller, feed: Feed, follower: Follower, *, kinds: frozenset[str], until: float) -> None:
        self._caller, self._feed, self._follower, self._kinds, self._until = caller, feed, follower, kinds, until

    async def parts(self, after: int, keep_alive: float) -> AsyncIterator[bytes]:
        with followed(self._feed, self._follower):
            yield _RETRY
            async for part in self._missed(after):
                yield part
            looked = time.monotonic()
            while (left := self._until - time.monotonic()) > 0 and not self._feed.closed:
                try:
                    event = await self._follower.next(min(keep_alive, left))
                    if event is None:
                        break
                    if event.at > after:
                        yield self._told([event])
                except TimeoutError:
                    yield _KEEP_ALIVE
                if time.monotonic() - looked > keep_alive:
                    looked = time.monotonic()
                    if not await run_in_threadpool(self._still_let_in):
                        break
            yield b": end\n\n"

    async def _missed(self, after: int) -> AsyncIterator[bytes]:
        """Give what happened before this connection, up to where its follower begins."""
        while after < self._follower.since and not self._feed.closed:
            found = await run_in_threadpool(self._caller.bl.events.since, after)
            found = [one for one in found if one.at <= self._follower.since]
            if not found:
                return
            yield self._told(found)
            after = found[-1].at

    def _still_let_in(self) -> bool:
        """Whether the key is what it was when the connection began."""
        try:
            found, now, _ = self._caller.bl.vault.ledger.access_keys.look(self._caller.key.id)
        except BarledgerError:
            return True
        return found is not None and found.state(now) == "active" and found.hash == self._caller.key.hash

    def _told(self, found: list[Event]) -> bytes:
        """Return events as they are sent; of several at one time only the last has the id to go on from."""
        seen = [one for one in found if self._may_see(one)]
        ends = [one.at != following.at for one, following in pairwise(seen)]
        return b"".join(_written(one, last=last) for one, last in zip(seen, [*ends, True], strict=False))

    def _may_see(self, event: Event) -> bool:
        if self._kinds and event.kind not in self._kinds:
            return False
        if isinstance(event.subject, Job):
            return may_see(self._caller, event.subject)
        if not self._caller.key.instruments:
            return True
        return bool(event.instruments) and all(map(self._caller.key.covers, event.instruments))


def _written(event: Event, *, last: bool) -> bytes:
    identity = f"id: {event.at}\n" if last else ""
    return f"{identity}event: {event.kind}\ndata: {shown(event.subject).model_dump_json()}\n\n".encode()
