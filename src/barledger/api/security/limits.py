"""Limits: how much may be sent in an address, in headers and in a body, and how long a body may take."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from barledger.api.options import Options
from barledger.api.problems import CONTROL, HttpProblem, refusal


class Limits:
    """Refuses what is too large before anything reads it."""

    def __init__(self, app: ASGIApp, *, options: Options) -> None:
        """Take what is not larger or slower than the options say."""
        self._app = app
        self._options = options
        self._body = options.body_bytes
        self._query = options.query_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at what is announced, and count what comes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await refusal(scope, refused)(scope, receive, send)
            return
        left, whole = self._body, False
        until = asyncio.get_running_loop().time() + self._options.body_seconds

        async def counting() -> Message:
            nonlocal left, whole
            # Once the body is there, what is waited for is that the client goes away.
            try:
                async with asyncio.timeout_at(None if whole else until):
                    message = await receive()
            except TimeoutError:
                raise self._too_slow() from None
            left -= len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if left < 0:
                raise self._too_large()
            return message

        await self._app(_on_one_line(scope), counting, send)

    def _refused(self, scope: Scope) -> HttpProblem | None:
        if len(scope["query_string"]) + len(scope.get("raw_path") or scope["path"].encode()) > self._query:
            step = "Ask for less in one request, or use an operation that takes a body."
            return HttpProblem(414, "address-too-long", f"an address may have {self._query:,} bytes", step)
        sizes = [len(name) + len(value) for name, value in scope["headers"]]
        if len(sizes) > self._options.header_count or sum(sizes) > self._options.header_bytes:
            return headers_too_large()
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        return self._too_large() if not announced.isdigit() or int(announced) > self._body else None

    def _too_slow(self) -> HttpProblem:
        step = "Send the whole body sooner: in a smaller request, or over a faster connection."
        told = f"the body did not come within {self._options.body_seconds:g} s"
        return HttpProblem(408, "body-too-slow", told, step, headers={"connection": "close"})

    def _too_large(self) -> HttpProblem:
        step = "Send less at once: divide the request into several."
        return HttpProblem(413, "body-too-large", f"a body may have {self._body:,} bytes", step)


def _on_one_line(scope: Scope) -> Scope:
    """Return a request whose path has no line feed, beyond which routes do not look, and no white space.

    Such characters become another control character, which the name or the number that it is in refuses.
    """
    path = CONTROL.sub("\0", scope["path"])
    return scope if path == scope["path"] else {**scope, "path": path}


def headers_too_large() -> HttpProblem:
    """Return what is said to headers that are too many, or too long."""
    step = "Send fewer and shorter headers; barledger needs Authorization alone."
    return HttpProblem(431, "headers-too-large", "the headers are more than the server takes", step)
