"""Requests: each has an id, HEAD is GET without a body, and nothing that nobody foresaw is told to a client."""

import re
import uuid
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from barledger.api.problems import LOGGER, answer, unexpected

_GIVEN: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Requests:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand around everything else."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request its id, and answer what nothing else does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = _identity(scope)
        head = scope["method"] == "HEAD"
        # A copy: the server outside goes by the method that was asked for.
        scope = {**scope, "barledger.request_id": identity, "barledger.head": head}
        scope["method"] = "GET" if head else scope["method"]
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            LOGGER.exception("unexpected", extra={"request_id": identity})
            if started:
                # Only a broken connection tells a client that the body is not whole.
                raise
            await answer(unexpected(identity))(scope, receive, sending)


def is_head(scope: Any) -> bool:
    """Whether nobody is going to read the body."""
    return bool(scope.get("barledger.head"))


def _identity(scope: Scope) -> str:
    """Return the id that the client gave, if it is fit for a log; else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _GIVEN.fullmatch(given) else uuid.uuid4().hex
