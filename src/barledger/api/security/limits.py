"""Limits: how much may be sent in an address and in a body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from barledger.api.problems import HttpProblem, answer, of_http, request_id


class Limits:
    """Refuses what is too large before anything reads it."""

    def __init__(self, app: ASGIApp, *, body_bytes: int, query_bytes: int) -> None:
        """Take bodies and addresses up to these sizes."""
        self._app = app
        self._body = body_bytes
        self._query = query_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at what is announced, and count what comes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await answer(of_http(refused, request_id(scope)))(scope, receive, send)
            return
        left = self._body

        async def counting() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise self._too_large()
            return message

        await self._app(scope, counting, send)

    def _refused(self, scope: Scope) -> HttpProblem | None:
        if len(scope["query_string"]) + len(scope.get("raw_path") or scope["path"].encode()) > self._query:
            step = "Ask for less in one request, or use an operation that takes a body."
            return HttpProblem(414, "address-too-long", f"an address may have {self._query:,} bytes", step)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        return self._too_large() if not announced.isdigit() or int(announced) > self._body else None

    def _too_large(self) -> HttpProblem:
        step = "Send less at once: divide the request into several."
        return HttpProblem(413, "body-too-large", f"a body may have {self._body:,} bytes", step)
