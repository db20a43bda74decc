"""Requests: each has an id, is counted and logged, and nothing that nobody foresaw is told to a client.

HEAD is GET without a body.
"""

import logging
import re
import time
import uuid
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from barledger.api.logs import ACCESS
from barledger.api.metrics import Metrics
from barledger.api.problems import LOGGER, answer, headers_of, of_library, unexpected
from barledger.errors import BarledgerError

_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})
_GONE: Final = 499
_GIVEN: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Requests:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        """Stand around everything else."""
        self._app = app
        self._metrics = metrics

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
        told = _Told(scope, identity, "HEAD" if head else scope["method"])
        self._metrics.begun()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            elif head:
                message = {**message, "body": b""}
            await send(message)
            told.sent += len(message.get("body", b""))

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            known = _foreseen(error)
            if known is not None and not told.status:
                headers = headers_of(known, scope["app"].state.options)
                await answer(of_library(known, identity), headers)(scope, receive, sending)
            elif known is not None:
                # Only a broken connection tells a client that the body is not whole: uvicorn breaks it.
                LOGGER.error("cut off: %s: %s", known.code, known, extra={"request_id": identity})
            else:
                LOGGER.exception("unexpected", extra={"request_id": identity})
                if told.status:
                    raise
                await answer(unexpected(identity))(scope, receive, sending)
        finally:
            told.end(self._metrics)


class _Told:
    """What is counted and logged of a request; its address without the query, which may have what is private."""

    def __init__(self, scope: Scope, identity: str, method: str) -> None:
        self._scope, self._identity, self._method = scope, identity, method
        self._began = time.perf_counter()
        self.status = 0
        self.sent = 0

    def end(self, metrics: Metrics) -> None:
        """Count it, and write its line; a status of 499 is a client that went away before there was an answer."""
        seconds, status = time.perf_counter() - self._began, self.status or _GONE
        route = getattr(self._scope.get("route"), "path", "unknown")
        metrics.ended(self._method, route, status, seconds=seconds, sent=self.sent)
        level = logging.DEBUG if route in _QUIET else logging.INFO
        if not ACCESS.isEnabledFor(level):
            return
        key, client = self._scope.get("barledger.key"), self._scope.get("client")
        told = {
            "request_id": self._identity,
            "method": self._method,
            "path": self._scope["path"],
            "status": status,
            "ms": round(seconds * 1e3, 3),
            "bytes": self.sent,
            "key": None if key is None else key.name,
            "client": client[0] if client else None,
        }
        ACCESS.log(level, "%s %s %s", self._method, route, status, extra=told)


def _foreseen(error: Exception) -> BarledgerError | None:
    """Return the library's error that was raised while an answer was on its way: Starlette tells of it by another."""
    told = error.__cause__ if isinstance(error, RuntimeError) else error
    return told if isinstance(told, BarledgerError) else None


def is_head(scope: Any) -> bool:
    """Whether nobody is going to read the body."""
    return bool(scope.get("barledger.head"))


def _identity(scope: Scope) -> str:
    """Return the id that the client gave, if it is fit for a log; else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _GIVEN.fullmatch(given) else uuid.uuid4().hex
